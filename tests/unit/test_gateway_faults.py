"""A slip of ours in the midst of a submission: refused natively, recorded as our fault, counted and logged once."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from http_parts import ask, headers

from adapters.rest.codec import RestCodec
from adapters.rest.transport import RestAdapter
from contracts.errors import InternalFault
from gateway import settings
from gateway.access import principals
from gateway.bootstrap import install
from gateway.doors import application
from gateway.installation import Installation
from gateway.ledger import Filters, Kind
from gateway.spi import Asked, Tree
from gateway.watching.catalog import FAULTS
from gateway.watching.lookout import Lookout

COUNTED = (FAULTS, "juniper-api", "test", "internal_fault")
SENT = b'{"applicationId": "PRIVATE-4711"}'


class SlippingCodec(RestCodec):
    def decode(self, raw: bytes, header: Mapping[str, str]) -> Tree:
        raise KeyError(raw.decode())


class SlippingAdapter(RestAdapter):
    """Speaks as the rest adapter does, but for a slip where it reads what was sent."""

    def wire(self, section: Mapping[str, Any], folder: Path) -> RestCodec:
        made = super().wire(section, folder)
        return SlippingCodec(made.request_schema, made.answer_schema, made.key_required, made.examples)


@pytest.fixture
def log() -> BytesIO:
    return BytesIO()


@pytest.fixture
def installation(built_home: Path, tmp_path: Path, log: BytesIO) -> Iterator[Installation]:
    home = shutil.copytree(built_home, tmp_path / "home", ignore=shutil.ignore_patterns("state", "principals.yaml"))
    adapters = {"rest": SlippingAdapter()}
    made = install(settings.load(home=home), with_ledger=True, adapters=adapters, lookout=Lookout.to(log))
    yield made
    made.close()


def assert_told_once(installation: Installation, log: BytesIO, correlation: str) -> None:
    assert installation.ledger is not None
    (entry,) = installation.ledger.list(Filters(kind=Kind.FAULT))
    assert (entry.integration, entry.mode, entry.outcome) == ("juniper-api", "test", "internal_fault")
    assert installation.ledger.open_payload(entry.decision_id).raw == SENT
    assert installation.lookout.tally.snapshot().counts[COUNTED] == 1
    installation.lookout.close()
    (line,) = [line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == "fault"]
    assert (line["kind"], line["correlation"]) == ("InternalFault from KeyError", correlation)
    assert "test_gateway_faults.py:" in line["where"]
    assert b"PRIVATE" not in log.getvalue()


def test_over_http(installation: Installation, log: BytesIO) -> None:
    key = principals.add(installation.settings.home / "principals.yaml", "juniper", ["*"], ["score"])
    app = application(installation)
    reply = asyncio.run(ask(app, sent=headers(key, x_correlation_id="c-1"), body=SENT))
    assert (reply.status, reply.json["code"]) == (500, "internal_fault")
    assert b"PRIVATE" not in reply.body
    assert_told_once(installation, log, "c-1")


def test_in_a_batch(installation: Installation, log: BytesIO) -> None:
    (answer,) = installation.desk("juniper-api").decide_many([Asked(SENT, {}, "juniper", "c-2")])
    assert isinstance(answer, InternalFault)
    assert_told_once(installation, log, "c-2")

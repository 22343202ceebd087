"""What the log calls an exchange: what was sent beside the message, else what the message says of itself."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from http_parts import Reply, ask, headers

from gateway import settings
from gateway.access import principals
from gateway.bootstrap import install
from gateway.doors import application
from gateway.http.app import Gateway
from gateway.ledger import Filters, Kind
from gateway.watching.lookout import Lookout

EXAMPLE = "integrations/meridian-los/examples/01-complete__approves/request.xml"
HEADER = '<soapenv:Header><a:MessageID xmlns:a="http://www.w3.org/2005/08/addressing">{}</a:MessageID></soapenv:Header>'
MESSAGE_ID = "urn:uuid:0af76519-16cd-43dd-8448-eb211c80319c"


class Desk:
    """Meridian in whole, and its log."""

    def __init__(self, home: Path) -> None:
        self.log = BytesIO()
        self.lookout = Lookout.to(self.log, "debug")
        self.installation = install(settings.load(home=home), with_ledger=True, lookout=self.lookout)
        self.key = principals.add(home / "principals.yaml", "meridian", ["*"], ["score"])
        self.app: Gateway = application(self.installation)
        self.example = (home / EXAMPLE).read_text(encoding="utf-8")

    def post(self, message_id: str, **sent: str) -> Reply:
        body = self.example.replace("<soapenv:Body>", HEADER.format(message_id) + "<soapenv:Body>")
        sent_headers = headers(self.key, content_type="text/xml", **sent)
        return asyncio.run(ask(self.app, path="/soap/meridian-los", sent=sent_headers, body=body.encode()))

    def told(self) -> dict[str, str]:
        """The correlation of each event since the last time."""
        self.lookout.close()
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        self.log.seek(0)
        self.log.truncate()
        return {line["event"]: line["correlation"] for line in lines if "correlation" in line}


@pytest.fixture
def desk(built_home: Path, tmp_path: Path) -> Iterator[Desk]:
    home = shutil.copytree(built_home, tmp_path / "home", ignore=shutil.ignore_patterns("state", "principals.yaml"))
    made = Desk(home)
    yield made
    made.installation.close()


def test_a_message_id_finds_the_lines_of_its_exchange(desk: Desk) -> None:
    reply = desk.post(MESSAGE_ID)
    assert (reply.status, reply.headers["x-correlation-id"]) == (200, MESSAGE_ID)
    assert desk.told() == {"settled": MESSAGE_ID, "request": MESSAGE_ID}


def test_also_of_one_that_is_refused(desk: Desk) -> None:
    desk.example = desk.example.replace("EUR", "USD")
    assert desk.post(MESSAGE_ID).status == 500
    assert desk.told() == {"refused": MESSAGE_ID, "request": MESSAGE_ID}
    assert desk.installation.ledger is not None
    assert len(desk.installation.ledger.list(Filters(kind=Kind.REFUSAL))) == 1


def test_what_was_sent_beside_the_message_goes_before_it(desk: Desk) -> None:
    assert desk.post(MESSAGE_ID, x_correlation_id="c-1").headers["x-correlation-id"] == "c-1"
    assert desk.told() == {"settled": "c-1", "request": "c-1"}


@pytest.mark.parametrize("unfit", ["urn:two words", "urn:\u00e4", ""])
def test_what_could_forge_a_line_or_a_header_names_nothing(desk: Desk, unfit: str) -> None:
    reply = desk.post(unfit)
    made_up = reply.headers["x-correlation-id"]
    assert len(made_up) == 32
    assert set(desk.told().values()) == {made_up}

"""The core's last step on a whole installation: which record is the same, whose product it is, what has expired."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from contracts.errors import DecisionExpired, SetupError, UpstreamError
from gateway import settings as settings_
from gateway.bootstrap import install, keep_objects
from gateway.installation import Installation
from gateway.pipeline import Assessed, assess, untrained
from gateway.spi import Asked, Codec

JUNIPER = Path(__file__).parents[2] / "fixtures" / "integrations" / "juniper-api"
CASE = "01-complete__approves"
NOON = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Bureau:
    """An adapter that only looks things up; ``found`` of None means that it is down."""

    name = "bureau"
    found: Mapping[str, Any] | None = MappingProxyType({"debt": "0"})

    def wire(self, section: Mapping[str, Any], folder: Path) -> Codec:
        raise AssertionError("nobody calls it")

    def lookup(self, section: Mapping[str, Any], connections: object) -> Bureau:
        return self

    def fetch(self, key: str) -> dict[str, Any]:
        if self.found is None:
            raise UpstreamError("the bureau is down")
        return dict(self.found)


@pytest.fixture
def bureau() -> Bureau:
    return Bureau()


@pytest.fixture
def installation(built_home: Path, tmp_path: Path, clock: Clock, bureau: Bureau) -> Iterator[Installation]:
    home = tmp_path / "home"
    for part in ("bundles", "policies", "integrations"):
        shutil.copytree(built_home / part, home / part)
    file = home / "integrations" / "juniper-api" / "integration.yaml"
    text = file.read_text(encoding="utf-8").replace("debt: not_carried", "debt: lookup.bureau.debt #")
    text = text.replace("lookups: {}", "lookups: {bureau: {adapter: bureau, key: applicationId}}")
    file.write_text(text, encoding="utf-8")
    made = install(settings_.load(home=home), with_ledger=True, clock=clock, adapters={"bureau": bureau})
    assert not made.faulty, made.faulty
    yield made
    made.close()


def asked(key: str = "") -> Asked:
    header = {"idempotency-key": f'"{key}"'} if key else {}
    return Asked((JUNIPER / "examples" / CASE / "request.json").read_bytes(), header, "juniper")


def assessed(installation: Installation, bureau: Bureau, found: Mapping[str, Any] | None) -> Assessed:
    desk = installation.desk("juniper-api")
    bureau.found = found
    return assess(desk.line_at(NOON), desk.read(asked()))


def test_a_source_that_is_down_is_said_in_the_answer(installation: Installation, bureau: Bureau) -> None:
    bureau.found = None
    down = json.loads(asyncio.run(installation.desk("juniper-api").decide(asked("down"))).payload)
    bureau.found = {"debt": "100"}
    up = json.loads(asyncio.run(installation.desk("juniper-api").decide(asked("up"))).payload)
    causes = [[(e["field"], e["state"], e["cause"]) for e in one["decision"]["estimated"]] for one in (down, up)]
    assert causes == [[("debt", "not_carried", "source_down")], [("debt", "given", "lookup")]]


def test_what_was_sent_is_the_same_whatever_a_look_up_finds(installation: Installation, bureau: Bureau) -> None:
    seen = [assessed(installation, bureau, found) for found in ({"debt": "0"}, {"debt": "4000"}, {"debt": None}, None)]
    assert len({one.sent_digest for one in seen}) == 1
    assert len({one.record_digest for one in seen}) == 4


def test_an_expired_decision_is_not_handed_out_as_valid(installation: Installation, clock: Clock) -> None:
    desk = installation.desk("juniper-api")
    answer = asyncio.run(desk.decide(asked("mine")))
    valid_until = datetime.fromisoformat(json.loads(answer.payload)["decision"]["validUntil"])
    clock.now = valid_until
    assert asyncio.run(desk.find("mine", "juniper")).payload == answer.payload
    clock.now = valid_until + timedelta(seconds=1)
    for key in ("mine", answer.decision_id):
        with pytest.raises(DecisionExpired) as caught:
            asyncio.run(desk.find(key, "juniper"))
        assert caught.value.decision_id == answer.decision_id


def test_a_policy_decides_its_own_product_only(installation: Installation) -> None:
    line = installation.desk("juniper-api").line_at(NOON)
    both = replace(line, bundle=replace(line.bundle, products=(*line.bundle.products, "mortgage")))
    values: list[Any] = [None] * len(line.contract.fields)
    values[line.contract.index["product"]] = "mortgage"
    values[line.contract.index["currency"]] = "EUR"
    assert [problem.code for problem in untrained(both, values)] == ["untrained_product"]
    values[line.contract.index["product"]] = "consumer-instalment"
    values[line.contract.index["currency"]] = "SEK"
    assert [problem.code for problem in untrained(both, values)] == ["untrained_currency"]


@pytest.mark.parametrize(
    "file", ["integrations/juniper-api/integration.yaml", "policies/consumer-instalment.policy.yaml"]
)
def test_what_changed_after_it_was_read_does_not_start_to_decide(installation: Installation, file: str) -> None:
    keep_objects(installation)
    with (installation.settings.home / file).open("a", encoding="utf-8") as text:
        text.write("# another comment\n")
    with pytest.raises(SetupError, match="changed while the gateway started"):
        keep_objects(installation)

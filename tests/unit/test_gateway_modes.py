"""Live or a trial: what a request's mode is, what it separates, and what a demonstration bundle may not do."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import AccessDenied, NotFound
from gateway import settings as settings_
from gateway.access import principals
from gateway.access.entries import Credential
from gateway.access.store import SharedAccess
from gateway.bootstrap import install
from gateway.installation import Installation
from gateway.ledger import Filters
from gateway.ledger.connect import connect
from gateway.modes import Mode, Modes, may_open, of_request
from gateway.opening import ledger_place
from gateway.spi import Answer, Asked

EXAMPLE = Path(__file__).parents[2] / "fixtures/integrations/juniper-api/examples/01-complete__approves/request.json"


@pytest.mark.parametrize(
    ("integration", "caller", "request_"),
    [("live", "live", "live"), ("live", "test", "test"), ("test", "live", "test"), ("test", "test", "test")],
)
def test_a_request_is_live_where_both_sides_are(integration: Mode, caller: Mode, request_: Mode) -> None:
    assert of_request(integration, caller) == request_
    assert Modes(lambda _: caller).of(integration, "anyone") == request_


@pytest.mark.parametrize(
    ("allowed", "opens"), [([], False), (["juniper-api"], True), (["juniper-api/crm"], True), (["other/crm"], False)]
)
def test_a_demonstration_bundle_opens_a_live_integration_only_by_name(allowed: list[str], opens: bool) -> None:
    assert may_open("juniper-api", "live", "demonstration", allowed) is opens
    assert may_open("juniper-api", "test", "demonstration", allowed)
    assert may_open("juniper-api", "live", "production", allowed)


def test_an_override_for_one_caller_is_for_that_caller_and_is_told() -> None:
    told: list[tuple[str, str]] = []
    modes = Modes(allowed=["a/crm"], overridden=lambda *names: told.append(names))
    modes.require_fit("demonstration", "live", "a", "crm")
    modes.require_fit("demonstration", "test", "a", "erp")
    modes.require_fit("production", "live", "a", "erp")
    with pytest.raises(AccessDenied) as caught:
        modes.require_fit("demonstration", "live", "a", "erp")
    assert caught.value.known
    assert told == [("a", "crm")]


@pytest.fixture
def live(built_home: Path, tmp_path: Path) -> Iterator[Installation]:
    """A live integration with two callers, one of them on trial, and a third that may not decide with this bundle."""
    home = tmp_path / "home"
    for part in ("bundles", "policies", "integrations"):
        shutil.copytree(built_home / part, home / part)
    file = home / "integrations" / "juniper-api" / "integration.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("mode: test", "mode: live"), encoding="utf-8")
    names = {"crm": "live", "trial": "test", "erp": "live"}
    for name, mode in names.items():
        principals.add(home / "principals.yaml", name, ["*"], ["score", "read"], mode)
    made = install(settings_.load(home=home, allow_demonstration="juniper-api/crm"), with_ledger=True)
    assert not made.faulty, made.faulty
    yield made
    made.close()


def ask(live: Installation, principal: str, key: str) -> Answer:
    asked = Asked(EXAMPLE.read_bytes(), {"idempotency-key": f'"{key}"'}, principal)
    return asyncio.run(live.desk("juniper-api").decide(asked))


def test_a_trial_and_a_live_decision_have_keys_of_their_own(live: Installation) -> None:
    real, trial = ask(live, "crm", "k"), ask(live, "trial", "k")
    assert [json.loads(one.payload)["evidence"]["mode"] for one in (real, trial)] == ["live", "test"]
    assert real.decision_id != trial.decision_id
    assert ask(live, "crm", "k").repeated
    desk = live.desk("juniper-api")
    assert asyncio.run(desk.find("k", "crm")).decision_id == real.decision_id
    assert asyncio.run(desk.find("k", "trial")).decision_id == trial.decision_id
    with pytest.raises(NotFound):
        asyncio.run(desk.find(real.decision_id, "trial"))


def test_the_mode_of_every_request_stands_in_the_ledger(live: Installation) -> None:
    ask(live, "crm", "k")
    ask(live, "trial", "k")
    with pytest.raises(AccessDenied):
        ask(live, "erp", "k")
    assert live.ledger is not None
    found = [(one.principal, one.mode, one.kind.word) for one in live.ledger.list(Filters())]
    assert found == [("erp", "live", "refusal"), ("trial", "test", "decision"), ("crm", "live", "decision")]


def test_the_command_line_stands_for_the_integration_alone(live: Installation) -> None:
    assert live.desk("juniper-api").mode_of("command-line") == "live"


def test_a_caller_that_left_the_file_keeps_its_mode(live: Installation) -> None:
    assert live.roster.path is not None
    live.roster.read()
    live.roster.path.write_text("principals: []\n", encoding="utf-8")
    live.roster.read()
    assert live.desk("juniper-api").mode_of("trial") == "test"


def test_without_a_door_an_override_is_audited_once_it_is_closed(live: Installation) -> None:
    """Commands and pollers have no event loop; what they note is written all the same."""
    for key in ("k", "l"):
        ask(live, "crm", key)
    ask(live, "trial", "k")
    assert live.beside is not None
    live.beside.close()
    store = SharedAccess(connect(ledger_place(live.settings)))
    found = [(one.written.line.event, one.written.line.principal, one.written.times) for one in store.events()]
    store.close()
    assert found == [("demonstration_override", "crm", 2)]


def test_modes_need_no_secret_at_hand(live: Installation) -> None:
    """The secret of a signature may be where only the doors are."""
    assert live.roster.path is not None
    held = Credential("signature", "env:SIGNING_SECRET_OF_THE_DOORS", "hooks")
    principals.insert(live.roster.path, "hooks", ["*"], ["score"], "test", held)
    assert live.desk("juniper-api").mode_of("hooks") == "test"

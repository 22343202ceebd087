"""A slip of ours in reading one integration: that one is off and says whose fault it is, the others serve."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from adapters.rest import adapter as rest
from contracts.errors import InternalFault
from gateway import lint as checks
from gateway import settings
from gateway.bootstrap import install
from gateway.doors import mounted
from gateway.examples import run
from gateway.http.app import Readiness
from gateway.spi import Adapter, Codec, Desk, Route
from gateway.watching.lookout import Lookout


class Slipping:
    """Speaks as the rest adapter does, but for a slip where it reads its section, or where it makes its routes."""

    name = "rest"

    def __init__(self, *, in_routes: bool = False) -> None:
        self._in_routes = in_routes

    def wire(self, section: Mapping[str, Any], folder: Path) -> Codec:
        return rest.wire(section, folder) if self._in_routes else {}["SECRET-OF-A-CALLER"]

    def routes(self, desk: Desk) -> Sequence[Route]:
        raise AttributeError("SECRET-OF-A-CALLER")


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    shutil.copytree(built_home, tmp_path / "home", ignore=shutil.ignore_patterns("state"))
    return tmp_path / "home"


def test_the_integration_is_off_alone_as_our_own_fault_and_the_log_says_where(home: Path) -> None:
    stream = BytesIO()
    lookout = Lookout.to(stream)
    made = install(settings.load(home=home), with_ledger=False, adapters={"rest": Slipping()}, lookout=lookout)
    lookout.flush()
    shown = Readiness("", made.states(), made.remedies()).document()
    off = {"state": "unavailable", "cause": "internal_fault"}
    assert shown["integrations"] == {
        "cobalt-core": {"state": "ready"}, "juniper-api": off, "juniper-de": off, "meridian-los": {"state": "ready"},
    }  # fmt: skip
    log = stream.getvalue().decode()
    assert log.count('"event":"fault"') == log.count('"event":"integration_off"') == 2
    assert '"kind":"KeyError","where":' in log
    assert "test_gateway_slips.py:" in log
    assert "SECRET" not in log
    with pytest.raises(
        InternalFault, match=r"juniper-api cannot be opened by a fault of ours, KeyError at test_gateway_slips"
    ):
        made.desk("juniper-api")
    assert sum("FAULT juniper-" in line for line in run(made, None).lines) == 2


def test_a_slip_in_its_addresses_closes_those_of_the_integration_alone(home: Path) -> None:
    adapters = {"rest": Slipping(in_routes=True)}
    made = install(settings.load(home=home), with_ledger=False, adapters=adapters)
    assert {one.route.integration for one in mounted(made)} == {"meridian-los"}
    assert made.states()["juniper-api"] == "internal_fault"


def test_lint_names_the_fault_and_goes_on_to_the_others(home: Path) -> None:
    import adapters

    def adapter(name: str) -> Adapter:
        return Slipping() if name == "rest" else adapters.load(name)

    found = [str(fault) for fault in checks.lint(home, adapter)]
    (said,) = [text for text in found if "juniper-api" in text]
    assert "integration.yaml: error: juniper-api cannot be opened by a fault of ours, KeyError at" in said
    assert any("meridian-los" in text for text in found)

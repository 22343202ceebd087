"""A library that one adapter needs and that is not installed: that adapter's integrations are off, the others serve."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway import settings
from gateway.bootstrap import install, lint
from gateway.http.app import Readiness

LINE = "pip install 'scoregate[soap]'"


@pytest.fixture
def without_lxml(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("adapters.soap")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "lxml", None)


@pytest.mark.usefixtures("without_lxml")
def test_the_integration_is_switched_off_alone_and_says_what_to_install(built_home: Path) -> None:
    made = install(settings.load(home=built_home), with_ledger=False)
    shown = Readiness("", made.states(), made.remedies()).document()
    assert shown["integrations"] == {
        "cobalt-core": {"state": "ready"},
        "juniper-api": {"state": "ready"},
        "juniper-de": {"state": "ready"},
        "meridian-los": {"state": "unavailable", "cause": "missing_library", "install": LINE},
    }


@pytest.mark.usefixtures("without_lxml")
def test_lint_names_the_library_and_the_line_at_the_adapter(built_home: Path) -> None:
    found = [str(fault) for fault in lint(settings.load(home=built_home)) if fault.severity == "error"]
    assert [text.partition("meridian-los/")[2] for text in found] == [
        f"integration.yaml:3:1: error: lxml is not installed; install it with: {LINE}"
    ]

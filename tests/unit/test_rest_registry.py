"""The one table of adapters: lazy, read-only, and no name twice."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

import adapters
from adapters.rest import adapter as rest
from contracts.errors import ConfigurationError, MissingLibrary


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, adapters.GROUP)


def test_the_table_is_alphabetical_and_read_only() -> None:
    assert list(adapters.BUILT_IN) == sorted(adapters.BUILT_IN)
    with pytest.raises(TypeError):
        adapters.registry([])["mine"] = adapters.BUILT_IN["rest"]  # type: ignore[index]


def test_loads_an_adapter_by_name() -> None:
    assert adapters.load("rest") is rest


def test_nothing_is_imported_before_a_name_is_asked_for() -> None:
    code = "import sys, adapters; adapters.registry(); print([m for m in sys.modules if m.startswith('adapters.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_adapters_of_others_join_the_table() -> None:
    rows = adapters.registry([entry("mq", "json:JSONDecoder"), entry("rest", "adapters.rest:adapter")])
    assert list(rows) == ["mq", "odbc", "rest", "soap"]
    assert adapters.load("mq", rows).__name__ == "JSONDecoder"  # type: ignore[attr-defined]


def test_a_name_taken_twice_names_both_sides() -> None:
    with pytest.raises(ConfigurationError, match=r"adapters\.rest:adapter and acme\.rest:adapter"):
        adapters.registry([entry("rest", "acme.rest:adapter")])
    with pytest.raises(ConfigurationError, match="two adapters are named 'mq'"):
        adapters.registry([entry("mq", "acme.mq:adapter"), entry("mq", "other.mq:adapter")])


def test_an_unknown_name_gets_the_nearest_known_one() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'rest'"):
        adapters.load("rst")


def test_a_missing_library_names_its_install_line() -> None:
    rows = adapters.registry([entry("mq", "no_such_library_of_ours:adapter")])
    with pytest.raises(MissingLibrary, match="no_such_library_of_ours is not installed; install it with: pip install"):
        adapters.load("mq", rows)


def test_a_missing_attribute_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="is not at json:nothing"):
        adapters.load("mq", adapters.registry([entry("mq", "json:nothing")]))

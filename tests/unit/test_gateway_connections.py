"""connections.yaml: which connection an adapter is given, and what is said of a file that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import ConfigurationError
from gateway.connections import CONNECTIONS_FILE, Connections

TEXT = """
core-bank: {adapter: odbc, driver: SQLite3, database: bank.db, password: "env:BANK_PASSWORD"}
mainframe: {adapter: other, host: example.test}
plain: {adapter: odbc, password: hunter2}
"""


@pytest.fixture
def connections(tmp_path: Path) -> Connections:
    (tmp_path / CONNECTIONS_FILE).write_text(TEXT)
    return Connections(tmp_path)


def test_an_adapter_is_given_its_own_keys_and_secrets_by_reference_only(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANK_PASSWORD", "s3cret")
    connection = connections("core-bank", "odbc")
    assert connection.name == "core-bank"
    assert connection.section == {"driver": "SQLite3", "database": "bank.db", "password": "env:BANK_PASSWORD"}
    assert connection.secret("password") == "s3cret"
    fault = connection.fault(("driver",), "is unknown")
    assert (fault.line, fault.message) == (2, "is unknown")


@pytest.mark.parametrize(
    ("name", "adapter", "message", "line"),
    [
        ("core-bnak", "odbc", "has no odbc connection 'core-bnak'", 0),
        ("mainframe", "odbc", "is for 'other', and 'odbc' asks for it", 3),
    ],
)
def test_a_connection_that_is_not_there_or_another_adapters_is_named(
    connections: Connections, name: str, adapter: str, message: str, line: int
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connections(name, adapter)
    assert (caught.value.faults[0].message, caught.value.faults[0].line) == (message, line)


def test_a_mistyped_name_is_told_the_nearest(connections: Connections) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connections("core-bnak", "odbc")
    assert "core-bank" in caught.value.faults[0].hint


@pytest.mark.parametrize(
    ("name", "said"), [("plain", "env:NAME or file:PATH"), ("core-bank", "BANK_PASSWORD is not set")]
)
def test_a_secret_in_the_file_or_missing_is_refused_with_its_place_and_without_its_value(
    connections: Connections, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.delenv("BANK_PASSWORD", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        connections(name, "odbc").secret("password")
    assert said in caught.value.faults[0].message
    assert "hunter2" not in str(caught.value)
    assert caught.value.faults[0].line in (2, 4)


def test_a_home_without_the_file_says_where_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Connections(tmp_path)("core-bank", "odbc")
    assert CONNECTIONS_FILE in caught.value.faults[0].hint


def test_an_entry_without_an_adapter_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / CONNECTIONS_FILE).write_text("core-bank: {driver: SQLite3}\n")
    with pytest.raises(ConfigurationError) as caught:
        Connections(tmp_path)("core-bank", "odbc")
    assert "'adapter' is missing" in caught.value.faults[0].message


def test_a_name_that_is_no_text_is_told_at_its_line_whatever_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / CONNECTIONS_FILE).write_text("core: {adapter: odbc}\n1: {adapter: odbc}\n")
    for name in ("core", "other"):
        with pytest.raises(ConfigurationError) as caught:
            Connections(tmp_path)(name, "odbc")
        (fault,) = caught.value.faults
        assert (fault.line, fault.message, fault.hint) == (2, "the name 1 must be a text", 'write "1"')

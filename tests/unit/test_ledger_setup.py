"""Opening a ledger: one clear line for everything that can be wrong before serving."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import psycopg
import pytest
from ledger_samples import open_ledger, proposal

from contracts.errors import SetupError
from gateway.ledger import Ledger, make_key_file
from gateway.ledger.patience import passes
from gateway.ledger.seal import read_key


def refused(folder: Path, **changes: object) -> str:
    """The one line a ledger that will not open says."""
    with pytest.raises(SetupError) as caught:
        open_ledger(folder, **changes)
    assert "\n" not in caught.value.message
    return caught.value.message


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    keys = {name: make_key_file(tmp_path / name) for name in ("master_key", "signing_key")}
    with pytest.raises(SetupError, match=r"directory .*nowhere does not exist"):
        Ledger(tmp_path / "nowhere" / "ledger.db", **keys)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"something else entirely " * 100)
    assert "not a database" in refused(tmp_path)


def test_a_directory_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    assert "is a directory" in refused(tmp_path)


def test_a_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").symlink_to(tmp_path / "gone" / "ledger.db")
    assert "cannot be written" in refused(tmp_path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    with connection:
        connection.execute("UPDATE ledger SET version = 99")
    connection.close()
    assert "schema version 99" in refused(tmp_path)


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db")
    with connection:
        connection.execute("CREATE TABLE entry (headword TEXT)")
    connection.close()
    assert "something else" in refused(tmp_path)


def test_a_start_that_is_refused_leaves_no_file_open(tmp_path: Path) -> None:
    """A gateway that waits for its ledger tries again and again."""
    ledger = open_ledger(tmp_path)
    ledger.submit(proposal("k1")).result()
    ledger.close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    with connection:
        connection.execute("UPDATE head SET seal = zeroblob(32)")
    connection.close()
    assert "seal of another" in refused(tmp_path)
    files = [str(handle.readlink()) for handle in Path("/proc/self/fd").iterdir() if handle.is_symlink()]
    assert not [file for file in files if file.startswith(str(tmp_path))]


@pytest.mark.parametrize("purpose", ["master_key", "signing_key"])
def test_another_key_than_the_one_it_was_made_with_is_refused(tmp_path: Path, purpose: str) -> None:
    open_ledger(tmp_path).close()
    other = make_key_file(tmp_path / "other.key")
    assert purpose.replace("_", " ") in refused(tmp_path, **{purpose: other})


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("env:SCOREGATE_NO_SUCH_KEY", "SCOREGATE_NO_SUCH_KEY is not set"),
        ("file:/no/such/key", "/no/such/key"),
        ("file:/dev/null", "is empty"),
        ("00" * 32, "env:NAME or file:PATH"),
        ("env:SHORT_KEY", "64 hex digits"),
    ],
)
def test_a_key_that_is_missing_or_malformed_is_named_by_its_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, message: str
) -> None:
    monkeypatch.setenv("SHORT_KEY", "00" * 16)
    assert message in refused(tmp_path, master_key=reference)


def test_keys_come_from_the_environment_or_from_raw_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = bytes(range(32))
    monkeypatch.setenv("A_KEY", key.hex())
    (tmp_path / "raw").write_bytes(key)
    assert read_key("env:A_KEY", "key") == read_key(f"file:{tmp_path}/raw", "key") == key


def test_a_key_file_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    first = read_key(make_key_file(path), "key")
    assert read_key(make_key_file(path), "key") == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["master.key"]  # noqa: PTH208


def test_a_ledger_opens_again_where_it_was(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    first = ledger.submit(proposal("k1")).result()
    ledger.close()
    ledger = open_ledger(tmp_path)
    assert ledger.submit(proposal("k1")).result() == (first.decision_id, first.answer, True)
    assert ledger.status()[:2] == (1, 1)
    ledger.close()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("server closed the connection unexpectedly", True),
        ("could not receive data from server: Connection reset by peer", True),
        ("the database does not answer", False),
    ],
)
def test_a_lost_connection_is_known_by_all_its_words(said: str, expected: bool) -> None:
    assert passes(psycopg.OperationalError(said)) is expected

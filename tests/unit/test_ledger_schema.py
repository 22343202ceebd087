"""How a database becomes a ledger: an older one is brought up on command, a newer one or another's is left alone."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from command_line import here
from ledger_samples import keys_of_fixtures, open_ledger, proposal
from sqlalchemy import inspect

from contracts.errors import SetupError, UpstreamError
from gateway.ledger import Filters, Kind
from gateway.ledger.connect import connect
from gateway.ledger.migrate import migrate
from gateway.ledger.schema import METADATA, VERSION

VERSION_1 = Path(__file__).parents[2] / "fixtures" / "ledger" / "version-1" / "sqlite"
"""A ledger as the release with schema version 1 left it, as SQL, with its anchor."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder that holds a ledger of schema version 1 where open_ledger looks for it."""
    keys_of_fixtures(tmp_path / "keys")
    shutil.copy(VERSION_1 / "ledger.anchor", tmp_path)
    database = sqlite3.connect(tmp_path / "ledger.db")
    database.executescript((VERSION_1 / "ledger.sql").read_text())
    database.close()
    return tmp_path


def structure(path: Path) -> dict[str, tuple[list[str], list[str | None]]]:
    """Columns and indices by table."""
    engine = connect(path)
    seen = inspect(engine)
    return {
        table: ([c["name"] for c in seen.get_columns(table)], sorted(i["name"] or "" for i in seen.get_indexes(table)))
        for table in seen.get_table_names()
    }


def test_an_older_schema_is_refused_with_the_command_to_run(old: Path) -> None:
    with pytest.raises(SetupError, match=r"schema version 1, .* scoregate ledger migrate"):
        open_ledger(old)


def test_a_migrated_ledger_is_as_one_made_anew_and_holds_what_it_held(old: Path, tmp_path: Path) -> None:
    assert migrate(connect(old / "ledger.db"), 1.0) == (1, VERSION)
    (tmp_path / "new").mkdir()
    open_ledger(tmp_path / "new").close()
    assert structure(old / "ledger.db") == structure(tmp_path / "new" / "ledger.db")
    assert set(structure(old / "ledger.db")) == set(METADATA.tables)
    ledger = open_ledger(old)
    assert ledger.verify_chain() == ()
    assert ledger.status().entries == 6
    repeated = ledger.submit(proposal("k1", "one", "app-1")).result()
    assert (repeated.repeated, ledger.open_payload(repeated.decision_id).record) == (True, b"one")
    assert [human.reason for human in ledger.human_decisions(ledger.list(Filters(kind=Kind.HUMAN))[0].about)] == [
        "as the payslips say"
    ]
    assert not ledger.submit(proposal("k9", "nine")).result().repeated
    ledger.close()


def test_migrating_twice_or_after_an_interruption_changes_nothing_more(old: Path) -> None:
    assert migrate(connect(old / "ledger.db"), 1.0) == (1, VERSION)
    after = structure(old / "ledger.db")
    assert migrate(connect(old / "ledger.db"), 1.0) == (VERSION, VERSION)
    database = sqlite3.connect(old / "ledger.db")
    with database:  # as if killed before the last step
        database.execute("UPDATE ledger SET version = 1")
        database.execute("DROP INDEX envelope_key_retain_until")
    database.close()
    assert migrate(connect(old / "ledger.db"), 1.0) == (1, VERSION)
    assert structure(old / "ledger.db") == after


def test_what_the_older_release_writes_after_a_migration_is_part_of_the_ledger(old: Path) -> None:
    """Gateways of the version before go on serving: no column they do not name may insist on a value."""
    migrate(connect(old / "ledger.db"), 1.0)
    database = sqlite3.connect(old / "ledger.db")
    with database:
        for table in ("envelope_key", "entry", "block", "head", "secret", "envelope"):
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[3]]
            given = VERSION_1.joinpath("ledger.sql").read_text().split(f"CREATE TABLE {table} (")[1].split(";")[0]
            assert [name for name in columns if name not in given] == []
    database.close()


def test_the_command_brings_a_ledger_up_once_and_says_so(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOREGATE_STATE", str(old))
    refused = here(old, "decisions", "list")
    assert (refused.returncode, "bring it up with: scoregate ledger migrate" in refused.stderr) == (2, True)
    done = [here(old, "ledger", "migrate") for _ in range(2)]
    assert [(one.returncode, one.stdout.strip()) for one in done] == [
        (0, f"{old / 'ledger.db'}: schema version 1 is now {VERSION}"),
        (0, f"{old / 'ledger.db'}: schema version {VERSION} already"),
    ]
    assert here(old, "verify", "--chain").stdout.endswith("0 finding(s)\n")


def test_the_command_runs_beside_a_gateway_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOREGATE_STATE", str(tmp_path))
    ledger = open_ledger(tmp_path)
    ledger.submit(proposal("before")).result()
    with sqlite3.connect(tmp_path / "ledger.db") as database:  # as the release before left it
        database.execute("DROP INDEX envelope_key_retain_until")
        database.execute("UPDATE ledger SET version = 1")
    database.close()
    submitted = [ledger.submit(proposal(f"k{number}", str(number))) for number in range(200)]
    assert f"schema version 1 is now {VERSION}" in here(tmp_path, "ledger", "migrate").stdout
    assert not any(future.result().repeated for future in submitted)
    assert not ledger.submit(proposal("after")).result().repeated
    assert ledger.verify_chain() == ()
    ledger.close()


def test_a_newer_schema_is_neither_opened_nor_migrated(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    database = sqlite3.connect(tmp_path / "ledger.db")
    with database:
        database.execute("UPDATE ledger SET version = 99")
    database.close()
    with pytest.raises(SetupError, match="newer release"):
        open_ledger(tmp_path)
    with pytest.raises(SetupError, match="newer release"):
        migrate(connect(tmp_path / "ledger.db"), 1.0)


def test_where_there_is_no_ledger_there_is_nothing_to_migrate(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="holds no ledger"):
        migrate(connect(tmp_path / "ledger.db"), 1.0)
    assert not list(tmp_path.iterdir()), "a mistaken path leaves nothing behind"


def test_a_writer_that_holds_the_database_is_waited_for(old: Path) -> None:
    other = sqlite3.connect(old / "ledger.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UpstreamError, match="locked"):
        migrate(connect(old / "ledger.db"), 0.1)
    other.execute("ROLLBACK")
    other.close()
    assert migrate(connect(old / "ledger.db"), 0.1).after == VERSION

"""``scoregate odbc probe``: what it says of real databases, and that it leaves nothing there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from odbc_databases import Database
from typer.testing import CliRunner

from adapters.odbc import dialects
from adapters.odbc.dialects import dialect_of
from adapters.odbc.probe import probe
from gateway.cli import app

TABLES = {
    "sqlite": "SELECT name FROM sqlite_master",
    "postgresql": "SELECT relname FROM pg_class WHERE relname LIKE '%probe%'",
    "mariadb": "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()",
}


def test_everything_that_is_tried_works_on_a_tested_database(legacy: Database) -> None:
    lines = list(probe(legacy.connection()))
    text = "\n".join(lines)
    assert "tested" in text
    assert "untested" not in text
    assert "in its names: made" in text
    assert "an amount of 15 digits: exact" in text
    assert "texts of several scripts: letter for letter, empty is not NULL" in text
    assert "claiming two rows: works" in text
    assert legacy.rows(TABLES[legacy.kind]) == []


def test_the_command_prints_it_and_says_who_keeps_it_from_working(legacy: Database) -> None:
    legacy.write()
    done = CliRunner().invoke(app, ["--home", str(legacy.folder), "odbc", "probe", "legacy"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("driver        ")
    missing = CliRunner().invoke(app, ["--home", str(legacy.folder), "odbc", "probe", "legcy"])
    assert "has no odbc connection 'legcy'" in str(missing.exception)


def test_the_help_lists_the_commands_of_adapters_without_importing_one() -> None:
    assert "odbc" in CliRunner().invoke(app, ["--help"]).output
    assert "probe" in CliRunner().invoke(app, ["odbc", "--help"]).output
    code = "import sys; from typer.testing import CliRunner; from gateway.cli import app; "
    code += "CliRunner().invoke(app, ['odbc', '--help']); print([m for m in sys.modules if m.startswith('adapters.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stdout == "[]\n"


def test_what_may_only_be_read_says_that(tmp_path: Path, odbc_servers: object) -> None:
    database = odbc_servers.database("sqlite", tmp_path)  # type: ignore[attr-defined]
    link = database.open()
    assert not link.facts.read_only
    assert "decimals exact for 15 digits" in "\n".join(probe(database.connection()))


# ---- the table of dialects -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dbms", "version", "name", "claim"),
    [
        ("PostgreSQL", "15.0.18", "PostgreSQL", "skip_locked"),
        ("PostgreSQL", "9.4.0", "PostgreSQL", "compare_and_swap"),
        ("MariaDB", "10.11.000019", "MariaDB", "skip_locked"),
        ("MariaDB", "10.5.000001", "MariaDB", "compare_and_swap"),
        ("MySQL", "8.0.36", "MySQL", "skip_locked"),
        ("Microsoft SQL Server", "16.00.1000", "SQL Server", "readpast"),
        ("DB2/LINUXX8664", "11.05.0000", "Db2", "compare_and_swap"),
        ("AS", "07.05.0000", "SQL:2008", "compare_and_swap"),
        ("Oracle", "19.00.0000", "Oracle", "compare_and_swap"),
        ("Informix", "14.10", "Informix", "compare_and_swap"),
        ("Adaptive Server Enterprise", "16.0", "Sybase ASE", "compare_and_swap"),
        ("Nobody's", "", "SQL:2008", "compare_and_swap"),
    ],
)
def test_a_database_is_met_by_what_it_calls_itself(dbms: str, version: str, name: str, claim: str) -> None:
    dialect = dialect_of(dbms, version, '"')
    assert (dialect.name, dialect.claim) == (name, claim)
    assert bool(dialect.lock or dialect.hint) == (claim != "compare_and_swap")
    assert dialect.reason


def test_only_what_runs_against_a_server_here_is_called_tested() -> None:
    assert [d.name for d in dialects.DIALECTS if d.status == "tested"] == ["PostgreSQL", "MariaDB", "SQLite"]


@pytest.mark.parametrize("dialect", [*dialects.DIALECTS, dialects.STANDARD], ids=lambda dialect: dialect.name)
def test_every_row_says_how_to_claim(dialect: dialects.Dialect) -> None:
    start, end = dialect.quotes
    assert dialect.quote(f"a.b c{end}d") == f"{start}a{end}.{start}b c{end}{end}d{end}"
    limited = dialect.first("SELECT a FROM t", 5)
    assert limited.startswith("SELECT ")
    assert "5" in limited
    assert "60" in dialect.later("timestamp", 60)
    assert dialect.now("timestamp-tz")
    assert 0 < dialect.parameters <= dialects.MOST_PARAMETERS

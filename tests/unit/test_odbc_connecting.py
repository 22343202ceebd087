"""A connection to a legacy database: what stands in the file, what is told when it does not come to be, what it gives.

Every test that needs a database has a real one behind a real driver.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from odbc_databases import Database, Servers, library
from postgres_server import free_port

from adapters.odbc.connecting import open_link
from adapters.odbc.faults import DatabaseFault, Verdict
from adapters.odbc.keys import connection_string
from contracts.errors import ConfigurationError, MissingLibrary, UpstreamError

DBMS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}


def test_a_database_says_who_it_is_and_how_rows_are_claimed(legacy: Database) -> None:
    link = legacy.open()
    assert (link.dialect.name, link.dialect.status) == (DBMS[legacy.kind], "tested")
    assert link.facts.dbms == DBMS[legacy.kind]
    assert link.dialect.claim == ("compare_and_swap" if legacy.kind == "sqlite" else "skip_locked")


def test_what_is_not_committed_is_undone(legacy: Database) -> None:
    legacy.run("CREATE TABLE t (a integer)")
    link = legacy.open()
    assert link.execute("INSERT INTO t (a) VALUES (?)", [1]) == 1
    link.rollback()
    assert legacy.rows("SELECT COUNT(*) FROM t") == [("0",)]
    link.execute("INSERT INTO t (a) VALUES (?)", [2])
    link.commit()
    assert legacy.rows("SELECT a FROM t") == [("2",)]


def test_an_update_counts_the_rows_it_met_also_where_it_changed_nothing(legacy: Database) -> None:
    """Whether a claim is still ours is told by that count: MariaDB of itself counts changed rows."""
    legacy.run("CREATE TABLE t (a integer)", "INSERT INTO t (a) VALUES (1)")
    link = legacy.open()
    assert link.execute("UPDATE t SET a = ? WHERE a = ?", [1, 1]) == 1


def test_ours_are_set_beside_what_the_file_says(legacy: Database) -> None:
    if legacy.kind == "postgresql":
        assert legacy.open().rows("SHOW TIME ZONE")[0][0] == "UTC"
        assert legacy.open(options={"ConnSettings": "SET work_mem TO '7MB'"}).rows("SHOW work_mem")[0][0] == "7MB"
    if legacy.kind == "mariadb":
        (row,) = legacy.open().rows("SELECT @@sql_mode, @@time_zone, @@tx_isolation, @@character_set_client")
        assert row[0].startswith("STRICT_ALL_TABLES")
        assert tuple(row[1:]) == ("+00:00", "READ-COMMITTED", "utf8mb4")
    if legacy.kind == "sqlite":
        with pytest.raises(ConfigurationError, match="is not there"):
            legacy.open(database="legcy.db")
        assert not (legacy.folder / "legcy.db").exists()


# ---- connections that do not come to be ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_wrong_password_is_told_with_its_place(kind: str, odbc_servers: Servers, tmp_path: Path) -> None:
    database = odbc_servers.database(kind, tmp_path)
    (tmp_path / "password").write_text("not this")
    with pytest.raises(ConfigurationError, match="check user and password of the connection") as caught:
        database.open()
    assert caught.value.faults[0].line == 1
    assert "not this" not in str(caught.value)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_missing_database_is_told(kind: str, odbc_servers: Servers, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"(does not exist|Unknown database)"):
        odbc_servers.database(kind, tmp_path).open(database="nowhere")


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize("where", ["port", "server"])
def test_a_server_that_cannot_be_reached_may_come_back(
    kind: str, where: str, odbc_servers: Servers, tmp_path: Path
) -> None:
    gone = {"port": free_port()} if where == "port" else {"server": "nowhere.invalid"}
    with pytest.raises(UpstreamError, match="legacy") as caught:
        odbc_servers.database(kind, tmp_path).open(**gone)
    assert caught.value.retry_after > 0


@pytest.mark.parametrize(
    ("driver", "install"),
    [
        ("/nowhere/psqlodbcw.so", "apt-get install odbc-postgresql"),
        ("MariaDB Unicod", "apt-get install odbc-mariadb"),
        ("SQLite4", "apt-get install libsqliteodbc"),
        ("ODBC Driver 99 for SQL Server", "Microsoft's package msodbcsql18"),
        ("Nobody's", "the driver package of its vendor"),
    ],
)
def test_a_missing_driver_names_what_installs_it(driver: str, install: str, legacy_file: Database) -> None:
    with pytest.raises(MissingLibrary, match="the ODBC driver") as caught:
        legacy_file.open(driver=driver)
    assert caught.value.install == install


@pytest.mark.parametrize("page", ["latin1", "utf8mb3"])
def test_a_code_page_that_would_lose_letters_is_refused(page: str, odbc_servers: Servers, tmp_path: Path) -> None:
    """MariaDB gives a question mark for each letter that is not in it, and keeps for others what nobody wrote."""
    database = odbc_servers.database("mariadb", tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        database.open(options={"CHARSET": page})
    (fault,) = caught.value.faults
    assert (fault.line, fault.hint) == (9, "say CHARSET: utf8mb4, or leave it out")
    assert f"the code page {page}" in fault.message
    database.open(options={"CHARSET": "utf8mb4"}).close()


def test_a_data_source_that_is_not_there_is_told(legacy_file: Database) -> None:
    with pytest.raises(ConfigurationError, match=r"odbc\.ini has no such data source"):
        legacy_file.open(driver=None, database=None, dsn="nowhere")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An odbc.ini of this test's own."""
    made = tmp_path / "odbc.ini"
    monkeypatch.setenv("ODBCINI", str(made))
    return made


def test_what_a_driver_needs_is_given_to_it_behind_a_data_source_too(legacy_file: Database, sources: Path) -> None:
    sources.write_text(f"[Core]\nDriver = {library('sqlite')}\nNoCreat = 0\n")
    named = {"driver": None, "dsn": "core"}
    assert legacy_file.open(**named).rows("SELECT 1")
    with pytest.raises(ConfigurationError, match="is not there, or not readable"):
        legacy_file.open(**named, database="other.db")
    assert not (legacy_file.folder / "other.db").exists(), "a file that is missing is not made"


def test_a_driver_that_is_not_taken_is_not_taken_behind_a_data_source(legacy_file: Database, sources: Path) -> None:
    sources.write_text("[core]\nDriver = PostgreSQL ANSI\n")
    with pytest.raises(ConfigurationError, match="name the driver PostgreSQL Unicode") as caught:
        legacy_file.open(driver=None, database=None, dsn="core")
    assert caught.value.faults[0].line == 3


def test_a_file_that_is_no_database_is_told(legacy_file: Database) -> None:
    (legacy_file.folder / "legacy.db").write_bytes(b"junk" * 1000)
    with pytest.raises(DatabaseFault, match="file is not a database") as caught:
        legacy_file.open().rows("SELECT * FROM t")
    assert caught.value.verdict is Verdict.SETUP


@pytest.fixture
def legacy_file(odbc_servers: Servers, tmp_path: Path) -> Database:
    return odbc_servers.database("sqlite", tmp_path)


@pytest.mark.parametrize(
    ("missing", "install"),
    [("pyodbc", "pip install 'scoregate[odbc]'"), ("libodbc.so.2", "apt-get install unixodbc")],
)
def test_a_missing_library_names_what_installs_it(
    missing: str, install: str, legacy_file: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = legacy_file.connection()
    if missing == "pyodbc":
        monkeypatch.setitem(sys.modules, "pyodbc", None)
    else:
        broken = legacy_file.folder / "broken"
        broken.mkdir()
        (broken / "pyodbc.py").write_text(
            f"raise ImportError('{missing}: cannot open shared object file: No such file or directory')"
        )
        monkeypatch.delitem(sys.modules, "pyodbc", raising=False)
        monkeypatch.syspath_prepend(str(broken))
    with pytest.raises(MissingLibrary) as caught:
        open_link(connection)
    assert caught.value.install == install


def test_the_library_is_imported_when_a_connection_is_opened_and_not_before() -> None:
    modules = ("catalog", "connecting", "dialects", "drivers", "faults", "keys", "probe", "commands")
    names = ", ".join(f"adapters.odbc.{name}" for name in modules if (Path("adapters/odbc") / f"{name}.py").exists())
    code = f"import sys, adapters.odbc, {names}; sys.exit('pyodbc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- what stands in the file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_password_may_hold_any_sign(kind: str, odbc_servers: Servers, tmp_path: Path) -> None:
    database = odbc_servers.database(kind, tmp_path)
    who = "odd" if kind == "postgresql" else "odd@'127.0.0.1'"
    anywhere = "postgres" if kind == "postgresql" else None
    made = f"CREATE ROLE {who} LOGIN PASSWORD" if kind == "postgresql" else f"CREATE USER {who} IDENTIFIED BY"
    for sign in (";", "}", "{", "=", "%41", "+", "'", '"', "\\", "ž", "};PWD={", "{}"):
        spelled = sign.replace("'", "''").replace("\\", "\\\\" if kind == "mariadb" else "\\")
        database.run(f"{made} 'a{spelled}b'")
        (tmp_path / "password.odd").write_text(f"a{sign}b")
        database.open(user="odd", database=anywhere, password=f"file:{tmp_path / 'password.odd'}").close()
        database.run(f"DROP {'ROLE' if kind == 'postgresql' else 'USER'} {who}")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"drivr": "x"}, "'drivr' is no key of an odbc connection"),
        ({"driver": None}, "needs either driver or dsn"),
        ({"dsn": "core"}, "needs either driver or dsn"),
        ({"driver": "PostgreSQL ANSI"}, "name the driver PostgreSQL Unicode"),
        ({"port": 70000}, "must be a number between 1 and 65535"),
        ({"port": True}, "must be a number between 1 and 65535"),
        ({"database": 5}, "database must be a text"),
        ({"options": {"PWD": "secret"}}, "PWD does not belong here"),
        ({"options": {"A;B": "x"}}, "must be a word with a text or a number"),
        ({"options": "A=B"}, "must be keys of the driver"),
        ({"options": {1: "a"}}, "must be a word with a text or a number"),
        ({"within": {1: "5s"}}, "unknown key 1"),
        ({"port": 1433}, "a database in a file has no port"),
        ({"driver": "ODBC Driver 18 for SQL Server", "port": 1433}, "this driver takes a port beside its server"),
        ({"within": {"login": "5"}}, "is no time, expected seconds"),
        ({"within": {"logn": "5s"}}, "unknown key 'logn'"),
        ({"database": "a;b.db"}, "takes no ';' in a value"),
        ({"password": "hunter2"}, "must be given as env:NAME or file:PATH"),
    ],
)
def test_a_fault_in_the_file_is_told_at_its_place(changed: dict[str, Any], told: str, legacy_file: Database) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        connection_string(legacy_file.connection(**changed))
    assert all(fault.file.endswith("connections.yaml") and fault.line for fault in caught.value.faults)


def test_a_driver_is_given_what_it_needs_and_the_file_has_the_last_word(legacy_file: Database) -> None:
    server = {"driver": library("postgresql"), "server": "db", "database": "core", "port": 5432}
    words = connection_string(legacy_file.connection(**server, options={"boolsaschar": 1, "SSLmode": "verify-full"}))
    assert words.startswith("DRIVER=/usr/lib/")
    assert "boolsaschar=1" in words
    assert "BoolsAsChar" not in words
    assert "SERVER=db;PORT=5432;DATABASE=core;" in words
    assert words.endswith("SSLmode=verify-full")


def test_a_data_source_of_a_known_driver_has_its_options_and_the_file_the_last_word(legacy_file: Database) -> None:
    words = connection_string(
        legacy_file.connection(driver=None, database=None, dsn="core", options={"CHARSET": "utf8mb4x"}), "libmaodbc.so"
    )
    assert words == "DSN=core;OPTION=2;CHARSET=utf8mb4x"


def test_microsofts_driver_has_the_port_beside_the_server(legacy_file: Database) -> None:
    words = connection_string(
        legacy_file.connection(driver="ODBC Driver 18 for SQL Server", server="db", port=1433, database=None)
    )
    assert words == "DRIVER={ODBC Driver 18 for SQL Server};SERVER={db,1433}"

"""What databases refuse, on real ones: whose affair it is, and that nothing of a row is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg.errors
import pytest
from odbc_databases import Database, Servers

from adapters.odbc import faults
from adapters.odbc.catalog import read_table
from adapters.odbc.connecting import Link, placed
from adapters.odbc.faults import DatabaseFault, Verdict, as_error, judge, outcome
from contracts import errors
from contracts.errors import ConfigurationError, InternalFault, ScoregateError, UpstreamError

SECRET = "Erika' for column 'Mustermann\" column \"Mustermann"


@pytest.fixture
def link(legacy: Database) -> Link:
    link = legacy.open()
    link.execute("CREATE TABLE t (a integer PRIMARY KEY, b varchar(8) NOT NULL, c integer CHECK (c < 5))")
    link.commit()
    link.execute("INSERT INTO t (a, b) VALUES (1, 'x')")
    link.commit()
    return link


def refused(link: Link, sql: str, *values: object) -> DatabaseFault:
    with pytest.raises(DatabaseFault) as caught:
        link.execute(sql, values)
    link.rollback()
    return caught.value


def test_what_is_wrong_with_a_statement_is_for_whoever_set_it_up(link: Link) -> None:
    for sql, named in (
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT nothing FROM t", "nothing"),
        ("SELEC 1", "SELEC"),
    ):
        fault = refused(link, sql)
        assert fault.verdict is Verdict.SETUP
        assert named.lower() in fault.text.lower()


@pytest.mark.parametrize(
    ("sql", "values", "named"),
    [
        ("INSERT INTO t (a, b) VALUES (1, ?)", ("x",), ""),
        ("INSERT INTO t (a, b) VALUES (2, ?)", (None,), "b"),
        ("INSERT INTO t (a, b, c) VALUES (2, 'x', ?)", (9,), "c"),
    ],
)
def test_a_row_that_breaks_a_rule_is_that_rows_affair(
    sql: str, values: tuple[object, ...], named: str, link: Link
) -> None:
    fault = refused(link, sql, *values)
    assert fault.verdict is Verdict.ROW
    assert named in fault.text
    assert fault.code == "answer_unwritable"


def test_nothing_of_a_row_is_told(link: Link, legacy: Database) -> None:
    link.execute("CREATE TABLE p (n varchar(200) PRIMARY KEY, d date, i integer)")
    link.execute("INSERT INTO p (n) VALUES (?)", [SECRET])
    link.commit()
    tried = [("INSERT INTO p (n) VALUES (?)", SECRET)]
    if legacy.kind != "sqlite":
        tried += [("INSERT INTO t (a, b) VALUES (3, ?)", SECRET), ("UPDATE p SET d = ?", SECRET)]
        tried += [("UPDATE p SET i = ?", SECRET)]
    for sql, value in tried:
        fault = refused(link, sql, value)
        assert fault.verdict is Verdict.ROW
        assert "Erika" not in str(fault)
        assert "Mustermann" not in str(fault)
        assert "Mustermann" not in as_error(fault, "x").message


def test_a_write_into_a_read_only_database_names_that(link: Link, legacy: Database) -> None:
    if legacy.kind == "sqlite":
        link.execute("PRAGMA query_only = 1")
    elif legacy.kind == "postgresql":
        link.execute("SET TRANSACTION READ ONLY")
    else:
        link.execute("SET SESSION TRANSACTION READ ONLY")
        link.commit()
    fault = refused(link, "UPDATE t SET c = 1")
    assert fault.verdict is Verdict.SETUP
    error = placed(legacy.connection(), fault)
    assert isinstance(error, ConfigurationError)
    assert "name the writable database" in error.faults[0].hint
    assert error.faults[0].line == 1


@pytest.fixture(params=["postgresql", "mariadb"])
def server(
    request: pytest.FixtureRequest, odbc_servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    database = odbc_servers.database(request.param, tmp_path_factory.mktemp("home"))
    database.run("CREATE TABLE t (a integer PRIMARY KEY, b varchar(8), c integer)", "INSERT INTO t (a) VALUES (1)")
    database.run("INSERT INTO t (a) VALUES (2)")
    yield database
    database.close()


def test_a_right_that_lacks_on_one_column_is_told(server: Database) -> None:
    who = "narrow" if server.kind == "postgresql" else "narrow@'127.0.0.1'"
    server.run(
        f"CREATE {'ROLE' if server.kind == 'postgresql' else 'USER'} {who}", f"GRANT SELECT (a, c) ON t TO {who}"
    )
    if server.kind == "postgresql":
        server.run("ALTER ROLE narrow LOGIN PASSWORD 'only for tests'")
    else:
        server.run("SET PASSWORD FOR narrow@'127.0.0.1' = PASSWORD('only for tests')")
    try:
        link = server.open(user="narrow")
        fault = refused(link, "SELECT a, b FROM t")
        assert fault.verdict is Verdict.SETUP
        error = placed(server.connection(), fault)
        assert isinstance(error, ConfigurationError)
        assert "grant it to the user" in error.faults[0].hint
        assert tuple(link.rows("SELECT a, c FROM t WHERE a = 1")[0]) == (1, None)
        table = read_table(link, "t")
        link.close()
        if server.kind == "mariadb":  # its catalog shows what one may read
            assert table
            assert table.names == ("a", "c")
    finally:
        server.run(
            *(["DROP OWNED BY narrow"] if server.kind == "postgresql" else []),
            f"DROP {'ROLE' if server.kind == 'postgresql' else 'USER'} {who}",
        )


def test_a_lock_that_is_not_given_up_in_time_passes(server: Database) -> None:
    first, second = server.open(), server.open()
    first.execute("UPDATE t SET c = 1 WHERE a = 1")
    second.execute(
        "SET lock_timeout TO '50ms'" if server.kind == "postgresql" else "SET SESSION innodb_lock_wait_timeout = 1"
    )
    fault = refused(second, "UPDATE t SET c = 2 WHERE a = 1")
    assert (fault.verdict, fault.code) == (Verdict.TRANSIENT, "database_busy")
    assert isinstance(as_error(fault, "x"), UpstreamError)
    first.rollback()
    second.execute("UPDATE t SET c = 2 WHERE a = 1")


def test_of_a_deadlock_one_side_is_told_to_try_again(server: Database) -> None:
    sides = [server.open(), server.open()]
    found: list[DatabaseFault] = []
    for number, side in enumerate(sides):
        side.execute("UPDATE t SET c = 1 WHERE a = ?", [number + 1])

    def cross(number: int) -> None:
        try:
            sides[number].execute("UPDATE t SET c = 1 WHERE a = ?", [2 - number])
        except DatabaseFault as fault:
            found.append(fault)
        sides[number].rollback()

    threads = [threading.Thread(target=cross, args=[number]) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(fault.verdict, fault.state) for fault in found] in (
        [(Verdict.TRANSIENT, "40P01")],
        [(Verdict.TRANSIENT, "40001")],
    )


def test_a_session_that_was_ended_is_lost_and_stays_so(server: Database) -> None:
    link = server.open()
    if server.kind == "postgresql":
        server.run(f"SELECT pg_terminate_backend({link.rows('SELECT pg_backend_pid()')[0][0]})")
    else:
        server.run(f"KILL {link.rows('SELECT connection_id()')[0][0]}")
    for _ in range(2):
        with pytest.raises(DatabaseFault) as caught:
            link.execute("UPDATE t SET c = 1")
        assert caught.value.verdict is Verdict.LOST
    link.close()


def test_a_statement_that_takes_too_long_is_ended(server: Database) -> None:
    link = server.open(within={"statement": "1s"})
    begun = time.monotonic()
    sleep = "SELECT pg_sleep(20)" if server.kind == "postgresql" else "SELECT SLEEP(20) FROM t"
    assert refused(link, sleep).verdict is Verdict.TRANSIENT
    assert time.monotonic() - begun < 19


def test_sqlite_that_somebody_else_writes_is_busy(
    odbc_servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    database = odbc_servers.database("sqlite", tmp_path_factory.mktemp("home"))
    database.run("CREATE TABLE t (a integer)")
    writer, other = database.open(), database.open(options={"Timeout": 50})
    writer.execute("INSERT INTO t VALUES (1)")
    assert refused(other, "INSERT INTO t VALUES (2)").verdict is Verdict.TRANSIENT
    database.close()


# ---- the tables of faults.py -----------------------------------------------------------------------------------------

ODBC_STATES = (
    "01000 01001 01002 01003 01004 01006 01007 01S00 01S01 01S02 01S06 01S07 01S08 01S09 07001 07002 07005 07006 07009 "
    "07S01 08001 08002 08003 08004 08007 08S01 21S01 21S02 22001 22002 22003 22007 22008 22012 22015 22018 22019 22025 "
    "22026 23000 24000 25000 25S01 25S02 25S03 28000 34000 3C000 3D000 3F000 40001 40002 40003 42000 42S01 42S02 42S11 "
    "42S12 42S21 42S22 44000 HY000 HY001 HY003 HY004 HY007 HY008 HY009 HY010 HY011 HY012 HY013 HY014 HY015 HY016 HY017 "
    "HY018 HY019 HY020 HY021 HY024 HY090 HY091 HY092 HY095 HY096 HY097 HY098 HY099 HY100 HY101 HY103 HY104 HY105 HY106 "
    "HY107 HY109 HY110 HY111 HYC00 HYT00 HYT01 IM001 IM002 IM003 IM004 IM005 IM006 IM007 IM008 IM009 IM010 IM011 IM012 "
    "IM013 IM014 IM015"
)
"""ODBC Programmer's Reference, Appendix A: SQLSTATEs."""


def test_every_state_of_odbc_and_of_postgresql_has_its_verdict() -> None:
    known = {
        kind.sqlstate for kind in vars(psycopg.errors).values() if isinstance(getattr(kind, "sqlstate", None), str)
    }
    assert len(known) > 200
    assert not [s for s in {*known, *ODBC_STATES.split()} if s not in faults.STATES and s[:2] not in faults.CLASSES]


def test_a_state_is_listed_only_where_its_class_says_otherwise() -> None:
    assert not [s for s, verdict in faults.STATES.items() if faults.CLASSES.get(s[:2]) == verdict and s not in SAID]


SAID = {
    "01000",
    "08001",
    "08003",
    "08004",
    "08006",
    "08007",
    "08S01",
    "22018",
    "55P03",
    "57P01",
    "57P02",
    "57P03",
    "HY000",
    "IM001",
}
"""States of their class's verdict that are listed for the reader."""


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_becomes_an_error_of_ours(verdict: Verdict) -> None:
    error = as_error(DatabaseFault(verdict, "HY000", 0, "text"), "the connection x")
    wanted: dict[Verdict, type[ScoregateError]] = {
        Verdict.TRANSIENT: UpstreamError,
        Verdict.LOST: UpstreamError,
        Verdict.ROW: InternalFault,
        Verdict.SETUP: ConfigurationError,
    }
    assert type(error) is wanted[verdict]
    assert "the connection x: text" in error.message


def test_every_error_of_ours_has_its_outcome_for_the_row() -> None:
    def below(kind: type[ScoregateError]) -> Iterator[type[ScoregateError]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    for kind in (kind for kind in below(ScoregateError) if kind.__module__ == "contracts.errors"):
        error = kind.__new__(kind)
        told = issubclass(kind, (errors.CallerError, errors.InternalFault))
        assert outcome(error) == ("failed" if told else "waiting")


def test_an_error_without_a_state_is_somebodys_to_look_at() -> None:
    assert judge(RuntimeError("The SQL contains 1 parameter markers", "HY000")).verdict is Verdict.SETUP
    assert judge(RuntimeError()).text == "the driver says nothing"


@pytest.mark.parametrize("state", ["HY000", "08001", "08S01", "01000"])
@pytest.mark.parametrize(
    "said",
    [
        "server closed the connection unexpectedly\n\tThis probably means (1) (SQLEndTran)",
        "FATAL: terminating connection due to administrator command (7) (SQLExecDirectW)",
        'lost synchronization with server: got message type "x" (7) (SQLExecDirectW)',
    ],
)
def test_a_server_that_closed_the_connection_is_lost_whatever_state_that_has(state: str, said: str) -> None:
    assert judge(RuntimeError(state, f"[{state}] {said}")).verdict is Verdict.LOST

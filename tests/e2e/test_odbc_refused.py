# ruff: noqa: S608 # names are those of this file
"""A database that lets a poller do less than it needs: rows that others lock, rights that lack, narrow columns."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cobalt import (
    ANSWERS,
    APPROVED,
    DECLINED,
    PATIENCE_S,
    Cobalt,
    Meddling,
    assert_one_answer_each,
    numbered,
    with_wire,
)
from odbc_databases import Servers

from adapters.odbc import dialects
from adapters.odbc.codec import OdbcCodec
from adapters.odbc.connecting import Link
from adapters.odbc.polling import Poller
from contracts.errors import ConfigurationError
from gateway.ledger import Ledger
from gateway.service import ServingDesk
from gateway.spi import Asked

WAITING = {
    "postgresql": "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    "mariadb": "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'",
}
SPARED = {"postgresql": "SET deadlock_timeout TO '20s'", "mariadb": "INSERT INTO heavy SELECT seq FROM seq_1_to_300"}
"""What makes the other transaction the one that a deadlock spares: who looks last, who has done most."""
PATIENT = ("lock_timeout TO '10s'", "innodb_lock_wait_timeout = 10")
IMPATIENT = ("lock_timeout TO '200ms'", "innodb_lock_wait_timeout = 1")
TOLD = ("legacy_down", "legacy_back")


@pytest.fixture(params=["postgresql", "mariadb"])
def cobalt(request: pytest.FixtureRequest, desk: ServingDesk, servers: Servers, tmp_path: Path) -> Cobalt:
    made = Cobalt(servers.database(request.param, tmp_path), desk)
    made.make()
    return made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are waited for as ever, but not as long."""
    shorter = dict(zip(PATIENT, IMPATIENT, strict=True))

    def hurried(statement: str) -> str:
        return next((statement.replace(old, new) for old, new in shorter.items() if old in statement), statement)

    known = [replace(one, session=tuple(map(hurried, one.session))) for one in dialects.DIALECTS]
    monkeypatch.setattr(dialects, "DIALECTS", tuple(known))


@contextmanager
def polling(cobalt: Cobalt, desk: ServingDesk | Meddling | None = None) -> Iterator[None]:
    """A poller in a thread, told to stop at the end."""
    stop = threading.Event()
    site = cobalt.site(once=False, stop=stop)
    thread = threading.Thread(target=Poller(desk or cobalt.desk, site).run)  # type: ignore[arg-type]
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=PATIENCE_S)
        cobalt._lookout.flush()
        assert not thread.is_alive()


def lock(cobalt: Cobalt, link: Link, number: int) -> None:
    """Takes a row, and changes nothing of it."""
    link.execute(cobalt.own(f'UPDATE "CREDIT_REQUEST" SET "BRANCH_NAME" = \'x\' WHERE "REQUEST_ID" = {number}'))


def await_rows(cobalt: Cobalt, sql: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not cobalt.database.rows(sql):
        assert time.monotonic() < end, cobalt.lines
        time.sleep(0.02)


# ---- locks -----------------------------------------------------------------------------------------------------------


def test_after_a_deadlock_each_row_has_one_answer_and_it_is_the_ledgers(cobalt: Cobalt, ledger: Ledger) -> None:
    """Another transaction holds the second row and wants the first; the poller is the one that is given up."""
    cobalt.database.run("CREATE TABLE heavy (n integer)")
    cobalt.insert(*({**numbered(APPROVED, number), "BRANCH_NAME": "x"} for number in (1, 2)))
    other = cobalt.database.open()
    done: list[str] = []

    def cross() -> None:
        await_rows(cobalt, WAITING[cobalt.database.kind])
        lock(cobalt, other, 1)
        other.commit()
        done.append("both rows")

    crossing = threading.Thread(target=cross)

    def hold(_: Sequence[Asked]) -> None:
        other.execute(SPARED[cobalt.database.kind])
        lock(cobalt, other, 2)
        crossing.start()

    cobalt.poll(Meddling(cobalt.desk, after=hold))
    crossing.join(timeout=PATIENCE_S)
    assert done == ["both rows"]
    assert_one_answer_each(cobalt, ledger, 2)
    assert cobalt.events == ["polling", "polled"]


@pytest.mark.usefixtures("impatient")
def test_rows_that_others_lock_for_long_are_told_once_and_answered_when_they_are_free(
    cobalt: Cobalt, ledger: Ledger
) -> None:
    cobalt.insert(*({**numbered(APPROVED, number), "BRANCH_NAME": "x"} for number in (1, 2)))
    other = cobalt.database.open()
    with polling(cobalt, Meddling(cobalt.desk, after=lambda _: lock(cobalt, other, 2))):
        cobalt.await_event("legacy_down")
        other.commit()
        cobalt.await_event("legacy_back")
    assert [event for event in cobalt.events if event in TOLD] == [*TOLD]
    assert_one_answer_each(cobalt, ledger, 2)


# ---- rights ----------------------------------------------------------------------------------------------------------


@contextmanager
def narrowed(cobalt: Cobalt, grants: Sequence[str]) -> Iterator[None]:
    """The poller's user has these rights and no other."""
    who, role = ("narrow", "ROLE") if cobalt.database.kind == "postgresql" else ("narrow@'127.0.0.1'", "USER")
    known = {"postgresql": "LOGIN PASSWORD 'only for tests'", "mariadb": "IDENTIFIED BY 'only for tests'"}
    user = cobalt.database.section["user"]
    cobalt.database.run(f"CREATE {role} {who} {known[cobalt.database.kind]}")
    cobalt.database.run(*(cobalt.own(f"GRANT {grant} TO {who}") for grant in grants))
    cobalt.database.section["user"] = "narrow"
    try:
        yield
    finally:
        cobalt.database.section["user"] = user
        owned = ["DROP OWNED BY narrow"] if role == "ROLE" else []
        cobalt.database.run(*owned, f"DROP {role} {who}")


def columns(cobalt: Cobalt, *without: str) -> str:
    """The request's columns but some, quoted."""
    assert isinstance(cobalt.desk.codec, OdbcCodec)
    names = [column.name for column in cobalt.desk.codec.wire.table.columns if column.name not in without]
    return ", ".join(f'"{name}"' for name in names)


READ_ALL = tuple(f'SELECT ON "{table}"' for table in ("CREDIT_REQUEST", *ANSWERS))
WRITE_ANSWERS = tuple(f'INSERT, DELETE ON "{table}"' for table in ANSWERS)


def test_the_rights_the_readme_names_are_enough(cobalt: Cobalt) -> None:
    cobalt.insert(numbered(APPROVED, 1), numbered({**DECLINED, "CURRENCY": "USD"}, 2))
    with narrowed(cobalt, (*READ_ALL, *WRITE_ANSWERS, 'UPDATE ON "CREDIT_REQUEST"')):
        cobalt.poll()
    assert cobalt.states == {"1": "D", "2": "E"}


@pytest.mark.parametrize("right", ["SELECT", "UPDATE"])
def test_a_right_that_lacks_on_one_column_is_told_before_a_row_is_claimed(right: str, cobalt: Cobalt) -> None:
    """ERROR_TEXT is written where a row is refused, and not before; AMOUNT_MINOR is read of every row."""
    cobalt.insert(numbered(APPROVED, 1))
    lacking = {"SELECT": "AMOUNT_MINOR", "UPDATE": "ERROR_TEXT"}
    some = [f'{one} ({columns(cobalt, *[lacking[one]] * (one == right))}) ON "CREDIT_REQUEST"' for one in lacking]
    with narrowed(cobalt, (*READ_ALL[1:], *WRITE_ANSWERS, *some)), pytest.raises(ConfigurationError) as caught:
        cobalt.poll()
    told = f"{caught.value.message} {caught.value.faults[0].hint}"
    assert "grant it to the user of the connection" in told or "AMOUNT_MINOR is missing" in told
    assert cobalt.states == {"1": "N"}


def test_a_database_that_becomes_read_only_is_told_and_served_again_when_it_is_not(
    servers: Servers, desk: ServingDesk, ledger: Ledger, tmp_path: Path
) -> None:
    """As where the one that was written to fails, and connections go to its copy."""
    cobalt = Cobalt(servers.database("postgresql", tmp_path), desk)
    cobalt.make()
    name = str(cobalt.database.section["database"])
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    small = with_wire(desk, OdbcCodec(replace(desk.codec.wire, every=0.02)))  # type: ignore[attr-defined]
    with polling(cobalt, small):
        cobalt.insert(numbered(APPROVED, 1))
        await_rows(cobalt, 'SELECT 1 FROM "CREDIT_REQUEST" WHERE "STATUS" = \'D\'')
        servers.postgres.execute("postgres", f"ALTER DATABASE {name} SET default_transaction_read_only = on", ended)
        cobalt.await_event("legacy_down")
        cobalt.await_event("legacy_differs")
        servers.postgres.execute("postgres", f"ALTER DATABASE {name} RESET default_transaction_read_only", ended)
        cobalt.insert(numbered(APPROVED, 2))
        cobalt.await_event("legacy_back")
        await_rows(cobalt, 'SELECT 1 FROM "CREDIT_REQUEST" WHERE "STATUS" = \'D\' AND "REQUEST_ID" = 2')
    (differs,) = [line for line in cobalt.lines if line["event"] == "legacy_differs"]
    assert "read-only" in differs["cause"]
    assert [event for event in cobalt.events if event in TOLD] == [*TOLD]
    assert_one_answer_each(cobalt, ledger, 2)


def test_a_database_that_is_read_only_is_named_before_a_row_is_claimed(cobalt: Cobalt) -> None:
    cobalt.insert(numbered(APPROVED, 1))
    with narrowed(cobalt, READ_ALL), pytest.raises(ConfigurationError) as caught:
        cobalt.poll()
    assert "grant it to the user of the connection" in caught.value.faults[0].hint
    assert cobalt.states == {"1": "N"}


# ---- room ------------------------------------------------------------------------------------------------------------


def test_a_column_of_the_answer_that_is_narrower_than_declared_keeps_it_from_starting(cobalt: Cobalt) -> None:
    cobalt.insert(numbered(APPROVED, 1))
    change = "MODIFY {} varchar(10) NOT NULL" if cobalt.database.kind == "mariadb" else "ALTER {} TYPE varchar(10)"
    cobalt.database.run(cobalt.own('ALTER TABLE "CREDIT_REASON" ' + change.format('"REASON_TEXT"')))
    with pytest.raises(ConfigurationError) as caught:
        cobalt.poll()
    told = "CREDIT_REASON.REASON_TEXT was narrowed: declared varchar(80), the database has varchar(10)"
    assert told in caught.value.message
    assert cobalt.states == {"1": "N"}


def test_an_answer_longer_than_its_declared_column_fails_alone_and_names_the_column(cobalt: Cobalt) -> None:
    codec = cobalt.desk.codec
    assert isinstance(codec, OdbcCodec)
    reasons = codec.wire.lists["REASONS"]
    short = tuple(one._replace(size=10) if one.name == "REASON_TEXT" else one for one in reasons.columns)
    lists = {**codec.wire.lists, "REASONS": reasons._replace(columns=short)}
    cobalt.insert(numbered(APPROVED, 1), numbered(DECLINED, 2))
    cobalt.poll(with_wire(cobalt.desk, OdbcCodec(replace(codec.wire, lists=lists))))
    told = cobalt.requests("STATUS", "ERROR_CODE", "ERROR_TEXT")
    assert told["1"] == ("D", None, None)
    assert told["2"][:2] == ("E", "answer_not_written")
    assert "REASON_TEXT" in str(told["2"][2])
    assert "2" not in cobalt.answers("CREDIT_REASON")

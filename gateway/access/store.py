"""What authentication shares between workers: reading and writing lock-outs, nonces and the audit in the ledger.

Nothing here is part of a decision, so nothing waits for the disk: with SQLite these commits are not synced one by one.
Every method blocks and belongs on a thread of its own. All of them raise UpstreamError when the database cannot be had.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from contracts.errors import UpstreamError
from gateway.access.audit import ADMITTED, HOUR, Line, Written
from gateway.access.lockout import FORGET, MOST_SUBJECTS, Count, counted, longest
from gateway.ledger.shared import AUDIT, LOCKOUT, NONCE

MOST_AUDIT_ROWS = 2_000_000
"""A quarter of a gigabyte: what four workers write in KEEP_AUDIT that are guessed at from everywhere all the time."""
KEEP_AUDIT = 400 * 86400.0
"""Seconds an audit row is kept at most."""
_MICRO = 1_000_000


class Event(NamedTuple):
    """One row of the audit; times in seconds since 1970."""

    number: int
    written: Written


class SharedAccess:
    """One connection to the ledger's database; for one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._insert = (sqlite if engine.dialect.name == "sqlite" else postgresql).insert
        self._connection: Connection | None = None
        self._together = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written inside is written as one, or not at all."""
        with self._transaction():
            self._together = True
            try:
                yield
            finally:
                self._together = False

    def count(self, failures: Mapping[bytes, int], now: float) -> None:
        """Add failures to what all workers counted."""
        with self._transaction() as connection:
            before = _counts(connection, list(failures))
            statement = self._insert(LOCKOUT)
            statement = statement.on_conflict_do_update(
                index_elements=[LOCKOUT.c.key],
                set_={"failures": statement.excluded.failures, "until": statement.excluded.until},
            )
            for key, more in sorted(failures.items()):  # in one order, so that workers do not wait for each other
                after = counted(before.get(key, Count(0, 0.0)), more, now, longest(key))
                connection.execute(statement, {"key": key, "failures": after.failures, "until": _micro(after.until)})

    def counts(self, now: float) -> dict[bytes, Count]:
        """Everything all workers counted and have not forgotten, the latest MOST_SUBJECTS of it."""
        with self._reading() as connection:
            rows = connection.execute(
                select(LOCKOUT)
                .where(LOCKOUT.c.until > _micro(now - FORGET))
                .order_by(LOCKOUT.c.until.desc())
                .limit(MOST_SUBJECTS)
            ).all()
        return {bytes(row.key): Count(row.failures, row.until / _MICRO) for row in rows}

    def use(self, nonces: Sequence[tuple[bytes, float]]) -> list[bool]:
        """Whether each nonce (with the time it may be forgotten) was unused until now; used from now on."""
        statement = self._insert(NONCE).on_conflict_do_nothing(index_elements=[NONCE.c.key]).returning(NONCE.c.key)
        with self._transaction() as connection:
            return [
                connection.execute(statement, {"key": key, "expires": _micro(expires)}).first() is not None
                for key, expires in nonces
            ]

    def write(self, lines: Sequence[tuple[int, Written]]) -> list[int]:
        """Write audit lines, each with its row number, 0 for a new one; the result is their row numbers."""
        grow = (
            update(AUDIT)
            .where(AUDIT.c.id == bindparam("row"))
            .values(count=AUDIT.c.count + bindparam("more"), last=bindparam("until"))
        )
        numbers = []
        with self._transaction() as connection:
            for number, one in lines:
                if number:
                    connection.execute(grow, {"row": number, "more": one.times, "until": _micro(one.last)})
                    numbers.append(number)
                else:
                    result = connection.execute(insert(AUDIT), _audit_row(one))
                    numbers.append(int(result.inserted_primary_key[0]))  # type: ignore[index] # one row was inserted
        return numbers

    def logged_in(self, since: float) -> set[tuple[str, str]]:
        """Principal and address of everyone who came in since then."""
        begun = AUDIT.c.at >= _micro(since - HOUR)  # a line grows for an hour, and there is an index of its beginning
        where = AUDIT.c.event == ADMITTED, begun, AUDIT.c.last >= _micro(since)
        with self._reading() as connection:
            found = connection.execute(select(AUDIT.c.principal, AUDIT.c.address).where(*where).distinct()).all()
        return {(row.principal, row.address) for row in found}

    def events(self, *, event: str = "", principal: str = "", limit: int = 50) -> list[Event]:
        """Audit rows, newest first."""
        query = select(AUDIT).order_by(AUDIT.c.last.desc(), AUDIT.c.id.desc()).limit(limit)
        query = query.where(AUDIT.c.event == event) if event else query
        query = query.where(AUDIT.c.principal == principal) if principal else query
        with self._reading() as connection:
            return [_event(row) for row in connection.execute(query).all()]

    def forget(self, now: float) -> None:
        """Delete what is over: nonces, locks, old audit rows, and what exceeds the bounds."""
        with self._transaction() as connection:
            connection.execute(delete(NONCE).where(NONCE.c.expires < _micro(now)))
            connection.execute(delete(LOCKOUT).where(LOCKOUT.c.until < _micro(now - FORGET)))
            oldest = select(LOCKOUT.c.until).order_by(LOCKOUT.c.until.desc()).offset(MOST_SUBJECTS).limit(1)
            connection.execute(delete(LOCKOUT).where(LOCKOUT.c.until <= oldest.scalar_subquery()))
            newest = connection.execute(select(func.max(AUDIT.c.id))).scalar() or 0
            old = AUDIT.c.at < _micro(now - KEEP_AUDIT)
            connection.execute(delete(AUDIT).where(old | (AUDIT.c.id <= newest - MOST_AUDIT_ROWS)))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            yield self._opened()
        except SQLAlchemyError as exc:
            self._drop()
            raise UpstreamError("the ledger's database cannot be read") from exc

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._together:
            yield self._opened()
            return
        try:
            connection = self._opened()
            connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN")
            yield connection
            connection.exec_driver_sql("COMMIT")
        except SQLAlchemyError as exc:
            self._drop()
            raise UpstreamError("the ledger's database cannot be written") from exc
        except BaseException:
            self._drop()
            raise

    def _opened(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            if self._connection.dialect.name == "sqlite":
                self._connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
                self._connection.exec_driver_sql("PRAGMA busy_timeout=1000")
            else:
                self._connection.exec_driver_sql("SET synchronous_commit = off")
                self._connection.exec_driver_sql("SET statement_timeout = 2000")
        return self._connection

    def cut(self) -> None:
        """From any thread: end what another waits for, where its server does not answer. SQLite's waits are short."""
        connection = self._connection
        driver: Any = None if connection is None else connection.connection.driver_connection
        if hasattr(driver, "pgconn"):
            with suppress(Exception), socket.socket(fileno=os.dup(driver.pgconn.socket)) as line:
                line.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        """Give the connection up, and with it an open transaction."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


def _counts(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Count]:
    found: dict[bytes, Count] = {}
    for start in range(0, len(keys), 500):
        some = select(LOCKOUT).where(LOCKOUT.c.key.in_(keys[start : start + 500])).with_for_update()
        found |= {bytes(row.key): Count(row.failures, row.until / _MICRO) for row in connection.execute(some).all()}
    return found


def _audit_row(one: Written) -> dict[str, Any]:
    times = {"at": _micro(one.first), "last": _micro(one.last), "count": one.times}
    return times | {name: value[: AUDIT.c[name].type.length] for name, value in one.line._asdict().items()}  # type: ignore[attr-defined] # String has a length


def _event(row: Any) -> Event:
    line = Line(row.event, row.principal, row.address, row.credential, row.cause, row.integration)
    return Event(row.id, Written(line, row.at / _MICRO, row.last / _MICRO, row.count))


def _micro(seconds: float) -> int:
    return int(seconds * _MICRO)

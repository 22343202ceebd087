"""Proves that a decision could be made durable now: by a commit of its own, of the very row every decision writes.

Reading proves nothing: a full disk, a lock and a read-only mount all leave the ledger readable. The commit changes
nothing (the head row gets the values it has), takes the same lock, and waits for the same disk. A server is asked each
time whether it waits for its disk at all: its configuration may be read anew at any moment.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import Engine, select

from gateway.ledger.connect import category, insist_on_durability
from gateway.ledger.opened import Opened
from gateway.ledger.patience import patiently
from gateway.ledger.schema import BLOCK, HEAD
from gateway.ledger.store import retired

PATIENCE_S = 1.0
"""How long the proof waits for the turn of others."""
_LOG_PAGES = 1000
"""Where nobody asks for decisions, the proof's own commits must not let SQLite's log grow for ever."""


class Standing(NamedTuple):
    """Where the chain ends: its last block's number and time (microseconds since 1970), and the entries in all."""

    block: int
    at: int
    entries: int


class Probe:
    """Used from one thread at a time; opens its connection when first asked, and anew after one failed.

    ``master`` is the number of the master key that decisions are sealed under.
    """

    def __init__(self, engine: Engine, opened: Opened, master: int) -> None:
        self._engine, self._opened = engine, opened
        self._retired = f"SELECT id FROM secret WHERE id = {master} AND wrapped IS NULL"  # noqa: S608 # a number
        self._pooled: Any = None

    def standing(self) -> Standing:
        """Read where the chain ends; raises the driver's errors."""
        head = select(HEAD.c.number, BLOCK.c.at, HEAD.c.entries).select_from(
            HEAD.outerjoin(BLOCK, BLOCK.c.number == HEAD.c.number)
        )
        with self._engine.connect() as connection:
            number, at, entries = connection.execute(head).one()
        return Standing(number, at or 0, entries)

    def cause(self) -> str:
        """Why no decision can be made durable, as a category; empty when one can."""
        try:
            patiently(self._commit, PATIENCE_S)
        except Exception as exc:  # noqa: BLE001 # whatever keeps it from committing is the answer
            self.close()
            return category(exc)
        return ""

    def close(self) -> None:
        if self._pooled is not None:
            with suppress(Exception):
                self._pooled.invalidate()
            self._pooled = None

    def _commit(self) -> None:
        self._opened.check()
        driver = self._connection()
        if self._engine.dialect.name != "sqlite":
            insist_on_durability(driver)
        driver.execute("BEGIN IMMEDIATE" if self._engine.dialect.name == "sqlite" else "BEGIN")
        try:
            driver.execute("UPDATE head SET number = number WHERE id = 1")
            if driver.execute(self._retired).fetchone():
                raise retired()
            driver.execute("COMMIT")
        except BaseException:
            with suppress(Exception):
                driver.execute("ROLLBACK")
            raise

    def _connection(self) -> Any:
        if self._pooled is None:
            self._pooled = self._engine.raw_connection()
            driver: Any = self._pooled.driver_connection
            if self._engine.dialect.name == "sqlite":
                driver.execute("PRAGMA busy_timeout=0")
                driver.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
            else:
                driver.execute(f"SET lock_timeout = {int(PATIENCE_S * 1000)}")
        return self._pooled.driver_connection

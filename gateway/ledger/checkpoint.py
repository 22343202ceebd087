"""Brings SQLite's write-ahead log into the database file beside the commits instead of inside one of them.

Left alone, SQLite check-points within the commit that fills the log, and that commit's callers wait for it. Here a
thread does nearly all of it passively; where the log has grown long because commits never pause, the writer finishes
the few pages left between two groups, so that the log starts anew.
"""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import Engine

from gateway.ledger.store import Store

EVERY_JOBS = 4096
"""So rarely that the stall of a check-point, some 10 ms of disk, stays beyond the 99th percentile of the commits."""
LONG_LOG_PAGES = 16384
"""From this length on (64 MiB of 4 KiB pages) the writer helps to start the log anew."""

_PASSIVE = "PRAGMA wal_checkpoint(PASSIVE)"
_TRUNCATE = "PRAGMA wal_checkpoint(TRUNCATE)"
"""After an erasure: the log must not keep a copy of the destroyed key. Waits for readers, so commits may wait too."""


class Checkpointer:
    """A thread with its own connection. The writer calls ``committed`` after each group, between transactions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._errors: type[Exception] = engine.dialect.loaded_dbapi.Error
        self._pending = 0
        self._due = threading.Event()
        self._long = False
        self._mode = _PASSIVE
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="ledger-checkpoint", daemon=True)
        self._thread.start()

    def committed(self, jobs: int, store: Store) -> None:
        self._pending += jobs
        if self._long:
            self._long = False
            try:
                store.checkpoint()
            except self._errors:
                return  # another process is at it, or the disk is full: the commits will say so themselves
        if store.erased:
            store.erased = False
            self._mode = _TRUNCATE
        if self._pending >= EVERY_JOBS or self._mode is _TRUNCATE:
            self._pending = 0
            self._due.set()

    def close(self) -> None:
        self._closing = True
        self._due.set()
        self._thread.join()

    def _work(self) -> None:
        pooled = self._engine.raw_connection()
        try:
            while self._due.wait() and not self._closing:
                self._due.clear()
                self._checkpoint(pooled.driver_connection)
        finally:
            pooled.invalidate()

    def _checkpoint(self, driver: Any) -> None:
        mode, self._mode = self._mode, _PASSIVE
        try:
            _busy, pages, done = driver.execute(mode).fetchone()
        except self._errors:
            return
        self._long = pages > LONG_LOG_PAGES and pages - done < LONG_LOG_PAGES // 2

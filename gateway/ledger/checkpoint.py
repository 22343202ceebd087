"""Brings SQLite's write-ahead log into the database file beside the commits instead of inside one of them.

Left alone, SQLite check-points within the commit that fills the log, and that commit's callers wait for it. Here a
thread does nearly all of it passively; where the log has grown long because commits never pause, the writer finishes
the few pages left between two groups, with the other processes' writers held off, so that the log starts anew.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import Engine

from gateway.ledger.store import Store


class Rhythm(NamedTuple):
    """When to bring the log in. ``every_jobs``: so rarely that the stall of a check-point, some 10 ms of disk, stays
    beyond the 99th percentile of the commits. ``long_log``, in pages of 4 KiB: from this length on it starts anew.
    """

    every_jobs: int = 4096
    long_log: int = 16384


_MOST_PASSES = 4
"""Each pass brings in what was committed during the one before, so a few leave little."""
_SHARE_LEFT = 8
_PASSIVE = "PRAGMA wal_checkpoint(PASSIVE)"
_TRUNCATE = "PRAGMA wal_checkpoint(TRUNCATE)"
"""After an erasure: the log must not keep a copy of the destroyed key. Waits for readers, so commits may wait too."""


class Checkpointer:
    """A thread with its own connection. The writer calls ``committed`` after each group, between transactions."""

    def __init__(self, engine: Engine, rhythm: Rhythm) -> None:
        self._engine, self._rhythm = engine, rhythm
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
            with suppress(self._errors):  # the disk is full, say: the commits will say so themselves
                store.restart_log()
        if store.erased:
            store.erased = False
            self._mode = _TRUNCATE
        if self._pending >= self._rhythm.every_jobs or self._mode is _TRUNCATE:
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
        for _ in range(_MOST_PASSES):
            try:
                _busy, pages, done = driver.execute(mode).fetchone()
            except self._errors:
                return
            if pages - done <= self._rhythm.long_log // _SHARE_LEFT:
                break
            mode = _PASSIVE
        self._long = pages > self._rhythm.long_log

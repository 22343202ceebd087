"""Brings SQLite's write-ahead log into the database file beside the commits instead of inside one of them.

Left alone, SQLite check-points within the commit that fills the log, and that commit's callers wait for it. Here a
thread does nearly all of it passively and brings the database file to disk little by little; where the log has grown
long because commits never pause, the writer finishes the few pages left between two groups, with the other processes'
writers held off, so that the log starts anew.

SQLite itself syncs the database file only in a check-point that reaches the end of the log. Without a sync of our own
before it, that one, which the writer makes, would have to wait for every page of all the passes before.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine

from gateway.ledger.store import Store
from gateway.ledger.writeback import Writeback


class Rhythm(NamedTuple):
    """When to bring the log in. ``every_jobs``: a page that many of them change is written once. ``long_log``, in pages
    of 4 KiB: from this length on it starts anew; from ``_TOO_LONG`` times this length on, whoever waits for it.
    """

    every_jobs: int = 4096
    long_log: int = 16384


_TOO_LONG = 4
_MOST_PASSES = 8
"""Each pass brings in what was committed during the one before, so a few leave little."""
_LITTLE = 256
"""Pages that one pass found, few enough for the writer to bring in what came after them."""
_RESTART_S, _TURN_S = 0.25, 1.0
"""How long the writer insists on a log that has grown too long, and how long the thread waits for the writer's turn."""
_CUT_PAUSE_S = 0.02
_PASSIVE = "PRAGMA wal_checkpoint(PASSIVE)"
_TRUNCATE = "PRAGMA wal_checkpoint(TRUNCATE)"
"""After an erasure: the log must not keep a copy of the destroyed key. Waits for readers, so commits may wait too."""


def cut_log(engine: Engine, patience: float) -> bool:
    """Bring the log in and leave nothing of it, so that it keeps no copy of what was destroyed. Whether that was done;
    gives up after ``patience`` seconds of somebody else reading.
    """
    end, pooled = time.monotonic() + patience, engine.raw_connection()
    try:
        driver: Any = pooled.driver_connection
        driver.execute("PRAGMA busy_timeout=0")
        while driver.execute(_TRUNCATE).fetchone()[0]:
            if time.monotonic() >= end:
                return False
            time.sleep(_CUT_PAUSE_S)
        return True
    finally:
        pooled.invalidate()


class Checkpointer:
    """A thread with its own connection. The writer calls ``committed`` after each group, between transactions."""

    def __init__(self, engine: Engine, rhythm: Rhythm) -> None:
        self._engine, self._rhythm = engine, rhythm
        self._writeback = Writeback(Path(engine.url.database or ""))
        self._errors: type[Exception] = engine.dialect.loaded_dbapi.Error
        self._pending = self._length = 0
        self._due, self._settled = threading.Event(), threading.Event()
        self._mode = _PASSIVE
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="ledger-checkpoint", daemon=True)
        self._thread.start()

    def committed(self, jobs: int, store: Store) -> None:
        self._pending += jobs
        if self._length > self._rhythm.long_log:
            self._start_anew(store)
        if store.erased:
            store.erased = False
            self._mode = _TRUNCATE
        if self._pending >= self._rhythm.every_jobs or self._mode is _TRUNCATE:
            self._pending = 0
            self._due.set()

    def close(self) -> None:
        self._closing = True
        self._due.set()
        self._settled.set()
        self._thread.join()

    def _start_anew(self, store: Store) -> None:
        """Another process at its check-point is in the way; it is tried after the next group again."""
        insist = self._length > self._rhythm.long_log * _TOO_LONG
        with suppress(self._errors):  # the disk is full, say: the commits will say so themselves
            if not store.restart_log(_RESTART_S if insist else 0) and not insist:
                return
        self._length = 0
        self._settled.set()

    def _work(self) -> None:
        pooled = self._engine.raw_connection()
        try:
            while self._due.wait() and not self._closing:
                self._due.clear()
                self._settled.clear()
                self._length = self._checkpoint(pooled.driver_connection)
                if self._length > self._rhythm.long_log:
                    self._settled.wait(_TURN_S)
        finally:
            pooled.invalidate()

    def _checkpoint(self, driver: Any) -> int:
        """Bring the log in, in passes; its length in pages, 0 where nothing could be done."""
        mode, self._mode, length = self._mode, _PASSIVE, 0
        for earlier in range(_MOST_PASSES):
            try:
                busy, pages, _done = driver.execute(mode).fetchone()
            except self._errors:
                return 0
            if busy and mode is _TRUNCATE:  # somebody reads; the next group asks again
                self._mode = mode
            if busy and pages < 0:  # another process is at it
                return length
            found, length, mode = pages - length, pages, _PASSIVE
            self._bring_to_disk(found, gently=not earlier)
            if found <= _LITTLE:
                break
        return length

    def _bring_to_disk(self, pages: int, *, gently: bool) -> None:
        """Gently once: while that goes on so much is committed that to go on gently would never come to an end."""
        if gently and _LITTLE < pages <= self._rhythm.long_log * _TOO_LONG:
            self._writeback.gently(lambda: not self._closing)
        else:
            self._writeback.at_once()

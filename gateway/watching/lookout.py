"""What one process tells of itself, in one hand: counts, log lines, and the threads that bring them out."""

from __future__ import annotations

import atexit
import threading
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from gateway.watching.catalog import LATE, LOG_UNWRITTEN
from gateway.watching.events import Events
from gateway.watching.scribe import PARTING_SECONDS, Scribe
from gateway.watching.tally import Snapshot, Tally
from gateway.watching.totals import Totals
from gateway.watching.tracing import Tracing

PUBLISH_SECONDS = 0.5


class Lookout:
    """Handed to whoever has something to tell. Counts and lines pile up until ``start``, or ``flush``.

    ``tracing`` is None unless the settings ask for traces; it is set before anybody is handed this.
    """

    def __init__(self, tally: Tally, events: Events) -> None:
        self.tally, self.events = tally, events
        self.tracing: Tracing | None = None
        self.totals: Totals | None = None
        self._scribe = Scribe(events.lines)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lost = 0
        self._losing = threading.Lock()

    @classmethod
    def to(cls, stream: BinaryIO, level: str = "info", worker: int = 1) -> Lookout:
        """One that writes its log to a stream."""
        return cls(Tally(), Events(stream, level, worker))

    @classmethod
    def silent(cls) -> Lookout:
        """One whose log nobody reads: for tools and tests."""
        return cls.to(BytesIO(), "error")

    def start(self, folder: Path) -> None:
        """Join the processes whose counts meet in ``folder`` (state/run), and write lines as they come."""
        with suppress(OSError):
            self.totals = Totals(folder, self.tally)
        self._scribe.start()
        self._thread = threading.Thread(target=self._work, name="lookout", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def snapshot(self) -> Snapshot:
        """The counts of all processes; of this one alone where the folder cannot be used."""
        if self.totals is not None:
            with suppress(OSError):
                return self.totals.read()
        return self.tally.snapshot()

    def late(self, integration: str, correlation: str, count: int = 1) -> None:
        """A caller was told to ask for so many decisions again, as their deadline came first."""
        for _ in range(count):
            self.tally.count((LATE, integration))
        self.events.warning("late", integration=integration, correlation=correlation, count=count)

    def flush(self) -> None:
        """Write the lines that wait, and count those that could not be written: where no ``start`` was."""
        self.events.lines.flush()
        self._count_lost()

    def close(self) -> None:
        """Bring out what is left; the counts stay with the other processes."""
        self._stop.set()
        if self.tracing is not None:
            self.tracing.close()
        if self._thread is not None:
            self._scribe.close()
            self._thread.join(PARTING_SECONDS)
        self._count_lost()
        if self.totals is not None:
            self.totals.close()

    def _count_lost(self) -> None:
        with self._losing:
            for _ in range(self.events.lines.lost - self._lost):
                self.tally.count((LOG_UNWRITTEN,))
                self._lost += 1

    def _work(self) -> None:
        while not self._stop.wait(PUBLISH_SECONDS):
            self._count_lost()
            with suppress(OSError):
                self._sum()

    def _sum(self) -> None:
        """Also where nobody is told: what was counted must not pile up."""
        if self.totals is not None:
            self.totals.publish()
        else:
            self.tally.snapshot()

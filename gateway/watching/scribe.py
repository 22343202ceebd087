"""The thread that brings log lines out. A stream that nobody reads holds up this thread and nothing else: not the event
loop, not the summing of counts, not the end of the process.
"""

from __future__ import annotations

import sys
import threading
from io import UnsupportedOperation
from typing import BinaryIO

from gateway.watching.events import Lines

FLUSH_SECONDS = 0.2
PARTING_SECONDS = 2.0
"""How long the end of a process waits for a log that nobody reads."""


class Scribe:
    """Writes the lines that wait, a few times a second from ``start`` on, and the last of them at ``close``."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="scribe", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Have what waits written; returns after ``PARTING_SECONDS`` though the stream takes nothing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(PARTING_SECONDS)

    def _work(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self._lines.flush()
        self._lines.flush()


def standard_error() -> BinaryIO:
    """Standard error without Python's buffer: its lock, held by a write that is stuck, aborts a process that ends."""
    try:
        descriptor = sys.stderr.fileno()
    except UnsupportedOperation:  # whoever runs our commands in a process of their own took it over
        return sys.stderr.buffer
    return open(descriptor, "wb", buffering=0, closefd=False)

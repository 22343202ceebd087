"""Log lines: one JSON object each, of one schema, written a few times a second by a ``Scribe``.

``at``, ``level``, ``event`` and ``worker`` are in every line, ``integration`` and ``correlation`` wherever the event is
about one exchange. The other members are those of ``MEMBERS``; anything else is left out, so that a value of an
application cannot slip in under a name of its own. Correlation ids are the caller's own words and are escaped.
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as quote
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from contracts.errors import InternalFault, SetupError

LEVELS = ("debug", "info", "warning", "error")
FRAMES = 12
MAX_LINES = 10_000
"""Lines that may wait to be written; beyond that they are counted instead."""
FIRST = ("at", "level", "event", "worker", "integration", "correlation")
MEMBERS = (
    *FIRST, "address", "again_in_s", "before", "block", "cause", "code", "correlations", "count", "decision", "file",
    "host", "integrations", "kind", "line", "lookup", "message", "pid", "port", "repeated", "version", "where",
    "workers",
)  # fmt: skip
LONGEST_MESSAGE = 1000
MOST_NAMED = 10
"""Correlation ids one line names, of a group that failed as one."""


class Lines:
    """Lines on their way to a stream. A stream that is full or gone costs lines, never an answer.

    ``add`` may be called from any thread, ``flush`` from one at a time.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: list[str] = []
        self.lost = 0

    def add(self, line: str) -> None:
        if len(self._waiting) < MAX_LINES:
            self._waiting.append(line)
        else:
            self.lost += 1

    debug = info = warning = error = add

    def flush(self) -> None:
        """Write what waits."""
        lines = self._waiting[:]
        if not lines:
            return
        del self._waiting[: len(lines)]
        try:
            self._write("".join(lines).encode())
        except (OSError, ValueError):
            self.lost += len(lines)

    def _write(self, text: bytes) -> None:
        """A stream without a buffer takes what it can, and nothing at all where it would have to wait and may not."""
        rest = memoryview(text)
        while rest:
            written = self._stream.write(rest)
            if not written:
                raise BlockingIOError
            rest = rest[written:]
        self._stream.flush()


class Stamp:
    """The time in UTC to the millisecond; the seconds are formatted once per second."""

    def __init__(self) -> None:
        self._of_second = (-1, "")

    def __call__(self) -> str:
        now = time.time_ns()
        second = now // 1_000_000_000
        if second != self._of_second[0]:
            self._of_second = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._of_second[1]}.{now // 1_000_000 % 1000:03d}Z"


class Events:
    """The log of one process. ``level`` is the least that is written, ``worker`` the number of the process."""

    def __init__(self, stream: BinaryIO, level: str = "info", worker: int = 1) -> None:
        self.lines = Lines(stream)
        self.stamp = Stamp()
        self.worker = worker
        self.least = LEVELS.index(level)
        self._logger = structlog.wrap_logger(self.lines, [self._complete, _render], structlog.BoundLogger)

    def debug(self, event: str, **members: Any) -> None:
        self._write(0, event, members)

    def info(self, event: str, **members: Any) -> None:
        self._write(1, event, members)

    def warning(self, event: str, **members: Any) -> None:
        self._write(2, event, members)

    def error(self, event: str, **members: Any) -> None:
        self._write(3, event, members)

    def fault(self, error: BaseException, *, integration: str = "", correlation: str = "") -> None:
        """A fault of ours: kinds and places, from the outermost in; never a text, which may quote a caller.

        What is wrong with the installation was not found in anything a caller sent: there the text says the cure.
        An InternalFault is written once, however many it passes on its way out.
        """
        if isinstance(error, InternalFault):
            if error.noted:
                return
            error.noted = True
        message = error.message[:LONGEST_MESSAGE] if isinstance(error, SetupError) else ""
        self.error("fault", integration=integration, correlation=correlation, message=message, **described(error))

    def _write(self, level: int, event: str, members: Mapping[str, Any]) -> None:
        if level >= self.least:
            getattr(self._logger, LEVELS[level])(event, **members)

    def _complete(self, _logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {"at": self.stamp(), "level": method, "worker": self.worker, **event}


def _render(_logger: Any, _method: str, event: structlog.typing.EventDict) -> str:
    members = ",".join(f"{quote(name)}:{_text(event[name])}" for name in MEMBERS if event.get(name) not in (None, ""))
    return f"{{{members}}}\n"


def _text(value: object) -> str:
    """A member's value; what is neither text nor number nor a list of them is named by its kind alone."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_text, value))}]"
    known = value if isinstance(value, str | int | float | bool) else type(value).__name__
    return quote(known) if isinstance(known, str) else json.dumps(known)


def described(error: BaseException) -> dict[str, str]:
    """Kind and place of an exception and of those before it, and never a text of theirs."""
    kinds: list[str] = []
    frames: list[str] = []
    link: BaseException | None = error
    while link is not None and len(kinds) < FRAMES:
        kinds.append(type(link).__name__)
        frames += [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(link.__traceback__)]
        link = link.__cause__ or link.__context__
    return {"kind": " from ".join(kinds), "where": " > ".join(frames[-FRAMES:])}

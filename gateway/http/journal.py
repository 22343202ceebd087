"""What the doors write down: one line of JSON per request, and our own faults. Never a value of an application.

A line names integration, principal, status, code and correlation id. A fault names the kinds of the exceptions and
where they arose, not their texts, which may quote what a caller sent. Lines are gathered and written a few times a
second; the ledger, not this log, is the record of what was decided.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections import Counter
from json.encoder import encode_basestring_ascii as quote
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from gateway.spi import Route

FLUSH_SECONDS = 0.2
FRAMES = 12
MAX_LINES = 10_000
"""Lines that may wait to be written; beyond that they are counted instead."""
LEVELS = ("debug", "info", "warning", "error")


class Visit:
    """What is known of one exchange so far. ``whole`` says that nothing of the request is left to read."""

    __slots__ = ("address", "cause", "code", "correlation", "due", "mode", "overdue", "principal", "task", "whole")

    def __init__(self) -> None:
        self.address = self.correlation = self.principal = self.mode = self.code = self.cause = ""
        self.whole = self.overdue = False
        self.due = 0.0
        self.task: asyncio.Task[Any] | None = None


class Journal:
    """The log of the doors, and the counts behind ``/metrics``. ``level`` warning leaves successes out; ``worker`` is
    the number of this process among those that share the port.
    """

    def __init__(self, stream: BinaryIO, level: str = "info", worker: int = 1) -> None:
        self.worker = worker
        self._lines = _Lines(stream)
        self._level = LEVELS.index(level)
        self._faults = structlog.wrap_logger(self._lines, [_render], structlog.BoundLogger)
        self._stamp = _Stamp()
        self.requests: Counter[tuple[str, str, int]] = Counter()
        self.unauthenticated = 0

    @property
    def unwritten(self) -> int:
        return self._lines.lost

    def answered(self, route: Route, visit: Visit, status: int, seconds: float) -> None:
        """One exchange is over. Callers we do not know are counted; only the level debug writes them down.

        Every answer passes here, so the line is put together by hand: structlog takes four times as long.
        """
        self.requests[route.integration, visit.mode, status] += 1
        if not visit.principal:
            self.unauthenticated += 1
        level = 0 if not visit.principal else 1 if status < 400 else 2 if status < 500 else 3
        if level < self._level:
            return
        refused = f',"code":{quote(visit.code)},"cause":{quote(visit.cause)}' if visit.code else ""
        self._lines.add(
            f'{{"at":"{self._stamp()}","level":"{LEVELS[level]}","event":"request","worker":{self.worker},"integration":"{route.integration}",'
            f'"operation":"{route.operation}","principal":"{visit.principal}","mode":"{visit.mode}","status":{status}{refused},'
            f'"ms":{seconds * 1e3:.3f},"correlation":{quote(visit.correlation)}}}\n'
        )

    def failed(self, integration: str, correlation: str, error: BaseException) -> None:
        """A fault of ours: kinds and places, from the outermost in; causes included."""
        self._faults.error(
            "fault",
            at=self._stamp(),
            worker=self.worker,
            integration=integration,
            correlation=correlation,
            **_description(error),
        )

    def flush(self) -> None:
        """Write what waits."""
        self._lines.flush()


class _Lines:
    """Lines on their way to a stream. A stream that is full or gone costs lines, never an answer."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self.lost = 0

    def add(self, line: str) -> None:
        if len(self._waiting) < MAX_LINES:
            self._waiting.append(line)
        else:
            self.lost += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    error = add

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._waiting = self._waiting, []
        try:
            self._stream.write("".join(lines).encode())
            self._stream.flush()
        except (OSError, ValueError):
            self.lost += len(lines)


class _Stamp:
    """The time in UTC to the millisecond; the seconds are formatted once per second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self) -> str:
        now = time.time_ns()
        second = now // 1_000_000_000
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{now // 1_000_000 % 1000:03d}Z"


def _render(_logger: Any, method: str, event: structlog.typing.EventDict) -> str:
    members = {"at": event.pop("at"), "level": method, **event}
    return "{" + ",".join(f"{quote(k)}:{quote(v) if isinstance(v, str) else v}" for k, v in members.items()) + "}\n"


def _description(error: BaseException) -> dict[str, str]:
    kinds: list[str] = []
    frames: list[str] = []
    link: BaseException | None = error
    while link is not None and len(kinds) < FRAMES:
        kinds.append(type(link).__name__)
        frames += [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(link.__traceback__)]
        link = link.__cause__ or link.__context__
    return {"kind": " from ".join(kinds), "where": " > ".join(frames[-FRAMES:])}

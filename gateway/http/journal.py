"""What the doors write down: one line of JSON per request, and our own faults. Never a value of an application.

A line names integration, principal, status, code and correlation id. A fault names the kind of exception and where it
arose, not its text, which may quote what a caller sent.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections import Counter
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from gateway.spi import Route

FRAMES = 12
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Journal:
    """The access log, and the counts behind ``/metrics``. ``stream`` takes bytes; ``level`` warning drops successes."""

    def __init__(self, stream: BinaryIO, level: str = "info") -> None:
        wrapper = structlog.make_filtering_bound_logger(_LEVELS[level])
        processors: list[structlog.typing.Processor] = [structlog.processors.add_log_level, _Stamp(), _render]
        self._log = structlog.wrap_logger(structlog.BytesLogger(stream), processors, wrapper).bind()
        self.requests: Counter[tuple[str, int]] = Counter()
        self.unauthenticated = 0
        self.unwritten = 0

    def answered(self, route: Route, visit: Visit, status: int, seconds: float) -> None:
        """One exchange is over. Callers we do not know are counted; only the level debug writes them down."""
        self.requests[route.integration, status] += 1
        write = self._log.info if status < 400 else self._log.warning if status < 500 else self._log.error
        if not visit.principal:
            self.unauthenticated += 1
            write = self._log.debug
        try:
            write(
                "request",
                integration=route.integration,
                operation=route.operation,
                principal=visit.principal,
                status=status,
                code=visit.code,
                cause=visit.cause,
                ms=round(seconds * 1e3, 3),
                correlation=visit.correlation,
            )
        except OSError:
            self.unwritten += 1  # the log is full or gone: an answer that is durable must still be sent

    def failed(self, integration: str, correlation: str, error: BaseException) -> None:
        """A fault of ours: kinds and places, from the outermost in; causes included."""
        try:
            self._log.error("fault", integration=integration, correlation=correlation, **_description(error))
        except OSError:
            self.unwritten += 1


class Visit:
    """What is known of one exchange so far. ``whole`` says that nothing of the request is left to read."""

    __slots__ = ("cause", "code", "correlation", "due", "overdue", "principal", "task", "whole")

    def __init__(self) -> None:
        self.correlation = self.principal = self.code = self.cause = ""
        self.whole = self.overdue = False
        self.due = 0.0
        self.task: asyncio.Task[Any] | None = None


class _Stamp:
    """Adds the time in UTC to the millisecond; the seconds are formatted once per second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self, _logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        now = time.time_ns()
        second = now // 1_000_000_000
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        event["at"] = f"{self._text}.{now // 1_000_000 % 1000:03d}Z"
        return event


def _render(_logger: Any, _method: str, event: structlog.typing.EventDict) -> bytes:
    members = [
        f'"{name}":{encode_basestring_ascii(value) if type(value) is str else value}'
        for name, value in event.items()
        if value != ""
    ]
    return ("{" + ",".join(members) + "}").encode()


def _description(error: BaseException) -> dict[str, str]:
    kinds: list[str] = []
    frames: list[str] = []
    link: BaseException | None = error
    while link is not None and len(kinds) < FRAMES:
        kinds.append(type(link).__name__)
        frames += [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(link.__traceback__)]
        link = link.__cause__ or link.__context__
    return {"kind": " from ".join(kinds), "where": " > ".join(frames[-FRAMES:])}

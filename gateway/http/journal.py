"""What the doors write down: one line of JSON per request, and counts. Never a value of an application.

A line names integration, principal, status, code and correlation id. The ledger, not this log, is the record of what
was decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quote
from typing import Any, Literal, get_args

from gateway.spi import Route
from gateway.watching.catalog import REQUEST_SECONDS, REQUESTS, TURNED_AWAY, UNAUTHENTICATED
from gateway.watching.events import LEVELS
from gateway.watching.exchange import Exchange
from gateway.watching.lookout import Lookout

Reason = Literal[
    "not_found", "method_not_allowed", "not_http", "headers_too_large", "head_late", "framing", "pipelined", "unread",
    "crowded",
]  # fmt: skip
"""Why a request reached no door, or a connection was given up; see the catalog of metrics."""


class Visit(Exchange):
    """What is known of one exchange so far. ``whole`` says that nothing of the request is left to read; ``callers``
    that it was refused for the caller's fault, whatever its protocol calls that (SOAP 1.1 knows no status but 500);
    ``held`` is for how many bytes of its body room was taken, ``unknown`` how many of them in nobody's name.
    """

    __slots__ = (
        "address", "callers", "cause", "code", "due", "held", "mode", "operations", "overdue", "principal", "task",
        "unknown", "whole",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.address = self.principal = self.mode = self.code = self.cause = ""
        self.whole = self.overdue = self.callers = False
        self.due = 0.0
        self.operations: frozenset[str] = frozenset()
        self.held = self.unknown = 0
        self.task: asyncio.Task[Any] | None = None


class Journal:
    """The doors' share of log and counts. Level warning leaves successes out."""

    def __init__(self, lookout: Lookout) -> None:
        self._lookout, self.tracing = lookout, lookout.tracing
        self._events, self._count = lookout.events, lookout.tally.count
        self._timers: dict[str, Callable[[float], None]] = {}
        for reason in get_args(Reason):
            lookout.tally.begin(TURNED_AWAY, reason)

    def answered(self, route: Route, visit: Visit, status: int, seconds: float) -> None:
        """One exchange is over. Callers we do not know are counted; only the level debug writes them down.

        Every answer passes here, so the line is put together by hand: structlog takes four times as long.
        """
        blame = "" if status < 400 else "caller" if status < 500 or visit.callers else "gateway"
        self._count((REQUESTS, route.integration, visit.mode, str(status), blame))
        self._timer(route.integration)(seconds)
        if not visit.principal:
            self._count((UNAUTHENTICATED,))
        level = 0 if not visit.principal else 1 if status < 400 else 2 if status < 500 or visit.callers else 3
        events = self._events
        if level < events.least:
            return
        refused = f',"code":{quote(visit.code)},"cause":{quote(visit.cause)}' if visit.code else ""
        events.lines.add(
            f'{{"at":"{events.stamp()}","level":"{LEVELS[level]}","event":"request","worker":{events.worker},'
            f'"integration":"{route.integration}","correlation":{quote(visit.correlation)},'
            f'"operation":"{route.operation}","principal":"{visit.principal}","mode":"{visit.mode}",'
            f'"status":{status}{refused},"ms":{seconds * 1e3:.3f}}}\n'
        )

    def late(self, integration: str, correlation: str) -> None:
        """The door gave up waiting."""
        self._lookout.late(integration, correlation)

    def turned_away(self, reason: Reason) -> None:
        """Somebody asked nothing a door could answer: it is counted, and no line, or strangers could fill the log."""
        self._count((TURNED_AWAY, reason))

    def failed(self, integration: str, correlation: str, error: BaseException) -> None:
        """A fault of ours: kinds and places, from the outermost in; causes included."""
        self._events.fault(error, integration=integration, correlation=correlation)

    def flush(self) -> None:
        """Write what waits."""
        self._lookout.flush()

    def _timer(self, integration: str) -> Callable[[float], None]:
        timer = self._timers.get(integration)
        if timer is None:
            timer = self._timers[integration] = self._lookout.tally.timer(REQUEST_SECONDS, integration)
        return timer

"""The audit of who came in and who did not: counted per hour, so that ten thousand attempts are one line.

One line per hour, event, principal, address, credential and cause; a worker writes it when it first happens and brings
its count up to date. ``principal`` is only ever a name of principals.yaml, and no line holds a secret, or a guess of
one. Each event has room of its own for an hour's lines, and so have refusals of callers that are known and of those
that are not: who floods one takes nothing from the others. What exceeds it is gathered in one line per principal.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

HOUR = 3600
MOST_LINES = 500
MOST_REFUSALS = 50
"""Lines of an hour; of refusals fewer, for anybody can cause them, at any time."""
Event = Literal["admitted", "refused", "demonstration_override", "principals_changed"]
ADMITTED, REFUSED, OVERRIDDEN, RELOADED = get_args(Event)
MANY = "(many)"


class Line(NamedTuple):
    """What tells one line of an hour from another."""

    event: str
    principal: str
    address: str
    credential: str
    cause: str
    integration: str


class Written(NamedTuple):
    """A line to write or to bring up to date: ``times`` more, up to ``last``, in seconds since 1970."""

    line: Line
    first: float
    last: float
    times: int


class Tally:
    """The count of one line in this process, how much of it is written, and in which row (0: not yet)."""

    __slots__ = ("count", "first", "last", "line", "row", "sent")

    def __init__(self, line: Line, now: float) -> None:
        self.line, self.first, self.last = line, now, now
        self.count = self.sent = self.row = 0


class Audit:
    """The lines of this hour, and those of the last that are not written yet. ``clock`` gives seconds since 1970.

    Decisions are made on threads, and what they override is noted there; so any thread may call this.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._hour = 0
        self._lines: dict[Line, Tally] = {}
        self._used: Counter[tuple[str, bool]] = Counter()
        self._past: list[Tally] = []
        self._lock = threading.Lock()

    def note(self, line: Line) -> None:
        now = self._clock()
        with self._lock:
            if now >= self._hour + HOUR:
                self._turn(now)
            tally = self._lines.get(line) or self._new(line, now)
            tally.count += 1
            tally.last = now

    def pending(self, *, last: bool = False) -> list[tuple[Tally, Written]]:
        """What to write now: new lines, grown ones, and with ``last`` everything.

        Admissions come with every request, so their count is brought up to date only when their hour is over.
        """
        with self._lock:
            self._past = [tally for tally in self._past if tally.count > tally.sent]
            grown = [tally for tally in self._lines.values() if tally.count > tally.sent]
            now = [tally for tally in grown if last or not tally.row or tally.line.event != ADMITTED]
            return [
                (tally, Written(tally.line, tally.first, tally.last, tally.count - tally.sent))
                for tally in (*self._past, *now)
            ]

    def wrote(self, tally: Tally, written: Written, row: int) -> None:
        tally.row = row
        tally.sent += written.times

    def _new(self, line: Line, now: float) -> Tally:
        room = line.event, bool(line.principal)
        if self._used[room] >= (MOST_REFUSALS if line.event == REFUSED else MOST_LINES):
            line = Line(line.event, line.principal, MANY, "", MANY, "")
        else:
            self._used[room] += 1
        return self._lines.setdefault(line, Tally(line, now))

    def _turn(self, now: float) -> None:
        self._past = [*self._past, *self._lines.values()][-2 * MOST_LINES :]
        self._lines, self._hour = {}, int(now // HOUR * HOUR)
        self._used.clear()

"""Marks rows of the request table as ours: the first of each state in order, as many as a batch holds.

A row may wait that cannot be claimed: its key cannot be read, or no UPDATE by its key meets it, as a column of the key
is NULL, the driver gives its text otherwise than it takes it, or a trigger undoes the change. Such rows are passed over
and counted, for others stand behind them; they are tried again in every claim, and claimed once they are mended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from adapters.odbc.apart import MOST_PASSED_OVER, OneByOne
from adapters.odbc.faults import DatabaseFault, Verdict
from adapters.odbc.sql_text import markers
from adapters.odbc.statements import Statements

if TYPE_CHECKING:
    from adapters.odbc.connecting import Link

UNREADABLE: Final = "keys_unreadable"
UNMET: Final = "rows_unclaimable"
Keys = Sequence[Sequence[Any]]


class Tried(NamedTuple):
    """Keys of one state that were tried, and how they were found: state, how many, whether their lease ran out."""

    find: Callable[[Any, int, bool], tuple[Keys, int]]
    state: Any
    expired: bool
    keys: Keys


class Claiming:
    """The claims of one integration on one connection, ``batch`` rows each."""

    def __init__(self, link: Link, sql: Statements, apart: OneByOne, waiting: Any, batch: int) -> None:
        self._link, self._sql, self._apart, self._batch = link, sql, apart, batch
        self._states = (apart.claimed, True), (waiting, False)
        self._beyond = self._unreadable = self._unmet = 0

    @property
    def passed_over(self) -> Mapping[str, int]:
        """How many rows the last claim passed over, by what it is called in the log."""
        return {UNREADABLE: self._unreadable, UNMET: self._unmet}

    def look(self) -> bool:
        """Whether any row can be claimed, as far as its state tells; no transaction stays open."""
        try:
            return any(self._in_state(self._sql.look(expired=expired), state) for state, expired in self._states)
        finally:
            self._link.rollback()

    def mark(self, token: str) -> list[Tried]:
        """Mark rows with a token, a transaction for those of each state; which were tried. ``settle`` must follow."""
        self._unreadable = 0
        try:
            return self._mark(token, self._together)
        except DatabaseFault as fault:
            if fault.verdict is not Verdict.ROW or not self._sql.claimable_after(0, expired=False):
                raise
            self._link.rollback()
            return self._mark(token, self._apart.claimable)

    def settle(self, tried: Sequence[Tried], ours: int) -> bool:
        """Count what no UPDATE met, given how many of the tried are ours; whether to mark again, further on."""
        known, self._unmet = self._beyond, 0
        if ours < sum(len(one.keys) for one in tried):
            self._unmet = sum(map(self._still_there, tried))
            self._link.rollback()
        again = bool(self._unmet) and not ours and known < MOST_PASSED_OVER
        self._beyond = MOST_PASSED_OVER if again else min(self._unmet, MOST_PASSED_OVER)
        return again

    def _mark(self, token: str, find: Callable[[Any, int, bool], tuple[Keys, int]]) -> list[Tried]:
        room, tried = self._batch, []
        for state, expired in self._states:
            keys, unreadable = find(state, room + self._beyond, expired) if room > 0 else ((), 0)
            marked, so_far = self._update(token, state, expired, keys, room)
            self._link.commit()
            room, self._unreadable = room - marked, self._unreadable + unreadable
            tried.append(Tried(find, state, expired, keys[:so_far]))
        return tried

    def _update(self, token: str, state: Any, expired: bool, keys: Keys, room: int) -> tuple[int, int]:
        """Mark at most so many rows; how many there were, and how many keys were tried for it."""
        marked = at = 0
        while at < len(keys) and marked < room:
            some = keys[at : at + min(self._sql.keys_at_once, room - marked)]
            given = (self._apart.claimed, token, state, *(value for key in some for value in key))
            marked += self._link.execute(self._sql.claim(len(some), expired=expired), given)
            at += len(some)
        return marked, at

    def _still_there(self, tried: Tried) -> int:
        """How many of the tried can be claimed as before: where others were faster, none."""
        if not tried.keys:
            return 0
        keys = {repr(tuple(key)) for key in tried.keys}  # not every value is equal to itself
        found, _ = tried.find(tried.state, len(tried.keys), tried.expired)
        return sum(repr(tuple(key)) in keys for key in found)

    def _together(self, state: Any, most: int, expired: bool) -> tuple[Keys, int]:
        return self._in_state(self._sql.claimable(most, expired=expired), state), 0

    def _in_state(self, sql: str, state: Any) -> Keys:
        return self._link.rows(sql, [state] * markers(sql))

"""What is done in the legacy database: look, claim, read, write. Each is one transaction; errors are DatabaseFaults.

Writing is all or nothing: the rows are locked by another lease, read again and held against what was claimed; only a
row that still is ours and still says the same gets the answer that was decided for it.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from adapters.odbc import rows
from adapters.odbc.outcomes import (
    CHANGED,
    Claimed,
    Failed,
    Filled,
    Key,
    Outcome,
    Released,
    RowReader,
    Written,
    linked,
)
from adapters.odbc.section import TOKEN, Outlet, Wire
from adapters.odbc.statements import Statements

if TYPE_CHECKING:
    from adapters.odbc.connecting import Link

T = TypeVar("T")


class Batch(NamedTuple):
    """Rows that are ours under one token."""

    token: str
    rows: Sequence[Claimed]


class Exchange:
    """One integration on one connection."""

    def __init__(self, wire: Wire, link: Link) -> None:
        self._wire, self._link = wire, link
        self._sql = Statements(wire, link.dialect)
        self._reader = RowReader(wire)
        status = next(column for column in wire.table.columns if column.name == wire.status)
        self._waiting, self._claimed, self._done, self._failed = (
            rows.bound(status, wire.states[state]) for state in ("waiting", "claimed", "done", "failed")
        )

    def rehearse(self) -> None:
        """Run what reads and writes for a row there is not: what is forbidden shows before one is claimed."""
        sql, link = self._sql, self._link
        deleting = [sql.delete(outlet, 1) for outlet in self._outlets()]
        try:
            looking = (sql.look(expired=True), sql.look(expired=False))
            for text in (*looking, sql.held, sql.read, sql.renew, sql.release, sql.finish_one, sql.fail, *deleting):
                link.execute(text, [None] * text.count("?"))
        finally:
            link.rollback()

    def look(self) -> bool:
        """Whether anything can be claimed: each state is one step into an index; no transaction stays open."""
        try:
            return any(
                self._in_state(self._sql.look(expired=expired), state)
                for state, expired in ((self._waiting, False), (self._claimed, True))
            )
        finally:
            self._link.rollback()

    def claim(self) -> Batch:
        """Mark rows as ours and read them; those whose lease ran out come first, then those that wait, in order.

        Others may claim at the same time: where the database does not lock what is looked at, the row is theirs whose
        UPDATE comes first, and ours are those that carry the token.
        """
        token = secrets.token_hex(TOKEN // 2)
        room = self._wire.batch
        for state, expired in ((self._claimed, True), (self._waiting, False)):
            room -= self._mark(token, state, room, expired=expired) if room else 0
        self._link.commit()
        if room == self._wire.batch:
            return Batch(token, ())
        found = self._held(token)
        self._link.rollback()
        return Batch(token, [self._reader.claimed(key, read) for key, read in found.items()])

    def _mark(self, token: str, state: Any, most: int, *, expired: bool) -> int:
        keys = self._in_state(self._sql.claimable(most, expired=expired), state)
        marked = 0
        for some in _chunks(keys, self._sql.keys_at_once):
            given = (self._claimed, token, state, *_flat(some))
            marked += self._link.execute(self._sql.claim(len(some), expired=expired), given)
        return marked

    def _in_state(self, sql: str, state: Any) -> list[Sequence[Any]]:
        return self._link.rows(sql, [state] * sql.count("?"))

    def _held(self, token: str) -> dict[Key, list[tuple[Any, ...]]]:
        """What is read for each row that is ours, by its key."""
        ours = (self._claimed, token)
        found: dict[Key, list[tuple[Any, ...]]] = {}
        if self._wire.query:
            found = {tuple(row): [] for row in self._link.rows(self._sql.held, ours)}
        for row in self._link.rows(self._sql.read, ours):
            values = tuple(row)
            found.setdefault(self._reader.key(values), []).append(values)
        return found

    def write(self, batch: Batch, outcomes: Sequence[Outcome]) -> Counter[str]:
        """Write what became of the rows of a batch, in one transaction; what happened, by kind, counted."""
        try:
            happened = self._write(batch, outcomes)
            self._link.commit()
        except BaseException:
            self._link.rollback()
            raise
        return happened

    def _write(self, batch: Batch, outcomes: Sequence[Outcome]) -> Counter[str]:
        self._link.execute(self._sql.renew, (self._claimed, batch.token))
        held = self._held(batch.token)
        settled: dict[Key, Outcome] = {}
        happened: Counter[str] = Counter()
        for claimed, outcome in zip(batch.rows, outcomes, strict=True):
            found = held.pop(claimed.key, None)
            if found is None:
                happened["lost"] += 1
            elif self._reader.same(claimed, found):
                settled[claimed.key] = outcome
            else:
                settled[claimed.key] = CHANGED
        self._settle(batch.token, settled, whole=not held)
        happened.update(outcome.happened for outcome in settled.values())
        return happened

    def _settle(self, token: str, settled: Mapping[Key, Outcome], *, whole: bool) -> None:
        """``whole``: no other row carries the token, so that those which are answered can be marked all at once."""
        ours = (self._claimed, token)
        released = [key for key, one in settled.items() if isinstance(one, Released)]
        self._each(self._sql.release, ((self._waiting, *ours, *key) for key in released))
        if decided := [key for key, one in settled.items() if not isinstance(one, Released)]:
            self._take_back(decided)
        told = [at for at, name in enumerate(self._wire.error) if name]
        failed = [(key, one) for key, one in settled.items() if isinstance(one, Failed)]
        self._each(self._sql.fail, ((*(one.told[at] for at in told), self._failed, *ours, *key) for key, one in failed))
        answered = [(key, one) for key, one in settled.items() if isinstance(one, Written)]
        self._insert(one for _, one in answered)
        if whole and not self._wire.written and answered:
            self._link.execute(self._sql.finish, (self._done, *ours))
        else:
            self._each(self._sql.finish_one, ((*self._own(one), self._done, *ours, *key) for key, one in answered))

    def _own(self, written: Written) -> Iterator[Any]:
        """The values of an answer that goes to columns of the row itself; a column it does not have becomes NULL."""
        values = dict(zip(written.answer.names, written.answer.values, strict=True))
        return (values.get(column.name) for column in self._wire.written)

    def _take_back(self, keys: Sequence[Key]) -> None:
        for outlet in self._outlets():
            ordered = [linked(outlet, self._wire.key, key) for key in keys]
            for some in _chunks(ordered, self._sql.keys_at_once):
                self._link.execute(self._sql.delete(outlet, len(some)), _flat(some))

    def _outlets(self) -> Iterator[Outlet]:
        """Where answers go, what refers to another table before that one."""
        yield from self._wire.lists.values()
        if self._wire.outlet:
            yield self._wire.outlet

    def _insert(self, answered: Iterable[Written]) -> None:
        answers = list(answered)
        if self._wire.outlet:
            self._fill(self._wire.outlet, [one.answer for one in answers])
        for name, outlet in self._wire.lists.items():
            self._fill(outlet, [row for one in answers for row in one.lists[name]])

    def _fill(self, outlet: Outlet, filled: Sequence[Filled]) -> None:
        alike: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        for row in filled:
            alike.setdefault(row.names, []).append(row.values)
        for names, values in alike.items():
            for some in _chunks(values, self._sql.rows_at_once(len(names))):
                self._link.execute(self._sql.insert(outlet, names, len(some)), _flat(some))

    def _each(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        given = self._link.dialect.given
        if wanted := [tuple(map(given, row)) for row in parameters]:
            with self._link.judged(), closing(self._link.native.cursor()) as cursor:
                cursor.executemany(sql, wanted)


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[at : at + size] for at in range(0, len(items), size))


def _flat(items: Iterable[Iterable[T]]) -> list[T]:
    return [value for item in items for value in item]

"""What is done in the legacy database: look, claim, read, write. Each is one transaction; errors are DatabaseFaults.

Writing is all or nothing: the rows are locked by another lease, read again and held against what was claimed; only a
row that still is ours and still says the same gets the answer that was decided for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from adapters.odbc import rows
from adapters.odbc.apart import OneByOne, new_token
from adapters.odbc.claiming import Claiming
from adapters.odbc.faults import DatabaseFault, Verdict
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
from adapters.odbc.section import Outlet, Wire
from adapters.odbc.sql_text import markers
from adapters.odbc.statements import Statements

if TYPE_CHECKING:
    from adapters.odbc.connecting import Link

T = TypeVar("T")


class Batch(NamedTuple):
    """Rows that are ours under one token, but for those that stand apart under one of their own.

    ``since`` is when their lease began at the latest, in monotonic seconds.
    """

    token: str
    rows: Sequence[Claimed]
    since: float = 0.0

    @property
    def tokens(self) -> Sequence[str]:
        return [self.token, *(claimed.token for claimed in self.rows if claimed.token)]


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
        self._apart = OneByOne(link, self._sql, self._reader, self._claimed)
        self._claiming = Claiming(link, self._sql, self._apart, self._waiting, wire.batch)

    @property
    def passed_over(self) -> Mapping[str, int]:
        """How many rows the last claim passed over, as they cannot be claimed, by what it is called in the log."""
        return self._claiming.passed_over

    def rehearse(self) -> None:
        """Run what reads and writes for a row there is not: what is forbidden shows before one is claimed."""
        sql, link = self._sql, self._link
        deleting = [sql.delete(outlet, 1) for outlet in self._outlets()]
        try:
            for text in (*sql.every, *deleting):
                link.execute(text, [None] * markers(text))
        finally:
            link.rollback()

    def look(self) -> bool:
        """Whether anything can be claimed: each state is one step into an index; no transaction stays open."""
        return self._claiming.look()

    def claim(self) -> Batch | None:
        """Mark rows as ours and read them; those whose lease ran out come first, then those that wait, in order. No
        rows where others were faster, None where none of those that wait can be claimed: see ``passed_over``.

        Others may claim at the same time: where the database does not lock what is looked at, the row is theirs whose
        UPDATE comes first, and ours are those that carry the token.
        """
        token, again = new_token(), True
        found: Sequence[Claimed] = ()
        while again:
            tried = self._claiming.mark(token)
            found = self._read(token) if any(one.keys for one in tried) else ()
            again = self._claiming.settle(tried, len(found))
        return Batch(token, found) if found or not any(self.passed_over.values()) else None

    def _read(self, token: str) -> list[Claimed]:
        """The rows that are ours, together, or one by one where that is how they can be read."""
        try:
            found = self._held(token)
        except DatabaseFault as fault:
            if fault.verdict is not Verdict.ROW:
                raise
            self._link.rollback()
            return self._apart.read(token)
        self._link.rollback()
        return [self._reader.claimed(key, read) for key, read in found.items()]

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

    def renew(self, batch: Batch) -> None:
        """Give what is still ours of a batch another lease."""
        self._by_token(self._sql.renew, (self._claimed,), batch)

    def release(self, batch: Batch) -> None:
        """Let what is still ours of a batch wait again."""
        self._by_token(self._sql.release_all, (self._waiting, self._claimed), batch)

    def _by_token(self, sql: str, states: Sequence[Any], batch: Batch) -> None:
        try:
            for token in batch.tokens:
                self._link.execute(sql, (*states, token))
            self._link.commit()
        except BaseException:
            self._link.rollback()
            raise

    def write(self, batch: Batch, outcomes: Sequence[Outcome]) -> Counter[str]:
        """Write what became of the rows of a batch, in one transaction; what happened, by kind, counted."""
        settled = [self._still(*pair) for pair in zip(batch.rows, outcomes, strict=True)]
        try:
            happened = self._write(batch, settled)
            self._link.commit()
        except BaseException:
            self._link.rollback()
            raise
        return happened

    def _still(self, claimed: Claimed, outcome: Outcome) -> Outcome:
        """The outcome of a row that stands apart, if it still says the same: read before, as a fault may end what is
        written beside it."""
        if not claimed.token:
            return outcome
        again = self._apart.by_columns(claimed.token, claimed.key)
        return outcome if (again.raw, again.name) == (claimed.raw, claimed.name) else CHANGED

    def _write(self, batch: Batch, outcomes: Sequence[Outcome]) -> Counter[str]:
        pairs = list(zip(batch.rows, outcomes, strict=True))
        happened = self._write_together(batch.token, [pair for pair in pairs if not pair[0].token])
        happened.update(self._write_apart(*pair) for pair in pairs if pair[0].token)
        return happened

    def _write_together(self, token: str, pairs: Sequence[tuple[Claimed, Outcome]]) -> Counter[str]:
        if not pairs:
            return Counter()
        try:
            held = self._locked(token)
        except DatabaseFault as fault:
            if fault.verdict is not Verdict.ROW:
                raise
            return self._let_go(token, len(pairs))
        settled: dict[Key, Outcome] = {}
        happened: Counter[str] = Counter()
        for claimed, outcome in pairs:
            found = held.pop(claimed.key, None)
            if found is None:
                happened["lost"] += 1
            elif self._reader.same(claimed, found):
                settled[claimed.key] = outcome
            else:
                settled[claimed.key] = CHANGED
        self._settle(token, settled, whole=not held)
        happened.update(outcome.happened for outcome in settled.values())
        return happened

    def _locked(self, token: str) -> dict[Key, list[tuple[Any, ...]]]:
        """What is read for each row that is ours, once nobody else can change it."""
        renewing = self._sql.renew, (self._claimed, token)
        self._link.execute(*renewing)
        try:
            return self._held(token)
        except DatabaseFault as fault:
            if fault.verdict is not Verdict.ROW:
                raise
        self._link.rollback()
        self._link.execute(*renewing)
        return self._apart.held(token)

    def _let_go(self, token: str, count: int) -> Counter[str]:
        """One of these rows cannot be read any more: they wait, and are read one by one when they are claimed again."""
        self._link.rollback()
        self._link.execute(self._sql.release_all, (self._waiting, self._claimed, token))
        return Counter({CHANGED.happened: count})

    def _write_apart(self, claimed: Claimed, outcome: Outcome) -> str:
        if not self._link.execute(self._sql.renew, (self._claimed, claimed.token)):
            return "lost"
        self._settle(claimed.token, {claimed.key: outcome}, whole=False)
        return outcome.happened

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

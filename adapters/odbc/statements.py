# ruff: noqa: S608 # texts are put together of names that are quoted and of nothing else; values are parameters
"""The SQL texts of one integration on one database. Pure: names are quoted, values are always parameters.

Everything that is done to a claimed row is done ``WHERE status = claimed AND token = ?``: a row whose claim was lost,
or that somebody set back, is not met. The status stands there beside the token so that an index on it serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from adapters.odbc.section import Outlet, Wire

if TYPE_CHECKING:
    from adapters.odbc.dialects import Dialect

MOST_KEYS: Final = 1000
"""Keys in one statement, where the database takes as many."""


class Statements:
    """Each property is one text; what its parameters are stands with it. ``state`` is one, and comes first."""

    def __init__(self, wire: Wire, dialect: Dialect) -> None:
        self._wire, self._dialect = wire, dialect
        self._table, self._column = dialect.quote(wire.table.name), dialect.column
        self._status, self._token, self._until = map(dialect.column, (wire.status, wire.token, wire.until))
        kind = next(column.type for column in wire.table.columns if column.name == wire.until)
        self._now, self._later = dialect.now(kind), dialect.later(kind, wire.lease)
        self._held = f"{dialect.few.format(column=self._status)} AND {self._token} = ?"
        self._freed = f"{self._token} = NULL, {self._until} = NULL"

    @property
    def every(self) -> Sequence[str]:
        """One text of each kind that reads or writes the requests, but for those that claim."""
        looking = self.look(expired=True), self.look(expired=False)
        reading = (*looking, self.held, self.read, self.read_alone)
        return *reading, self.set_aside, self.renew, self.release_all, self.release, self.finish_one, self.fail

    # ---- claiming ----------------------------------------------------------------------------------------------------

    def look(self, *, expired: bool) -> str:
        """Whether any row of a state can be claimed. Each parameter is the state."""
        return self._dialect.first(f"SELECT 1 FROM {self._table}{self._queue(expired=expired)}", 1)

    def claimable(self, most: int, *, expired: bool) -> str:
        """The keys of rows to claim, the first in order first. Each parameter is the state."""
        return self._dialect.first(self._claimable(expired=expired), most) + self._dialect.lock

    def claimable_after(self, before: int, *, expired: bool) -> str:
        """The key of the row that so many come before; empty where the database cannot be asked for it."""
        after = self._dialect.one_row.format(before=before)
        return after and f"{self._claimable(expired=expired)}{after}{self._dialect.lock}"

    def _claimable(self, *, expired: bool) -> str:
        return f"SELECT {self._keys} FROM {self._table}{self._dialect.hint}{self._queue(expired=expired)}"

    def _queue(self, *, expired: bool) -> str:
        """Rows of one state in order, as an index on status and order has them."""
        order = self._names(dict.fromkeys((self._wire.status, *self._wire.order)))
        late = f" AND {self._until} < {self._now}" if expired else ""
        return f" WHERE {self._dialect.one_state.format(column=self._status)}{late} ORDER BY {order}"

    def claim(self, count: int, *, expired: bool) -> str:
        """Claims rows that are still in that state. claimed, token, the state they are in, the keys."""
        claimed = f"SET {self._status} = ?, {self._token} = ?, {self._until} = {self._later}"
        return f"UPDATE {self._table} {claimed} WHERE {self._state(expired=expired)} AND {self._keyed(count)}"

    def _state(self, *, expired: bool) -> str:
        return f"{self._status} = ?{f' AND {self._until} < {self._now}' if expired else ''}"

    @cached_property
    def held(self) -> str:
        """The keys of the rows that are ours. claimed, token."""
        order = self._names(self._wire.order)
        return f"SELECT {self._keys} FROM {self._table} WHERE {self._held} ORDER BY {order}"

    @cached_property
    def read(self) -> str:
        """The rows that are ours: the key, the version if there is one, the row. claimed, token."""
        return self._reading(", ".join((self._keys, *self._columns)))

    @cached_property
    def read_alone(self) -> str:
        """The same of one row. claimed, token, the key."""
        return self._reading(", ".join((self._keys, *self._columns)), self._keyed(1))

    @cached_property
    def read_columns(self) -> Sequence[str]:
        """The same without the key, column by column. claimed, token, the key."""
        return [self._reading(column, self._keyed(1)) for column in self._columns]

    @property
    def by_query(self) -> bool:
        """Whether there may be several rows for a key that is ours, or none."""
        return bool(self._wire.query)

    def _reading(self, columns: str, keyed: str = "") -> str:
        also = f" AND {keyed}" if keyed else ""
        if self._wire.query:
            return self._reading_by_query(columns, also)
        order = self._names(self._wire.order)
        return f"SELECT {columns} FROM {self._table} WHERE {self._held}{also} ORDER BY {order}"

    def _reading_by_query(self, columns: str, also: str) -> str:
        column = self._column
        same = " AND ".join(f"T.{column(name)} = Q.{column(name)}" for name in self._wire.key)
        held = f"T.{self._status} = ? AND T.{self._token} = ?"
        ours = f"EXISTS (SELECT 1 FROM {self._table} T WHERE {same} AND {held}{also})"
        return f"SELECT {columns} FROM ({self._wire.query}\n) Q WHERE {ours}"

    @cached_property
    def _columns(self) -> Sequence[str]:
        """What is read beside the key."""
        wire = self._wire
        return [*self._read(filter(None, (wire.version,))), *self._read(column.name for column in wire.row)]

    @cached_property
    def _keys(self) -> str:
        return ", ".join(self._read(self._wire.key))

    def _read(self, names: Iterable[str]) -> list[str]:
        columns = filter(None, map(self._wire.read_from.column, names))
        return [self._dialect.read(column.name, column.type) for column in columns]

    # ---- writing -----------------------------------------------------------------------------------------------------

    @cached_property
    def renew(self) -> str:
        """Locks the rows that are ours and gives them another lease. claimed, token."""
        return f"UPDATE {self._table} SET {self._until} = {self._later} WHERE {self._held}"

    @cached_property
    def set_aside(self) -> str:
        """Gives one row a token of its own. That token, claimed, token, the key."""
        return f"UPDATE {self._table} SET {self._token} = ? WHERE {self._held} AND {self._keyed(1)}"

    @cached_property
    def release_all(self) -> str:
        """Lets every row that is still ours wait again. waiting, claimed, token."""
        return f"UPDATE {self._table} SET {self._status} = ?, {self._freed} WHERE {self._held}"

    @cached_property
    def release(self) -> str:
        """Lets one row wait again. waiting, claimed, token, the key."""
        return f"{self.release_all} AND {self._keyed(1)}"

    @cached_property
    def finish(self) -> str:
        """Marks every row that is still ours as done. done, claimed, token."""
        return self._finishing("")

    @cached_property
    def finish_one(self) -> str:
        """The same for one row, after the columns of its answer. The answer, done, claimed, token, the key."""
        written = "".join(f"{self._column(column.name)} = ?, " for column in self._wire.written)
        return f"{self._finishing(written)} AND {self._keyed(1)}"

    def _finishing(self, written: str) -> str:
        cleared = "".join(f", {self._column(name)} = NULL" for name in self._wire.error if name)
        return f"UPDATE {self._table} SET {written}{self._status} = ?, {self._freed}{cleared} WHERE {self._held}"

    @cached_property
    def fail(self) -> str:
        """Marks one row as failed, and takes back an earlier answer. Code and text as far as there are columns for
        them, failed, claimed, token, the key."""
        told = "".join(f"{self._column(name)} = ?, " for name in self._wire.error if name)
        gone = "".join(f", {self._column(c.name)} = NULL" for c in self._wire.written if c.null)
        change = f"SET {told}{self._status} = ?, {self._freed}{gone}"
        return f"UPDATE {self._table} {change} WHERE {self._held} AND {self._keyed(1)}"

    def delete(self, outlet: Outlet, count: int) -> str:
        """Takes back what was answered before. The keys."""
        return f"DELETE FROM {self._dialect.quote(outlet.table.name)} WHERE {self._keyed(count, tuple(outlet.key))}"

    def insert(self, outlet: Outlet, names: Sequence[str], count: int) -> str:
        """Writes rows of an answer into these columns. Row by row: their values."""
        row = f"({', '.join('?' * len(names))})"
        into = f"INSERT INTO {self._dialect.quote(outlet.table.name)} ({self._names(names)})"
        return f"{into} VALUES {', '.join([row] * count)}"

    # ---- how many at once --------------------------------------------------------------------------------------------

    @property
    def keys_at_once(self) -> int:
        """Keys that one statement takes, beside three other parameters."""
        return min(MOST_KEYS, max(1, (self._dialect.parameters - 3) // len(self._wire.key)))

    def rows_at_once(self, columns: int) -> int:
        """Rows of so many columns that one INSERT takes."""
        return max(1, min(self._dialect.rows, self._dialect.parameters // columns))

    def _names(self, names: Iterable[str]) -> str:
        return ", ".join(map(self._column, names))

    def _keyed(self, count: int, names: Sequence[str] = ()) -> str:
        """That a row has one of so many keys."""
        quoted = [self._column(name) for name in names or self._wire.key]
        if len(quoted) == 1:
            return f"{quoted[0]} IN ({', '.join('?' * count)})" if count > 1 else f"{quoted[0]} = ?"
        one = " AND ".join(f"{name} = ?" for name in quoted)
        return f"({' OR '.join([f'({one})'] * count)})"

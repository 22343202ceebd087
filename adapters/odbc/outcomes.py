"""What a claimed row is and what becomes of it, from the result of a desk to the values the driver is given. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias

from adapters.odbc import faults, rows
from adapters.odbc.codec import ROW, UNREADABLE, OdbcCodec, answer_of, refusal_of
from adapters.odbc.section import Outlet, Wire
from adapters.odbc.tables import Column
from contracts.errors import ScoregateError
from gateway.spi import Answer, Asked, Refusal

NOT_WRITTEN: Final = "answer_not_written"
Key: TypeAlias = tuple[Any, ...]
"""The key of a row as the driver gave it."""


class Claimed(NamedTuple):
    """A row that is ours: its key, the rows read for it as the driver gave them (one, unless a query gives another
    number), the bytes to submit and what they are called. ``token`` is its own, where it has not that of its batch.
    """

    key: Key
    found: tuple[tuple[Any, ...], ...]
    raw: bytes
    name: str
    token: str = ""

    def asked(self, principal: str) -> Asked:
        return Asked(self.raw, {ROW: self.name}, principal, self.name)


class Filled(NamedTuple):
    """One row to insert, or the columns of an answer: names and values, in the same order."""

    names: tuple[str, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """The row is answered: with columns of a decision, and the rows of its lists by the list's name."""

    answer: Filled
    lists: Mapping[str, Sequence[Filled]]
    happened: ClassVar[str] = "answered"


@dataclass(frozen=True, slots=True)
class Failed:
    """The row is refused, or its answer cannot be written: code and text as they fit their columns."""

    told: tuple[str, str]
    happened: ClassVar[str] = "failed"


@dataclass(frozen=True, slots=True)
class Released:
    """The row waits again."""

    happened: str


UNDECIDED: Final = Released("undecided")
"""Nothing could be decided for now."""
CHANGED: Final = Released("changed")
"""Another row stands there by now."""
Outcome: TypeAlias = Written | Failed | Released


class RowReader:
    """Makes submissions of what a statement gives: the key, the version if there is one, the row."""

    def __init__(self, wire: Wire) -> None:
        keyed = [wire.read_from.column(name) for name in (*wire.key, *filter(None, (wire.version,)))]
        self._spelled = [rows.converter(column) for column in keyed if column is not None]
        self._keys, self._read = len(wire.key), rows.reader(wire.row)

    def key(self, values: Sequence[Any]) -> Key:
        return tuple(values[: self._keys])

    def claimed(self, key: Key, found: Sequence[tuple[Any, ...]]) -> Claimed:
        trees = [self._read(values[len(self._spelled) :]) for values in found]
        raw = rows.written(trees[0] if len(trees) == 1 else trees)
        told = [spelled(value) for spelled, value in zip(self._spelled, (found or [key])[0], strict=False)]
        version = told[-1] if len(told) > self._keys else None
        return Claimed(key, tuple(found), raw, rows.row_key(told[: self._keys], version, raw))

    def apart(self, key: Key, values: Sequence[Any]) -> Claimed:
        """A row of which not all can be read: its version if it has one, and its columns; of what cannot, the fault."""
        states = [one.state if isinstance(one, faults.DatabaseFault) else "" for one in values]
        known = [None if state else value for state, value in zip(states, values, strict=True)]
        beside = len(self._spelled) - self._keys
        tree = self._read(known[beside:])
        cannot = {name: {UNREADABLE: state} for name, state in zip(tree, states[beside:], strict=True) if state}
        raw = rows.written(tree | cannot)
        told = [spelled(value) for spelled, value in zip(self._spelled, (*key, *known), strict=False)]
        return Claimed(key, (), raw, rows.row_key(told[: self._keys], told[-1] if beside else None, raw))

    def same(self, claimed: Claimed, found: Sequence[tuple[Any, ...]]) -> bool:
        """Whether what stands there now is what was claimed."""
        if claimed.found == tuple(found):
            return True
        again = self.claimed(claimed.key, found)  # not every value is equal to itself
        return (again.raw, again.name) == (claimed.raw, claimed.name)


class OutcomeReader:
    """Makes of a desk's results what is written, bound to the columns it goes to."""

    def __init__(self, codec: OdbcCodec, refusal: Callable[[ScoregateError], Refusal]) -> None:
        wire = codec.wire
        self._codec, self._refusal, self._wire = codec, refusal, wire
        self._answered = _binders(wire.answered)
        self._listed = {name: _binders(outlet.columns) for name, outlet in wire.lists.items()}
        self._links = {name: _link(outlet, wire.key) for name, outlet in wire.lists.items()}
        self._link = _link(wire.outlet, wire.key) if wire.outlet else None
        self._error = [wire.table.column(name) for name in wire.error]

    def outcome(self, claimed: Claimed, result: Answer | ScoregateError) -> Outcome:
        if isinstance(result, ScoregateError):
            if faults.outcome(result) == "waiting":
                return UNDECIDED
            return self.failed(*refusal_of(self._codec.refuse(self._refusal(result))))
        try:
            return self._written(claimed.key, *answer_of(result.payload))
        except (ValueError, OverflowError) as exc:  # texts of rows.bound: they name the column, and no value
            return self.failed(NOT_WRITTEN, f"the decision stands, but its answer does not fit: {exc}")

    def failed(self, code: str, text: str) -> Failed:
        """Code and text, each cut to its column."""
        code_column, text_column = self._error
        return Failed((_cut(code_column, code), _cut(text_column, text)))

    def _written(self, key: Key, columns: Mapping[str, Any], lists: Mapping[str, Any]) -> Written:
        answer = _bound(self._answered, columns)
        found = {
            name: [self._numbered(name, key, number, row) for number, row in enumerate(lists.get(name) or (), 1)]
            for name in self._wire.lists
        }
        return Written(self._link(key, answer) if self._link else answer, found)

    def _numbered(self, name: str, key: Key, number: int, row: Mapping[str, Any]) -> Filled:
        filled = _bound(self._listed[name], row)
        counted = Filled((self._wire.lists[name].number, *filled.names), (number, *filled.values))
        return self._links[name](key, counted)


def linked(outlet: Outlet, names: Sequence[str], key: Key) -> Key:
    """A request's key in the order of an outlet's key columns."""
    return tuple(key[at] for at in _places(outlet, names))


def _places(outlet: Outlet, names: Sequence[str]) -> Sequence[int]:
    return [names.index(name) for name in outlet.key.values()]


def _link(outlet: Outlet, names: Sequence[str]) -> Callable[[Key, Filled], Filled]:
    """What puts the key before the columns of a row."""
    keyed, places = tuple(outlet.key), _places(outlet, names)
    return lambda key, row: Filled(keyed + row.names, (*[key[at] for at in places], *row.values))


Binders: TypeAlias = Mapping[str, Callable[[Any], Any]]
"""What binds a value, by the name of its column."""


def _binders(columns: Iterable[Column]) -> Binders:
    return {column.name: rows.binder(column) for column in columns}


def _bound(binders: Binders, told: Mapping[str, Any]) -> Filled:
    for name in told:
        if name not in binders:
            raise ValueError(f"tables.yaml declares no column {name} for it")
    return Filled(tuple(told), tuple([binders[name](value) for name, value in told.items()]))


def _cut(column: Column | None, text: str) -> str:
    return text[: column.size] if column is not None and column.size else text

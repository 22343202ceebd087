"""The column engine: a batch mapped, checked and brought up at once, the regular rows in columns, the others named.

``rows.py`` and ``upcast.py`` are its other half: both print the fields, rules and steps of one contract. This one only
tells which rows are free of problems; a row that is not goes through the row engine, which says why.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.expressions import row_printer
from contracts.expressions.columns import column_printer
from contracts.lazy import COLUMNS, Lazy
from contracts.mapping.columns import ColumnMap, column_type, held
from contracts.mapping.conversions import LIMIT
from contracts.mapping.natives import Natives
from contracts.mapping.request import RequestMap
from contracts.odcs import Contract
from contracts.types import Field, Origin, Record, State, Value
from contracts.upcast import CAUSE, Lacking, Supplied, Taken, Upcast, convert

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Lazy("polars", COLUMNS)

Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]
States = int | NDArray[np.uint8]
"""One state for all rows, or one per row."""


class ColumnRecords(NamedTuple):
    """Records in columns. ``frame`` has a column of values for each field, by its name, null unless given.

    ``states`` are per field in contract order, ``origins`` and ``causes`` the same in every row. ``rows`` are the
    places of the records in their batch.
    """

    contract: Contract
    frame: pl.DataFrame
    states: tuple[States, ...]
    origins: bytes
    causes: dict[int, str]
    rows: Rows

    def take(self, wanted: Bools) -> ColumnRecords:
        """The records that are marked; all of them if all are."""
        if wanted.all():
            return self
        states = tuple(one if isinstance(one, int) else one[wanted] for one in self.states)
        return self._replace(frame=self.frame.filter(pl.Series(wanted)), states=states, rows=self.rows[wanted])

    def values(self, row: int) -> tuple[Value, ...]:
        """The values of one record as the row engine has them."""
        return tuple(
            field.codes[value] if field.type == "code" and value is not None else value
            for field, value in zip(self.contract.fields, self.frame.row(row), strict=True)
        )

    def states_of(self, row: int) -> bytes:
        return bytes([int(states if isinstance(states, int) else states[row]) for states in self.states])

    def numbers(self, field: Field) -> NDArray[np.float64]:
        """The numbers of a field as float64, as ``models.features.number_of`` gives them; NaN where it is not given."""
        whole = self.frame[field.name].cast(pl.Float64)
        return (whole / float(10**field.scale) if field.type == "decimal" else whole).to_numpy()

    def record(self, row: int) -> Record:
        """One record as the row engine has it."""
        return Record(self.contract.ref, self.values(row), self.states_of(row), self.origins, self.causes)


class Read(NamedTuple):
    """A batch read: its regular records as they were sent, the same in the version that is scored, and the rows that
    are left to the row engine."""

    sent: ColumnRecords
    records: ColumnRecords
    left: Rows


class ColumnEngine:
    """A contract and a mapping compiled for batches; holds no state of them and may be shared by threads.

    With ``upcast``, a step and the contract it leads to, records are checked in both versions.
    """

    def __init__(self, contract: Contract, request: RequestMap, upcast: tuple[Upcast, Contract] | None = None) -> None:
        self.contract, self.mapping = contract, ColumnMap(request)
        self._origins, self._causes = request.origins, request.causes
        self._checks = ColumnChecks(contract)
        self._rise = ColumnUpcast(*upcast) if upcast else None
        self._again = ColumnChecks(upcast[1]) if upcast else None

    def read(self, natives: Natives) -> Read:
        """The regular records of a batch, and the rows that are not: those with a problem, and odd ones."""
        sent, clean = self._mapped(natives)
        clean[np.array(natives.strange, np.int64)] = False
        clean = self._checks.clean(sent, clean)
        records = sent
        if self._rise and self._again:
            records, clean = self._rise.apply(sent, clean)
            clean = self._again.clean(records, clean)
        return Read(sent.take(clean), records.take(clean), np.flatnonzero(~clean))

    def _mapped(self, natives: Natives) -> tuple[ColumnRecords, Bools]:
        mapped = self.mapping.read(natives)
        frame = mapped.frame
        if frame.height != natives.size:  # nothing comes from the wire: one row stands for all
            frame = frame[np.zeros(natives.size, np.int64)]
        names = [field.name for field in self.contract.fields]
        states = tuple(
            mapped.states[name] if name in mapped.states else frame[f"{name}.state"].to_numpy() for name in names
        )
        rows = np.arange(natives.size, dtype=np.int64)
        records = ColumnRecords(self.contract, frame.select(names), states, self._origins, self._causes, rows)
        return records, frame[".ok"].to_numpy().copy()


class ColumnChecks:
    """What ``RowEngine.check`` finds of a contract's records, as yes or no.

    Rules that only warn are not looked at: they are told of, and nothing follows from them.
    """

    def __init__(self, contract: Contract) -> None:
        self._fields = contract.fields
        self._legal = [check for field in contract.fields for check in _legal(field)]
        rules = [rule.expression for rule in contract.rules if rule.severity == "error"]
        printed = [(column_printer(rule, contract.fields, _column), rule) for rule in rules]
        self._legal += [found for found, _ in printed if found is not None]
        self._by_row = [row_printer(rule, contract.fields) for found, rule in printed if found is None]

    def clean(self, records: ColumnRecords, among: Bools) -> Bools:
        """Which of the records marked in ``among`` break nothing and leave nothing out that is required."""
        clean = among
        if self._legal:
            legal = records.frame.select(functools.reduce(operator.and_, self._legal).fill_null(True)).to_series()
            clean = clean & legal.to_numpy()
        for field, state in zip(self._fields, records.states, strict=True):
            if field.required:
                clean = clean & (state != _BLANK)
            if field.essential:
                clean = clean & (state != _NOT_CARRIED)
            if field.rejected == "refuse":
                clean = clean & (state != _REJECTED)
        for row in np.flatnonzero(clean) if self._by_row else ():
            values, states = records.values(int(row)), records.states_of(int(row))
            clean[row] = all(holds(values, states) is not False for holds in self._by_row)
        return clean


class ColumnUpcast:
    """A step of ``upcast.py`` for batches."""

    def __init__(self, tree: Upcast, after: Contract) -> None:
        self._tree, self._after = tree, after
        self._fields = {field.name: field for field in tree.fields}
        self._place = {field.name: position for position, field in enumerate(tree.fields)}

    def apply(self, records: ColumnRecords, clean: Bools) -> tuple[ColumnRecords, Bools]:
        """The records in the newer version; rows whose numbers would leave 64 bits are no longer clean."""
        frame = records.frame.select(self._value(entry).alias(entry.field.name) for entry in self._tree.entries)
        states: list[States] = []
        origins, causes = bytearray(), {}
        for at, entry in enumerate(self._tree.entries):
            place = self._place[entry.source] if isinstance(entry, Taken) else -1
            states.append(records.states[place] if place >= 0 else _MADE[type(entry)])
            origins.append(records.origins[place] if place >= 0 else _ORIGIN[type(entry)])
            if place >= 0 and place in records.causes:
                causes[at] = records.causes[place]
            if isinstance(entry, Lacking):
                causes[at] = CAUSE
        for entry in self._tree.entries:
            if isinstance(entry, Taken) and abs(entry.factor) != 1:
                within = pl.col(entry.source).abs() < LIMIT // abs(entry.factor)
                clean = clean & records.frame.select(within.fill_null(True)).to_series().to_numpy()
        risen = ColumnRecords(self._after, frame, tuple(states), bytes(origins), causes, records.rows)
        return risen, clean

    def _value(self, entry: Taken | Supplied | Lacking) -> pl.Expr:
        kind = column_type(entry.field)
        if not isinstance(entry, Taken):
            value = entry.value if isinstance(entry, Supplied) else None
            return pl.lit(held(entry.field, value), dtype=kind)
        source, column = self._fields[entry.source], pl.col(entry.source)
        if source.type == "code":
            new = [held(entry.field, convert(entry, code)) for code in source.codes]
            return column.replace_strict(list(range(len(new))), pl.Series(new, dtype=kind), return_dtype=kind)
        if entry.codes:
            chain: Any = pl.when(False).then(pl.lit(None, dtype=kind))
            for old, value in entry.codes:
                chain = chain.when(column == pl.lit(old)).then(pl.lit(held(entry.field, value), dtype=kind))
            found: pl.Expr = chain.otherwise(column if column_type(source) == kind else pl.lit(None, dtype=kind))
            return found
        return column if entry.factor == 1 else column * entry.factor


_BLANK, _NOT_CARRIED, _REJECTED = int(State.BLANK), int(State.NOT_CARRIED), int(State.REJECTED)
_MADE = {Supplied: int(State.GIVEN), Lacking: _NOT_CARRIED}
_ORIGIN = {Supplied: int(Origin.UPCAST), Lacking: int(Origin.WIRE)}


def _legal(field: Field) -> Iterator[pl.Expr]:
    """What the value of a field must keep to; null where it has none."""
    value = _column(field)
    if field.minimum is not None:
        yield value >= _bound(field, field.minimum)
    if field.maximum is not None:
        yield value <= _bound(field, field.maximum)
    if field.type == "string":
        if field.min_length is not None:
            yield value.str.len_chars() >= field.min_length
        if field.max_length is not None:
            yield value.str.len_chars() <= field.max_length
        if field.pattern is not None:
            yield value.str.contains(field.pattern)


def _bound(field: Field, bound: int | date) -> pl.Expr:
    """A bound of a field; one that no value can reach stands at the end of what 64 bits hold."""
    reached = bound if isinstance(bound, date) else min(max(bound, -LIMIT), LIMIT)
    return pl.lit(reached, dtype=column_type(field))


def _column(field: Field) -> pl.Expr:
    return pl.col(field.name)

"""The column engine: a batch mapped and checked at once, the regular rows in columns, the others named.

``rows.py`` is its other half: both print the fields and rules of one contract. This one only tells which rows are free
of problems; a row that is not goes through the row engine, which says why.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.expressions import row_printer
from contracts.expressions.columns import column_printer
from contracts.lazy import COLUMNS, Lazy
from contracts.mapping.columns import ColumnMap, Mapped, column_type
from contracts.mapping.conversions import LIMIT
from contracts.mapping.natives import Natives
from contracts.mapping.request import RequestMap
from contracts.odcs import Contract
from contracts.types import Field, State, Value

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Lazy("polars", COLUMNS)

class ColumnRecords(NamedTuple):
    """Records in columns. ``frame`` has a column of values for each field, by its name, null unless given.

    ``states`` holds, per field in contract order, one state for all rows or one per row, uint8. ``rows`` are the
    places of the records in their batch.
    """

    contract: Contract
    frame: pl.DataFrame
    states: tuple[int | NDArray[np.uint8], ...]
    rows: NDArray[np.int64]

    def values(self, row: int) -> tuple[Value, ...]:
        """The values of one record as the row engine has them."""
        held = self.frame.row(row)
        return tuple(
            field.codes[value] if field.type == "code" and value is not None else value
            for field, value in zip(self.contract.fields, held, strict=True)
        )

    def states_of(self, row: int) -> bytes:
        return bytes(int(states if isinstance(states, int) else states[row]) for states in self.states)


class ColumnEngine:
    """A contract and a mapping compiled for batches; holds no state of them and may be shared by threads."""

    def __init__(self, contract: Contract, request: RequestMap) -> None:
        self.contract, self.mapping = contract, ColumnMap(request)
        states = self.mapping.states
        self._checks = [check for field in contract.fields for check in _checks(field, states.get(field.name))]
        printed = [(column_printer(rule.expression, contract.fields, _column), rule) for rule in contract.rules]
        self._rules = [found for found, _ in printed if found is not None]
        self._by_row = [row_printer(rule.expression, contract.fields) for found, rule in printed if found is None]

    def read(self, natives: Natives) -> tuple[ColumnRecords, NDArray[np.int64]]:
        """The regular records of a batch, and the rows that are not: those with a problem, and odd ones."""
        mapped = self.mapping.read(natives)
        conditions = [pl.col(".ok"), *self._checks, *self._rules]
        clean = mapped.frame.select(_all(conditions)).to_series().to_numpy()
        if len(clean) != natives.size:  # nothing comes from the wire: one row stands for all
            clean = np.repeat(clean, natives.size)
            mapped = mapped._replace(frame=mapped.frame[np.zeros(natives.size, np.int64)])
        if natives.strange or self._by_row:
            clean = clean.copy()
            clean[natives.strange] = False
        records = _taken(self.contract, mapped, clean)
        if self._by_row:
            held = [row for row in range(len(records.rows)) if self._holds(records, row)]
            clean[np.delete(records.rows, held)] = False
            records = _taken(self.contract, mapped, clean)
        return records, np.flatnonzero(~clean)

    def _holds(self, records: ColumnRecords, row: int) -> bool:
        """Whether the rules no column holds are kept by a record."""
        values, states = records.values(row), records.states_of(row)
        return all(holds(values, states) is not False for holds in self._by_row)


def _taken(contract: Contract, mapped: Mapped, clean: NDArray[np.bool_]) -> ColumnRecords:
    """The rows marked clean as records."""
    rows = np.flatnonzero(clean)
    kept = mapped.frame if len(rows) == len(clean) else mapped.frame.filter(pl.Series(clean))
    names = [field.name for field in contract.fields]
    states = tuple(
        mapped.states[name] if name in mapped.states else kept[f"{name}.state"].to_numpy() for name in names
    )
    return ColumnRecords(contract, kept.select(names), states, rows)


def _checks(field: Field, state: int | None) -> Iterator[pl.Expr]:
    """What a field must keep to, where all rows have one ``state`` or each its own; null where it has no value."""
    value = _column(field)
    if state == State.NOT_CARRIED and field.essential:
        yield pl.lit(False)
    if state is None and field.required:
        yield pl.col(f"{field.name}.state") != int(State.BLANK)
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
    held = bound if isinstance(bound, date) else min(max(bound, -LIMIT), LIMIT)
    return pl.lit(held, dtype=column_type(field))


def _column(field: Field) -> pl.Expr:
    return pl.col(field.name)


def _all(conditions: Sequence[pl.Expr]) -> pl.Expr:
    """Whether none of the conditions is false; an unknown one is not."""
    return functools.reduce(operator.and_, conditions).fill_null(True)

"""A batch of native records from the typed columns of a Parquet or Arrow file.

They stand for these native values, whether the column engine or the row engine reads them:

* whole numbers, decimals, texts and truths for themselves, a null for ``null``; categories for their text;
* a day for its text as ``YYYY-MM-DD``;
* a floating-point number for the whole number it is, below 2^53; any other has no exact decimal value and is a value
  of the wrong type, as NaN is;
* a struct for a group, a list for a list, without days in them. Every other type is refused.

A column whose name has dots in it (``applicant.income``) stands for the path it spells, as a struct does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from contracts.errors import MalformedPayload
from contracts.lazy import COLUMNS, Lazy
from contracts.mapping.natives import Native, Natives, Wanted
from contracts.mapping.paths import EACH
from contracts.mapping.tree import BESIDE
from contracts.mapping.unknown import UnknownFields

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Lazy("polars", COLUMNS)

_EXACT: Final = 2**53
_DAY: Final = "%Y-%m-%d"


def from_frame(frame: pl.DataFrame, wanted: Iterable[Wanted], unknown: UnknownFields | None) -> Natives:
    """The records of a frame; ``unknown`` finds columns that nothing reads.

    Raises MalformedPayload naming the columns that have no native value, or that nothing reads.
    """
    table = Table(frame, tuple(wanted))
    table.check()
    found = unknown.find(table.outline()) if unknown else ()
    if found:
        raise MalformedPayload(
            f"columns that no field stands for: {', '.join(found)}; map them, ignore them or leave them out",
            code="unknown_column",
        )
    return Natives(frame.height, {one: table.column(one) for one in table.wanted}, (), table.tree)


class Table:
    """Where the native paths lie in a frame, and how one of its rows becomes a tree."""

    def __init__(self, frame: pl.DataFrame, wanted: tuple[Wanted, ...]) -> None:
        self.wanted = wanted
        plain = {one.path.steps[0] for one in wanted if len(one.path.steps) == 1}
        self._steps = {name: (name,) if name in plain else tuple(name.split(".")) for name in frame.columns}
        days = [name for name, kind in frame.schema.items() if kind == pl.Date]
        self._frame = frame.with_columns(pl.col(days).dt.to_string(_DAY)) if days else frame

    def check(self) -> None:
        """Raise MalformedPayload for columns without a native value, reserved names, and places with two columns."""
        odd = [f"{name} ({kind})" for name, kind in self._frame.schema.items() if not _readable(kind)]
        if odd:
            raise MalformedPayload(
                f"columns whose type has no exact value here: {', '.join(odd)}; "
                "write them as whole numbers, decimals, texts, days or truths",
                code="column_type",
            )
        steps = list(self._steps.values())
        for one in steps:
            if one[0] in BESIDE:
                raise MalformedPayload(f"{one[0]!r} is a reserved name; leave it out", code="reserved_name")
            if any(other != one and other[: len(one)] == one for other in steps):
                message = f"{'.'.join(one)!r} is a column, and other columns lie below it; keep one of the two"
                raise MalformedPayload(message, code="column_twice")

    def outline(self) -> dict[str, Any]:
        """A tree with every name the frame has and no values."""
        return self._nested({name: _outline(kind) for name, kind in self._frame.schema.items()})

    def tree(self, row: int) -> dict[str, Any]:
        """One row as the tree the row engine reads."""
        return self._nested({name: _plain(value) for name, value in self._frame.row(row, named=True).items()})

    def _nested(self, row: Mapping[str, Any]) -> dict[str, Any]:
        tree: dict[str, Any] = {"header": {}}
        for name, value in row.items():
            *above, last = self._steps[name]
            node = tree
            for step in above:
                node = node.setdefault(step, {})
            node[last] = value
        return tree

    def column(self, one: Wanted) -> Native:
        """The column at a path; absent in every row where the frame has none, odd where a look-up must be asked."""
        everywhere = pl.repeat(True, self._frame.height, dtype=pl.Boolean, eager=True)
        if one.lookup:
            return Native("none", self._nulls(), None, everywhere)
        names = tuple(step for step in one.path.steps if step is not EACH and step != 0)
        if any(isinstance(step, int) for step in names):  # the second applicant, the third …
            return Native("none", self._nulls(), None, everywhere)
        for name, steps in self._steps.items():
            if names[: len(steps)] == steps:
                return self._below(self._frame[name], names[len(steps) :])
            if steps[: len(names)] == names:  # the path names a group of columns
                return Native("none", self._nulls(), None, everywhere)
        return Native("none", self._nulls(), everywhere)

    def _below(self, series: pl.Series, names: Sequence[object]) -> Native:
        for name in names:
            if not isinstance(series.dtype, pl.Struct):
                return Native("none", self._nulls(), None, series.is_not_null())
            if name not in {field.name for field in series.dtype.fields}:
                return Native("none", self._nulls(), series.is_not_null())
            series = series.struct.field(str(name))
        return typed_column(series)

    def _nulls(self) -> pl.Series:
        return pl.repeat(None, self._frame.height, dtype=pl.Null, eager=True)


def typed_column(series: pl.Series) -> Native:
    """The column of one typed series; what has no exact value is odd."""
    kind = series.dtype
    if kind == pl.Null:
        return Native("none", series)
    if kind == pl.Boolean:
        return Native("truth", series)
    if kind.is_decimal():
        return Native("decimal", series)
    if kind in (pl.String, pl.Categorical, pl.Enum):
        return Native("text", series.cast(pl.String))
    if kind.is_float():
        whole = series.is_finite() & (series.floor() == series) & (series.abs() < _EXACT)
        series = series.zip_with(whole.fill_null(False), pl.Series([None], dtype=kind))
        return Native("whole", series.cast(pl.Int64), None, ~whole.fill_null(True))
    if kind.is_integer():
        values = series.cast(pl.Int64, strict=False)
        return Native("whole", values, None, values.is_null() & series.is_not_null())
    return Native("none", pl.repeat(None, len(series), dtype=pl.Null, eager=True), None, series.is_not_null())


def _readable(kind: Any) -> bool:
    return bool(kind == pl.Date or _readable_below(kind))


def _readable_below(kind: Any) -> bool:
    if isinstance(kind, pl.Struct):
        return all(_readable_below(field.dtype) for field in kind.fields)
    if isinstance(kind, pl.List):
        return _readable_below(kind.inner)
    return bool(kind.is_numeric() or kind in (pl.Null, pl.Boolean, pl.String, pl.Categorical, pl.Enum))


def _outline(kind: Any) -> Any:
    if isinstance(kind, pl.Struct):
        return {field.name: _outline(field.dtype) for field in kind.fields}
    return [_outline(kind.inner)] if isinstance(kind, pl.List) else None


def _plain(value: Any) -> Any:
    """A Python value of polars as the native value it stands for."""
    if isinstance(value, dict):
        return {name: _plain(leaf) for name, leaf in value.items()}
    if isinstance(value, list):
        return [_plain(leaf) for leaf in value]
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    return value.isoformat() if isinstance(value, date) else value

"""A batch of native records as columns, one per path that is read, made from decoded trees.

What no column can hold (a list, a group, a number of twenty digits, another type than most of its column) is marked
``odd``: such a row is read by the row engine from its own tree, so nothing has to be said twice about it.

``contracts/mapping/tables.py`` makes the same of typed columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from contracts.lazy import COLUMNS, Lazy
from contracts.mapping.conversions import LIMIT
from contracts.mapping.paths import ABSENT, Mark, Path
from contracts.mapping.request import has_lookup
from contracts.mapping.tree import Wired
from contracts.mapping.unknown import UnknownFields

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Lazy("polars", COLUMNS)

Kind = Literal["text", "whole", "number", "decimal", "truth", "none"]
"""``number``: digits of whole numbers and decimals as JSON has them; ``decimal``: a typed column of one scale."""
_KINDS: Final[Mapping[type, Kind]] = {str: "text", int: "whole", Decimal: "number", bool: "truth"}


class _Odd:
    """Stands for a value that no column holds."""


ODD: Final = _Odd()


class Wanted(NamedTuple):
    """One native leaf to read. ``single``: where its path meets a list it does not declare, the row is odd."""

    path: Path
    single: bool = True
    lookup: str | None = None

    @classmethod
    def of(cls, entry: Wired) -> Wanted:
        return cls(entry.path, entry.joint is None, entry.lookup)


class Native(NamedTuple):
    """One column. ``values`` is null where there is nothing; ``absent`` and ``odd`` say why, or are None for nowhere.

    The type of ``values`` is String for ``text`` and ``number``, Int64 for ``whole``, Boolean for ``truth``, Decimal
    for ``decimal``, Null for ``none``.
    """

    kind: Kind
    values: pl.Series
    absent: pl.Series | None = None
    odd: pl.Series | None = None


class Natives(NamedTuple):
    """n native records. ``strange`` marks rows with data that nothing reads; ``tree`` gives the n-th as a tree."""

    size: int
    columns: Mapping[Wanted, Native]
    strange: Sequence[int]
    tree: Callable[[int], Mapping[str, Any]]


def from_trees(trees: Sequence[Mapping[str, Any]], wanted: Iterable[Wanted], unknown: UnknownFields | None) -> Natives:
    """Columns of decoded messages; ``unknown`` finds data that nothing reads."""
    columns = {one: column_of(_picked(trees, one)) for one in wanted}
    return Natives(len(trees), columns, unknown.rows(trees) if unknown else (), trees.__getitem__)


def _picked(trees: Sequence[Mapping[str, Any]], one: Wanted) -> list[Any]:
    """The native value of each tree, ``ABSENT`` or ``ODD``; the quick way where every tree has the path."""
    names = one.path.names
    try:
        match names:
            case (a,):
                return [tree[a] for tree in trees]
            case (a, b):
                return [tree[a][b] for tree in trees]
            case (a, b, c):
                return [tree[a][b][c] for tree in trees]
    except (KeyError, TypeError, IndexError):
        pass
    if names is None or one.lookup:
        return [_walked(tree, one) for tree in trees]
    return [_descended(tree, names) for tree in trees]


def _descended(node: Any, names: Sequence[str]) -> Any:
    for name in names:
        if type(node) is not dict:
            return node if node is None or node is ABSENT or node == "" else ODD
        node = node.get(name, ABSENT)
    return node


def _walked(tree: Mapping[str, Any], one: Wanted) -> Any:
    if one.lookup and not has_lookup(tree, one.lookup):
        return ODD
    found = one.path.walk(tree)
    if not found.values:
        return ABSENT
    if len(found.values) > 1 or (one.single and found.undeclared) or found.values[0] is Mark.MISFIT:
        return ODD
    return found.values[0]


def column_of(values: list[Any]) -> Native:
    """The column of native values as they stand in trees; ``ABSENT`` and ``ODD`` may be among them."""
    absent, types = None, set(map(type, values))
    if Mark in types:
        absent = pl.Series([value is ABSENT for value in values], dtype=pl.Boolean)
        values = [None if value is ABSENT else value for value in values]
        types = set(map(type, values))
    kind = _kind(types)
    if kind:
        try:
            return Native(kind, _series(kind, values), absent)
        except (TypeError, OverflowError, UnicodeEncodeError):
            pass  # some number is too long, or some text is none
    return _sorted_out(values, absent)


def _kind(types: set[type]) -> Kind | None:
    """The kind of a column of these types; None where no column holds them all."""
    kinds = {_KINDS.get(kind) for kind in types - {type(None)}}
    if not kinds:
        return "none"
    if len(kinds) == 1:
        return kinds.pop()
    return "number" if kinds == {"whole", "number"} else None


def _sorted_out(values: list[Any], absent: pl.Series | None) -> Native:
    """A column of the kind most values have; all others are odd."""
    kinds = [_kind_of(value) for value in values]
    counts = Counter(kind for kind in kinds if kind not in (None, "none"))
    if counts["number"]:
        counts["number"] += counts.pop("whole", 0)
    best: Kind = max(counts, key=lambda kind: counts[kind]) if counts else "none"
    held = ("none", best, "whole") if best == "number" else ("none", best)
    kept = [value if kind in held else None for value, kind in zip(values, kinds, strict=True)]
    odd = pl.Series([kind not in held for kind in kinds], dtype=pl.Boolean)
    return Native(best, _series(best, kept), absent, odd)


def _kind_of(value: Any) -> Kind | None:
    if value is None:
        return "none"
    kind = _KINDS.get(type(value))
    if kind == "whole" and not -LIMIT < value < LIMIT:
        return None
    return None if kind == "text" and not _encodable(value) else kind


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _series(kind: Kind, values: list[Any]) -> pl.Series:
    match kind:
        case "whole":
            return pl.Series(values, dtype=pl.Int64)
        case "truth":
            return pl.Series(values, dtype=pl.Boolean)
        case "none":
            return pl.Series(values, dtype=pl.Null)
        case "number":
            return pl.Series([None if value is None else str(value) for value in values], dtype=pl.String)
    return pl.Series(values, dtype=pl.String)

"""The column printer: a rule as one polars expression over columns of values, in exact integer arithmetic.

Every number has, beside its scale, a bound on its size: a field that of its contract or eighteen digits, a result what
its operands allow. Where 64 bits cannot hold it 128 are taken, and what could overflow those is not printed at all:
the row printer takes such a rule.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contracts.expressions.row import decimals, scaled
from contracts.expressions.tree import Arith, Call, Compare, Expr, Logic, Name, Neg, Not, Number, OneOf, Text
from contracts.lazy import COLUMNS, Lazy
from contracts.types import Field

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Lazy("polars", COLUMNS)

LARGEST: Final = 10**18
_SMALL, _WIDE = 2**62, 2**126
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


class _TooWide(Exception):
    """A result that 128 bits might not hold."""


class _Term(NamedTuple):
    """A printed part. ``bound``: no value in it is larger, without its sign; 0 for what is no number."""

    of: pl.Expr
    scale: int = 0
    bound: int = 0
    field: Field | None = None
    text: str | None = None


def column_printer(expr: Expr, contract_fields: Sequence[Field], column: Callable[[Field], pl.Expr]) -> pl.Expr | None:
    """A rule that ``check`` found faultless as an expression: true, false, or null where it is unknown.

    ``column`` names the column of a field's values, null unless given: Int64 for numbers (decimals scaled), UInt32 for
    codes, Boolean, Date, String. Numbers must lie within their field's bounds. None where 128 bits might overflow.
    """
    try:
        return _Printer(contract_fields, column).print(expr).of
    except _TooWide:
        return None


class _Printer:
    def __init__(self, fields: Sequence[Field], column: Callable[[Field], pl.Expr]) -> None:
        self.fields = {field.name: field for field in fields}
        self.column = column

    def print(self, expr: Expr) -> _Term:
        match expr:
            case Number(value=number):
                return self.number(number, decimals(number))
            case Text(value=text):
                return _Term(pl.lit(text), text=text)
            case Name(name=name):
                field = self.fields[name]
                return _Term(self.column(field), field.scale, _bound(field), field)
            case Neg(a=a):
                term = self.print(a)
                return _Term(-term.of, term.scale, term.bound)
            case Arith(op=op, a=a, b=b):
                return self.arithmetic(op, a, b)
            case Call(fn=fn, args=args):
                return self.call(fn, args)
        return _Term(self.truth(expr))

    def number(self, number: Decimal, scale: int) -> _Term:
        units = scaled(number, scale)
        return _Term(pl.lit(units, dtype=pl.Int64 if abs(units) < _SMALL else pl.Int128), scale, abs(units))

    def arithmetic(self, op: str, a: Expr, b: Expr) -> _Term:
        if op == "*":
            left, right = self.print(a), self.print(b)
            bound = left.bound * right.bound
            one, other = _wide([left, right], bound)
            return _Term(one * other, left.scale + right.scale, bound)
        left, right = self.level([a, b])
        bound = left.bound + right.bound
        one, other = _wide([left, right], bound)
        return _Term(_OPERATORS[op](one, other), left.scale, bound)

    def level(self, parts: Sequence[Expr]) -> list[_Term]:
        """All parts brought to the largest of their scales."""
        terms = [self.print(part) for part in parts]
        top = max(term.scale for term in terms)
        return [_times(term, top) for term in terms]

    def truth(self, expr: Not | Logic | Compare | OneOf) -> pl.Expr:
        match expr:
            case Not(a=a):
                return ~self.print(a).of
            case Logic(op=word, items=items):
                parts = [self.print(item).of for item in items]
                return functools.reduce(operator.or_ if word == "or" else operator.and_, parts)
            case Compare(op=op, a=a, b=b):
                return self.comparison(op, a, b)
            case OneOf(a=a, choices=choices, negated=negated):
                found = [self.comparison("==", a, _leaf(choice)) for choice in choices]
                whole = functools.reduce(operator.or_, found)
                return ~whole if negated else whole

    def comparison(self, op: str, a: Expr, b: Expr) -> pl.Expr:
        left, right = self.level([a, b])
        if left.bound or right.bound:
            one, other = _wide([left, right], max(left.bound, right.bound))
            return _OPERATORS[op](one, other)  # type: ignore[no-any-return]
        one, other = _place(left, right), _place(right, left)
        return _OPERATORS[op](one, other)  # type: ignore[no-any-return]

    def call(self, fn: str, args: Sequence[Expr]) -> _Term:
        match fn, args:
            case "given", [Name(name=name)]:
                return _Term(self.column(self.fields[name]).is_not_null())
            case "where", [condition, a, b]:
                test, yes, no = self.print(condition).of, *self.level([a, b])
                one, other = _wide([yes, no], max(yes.bound, no.bound))
                known = test.is_not_null() & one.is_not_null() & other.is_not_null()
                return _Term(pl.when(known & test).then(one).when(known).then(other), yes.scale, max(yes[2], no[2]))
            case "abs", [a]:
                term = self.print(a)
                return _Term(term.of.abs(), term.scale, term.bound)
            case "min" | "max", _:
                return self.extreme(fn, self.level(args))
        raise ValueError(f"{fn} has no exact result: it is for features only")

    def extreme(self, fn: str, terms: Sequence[_Term]) -> _Term:
        bound = max(term.bound for term in terms)
        parts = _wide(terms, bound)
        known = functools.reduce(operator.and_, [part.is_not_null() for part in parts])
        found = pl.min_horizontal(parts) if fn == "min" else pl.max_horizontal(parts)
        return _Term(pl.when(known).then(found), terms[0].scale, bound)


def _bound(field: Field) -> int:
    """How large a value of a field can be; its own bounds hold, as a value beyond them is a problem already."""
    if field.type not in ("integer", "decimal"):
        return 0
    low, high = field.minimum, field.maximum
    ends = [abs(end) for end in (low, high) if isinstance(end, int)]
    return max(*ends, 1) if len(ends) == 2 else LARGEST


def _times(term: _Term, scale: int) -> _Term:
    if scale == term.scale:
        return term
    factor = 10 ** (scale - term.scale)
    (of,) = _wide([term], term.bound * factor)
    return _Term(of * pl.lit(factor, dtype=pl.Int64), scale, term.bound * factor)


def _wide(terms: Sequence[_Term], bound: int) -> list[pl.Expr]:
    """The expressions in a width that holds ``bound``."""
    if bound >= _WIDE:
        raise _TooWide
    if bound < _SMALL and all(term.bound < _SMALL for term in terms):
        return [term.of for term in terms]
    return [term.of.cast(pl.Int128) for term in terms]


def _leaf(choice: str | Decimal) -> Expr:
    return Text(choice) if isinstance(choice, str) else Number(choice)


def _place(term: _Term, other: _Term) -> pl.Expr:
    """What is no number, ready to be compared: a code as its place beside a text of its list, else as its text."""
    if term.text is not None and other.field is not None and other.field.type == "code":
        codes = other.field.codes
        return pl.lit(codes.index(term.text) if term.text in codes else len(codes), dtype=pl.UInt32)
    if term.field is None or term.field.type != "code":
        return term.of
    if other.text is not None or (other.field is not None and other.field.codes == term.field.codes):
        return term.of
    codes = term.field.codes
    return term.of.replace_strict(list(range(len(codes))), list(codes), return_dtype=pl.String)

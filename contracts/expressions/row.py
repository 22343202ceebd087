"""A rule as closures over one record, in exact integer arithmetic, whatever of it is missing.

Every number has a scale known beforehand: a field its own, a literal its decimals, a sum the larger of the two, a
product both together. Operands are brought to one scale by multiplying, so no digit is ever lost.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

from contracts.expressions.tree import Arith, Call, Compare, Expr, Logic, Name, Neg, Not, Number, OneOf, Text
from contracts.types import Field, State, Value

Eval: TypeAlias = Callable[[Sequence[Value], "bytes | bytearray"], Any]
Rule: TypeAlias = "Callable[[Sequence[Value], bytes | bytearray], bool | None]"

_OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {"abs": abs, "min": min, "max": max}
_GIVEN: Final = int(State.GIVEN)


def careful_printer(expr: Expr, contract_fields: Sequence[Field]) -> Rule:
    """Compile a rule that ``check`` found faultless.

    The function takes the values and state bytes of a record in the order of ``contract_fields`` and returns True
    (holds), False (broken) or None (unknown, because a value it needs is missing).
    """
    return _Printer(contract_fields).print(expr)[0]


class _Printer:
    """``print`` gives the function of an expression and the scale of its result (0 for what is no number)."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = {field.name: (index, field.scale) for index, field in enumerate(fields)}

    def print(self, expr: Expr) -> tuple[Eval, int]:
        match expr:
            case Number() | Text() | Name():
                return self.leaf(expr)
            case Arith(op=op, a=a, b=b):
                return self.arithmetic(op, a, b)
            case Call(fn=fn, args=args):
                return self.call(fn, args)
            case Neg(a=a):
                of, scale = self.print(a)
                return _each(operator.neg, [of]), scale
        return self.truth(expr), 0

    def leaf(self, expr: Number | Text | Name) -> tuple[Eval, int]:
        match expr:
            case Number(value=number):
                scale = decimals(number)
                return _constant(scaled(number, scale)), scale
            case Text(value=text):
                return _constant(text), 0
            case Name(name=name):
                index, scale = self.fields[name]
                return _field(index), scale

    def arithmetic(self, op: str, a: Expr, b: Expr) -> tuple[Eval, int]:
        if op == "*":
            (left, m), (right, n) = self.print(a), self.print(b)
            return _pair(operator.mul, left, right), m + n
        (left, right), scale = self.level(a, b)
        return _pair(_OPERATORS[op], left, right), scale

    def truth(self, expr: Not | Logic | Compare | OneOf) -> Eval:
        match expr:
            case Not(a=a):
                return _each(operator.not_, [self.print(a)[0]])
            case Logic(op=word, items=items):
                return _kleene([self.print(item)[0] for item in items], word == "or")
            case Compare(op=op, a=a, b=b):
                (left, right), _ = self.level(a, b)
                return _pair(_OPERATORS[op], left, right)
            case OneOf(a=a, choices=choices, negated=negated):
                return self.one_of(a, choices, negated)

    def level(self, *parts: Expr) -> tuple[list[Eval], int]:
        """The functions of all parts, brought to the largest of their scales."""
        printed = [self.print(part) for part in parts]
        top = max(scale for _, scale in printed)
        return [_times(of, 10 ** (top - scale)) for of, scale in printed], top

    def one_of(self, a: Expr, choices: Sequence[str | Decimal], negated: bool) -> Eval:
        of, scale = self.print(a)
        top = max(scale, *(decimals(c) if isinstance(c, Decimal) else 0 for c in choices))
        wanted = frozenset(scaled(c, top) if isinstance(c, Decimal) else c for c in choices)
        return _each(lambda value: (value in wanted) is not negated, [_times(of, 10 ** (top - scale))])

    def call(self, fn: str, args: Sequence[Expr]) -> tuple[Eval, int]:
        match fn, args:
            case "given", [Name(name=name)]:
                return _is_given(self.fields[name][0]), 0
            case "where", [condition, a, b]:
                (yes, no), scale = self.level(a, b)
                return _each(lambda test, x, y: x if test else y, [self.print(condition)[0], yes, no]), scale
            case "abs" | "min" | "max", _:
                parts, scale = self.level(*args)
                return _each(_FUNCTIONS[fn], parts), scale
        raise ValueError(f"{fn} has no exact result: it is for features only")


def decimals(number: Decimal) -> int:
    """How many digits stand behind the point."""
    exponent = number.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def scaled(number: Decimal, scale: int) -> int:
    """``number`` times ten to the ``scale``, which must leave no digit behind the point."""
    sign, digits, exponent = number.as_tuple()
    value: int = int("".join(map(str, digits))) * 10 ** (scale + int(exponent))
    return -value if sign else value


def _constant(value: int | str) -> Eval:
    return lambda _values, _states: value


def _field(index: int) -> Eval:
    return lambda values, _states: values[index]


def _is_given(index: int) -> Eval:
    return lambda _values, states: states[index] == _GIVEN


def _times(of: Eval, factor: int) -> Eval:
    if factor == 1:
        return of
    return _each(lambda value: value * factor, [of])


def _pair(op: Callable[[Any, Any], Any], left: Eval, right: Eval) -> Eval:
    def evaluate(values: Sequence[Value], states: bytes | bytearray) -> Any:
        a = left(values, states)
        if a is None:
            return None
        b = right(values, states)
        return None if b is None else op(a, b)

    return evaluate


def _each(op: Callable[..., Any], parts: Sequence[Eval]) -> Eval:
    def evaluate(values: Sequence[Value], states: bytes | bytearray) -> Any:
        operands = [part(values, states) for part in parts]
        return None if None in operands else op(*operands)

    return evaluate


def _kleene(parts: Sequence[Eval], settles: bool) -> Eval:
    """``or`` is settled by the first True, ``and`` by the first False; else one unknown makes it unknown."""

    def evaluate(values: Sequence[Value], states: bytes | bytearray) -> bool | None:
        result: bool | None = not settles
        for part in parts:
            truth: bool | None = part(values, states)
            if truth is settles:
                return settles
            if truth is None:
                result = None
        return result

    return evaluate

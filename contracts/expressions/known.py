"""The row printer: a rule as one function of Python, for records in which every value it reads is known.

Nearly all are like that. ``row.py`` asks at every step whether an operand is missing, which takes longer than the
arithmetic. Here the question is put once for all fields of a rule; where one of them is missing, ``row.py`` has the
word. The text that is compiled holds positions, numbers and quoted texts of a tree, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from contracts.expressions.row import Rule, careful_printer, decimals, scaled
from contracts.expressions.tree import Arith, Call, Compare, Expr, Logic, Name, Neg, Not, Number, OneOf, Text, names
from contracts.types import Field, State

_WORDS: Final[Mapping[str, Any]] = {"abs": abs, "min": min, "max": max, "__builtins__": {}}


def row_printer(expr: Expr, contract_fields: Sequence[Field]) -> Rule:
    """Compile a rule that ``check`` found faultless.

    The function takes the values and state bytes of a record in the order of ``contract_fields`` and returns True
    (holds), False (broken) or None (unknown, because a value it needs is missing).
    """
    careful, text = careful_printer(expr, contract_fields), _Text(contract_fields)
    read = sorted(text.fields[name][0] for name in names(expr))
    known = " and ".join(f"v[{index}] is not None" for index in read) or "True"
    source = f"lambda v, s: {text.of(expr)[0]} if {known} else careful(v, s)"
    rule: Rule = eval(source, {**_WORDS, "careful": careful})  # noqa: S307 # made above, of a tree and not of a text
    return rule


class _Text:
    """``of`` gives the Python text of an expression and the scale of its result (0 for what is no number)."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = {field.name: (index, field.scale) for index, field in enumerate(fields)}

    def of(self, expr: Expr) -> tuple[str, int]:
        match expr:
            case Number(value=number):
                scale = decimals(number)
                return f"({scaled(number, scale)})", scale
            case Text(value=text):
                return repr(text), 0
            case Name(name=name):
                index, scale = self.fields[name]
                return f"v[{index}]", scale
            case Neg(a=a):
                text, scale = self.of(a)
                return f"(-{text})", scale
            case Arith(op="*", a=a, b=b):
                (left, m), (right, n) = self.of(a), self.of(b)
                return f"({left} * {right})", m + n
            case Arith(op=op, a=a, b=b):
                (left, right), scale = self.level(a, b)
                return f"({left} {op} {right})", scale
            case Call(fn=fn, args=args):
                return self.call(fn, args)
        return self.truth(expr), 0

    def truth(self, expr: Not | Logic | Compare | OneOf) -> str:
        match expr:
            case Not(a=a):
                return f"(not {self.of(a)[0]})"
            case Logic(op=word, items=items):
                return f"({f' {word} '.join(self.of(item)[0] for item in items)})"
            case Compare(op=op, a=a, b=b):
                (left, right), _ = self.level(a, b)
                return f"({left} {op} {right})"
            case OneOf(a=a, choices=choices, negated=negated):
                parts = [Text(choice) if isinstance(choice, str) else Number(choice) for choice in choices]
                (text, *wanted), _ = self.level(a, *parts)
                return f"({text} {'not in' if negated else 'in'} ({', '.join(wanted)},))"

    def level(self, *parts: Expr) -> tuple[list[str], int]:
        """The texts of all parts, brought to the largest of their scales."""
        printed = [self.of(part) for part in parts]
        top = max(scale for _, scale in printed)
        return [text if scale == top else f"({text} * {10 ** (top - scale)})" for text, scale in printed], top

    def call(self, fn: str, args: Sequence[Expr]) -> tuple[str, int]:
        match fn, args:
            case "given", [Name(name=name)]:
                return f"(s[{self.fields[name][0]}] == {int(State.GIVEN)})", 0
            case "where", [condition, a, b]:
                (yes, no), scale = self.level(a, b)
                return f"({yes} if {self.of(condition)[0]} else {no})", scale
        parts, scale = self.level(*args)
        return f"{fn}({', '.join(parts)})", scale

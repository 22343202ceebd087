"""What each part of an expression is (number, text, truth, date), and everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from contracts.expressions.tree import Arith, Call, Compare, Expr, Logic, Name, Neg, Not, Number, OneOf, Text
from contracts.source import nearest
from contracts.types import Field, FieldType

Kind = Literal["number", "text", "truth", "date"]
Purpose = Literal["rule", "feature"]

_KINDS: Final[Mapping[FieldType, Kind]] = {
    "integer": "number", "decimal": "number", "string": "text", "code": "text", "boolean": "truth", "date": "date",
    "timestamp": "date",
}  # fmt: skip


def check(expr: Expr, fields: Mapping[str, Field], *, purpose: Purpose) -> list[str]:
    """Every fault of an expression over these fields, as sentences; empty when it can be printed.

    A rule is a truth. A feature is a number or a truth (0 or 1), or the bare name of a code field (its place in the
    contract's code list).
    """
    checker = _Checker(fields, purpose)
    kind = checker.kind(expr)
    is_code = isinstance(expr, Name) and expr.name in fields and fields[expr.name].type == "code"
    if purpose == "rule" and kind not in ("truth", None):
        checker.faults.append(f"a rule says yes or no, this one is a {kind}")
    if purpose == "feature" and kind in ("text", "date") and not is_code:
        checker.faults.append(f"a feature is a number, a yes or no, or a code field; this one is a {kind}")
    return checker.faults


class _Checker:
    """Finds the kind of each part; ``None`` means that a fault below was already reported."""

    def __init__(self, fields: Mapping[str, Field], purpose: Purpose) -> None:
        self.fields = fields
        self.purpose = purpose
        self.faults: list[str] = []

    def kind(self, expr: Expr) -> Kind | None:
        match expr:
            case Number():
                return "number"
            case Text():
                return "text"
            case Name(name=name):
                return self.field(name)
            case Neg(a=a):
                return self.all("number", "-", a)
            case Arith(op=op, a=a, b=b):
                return self.arithmetic(op, a, b)
            case Call(fn=fn, args=args):
                return self.call(fn, args)
        return self.truth(expr)

    def truth(self, expr: Not | Logic | Compare | OneOf) -> Kind | None:
        match expr:
            case Not(a=a):
                return self.all("truth", "not", a)
            case Logic(op=word, items=items):
                return self.all("truth", word, *items)
            case Compare(op=op, a=a, b=b):
                return self.comparison(op, a, b)
            case OneOf(a=a, choices=choices):
                return self.one_of(a, choices)

    def field(self, name: str) -> Kind | None:
        if name in self.fields:
            return _KINDS[self.fields[name].type]
        hint = nearest(name, self.fields)
        return self.fault(f"there is no field {name!r}{f'; {hint}' if hint else ''}")

    def all(self, wanted: Kind, where: str, *parts: Expr) -> Kind | None:
        kinds = [self.kind(part) for part in parts]
        wrong = [kind for kind in kinds if kind not in (wanted, None)]
        if wrong:
            return self.fault(f"{where!r} works on a {wanted}, not on a {wrong[0]}")
        return None if None in kinds else wanted

    def arithmetic(self, op: str, a: Expr, b: Expr) -> Kind | None:
        if op == "/" and self.purpose == "rule":
            self.fault("a rule cannot divide, because the result would not be exact: multiply the other side instead")
        return self.all("number", op, a, b)

    def comparison(self, op: str, a: Expr, b: Expr) -> Kind | None:
        left, right = self.kind(a), self.kind(b)
        if left is None or right is None:
            return None
        if left != right:
            return self.fault(f"{op!r} compares a {left} with a {right}")
        if op not in ("==", "!=") and left in ("text", "truth"):
            return self.fault(f"a {left} has no order: {op!r} cannot compare it")
        for one, other in ((a, b), (b, a)):
            if isinstance(other, Text):
                self.known_code(one, other.value)
        return "truth"

    def one_of(self, a: Expr, choices: tuple[object, ...]) -> Kind | None:
        kind = self.kind(a)
        wanted = "text" if isinstance(choices[0], str) else "number"
        if kind not in (wanted, None):
            return self.fault(f"'in' compares a {kind} with a {wanted}")
        for choice in choices:
            self.known_code(a, choice)
        return kind and "truth"

    def known_code(self, a: Expr, choice: object) -> None:
        field = self.fields.get(a.name) if isinstance(a, Name) else None
        if field and field.type == "code" and choice not in field.codes:
            self.fault(f"{field.name} has no code {choice!r}; its codes are {', '.join(field.codes)}")

    def call(self, fn: str, args: tuple[Expr, ...]) -> Kind | None:
        if fn in ("log1p", "sqrt") and self.purpose == "rule":
            self.fault(f"a rule cannot use {fn}, because the result would not be exact")
        if fn == "given":
            return self.kind(args[0]) and "truth"
        if fn == "where":
            truth = self.all("truth", "where", args[0])
            return self.all("number", "where", *args[1:]) and truth and "number"
        return self.all("number", fn, *args)

    def fault(self, message: str) -> Kind | None:
        self.faults.append(message)
        return None

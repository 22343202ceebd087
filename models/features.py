"""Features of a bundle: expressions over contract fields, printed to the float64 program the kernel runs.

A field becomes one float64: an integer or a decimal its value in the field's own unit (1234.50 euro), a boolean 0 or 1,
a code its position in the contract's list of codes; NaN where there is no value. Training and serving run the same
program, so a feature cannot mean two things.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError, Fault
from contracts.expressions import (
    Arith,
    Call,
    Compare,
    Expr,
    ExpressionFault,
    Logic,
    Name,
    Neg,
    Not,
    Number,
    OneOf,
    Text,
    check,
    names,
    parse,
)
from contracts.source import nearest
from contracts.types import Field, Value
from models import program as ops
from models.program import Program, evaluate

Floats = NDArray[np.float64]
READABLE = ("integer", "decimal", "code", "boolean")
"""Field types that have a number; texts and dates have none."""
_BINARY = {
    "+": ops.ADD,
    "-": ops.SUBTRACT,
    "*": ops.MULTIPLY,
    "/": ops.DIVIDE,
    "<": ops.LESS,
    "<=": ops.LESS_EQUAL,
    "==": ops.EQUAL,
    "!=": ops.NOT_EQUAL,
    "and": ops.AND,
    "or": ops.OR,
    "min": ops.MINIMUM,
    "max": ops.MAXIMUM,
}
_UNARY = {"abs": ops.ABSOLUTE, "log1p": ops.LOG1P, "sqrt": ops.SQUARE_ROOT}


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of the model. ``group`` is the code of its reason group; ``monotone`` the direction in which the
    probability of bad may move as the feature grows: 1, -1, or 0 for either."""

    name: str
    expression: str
    group: str
    monotone: int = 0

    @property
    def reads(self) -> frozenset[str]:
        """Names of the fields the expression mentions; raises ExpressionFault where it is none."""
        return names(parse(self.expression))


@dataclass(frozen=True)
class FeatureSet:
    """Compiled features. ``fields``: those any feature reads, in contract order; a record is a row of their numbers."""

    features: tuple[Feature, ...]
    fields: tuple[Field, ...]
    program: Program

    def matrix(self, x: Floats) -> Floats:
        """Features, shape (n, F), of records ``x``, shape (n, fields), NaN where there is no value."""
        out = np.empty((len(self.features), len(x)))
        evaluate(np.ascontiguousarray(x, dtype=np.float64), self.program, out)
        return np.ascontiguousarray(out.T)


def compile_features(features: Sequence[Feature], contract_fields: Sequence[Field], file: str = "") -> FeatureSet:
    """Compile; raises ConfigurationError with every feature that does not fit the contract's fields, named.

    ``file`` is the file the faults name.
    """
    known = {field.name: field for field in contract_fields}
    trees: list[Expr] = []
    faults: list[Fault] = []
    for feature in features:
        found = _fault(feature, known)
        faults += [Fault(file, 0, 0, f"feature {feature.name!r}: {message}", hint) for message, hint in found]
        if not found:
            trees.append(parse(feature.expression))
    doubled = sorted({f.name for f in features if [g.name for g in features].count(f.name) > 1})
    faults += [Fault(file, 0, 0, f"feature {name!r} is defined twice", "rename one") for name in doubled]
    if not features:
        faults.append(Fault(file, 0, 0, "there are no features", "name at least one"))
    if faults:
        raise ConfigurationError(faults)
    read = frozenset().union(*(names(tree) for tree in trees))
    fields = tuple(field for field in contract_fields if field.name in read)
    printer = _Printer(fields)
    for position, tree in enumerate(trees):
        printer.store(tree, position)
    return FeatureSet(tuple(features), fields, printer.program())


def _fault(feature: Feature, known: Mapping[str, Field]) -> list[tuple[str, str]]:
    """What keeps one feature from being compiled, as (message, hint)."""
    try:
        tree = parse(feature.expression)
    except ExpressionFault as exc:
        return [(str(exc), "")]
    reads = sorted(names(tree))
    unknown = [(f"the contract has no field {n!r}", nearest(n, known)) for n in reads if n not in known]
    fields = [known[n] for n in reads if n in known]
    found = [(f"{f.name!r} is protected: no feature may read it", "") for f in fields if f.protected]
    found += [
        (f"{f.name!r} has the type {f.type}, which has no number", f"readable: {', '.join(READABLE)}")
        for f in fields
        if f.type not in READABLE
    ]
    if not reads:
        found.append(("reads no field", "a constant is not a feature"))
    return unknown + (found or _kind_faults(tree, {} if unknown else known))


def _kind_faults(tree: Expr, fields: Mapping[str, Field]) -> list[tuple[str, str]]:
    if not fields:
        return []
    messages = check(tree, fields, purpose="feature")
    if not messages:
        try:
            _Printer(tuple(fields.values())).store(tree, 0)
        except ExpressionFault as exc:
            messages = [str(exc)]
    return [(message, "") for message in messages]


class _Printer:
    """Prints trees to stack operations, one after the other into one program."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = {field.name: field for field in fields}
        self.position = {field.name: k for k, field in enumerate(fields)}
        self.code: list[tuple[int, int]] = []
        self.constants: list[float] = []
        self.height = self.depth = 0

    def program(self) -> Program:
        code = np.array(self.code, dtype=np.int64).reshape(-1, 2)
        return Program(code, np.array(self.constants, dtype=np.float64), self.depth)

    def store(self, tree: Expr, feature: int) -> None:
        self.print(tree)
        self.emit(ops.STORE, feature, -1)

    def emit(self, op: int, operand: int, grows: int) -> None:
        self.code.append((op, operand))
        self.height += grows
        self.depth = max(self.depth, self.height)

    def constant(self, value: float) -> None:
        if value not in self.constants:
            self.constants.append(value)
        self.emit(ops.CONSTANT, self.constants.index(value), 1)

    def print(self, tree: Expr) -> None:
        match tree:
            case Number(value):
                self.constant(float(value))
            case Name(name):
                self.emit(ops.FIELD, self.position[name], 1)
            case Neg(a) | Not(a):
                self.apply((a,), ops.NEGATE if isinstance(tree, Neg) else ops.NOT)
            case Arith(op, a, b):
                self.apply((a, b), _BINARY[op])
            case Compare(op, a, b):
                self.compare(op, a, b)
            case Logic(op, items):
                self.apply(items, _BINARY[op])
            case OneOf(a, choices, negated):
                self.one_of(a, choices, negated)
            case Call(fn, args):
                self.call(fn, args)
            case _:
                raise ExpressionFault("a text can only be compared with a code field")

    def apply(self, operands: Iterable[Expr], op: int) -> None:
        """Operands in order; an operation of two is applied after each but the first."""
        for count, operand in enumerate(operands):
            self.print(operand)
            if count:
                self.emit(op, 0, -1)
            elif op in (ops.NEGATE, ops.NOT, *_UNARY.values()):
                self.emit(op, 0, 0)

    def compare(self, op: str, a: Expr, b: Expr) -> None:
        if op in (">", ">="):
            op, a, b = op.replace(">", "<"), b, a
        if isinstance(a, Text):
            a, b = b, a
        if isinstance(b, Text):
            self.equals_code(a, b.value, op)
        elif self.codes(a) != self.codes(b):
            raise ExpressionFault("two fields with different lists of codes cannot be compared")
        else:
            self.apply((a, b), _BINARY[op])

    def codes(self, a: Expr) -> tuple[str, ...]:
        return self.fields[a.name].codes if isinstance(a, Name) else ()

    def equals_code(self, a: Expr, code: str, op: str) -> None:
        codes = self.codes(a)
        if code not in codes:
            raise ExpressionFault(f"{code!r} is not a code of what it is compared with")
        self.print(a)
        self.constant(float(codes.index(code)))
        self.emit(_BINARY[op], 0, -1)

    def one_of(self, a: Expr, choices: Sequence[str | Decimal], negated: bool) -> None:
        for count, choice in enumerate(choices):
            self.compare("==", a, Text(choice) if isinstance(choice, str) else Number(choice))
            if count:
                self.emit(ops.OR, 0, -1)
        if negated:
            self.emit(ops.NOT, 0, 0)

    def call(self, fn: str, args: Sequence[Expr]) -> None:
        if fn == "given":
            self.emit(ops.GIVEN, self.position[next(a.name for a in args if isinstance(a, Name))], 1)
        elif fn == "where":
            for arg in args:
                self.print(arg)
            self.emit(ops.WHERE, 0, -2)
        else:
            self.apply(args, _BINARY[fn] if fn in _BINARY else _UNARY[fn])


def number_of(field: Field) -> Callable[[Value], float]:
    """The function from a value of this field to its number; NaN for None. A code must be one of the contract's."""
    if field.type == "code":
        positions: dict[Value, float] = {code: float(k) for k, code in enumerate(field.codes)}
        positions[None] = np.nan
        return positions.__getitem__
    unit = float(10**field.scale) if field.type == "decimal" else 1.0
    return lambda value: np.nan if value is None else value / unit  # type: ignore[operator]


def value_of(field: Field, number: float) -> Value:
    """The value whose number this is; None for NaN. The way back from ``number_of``."""
    if np.isnan(number):
        return None
    if field.type == "code":
        return field.codes[int(number)]
    if field.type == "boolean":
        return bool(number)
    return round(float(number) * float(10**field.scale))

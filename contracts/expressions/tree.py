"""The tree of an expression: frozen, comparable data that any engine can print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, TypeAlias

ArithOp = Literal["+", "-", "*", "/"]
CompareOp = Literal["<", "<=", ">", ">=", "==", "!="]
Function = Literal["min", "max", "abs", "log1p", "sqrt", "where", "given"]


@dataclass(frozen=True, slots=True)
class Number:
    value: Decimal


@dataclass(frozen=True, slots=True)
class Text:
    value: str


@dataclass(frozen=True, slots=True)
class Name:
    name: str


@dataclass(frozen=True, slots=True)
class Neg:
    a: Expr


@dataclass(frozen=True, slots=True)
class Not:
    a: Expr


@dataclass(frozen=True, slots=True)
class Arith:
    op: ArithOp
    a: Expr
    b: Expr


@dataclass(frozen=True, slots=True)
class Compare:
    op: CompareOp
    a: Expr
    b: Expr


@dataclass(frozen=True, slots=True)
class Logic:
    """``items``: two or more. ``0 < a < b`` is read as ``0 < a and a < b``."""

    op: Literal["and", "or"]
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    """``a in (…)``; with ``negated``, ``a not in (…)``. The choices are all texts or all numbers."""

    a: Expr
    choices: tuple[str | Decimal, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Call:
    fn: Function
    args: tuple[Expr, ...]


Expr: TypeAlias = Number | Text | Name | Neg | Not | Arith | Compare | Logic | OneOf | Call


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside this one, from left to right."""
    match expr:
        case Neg(a=a) | Not(a=a) | OneOf(a=a):
            return (a,)
        case Arith(a=a, b=b) | Compare(a=a, b=b):
            return (a, b)
        case Logic(items=items) | Call(args=items):
            return items
    return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and all expressions inside it, outermost first."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def names(expr: Expr) -> frozenset[str]:
    """Every field the expression mentions."""
    return frozenset(node.name for node in walk(expr) if isinstance(node, Name))


def rename(expr: Expr, names: Mapping[str, str]) -> Expr:
    """The expression with fields under other names; a name that is not in ``names`` stays."""
    match expr:
        case Name(name=name):
            return Name(names.get(name, name))
        case Neg(a=a) | Not(a=a) | OneOf(a=a):
            return replace(expr, a=rename(a, names))
        case Arith(a=a, b=b) | Compare(a=a, b=b):
            return replace(expr, a=rename(a, names), b=rename(b, names))
        case Logic(items=items):
            return replace(expr, items=tuple(rename(item, names) for item in items))
        case Call(args=args):
            return replace(expr, args=tuple(rename(arg, names) for arg in args))
    return expr

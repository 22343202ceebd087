"""Text to tree. Python's own grammar does the reading; what is not on our list is refused, nothing is evaluated."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, get_args

from contracts.expressions.tree import (
    Arith,
    ArithOp,
    Call,
    Compare,
    CompareOp,
    Expr,
    Function,
    Logic,
    Name,
    Neg,
    Not,
    Number,
    OneOf,
    Text,
)

MAX_LENGTH: Final = 1_000
MAX_NODES: Final = 200
MAX_DEPTH: Final = 16
ARGUMENTS: Final[Mapping[Function, tuple[int, int]]] = {
    "min": (2, 16), "max": (2, 16), "abs": (1, 1), "log1p": (1, 1), "sqrt": (1, 1), "where": (3, 3), "given": (1, 1),
}  # fmt: skip
"""Fewest and most arguments of every function."""

_ALPHABET = re.compile(r"[A-Za-z0-9_ .,<>=!+*/()'\"\[\]-]*")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?")
_ARITH: Final[Mapping[type[ast.operator], ArithOp]] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARE: Final[Mapping[type[ast.cmpop], CompareOp]] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_SPOKEN: Final[Mapping[type[ast.expr], str]] = {
    ast.Attribute: "a dotted name", ast.Subscript: "an index", ast.Starred: "'*'", ast.IfExp: "'if'",
    ast.Tuple: "a list outside 'in'", ast.List: "a list outside 'in'", ast.BinOp: "this operator",
}  # fmt: skip


class ExpressionFault(ValueError):
    """The text is not an expression of this language. ``offset`` counts characters from 0."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(f"{message}, at character {offset + 1}")
        self.offset = offset


def parse(text: str) -> Expr:
    """The tree of one expression; raises ExpressionFault at the first thing that is not in the language.

    >>> parse("loan_amount <= 0.9 * purchase_price").op
    '<='
    """
    line = re.sub(r"\s", " ", text).rstrip()
    start = len(line) - len(line.lstrip())
    if len(line) > MAX_LENGTH:
        raise ExpressionFault(f"longer than {MAX_LENGTH} characters", MAX_LENGTH)
    legal = len(_ALPHABET.match(line)[0])  # type: ignore[index]  # the empty text matches too
    if legal < len(line):
        raise ExpressionFault(f"the character {line[legal]!r} is not part of the expression language", legal)
    try:
        body = ast.parse(line[start:], mode="eval").body
    except SyntaxError as exc:
        raise ExpressionFault(exc.msg, start + max((exc.offset or 1) - 1, 0)) from exc
    except (RecursionError, MemoryError) as exc:
        raise ExpressionFault("nested too deeply") from exc
    return _Reader(line, start).read(body, 1)


class _Reader:
    """Python's syntax tree into ours. ``start`` is where the parsed text begins in ``line``."""

    def __init__(self, line: str, start: int) -> None:
        self.line = line
        self.start = start
        self.nodes = 0

    def read(self, node: ast.expr, depth: int) -> Expr:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise self.fault(node, f"more than {MAX_DEPTH} levels or {MAX_NODES} parts: split it into several")
        match node:
            case ast.Constant():
                return self.constant(node)
            case ast.Name(id=name):
                return self.name(node, name)
            case ast.UnaryOp(op=ast.USub(), operand=a):
                return Neg(self.read(a, depth + 1))
            case ast.UnaryOp(op=ast.Not(), operand=a):
                return Not(self.read(a, depth + 1))
            case ast.BinOp(left=a, op=operator, right=b) if type(operator) in _ARITH:
                return Arith(_ARITH[type(operator)], self.read(a, depth + 1), self.read(b, depth + 1))
            case ast.BoolOp(op=operator, values=items):
                word: Literal["and", "or"] = "and" if isinstance(operator, ast.And) else "or"
                return Logic(word, tuple(self.read(item, depth + 1) for item in items))
            case ast.Compare():
                return self.comparison(node, depth)
            case ast.Call():
                return self.call(node, depth)
        raise self.fault(node, f"{_SPOKEN.get(type(node), 'this')} is not part of the expression language")

    def constant(self, node: ast.Constant) -> Number | Text:
        if isinstance(node.value, str):
            return Text(node.value)
        digits = self.line[self.start :][node.col_offset : node.end_col_offset]
        if not _NUMBER.fullmatch(digits):
            raise self.fault(node, "only texts and plain decimal numbers (18 digits, 9 decimals) may stand here")
        return Number(Decimal(digits))

    def name(self, node: ast.expr, name: str) -> Name:
        if not _NAME.fullmatch(name):
            raise self.fault(node, "a field name has small letters, digits and '_', and starts with a letter")
        return Name(name)

    def comparison(self, node: ast.Compare, depth: int) -> Expr:
        operands = [node.left, *node.comparators]
        deeper = depth if len(node.ops) == 1 else depth + 1
        pairs = [self.pair(operands[k], op, operands[k + 1], deeper) for k, op in enumerate(node.ops)]
        return pairs[0] if len(pairs) == 1 else Logic("and", tuple(pairs))

    def pair(self, a: ast.expr, op: ast.cmpop, b: ast.expr, depth: int) -> Expr:
        if isinstance(op, ast.In | ast.NotIn):
            return OneOf(self.read(a, depth + 1), self.choices(b), isinstance(op, ast.NotIn))
        if type(op) not in _COMPARE:
            raise self.fault(b, "'is' is not part of the expression language: use == or given(field)")
        return Compare(_COMPARE[type(op)], self.read(a, depth + 1), self.read(b, depth + 1))

    def choices(self, node: ast.expr) -> tuple[str | Decimal, ...]:
        if not isinstance(node, ast.Tuple | ast.List) or not node.elts:
            raise self.fault(node, "'in' needs a list in brackets, as in ('fixed', 'part_time')")
        items = tuple(self.literal(item) for item in node.elts)
        if len({type(item) for item in items}) > 1:
            raise self.fault(node, "a list holds either texts or numbers, not both")
        return items

    def literal(self, node: ast.expr) -> str | Decimal:
        match self.read(node, MAX_DEPTH - 1):
            case Text(value=text):
                return text
            case Number(value=number):
                return number
            case Neg(a=Number(value=number)):
                return -number
        raise self.fault(node, "a list holds only texts or numbers")

    def call(self, node: ast.Call, depth: int) -> Call:
        name = next((f for f in get_args(Function) if isinstance(node.func, ast.Name) and node.func.id == f), None)
        if name is None:
            raise self.fault(node, f"only these functions exist: {', '.join(sorted(ARGUMENTS))}")
        fewest, most = ARGUMENTS[name]
        if node.keywords or not fewest <= len(node.args) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise self.fault(node, f"{name} takes {wanted} argument(s)")
        args = tuple(self.read(arg, depth + 1) for arg in node.args)
        if name == "given" and not isinstance(args[0], Name):
            raise self.fault(node, "given takes the name of a field")
        return Call(name, args)

    def fault(self, node: ast.expr, message: str) -> ExpressionFault:
        return ExpressionFault(message, self.start + node.col_offset)

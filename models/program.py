"""Features as a stack program, and the machine that runs it on one record or on a block of them.

``features.py`` prints expressions to it. What is unknown is NaN, and the rules are those of contracts/expressions.py:
a missing operand makes a result unknown, ``and`` and ``or`` are three-valued. A division by zero, and a root or a
logarithm of what has none, are unknown too.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compilation import compiled, part

Floats = NDArray[np.float64]

CONSTANT, FIELD, GIVEN, STORE = 0, 1, 2, 3
NEGATE, NOT, ABSOLUTE, LOG1P, SQUARE_ROOT = 4, 5, 6, 7, 8
ADD, SUBTRACT, MULTIPLY, DIVIDE = 9, 10, 11, 12
MINIMUM, MAXIMUM, LESS, LESS_EQUAL, EQUAL, NOT_EQUAL, AND, OR = 13, 14, 15, 16, 17, 18, 19, 20
WHERE = 21


class Program(NamedTuple):
    """``code``, shape (n, 2): operation and operand; CONSTANT's operand is a position in ``constants``, that of FIELD
    and GIVEN a field, that of STORE a feature. ``depth``: largest stack height."""

    code: NDArray[np.int64]
    constants: Floats
    depth: int


@compiled
def evaluate(rows: Floats, program: Program, out: Floats) -> None:
    """Features (F, m) of records ``rows`` (m, fields); NaN where an operand is missing or a result is not finite."""
    m = rows.shape[0]
    stack = np.empty((program.depth, m))
    top = 0
    for k in range(program.code.shape[0]):
        op, arg = program.code[k, 0], program.code[k, 1]
        if op < STORE:
            top += 1
            _load(op, arg, rows, program.constants, stack, top - 1)
        elif op == STORE:
            top -= 1
            for r in range(m):
                value = stack[top, r]
                out[arg, r] = value if math.isfinite(value) else math.nan
        elif op < ADD:
            _unary(op, stack, top - 1)
        elif op < WHERE:
            top -= 1
            if op < MINIMUM:
                _arithmetic(op, stack, top - 1)
            else:
                _judge(op, stack, top - 1)
        else:
            top -= 2
            _where(stack, top - 1)


@part
def _load(op: int, arg: int, rows: Floats, constants: Floats, stack: Floats, at: int) -> None:
    for r in range(rows.shape[0]):
        if op == CONSTANT:
            stack[at, r] = constants[arg]
        elif op == FIELD:
            stack[at, r] = rows[r, arg]
        else:
            stack[at, r] = 0.0 if math.isnan(rows[r, arg]) else 1.0


@part
def _unary(op: int, stack: Floats, at: int) -> None:
    for r in range(stack.shape[1]):
        x = stack[at, r]
        if op == NEGATE:
            stack[at, r] = -x
        elif op == NOT:
            stack[at, r] = x if math.isnan(x) else (1.0 if x == 0.0 else 0.0)
        elif op == ABSOLUTE:
            stack[at, r] = abs(x)
        elif op == LOG1P:
            stack[at, r] = math.log1p(x) if x > -1.0 else math.nan
        else:
            stack[at, r] = math.sqrt(x) if x >= 0.0 else math.nan


@part
def _arithmetic(op: int, stack: Floats, at: int) -> None:
    for r in range(stack.shape[1]):
        x, y = stack[at, r], stack[at + 1, r]
        if op == ADD:
            stack[at, r] = x + y
        elif op == SUBTRACT:
            stack[at, r] = x - y
        elif op == MULTIPLY:
            stack[at, r] = x * y
        else:
            stack[at, r] = x / y if y != 0.0 else math.nan


@part
def _judge(op: int, stack: Floats, at: int) -> None:
    """Minimum, maximum, comparisons and logic; a truth is 1.0 or 0.0."""
    for r in range(stack.shape[1]):
        x, y = stack[at, r], stack[at + 1, r]
        if math.isnan(x) or math.isnan(y):
            stack[at, r] = _half_known(op, x, y)
        elif op <= MAXIMUM:
            stack[at, r] = min(x, y) if op == MINIMUM else max(x, y)
        else:
            stack[at, r] = 1.0 if _holds(op, x, y) else 0.0


@part
def _half_known(op: int, x: float, y: float) -> float:
    """With an operand missing: false and unknown is false, true or unknown is true, all else is unknown."""
    if op == AND and (x == 0.0 or y == 0.0):
        return 0.0
    if op == OR and (abs(x) > 0.0 or abs(y) > 0.0):
        return 1.0
    return math.nan


@part
def _holds(op: int, x: float, y: float) -> bool:
    if op == LESS:
        return x < y
    if op == LESS_EQUAL:
        return x <= y
    if op == EQUAL:
        return x == y
    if op == NOT_EQUAL:
        return x != y
    if op == AND:
        return x != 0.0 and y != 0.0
    return x != 0.0 or y != 0.0


@part
def _where(stack: Floats, at: int) -> None:
    """The second or third as the first says; unknown when any of the three is, so that no branch fills in what was not
    sent."""
    for r in range(stack.shape[1]):
        test, yes, no = stack[at, r], stack[at + 1, r], stack[at + 2, r]
        if math.isnan(test) or math.isnan(yes) or math.isnan(no):
            stack[at, r] = math.nan
        else:
            stack[at, r] = yes if test != 0.0 else no

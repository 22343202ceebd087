"""Published points and principal reasons of many records, in the order and to the digit of ``reasons.py``."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from contracts.types import State
from models.compilation import compiled, part

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
NOT_CARRIED = int(State.NOT_CARRIED)


@compiled
def hundredths(base: float, points: Floats, information: Floats, totals: Ints, out: Ints) -> None:
    """``reasons.in_hundredths`` of base, points (n, G) and information (n,), with sums ``totals``; out (n, G + 2)."""
    n, groups = points.shape
    rest = np.empty(groups + 2)
    order = np.empty(groups + 2, np.int64)
    for i in range(n):
        missing = totals[i]
        for k in range(groups + 2):
            part = base if k == 0 else information[i] if k == groups + 1 else points[i, k - 1]
            scaled = part * 100.0
            whole = math.floor(scaled)
            out[i, k] = whole
            rest[k] = whole - scaled
            missing -= out[i, k]
            place = k
            while place > 0 and rest[order[place - 1]] > rest[k]:
                order[place] = order[place - 1]
                place -= 1
            order[place] = k
        every = missing // (groups + 2)
        extra = missing - every * (groups + 2)
        for place in range(groups + 2):
            out[i, order[place]] += every + (1 if place < extra else 0)


@compiled
def rank(parts: Ints, odd: NDArray[np.bool_], states: Bytes, weights: Bytes, most: int, reasons: Ints) -> None:
    """``ReasonMap.rank`` of n records.

    ``parts`` (n, G + 2) are hundredths: base, groups, information. ``odd`` (n,): some field is not given, so ``states``
    (n, G) of the groups count. ``weights`` orders the states. ``reasons`` (n, most + 1, 2) takes group and points of
    each principal reason, group -1 for none; its last row tells, with 1 or 0, whether a principal one was not carried.
    """
    n, groups = states.shape
    lines = np.empty(groups + 1, np.int64)
    for i in range(n):
        count = min(_adverse(parts[i], groups + odd[i], lines), most)
        worst = _worst(states[i], weights) if odd[i] else 0
        kept, not_carried = 0, 0
        for r in range(count):
            group = worst if lines[r] == groups else lines[r]
            state = states[i, group] if odd[i] else 0
            if state == NOT_CARRIED:
                not_carried = 1
            elif lines[r] < groups or (state and not _among(group, lines, count)):
                reasons[i, kept, 0], reasons[i, kept, 1] = group, parts[i, lines[r] + 1]
                kept += 1
        reasons[i, kept:, 0], reasons[i, kept:, 1] = -1, 0
        reasons[i, most, 0] = not_carried


@part
def _adverse(parts: Ints, lines: int, into: Ints) -> int:
    """The places of negative parts among the first ``lines`` behind the base, lowest first; how many there are."""
    count = 0
    for k in range(lines):
        if parts[k + 1] < 0:
            place = count
            while place > 0 and parts[into[place - 1] + 1] > parts[k + 1]:
                into[place] = into[place - 1]
                place -= 1
            into[place] = k
            count += 1
    return count


@part
def _worst(states: Bytes, weights: Bytes) -> int:
    """The group whose state says least, the first of several."""
    worst = 0
    for g in range(states.shape[0]):
        if weights[states[g]] > weights[states[worst]]:
            worst = g
    return worst


@part
def _among(group: int, lines: Ints, count: int) -> bool:
    for r in range(count):  # noqa: SIM110 # numba knows no generator here
        if lines[r] == group:
            return True
    return False

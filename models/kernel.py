"""The one scoring kernel, for one record and for a million: features, bins, table look-ups, margins, points, summary.

Scalar sums in a fixed order, no fastmath, no BLAS, no parallel reduction: a record's numbers do not depend on which
other records are scored with it. Compiled by numba on first use and cached (``NUMBA_CACHE_DIR``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from models.imputer import ImputerTables, draw_record
from models.program import Program, evaluate
from models.tables import Grid

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

BLOCK = 64
"""Records without missing fields are taken in blocks: an operation of a feature runs over a block at a time."""
CENTRAL = 0.9
"""Share of the draws between the bounds of an interval."""
SUMMARY = ("pd", "score", "score_min", "score_max", "information")

_Function = TypeVar("_Function", bound=Callable[..., Any])


class ScoringModel(NamedTuple):
    """All the kernel needs. ``group_of``, shape (F,): reason group of each feature. Margins are log-odds of bad:
    ``base`` plus the contributions; a score is ``offset - factor * margin``."""

    program: Program
    grid: Grid
    group_of: Ints
    groups: int
    base: float
    offset: float
    factor: float
    imputer: ImputerTables
    points: Floats


class ScoredColumns(NamedTuple):
    """n scored records. ``summary``, shape (n, 5), columns ``SUMMARY``; ``points`` (n, groups) in score points.

    ``draw_scores`` (m, draws) holds the scores of the single draws of the m records with missing fields, ``draw_row``
    (n,) their row in it or -1. ``bounds`` (n, fields, 2): of each drawn field the central 90 % of its draws, for codes
    the two most frequent; NaN for the others.
    """

    summary: Floats
    points: Floats
    draw_scores: Floats
    draw_row: Ints
    bounds: Floats


def _compiled(function: _Function) -> _Function:
    return cast(_Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


@_compiled
def _bin(value: float, thresholds: Floats, first: int, last: int) -> int:
    """Count of cuts in first..last (exclusive) below the value; one more than there are cuts for NaN."""
    if math.isnan(value):
        return last - first + 1
    low, size = first, last - first
    while size > 0:
        half = size >> 1
        if thresholds[low + half] < value:
            low += half + 1
            size -= half + 1
        else:
            size = half
    return low - first


@_compiled
def attribute(features: Floats, grid: Grid, contributions: Floats) -> None:
    """Contributions (F, m) to the log-odds of bad, of features (F, m)."""
    count, m = features.shape
    bins = np.empty(count, np.int64)
    sums = np.empty(count)
    for r in range(m):
        for f in range(count):
            bins[f] = _bin(features[f, r], grid.thresholds, grid.starts[f], grid.starts[f + 1])
            sums[f] = 0.0
        for p in range(grid.pair_f.shape[0]):
            f, g = grid.pair_f[p], grid.pair_g[p]
            cell = grid.pair_start[p] + bins[f] * grid.pair_width[p] + bins[g]
            sums[f] += grid.cells[cell, 0]
            sums[g] += grid.cells[cell, 1]
        for f in range(count):
            contributions[f, r] = sums[f]


@_compiled
def score_records(x: Floats, missing: Bools, drawn: int, model: ScoringModel) -> ScoredColumns:
    """Score records ``x`` (n, fields), drawing where ``missing``; ``drawn`` is how many of them miss anything."""
    n, fields = x.shape
    draws = model.points.shape[0]
    out = ScoredColumns(
        np.empty((n, 5)),
        np.empty((n, model.groups)),
        np.empty((drawn, draws)),
        np.full(n, -1),
        np.full((n, fields, 2), np.nan),
    )
    taken = np.empty(BLOCK, np.int64)
    held, slot = 0, 0
    completed = np.empty((draws, fields))
    for i in range(n):
        if missing[i].any():
            draw_record(x[i], missing[i], model.points, model.imputer, completed)
            out.draw_row[i] = slot
            _summarise_drawn(i, completed, missing[i], out.draw_scores[slot], model, out)
            slot += 1
            continue
        taken[held] = i
        held += 1
        if held == BLOCK:
            _summarise_complete(x, taken, model, out)
            held = 0
    if held:
        _summarise_complete(x, taken[:held], model, out)
    return out


@_compiled
def _group_sums(rows: Floats, model: ScoringModel) -> tuple[Floats, Floats]:
    """Margins (m,) and sums of contributions per group (groups, m) of records without missing fields."""
    m, count = rows.shape[0], model.group_of.shape[0]
    features = np.empty((count, m))
    contributions = np.empty((count, m))
    evaluate(rows, model.program, features)
    attribute(features, model.grid, contributions)
    margins = np.full(m, model.base)
    sums = np.zeros((model.groups, m))
    for f in range(count):
        g = model.group_of[f]
        for r in range(m):
            margins[r] += contributions[f, r]
            sums[g, r] += contributions[f, r]
    return margins, sums


@_compiled
def _bad(margin: float) -> float:
    """Probability of bad at a log-odds, without overflow."""
    if margin < 0.0:
        odds = math.exp(margin)
        return odds / (1.0 + odds)
    return 1.0 / (1.0 + math.exp(-margin))


@_compiled
def _summarise_complete(x: Floats, taken: Ints, model: ScoringModel, out: ScoredColumns) -> None:
    rows = np.empty((taken.shape[0], x.shape[1]))
    for r in range(taken.shape[0]):
        rows[r] = x[taken[r]]
    margins, sums = _group_sums(rows, model)
    for r in range(taken.shape[0]):
        score = model.offset - model.factor * margins[r]
        i = taken[r]
        out.summary[i, 0] = _bad(margins[r])
        out.summary[i, 1:4] = score
        out.summary[i, 4] = 0.0
        for g in range(model.groups):
            out.points[i, g] = -model.factor * sums[g, r]


@_compiled
def _summarise_drawn(
    i: int, completed: Floats, missing: Bools, scores: Floats, model: ScoringModel, out: ScoredColumns
) -> None:
    """Mean probability over the draws, its score, mean points; the interval; ``information`` is what is left over."""
    margins, sums = _group_sums(completed, model)
    draws = margins.shape[0]
    bad, good = 0.0, 0.0
    for d in range(draws):
        scores[d] = model.offset - model.factor * margins[d]
        bad += _bad(margins[d])
        good += _bad(-margins[d])
    score = model.offset + model.factor * math.log(good / bad)
    rest = score - (model.offset - model.factor * model.base)
    for g in range(model.groups):
        total = 0.0
        for d in range(draws):
            total += sums[g, d]
        out.points[i, g] = -model.factor * (total / draws)
        rest -= out.points[i, g]
    low, high = _central(scores)
    out.summary[i, 0] = bad / draws
    out.summary[i, 1] = score
    out.summary[i, 2] = min(low, score)
    out.summary[i, 3] = max(high, score)
    out.summary[i, 4] = rest
    for j in range(completed.shape[1]):
        if missing[j]:
            column = completed[:, j].copy()
            pair = _most_frequent(column) if model.imputer.is_code[j] else _central(column)
            out.bounds[i, j, 0], out.bounds[i, j, 1] = pair


@_compiled
def _central(values: Floats) -> tuple[float, float]:
    """The k-th lowest and the k-th highest of D values, k = ceil(D (1 - CENTRAL) / 2), never between two of them."""
    ordered = np.sort(values)
    k = math.ceil(ordered.shape[0] * (1.0 - CENTRAL) / 2.0 - 1e-9)
    return ordered[k - 1], ordered[ordered.shape[0] - k]


@_compiled
def _most_frequent(values: Floats) -> tuple[float, float]:
    """The two most frequent values, ties to the smaller; twice the same where there is only one."""
    ordered = np.sort(values)
    first, second, first_count, second_count = ordered[0], ordered[0], 0, 0
    start = 0
    for d in range(1, ordered.shape[0] + 1):
        if d < ordered.shape[0] and ordered[d] == ordered[start]:
            continue
        count = d - start
        if count > first_count:
            second, second_count = first, first_count
            first, first_count = ordered[start], count
        elif count > second_count:
            second, second_count = ordered[start], count
        start = d
    return first, (second if second_count else first)

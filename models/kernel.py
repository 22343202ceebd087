"""The one scoring kernel, for one record and for a million: features, bins, table look-ups, margins, points, summary.

Scalar sums in a fixed order, no fastmath, no BLAS, no parallel reduction: a record's numbers do not depend on which
other records are scored with it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compilation import compiled
from models.games import Games, play
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
_GAPS = (57, 23, 10, 4, 1)
"""Steps of Shell's method after M. Ciura, "Best increments for the average case of Shellsort", FCT 2001."""
SUMMARY = ("pd", "score", "score_min", "score_max", "information")


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


@compiled
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


@compiled
def attribute(features: Floats, grid: Grid, contributions: Floats) -> None:
    """Contributions (F, m) to the log-odds of bad, of features (F, m).

    Pair by pair over all records: sums of different records do not wait for one another, and each record's own sums
    still run in the order of the pairs.
    """
    count, m = features.shape
    bins = np.empty((count, m), np.int64)
    for f in range(count):
        for r in range(m):
            bins[f, r] = _bin(features[f, r], grid.thresholds, grid.starts[f], grid.starts[f + 1])
            contributions[f, r] = 0.0
    for p in range(grid.pair_f.shape[0]):
        f, g = grid.pair_f[p], grid.pair_g[p]
        for r in range(m):
            cell = grid.pair_start[p] + bins[f, r] * grid.pair_width[p] + bins[g, r]
            contributions[f, r] += grid.cells[cell, 0]
            contributions[g, r] += grid.cells[cell, 1]
    _play(features, bins, grid.starts, grid.games, contributions)


@compiled
def _play(features: Floats, bins: Ints, starts: Ints, games: Games | None, out: Floats) -> None:
    """Compiled per type of ``games``: where it is None the branch goes, and a model of tables compiles no leaf game."""
    if games is not None:
        play(features, bins, starts, games, out)


@compiled
def score_records(x: Floats, missing: Bools, drawn: int, model: ScoringModel) -> ScoredColumns:
    """Score records ``x`` (n, fields), drawing where ``missing``; ``drawn`` is how many of them miss anything."""
    n, fields = x.shape
    draws = model.points.shape[0]
    summary, points = np.empty((n, 5)), np.empty((n, model.groups))
    draw_scores, draw_row = np.empty((drawn, draws)), np.full(n, -1)
    bounds = np.full((n, fields, 2), np.nan)
    taken, block, completed = np.empty(BLOCK, np.int64), np.empty((BLOCK, fields)), np.empty((draws, fields))
    held, slot = 0, 0
    for i in range(n):
        complete = True
        for j in range(fields):
            complete &= not missing[i, j]
            block[held, j] = x[i, j]
        if complete:
            taken[held] = i
            held += 1
        else:
            draw_record(x[i], missing[i], model.points, model.imputer, completed)
            margins, sums = _group_sums(completed, model.program, model.grid, model.group_of, model.groups, model.base)
            draw_row[i] = slot
            scores = draw_scores[slot]
            _settle_drawn(margins, sums, model.base, model.offset, model.factor, scores, summary[i], points[i])
            _bound(completed, missing[i], model.imputer.is_code, bounds[i])
            slot += 1
        if held == BLOCK or (held > 0 and i == n - 1):
            rows = block[:held]
            margins, sums = _group_sums(rows, model.program, model.grid, model.group_of, model.groups, model.base)
            _settle_complete(margins, sums, taken, model.offset, model.factor, summary, points)
            held = 0
    return ScoredColumns(summary, points, draw_scores, draw_row, bounds)


@compiled
def _group_sums(
    rows: Floats, program: Program, grid: Grid, group_of: Ints, groups: int, base: float
) -> tuple[Floats, Floats]:
    """Margins (m,) and sums of contributions per group (groups, m) of records without missing fields."""
    m, count = rows.shape[0], group_of.shape[0]
    features = np.empty((count, m))
    contributions = np.empty((count, m))
    evaluate(rows, program, features)
    attribute(features, grid, contributions)
    margins = np.full(m, base)
    sums = np.zeros((groups, m))
    for f in range(count):
        g = group_of[f]
        for r in range(m):
            margins[r] += contributions[f, r]
            sums[g, r] += contributions[f, r]
    return margins, sums


@compiled
def _bad(margin: float) -> float:
    """Probability of bad at a log-odds, without overflow."""
    if margin < 0.0:
        odds = math.exp(margin)
        return odds / (1.0 + odds)
    return 1.0 / (1.0 + math.exp(-margin))


@compiled
def _settle_complete(
    margins: Floats, sums: Floats, taken: Ints, offset: float, factor: float, summary: Floats, points: Floats
) -> None:
    for r in range(margins.shape[0]):
        i = taken[r]
        score = offset - factor * margins[r]
        summary[i, 0] = _bad(margins[r])
        summary[i, 1], summary[i, 2], summary[i, 3] = score, score, score
        summary[i, 4] = 0.0
        for g in range(sums.shape[0]):
            points[i, g] = -factor * sums[g, r]


@compiled
def _settle_drawn(
    margins: Floats,
    sums: Floats,
    base: float,
    offset: float,
    factor: float,
    scores: Floats,
    summary: Floats,
    points: Floats,
) -> None:
    """Mean probability over the draws, its score, mean points; the interval; ``information`` is what is left over."""
    draws = margins.shape[0]
    bad, good = 0.0, 0.0
    for d in range(draws):
        scores[d] = offset - factor * margins[d]
        bad += _bad(margins[d])
        good += _bad(-margins[d])
    score = offset + factor * math.log(good / bad)
    rest = score - (offset - factor * base)
    for g in range(sums.shape[0]):
        total = 0.0
        for d in range(draws):
            total += sums[g, d]
        points[g] = -factor * (total / draws)
        rest -= points[g]
    low, high = _central(_ascending(scores))
    summary[0], summary[1] = bad / draws, score
    summary[2], summary[3] = min(low, score), max(high, score)
    summary[4] = rest


@compiled
def _bound(completed: Floats, missing: Bools, is_code: Bools, bounds: Floats) -> None:
    """Of each drawn field the central 90 % of its draws, for codes the two most frequent."""
    for j in range(missing.shape[0]):
        if missing[j]:
            ordered = _ascending(completed[:, j])
            if is_code[j]:
                bounds[j, 0], bounds[j, 1] = _most_frequent(ordered)
            else:
                bounds[j, 0], bounds[j, 1] = _central(ordered)


@compiled
def _ascending(values: Floats) -> Floats:
    """A sorted copy, by Shell's method: numpy's sort would cost a second to compile."""
    ordered = values.copy()
    for gap in _GAPS:
        for d in range(gap, ordered.shape[0]):
            value, k = ordered[d], d
            while k >= gap and ordered[k - gap] > value:
                ordered[k] = ordered[k - gap]
                k -= gap
            ordered[k] = value
    return ordered


@compiled
def _central(ordered: Floats) -> tuple[float, float]:
    """The k-th lowest and the k-th highest of D values, k = ceil(D (1 - CENTRAL) / 2), never between two of them."""
    k = math.ceil(ordered.shape[0] * (1.0 - CENTRAL) / 2.0 - 1e-9)
    return ordered[k - 1], ordered[ordered.shape[0] - k]


@compiled
def _most_frequent(ordered: Floats) -> tuple[float, float]:
    """The two most frequent values, ties to the smaller; twice the same where there is only one."""
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

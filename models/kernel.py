"""The one scoring kernel, for one record and for a million: features, bins, table look-ups, margins, points, summary.

It is compiled in pieces that Python calls in turn: as one, in which each function is optimised again with all that
calls it, it took twice as long to compile.

Scalar sums in a fixed order, no fastmath, no BLAS, no parallel reduction: a record's numbers do not depend on which
other records are scored with it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compilation import compiled, direct, part
from models.games import Games, play
from models.imputer import ImputerTables, draw_records
from models.program import Program, evaluate
from models.tables import Grid

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

BLOCK = 1024
"""Records and draws are taken in blocks of so many rows: more would not fit into the processor's nearer memory."""
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


class Drawn(NamedTuple):
    """``ScoredColumns`` of m records that all have missing fields, row by row."""

    summary: Floats
    points: Floats
    draw_scores: Floats
    bounds: Floats


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


class Kernel:
    """The kernel of one model. Records ``x`` have shape (n, fields); all arrays lie in C order."""

    def __init__(self, model: ScoringModel) -> None:
        self._model = model
        self._draw, self._evaluate, self._attribute = direct(draw_records), direct(evaluate), direct(attribute)
        self._add_up, self._bound = direct(_add_up), direct(_bound)
        self._settle_complete, self._settle_drawn = direct(_settle_complete), direct(_settle_drawn)

    def warm(self, fields: int) -> None:
        """Compile every piece, or load it from the cache."""
        self.complete(np.zeros((1, fields)))
        self.drawn(np.full((1, fields), np.nan), np.ones((1, fields), np.bool_))

    def complete(self, x: Floats) -> tuple[Floats, Floats]:
        """Summary and points of records without missing fields."""
        model = self._model
        summary, points = np.empty((len(x), len(SUMMARY))), np.empty((len(x), model.groups))
        self._settle_complete(*self._margins(x), model.offset, model.factor, summary, points)
        return summary, points

    def drawn(self, x: Floats, missing: Bools) -> Drawn:
        """Records that all have fields to draw, those where ``missing``."""
        m, fields = x.shape
        draws = len(self._model.points)
        out = Drawn(
            np.empty((m, len(SUMMARY))),
            np.empty((m, self._model.groups)),
            np.empty((m, draws)),
            np.empty((m, fields, 2)),
        )
        at_once = max(BLOCK // draws, 1)
        if m <= at_once:
            self._draw_some(x, missing, out)
            return out
        for start in range(0, m, at_once):
            some = slice(start, start + at_once)
            self._draw_some(x[some], missing[some], Drawn(*(array[some] for array in out)))
        return out

    def records(self, x: Floats, missing: Bools) -> ScoredColumns:
        """Any records: each as ``complete`` or ``drawn`` would score it by itself."""
        n, fields = x.shape
        bounds, draw_row = np.full((n, fields, 2), np.nan), np.full(n, -1)
        if not missing.any():
            return ScoredColumns(*self.complete(x), np.empty((0, len(self._model.points))), draw_row, bounds)
        holes = missing.any(axis=1)
        whole, held = np.flatnonzero(~holes), np.flatnonzero(holes)
        summary, points = np.empty((n, len(SUMMARY))), np.empty((n, self._model.groups))
        summary[whole], points[whole] = self.complete(x[whole])
        drawn = self.drawn(x[held], missing[held])
        summary[held], points[held], bounds[held] = drawn.summary, drawn.points, drawn.bounds
        draw_row[held] = np.arange(len(held))
        return ScoredColumns(summary, points, drawn.draw_scores, draw_row, bounds)

    def _margins(self, x: Floats) -> tuple[Floats, Floats]:
        """Margins (n,) and sums of contributions per group (groups, n) of records without missing fields."""
        model, n = self._model, len(x)
        margins, sums = np.empty(n), np.empty((model.groups, n))
        for start in range(0, n, BLOCK):
            rows = x[start : start + BLOCK]
            features = np.empty((len(model.group_of), len(rows)))
            contributions = np.empty((len(model.group_of), len(rows)))
            self._evaluate(rows, model.program, features)
            self._attribute(features, model.grid, contributions)
            self._add_up(contributions, model.group_of, model.base, start, margins, sums)
        return margins, sums

    def _draw_some(self, x: Floats, missing: Bools, out: Drawn) -> None:
        model, (summary, points, scores, _) = self._model, out
        completed = np.empty((len(x), *model.points.shape))
        self._draw(x, missing, model.points, model.imputer, completed)
        margins, sums = self._margins(completed.reshape(-1, x.shape[1]))
        self._settle_drawn(margins, sums, model.base, model.offset, model.factor, scores, summary, points)
        self._bound(completed, missing, model.imputer.is_code, out.bounds)


@part
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


@part
def _play(features: Floats, bins: Ints, starts: Ints, games: Games | None, out: Floats) -> None:
    """Compiled per type of ``games``: where it is None the branch goes, and a model of tables compiles no leaf game."""
    if games is not None:
        play(features, bins, starts, games, out)


@compiled
def _add_up(contributions: Floats, group_of: Ints, base: float, start: int, margins: Floats, sums: Floats) -> None:
    """Margins (n,) and sums per group (groups, n), from ``start`` on, of contributions (F, m)."""
    count, m = contributions.shape
    for r in range(m):
        margins[start + r] = base
        for g in range(sums.shape[0]):
            sums[g, start + r] = 0.0
    for f in range(count):
        g = group_of[f]
        for r in range(m):
            margins[start + r] += contributions[f, r]
            sums[g, start + r] += contributions[f, r]


@part
def _bad(margin: float) -> float:
    """Probability of bad at a log-odds, without overflow."""
    if margin < 0.0:
        odds = math.exp(margin)
        return odds / (1.0 + odds)
    return 1.0 / (1.0 + math.exp(-margin))


@compiled
def _settle_complete(
    margins: Floats, sums: Floats, offset: float, factor: float, summary: Floats, points: Floats
) -> None:
    for i in range(margins.shape[0]):
        score = offset - factor * margins[i]
        summary[i, 0] = _bad(margins[i])
        summary[i, 1] = summary[i, 2] = summary[i, 3] = score
        summary[i, 4] = 0.0
        for g in range(sums.shape[0]):
            points[i, g] = -factor * sums[g, i]


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
    """Mean probability over the draws, its score, mean points; the interval; ``information`` is what is left over.

    Margins (m D,) and sums (groups, m D) of the draws of m records; scores (m, D).
    """
    draws = scores.shape[1]
    ordered = np.empty(draws)
    for i in range(scores.shape[0]):
        first, bad, good = i * draws, 0.0, 0.0
        for d in range(draws):
            margin = margins[first + d]
            scores[i, d] = ordered[d] = offset - factor * margin
            bad += _bad(margin)
            good += _bad(-margin)
        score = offset + factor * math.log(good / bad)
        rest = score - (offset - factor * base)
        for g in range(sums.shape[0]):
            total = 0.0
            for d in range(draws):
                total += sums[g, first + d]
            points[i, g] = -factor * (total / draws)
            rest -= points[i, g]
        _sort(ordered)
        low, high = _central(ordered)
        summary[i, 0], summary[i, 1] = bad / draws, score
        summary[i, 2] = min(low, score)
        summary[i, 3] = max(high, score)
        summary[i, 4] = rest


@compiled
def _bound(completed: Floats, missing: Bools, is_code: Bools, bounds: Floats) -> None:
    """Of each drawn field the central 90 % of its draws, for codes the two most frequent, NaN for others.

    ``completed`` (m, D, fields).
    """
    ordered = np.empty(completed.shape[1])
    for i in range(missing.shape[0]):
        for j in range(missing.shape[1]):
            if missing[i, j]:
                for d in range(ordered.shape[0]):
                    ordered[d] = completed[i, d, j]
                _sort(ordered)
                bounds[i, j, 0], bounds[i, j, 1] = _most_frequent(ordered) if is_code[j] else _central(ordered)
            else:
                bounds[i, j, 0] = bounds[i, j, 1] = math.nan


@part
def _sort(values: Floats) -> None:
    """In place, by Shell's method: numpy's sort would cost a second to compile."""
    for gap in _GAPS:
        for d in range(gap, values.shape[0]):
            value, k = values[d], d
            while k >= gap and values[k - gap] > value:
                values[k] = values[k - gap]
                k -= gap
            values[k] = value


@part
def _central(ordered: Floats) -> tuple[float, float]:
    """The k-th lowest and the k-th highest of D values, k = ceil(D (1 - CENTRAL) / 2), never between two of them."""
    k = math.ceil(ordered.shape[0] * (1.0 - CENTRAL) / 2.0 - 1e-9)
    return ordered[k - 1], ordered[ordered.shape[0] - k]


@part
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

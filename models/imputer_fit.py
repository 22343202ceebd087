"""Fits the imputer's conditional distributions: one penalised multinomial model per field, over bins.

The log chance of bin b of a field, given rows r of the others, is a[b] + sum over the others of s(b) · M · s(r). The
scores of a number's bin are its normal score, the square of it, and a mark for a frequent lowest value; those of a
code are a mark per code. Blank and unknown have marks of their own. Hiding known values at random while fitting teaches
the model what is left to say when a field is not known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.types import Field
from models.imputer import Floats, ImputerTables
from models.runs import starts_of

BINS = 20
"""Bins of a number. 12 to 32 give the same held-out likelihood on the default data within .01 per value."""
COPIES = 3
"""Training passes over the records: one with nothing hidden, the others with fields hidden at random."""
HIDDEN = 0.6
"""Largest share of fields hidden in a record; the share is uniform between 0 and this."""
PENALTY = 2.0
"""Ridge weight on the association terms, per copy. 0.5 to 6 give the same held-out likelihood."""
FREQUENT = 0.08
"""Share of training values from which the lowest value of a number gets a mark of its own."""
MOST_CODES = 100
"""Codes seen of a field, beyond which it is drawn by itself and informs no other: so many chances per record take hours
and gigabytes to fit, and a handful of applicants each tell nothing."""
BLANK_SUPPORT = 50
"""Blanks that training must have seen for blankness to inform (DESIGN.md 4)."""


class Marginal(NamedTuple):
    """One field alone: bin uppers (B,), bin shares (B,), bin scores (B, width), distinct values by bin, blanks seen."""

    is_code: bool
    upper: Floats
    share: Floats
    scores: Floats
    values: Floats
    counts: NDArray[np.int64]
    first: NDArray[np.int64]
    blanks: int


def fit_tables(
    x: Floats, fields: Sequence[Field], *, silent: Collection[str], importance: Mapping[str, float], seed: int
) -> ImputerTables:
    """Tables for records ``x`` (n, F); see ``Imputer.fit``."""
    marginals = [_marginal(x[:, j], field.type in ("code", "boolean")) for j, field in enumerate(fields)]
    rows = np.stack([_rows(x[:, j], m) for j, m in enumerate(marginals)], axis=1)
    informs = [f.name not in silent and m.scores.shape[1] > 0 for f, m in zip(fields, marginals, strict=True)]
    hidden = _hidden(len(x), len(fields), seed)
    designs = [_row_scores(m) for m in marginals]
    intercepts: list[Floats] = []
    terms: list[Floats] = []
    term_start = np.full((len(fields), len(fields)), -1, np.int64)
    for j, marginal in enumerate(marginals):
        given = [g for g in range(len(fields)) if g != j and informs[g] and marginal.scores.shape[1] > 0]
        intercept, weights = _conditional(j, given, marginal, rows, hidden, designs)
        intercepts.append(intercept)
        for g, weight in zip(given, weights, strict=True):
            term_start[j, g] = sum(map(len, terms))
            terms.append((designs[g] @ weight).ravel())
    rank = sorted(range(len(fields)), key=lambda j: (not informs[j], -importance.get(fields[j].name, 0.0), j))
    return _tables(marginals, np.array(rank, np.int64), intercepts, term_start, terms)


def fixed_points(draws: int, dimensions: int, seed: int) -> Floats:
    """Quasi-random points (draws, dimensions): scrambled Sobol, each coordinate moved to the middle of its stratum."""
    from scipy.stats import qmc  # type: ignore[import-untyped]

    enough = max(draws - 1, 1).bit_length()
    raw = qmc.Sobol(max(dimensions, 1), scramble=True, rng=seed).random_base2(enough)[:draws]
    ranks = raw.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    return np.ascontiguousarray((ranks[:, :dimensions] + 0.5) / draws)


def _marginal(column: Floats, is_code: bool) -> Marginal:
    known = column[~np.isnan(column)]
    values, counts = np.unique(known, return_counts=True)
    ends = np.arange(len(values)) if is_code else _bin_ends(counts)
    first = np.concatenate([[0], ends + 1]).astype(np.int64)
    share = np.add.reduceat(counts, first[:-1]) / max(len(known), 1) if len(values) else np.empty(0)
    scores = _code_scores(share) if is_code else _number_scores(share)
    return Marginal(is_code, values[ends], share, scores, values, counts, first, len(column) - len(known))


def _bin_ends(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position of the last distinct value of each bin; a value with a whole bin's share stands alone."""
    ends: list[int] = []
    target, filled = counts.sum() / BINS, 0
    for k, count in enumerate(counts):
        if filled and count >= target:
            ends.append(k - 1)
            filled = 0
        filled += count
        if filled >= target or k == len(counts) - 1:
            ends.append(k)
            filled = 0
    return np.array(ends, np.int64)


def _code_scores(share: Floats) -> Floats:
    if len(share) > MOST_CODES:
        return np.empty((len(share), 0))
    return np.ascontiguousarray((np.eye(len(share)) - share)[:, 1:])


def _number_scores(share: Floats) -> Floats:
    from scipy.special import ndtri  # type: ignore[import-untyped]

    if len(share) < 2:
        return np.empty((len(share), 0))
    normal = ndtri(np.cumsum(share) - share / 2)
    normal = normal - (normal * share).sum()
    normal = normal / np.sqrt((normal**2 * share).sum())
    scores = [normal, normal**2 - 1.0] if len(share) > 2 else [normal]
    if share[0] > FREQUENT and len(share) > 3:
        scores.append((np.arange(len(share)) == 0) - share[0])
    return np.stack(scores, axis=1)


def _rows(column: Floats, marginal: Marginal) -> NDArray[np.int64]:
    """Bin of each value, the number of bins where it is NaN."""
    bins = len(marginal.upper)
    found = np.minimum(np.searchsorted(marginal.upper, column), max(bins - 1, 0))
    return np.where(np.isnan(column), bins, found).astype(np.int64)


def _row_scores(marginal: Marginal) -> Floats:
    """Scores of each row of a field as a given one, (bins + 2, width + 2): its bins, blank, unknown."""
    bins, width = marginal.scores.shape
    scores = np.zeros((bins + 2, width + 2))
    scores[:bins, :width] = marginal.scores
    scores[bins, width if marginal.blanks >= BLANK_SUPPORT else width + 1] = 1.0
    scores[bins + 1, width + 1] = 1.0
    return scores


def _hidden(records: int, fields: int, seed: int) -> NDArray[np.bool_]:
    """Which fields to hide, (COPIES, n, F); nothing in the first copy."""
    random = np.random.default_rng(seed)
    hidden = np.zeros((COPIES, records, fields), bool)
    for copy in range(1, COPIES):
        hidden[copy] = random.random((records, fields)) < random.random((records, 1)) * HIDDEN
    return hidden


def _conditional(
    field: int,
    given: list[int],
    marginal: Marginal,
    rows: NDArray[np.int64],
    hidden: NDArray[np.bool_],
    designs: list[Floats],
) -> tuple[Floats, list[Floats]]:
    """Log chances (B,) and, per given field, weights (row scores of it, width of this field)."""
    known = np.flatnonzero(rows[:, field] < len(marginal.upper))
    blocks = []
    for g in given:
        unknown = len(designs[g]) - 1
        row = np.where(hidden[:, known, g], unknown, rows[known, g]).ravel()
        blocks.append(designs[g][row])
    if not blocks or not len(known):
        return np.log(marginal.share), []
    target = np.tile(rows[known, field], len(hidden))
    intercept, weights = _maximise(np.concatenate(blocks, axis=1), target, marginal)
    cuts = np.cumsum([block.shape[1] for block in blocks])[:-1]
    return intercept, np.split(weights, cuts)


def _maximise(design: Floats, target: NDArray[np.int64], marginal: Marginal) -> tuple[Floats, Floats]:
    """Penalised maximum likelihood by L-BFGS: log chances (B,), weights (columns of design, width)."""
    from scipy.optimize import minimize  # type: ignore[import-untyped]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    bins, width = marginal.scores.shape
    observed = np.zeros((len(target), bins))
    observed[np.arange(len(target)), target] = 1.0

    def loss(parameters: Floats) -> tuple[float, Floats]:
        intercept, weights = parameters[:bins], parameters[bins:].reshape(-1, width)
        logits = intercept + (design @ weights) @ marginal.scores.T
        logits -= logits.max(axis=1, keepdims=True)
        chances = np.exp(logits)
        whole = chances.sum(axis=1, keepdims=True)
        value = np.log(whole).sum() - logits[observed > 0].sum() + PENALTY * COPIES / 2 * (weights**2).sum()
        residual = chances / whole - observed
        slope = design.T @ (residual @ marginal.scores) + PENALTY * COPIES * weights
        return value, np.concatenate([residual.sum(axis=0), slope.ravel()])

    start = np.concatenate([np.log(marginal.share), np.zeros(design.shape[1] * width)])
    with threadpool_limits(limits=1):  # sums over threads come in no fixed order
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 80}).x
    return found[:bins], found[bins:].reshape(-1, width)


def _tables(
    marginals: list[Marginal],
    order: NDArray[np.int64],
    intercepts: list[Floats],
    term_start: NDArray[np.int64],
    terms: list[Floats],
) -> ImputerTables:
    sizes = [len(m.upper) for m in marginals]
    value_start = [0]
    shares = []
    for m in marginals:
        for low, high in zip(m.first[:-1], m.first[1:], strict=True):
            shares.append(np.cumsum(m.counts[low:high]) / m.counts[low:high].sum())
            value_start.append(value_start[-1] + int(high - low))
    return ImputerTables(
        is_code=np.array([m.is_code for m in marginals]),
        order=order,
        bin_start=starts_of(sizes),
        upper=np.concatenate([m.upper for m in marginals]),
        intercept=np.concatenate(intercepts),
        score_start=starts_of([m.scores.size for m in marginals]),
        scores=np.concatenate([m.scores.ravel() for m in marginals]),
        width=np.array([m.scores.shape[1] for m in marginals], np.int64),
        term_start=term_start,
        terms=np.concatenate([*terms, np.empty(0)]),
        value_start=np.array(value_start, np.int64),
        values=np.concatenate([m.values for m in marginals]),
        share=np.concatenate([*shares, np.empty(0)]),
    )

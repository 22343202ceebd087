"""How well predicted probabilities rank and how well they are calibrated.

``p``, shape (n,), are probabilities of bad in (0, 1); ``bad``, shape (n,), is 1 for bad and 0 for good.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAK = 0.95
"""AUC of one column alone above which it was most likely written after the outcome was known."""
_BINS = 20
_PRIOR = 5.0
"""Weight, in rows, of the overall rate in the rate of one bin."""
ECE_BINS = 10
NULL_DRAWS = 200
_NEWTON_STEPS = 50
_NEWTON_ENDS = 1e-10


class Calibration(NamedTuple):
    """Logistic recalibration logit P(bad) = intercept + slope * logit p; perfect is 0 and 1 (Cox 1958)."""

    intercept: float
    slope: float


def auc(p: Floats, bad: Floats) -> float:
    """Area under the ROC curve: the chance that a bad case is ranked above a good one, ties counting half."""
    _, inverse, counts = np.unique(p, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    ranks = middle[inverse]
    positives = float(bad.sum())
    negatives = len(bad) - positives
    return float((ranks[bad > 0].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def quantile_bins(values: Floats) -> NDArray[np.int64]:
    """The bin of each value (n,): from 1, about equally full; 0 where there is none (NaN)."""
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(known) else np.empty(0)
    return np.where(np.isnan(values), 0, np.searchsorted(edges, values, side="right") + 1).astype(np.int64)


def told_by_bins(bins: NDArray[np.int64], outcome: Floats) -> float:
    """How well bins (n,) tell an outcome (n,), 0 or 1: AUC of rates learned on one half and read on the other."""
    half = np.arange(len(outcome)) % 2 == 0
    rates = np.empty(len(outcome))
    for learn, read in ((half, ~half), (~half, half)):
        count = np.bincount(bins[learn], minlength=bins.max() + 1)
        hits = np.bincount(bins[learn], weights=outcome[learn], minlength=bins.max() + 1)
        overall = outcome[learn].mean()
        rates[read] = ((hits + _PRIOR * overall) / (count + _PRIOR))[bins[read]]
    halves = [rows for rows in (half, ~half) if 0 < outcome[rows].sum() < rows.sum()]
    return float(np.mean([auc(rates[rows], outcome[rows]) for rows in halves])) if halves else 0.5


def expected_calibration_error(p: Floats, bad: Floats) -> float:
    """Mean over ``ECE_BINS`` equal-count bins of |mean p - share of bad|, weighted by their counts."""
    order = np.argsort(p, kind="stable")
    bins = np.array_split(order, ECE_BINS)
    return float(sum(abs(p[rows].sum() - bad[rows].sum()) for rows in bins) / len(p))


def null_calibration_error(p: Floats, applicant: NDArray[np.int64], seed: int) -> float:
    """The calibration error these predictions would show if they were perfectly calibrated: mean over simulations.

    ``applicant``, shape (n,), numbers who each prediction is of: an applicant predicted several times (repeated
    cross-validation) has one outcome, drawn from the mean of those predictions.
    """
    count = np.bincount(applicant)
    mean = np.bincount(applicant, weights=p) / count
    random = np.random.default_rng(seed)
    draws = ((random.random(len(mean)) < mean).astype(np.float64)[applicant] for _ in range(NULL_DRAWS))
    return float(np.mean([expected_calibration_error(p, bad) for bad in draws]))


def calibration(p: Floats, bad: Floats) -> Calibration:
    """Maximum-likelihood recalibration by Newton's method, whose steps are halved until the likelihood does not fall:
    where a model is too sure of itself a whole step overshoots (Boyd and Vandenberghe, Convex Optimization, 9.5).

    The sums are taken one by one (``sum`` of numpy), without a linear-algebra library.
    """
    logit = np.log(p / (1 - p))
    found, loss = Calibration(0.0, 1.0), _loss(Calibration(0.0, 1.0), logit, bad)
    for _ in range(_NEWTON_STEPS):
        step = _newton(found, logit, bad)
        for halvings in range(_NEWTON_STEPS):
            tried = Calibration(*(old + d / 2**halvings for old, d in zip(found, step, strict=True)))
            if (less := _loss(tried, logit, bad)) <= loss:
                break
        else:
            break  # no step is better: this is the greatest likelihood, to the last digits
        found, loss = tried, less
        if abs(step[0]) + abs(step[1]) < _NEWTON_ENDS:
            break
    return found


def _loss(at: Calibration, logit: Floats, bad: Floats) -> float:
    """Negative log-likelihood."""
    z = at.intercept + at.slope * logit
    return float((np.logaddexp(0, z) - bad * z).sum())


def _newton(at: Calibration, logit: Floats, bad: Floats) -> tuple[float, float]:
    """The whole step from there; none where the predictions leave nothing to fit."""
    fitted = np.exp(-np.logaddexp(0, -(at.intercept + at.slope * logit)))
    weight = fitted * (1 - fitted)
    g0, g1 = float((bad - fitted).sum()), float(((bad - fitted) * logit).sum())
    a, b, c = float(weight.sum()), float((weight * logit).sum()), float((weight * logit**2).sum())
    determinant = a * c - b * b
    if determinant <= 0:
        return 0.0, 0.0
    return (c * g0 - b * g1) / determinant, (a * g1 - b * g0) / determinant


def brier(p: Floats, bad: Floats) -> float:
    """Mean squared difference of probability and outcome."""
    return float(((p - bad) ** 2).mean())

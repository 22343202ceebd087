"""Fitting a model, and what it is worth on applicants it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.games import RAREST
from models.kinds import Model, unfitted
from models.measures import (
    Calibration,
    auc,
    brier,
    calibration,
    expected_calibration_error,
    null_calibration_error,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Validation:
    """Pooled out-of-fold predictions of repeated cross-validations, shapes (repeats * n,). ``applicant`` is the row."""

    p: Floats
    bad: Floats
    applicant: NDArray[np.int64]
    fold_aucs: tuple[float, ...]
    seed: int
    as_given: bool = False
    """Whether the model was fitted elsewhere and judged as it is, on all rows."""

    @property
    def auc(self) -> float:
        """Mean over all folds."""
        return float(np.mean(self.fold_aucs))

    @property
    def auc_spread(self) -> float:
        """Standard deviation over all folds."""
        return float(np.std(self.fold_aucs))

    @property
    def calibration_error(self) -> float:
        return expected_calibration_error(self.p, self.bad)

    @property
    def null_calibration_error(self) -> float:
        """What a perfectly calibrated model with these predictions would show by chance."""
        return null_calibration_error(self.p, self.applicant, self.seed)

    @property
    def calibration(self) -> Calibration:
        return calibration(self.p, self.bad)

    @property
    def brier(self) -> float:
        return brier(self.p, self.bad)

    def mean_per_applicant(self) -> Floats:
        """Mean out-of-fold probability of each applicant, shape (n,)."""
        return np.bincount(self.applicant, weights=self.p) / np.bincount(self.applicant)


@contextmanager
def one_thread() -> Iterator[None]:
    """Libraries compute in one thread inside: sums over several come in no fixed order, and bytes would differ."""
    import_module("scipy.optimize")  # only what is loaded can be limited
    import_module("sklearn.ensemble")
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # ships none

    with threadpool_limits(limits=1):
        yield


def fit(features: Floats, bad: Floats, model: Model, monotone: list[int], seed: int) -> Any:
    """A fitted classifier of this kind; the same inputs give the same model, whatever the machine's cores."""
    with one_thread():
        return unfitted(model, monotone, seed).fit(features, bad)


def predict(classifier: Any, features: Floats, shift: float) -> Floats:
    """Probability of bad, shape (n,), held within RAREST, the log-odds moved by ``shift``."""
    with one_thread():
        if hasattr(classifier, "decision_function"):
            margin: Floats = classifier.decision_function(features) + shift
        else:
            p = np.clip(classifier.predict_proba(features)[:, 1], RAREST, 1 - RAREST)
            margin = np.log(p / (1 - p)) + shift
    return 1 / (1 + np.exp(-margin))


def cross_validate(
    features: Floats, bad: Floats, model: Model, monotone: list[int], *, folds: int, repeats: int, seed: int
) -> Validation:
    """``repeats`` stratified cross-validations, seeds ``seed``, ``seed`` + 1, …; everything is fitted in the fold."""
    p, applicants, aucs = [], [], []
    for repeat in range(repeats):
        fold_of = stratified_folds(bad, folds, seed + repeat)
        for fold in range(folds):
            train, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
            classifier = fit(features[train], bad[train], model, monotone, seed)
            p.append(predict(classifier, features[test], 0.0))
            applicants.append(test)
            aucs.append(auc(p[-1], bad[test]))
    applicant = np.concatenate(applicants)
    return Validation(np.concatenate(p), bad[applicant], applicant, tuple(aucs), seed)


def as_given(classifier: Any, features: Floats, bad: Floats, seed: int) -> Validation:
    """What a model fitted elsewhere is worth on these rows; whether it was fitted on them nobody here can know."""
    p = predict(classifier, features, 0.0)
    return Validation(p, bad, np.arange(len(bad)), (auc(p, bad),), seed, as_given=True)


def stratified_folds(bad: Floats, folds: int, seed: int) -> NDArray[np.int64]:
    """Fold number of each row, shape (n,), both outcomes spread evenly; scikit-learn's StratifiedKFold, shuffled."""
    from sklearn.model_selection import StratifiedKFold

    fold_of = np.empty(len(bad), np.int64)
    split = StratifiedKFold(folds, shuffle=True, random_state=seed).split(bad, bad)
    for fold, (_, test) in enumerate(split):
        fold_of[test] = fold
    return fold_of

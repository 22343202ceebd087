"""Fitting the default model, and what it is worth on applicants it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.measures import (
    Calibration,
    auc,
    brier,
    calibration,
    expected_calibration_error,
    null_calibration_error,
)
from models.spec import Boosting

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Validation:
    """Pooled out-of-fold predictions of repeated cross-validations, shapes (repeats * n,). ``applicant`` is the row."""

    p: Floats
    bad: Floats
    applicant: NDArray[np.int64]
    fold_aucs: tuple[float, ...]
    seed: int

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


def fit_boosting(features: Floats, bad: Floats, model: Boosting, monotone: list[int], seed: int) -> Any:
    """A fitted HistGradientBoostingClassifier; the same inputs give the same trees, whatever the machine's cores."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    classifier = HistGradientBoostingClassifier(
        max_iter=model.trees,
        max_leaf_nodes=model.leaves,
        learning_rate=model.learning_rate,
        min_samples_leaf=model.min_samples_leaf,
        l2_regularization=model.l2,
        max_bins=model.bins,
        interaction_cst="pairwise",
        monotonic_cst=monotone,
        early_stopping=False,
        random_state=seed,
    )
    with one_thread():
        return classifier.fit(features, bad)


def predict(classifier: Any, features: Floats, shift: float) -> Floats:
    """Probability of bad, shape (n,), the log-odds moved by ``shift``."""
    with one_thread():
        margin: Floats = classifier.decision_function(features) + shift
    return 1 / (1 + np.exp(-margin))


def cross_validate(
    features: Floats, bad: Floats, model: Boosting, monotone: list[int], *, folds: int, repeats: int, seed: int
) -> Validation:
    """``repeats`` stratified cross-validations, seeds ``seed``, ``seed`` + 1, …; everything is fitted in the fold."""
    p, applicants, aucs = [], [], []
    for repeat in range(repeats):
        fold_of = stratified_folds(bad, folds, seed + repeat)
        for fold in range(folds):
            train, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
            classifier = fit_boosting(features[train], bad[train], model, monotone, seed)
            p.append(predict(classifier, features[test], 0.0))
            applicants.append(test)
            aucs.append(auc(p[-1], bad[test]))
    applicant = np.concatenate(applicants)
    return Validation(np.concatenate(p), bad[applicant], applicant, tuple(aucs), seed)


def stratified_folds(bad: Floats, folds: int, seed: int) -> NDArray[np.int64]:
    """Fold number of each row, shape (n,), both outcomes spread evenly; scikit-learn's StratifiedKFold, shuffled."""
    from sklearn.model_selection import StratifiedKFold

    fold_of = np.empty(len(bad), np.int64)
    split = StratifiedKFold(folds, shuffle=True, random_state=seed).split(bad, bad)
    for fold, (_, test) in enumerate(split):
        fold_of[test] = fold
    return fold_of

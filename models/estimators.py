"""Fitted scikit-learn classifiers, taken apart into members: sums of trees and weights, or a network, and the curve
behind each.

Known: linear models, trees, forests, AdaBoost over trees, gradient boosting, histogram gradient boosting, networks,
each alone, behind a pipeline of known steps (``models/encoding.py``), bagged, or calibrated. Anything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError
from models.encoding import Columns
from models.games import ISOTONIC, MARGIN, PROBABILITY, SIGMOID
from models.network import ACTIVATIONS, LOGISTIC, Network

Floats = NDArray[np.float64]
_NODE = np.dtype([
    ("is_leaf", "u1"), ("feature_idx", "i8"), ("num_threshold", "f8"), ("missing_go_to_left", "u1"),
    ("left", "i8"), ("right", "i8"), ("value", "f8"), ("count", "f8"),
])  # fmt: skip


@dataclass(frozen=True)
class Member:
    """``init`` plus ``trees`` (node arrays over ``columns``) plus ``weights`` times columns, or what a ``network``
    answers to the columns; ``link`` as in games.py.

    ``single``: the trees read float32. ``curve``: a and b of a sigmoid; ``knots`` (N, 2): an isotonic curve.
    """

    columns: Columns
    init: float
    link: int = MARGIN
    trees: tuple[NDArray[Any], ...] = ()
    weights: Floats | None = None
    network: Network | None = None
    single: bool = False
    curve: tuple[float, float] = (0.0, 0.0)
    knots: Floats = field(default_factory=lambda: np.empty((0, 2)))

    def scaled(self, factor: float, shift: float) -> Member:
        """``factor`` times this sum, plus ``shift``, as log-odds."""
        trees = tuple(nodes.copy() for nodes in self.trees)
        for nodes in trees:
            nodes["value"] *= factor
        weights = None if self.weights is None else self.weights * factor
        return replace(self, init=self.init * factor + shift, trees=trees, weights=weights, link=MARGIN)


def read_estimator(estimator: Any, n_features: int) -> tuple[Member, ...]:
    """The members of a fitted classifier of 0 (good) and 1 (bad); raises ConfigurationError, saying what to do."""
    if int(getattr(estimator, "n_features_in_", -1)) != n_features:
        seen = getattr(estimator, "n_features_in_", "an unknown number of")
        raise ConfigurationError(f"the model reads {seen} features, the spec has {n_features}: they must be the same")
    classes = list(getattr(estimator, "classes_", ()))
    if not classes:
        message = f"a {type(estimator).__name__} is no classifier"
        raise ConfigurationError(f"{message}: save the whole model, fitted on 0 for good and 1 for bad")
    if [str(float(c)) if np.ndim(c) == 0 and not isinstance(c, str) else "" for c in classes] != ["0.0", "1.0"]:
        found = ", ".join(map(str, classes))
        raise ConfigurationError(f"the model's classes are {found}: fit it on 0 for good and 1 for bad")
    return _judged(estimator, Columns.plain(n_features))


def _read(estimator: Any, columns: Columns) -> tuple[Member, ...]:
    kind = type(estimator).__name__
    if kind == "Pipeline":
        for _, step in estimator.steps[:-1]:
            columns = columns.through(step)
        return _read(estimator.steps[-1][1], columns)
    if kind in WHOLES:
        return WHOLES[kind](estimator, columns)
    if kind not in READERS:
        message = f"a {kind} is not made of trees, weights or layers, so what each feature contributes"
        known = f"known: {', '.join(sorted(KNOWN))}"
        raise ConfigurationError(f"{message} can only be estimated, and reasons must not be; {known}")
    member = READERS[kind](estimator, columns)
    if kind in _NEED_VALUES and not columns.filled():
        message = f"a {kind} cannot score a record that lacks a feature (a blank, a division by zero)"
        raise ConfigurationError(f"{message}: put a SimpleImputer before it in a Pipeline")
    return (member,)


def _judged(estimator: Any, columns: Columns) -> tuple[Member, ...]:
    """The members of a classifier that must give probabilities by itself."""
    inner = estimator.steps[-1][1] if type(estimator).__name__ == "Pipeline" else estimator
    if not hasattr(inner, "predict_proba"):
        kind = type(inner).__name__
        raise ConfigurationError(f"a {kind} gives no probabilities: calibrate it with CalibratedClassifierCV")
    return _read(estimator, columns)


def _bagged(estimator: Any, columns: Columns) -> tuple[Member, ...]:
    """The mean of the probabilities: of trees one member, of models that give log-odds one each."""
    found: list[Member] = []
    for one, chosen in zip(estimator.estimators_, estimator.estimators_features_, strict=True):
        if list(chosen) != list(range(estimator.n_features_in_)):
            raise ConfigurationError("bagging over chosen features is not known: fit it with max_features=1.0")
        found += _judged(one, columns)
    if all(member.link == PROBABILITY and member.trees for member in found):
        share = 1.0 / len(found)
        merged = tuple(nodes for member in found for nodes in member.scaled(share, 0.0).trees)
        return (replace(found[0], trees=merged),)
    if any(member.link not in (MARGIN, PROBABILITY) for member in found):
        raise ConfigurationError("a mean of calibrated models is not known: calibrate the bagged model instead")
    return tuple(replace(m, link=SIGMOID, curve=(-1.0, 0.0)) if m.link == MARGIN else m for m in found)


def _calibrated(estimator: Any, columns: Columns) -> tuple[Member, ...]:
    found = []
    for one in estimator.calibrated_classifiers_:
        inner = _read(one.estimator, columns)
        if len(inner) > 1:
            raise ConfigurationError("a calibrated mean of log-odds is not known: bag trees, or leave out calibration")
        if inner[0].link not in (MARGIN, PROBABILITY):
            raise ConfigurationError("the model is calibrated twice: calibrate once")
        found.append(_curved(_as_calibrated(inner[0]), one.calibrators[0], one.method))
    if len(found) == 1 and found[0].link == SIGMOID and found[0].network is None:
        a, b = found[0].curve
        return (found[0].scaled(-a, -b),)
    return tuple(found)


def _as_calibrated(member: Member) -> Member:
    """A network has no decision function in scikit-learn: it is its probability that is calibrated."""
    if member.network is None:
        return member
    return replace(member, network=replace(member.network, answer=LOGISTIC), link=PROBABILITY)


def _curved(member: Member, calibrator: Any, method: str) -> Member:
    if method == "sigmoid":
        return replace(member, link=SIGMOID, curve=(float(calibrator.a_), float(calibrator.b_)))
    if method == "isotonic":
        knots = np.column_stack([calibrator.X_thresholds_, calibrator.y_thresholds_]).astype(np.float64)
        return replace(member, link=ISOTONIC, knots=knots)
    raise ConfigurationError(f"the calibration method {method!r} is not known; use sigmoid or isotonic")


def _linear(estimator: Any, columns: Columns) -> Member:
    loss = getattr(estimator, "loss", "")
    if hasattr(estimator, "predict_proba") and loss == "modified_huber":
        raise ConfigurationError("probabilities of the loss modified_huber are not log-odds: fit it with log_loss")
    weights = np.ravel(np.asarray(estimator.coef_, np.float64))
    return Member(columns, float(np.ravel(estimator.intercept_)[0]), weights=weights)


def _network(estimator: Any, columns: Columns) -> Member:
    """Its answer before the last logistic curve, which is log-odds."""
    weights = tuple(np.ascontiguousarray(w, np.float64) for w in estimator.coefs_)
    biases = tuple(np.ascontiguousarray(b, np.float64) for b in estimator.intercepts_)
    if len(weights) == 1:
        return Member(columns, float(biases[0][0]), weights=weights[0][:, 0])
    return Member(columns, 0.0, network=Network(weights, biases, ACTIVATIONS[estimator.activation]))


def _forest(estimator: Any, columns: Columns) -> Member:
    share = 1.0 / len(estimator.estimators_)
    trees = tuple(_nodes(tree.tree_, share) for tree in estimator.estimators_)
    return Member(columns, 0.0, PROBABILITY, trees, single=True)


def _tree(estimator: Any, columns: Columns) -> Member:
    return Member(columns, 0.0, PROBABILITY, (_nodes(estimator.tree_, 1.0),), single=True)


def _voted(estimator: Any, columns: Columns) -> Member:
    """AdaBoost: each tree votes with its weight, for or against; the sum is log-odds."""
    kind = type(estimator.estimator_).__name__
    if kind not in ("DecisionTreeClassifier", "ExtraTreeClassifier"):
        raise ConfigurationError(f"AdaBoost over a {kind} is not known: fit it over decision trees")
    weights = np.asarray(estimator.estimator_weights_[: len(estimator.estimators_)], np.float64)
    trees = tuple(_nodes(tree.tree_, 1.0) for tree in estimator.estimators_)
    for nodes, weight in zip(trees, 2.0 * weights / estimator.estimator_weights_.sum(), strict=True):
        nodes["value"] = np.where(nodes["value"] > 0.5, weight, -weight)
    return Member(columns, 0.0, MARGIN, trees, single=True)


def _gradient(estimator: Any, columns: Columns) -> Member:
    if estimator.init_ != "zero" and type(estimator.init_).__name__ != "DummyClassifier":
        raise ConfigurationError("gradient boosting on top of another estimator is not known: fit it with init=None")
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), np.float32))
    trees = tuple(_nodes(tree.tree_, float(estimator.learning_rate)) for tree in estimator.estimators_[:, 0])
    member = Member(columns, float(np.ravel(start)[0]), trees=trees, single=True)
    return member.scaled(2.0, 0.0) if estimator.loss == "exponential" else member


def _histogram(estimator: Any, columns: Columns) -> Member:
    if estimator._preprocessor is not None or estimator.is_categorical_ is not None:
        raise ConfigurationError("the model uses categorical_features; encode categories as features of the bundle")
    trees = tuple(_copied(per_class[0].nodes) for per_class in estimator._predictors)
    return Member(columns, float(np.ravel(estimator._baseline_prediction)[0]), trees=trees)


def _copied(nodes: NDArray[Any]) -> NDArray[Any]:
    out = np.zeros(len(nodes), _NODE)
    for name in _NODE.names or ():
        out[name] = nodes[name]
    return out


def _nodes(tree: Any, factor: float) -> NDArray[Any]:
    """One tree of scikit-learn's, leaves times ``factor``: a regressor's value, a classifier's share of bad."""
    out = np.zeros(tree.node_count, _NODE)
    out["is_leaf"] = tree.children_left < 0
    out["feature_idx"], out["num_threshold"] = tree.feature, tree.threshold
    out["missing_go_to_left"] = tree.missing_go_to_left
    out["left"], out["right"] = tree.children_left, tree.children_right
    values = tree.value[:, 0, :]
    out["value"] = factor * (values[:, 1] / values.sum(axis=1) if values.shape[1] == 2 else values[:, 0])
    out["count"] = tree.weighted_n_node_samples
    return out


_LINEAR = (
    "LinearDiscriminantAnalysis", "LinearSVC", "LogisticRegression", "LogisticRegressionCV", "RidgeClassifier",
    "SGDClassifier",
)  # fmt: skip
_NEED_VALUES = ("AdaBoostClassifier", "GradientBoostingClassifier", "MLPClassifier", *_LINEAR)
READERS: dict[str, Callable[[Any, Columns], Member]] = {
    "AdaBoostClassifier": _voted,
    "DecisionTreeClassifier": _tree,
    "ExtraTreeClassifier": _tree,
    "ExtraTreesClassifier": _forest,
    "GradientBoostingClassifier": _gradient,
    "HistGradientBoostingClassifier": _histogram,
    "MLPClassifier": _network,
    "RandomForestClassifier": _forest,
    **dict.fromkeys(_LINEAR, _linear),
}
"""Classifiers that can be taken apart."""
WHOLES: dict[str, Callable[[Any, Columns], tuple[Member, ...]]] = {
    "BaggingClassifier": _bagged,
    "CalibratedClassifierCV": _calibrated,
}
"""What is made of other classifiers."""
KNOWN = frozenset({*READERS, *WHOLES, "Pipeline"})

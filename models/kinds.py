"""The kinds of model a training spec can name, their parameters, and how each is fitted.

Every kind is deterministic: one thread, one seed. Kinds that cannot score a gap as such (logistic regression, gradient
boosting, neural networks) fill it with the median and learn from a second column that it was one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.section import Section

Floats = NDArray[np.float64]
CALIBRATIONS = ("none", "sigmoid", "isotonic")
CALIBRATION_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Boosting:
    """Hyperparameters of the boosted trees; names as a person says them."""

    trees: int
    leaves: int
    learning_rate: float
    min_samples_leaf: int
    l2: float
    bins: int


@dataclass(frozen=True, slots=True)
class Estimator:
    """Another kind of model; a parameter that is None is unlimited.

    ``file`` and ``sha256`` only where it is one fitted elsewhere (kind ``file``).
    """

    kind: str
    parameters: Mapping[str, float | None]
    calibrate: str = "none"
    file: Path | None = None
    sha256: str = ""


Model = Boosting | Estimator
_Limits = tuple[type, float, float, float]
UNLIMITED = "unlimited"
"""What a forest's ``depth`` may also be: trees grow until their leaves are pure or small."""
_DEEPEST = 64
_TREES: dict[str, _Limits] = {"trees": (int, 1, 2000, 100), "depth": (int, 1, _DEEPEST, 6)}
_HISTOGRAM: dict[str, _Limits] = {
    "trees": (int, 1, 5000, 200),
    "leaves": (int, 2, 64, 8),
    "learning_rate": (float, 1e-4, 1.0, 0.05),
    "min_samples_leaf": (int, 1, 100_000, 20),
    "l2": (float, 0.0, 1e6, 0.0),
    "bins": (int, 2, 255, 255),
}
_FOREST = {**_TREES, "min_samples_leaf": (int, 1, 100_000, 20)}
DEFAULT = "pairwise_boosting"
KINDS: dict[str, dict[str, _Limits]] = {
    DEFAULT: _HISTOGRAM,
    "boosting": _HISTOGRAM,
    "extra_trees": _FOREST,
    "gradient_boosting": {**_FOREST, "depth": (int, 1, 8, 3), "learning_rate": (float, 1e-4, 1.0, 0.1)},
    "logistic_regression": {"c": (float, 1e-6, 1e6, 1.0)},
    "neural_network": {"units": (int, 1, 64, 16), "layers": (int, 1, 3, 1), "l2": (float, 0.0, 1e6, 10.0)},
    "random_forest": _FOREST,
    "file": {},
}
"""Of each kind its parameters: type, smallest, largest, default."""


def read_model(top: Section) -> Model:
    """The ``model`` of a spec; faults go to the section."""
    given = top.section("model", None)
    kind = given.choice("kind", tuple(KINDS), DEFAULT)
    limits = KINDS.get(kind, {})
    own = ("path", "sha256") if kind == "file" else ("calibrate", *limits)
    section = top.section("model", ("kind", *own))
    if kind == "file":
        file = Path(top.source.file).parent / section.take("path", str)
        return Estimator(kind, {}, file=file, sha256=section.take("sha256", str))
    values = {name: _value(section, name, *limit) for name, limit in limits.items()}
    calibrate = section.choice("calibrate", CALIBRATIONS, "none")
    if kind == DEFAULT and calibrate == "none":
        return Boosting(**values)  # type: ignore[arg-type]  # each has the type its limits name
    return Estimator(kind, values, calibrate)


def _value(section: Section, name: str, kind: type, low: float, high: float, default: float) -> float | None:
    if name == "depth" and high == _DEEPEST and section.data.get(name) == UNLIMITED:
        return None
    if kind is int:
        return section.whole(name, int(low), int(high), int(default))
    return section.number(name, low, high, default)


def fitted_elsewhere(model: Model) -> Estimator | None:
    """The model where it is one of kind ``file``, which is judged and served as it is; else None."""
    return model if isinstance(model, Estimator) and model.file else None


def fewest_cases(model: Model) -> int:
    """Bad and good cases without which a model of this kind cannot be fitted: a calibration has folds of its own."""
    return CALIBRATION_FOLDS if isinstance(model, Estimator) and model.calibrate != "none" else 1


def forces_direction(model: Model) -> bool:
    """Whether this kind can be held to the directions the spec gives."""
    return isinstance(model, Boosting) or model.kind in (DEFAULT, "boosting")


def unfitted(model: Model, monotone: list[int], seed: int) -> Any:
    """The scikit-learn classifier a kind stands for, not yet fitted."""
    if isinstance(model, Boosting):
        return _histogram(asdict(model), monotone, seed, pairwise=True)
    if forces_direction(model):
        classifier = _histogram(model.parameters, monotone, seed, pairwise=model.kind == DEFAULT)
    else:
        classifier = _MAKERS[model.kind](model.parameters, seed)
    if model.calibrate == "none":
        return classifier
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(CALIBRATION_FOLDS, shuffle=True, random_state=seed)
    return CalibratedClassifierCV(classifier, method=model.calibrate, cv=folds, ensemble=False)


def _histogram(p: Mapping[str, Any], monotone: list[int], seed: int, *, pairwise: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=p["trees"],
        max_leaf_nodes=p["leaves"],
        learning_rate=p["learning_rate"],
        min_samples_leaf=p["min_samples_leaf"],
        l2_regularization=p["l2"],
        max_bins=p["bins"],
        interaction_cst="pairwise" if pairwise else None,
        monotonic_cst=monotone,
        early_stopping=False,
        random_state=seed,
    )


def _filled(classifier: Any, *more: Any) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    return make_pipeline(SimpleImputer(strategy="median", add_indicator=True), *more, classifier)


def _logistic(p: Mapping[str, Any], seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    return _filled(LogisticRegression(C=p["c"], max_iter=10_000, tol=1e-8, random_state=seed), StandardScaler())


def _gradient(p: Mapping[str, Any], seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return _filled(
        GradientBoostingClassifier(
            n_estimators=p["trees"],
            max_depth=p["depth"],
            learning_rate=p["learning_rate"],
            min_samples_leaf=p["min_samples_leaf"],
            random_state=seed,
        )
    )


def _forest(name: str) -> Callable[[Mapping[str, Any], int], Any]:
    def make(p: Mapping[str, Any], seed: int) -> Any:
        from sklearn import ensemble

        return getattr(ensemble, name)(
            n_estimators=p["trees"],
            max_depth=p["depth"],
            min_samples_leaf=p["min_samples_leaf"],
            random_state=seed,
        )

    return make


def _network(p: Mapping[str, Any], seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler

    hidden = (p["units"],) * p["layers"]
    network = MLPClassifier(hidden, alpha=p["l2"], solver="lbfgs", max_iter=2_000, random_state=seed)
    return _filled(network, StandardScaler())


_MAKERS: dict[str, Callable[[Mapping[str, Any], int], Any]] = {
    "extra_trees": _forest("ExtraTreesClassifier"),
    "gradient_boosting": _gradient,
    "logistic_regression": _logistic,
    "neural_network": _network,
    "random_forest": _forest("RandomForestClassifier"),
}

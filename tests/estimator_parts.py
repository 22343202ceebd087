"""Small fitted classifiers of every kind that can be taken apart, on invented applicants with gaps."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

Floats = NDArray[np.float64]
WIDTH = 5
CODE = 3
"""The feature that holds codes 0 to 3."""


@cache
def data() -> tuple[Floats, Floats]:
    """700 applicants on very different scales, one value in twenty missing, and whether each went bad."""
    random = np.random.default_rng(11)
    x = random.normal(size=(700, WIDTH)) * [1, 10, 1e4, 1, 1e5] + [0, 5, 3e4, 0, 1e5]
    x[:, CODE] = random.integers(0, 4, 700)
    risk = x[:, 0] + x[:, 1] / 10 - x[:, 2] / 1e4 + (x[:, CODE] == 2) * x[:, 4] / 1e5
    bad = (random.random(700) < 1 / (1 + np.exp(-risk))).astype(float)
    x[random.random(x.shape) < 0.05] = np.nan
    return x, bad


def filled() -> SimpleImputer:
    return SimpleImputer(strategy="median", add_indicator=True)


def by_column() -> ColumnTransformer:
    codes = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    others = [f for f in range(WIDTH) if f != CODE]
    return ColumnTransformer([("codes", codes, [CODE]), ("rest", make_pipeline(filled(), StandardScaler()), others)])


def forest(kind: Callable[..., Any] = RandomForestClassifier, **options: Any) -> Any:
    return kind(**{"n_estimators": 12, "max_depth": 4, "min_samples_leaf": 8, "random_state": 0, **options})


def scaled(classifier: Any) -> Any:
    return make_pipeline(filled(), StandardScaler(), classifier)


def logistic() -> Any:
    return scaled(LogisticRegression())


def gradient(depth: int) -> Any:
    return GradientBoostingClassifier(n_estimators=15, max_depth=depth, random_state=0)


def histogram(**options: Any) -> Any:
    return HistGradientBoostingClassifier(**{"max_iter": 15, "max_leaf_nodes": 8, "early_stopping": False, **options})


def ordinal() -> Any:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_pipeline(ColumnTransformer([("codes", encoder, [CODE])], remainder="passthrough"), forest())


def network(*units: int, **options: Any) -> Any:
    own = {"alpha": 3.0, "solver": "lbfgs", "max_iter": 9_000, "random_state": 0}
    return MLPClassifier(units, **{**own, **options})


KINDS: dict[str, tuple[Callable[[], Any], str]] = {
    "logistic regression": (logistic, "linear"),
    "one-hot codes": (lambda: make_pipeline(by_column(), LogisticRegression()), "linear"),
    "scaled to a range": (lambda: make_pipeline(filled(), MinMaxScaler(), LogisticRegression()), "linear"),
    "ordinal codes": (ordinal, "leaf_tables"),
    "random forest": (forest, "leaf_tables"),
    "extra trees": (lambda: forest(ExtraTreesClassifier), "leaf_tables"),
    "decision tree": (lambda: DecisionTreeClassifier(max_depth=4, min_samples_leaf=8), "leaf_tables"),
    "gradient boosting": (lambda: make_pipeline(filled(), gradient(3)), "leaf_tables"),
    "gradient boosting by two": (lambda: make_pipeline(filled(), RobustScaler(), gradient(2)), "pair_tables"),
    "free boosting": (histogram, "leaf_tables"),
    "pairwise boosting": (lambda: histogram(interaction_cst="pairwise"), "pair_tables"),
    "forest, sigmoid": (lambda: CalibratedClassifierCV(forest(), cv=3, ensemble=False), "leaf_tables"),
    "forests, isotonic": (lambda: CalibratedClassifierCV(forest(), method="isotonic", cv=3), "leaf_tables"),
    "boosting, sigmoid": (
        lambda: CalibratedClassifierCV(histogram(interaction_cst="pairwise"), cv=3, ensemble=False),
        "pair_tables",
    ),
    "logistic regressions, sigmoid": (lambda: CalibratedClassifierCV(logistic(), cv=3), "linear"),
    "discriminant": (lambda: scaled(LinearDiscriminantAnalysis()), "linear"),
    "gradient descent": (lambda: scaled(SGDClassifier(loss="log_loss", random_state=0)), "linear"),
    "support vectors, sigmoid": (lambda: CalibratedClassifierCV(scaled(LinearSVC()), cv=3), "linear"),
    "ridge, sigmoid": (lambda: CalibratedClassifierCV(scaled(RidgeClassifier()), cv=3, ensemble=False), "linear"),
    "boosted stumps": (
        lambda: make_pipeline(filled(), AdaBoostClassifier(n_estimators=20, random_state=0)),
        "pair_tables",
    ),
    "boosted trees by vote": (
        lambda: make_pipeline(filled(), AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=10)),
        "leaf_tables",
    ),
    "bagged trees": (
        lambda: BaggingClassifier(DecisionTreeClassifier(max_depth=4), n_estimators=8, random_state=0),
        "leaf_tables",
    ),
    "bagged logistic regressions": (lambda: BaggingClassifier(logistic(), n_estimators=4, random_state=0), "linear"),
    "random tree": (lambda: ExtraTreeClassifier(max_depth=5, random_state=0), "leaf_tables"),
    "network without hidden units": (lambda: scaled(network()), "linear"),
    "calibrated behind a pipeline": (
        lambda: make_pipeline(filled(), CalibratedClassifierCV(make_pipeline(StandardScaler(), LogisticRegression()))),
        "linear",
    ),
}
"""By name how it is made, and the route it must take."""
NETWORKS: dict[str, Callable[[], Any]] = {
    "network": lambda: scaled(network(6)),
    "network over codes": lambda: make_pipeline(by_column(), network(4, 3, activation="tanh")),
    "network, sigmoid": lambda: CalibratedClassifierCV(scaled(network(4)), cv=2, ensemble=False),
    "networks, isotonic": lambda: CalibratedClassifierCV(scaled(network(3)), method="isotonic", cv=2),
    "bagged networks": lambda: BaggingClassifier(scaled(network(3)), n_estimators=2, random_state=0),
}
"""Those of the route ``coalitions``, which takes longer."""


@cache
def fitted(name: str) -> Any:
    x, bad = data()
    return (NETWORKS[name] if name in NETWORKS else KINDS[name][0])().fit(x, bad)


def changed(content: bytes, old: bytes = b"", new: bytes = b"", **more: bytes) -> bytes:
    """A skops file with its schema's text changed and members added."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(buffer, "w") as after:
        for name in before.namelist():
            text = before.read(name)
            after.writestr(name, text.replace(old, new) if old and name == "schema.json" else text)
        for name, text in more.items():
            after.writestr(name.replace("_", "."), text)
    return buffer.getvalue()

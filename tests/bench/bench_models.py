"""Every kind of model on the public credit data: how fast it is scored and explained, and how exact, beside its own
``predict_proba`` and shap's explainer for it.

One thread. shap explains the very model where it can: trees by TreeExplainer, path-dependent; linear models by
LinearExplainer against the same baseline. Differences are in log-odds; for forests shap's values, which are shares of a
probability, are carried through the curve along its chord as ours are (models/games.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from bench_kernel import best_in_turn
from bench_model import DATA, SPEC
from figures import Row, at_most, shown
from numpy.typing import NDArray

from contracts.store import ContractStore
from models.estimators import read_estimator
from models.exactness import contributions, measure
from models.game_tables import Compiled
from models.kinds import Boosting, Estimator, Model, unfitted
from models.member_games import compile_members
from models.training import Material, read_material

Floats = NDArray[np.float64]
EXPLAINED, BY_SHAP = 200, 20
EXPLAINED_WALKED, BY_SHAP_WALKED = 40, 1
EXACT = 1e-9
SINGLE = 1e-6
"""Of shap's interventional form, whose weights have single precision."""
KINDS: dict[str, Callable[[Any], Any]] = {
    "pairwise boosting": lambda at: kind(at, Boosting(200, 8, 0.05, 20, 0.0, 255)),
    "unconstrained boosting": lambda at: kind(at, estimator("boosting")),
    "logistic regression": lambda at: kind(at, estimator("logistic_regression")),
    "random forest": lambda at: kind(at, estimator("random_forest")),
    "extra trees": lambda at: kind(at, estimator("extra_trees")),
    "gradient boosting": lambda at: kind(at, estimator("gradient_boosting")),
    "calibrated forest": lambda at: kind(at, estimator("random_forest", calibrate="isotonic")),
    "pipeline over codes": lambda at: _pipeline(at),
    "boosting of scikit-learn's defaults": lambda at: _defaults("HistGradientBoostingClassifier"),
    "deep forest, min_samples_leaf=5": lambda at: _defaults("RandomForestClassifier", min_samples_leaf=5),
    "default forest": lambda at: _defaults("RandomForestClassifier"),
    "neural network": lambda at: kind(at, estimator("neural_network")),
    "default extra trees": lambda at: _defaults("ExtraTreesClassifier"),
}


class Subject(NamedTuple):
    name: str
    model: Any
    compiled: Compiled
    material: Material
    seconds: float
    """To compile."""

    @property
    def slow(self) -> bool:
        """Whether trees are walked, or networks asked, with the applicants compared with."""
        return self.compiled.slow

    @property
    def some(self) -> Floats:
        features, count = self.material.features, EXPLAINED_WALKED if self.slow else EXPLAINED
        return np.ascontiguousarray(features[np.linspace(0, len(features) - 1, count).astype(np.int64)])


def rows() -> list[Row]:
    material = read_material(DATA, SPEC, ContractStore(None))
    return [row for name, make in KINDS.items() for row in _rows(_subject(name, make(material), material))]


def estimator(name: str, **more: str) -> Estimator:
    from models.kinds import KINDS as SPECS

    return Estimator(name, {key: limits[3] for key, limits in SPECS[name].items()}, **more)


def kind(material: Material, model: Model) -> Any:
    return unfitted(model, material.monotone, 0)


def _defaults(name: str, **options: Any) -> Any:
    from sklearn import ensemble

    return getattr(ensemble, name)(random_state=0, **options)


def _pipeline(material: Material) -> Any:
    """Whole numbers of few values one-hot, the others filled and scaled."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    few = [f for f, column in enumerate(material.features.T) if len(np.unique(column[~np.isnan(column)])) <= 6]
    many = [f for f in range(material.features.shape[1]) if f not in few]
    codes = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    others = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    parts = ColumnTransformer([("codes", codes, few), ("others", others, many)])
    return make_pipeline(parts, LogisticRegression(max_iter=10_000))


def _subject(name: str, unfitted_: Any, material: Material) -> Subject:
    model = unfitted_.fit(material.features, material.dataset.bad)
    started = time.perf_counter()
    members = read_estimator(model, material.features.shape[1])
    compiled = compile_members(members, material.features)
    return Subject(name, model, compiled, material, time.perf_counter() - started)


def _rows(one: Subject) -> list[Row]:
    some = one.some
    bare, ours = best_in_turn(lambda: one.model.predict_proba(some), lambda: contributions(one.compiled, some))
    features = one.material.features
    members = read_estimator(one.model, features.shape[1])
    exact = measure(members, one.compiled, features, one.model.predict_proba(features)[:, 1])
    named = f"models: {one.name} ({one.compiled.route})"
    found = [
        shown(f"{named}, score and contributions", len(some) / ours, "rows/s"),
        shown(f"models: {one.name}, its own predict_proba", len(some) / bare, "rows/s"),
        *(_slow(one, ours / len(some)) if one.slow else []),
        *_beside_shap(one),
        at_most(f"models: {one.name}, probabilities off its own", exact.probability, "", EXACT),
        shown(f"models: {one.name}, time to compile", one.seconds, "s"),
    ]
    if exact.contribution is not None:
        found.append(at_most(f"models: {one.name}, contributions off brute force", exact.contribution, "", EXACT))
    return found


def _slow(one: Subject, seconds: float) -> list[Row]:
    """Of trees walked and networks asked per record: how long, also beside what the classifier takes for one record
    alone; with how many applicants; and the same contributions by shap, which has only so many to compare with."""
    record = one.some[:1]
    alone, together = best_in_turn(lambda: one.model.predict_proba(record), lambda: contributions(one.compiled, record))
    found = [
        shown(f"models: {one.name}, score and contributions", seconds * 1e6, "us/record"),
        shown(f"models: {one.name}, one record, against predict_proba of one", together / alone, "x"),
        shown(f"models: {one.name}, applicants compared with", one.compiled.compared[0], ""),
    ]
    return [*found, *(_interventional(one) if one.compiled.route == "tree_walks" else _exact(one))]


def _exact(one: Subject) -> list[Row]:
    """shap's Exact explainer, which asks scikit-learn about every coalition, against 50 applicants without a gap."""
    import shap

    whole = one.material.features[~np.isnan(one.material.features).any(axis=1)]
    baseline, record = whole[:50], whole[-2:]

    def margin(rows: Floats) -> Floats:
        p = one.model.predict_proba(rows)
        return np.asarray(np.log(p[:, 1]) - np.log(p[:, 0]))

    explainer = shap.explainers.Exact(margin, shap.maskers.Independent(baseline, max_samples=len(baseline)))
    explainer(record[:1])
    started = time.perf_counter()
    theirs = explainer(record).values
    seconds = (time.perf_counter() - started) / len(record)
    ours = contributions(compile_members(read_estimator(one.model, whole.shape[1]), baseline), record)
    off = float(np.abs(ours - theirs).max())
    return [
        shown(f"models: {one.name}, shap's Exact explainer against 50", seconds * 1e6, "us/record"),
        at_most(f"models: {one.name}, contributions off shap's Exact explainer", off, "", EXACT),
    ]


def _interventional(one: Subject) -> list[Row]:
    """shap's interventional explainer against 50 applicants without a gap, as it takes gaps to go right."""
    import shap

    whole = one.material.features[~np.isnan(one.material.features).any(axis=1)]
    baseline, record = whole[:50].astype(np.float32).astype(np.float64), whole[-2:].astype(np.float32)
    explainer = shap.TreeExplainer(one.model, baseline, feature_perturbation="interventional")
    started = time.perf_counter()
    theirs = np.asarray(explainer.shap_values(record, check_additivity=False))[:, :, 1]
    seconds = (time.perf_counter() - started) / len(record)
    members = read_estimator(one.model, whole.shape[1])
    ours = contributions(compile_members(members, baseline), record.astype(np.float64))
    theirs = theirs * (ours.sum(axis=1) / theirs.sum(axis=1))[:, None]
    off = float(np.abs(ours - theirs).max())
    return [
        shown(f"models: {one.name}, shap's interventional explainer against 50", seconds * 1e6, "us/record"),
        at_most(f"models: {one.name}, contributions off shap's interventional", off, "", SINGLE),
    ]


def _beside_shap(one: Subject) -> list[Row]:
    explain = _explainer(one)
    if explain is None:
        return []
    some = one.some[: BY_SHAP_WALKED if one.slow else BY_SHAP]
    theirs = explain(some)
    started = time.perf_counter()
    explain(some)
    seconds = time.perf_counter() - started
    linear = one.compiled.route == "linear"
    ours = contributions(one.compiled, some, path_dependent=not linear)
    if _gives_probability(one):
        rise = ours.sum(axis=1) / theirs.sum(axis=1)
        theirs = theirs * rise[:, None]
    found = [shown(f"models: {one.name}, shap's explainer", len(some) / seconds, "rows/s")]
    if linear or len(set(_sources(one))) == len(_sources(one)):
        off = float(np.abs(ours - theirs).max())
        found.append(at_most(f"models: {one.name}, contributions off shap's", off, "", EXACT))
    return found


def _sources(one: Subject) -> list[int]:
    """The feature behind each column. Where one stands behind several, shap lets its columns take part one by one: sums
    of Shapley values of columns are not those of features, but in a linear model."""
    return list(read_estimator(one.model, one.material.features.shape[1])[0].columns.sources)


def _gives_probability(one: Subject) -> bool:
    return not hasattr(one.model, "decision_function")


def _explainer(one: Subject) -> Callable[[Floats], Floats] | None:
    """shap's own contributions, (n, F), for what shap can explain; None for the rest."""
    import shap

    last = one.model.steps[-1][1] if hasattr(one.model, "steps") else one.model
    if hasattr(last, "estimators_") or hasattr(last, "_predictors"):
        front = one.model[:-1] if hasattr(one.model, "steps") else None
        trees = shap.TreeExplainer(last)
        return lambda x: _per_feature(one, front, trees.shap_values(x if front is None else front.transform(x)))
    if hasattr(last, "coef_"):
        front = one.model[:-1]
        seen = np.asarray(front.transform(one.material.features))
        linear = shap.LinearExplainer(last, shap.maskers.Independent(seen, max_samples=len(seen)))
        return lambda x: _per_feature(one, front, linear.shap_values(np.asarray(front.transform(x))))
    return None


def _per_feature(one: Subject, front: Any, values: Any) -> Floats:
    """Columns behind the pipeline's steps added up to the features they come from."""
    found = np.asarray(values)
    found = found[:, :, 1] if found.ndim == 3 else found
    if front is None:
        return found
    sources, width = np.array(_sources(one)), one.material.features.shape[1]
    return np.stack([found[:, sources == f].sum(axis=1) for f in range(width)], axis=1)

"""Every kind of classifier, compiled: its own probabilities, and contributions equal to brute force."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pytest
from estimator_parts import KINDS, WIDTH, data, filled, fitted, forest, gradient, histogram, logistic, scaled
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC

from contracts.errors import ConfigurationError
from models.estimators import read_estimator
from models.exactness import brute_force, contribution_difference, contributions, margins, measure
from models.game_tables import Compiled, GameTables
from models.games import MARGIN, RAREST
from models.member_games import compile_members


def compiled(model: Any, baseline: np.ndarray) -> Compiled:
    return compile_members(read_estimator(model, WIDTH), baseline)


def chances(model: Any, rows: np.ndarray) -> np.ndarray:
    return np.clip(model.predict_proba(rows)[:, 1], RAREST, 1 - RAREST)


@pytest.mark.parametrize("name", KINDS)
def test_a_compiled_model_gives_the_classifiers_own_probabilities(name: str) -> None:
    """On the training applicants, and on others far beyond them and with more gaps."""
    x, _ = data()
    model, found = fitted(name), compiled(fitted(name), x)
    random = np.random.default_rng(2)
    far = np.where(random.random(x.shape) < 0.3, np.nan, x * random.choice([-3.0, 0.0, 1.0, 9.0], x.shape))
    for rows in (x, far):
        held = chances(model, rows) if found.games and found.games.links[0] else model.predict_proba(rows)[:, 1]
        assert np.abs(1 / (1 + np.exp(-margins(found, rows))) - held).max() < 1e-9
    assert found.route == KINDS[name][1]


@pytest.mark.parametrize("name", [name for name in KINDS if name != "forests, isotonic"])
def test_a_compiled_model_gives_the_classifiers_own_log_odds(name: str) -> None:
    x, _ = data()
    model = fitted(name)
    p = chances(model, x)
    margin = read_estimator(model, WIDTH)[0].link == MARGIN and hasattr(model, "decision_function")
    wanted = model.decision_function(x) if margin else np.log(p / (1 - p))
    inside = (p > 2 * RAREST) & (p < 1 - 2 * RAREST)
    assert np.abs(margins(compiled(model, x), x) - wanted)[inside].max() < 1e-9


@pytest.mark.parametrize("name", KINDS)
def test_contributions_equal_brute_force_over_all_coalitions(name: str) -> None:
    x, _ = data()
    assert contribution_difference(read_estimator(fitted(name), WIDTH), x[:6], x[100:140]) < 1e-9


@pytest.mark.parametrize("name", ["random forest", "forests, isotonic", "one-hot codes", "free boosting"])
def test_the_brute_force_itself_agrees_with_the_classifier_asked_directly(name: str) -> None:
    """A referee that knows no trees: Shapley values of what the classifier answers, for a curve mapped along its chord.

    For the calibrated forests each fold's forest and calibrator are asked.
    """
    x, _ = data()
    model, baseline = fitted(name), x[100:112]
    parts = [(c.estimator, c.calibrators[0].predict) for c in getattr(model, "calibrated_classifiers_", [])]
    parts = parts or [(model, lambda t: t)]
    margin = hasattr(model, "decision_function")
    for applicant in x[:3]:
        total, start, end = np.zeros(WIDTH), 0.0, 0.0
        for estimator, curve in parts:

            def worth(joined: tuple[int, ...], estimator: Any = estimator, applicant: np.ndarray = applicant) -> float:
                rows = baseline.copy()
                rows[:, list(joined)] = applicant[list(joined)]
                asked = estimator.decision_function(rows) if margin else estimator.predict_proba(rows)[:, 1]
                return float(asked.mean())

            own = np.array([_shapley(f, worth) for f in range(WIDTH)])
            low, high = (float(curve(np.array([worth(s)]))[0]) for s in ((), tuple(range(WIDTH))))
            total += own * (high - low) / own.sum() / len(parts)
            start, end = start + low / len(parts), end + high / len(parts)
        if not margin:
            total *= (np.log(end / (1 - end)) - np.log(start / (1 - start))) / (end - start)
        assert np.abs(brute_force(read_estimator(model, WIDTH), applicant, baseline) - total).max() < 1e-9


def _shapley(f: int, worth: Any) -> float:
    others = [g for g in range(WIDTH) if g != f]
    return sum(
        (worth(tuple(sorted((*s, f)))) - worth(s)) / (WIDTH * comb(WIDTH - 1, len(s)))
        for size in range(WIDTH)
        for s in combinations(others, size)
    )


@pytest.mark.parametrize("name", ["random forest", "free boosting"])
def test_the_path_dependent_form_equals_shap(name: str) -> None:
    """TreeSHAP as referee: in log-odds for boosting; in probability, then along the chord, for forests."""
    import shap

    x, _ = data()
    rows, found = x[:20], compiled(fitted(name), x)
    values = np.asarray(shap.TreeExplainer(fitted(name)).shap_values(rows))
    if values.ndim == 3:
        margin = found.tables.base_value(path_dependent=True)
        values, p = values[:, :, 1], chances(fitted(name), rows)
        rise = np.log(p / (1 - p)) - margin
        values = values * (rise / values.sum(axis=1))[:, None]
    assert np.abs(contributions(found, rows, path_dependent=True) - values).max() < 1e-9


def test_a_model_made_before_trees_were_walked_is_still_worked_out_path_dependent() -> None:
    """Such bundles say ``direct``; nothing makes them any more."""
    x, _ = data()
    members = read_estimator(fitted("random forest"), WIDTH)
    made = compile_members(members, x)
    assert made.games is not None
    base, start = made.games.base[[1, 1]], made.games.start[[1, 1]]
    games = replace(made.games, direct=np.ones(1, np.int64), base=base, start=start)
    found = Compiled(made.tables, GameTables.from_arrays(games.arrays(), made.tables))
    assert found.route == "path_dependent"
    wanted = [brute_force(members, row, x, path_dependent=True) for row in x[:3]]
    assert np.abs(contributions(found, x[:3]) - np.array(wanted)).max() < 1e-9


def test_what_a_card_says_was_measured() -> None:
    x, _ = data()
    model = fitted("random forest")
    members = read_estimator(model, WIDTH)
    found = measure(members, compile_members(members, x), x, model.predict_proba(x)[:, 1])
    assert (found.rows, found.applicants, found.baseline, found.held) == (700, 3, 16, 0)
    assert found.probability < 1e-12
    assert found.contribution is not None
    assert found.contribution < 1e-12


def test_a_compiled_model_that_differs_from_its_classifier_is_refused() -> None:
    x, _ = data()
    members = read_estimator(fitted("random forest"), WIDTH)
    with pytest.raises(ConfigurationError, match="gives other probabilities: by up to 2"):
        measure(members, compile_members(members, x), x, fitted("random forest").predict_proba(x)[:, 1] * 0.7)


def test_probabilities_of_nought_and_one_are_held_at_the_last_published_digit() -> None:
    x, bad = data()
    model = forest(max_depth=None, min_samples_leaf=1, n_estimators=2, bootstrap=False).fit(x, bad)
    found = compiled(model, x)
    assert set(np.round(1 / (1 + np.exp(-margins(found, x))), 12)) <= {RAREST, 0.5, 1 - RAREST}


def twice() -> Any:
    return CalibratedClassifierCV(forest(), method="isotonic", cv=2, ensemble=False)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (make_pipeline(filled(), GaussianNB()), "a GaussianNB is not made of trees, weights or layers.*known: AdaB"),
        (scaled(LinearSVC()), "a LinearSVC gives no probabilities: calibrate it with CalibratedClassifierCV"),
        (scaled(SGDClassifier(loss="hinge")), "a SGDClassifier gives no probabilities: calibrate it"),
        (scaled(SGDClassifier(loss="modified_huber")), "fit it with log_loss"),
        (AdaBoostClassifier(GaussianNB(), n_estimators=2), "AdaBoost over a GaussianNB.*over decision trees"),
        (BaggingClassifier(forest(), n_estimators=2, max_features=0.5), "fit it with max_features=1.0"),
        (BaggingClassifier(CalibratedClassifierCV(forest(), cv=2), n_estimators=2), "calibrate the bagged model inst"),
        (CalibratedClassifierCV(BaggingClassifier(logistic(), n_estimators=2), cv=2), "bag trees, or leave out cal"),
        (make_pipeline(filled(), PolynomialFeatures(), forest()), "step PolynomialFeatures.*expressions"),
        (make_pipeline(filled(), MinMaxScaler(clip=True), LogisticRegression()), "clips is not linear"),
        (make_pipeline(filled(), OneHotEncoder(), forest()), "fail on unknown codes|fails on unknown codes"),
        (CalibratedClassifierCV(twice(), cv=2), "calibrated twice"),
        (CalibratedClassifierCV(logistic(), method="temperature", cv=2), "'temperature' is not known; use sigmoid"),
        (histogram(categorical_features=[3]), "encode categories as features"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_exact_is_refused_with_the_way_out(model: Any, message: str) -> None:
    x, bad = data()
    with pytest.raises(ConfigurationError, match=message):
        read_estimator(model.fit(np.nan_to_num(x) if type(model).__name__ == "AdaBoostClassifier" else x, bad), WIDTH)


def test_a_model_that_cannot_score_a_gap_is_refused_even_where_training_had_none() -> None:
    x, bad = data()
    whole = np.nan_to_num(x)
    for model in (make_pipeline(StandardScaler(), LogisticRegression()), gradient(2)):
        with pytest.raises(ConfigurationError, match="put a SimpleImputer before it in a Pipeline"):
            read_estimator(model.fit(whole, bad), WIDTH)


def test_other_classes_than_nought_and_one_and_other_features_than_the_specs_are_refused() -> None:
    x, bad = data()
    with pytest.raises(ConfigurationError, match="classes are bad, good: fit it on 0 for good and 1 for bad"):
        read_estimator(forest().fit(x, np.where(bad == 1, "bad", "good")), WIDTH)
    with pytest.raises(ConfigurationError, match=r"classes are 0\.0, 1\.0, 2\.0"):
        read_estimator(forest().fit(x, bad + (x[:, 0] > 1)), WIDTH)
    with pytest.raises(ConfigurationError, match="reads 5 features, the spec has 4"):
        read_estimator(fitted("random forest"), 4)


OPTIONAL = {"values", "direct", "walks", "coalitions"}


@pytest.mark.parametrize("name", sorted({*GameTables.__dataclass_fields__} - OPTIONAL))
def test_games_that_do_not_fit_together_are_refused(name: str) -> None:
    """What the kernel indexes without a bounds check was checked before."""
    found = compiled(fitted("forests, isotonic"), data()[0])
    assert found.games is not None
    arrays = found.games.arrays()
    with pytest.raises(ConfigurationError, match=r"do not fit together|lack or do not know"):
        GameTables.from_arrays({**arrays, name: arrays[name][:-1]}, found.tables)
    with pytest.raises(ConfigurationError, match="do not fit together"):
        GameTables.from_arrays({**arrays, name: arrays[name].astype(np.float32)}, found.tables)
    with pytest.raises(ConfigurationError, match=f"lack or do not know the arrays: {name}"):
        GameTables.from_arrays({k: a for k, a in arrays.items() if k != name}, found.tables)


@pytest.mark.parametrize("name", ["side_feature", "side_word", "knot_start", "cell_start", "links"])
def test_games_that_point_outside_are_refused(name: str) -> None:
    found = compiled(fitted("forests, isotonic"), data()[0])
    assert found.games is not None
    arrays = found.games.arrays()
    for value in (-1, 10**9):
        changed = arrays[name].copy()
        changed[len(changed) // 2] = value
        with pytest.raises(ConfigurationError, match="do not fit together"):
            GameTables.from_arrays({**arrays, name: changed}, found.tables)

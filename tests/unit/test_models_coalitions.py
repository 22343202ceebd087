"""Networks, asked about every coalition: equal to shap's Exact explainer, fair, bounded, and refused beyond."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from estimator_parts import NETWORKS, WIDTH, data, filled, fitted, network, scaled
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from contracts.errors import ConfigurationError
from models.archive import pack
from models.coalition_tables import MOST_JOINED, CoalitionTables
from models.estimators import read_estimator
from models.exactness import brute_force, contributions, margins
from models.game_tables import Compiled, GameTables
from models.games import MARGIN, RAREST
from models.member_games import compile_members

Floats = np.ndarray


def compiled(model: Any, baseline: Floats) -> Compiled:
    return compile_members(read_estimator(model, baseline.shape[1]), baseline)


def margin(model: Any, rows: Floats) -> Floats:
    """What scikit-learn itself says, in log-odds."""
    p = model.predict_proba(rows)
    return np.log(p[:, 1]) - np.log(p[:, 0])


@pytest.mark.parametrize("name", ["network", "network over codes"])
def test_contributions_are_those_of_shaps_exact_explainer_asking_scikit_learn(name: str) -> None:
    """Over a masker of the same applicants; gaps are told to shap as a number, as it takes NaN to differ from NaN."""
    import shap

    x, _ = data()
    model, whole = fitted(name), x[~np.isnan(x).any(axis=1)]
    rows, baseline = whole[:8], whole[100:140]
    masker = shap.maskers.Independent(baseline, max_samples=len(baseline))
    theirs = shap.explainers.Exact(lambda asked: margin(model, asked), masker)(rows)
    found = compiled(model, baseline)
    assert np.abs(contributions(found, rows) - theirs.values).max() < 1e-9
    assert np.abs(found.tables.base_value() - theirs.base_values).max() < 1e-9


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_compiled_gives_the_classifiers_own_probabilities_and_equals_brute_force(name: str) -> None:
    """On the training applicants, and on others far beyond them and with more gaps."""
    x, _ = data()
    model, members = fitted(name), read_estimator(fitted(name), WIDTH)
    found = compile_members(members, x[100:120])
    assert found.route == "coalitions"
    random = np.random.default_rng(2)
    far = np.where(random.random(x.shape) < 0.3, np.nan, x * random.choice([-3.0, 0.0, 1.0, 9.0], x.shape))
    for rows in (x[:200], far[:200]):
        p = model.predict_proba(rows)[:, 1]
        held = p if members[0].link == MARGIN else np.clip(p, RAREST, 1 - RAREST)
        assert np.abs(1 / (1 + np.exp(-margins(found, rows))) - held).max() < 1e-9
    wanted = [brute_force(members, row, x[100:120]) for row in (*x[:3], *far[:3])]
    assert np.abs(contributions(found, np.concatenate([x[:3], far[:3]])) - np.array(wanted)).max() < 1e-9


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_baseline_and_contributions_add_up_to_the_classifiers_own_log_odds(activation: str) -> None:
    x, bad = data()
    model = scaled(network(5, 4, 3, activation=activation)).fit(x, bad)
    found = compiled(model, x[:60])
    total = found.tables.base_value() + contributions(found, x[:200]).sum(axis=1)
    assert np.abs(total - margin(model, x[:200])).max() < 1e-9


def test_features_that_the_network_treats_alike_and_that_are_alike_contribute_alike() -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=(300, 3))
    x = np.column_stack([x, x[:, 0]])
    bad = (x.sum(axis=1) + random.normal(size=300) > 0).astype(float)
    model = network(4).fit(np.nan_to_num(x), bad)
    model.coefs_[0][3] = model.coefs_[0][0]
    found = contributions(compiled(make_pipeline(filled().fit(x), model), x[:50]), x[50:90])
    assert np.abs(found[:, 0] - found[:, 3]).max() < 1e-12
    assert np.abs(found[:, 0]).min() > 0


def test_a_feature_that_the_network_does_not_read_is_not_joined_and_contributes_nothing() -> None:
    x, bad = data()
    model = scaled(network(4)).fit(x, bad)
    columns = [1, WIDTH + 1]
    assert model[0].indicator_.features_.tolist() == list(range(WIDTH))
    model[-1].coefs_[0][columns] = 0.0
    found = compiled(model, x[:50])
    assert found.games
    assert found.games.coalitions
    assert found.games.coalitions.used(found.tables.starts).tolist() == [0, 2, 3, 4]
    assert not contributions(found, x[50:70])[:, 1].any()
    wanted = brute_force(read_estimator(model, WIDTH), x[50], x[:50])
    assert np.abs(contributions(found, x[50:51]) - wanted).max() < 1e-9


def test_an_applicant_compared_with_the_like_of_him_gets_nothing_but_noughts() -> None:
    x, _ = data()
    same = np.repeat(x[:1], 3, axis=0)
    assert not contributions(compiled(fitted("network"), same), x[:1]).any()


def test_a_records_digits_do_not_depend_on_those_asked_about_beside_it() -> None:
    x, _ = data()
    found = compiled(fitted("networks, isotonic"), x[:80])
    rows = np.concatenate([x[:6], x[2:4], x[:1]])
    together = contributions(found, rows)
    alone = np.concatenate([contributions(found, rows[i : i + 1]) for i in range(len(rows))])
    assert together.tobytes() == alone.tobytes()


def test_a_baseline_too_large_is_stood_for_by_an_evenly_spread_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact against that part, which is the same each time, and whose mean is near the whole's."""
    x, _ = data()
    model, whole = fitted("network"), compiled(fitted("network"), x)
    monkeypatch.setattr("models.coalition_choice.MOST_STEPS", 32 * 18 * 400)
    part = compiled(model, x)
    assert (whole.compared, part.compared) == ((700, 700), (350, 700))
    assert (whole.partly, part.partly) == (False, True)
    assert part.games
    assert part.games.coalitions
    wanted = brute_force(read_estimator(model, WIDTH), x[0], part.games.coalitions.rows)
    assert np.abs(contributions(part, x[:1]) - wanted).max() < 1e-9
    assert abs(part.tables.base_value() - whole.tables.base_value()) < 0.05
    assert np.abs(margins(part, x[:50]) - margins(whole, x[:50])).max() < 1e-9
    again = compiled(model, x)
    assert again.games and pack(again.games.arrays()) == pack(part.games.arrays())


def test_a_network_of_too_many_features_is_refused_with_the_count_and_the_way_out() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(300, 15))
    bad = (x.sum(axis=1) > 0).astype(float)
    model = make_pipeline(filled(), StandardScaler(), network(8, alpha=100.0)).fit(x, bad)
    told = r"reads 15 features.*2\^15 × 100 = 3,276,800 evaluations.*fewer features.*fewer units.*model: kind"
    with pytest.raises(ConfigurationError, match=told):
        compiled(model, x)


def test_a_network_that_cannot_score_a_gap_is_refused() -> None:
    x, bad = data()
    with pytest.raises(ConfigurationError, match="put a SimpleImputer before it in a Pipeline"):
        read_estimator(make_pipeline(StandardScaler(), network(3)).fit(np.nan_to_num(x), bad), WIDTH)


def asked() -> tuple[Compiled, dict[str, Floats]]:
    found = compiled(fitted("network over codes"), data()[0][:50])
    assert found.games
    arrays = found.games.arrays()
    assert GameTables.from_arrays(arrays, found.tables).arrays().keys() == arrays.keys()
    return found, arrays


@pytest.mark.parametrize("name", sorted(CoalitionTables.names()))
def test_networks_that_do_not_fit_together_are_refused(name: str) -> None:
    """What the kernel indexes without a bounds check was checked before."""
    found, arrays = asked()
    for other in (arrays[name][:-1], arrays[name].astype(np.float32)):
        with pytest.raises(ConfigurationError, match="do not fit together"):
            GameTables.from_arrays({**arrays, name: other}, found.tables)
    with pytest.raises(ConfigurationError, match=f"lack or do not know the arrays: {name}"):
        GameTables.from_arrays({k: a for k, a in arrays.items() if k != name}, found.tables)


@pytest.mark.parametrize(
    "name", ["unit_start", "layer_start", "widths", "weight_start", "bias_start", "activations", "answers", "row_bins"]
)
def test_networks_that_point_outside_are_refused(name: str) -> None:
    found, arrays = asked()
    for value in (-1, 10**9):
        changed = arrays[f"ask_{name}"].copy()
        changed.flat[changed.size // 2] = value
        with pytest.raises(ConfigurationError, match="do not fit together"):
            GameTables.from_arrays({**arrays, f"ask_{name}": changed}, found.tables)


def test_a_bundle_whose_network_would_take_for_ever_is_refused() -> None:
    """Whatever the file says, no record is asked about in more than 2^20 coalitions."""
    random = np.random.default_rng(1)
    x = random.normal(size=(200, MOST_JOINED + 1))
    model = scaled(network(2, alpha=100.0)).fit(x, (x[:, 0] > 0).astype(float))
    with pytest.raises(ConfigurationError, match=rf"reads {MOST_JOINED + 1} features"):
        compiled(model, x)
    found, arrays = asked()
    assert found.games
    assert found.games.coalitions
    few = replace(found.games.coalitions, compared=np.array([50, 49]))
    with pytest.raises(ConfigurationError, match="do not fit together"):
        GameTables.from_arrays({**arrays, **few.arrays()}, found.tables)

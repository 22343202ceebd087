"""Deep trees, walked per record: equal to brute force and to shap, and refused where they would take too long."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from estimator_parts import KINDS, WIDTH, data, fitted, forest, histogram, ordinal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier
from sklearn.tree import DecisionTreeClassifier

from contracts.errors import ConfigurationError
from models.archive import pack
from models.estimators import Member, read_estimator
from models.exactness import brute_force, contributions, margins, measure
from models.game_tables import Compiled, GameTables
from models.games import RAREST
from models.member_games import Compiler, compile_members
from models.tables import bins_of
from models.walk_choice import compared
from models.walk_tables import WalkTables
from models.walks import FEATURE, INSIDE, WORD

Floats = np.ndarray
DEEP = {"max_depth": None, "min_samples_leaf": 1, "n_estimators": 6}
MODELS = {
    "random forest": lambda: forest(**DEEP),
    "extra trees": lambda: forest(ExtraTreesClassifier, **DEEP),
    "forests, isotonic": lambda: CalibratedClassifierCV(forest(**DEEP), method="isotonic", cv=2),
    "forest, sigmoid": lambda: CalibratedClassifierCV(forest(**DEEP), cv=2, ensemble=False),
    "boosting": lambda: histogram(max_leaf_nodes=31),
    "bagged trees": lambda: BaggingClassifier(DecisionTreeClassifier(max_leaf_nodes=20), n_estimators=4),
    "ordinal codes": ordinal,
}
"""A tree of few leaf nodes is grown best first, so its children do not stand right after it."""


@pytest.fixture
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """No leaf is kept in a table: trees are walked, however small."""
    monkeypatch.setattr("models.member_games.MOST_CELLS", 0)


def members_of(name: str) -> tuple[Member, ...]:
    x, bad = data()
    return read_estimator(MODELS[name]().fit(x, bad), WIDTH)


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("name", MODELS)
def test_contributions_equal_brute_force_over_all_coalitions_in_both_forms(name: str) -> None:
    x, _ = data()
    members, rows, baseline = members_of(name), x[:4], x[100:140]
    found = compile_members(members, baseline)
    assert found.route == "tree_walks"
    for path_dependent in (False, True):
        wanted = [brute_force(members, row, baseline, path_dependent=path_dependent) for row in rows]
        got = contributions(found, rows, path_dependent=path_dependent)
        assert np.abs(got - np.array(wanted)).max() < 1e-9


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("name", MODELS)
def test_a_walked_model_gives_the_classifiers_own_probabilities_whatever_it_is_compared_with(name: str) -> None:
    """On the training applicants, and on others far beyond them and with more gaps; all contributions add up to it."""
    x, bad = data()
    model = MODELS[name]().fit(x, bad)
    random = np.random.default_rng(2)
    far = np.where(random.random(x.shape) < 0.3, np.nan, x * random.choice([-3.0, 0.0, 1.0, 9.0], x.shape))
    compiler = Compiler(read_estimator(model, WIDTH))
    for baseline in (x, x[np.abs(model.predict_proba(x)[:, 1] - 0.5).argmin()][None], far[:40]):
        found = compiler(baseline)
        for rows in (x[:100], far[:100]):
            held = np.clip(model.predict_proba(rows)[:, 1], RAREST, 1 - RAREST)
            assert np.abs(1 / (1 + np.exp(-margins(found, rows))) - held).max() < 1e-9


def wide() -> tuple[Floats, Floats]:
    """900 applicants of twelve features, none missing."""
    random = np.random.default_rng(5)
    x = random.normal(size=(900, 12))
    return x, (x.sum(axis=1) + random.normal(size=900) > 0).astype(float)


def deep(x: Floats, bad: Floats) -> Any:
    """Up to twelve features on a path: beyond what is kept in tables."""
    return forest(ExtraTreesClassifier, max_depth=16, n_estimators=4, min_samples_leaf=2, max_features=1).fit(x, bad)


def test_trees_too_deep_for_tables_are_walked() -> None:
    x, bad = wide()
    members = read_estimator(deep(x, bad), 12)
    found = compile_members(members, x[:40])
    assert found.route == "tree_walks"
    wanted = [brute_force(members, row, x[:40]) for row in x[500:502]]
    assert np.abs(contributions(found, x[500:502]) - np.array(wanted)).max() < 1e-9


def test_contributions_equal_shaps_interventional_ones() -> None:
    """In shares of probability, as shap gives them; ours are carried to log-odds along the chord, all by one factor.

    To the seven digits of shap's weights, which it keeps in single precision; brute force agrees to the ninth.
    """
    import shap

    x, bad = wide()
    model, rows, baseline = deep(x, bad), x[:5], x[100:160]
    found = compile_members(read_estimator(model, 12), baseline)
    theirs = np.asarray(shap.TreeExplainer(model, baseline, feature_perturbation="interventional").shap_values(rows))
    own = contributions(found, rows)
    rise = own.sum(axis=1) / theirs[:, :, 1].sum(axis=1)
    assert np.abs(own - theirs[:, :, 1] * rise[:, None]).max() < 1e-6


@pytest.mark.usefixtures("nothing_kept")
def test_a_records_digits_do_not_depend_on_those_walked_beside_it() -> None:
    x, _ = data()
    found = compile_members(members_of("forests, isotonic"), x)
    rows = np.concatenate([x[:6], x[2:4], x[:1]])
    together = contributions(found, rows)
    alone = np.concatenate([contributions(found, rows[i : i + 1]) for i in range(len(rows))])
    assert together.tobytes() == alone.tobytes()


def many(monkeypatch: pytest.MonkeyPatch, most: int) -> tuple[tuple[Member, ...], Compiled]:
    monkeypatch.setattr("models.walk_choice.MOST_PATTERNS", most)
    members = members_of("random forest")
    return members, compile_members(members, data()[0])


@pytest.mark.usefixtures("nothing_kept")
def test_a_baseline_too_large_is_stood_for_by_an_evenly_spread_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact against that part, which is the same each time, and whose mean is near the whole's."""
    x, _ = data()
    _, whole = many(monkeypatch, 1_000_000)
    assert whole.games
    assert whole.games.walks
    members, part = many(monkeypatch, len(whole.games.walks.patterns) - 1)
    assert part.games
    assert part.games.walks
    assert (whole.compared, part.compared) == ((700, 700), (350, 700))
    assert (whole.partly, part.partly) == (False, True)
    assert len(part.games.walks.patterns) < len(whole.games.walks.patterns)
    rows, _ = compared(Compiler(members).layout, bins_of(x, Compiler(members).cuts))
    wanted = brute_force(members, x[0], x[rows])
    assert np.abs(contributions(part, x[:1]) - wanted).max() < 1e-9
    assert abs(part.games.start[0] - whole.games.start[0]) < 0.01
    again = compile_members(members, x)
    assert again.games and pack(again.games.arrays()) == pack(part.games.arrays())


@pytest.mark.usefixtures("nothing_kept")
def test_a_forest_too_slow_even_against_a_small_part_is_refused_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    told = r"the 6 trees have [\d,]+ leaves: compared with only 175 applicants.* µs as measured here.*fit fewer trees"
    with pytest.raises(ConfigurationError, match=told):
        many(monkeypatch, 1_000)


@pytest.mark.usefixtures("nothing_kept")
def test_codes_in_no_order_are_walked_by_sets_of_bins() -> None:
    found = compile_members(members_of("ordinal codes"), data()[0])
    assert found.games
    assert found.games.walks
    assert (found.games.walks.nodes[:, WORD] >= 0).any()


@pytest.mark.usefixtures("nothing_kept")
def test_what_a_card_says_of_a_walked_model_was_measured() -> None:
    x, bad = data()
    model = MODELS["random forest"]().fit(x, bad)
    members = read_estimator(model, WIDTH)
    found = measure(members, compile_members(members, x), x, model.predict_proba(x)[:, 1])
    assert found.rows == 700
    assert found.probability < 1e-12
    assert found.contribution is not None
    assert found.contribution < 1e-9
    with pytest.raises(ConfigurationError, match="gives other probabilities"):
        measure(members, compile_members(members, x), x, model.predict_proba(x)[:, 1] * 0.7)


def walked(monkeypatch: pytest.MonkeyPatch) -> tuple[Compiled, dict[str, Floats]]:
    monkeypatch.setattr("models.member_games.MOST_CELLS", 0)
    found = compile_members(members_of("ordinal codes"), data()[0][:50])
    assert found.games
    arrays = found.games.arrays()
    assert GameTables.from_arrays(arrays, found.tables).arrays().keys() == arrays.keys()
    return found, arrays


@pytest.mark.parametrize("name", sorted(WalkTables.names()))
def test_walked_trees_that_do_not_fit_together_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel indexes without a bounds check was checked before."""
    found, arrays = walked(monkeypatch)
    for other in (arrays[name][:-1], arrays[name].astype(np.float32)):
        if name != "walk_quadrature" or other.dtype == np.float32:
            with pytest.raises(ConfigurationError, match="do not fit together"):
                GameTables.from_arrays({**arrays, name: other}, found.tables)
    with pytest.raises(ConfigurationError, match=f"lack or do not know the arrays: {name}"):
        GameTables.from_arrays({k: a for k, a in arrays.items() if k != name}, found.tables)


@pytest.mark.parametrize("name", ["nodes", "features", "patterns", "slot_start", "pattern_start", "tree_start"])
def test_walked_trees_that_point_outside_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found, arrays = walked(monkeypatch)
    for value in (-7, 10**9):
        changed = arrays[f"walk_{name}"].copy()
        changed[np.flatnonzero(changed[:, FEATURE] >= 0)[3] if name == "nodes" else len(changed) // 2] = value
        with pytest.raises(ConfigurationError, match="do not fit together"):
            GameTables.from_arrays({**arrays, f"walk_{name}": changed}, found.tables)


def test_a_split_that_leads_back_or_to_another_tree_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found, arrays = walked(monkeypatch)
    split = int(np.flatnonzero(arrays["walk_nodes"][:, FEATURE] >= 0)[3])
    for child in (0, split, int(arrays["walk_tree_start"][-2])):
        nodes = arrays["walk_nodes"].copy()
        nodes[split, INSIDE] = child
        with pytest.raises(ConfigurationError, match="do not fit together"):
            GameTables.from_arrays({**arrays, "walk_nodes": nodes}, found.tables)


def test_a_model_whose_leaves_are_kept_stores_nothing_to_walk() -> None:
    found = compile_members(read_estimator(fitted("random forest"), WIDTH), data()[0])
    assert KINDS["random forest"][1] == found.route == "leaf_tables"
    assert found.games
    assert not WalkTables.names() & found.games.arrays().keys()

"""Score tables against three referees: the model itself, shap, and the definition of a Shapley value."""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from model_parts import contributions, fitted, gaps

from contracts.errors import ConfigurationError
from models.tables import Tables, build_tables

ROWS = 5_000


@cache
def case(n_features: int = 6) -> tuple[Any, np.ndarray]:
    random = np.random.default_rng(n_features)
    x = gaps(random, (ROWS, n_features), 0.15)
    signal = np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 1] * x[:, 2]) + np.isnan(x[:, 3])
    return fitted(x, signal + random.normal(size=ROWS) > 0.8, max_iter=60), x


@pytest.mark.parametrize("path_dependent", [False, True])
def test_base_and_contributions_sum_to_the_models_margin(path_dependent: bool) -> None:
    model, x = case()
    tables = build_tables(model, x[:500])
    margins = tables.base_value(path_dependent=path_dependent) + contributions(
        tables, x, path_dependent=path_dependent
    ).sum(axis=1)
    assert np.abs(margins - model.decision_function(x)).max() < 1e-9


def test_path_dependent_contributions_are_those_of_tree_shap() -> None:
    import shap

    model, x = case()
    tables = build_tables(model, x[:500])
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    assert np.abs(explainer.shap_values(x) - contributions(tables, x, path_dependent=True)).max() < 1e-9
    assert abs(float(np.ravel(explainer.expected_value)[0]) - tables.base_value(path_dependent=True)) < 1e-9


def shapley_by_definition(model: Any, x: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """Mean over all orders, through v(S) = mean over the baseline of the margin with the features of S from x."""
    n, count = x.shape
    value = {}
    for size in range(count + 1):
        for chosen in itertools.combinations(range(count), size):
            mixed = np.repeat(baseline[None, :, :], n, axis=0)
            mixed[:, :, list(chosen)] = x[:, None, list(chosen)]
            value[chosen] = model.decision_function(mixed.reshape(-1, count)).reshape(n, -1).mean(axis=1)
    phi = np.zeros((n, count))
    for chosen, without in value.items():
        for f in set(range(count)) - set(chosen):
            orders = math.factorial(len(chosen)) * math.factorial(count - len(chosen) - 1)
            phi[:, f] += orders / math.factorial(count) * (value[tuple(sorted((*chosen, f)))] - without)
    return phi


def test_interventional_contributions_are_shapley_values_by_definition() -> None:
    model, x = case(4)
    baseline = x[:12]
    found = contributions(build_tables(model, baseline), x)
    assert np.abs(found - shapley_by_definition(model, x, baseline)).max() < 1e-9


def test_every_cut_and_its_neighbours_fall_where_the_trees_put_them() -> None:
    """Thresholds are where a bin index off by one would show."""
    model, x = case(4)
    tables = build_tables(model, x[:50])
    probes = np.full((3 * len(tables.thresholds), 4), np.nan)
    for f in range(4):
        for k in range(tables.starts[f], tables.starts[f + 1]):
            cut = tables.thresholds[k]
            probes[3 * k : 3 * k + 3, f] = (np.nextafter(cut, -np.inf), cut, np.nextafter(cut, np.inf))
    probes = np.where(np.isinf(probes), 1e300, probes)
    margins = tables.base_value() + contributions(tables, probes).sum(axis=1)
    assert np.abs(margins - model.decision_function(probes)).max() < 1e-9


def test_a_feature_no_tree_reads_contributes_nothing() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(400, 3))
    x[:, 1] = 1.0
    tables = build_tables(fitted(x, x[:, 0] > 0, max_iter=5), x)
    assert not contributions(tables, x)[:, 1].any()


def test_a_model_of_single_features_needs_no_pairs() -> None:
    random = np.random.default_rng(2)
    x = gaps(random, (400, 3), 0.1)
    model = fitted(x, np.nan_to_num(x).sum(axis=1) > 0, max_iter=20, interaction_cst="no_interactions")
    tables = build_tables(model, x)
    assert (tables.pair_f == tables.pair_g).all()
    assert np.abs(tables.base_value() + contributions(tables, x).sum(axis=1) - model.decision_function(x)).max() < 1e-9


def test_a_model_that_never_splits_is_its_base_value() -> None:
    x = np.zeros((50, 2))
    y = np.arange(50) < 10
    tables = build_tables(fitted(x, y, max_iter=3), x)
    assert math.isclose(tables.base_value(), math.log(0.2 / 0.8), abs_tol=1e-9)
    assert not contributions(tables, x).any()


@pytest.mark.parametrize(
    ("options", "classes", "named"),
    [
        ({"interaction_cst": None}, 2, "pairwise"),
        ({"categorical_features": [0]}, 2, "categorical_features"),
        ({}, 3, "two classes"),
    ],
)
def test_a_model_that_tables_cannot_hold_is_refused_with_the_way_out(
    options: dict[str, Any], classes: int, named: str
) -> None:
    random = np.random.default_rng(3)
    x = np.column_stack([random.integers(0, 5, 600), random.normal(size=(600, 3))])
    y = ((x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3] + random.normal(size=600)) * 2).astype(int) % classes
    with pytest.raises(ConfigurationError, match=named):
        build_tables(fitted(x, y, max_iter=30, **options), x)


def test_a_baseline_of_another_width_is_refused() -> None:
    model, x = case(4)
    with pytest.raises(ConfigurationError, match="baseline"):
        build_tables(model, x[:, :3])


def test_tables_survive_the_way_through_arrays() -> None:
    model, x = case(4)
    tables = build_tables(model, x[:50])
    again = Tables.from_arrays(tables.arrays())
    assert (contributions(again, x) == contributions(tables, x)).all()


@pytest.mark.parametrize("name", ["pair_f", "pair_start", "pair_width", "starts", "interventional", "base"])
def test_arrays_that_would_read_outside_each_other_are_refused(name: str) -> None:
    model, x = case(4)
    arrays = build_tables(model, x[:50]).arrays()
    broken = {
        "pair_f": arrays["pair_f"] + 4,
        "pair_start": arrays["pair_start"] + len(arrays["interventional"]),
        "pair_width": -arrays["pair_width"],
        "starts": arrays["starts"][::-1].copy(),
        "interventional": arrays["interventional"][:-1],
        "base": arrays["base"].astype(np.float32),
    }
    with pytest.raises(ConfigurationError, match="do not fit together"):
        Tables.from_arrays({**arrays, name: broken[name]})


def test_a_missing_array_is_named() -> None:
    model, x = case(4)
    arrays = build_tables(model, x[:50]).arrays()
    del arrays["thresholds"]
    with pytest.raises(ConfigurationError, match="thresholds"):
        Tables.from_arrays(arrays)

"""What must hold for any ensemble: additivity, shap, and the definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from model_parts import contributions, fitted, gaps

from models.tables import build_tables


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(2, 5),
    trees=st.integers(1, 12),
    leaves=st.integers(2, 31),
    missing=st.sampled_from([0.0, 0.05, 0.5]),
    grain=st.sampled_from([0.01, 0.5, 1.0]),
)
def test_any_pairwise_ensemble_is_reproduced_and_explained(
    seed: int, count: int, trees: int, leaves: int, missing: float, grain: float
) -> None:
    import shap

    random = np.random.default_rng(seed)
    x = np.round(gaps(random, (200, count), missing) / grain) * grain
    y = np.nan_to_num(x[:, 0] * x[:, 1]) + random.normal(size=200) > 0
    model = fitted(x, y, max_iter=trees, max_leaf_nodes=leaves, min_samples_leaf=5, learning_rate=0.5)
    baseline = x[:20]
    tables = build_tables(model, baseline)
    margin = model.decision_function(x)
    interventional, path_dependent = contributions(tables, x), contributions(tables, x, path_dependent=True)
    assert np.abs(tables.base_value() + interventional.sum(axis=1) - margin).max() < 1e-9
    assert np.abs(tables.base_value(path_dependent=True) + path_dependent.sum(axis=1) - margin).max() < 1e-9
    assert abs(tables.base_value() - model.decision_function(baseline).mean()) < 1e-9
    reference = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent").shap_values(x)
    assert np.abs(reference - path_dependent).max() < 1e-9
    assert np.abs(two_feature_values(model, x[:30], baseline) - interventional[:30]).max() < 1e-9


def two_feature_values(model: object, x: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """½[(v(i) − v(∅)) + (v(N) − v(N∖i))], the Shapley value of a game of order two, by evaluating the model."""
    count = x.shape[1]

    def value(chosen: list[int]) -> np.ndarray:
        mixed = np.repeat(baseline[None, :, :], len(x), axis=0)
        mixed[:, :, chosen] = x[:, None, chosen]
        return model.decision_function(mixed.reshape(-1, count)).reshape(len(x), -1).mean(axis=1)  # type: ignore[attr-defined]

    everyone = list(range(count))
    whole, empty = value(everyone), value([])
    others = [[g for g in everyone if g != f] for f in everyone]
    return np.column_stack([(value([f]) - empty + whole - value(others[f])) / 2 for f in everyone])

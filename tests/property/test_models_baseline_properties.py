"""Whom reasons compare with moves contributions and the base value, and nothing else."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from estimator_parts import KINDS, WIDTH, data, fitted
from hypothesis import given, settings
from hypothesis import strategies as st
from model_parts import applicants, features, model

from models.estimators import Member, read_estimator
from models.exactness import contributions, margins
from models.game_tables import Compiled
from models.member_games import compile_members
from models.tables import build_tables

ROWS = st.lists(st.integers(0, 599), min_size=1, max_size=80)
DIFFERENT = st.lists(st.integers(0, 599), min_size=30, max_size=80, unique=True)
"""As many as a baseline needs. The mean chance of a few may be 0 or 1, where no log-odds are: it is held, by 1e-6."""


@cache
def members(name: str) -> tuple[Member, ...]:
    return read_estimator(fitted(name), WIDTH)


@given(ROWS, ROWS)
@settings(max_examples=10, deadline=None)
def test_the_margin_of_tables_does_not_depend_on_the_baseline(one: list[int], other: list[int]) -> None:
    x = features().matrix(applicants()[0])
    found = [Compiled(build_tables(model(), x[rows]), None) for rows in (one, other)]
    first, second = (margins(compiled, x) for compiled in found)
    assert np.abs(first - second).max() < 1e-9
    assert np.abs(first - model().decision_function(x)).max() < 1e-9
    for compiled, rows in zip(found, (one, other), strict=True):
        assert abs(compiled.tables.base_value() - first[rows].mean()) < 1e-9
        assert np.abs(contributions(compiled, x)[rows].mean(axis=0)).max() < 1e-9, "a baseline says nothing of itself"


@pytest.mark.parametrize("name", KINDS)
@given(one=DIFFERENT, other=DIFFERENT)
@settings(max_examples=2, deadline=None)
def test_the_margin_of_leaf_games_does_not_depend_on_the_baseline(name: str, one: list[int], other: list[int]) -> None:
    x, _ = data()
    first, second = (margins(compile_members(members(name), x[rows]), x) for rows in (one, other))
    assert np.abs(first - second).max() < 1e-9


@pytest.mark.parametrize("name", [name for name, (_, route) in KINDS.items() if route == "linear"])
@pytest.mark.parametrize("value", [3.5e4, 0.0, np.nan])
def test_a_baseline_in_which_all_are_alike_leaves_the_slopes_alone(name: str, value: float) -> None:
    x, _ = data()
    alike = x[:40].copy()
    alike[:, 2] = value
    first, second = (margins(compile_members(members(name), rows), x) for rows in (alike, x))
    assert np.abs(first - second).max() < 1e-9

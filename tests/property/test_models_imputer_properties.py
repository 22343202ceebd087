"""Whatever is missing and whatever is given, the imputer draws observed values, the same each time."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from contracts.types import Field
from models.imputer import Imputer

FIELDS = (
    Field("amount", "decimal", scale=2),
    Field("years", "integer", unit="years"),
    Field("kind", "code", codes=("a", "b", "c")),
    Field("flag", "boolean"),
)
WIDTH = len(FIELDS)
numbers = st.floats(allow_nan=True, allow_infinity=True)


@cache
def training() -> NDArray[np.float64]:
    random = np.random.default_rng(0)
    years = random.poisson(3.0, 800).astype(np.float64)
    amount = np.round(np.exp(random.normal(7 + years / 10, 0.5)), 2)
    kind = (random.random(800) * 2 + years / 10).clip(0, 2).astype(int)
    records = np.stack([amount, years, kind, random.random(800) < 0.2], axis=1)
    records[random.random(records.shape) < 0.1] = np.nan
    return records


@cache
def fitted() -> Imputer:
    return Imputer.fit(training(), FIELDS, draws=32)


@cache
def observed(field: int) -> frozenset[float]:
    return frozenset(training()[~np.isnan(training()[:, field]), field].tolist())


@settings(max_examples=400, deadline=None)
@given(st.lists(numbers, min_size=WIDTH, max_size=WIDTH), st.lists(st.booleans(), min_size=WIDTH, max_size=WIDTH))
def test_any_record_is_completed_with_observed_values_and_nothing_else_is_touched(
    values: list[float], holes: list[bool]
) -> None:
    x, missing = np.array(values), np.array(holes)
    drawn = fitted().draws(x, missing)
    for j in range(WIDTH):
        if missing[j]:
            assert set(drawn[:, j].tolist()) <= observed(j)
        else:
            assert drawn[:, j].tobytes() == np.full(32, x[j]).tobytes()


@settings(max_examples=200, deadline=None)
@given(st.lists(numbers, min_size=WIDTH, max_size=WIDTH), st.lists(st.booleans(), min_size=WIDTH, max_size=WIDTH))
def test_draws_are_the_same_each_time_alone_or_beside_others(values: list[float], holes: list[bool]) -> None:
    x, missing = np.array(values), np.array(holes)
    beside = np.stack([training()[0], x, training()[1]])
    everything = np.ones(WIDTH, bool)
    many = fitted().draws_many(beside, np.stack([everything, missing, everything]))
    assert many[1].tobytes() == fitted().draws(x, missing).tobytes() == fitted().draws(x, missing).tobytes()


@settings(max_examples=200, deadline=None)
@given(st.integers(0, WIDTH - 1), st.floats(0.0, 1.0, exclude_min=True, exclude_max=True))
def test_a_single_missing_field_rises_with_the_point(field: int, point: float) -> None:
    """A draw is the inverse of a distribution function: a larger point never gives a smaller value."""
    x, missing = training()[5], np.arange(WIDTH) == field
    at = np.sort(np.array([point, 1e-12, 0.25, 0.5, 0.75, 1 - 1e-12]))[:, None]
    drawn = fitted().draws(x, missing, at)[:, field]
    assert (np.diff(drawn) >= 0).all()

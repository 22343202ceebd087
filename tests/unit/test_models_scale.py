"""The points scale: 600 at 50 to 1, twenty points double the odds."""

from __future__ import annotations

import math

import pytest

from models.scale import Scale


@pytest.mark.parametrize(("odds", "score"), [(50, 600), (100, 620), (25, 580), (1, 487.1229)])
def test_odds_have_this_score(odds: float, score: float) -> None:
    assert math.isclose(Scale().score(1 / (1 + odds)), score, abs_tol=1e-4)


def test_factor_and_offset_are_the_published_ones() -> None:
    assert (round(Scale().factor, 4), round(Scale().offset, 3)) == (28.8539, 487.123)


@pytest.mark.parametrize("pd", [1e-6, 0.02, 0.5, 0.999])
def test_a_score_leads_back_to_its_probability(pd: float) -> None:
    assert math.isclose(Scale(15, 500, 20).pd(Scale(15, 500, 20).score(pd)), pd, rel_tol=1e-9)

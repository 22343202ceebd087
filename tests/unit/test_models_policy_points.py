"""Published points: whole hundredths that sum to the published score, whatever the parts."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from hypothesis import given
from hypothesis import strategies as st

from models.reasons import in_hundredths

parts = st.lists(st.floats(-300, 900, allow_nan=False), min_size=1, max_size=12)


@given(parts)
def test_points_sum_exactly_and_each_moves_by_less_than_a_hundredth(values):
    total = round(sum(values) * 100)
    published = in_hundredths(values, total)
    assert sum(published) == total
    assert all(abs(p - v * 100) < 1.0001 for p, v in zip(published, values, strict=True))


@given(st.lists(st.integers(-90_000, 90_000), min_size=1, max_size=12), st.integers(-40, 40))
def test_points_equal_the_decimal_rule_where_both_are_exact(quarters, slip):
    """Quarters of a hundredth of a power of two are exact in binary, so both ways of computing must agree."""
    values = [quarter / 64 for quarter in quarters]
    total = round(sum(values) * 100) + slip
    exact = [Decimal(value) * 100 for value in values]
    floors = [part.quantize(Decimal(1), rounding=ROUND_FLOOR) for part in exact]
    order = sorted(range(len(values)), key=lambda i: (floors[i] - exact[i], i))
    every, extra = divmod(total - int(sum(floors)), len(values))
    assert in_hundredths(values, total) == [int(f) + every + (i in order[:extra]) for i, f in enumerate(floors)]

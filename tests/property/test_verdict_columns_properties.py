"""Points, reasons and probabilities of a batch are published to the digit of a single record's."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.types import State
from models.reasons import WEIGHT, Ranker, ReasonGroup, in_hundredths
from models.verdict_columns import millionths, published
from models.verdict_kernel import hundredths, rank

GROUPS = 4
MAP = Ranker([ReasonGroup(f"g{k}", f"R{k}", "t", "i", "u", ()) for k in range(GROUPS)])
PARTS = st.one_of(
    st.floats(-200, 200), st.integers(-9, 9).map(float), st.integers(-999, 999).map(lambda n: n / 100),
    st.integers(-999, 999).map(lambda n: n / 200),
)  # fmt: skip


@settings(deadline=None)  # the first example compiles the kernel
@given(st.lists(PARTS, min_size=GROUPS + 2, max_size=GROUPS + 2), st.integers(-100, 100))
@example([0.005] * 6, 0)
@example([-0.005] * 6, 7)
def test_hundredths_are_shared_out_alike(parts: list[float], off: int) -> None:
    total = round(sum(parts) * 100) + off
    out = np.empty((1, GROUPS + 2), np.int64)
    hundredths(parts[0], np.array([parts[1:-1]]), np.array([parts[-1]]), np.array([total]), out)
    assert out[0].tolist() == in_hundredths(parts, total)
    assert out.sum() == total


@settings(deadline=None)  # as above
@given(
    st.lists(st.integers(-3, 3), min_size=GROUPS + 2, max_size=GROUPS + 2),
    st.one_of(st.none(), st.lists(st.sampled_from(list(map(int, State))), min_size=GROUPS, max_size=GROUPS)),
    st.integers(1, 5),
)
def test_principal_reasons_are_ranked_alike(parts: list[int], states: list[int] | None, most: int) -> None:
    out = np.empty((1, most + 1, 2), np.int64)
    held = np.array([states or [0] * GROUPS], np.uint8)
    rank(np.array([parts]), np.array([states is not None]), held, np.array(WEIGHT, np.uint8), most, out)
    expected = MAP.rank(parts[1:-1], parts[-1], states, most)
    found = [(f"g{group}", Decimal(points).scaleb(-2)) for group, points in out[0, :most].tolist() if group >= 0]
    assert found == [(reason.group, reason.points) for reason in expected.reasons]
    assert bool(out[0, most, 0]) == expected.not_carried


@given(st.lists(st.one_of(st.floats(0, 1), st.integers(0, 10**6).map(lambda n: (n + 0.5) / 10**6)), min_size=1))
@example([0.0000005, 0.0000015, 0.4999995, 0.9999995, 0.1234565, 1.0, 0.0])
def test_probabilities_are_rounded_on_their_exact_value(given_: list[float]) -> None:
    found = millionths(np.array(given_))
    assert [Decimal(int(pd)).scaleb(-6) for pd in found] == [Decimal(f"{pd:.6f}") for pd in given_]


@given(st.lists(st.one_of(st.floats(-2_000, 2_000), st.integers(-5, 1005).map(lambda n: n + 0.5)), min_size=1))
def test_scores_are_rounded_half_to_even_within_an_answers_room(scores: list[float]) -> None:
    assert published(np.array(scores)).tolist() == [min(max(round(score), 0), 999) for score in scores]

"""What must hold for any record, whatever of it reached us."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from model_parts import bundle, record

from contracts.types import Record, State
from models.scoring import Scorer

UNKNOWN = st.sampled_from([State.BLANK, State.NOT_CARRIED, State.REJECTED])
RECORDS = st.builds(
    record,
    income=UNKNOWN | st.integers(0, 2_000_000),
    debt=UNKNOWN | st.integers(0, 100_000_000),
    years=UNKNOWN | st.integers(0, 60),
    job=UNKNOWN | st.sampled_from(["fixed", "part_time", "freelance"]),
    owner=UNKNOWN | st.booleans(),
)


@cache
def scorer() -> Scorer:
    return Scorer(bundle())


@settings(max_examples=200, deadline=None)
@given(RECORDS)
def test_a_score_is_whole_bounded_and_lists_what_it_drew(record: Record) -> None:
    scored = scorer().score(record)
    assert 0.0 < scored.pd < 1.0
    assert abs(scored.base + scored.points.sum() + scored.information - scored.score) < 1e-9
    assert abs(scorer().bundle.scale.score(scored.pd) - scored.score) < 1e-9
    assert scored.score_min <= scored.score <= scored.score_max
    drawn = [
        k
        for k, (field, position) in enumerate(zip(scorer().bundle.fields, scorer().bundle.positions, strict=True))
        if record.states[position] and not (record.states[position] == State.BLANK and field.name == "income")
    ]
    assert list(scored.imputed) == drawn
    assert (scored.draw_scores is None) == (not drawn)
    assert all(low and high for low, high in scored.imputed.values())
    assert drawn or scored.information == 0.0


@settings(max_examples=50, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=150), st.randoms(use_true_random=False))
def test_order_and_company_change_no_digit(records: list[Record], random: object) -> None:
    shuffled = list(range(len(records)))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one = scorer().score_columns(*scorer().columns(records))
    other = scorer().score_columns(*scorer().columns([records[k] for k in shuffled]))
    assert one.summary[shuffled].tobytes() == other.summary.tobytes()
    assert one.points[shuffled].tobytes() == other.points.tobytes()
    assert one.bounds[shuffled].tobytes() == other.bounds.tobytes()
    assert np.array_equal(one.draw_row[shuffled] >= 0, other.draw_row >= 0)

"""Making a field unusable, or blank without support, never makes an outcome ``approve``."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import cache

from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_bundle import CONTRACT, READ, small_bundle
from small_records import NOT_SENT, POSITIONS, ROW_NUMBERS, UNUSABLE, read_policy, record, turned

from contracts.types import Record, State
from models.policy import Policy
from models.scoring import Scorer
from models.verdict import Verdict


@cache
def policy(approve: int = 500, decline: int = 480) -> Policy:
    return read_policy(small_bundle().digest, approve, decline).bind(CONTRACT, small_bundle())


@cache
def scorer() -> Scorer:
    return Scorer(small_bundle())


def decide(rec: Record, approve: int = 500) -> Verdict:
    return policy(approve, min(approve, 480)).decide(rec, scorer().score(rec))


@given(ROW_NUMBERS, NOT_SENT, UNUSABLE, st.sampled_from([400, 500, 520]))
@settings(max_examples=300, deadline=None)
def test_an_unusable_field_never_makes_an_outcome_approve(row, not_sent, unusable, approve):
    verdict = decide(turned(turned(record(row), not_sent), unusable), approve)
    assert verdict.outcome != "approve"
    if verdict.outcome == "refer":
        assert verdict.refer_causes


@given(ROW_NUMBERS, NOT_SENT, UNUSABLE)
@settings(max_examples=200, deadline=None)
def test_no_reason_rests_on_a_value_nobody_sent(row, not_sent, unusable):
    rec = turned(record(row), not_sent | unusable)
    lost = {field for field in READ if rec.states[POSITIONS[field]] == State.NOT_CARRIED}
    touching = {f.group for f in small_bundle().features if f.reads & lost}
    verdict = decide(rec)
    assert not touching & {reason.group for reason in verdict.reasons}
    points = [reason.points for reason in verdict.reasons]
    assert points == sorted(points)
    assert all(p < 0 for p in points) or [r.code for r in verdict.reasons] == ["K1"]
    assert verdict.information_not_available == verdict.information_not_available.quantize(Decimal("0.01"))


@given(ROW_NUMBERS, NOT_SENT | UNUSABLE)
@settings(max_examples=200, deadline=None)
def test_exactly_what_was_not_sent_is_listed(row, changes):
    rec = turned(record(row), changes)
    listed = {(i.field, i.state) for i in decide(rec).imputations}
    assert listed == {(f, State(rec.states[p]).word) for f, p in POSITIONS.items() if rec.states[p]}


@given(ROW_NUMBERS, NOT_SENT)
@example(0, set())
@settings(max_examples=100, deadline=None)
def test_a_protected_field_changes_nothing(row, not_sent):
    rec = turned(record(row), not_sent)
    age = CONTRACT.index["age"]
    other = replace(rec, values=(*rec.values[:age], 90))
    assert decide(rec) == decide(other)

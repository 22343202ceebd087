"""Making a field unusable, or blank without support, never makes an outcome ``approve``."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import cache

from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_bundle import CONTRACT, READ, applicants, small_bundle

from contracts.source import Source
from contracts.types import Record, State
from models.features import value_of
from models.policy import Policy, _read
from models.scoring import Scorer
from models.verdict import Verdict

TEXT = """
name: small
version: 1.0.0
product: consumer-instalment
bundle: {name: small, digest: %s}
cut_offs: {approve: %d, decline: %d}
knock_outs:
  - {id: too_much, when: amount > 12 * income, reason: {code: K1, text: More than we lend}}
refer_rules:
  - {id: large, when: amount > 19500}
validity_days: 14
effective: {from: 2026-01-01}
flip_tolerance: 1.0
"""
ROWS = applicants(60, seed=11)[:, :4]
POSITIONS = {name: CONTRACT.index[name] for name in READ}
UNUSABLE = st.sets(
    st.sampled_from([(name, State.REJECTED) for name in READ] + [(n, State.BLANK) for n in READ if n != "income"]),
    min_size=1,
)
NOT_SENT = st.sets(st.sampled_from([(name, State.NOT_CARRIED) for name in READ] + [("income", State.BLANK)]))


@cache
def policy(approve: int = 500, decline: int = 480) -> Policy:
    """The most lenient kind: draws may flip as they like."""
    text = TEXT % (small_bundle().digest, approve, decline)
    return _read(Source.parse(text, "small.policy.yaml"), "0" * 64).bind(CONTRACT, small_bundle())


@cache
def scorer() -> Scorer:
    return Scorer(small_bundle())


def record(row: int) -> Record:
    values: list = ["consumer-instalment", None, None, None, None, 40]
    states = bytearray(len(values))
    for field, number in zip(small_bundle().fields, ROWS[row].tolist(), strict=True):
        position = POSITIONS[field.name]
        values[position] = value_of(field, number)
        states[position] = State.GIVEN if values[position] is not None else State.BLANK
    return Record(CONTRACT.ref, tuple(values), bytes(states), bytes(len(values)))


def turned(rec: Record, changes) -> Record:
    values, states, causes = list(rec.values), bytearray(rec.states), dict(rec.causes)
    for name, state in changes:
        position = POSITIONS[name]
        values[position], states[position] = None, state
        causes.pop(position, None)
        if state == State.NOT_CARRIED:
            causes[position] = "channel"
    return replace(rec, values=tuple(values), states=bytes(states), causes=causes)


def decide(rec: Record, approve: int = 500) -> Verdict:
    return policy(approve, min(approve, 480)).decide(rec, scorer().score(rec), small_bundle())


rows = st.integers(0, len(ROWS) - 1)


@given(rows, NOT_SENT, UNUSABLE, st.sampled_from([400, 500, 520]))
@settings(max_examples=300, deadline=None)
def test_an_unusable_field_never_makes_an_outcome_approve(row, not_sent, unusable, approve):
    verdict = decide(turned(turned(record(row), not_sent), unusable), approve)
    assert verdict.outcome != "approve"
    if verdict.outcome == "refer":
        assert verdict.refer_causes


@given(rows, NOT_SENT, UNUSABLE)
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


@given(rows, NOT_SENT | UNUSABLE)
@settings(max_examples=200, deadline=None)
def test_exactly_what_was_not_sent_is_listed(row, changes):
    rec = turned(record(row), changes)
    listed = {(i.field, i.state) for i in decide(rec).imputations}
    assert listed == {(f, State(rec.states[p]).word) for f, p in POSITIONS.items() if rec.states[p]}


@given(rows, NOT_SENT)
@example(0, set())
@settings(max_examples=100, deadline=None)
def test_a_protected_field_changes_nothing(row, not_sent):
    rec = turned(record(row), not_sent)
    age = CONTRACT.index["age"]
    other = replace(rec, values=(*rec.values[:age], 90))
    assert decide(rec) == decide(other)

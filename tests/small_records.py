"""Records of the small contract, what may become of their fields, and policies that decide them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from small_bundle import CONTRACT, READ, applicants, small_bundle

from contracts.source import Source
from contracts.types import Record, State
from models.features import value_of
from models.policy import Policy, _read

POLICY = """
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
ROW_NUMBERS = st.integers(0, len(ROWS) - 1)


def read_policy(digest: str, approve: int = 500, decline: int = 480, knock_out: str = "More than we lend") -> Policy:
    """A policy of the most lenient kind: draws may flip as they like; ``knock_out`` is the text of its knock-out."""
    text = POLICY.replace("More than we lend", knock_out)
    return _read(Source.parse(text % (digest, approve, decline), "small.policy.yaml"), "0" * 64)


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

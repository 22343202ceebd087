"""Every legal record of a published version becomes a legal one of the newest: BACKWARD_TRANSITIVE after upcasting."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.odcs import Contract
from contracts.rows import RowEngine
from contracts.store import ContractStore
from contracts.types import CAUSES, Field, Origin, State
from contracts.upcast import RowUpcast

STORE = ContractStore()
NAMES = {ref.partition("@")[0] for ref in STORE.refs() if STORE.get(ref).incoming}
PAIRS = [(ref, STORE.versions(name)[-1]) for name in sorted(NAMES) for ref in STORE.versions(name)[:-1]]
PRESENT = [State.GIVEN] * 6 + list(State)


def values(field: Field) -> st.SearchStrategy[Any]:
    """Every legal value of a field, its ends as often as its middle."""
    low, high = field.minimum, field.maximum
    match field.type:
        case "code":
            return st.sampled_from(field.codes)
        case "boolean":
            return st.booleans()
        case "integer" | "decimal":
            assert isinstance(low, int) and isinstance(high, int)
            return st.one_of(st.sampled_from([low, high]), st.integers(low, high))
        case "date":
            return st.dates(low or date.min, high or date.max)  # type: ignore[arg-type]  # bounds of a date are dates
    if field.pattern:
        return st.from_regex(field.pattern, fullmatch=True)
    return st.text(min_size=field.min_length or 0, max_size=field.max_length)


@st.composite
def records(draw: st.DrawFn, contract: Contract) -> tuple[list[Any], bytearray, bytearray, dict[int, str]]:
    """A record that the mapping could have made, with what lets the contract go on and what does not."""
    states = bytearray(draw(st.sampled_from(PRESENT)) for _ in contract.fields)
    row = [
        draw(values(field)) if state == State.GIVEN else None
        for field, state in zip(contract.fields, states, strict=True)
    ]
    origins = bytearray(draw(st.sampled_from([Origin.WIRE, Origin.LOOKUP])) for _ in contract.fields)
    causes = {at: draw(st.sampled_from(CAUSES)) for at, state in enumerate(states) if state == State.NOT_CARRIED}
    return row, states, origins, causes


def test_there_is_something_to_upcast() -> None:
    assert ("loan_application@1.0.0", "loan_application@2.0.0") in PAIRS


@pytest.mark.parametrize(("before", "after"), PAIRS)
@settings(deadline=None, max_examples=400)
@given(data=st.data())
def test_a_legal_record_becomes_a_legal_one_and_nothing_else_changes(
    before: str, after: str, data: st.DataObject
) -> None:
    old, new = STORE.get(before), STORE.get(after)
    step = STORE.upcast(before, after)
    assert step is not None
    row, states, origins, causes = data.draw(records(old))
    judged = RowEngine(old).check(row, states)
    risen = RowUpcast(step).apply(row, states, origins, causes)
    if not judged.fatal:
        again = RowEngine(new).check(risen.values, risen.states)
        assert again.fatal == ()
        assert {problem.rule for problem in again.tolerated} <= {problem.rule for problem in judged.tolerated}
    for at, field in enumerate(new.fields):
        source = step.sources.get(field.name)
        if source is not None:
            was = old.index[source]
            assert (risen.states[at], risen.origins[at]) == (states[was], origins[was])
            assert risen.causes.get(at) == causes.get(was)
        assert (risen.values[at] is None) == (risen.states[at] != State.GIVEN)
    assert {at for at, cause in risen.causes.items() if risen.states[at] != State.NOT_CARRIED} == set()


@pytest.mark.parametrize(("before", "after"), PAIRS)
@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_step_by_step_comes_to_the_same(before: str, after: str, data: st.DataObject) -> None:
    record = data.draw(records(STORE.get(before)))
    step = STORE.upcast(before, after)
    way = STORE.chain(before, after)
    assert step is not None
    slow: Any = record
    for one, other in pairwise(way):
        single = STORE.upcast(one, other)
        assert single is not None
        slow = RowUpcast(single).apply(*slow)
    assert RowUpcast(step).apply(*record) == slow

"""A rule of the contract's language means the same in exact integers on a row and in floats in the kernel."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contracts.expressions import check, parse, row_printer
from contracts.types import Field, State, Value
from models.features import Feature, compile_features, number_of, value_of

FIELDS = (
    Field("income", "decimal", scale=2),
    Field("years", "integer"),
    Field("job", "code", codes=("fixed", "part_time", "freelance")),
    Field("insured", "boolean"),
)
VALUES: tuple[st.SearchStrategy[Value], ...] = (
    st.integers(-40, 40).map(lambda n: n * 25),
    st.integers(-10, 10),
    st.sampled_from(FIELDS[2].codes),
    st.booleans(),
)
NUMBERS = st.recursive(
    st.sampled_from(["income", "years", "0", "2", "0.25", "7.5"]),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), inner, inner),
        st.builds("{}({})".format, st.sampled_from(["abs", "-"]), inner),
    ),
    max_leaves=4,
)
FACTS = st.one_of(
    st.builds("{} {} {}".format, NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), NUMBERS),
    st.builds("years {} (1, 2, 3)".format, st.sampled_from(["in", "not in"])),
    st.builds("job {} ('fixed', 'freelance')".format, st.sampled_from(["in", "not in"])),
    st.sampled_from(["insured", "job == 'fixed'", "given(income)", "given(job)", "where(insured, income, years) > 1"]),
)
RULES = st.recursive(
    FACTS,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("(not {})".format, inner),
    ),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(rule=RULES, values=st.tuples(*(st.none() | strategy for strategy in VALUES)))
def test_both_printers_agree(rule: str, values: tuple[Value, ...]) -> None:
    """Quarters and small numbers are exact in float64, so nothing may differ."""
    tree = parse(rule)
    assume(any(field.name in rule for field in FIELDS) and not check(tree, {f.name: f for f in FIELDS}, purpose="rule"))
    states = bytes(State.BLANK if value is None else State.GIVEN for value in values)
    exact = row_printer(tree, FIELDS)(values, states)
    compiled = compile_features([Feature("f", rule, "g")], FIELDS)
    row = [number_of(f)(v) for f, v in zip(FIELDS, values, strict=True) if f in compiled.fields]
    found = float(compiled.matrix(np.array([row]))[0, 0])
    assert found == exact if exact is not None else math.isnan(found)


@given(st.integers(-(10**13), 10**13), st.integers(0, 4))
def test_a_decimal_survives_the_way_through_its_number(value: int, scale: int) -> None:
    field = Field("amount", "decimal", scale=scale)
    assert value_of(field, number_of(field)(value)) == value

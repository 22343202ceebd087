"""The row engine against a plain reading of the contract, field by field, and under every order of the fields."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.expressions import parse
from contracts.odcs import Contract, Rule
from contracts.rows import RowEngine
from contracts.types import Field, Problem, State, Value

FIELDS = (
    Field("amount", "decimal", scale=2, required=True, minimum=0, maximum=1000),
    Field("price", "decimal", scale=2, minimum=0, maximum=1000, rejected="refer"),
    Field("months", "integer", minimum=-5, maximum=5, rejected="impute"),
    Field("home", "code", codes=("owner", "rent"), essential=True),
    Field("zip", "string", min_length=2, max_length=4, pattern="^[0-9]+$", rejected="refer"),
    Field("resident", "boolean"),
    Field("since", "date", minimum=date(2000, 1, 1), maximum=date(2010, 1, 1)),
)
RULES = (
    Rule("price", parse("amount <= price"), "error", "."),
    Rule("months", parse("months < 0 or amount > 3 or resident"), "warning", "."),
    Rule("home", parse("home == 'rent' or not given(price)"), "warning", "."),
)
BY_NAME = {field.name: field for field in FIELDS}
anything = st.one_of(
    st.integers(-10, 1010), st.booleans(), st.sampled_from(["owner", "rent", "", "12", "1234", "12345", "1x", "١٢"]),
    st.dates(date(1999, 1, 1), date(2011, 1, 1)), st.floats(), st.integers(), st.text(max_size=3),
)  # fmt: skip
fitting: dict[str, st.SearchStrategy[Any]] = {
    "amount": st.integers(0, 1000), "price": st.integers(0, 1000), "months": st.integers(-5, 5),
    "home": st.sampled_from(["owner", "rent"]), "zip": st.from_regex(r"[0-9]{2,4}", fullmatch=True),
    "resident": st.booleans(), "since": st.dates(date(2000, 1, 1), date(2010, 1, 1)),
}  # fmt: skip


@st.composite
def rows(draw: st.DrawFn) -> dict[str, tuple[Any, State]]:
    """Field name to value and state; about half of the fields legal, the others anything or absent."""
    row = {}
    for field in FIELDS:
        state = draw(st.sampled_from([State.GIVEN] * 5 + list(State)))
        value = draw(st.one_of(fitting[field.name], fitting[field.name], anything)) if state == State.GIVEN else None
        row[field.name] = (value, state)
    return row


def legal(field: Field, value: Any) -> bool:
    """What the contract says of a value, in plain Python."""
    match field.type:
        case "integer" | "decimal":
            return type(value) is int and field.minimum <= value <= field.maximum
        case "code":
            return type(value) is str and value in field.codes
        case "boolean":
            return type(value) is bool
        case "date":
            return type(value) is date and field.minimum <= value <= field.maximum
    return type(value) is str and re.fullmatch("[0-9]+", value, re.ASCII) is not None and 2 <= len(value) <= 4


def expected(row: dict[str, tuple[Any, State]]) -> tuple[set[str], set[str]]:
    """Paths or rule ids of the fatal and the tolerated problems."""
    fatal, tolerated, known = set(), set(), {}
    for name, (value, state) in row.items():
        field = BY_NAME[name]
        if state == State.GIVEN and legal(field, value):
            known[name] = value
        elif state == State.GIVEN:
            (fatal if field.rejected == "refuse" else tolerated).add(name)
        elif (
            (state == State.BLANK and field.required)
            or (state == State.NOT_CARRIED and field.essential)
            or (state == State.REJECTED and field.rejected == "refuse")
        ):
            fatal.add(name)
    if {"amount", "price"} <= known.keys() and known["amount"] > known["price"]:
        fatal.add("rule price")
    if {"months", "amount", "resident"} <= known.keys() and not (
        known["months"] < 0 or known["amount"] > 300 or known["resident"]
    ):
        tolerated.add("rule months")
    if "home" in known and "price" in known and known["home"] != "rent":
        tolerated.add("rule home")
    return fatal, tolerated


def check(
    fields: tuple[Field, ...], rules: tuple[Rule, ...], row: dict[str, tuple[Any, State]]
) -> tuple[tuple[Problem, ...], tuple[Problem, ...], dict[str, tuple[Value, int]]]:
    values, states = [row[f.name][0] for f in fields], bytearray(row[f.name][1] for f in fields)
    engine = RowEngine(Contract("sample", "1.0.0", fields=fields, rules=rules))
    fatal, tolerated = engine.check(values, states)
    return fatal, tolerated, {f.name: (v, s) for f, v, s in zip(fields, values, states, strict=True)}


def named(problems: tuple[Problem, ...]) -> set[str]:
    names = {f"rule {problem.rule}" if problem.code == "rule" else problem.path for problem in problems}
    assert len(names) == len(problems)
    return names


@settings(max_examples=300)
@given(rows())
def test_every_problem_of_a_record_is_found_at_once_and_no_other(row: dict[str, tuple[Any, State]]) -> None:
    fatal, tolerated, after = check(FIELDS, RULES, row)
    assert (named(fatal), named(tolerated)) == expected(row)
    for name, (value, state) in row.items():
        taken_out = name in named(tolerated)
        assert after[name] == ((None, State.REJECTED) if taken_out else (value, state)) or value != value


@given(rows(), st.permutations(FIELDS), st.permutations(RULES))
def test_the_order_of_fields_and_rules_changes_no_problem(
    row: dict[str, tuple[Any, State]], fields: list[Field], rules: list[Rule]
) -> None:
    def unplaced(problems: tuple[Problem, ...]) -> set[tuple[str, ...]]:
        return {(p.code, p.rule, p.seen, p.expected, p.path if p.code != "rule" else "") for p in problems}

    one = check(FIELDS, RULES, row)
    other = check(tuple(fields), tuple(rules), row)
    assert unplaced(one[0]) == unplaced(other[0])
    assert unplaced(one[1]) == unplaced(other[1])


@given(rows())
def test_a_record_whose_bad_values_were_taken_out_has_only_its_fatal_problems_left(
    row: dict[str, tuple[Any, State]],
) -> None:
    fatal, tolerated, after = check(FIELDS, RULES, row)
    again, still, _ = check(FIELDS, RULES, {name: (value, State(state)) for name, (value, state) in after.items()})
    assert again == fatal
    assert still == tuple(problem for problem in tolerated if problem.code == "rule")


@given(rows(), st.text("abcdefghij", min_size=6, max_size=12))
def test_no_problem_shows_a_value(row: dict[str, tuple[Any, State]], secret: str) -> None:
    row["zip"] = (secret, State.GIVEN)
    row["home"] = (secret, State.GIVEN)
    fatal, tolerated, _ = check(FIELDS, RULES, row)
    assert not any(secret in part for problem in (*fatal, *tolerated) for part in problem)

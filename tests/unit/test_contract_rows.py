"""One record against its contract: what is a problem, which problems are tolerated, and what they tell."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from contracts.errors import InternalFault
from contracts.expressions import parse
from contracts.odcs import Contract, Rule
from contracts.rows import Checked, RowEngine, expectation
from contracts.types import Field, Problem, State, Value

FIELDS = (
    Field("amount", "decimal", scale=2, unit="currency", required=True, minimum=100, maximum=10_000_00),
    Field("price", "decimal", scale=2, unit="currency", minimum=100, maximum=10_000_00, rejected="refer"),
    Field("months", "integer", unit="months", minimum=1, maximum=84, rejected="impute"),
    Field("home", "code", codes=("owner", "rent"), rejected="refer"),
    Field("zip", "string", min_length=4, max_length=5, pattern="^[0-9]+$"),
    Field("resident", "boolean", rejected="refer"),
    Field("since", "date", minimum=date(1950, 1, 1), maximum=date(2050, 1, 1), rejected="refer"),
    Field("currency", "string", max_length=3, essential=True, blank="refuse"),
)
RULES = (
    Rule("within_price", parse("amount <= price"), "error", "A loan is not larger than the price."),
    Rule("one_a_month", parse("amount >= months"), "warning", "At least one a month."),
)
CONTRACT = Contract("sample", "1.0.0", fields=FIELDS, rules=RULES)
GOOD: dict[str, Value] = {
    "amount": 5000, "price": 6000, "months": 12, "home": "rent", "zip": "1010", "resident": True,
    "since": date(2001, 2, 3), "currency": "EUR",
}  # fmt: skip


def checked(changes: dict[str, Any] | None = None, **states: State) -> tuple[Checked, list[Value], bytearray]:
    values = [(GOOD | (changes or {}))[field.name] for field in FIELDS]
    found = bytearray(states.get(field.name, State.GIVEN) for field in FIELDS)
    for position, state in enumerate(found):
        if state != State.GIVEN:
            values[position] = None
    return RowEngine(CONTRACT).check(values, found), values, found


def brief(problems: tuple[Problem, ...]) -> list[str]:
    return [f"{problem.path} {problem.code}" for problem in problems]


def test_a_complete_legal_record_has_no_problem_and_stays_as_it_is() -> None:
    result, values, states = checked()
    assert result == ((), ())
    assert values == list(GOOD.values())
    assert states == bytearray(len(FIELDS))


@pytest.mark.parametrize(
    ("field", "value", "code", "seen"),
    [
        ("amount", 99, "out_of_range", "a number below the minimum"),
        ("amount", 10_000_01, "out_of_range", "a number above the maximum"),
        ("amount", -(10**30), "out_of_range", "a number below the minimum"),
        ("amount", 10**30, "out_of_range", "a number above the maximum"),
        ("amount", "5000", "wrong_type", "text of 4 characters"),
        ("amount", 50.0, "wrong_type", "a value of the type float"),
        ("amount", True, "wrong_type", "true or false"),
        ("amount", None, "wrong_type", "nothing, in a field that is given"),
        ("months", 0, "out_of_range", "a number below the minimum"),
        ("months", "12", "wrong_type", "text of 2 characters"),
        ("home", "flat", "not_a_code", "text of 4 characters"),
        ("home", "", "not_a_code", "text of 0 characters"),
        ("home", 1, "wrong_type", "a whole number"),
        ("zip", "101", "too_short", "text of 3 characters"),
        ("zip", "101010", "too_long", "text of 6 characters"),
        ("zip", "10a0", "pattern", "text of 4 characters"),
        ("zip", "1010\n", "pattern", "text of 5 characters"),
        ("zip", "١٢٣٤", "pattern", "text of 4 characters"),
        ("zip", "10\ud8001", "wrong_type", "text of 4 characters"),
        ("zip", 1010, "wrong_type", "a whole number"),
        ("resident", 1, "wrong_type", "a whole number"),
        ("resident", "yes", "wrong_type", "text of 3 characters"),
        ("since", date(1949, 12, 31), "out_of_range", "a date below the minimum"),
        ("since", datetime(2001, 2, 3, 4, 5), "wrong_type", "a value of the type datetime"),  # noqa: DTZ001
        ("since", datetime(2001, 2, 3), "wrong_type", "a value of the type datetime"),  # noqa: DTZ001
        ("since", "2001-02-03", "wrong_type", "text of 10 characters"),
    ],
)
def test_a_wrong_value_is_named_without_being_shown(field: str, value: Any, code: str, seen: str) -> None:
    (fatal, tolerated), values, states = checked({field: value})
    (problem,) = fatal or tolerated
    described = FIELDS[CONTRACT.index[field]]
    assert (problem.path, problem.code, problem.seen) == (field, code, seen)
    assert problem.expected == expectation(described)
    assert problem.rule.startswith(f"{field}.")
    assert bool(tolerated) == (described.rejected != "refuse")
    position = CONTRACT.index[field]
    assert (states[position] == State.REJECTED and values[position] is None) == bool(tolerated)


def test_every_problem_is_told_at_once_in_contract_order() -> None:
    (fatal, tolerated), _, _ = checked({"amount": 5, "price": "x", "months": 99, "zip": "x", "home": "y"})
    assert brief(fatal) == ["amount out_of_range", "zip too_short"]
    assert brief(tolerated) == ["price wrong_type", "months out_of_range", "home not_a_code"]


def test_a_blank_is_a_problem_only_where_a_value_is_required() -> None:
    assert brief(checked(amount=State.BLANK)[0].fatal) == ["amount missing_required"]
    assert checked(price=State.BLANK, home=State.BLANK, since=State.BLANK)[0] == ((), ())


def test_a_required_field_may_be_not_carried_an_essential_one_may_not() -> None:
    assert checked(amount=State.NOT_CARRIED)[0] == ((), ())
    assert brief(checked(currency=State.NOT_CARRIED)[0].fatal) == ["currency essential_not_carried"]


def test_a_value_that_stands_for_unusable_is_fatal_where_the_contract_refuses_it() -> None:
    assert brief(checked(zip=State.REJECTED)[0].fatal) == ["zip unusable"]
    assert checked(price=State.REJECTED, months=State.REJECTED)[0] == ((), ())


def test_a_broken_rule_refuses_or_warns_as_it_says() -> None:
    (fatal, tolerated), _, _ = checked({"price": 4999})
    assert fatal == (
        Problem("rule", "within_price", "amount", "values that contradict it", "A loan is not larger than the price."),
    )
    assert tolerated == ()
    (fatal, tolerated), values, _ = checked({"amount": 150, "months": 80})
    assert fatal == ()
    assert [(p.code, p.rule) for p in tolerated] == [("rule", "one_a_month")]
    assert values[2] == 80


def test_a_rule_is_passed_over_where_its_values_are_missing_or_wrong() -> None:
    assert checked(price=State.BLANK)[0] == ((), ())
    (fatal, tolerated), _, _ = checked({"price": 1})
    assert (brief(fatal), brief(tolerated)) == ([], ["price out_of_range"])
    (fatal, tolerated), _, _ = checked({"amount": 10_000_01})
    assert (brief(fatal), brief(tolerated)) == (["amount out_of_range"], [])


def test_a_value_beside_its_absence_is_our_own_fault() -> None:
    values = list(GOOD.values())
    with pytest.raises(InternalFault, match="price has a value"):
        RowEngine(CONTRACT).check(values, bytearray([0, 1, 0, 0, 0, 0, 0, 0]))


@pytest.mark.parametrize("count", [0, 7, 9])
def test_a_record_of_another_length_is_our_own_fault(count: int) -> None:
    values = [*GOOD.values(), "more"][:count]
    with pytest.raises(InternalFault, match=f"{count} values for 8 fields"):
        RowEngine(CONTRACT).check(values, bytearray(count))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("amount", "a number with 2 decimals from 1.00 to 10000.00 (currency)"),
        ("months", "a whole number from 1 to 84 (months)"),
        ("home", "one of owner, rent"),
        ("zip", "text from 4 to 5 characters of the form ^[0-9]+$"),
        ("resident", "true or false"),
        ("since", "a date from 1950-01-01 to 2050-01-01"),
        ("currency", "text up to 3 characters"),
    ],
)
def test_what_is_expected_is_said_as_a_person_would(name: str, words: str) -> None:
    assert expectation(FIELDS[CONTRACT.index[name]]) == words

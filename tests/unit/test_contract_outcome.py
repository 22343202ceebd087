"""What became of a loan: which outcomes are believed, and which contradict themselves."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from contracts.rows import RowEngine
from contracts.store import ContractStore
from contracts.types import State

OUTCOME = ContractStore().get("loan_outcome@1.0.0")
BAD: dict[str, Any] = {
    "business_key": "A-1", "decision_id": None, "product": "consumer-instalment", "currency": "EUR",
    "observed_as_of": date(2027, 3, 31), "observation_months": 14, "performance_window_months": 12,
    "default_definition": "days_90", "performance": "bad", "defaulted_on": date(2026, 11, 2), "days_past_due": 240,
    "days_past_due_max": 240, "account": "charged_off", "amount_charged_off": 231050, "amount_recovered": 40000,
}  # fmt: skip
GOOD = BAD | {
    "performance": "good", "defaulted_on": None, "days_past_due": 0, "days_past_due_max": 4, "account": "open",
    "amount_charged_off": 0, "amount_recovered": 0,
}  # fmt: skip
WITHDRAWN = GOOD | {"performance": "none", "account": "not_paid_out", "observation_months": 0}


def problems(outcome: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Rules that refuse the outcome, and those that only tell."""
    values = [outcome[field.name] for field in OUTCOME.fields]
    states = bytearray(State.BLANK if value is None else State.GIVEN for value in values)
    fatal, told = RowEngine(OUTCOME).check(values, states)
    return {problem.rule for problem in fatal}, {problem.rule for problem in told}


@pytest.mark.parametrize(
    "outcome",
    [
        GOOD,
        BAD,
        WITHDRAWN,
        GOOD | {"account": "prepaid"},
        GOOD | {"performance": "indeterminate", "days_past_due": 35, "days_past_due_max": 45},
        BAD | {"account": "repaid", "amount_charged_off": 0, "amount_recovered": 0, "days_past_due": 0},
        GOOD | {"observation_months": 3},
        GOOD | {"days_past_due": None, "days_past_due_max": None},
    ],
    ids=["good", "bad", "withdrawn", "prepaid", "in arrears", "cured", "too young to tell", "arrears not known"],
)
def test_an_outcome_that_can_be_is_believed(outcome: dict[str, Any]) -> None:
    assert problems(outcome) == (set(), set())


@pytest.mark.parametrize(
    ("outcome", "rule"),
    [
        (GOOD | {"amount_charged_off": 1}, "charged_off_is_bad"),
        (BAD | {"amount_charged_off": 0, "amount_recovered": 0}, "charged_off_is_bad"),
        (BAD | {"defaulted_on": None}, "default_has_its_day"),
        (GOOD | {"defaulted_on": date(2026, 11, 2)}, "default_has_its_day"),
        (BAD | {"defaulted_on": date(2027, 4, 1)}, "default_was_observed"),
        (WITHDRAWN | {"performance": "good"}, "only_a_loan_is_judged"),
        (GOOD | {"performance": "none"}, "only_a_loan_is_judged"),
        (WITHDRAWN | {"observation_months": 3}, "not_paid_out_is_not_observed"),
        (WITHDRAWN | {"amount_recovered": 1}, "not_paid_out_is_not_observed"),
        (GOOD | {"days_past_due": 5}, "worst_arrears_are_the_most"),
        (GOOD | {"product": None}, "product.required"),
        (GOOD | {"performance_window_months": None}, "performance_window_months.required"),
        (GOOD | {"default_definition": "days_30"}, "default_definition.codes"),
    ],
)
def test_an_outcome_that_contradicts_itself_is_refused(outcome: dict[str, Any], rule: str) -> None:
    assert rule in problems(outcome)[0]


def test_more_recovered_than_charged_off_is_told_and_taken() -> None:
    assert problems(BAD | {"amount_recovered": 300000}) == (set(), {"recovered_after_charge_off"})


def test_nothing_of_an_outcome_may_be_a_score_or_a_reason() -> None:
    assert OUTCOME.kind == "outcome"
    assert not [field.name for field in OUTCOME.fields if field.monotone or field.reason_group]

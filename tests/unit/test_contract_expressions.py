"""The expression language: what is in it, what is not, and what a missing value does to it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from contracts.expressions import (
    Arith,
    Compare,
    ExpressionFault,
    Logic,
    Name,
    Neg,
    Number,
    OneOf,
    check,
    names,
    parse,
    row_printer,
)
from contracts.types import Field, State, Value

FIELDS = (
    Field("loan", "decimal", scale=2, unit="currency"),
    Field("price", "decimal", scale=2, unit="currency"),
    Field("months", "integer", unit="months"),
    Field("home", "code", codes=("owner", "rent")),
    Field("note", "string", max_length=20),
    Field("resident", "boolean"),
    Field("since", "date"),
    Field("until", "date"),
)
BY_NAME = {field.name: field for field in FIELDS}


def holds(text: str, **values: Value) -> bool | None:
    """Evaluate over a record in which every field not named is blank."""
    expression = parse(text)
    assert check(expression, BY_NAME, purpose="rule") == []
    row = tuple(values.get(field.name) for field in FIELDS)
    states = bytes(State.BLANK if value is None else State.GIVEN for value in row)
    return row_printer(expression, FIELDS)(row, states)


def test_an_expression_becomes_a_tree_of_plain_data() -> None:
    assert parse("loan <= 0.90 * price") == Compare(
        "<=", Name("loan"), Arith("*", Number(Decimal("0.90")), Name("price"))
    )
    assert parse("0 < loan < 10") == Logic(
        "and", (Compare("<", Number(Decimal(0)), Name("loan")), Compare("<", Name("loan"), Number(Decimal(10))))
    )
    assert parse("months not in (12, -24.5)") == OneOf(Name("months"), (Decimal(12), Decimal("-24.5")), True)
    assert parse("-loan") == Neg(Name("loan"))
    assert names(parse("not given(price) or loan <= price")) == {"loan", "price"}


def test_an_expression_may_run_over_lines() -> None:
    assert parse("  loan\n   <= price\n") == parse("loan <= price")


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("loan <= ", None), ("", None), ("loan.amount > 1", 0), ("loan[0] > 1", 0), ("open('x')", 0),
        ("loan if price else months", 0), ("(lambda: 1)()", None), ("loan > 1e5", 7), ("loan > 0x10", 7),
        ("loan > 1_000", 7), ("loan > 1j", 7), ("loan > True", 7), ("loan == None", 8), ("loan is price", 8),
        ("loan ** 2 > 1", 0), ("loan % 2 > 1", 5), ("loan // 2 > 1", 0), ("~months > 1", 0), ("+months > 1", 0),
        ("given(1)", 0), ("given(loan, price)", 0), ("min(loan)", 0), ("min(*loan)", 0), ("max(loan, key=price)", 0),
        ("home in 'owner'", 8), ("home in ()", 8), ("home in ('owner', 1)", 8), ("home in (months, 1)", 9),
        ("Loan > 1", 0), ("_loan > 1", 0), ("loan > 1; price", 8), ("loan > '\\x41'", 8), ("löan > 1", 1),
        ("[loan]", 0), ("loan, price", 0), ("b'x' == note", 0), ("note == f'x'", 8), ("loan := 1", None),
    ],
)  # fmt: skip
def test_what_is_not_in_the_language_is_refused_with_its_place(text: str, offset: int | None) -> None:
    with pytest.raises(ExpressionFault) as caught:
        parse(text)
    assert offset is None or caught.value.offset == offset


@pytest.mark.parametrize("text", ["-" * 900 + "1 > 0", "not " * 50 + "loan > 1"])
def test_a_deep_expression_is_refused_and_not_followed(text: str) -> None:
    with pytest.raises(ExpressionFault, match="levels"):
        parse(text)


@pytest.mark.parametrize("text", ["loan > 1" + " or loan > 1" * 150, "loan > 1" + " or loan > 1" * 70])
def test_a_long_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionFault, match=r"longer than|parts"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lone <= price", "there is no field 'lone'; did you mean 'loan'?"),
        ("loan + price", "a rule says yes or no, this one is a number"),
        ("loan / price < 1", "a rule cannot divide"),
        ("sqrt(loan) < 1", "a rule cannot use sqrt"),
        ("home == 'own'", "home has no code 'own'; its codes are owner, rent"),
        ("'own' != home", "home has no code 'own'"),
        ("home in ('owner', 'flat')", "home has no code 'flat'"),
        ("home < 'rent'", "a text has no order"),
        ("loan == 'rent'", "'==' compares a number with a text"),
        ("months in ('a', 'b')", "'in' compares a number with a text"),
        ("since + 1 > until", "'+' works on a number, not on a date"),
        ("not loan", "'not' works on a truth, not on a number"),
        ("loan and resident", "'and' works on a truth, not on a number"),
        ("where(loan, 1, 2) > 1", "'where' works on a truth, not on a number"),
        ("abs(home) > 1", "'abs' works on a number, not on a text"),
    ],
)
def test_a_rule_that_means_nothing_is_named(text: str, message: str) -> None:
    found = check(parse(text), BY_NAME, purpose="rule")
    assert len(found) == 1
    assert found[0].startswith(message)


@pytest.mark.parametrize("text", ["loan / price", "log1p(loan)", "home", "home == 'owner'", "sqrt(loan) + months"])
def test_a_feature_may_divide_and_be_a_code(text: str) -> None:
    assert check(parse(text), BY_NAME, purpose="feature") == []


@pytest.mark.parametrize("text", ["note", "since", "since < until and note", "home + 1"])
def test_a_feature_is_a_number_in_the_end(text: str) -> None:
    assert check(parse(text), BY_NAME, purpose="feature") != []


def test_every_fault_of_an_expression_is_told_at_once() -> None:
    assert len(check(parse("lone < 1 and prize / 2 > months and home == 'x'"), BY_NAME, purpose="rule")) == 4


def test_numbers_are_compared_in_their_own_units_to_the_last_digit() -> None:
    assert holds("loan <= 1234.50", loan=123450) is True
    assert holds("loan <= 1234.499", loan=123450) is False
    assert holds("loan * 0.001 == 1.2345", loan=123450) is True
    assert holds("loan == 3 * price", loan=30, price=10) is True
    assert holds("months in (12, 24.0)", months=24) is True
    assert holds("loan in (0.125, 0.5)", loan=50) is True
    assert holds("abs(loan - price) == max(months, 2.5)", loan=100, price=350, months=1) is True
    assert holds("loan + 0.01 > 90071992547409.93", loan=9007199254740993) is True


def test_the_usual_precedence_holds() -> None:
    assert holds("1 + 2 * 3 == 7 and not 2 > 3 or 1 > 2") is True
    assert holds("-2 - -3 == 1") is True
    assert holds("10 - 4 - 3 == 3") is True


def test_texts_dates_and_truths_compare() -> None:
    assert holds("note == 'it is' and home != 'rent'", note="it is", home="owner") is True
    assert holds("since < until", since=date(2020, 1, 1), until=date(2020, 1, 2)) is True
    assert holds("resident and not resident == resident", resident=True) is False
    assert holds("home not in ('owner', 'rent')", home="rent") is False


def test_a_missing_operand_makes_the_result_unknown() -> None:
    for text in ("loan <= price", "min(loan, price) > 0", "not loan > price", "price in (1, 2)", "-price < loan"):
        assert holds(text, loan=1) is None, text
    assert holds("where(loan > 0, loan, price) > 0", loan=1) is None
    assert holds("where(price > 0, 1, 2) > 0") is None


def test_and_or_are_settled_by_what_is_known() -> None:
    assert holds("loan > 0 or price > 0", loan=1) is True
    assert holds("price > 0 or loan > 0", loan=1) is True
    assert holds("price > 0 and loan < 0", loan=1) is False
    assert holds("price > 0 and loan > 0", loan=1) is None


def test_given_is_always_known() -> None:
    assert holds("given(loan) and not given(price)", loan=0) is True
    assert holds("not given(price) or loan <= price", loan=1) is True


def test_a_feature_function_has_no_exact_row_form() -> None:
    with pytest.raises(ValueError, match="features only"):
        row_printer(parse("log1p(loan) > 1"), FIELDS)

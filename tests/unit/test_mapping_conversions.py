"""Each conversion takes exactly what its grammar says."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from contracts.mapping.chains import chain_faults, read_conversion
from contracts.mapping.conversions import Unfit, compile_chain, describe
from contracts.types import Field

AMOUNT = Field("amount", "decimal", scale=2)
COUNT = Field("count", "integer")
TEXT = Field("text", "string")
DAY = Field("day", "date")
FLAG = Field("flag", "boolean")


def convert(field: Field, steps: str, native: Any) -> Any:
    return compile_chain([read_conversion(step) for step in steps.split()], field)(native)


def refused(field: Field, steps: str, native: Any) -> str:
    with pytest.raises(Unfit) as caught:
        convert(field, steps, native)
    return caught.value.code


@pytest.mark.parametrize(
    ("native", "scaled"),
    [
        ("1234.50", 123450), ("0001234.5", 123450), ("+1.", 100), (".5", 50), ("-0", 0), ("-0.01", -1), (7, 700),
        ("100.000", 10000), (Decimal("1E+3"), 100000), (Decimal("12.30"), 1230), (Decimal("1.000"), 100),
        ("9999999999999999.99", 999999999999999999),
    ],
)  # fmt: skip
def test_a_decimal_is_read_to_the_last_digit(native: Any, scaled: int) -> None:
    assert convert(AMOUNT, "decimal(2)", native) == scaled


@pytest.mark.parametrize(
    ("native", "code"),
    [
        (" 12 ", "not_a_number"), ("1_000", "not_a_number"), ("١٢", "not_a_number"), ("inf", "not_a_number"),
        ("NaN", "not_a_number"), ("1e3", "not_a_number"), ("1,5", "not_a_number"), ("0x10", "not_a_number"),
        ("12\n", "not_a_number"), ("", "not_a_number"), (".", "not_a_number"), ("--1", "not_a_number"),
        ("1" * 41, "not_a_number"), ("1.005", "excess_scale"), (Decimal("1.005"), "excess_scale"),
        (Decimal("1E-400"), "excess_scale"), (Decimal("1E+400"), "too_large"), ("10000000000000000", "too_large"),
        (10**400, "too_large"), (Decimal("NaN"), "too_large"), (Decimal("Infinity"), "too_large"),
        (True, "wrong_type"), (1.5, "wrong_type"), (None, "wrong_type"), ([1], "wrong_type"), ({}, "wrong_type"),
    ],
)  # fmt: skip
def test_what_is_no_decimal_is_refused(native: Any, code: str) -> None:
    assert refused(AMOUNT, "decimal(2)", native) == code


def test_an_integer_is_a_whole_number_however_it_is_sent() -> None:
    assert [convert(COUNT, "integer", native) for native in ("007", 7, Decimal("7.0"))] == [7, 7, 7]
    assert refused(COUNT, "integer", "7.0") == "not_a_number"
    assert refused(COUNT, "integer", Decimal("7.5")) == "excess_scale"
    assert refused(COUNT, "integer(2)", "100") == "too_large"


@pytest.mark.parametrize(("cents", "euros"), [(125, 12), (135, 14), (145, 14), (-125, -12), (-135, -14), (126, 13)])
def test_divide_rounds_half_to_even_once(cents: int, euros: int) -> None:
    assert convert(COUNT, "integer divide(10)", cents) == euros


def test_factors_are_one_exact_fraction() -> None:
    assert convert(AMOUNT, "decimal(2) divide(3) multiply(3)", "0.01") == 1
    assert convert(AMOUNT, "decimal(4) multiply(0.5)", "0.0200") == 1
    assert refused(AMOUNT, "decimal(4) multiply(0.5)", "0.0100") == "excess_scale"


def test_multiplying_may_not_leave_the_room_of_a_number() -> None:
    assert refused(COUNT, "integer multiply(1000)", 10**16) == "too_large"


def test_trim_drops_blanks_and_upper_changes_ascii_only() -> None:
    assert convert(TEXT, "trim upper text", "\t straße ") == "STRAßE"


@pytest.mark.parametrize("native", ["a\x00b", "a\ud800", "line\nbreak", "x" * 4001, "", True, None, Decimal("1E+30")])
def test_text_without_a_clean_written_form_is_refused(native: Any) -> None:
    assert refused(TEXT, "text", native) in ("not_text", "wrong_type")


def test_numbers_become_text_digit_by_digit() -> None:
    assert [convert(TEXT, "text", n) for n in (12, Decimal("1.50"), Decimal("1E+2"))] == ["12", "1.50", "100"]


def test_a_date_is_a_real_day_in_the_declared_format() -> None:
    assert convert(DAY, "date(DD.MM.YYYY)", "29.02.2024") == date(2024, 2, 29)
    assert convert(DAY, "date(DDMMYYYY)", 1022024) == date(2024, 2, 1)
    assert refused(DAY, "date(DD.MM.YYYY)", "29.02.2023") == "not_a_date"
    assert refused(DAY, "date(DD.MM.YYYY)", "٢٩.02.2024") == "not_a_date"
    assert refused(DAY, "date(YYYY-MM-DD)", "0000-01-01") == "not_a_date"
    assert refused(DAY, "date(YYYY-MM-DD)", 20240101) == "wrong_type"


def test_a_boolean_is_one_of_four_words() -> None:
    assert [convert(FLAG, "boolean", n) for n in ("true", "0", 1, False)] == [True, False, True, False]
    assert [refused(FLAG, "boolean", n) for n in ("True", "yes", 2)] == ["not_a_boolean"] * 3
    assert refused(FLAG, "boolean", Decimal(1)) == "wrong_type"


def test_codes_match_numbers_texts_and_booleans_by_their_written_form() -> None:
    field = Field("home", "code", codes=("owner", "rent"))
    chain = [read_conversion("text")]
    codes = compile_chain(chain, field, {"1": "owner", "true": "rent"})
    assert [codes(1), codes("1"), codes(Decimal(1)), codes(True)] == ["owner", "owner", "owner", "rent"]
    with pytest.raises(Unfit) as caught:
        codes("01")
    assert (caught.value.code, caught.value.expected) == ("unknown_code", "one of 1, true")


@pytest.mark.parametrize(
    "text",
    ["decmal(2)", "decimal", "decimal(x)", "decimal(2", "text()", "date(YY)", "divide(1e3)", "multiply(+1)", "(2)"],
)
def test_an_unknown_conversion_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|did you mean|known"):
        read_conversion(text)


@pytest.mark.parametrize(
    ("field", "steps", "message"),
    [
        (AMOUNT, "text", "gives no decimal"),
        (AMOUNT, "divide(12) decimal(2)", "must come once"),
        (AMOUNT, "decimal(2) trim", "must come before"),
        (AMOUNT, "decimal(2) integer", "must come once"),
        (TEXT, "text multiply(2)", "gives no number"),
        (AMOUNT, "decimal(2) divide(0)", "zero or none"),
    ],
)
def test_a_chain_that_cannot_work_is_a_fault(field: Field, steps: str, message: str) -> None:
    assert message in " ".join(chain_faults([read_conversion(step) for step in steps.split()], field, coded=False))


def test_a_description_tells_kind_and_size_only() -> None:
    assert [describe(n) for n in ("Ada", "", 5, Decimal("1.5"), True, None, [1], {})] == [
        "text of 3 characters", "an empty text", "a whole number", "a number", "true or false", "null", "a list of 1",
        "a group of 0",
    ]  # fmt: skip

"""A row as canonical JSON: what any driver hands over says the same, and an answer fits its column or says why not."""

from __future__ import annotations

import json
import string
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.odbc.rows import bound, native, reader, row_key, written
from adapters.odbc.tables import Column, Kind

MIDNIGHT = datetime.fromisoformat("2026-03-31")
MORNING = datetime.fromisoformat("2026-03-31T09:30:00")
BERLIN = timezone(timedelta(hours=2))
AMOUNT = Column("AMOUNT", "decimal", 12, 2)
NO_DIGITS = [
    "1_000",
    " 12 ",
    "12\n",
    "1e3",
    "1E3",
    "+5",
    ".5",
    "5.",
    "NaN",
    "inf",
    "1.0e+999999999",
    "٣",
    "１２",
    "0x1F",
    "",
]
"""Texts that Python takes for numbers, or somebody may."""


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (AMOUNT, Decimal("1234.50"), "1234.50"),
        (AMOUNT, 1234.5, "1234.50"),
        (AMOUNT, "1234.5", "1234.50"),
        (AMOUNT, 7, "7.00"),
        (AMOUNT, Decimal("0E-10"), "0.00"),
        (AMOUNT, Decimal("1.005"), "1.005"),
        (AMOUNT, "abc", "abc"),
        (AMOUNT, "-0012.5", "-12.50"),
        (AMOUNT, "1.0e+15", "1000000000000000.00"),
        (AMOUNT, "1.0e-05", "0.000010"),
        *((AMOUNT, text, text) for text in NO_DIGITS),
        (Column("N", "bigint"), 10**15, "1000000000000000"),
        (Column("N", "smallint"), "17", "17"),
        (Column("X", "double"), 1e-7, "0.0000001"),
        (Column("X", "real"), 1e22, "10000000000000000000000"),
        (Column("C", "char", 4), "A   ", "A"),
        (Column("C", "char", 4), "    ", ""),
        (Column("V", "varchar", 9), " A ", " A "),
        (Column("V", "varchar", 9), "", ""),
        (Column("B", "boolean"), 1, True),
        (Column("B", "boolean"), "f", False),
        (Column("B", "boolean"), "maybe", "maybe"),
        (Column("D", "date"), date(2026, 3, 31), "2026-03-31"),
        (Column("D", "date"), MIDNIGHT, "2026-03-31"),
        (Column("D", "date"), "2026-03-31", "2026-03-31"),
        (Column("T", "time"), time(9, 30), "09:30:00"),
        (Column("T", "timestamp"), MORNING, "2026-03-31T09:30:00"),
        (Column("T", "timestamp"), "2026-03-31 09:30:00.250000", "2026-03-31T09:30:00.25"),
        (Column("T", "timestamp-tz"), datetime(2026, 3, 31, 9, 30, tzinfo=BERLIN), "2026-03-31T07:30:00Z"),
        (Column("T", "timestamp-tz"), "2026-03-31 09:30:00.5+02", "2026-03-31T07:30:00.5Z"),
        (Column("T", "timestamp-tz"), "2026-03-31 99:30:00+02", "2026-03-31 99:30:00+02"),
        (Column("R", "binary", 4), b"\x00\xff", "00ff"),
        (Column("V", "varchar", 9), None, None),
    ],
)
def test_what_a_driver_gives_becomes_one_text(column: Column, value: Any, text: str | bool | None) -> None:
    assert native(column, value) == text


@given(number=st.decimals(-(10**9), 10**9, places=2), form=st.sampled_from(["decimal", "text", "float"]))
def test_a_decimal_is_the_same_text_however_a_driver_gives_it(number: Decimal, form: str) -> None:
    given: Any = {"decimal": number, "text": format(number.normalize(), "f"), "float": float(number)}[form]
    assert native(AMOUNT, given) == format(number, "f").replace("-0.00", native(AMOUNT, given) or "")
    assert Decimal(str(native(AMOUNT, given))) == number


@given(
    kind=st.sampled_from(get_args(Kind)),
    value=st.text() | st.binary() | st.integers() | st.decimals() | st.floats() | st.booleans() | st.datetimes()
    | st.dates() | st.times() | st.from_regex(r"[-+]?[0-9]+\.?[0-9]*[eE]?[-+]?[0-9]{0,9}", fullmatch=True)
)  # fmt: skip
def test_whatever_a_driver_gives_is_read(kind: Kind, value: Any) -> None:
    found = native(Column("X", kind, 12, 2), value)
    assert written({"X": found})
    assert row_key((found,), found, b"")


def test_a_row_has_its_columns_in_the_declared_order_and_no_blanks_between() -> None:
    read = reader([Column("A", "char", 2), AMOUNT, Column("odd name", "text")])
    assert written(read(["x ", Decimal(1), None])) == b'{"A":"x","AMOUNT":"1.00","odd name":null}'


def test_bytes_that_are_no_text_stay_visible() -> None:
    raw = written({"V": native(Column("V", "varchar", 9), b"\xff")})
    with pytest.raises(UnicodeDecodeError):
        raw.decode()


def test_a_row_is_named_by_key_and_version_or_by_its_content() -> None:
    assert row_key(("17", "a/b:c"), "3", b"") == "17/a%2Fb%3Ac:3"
    by_content = row_key(("17",), None, b'{"A":"x"}')
    assert by_content.startswith("17:")
    assert by_content != row_key(("17",), None, b'{"A":"y"}')


def test_a_row_whose_key_or_version_is_no_text_has_a_name_of_its_own() -> None:
    spelled = [native(Column("V", "varchar", 9), stored) for stored in (b"\xff1", b"\xfe1", "\u00ff1", "\ud8001")]
    names = {row_key((one,), other, b"") for one in spelled for other in spelled}
    assert len(names) == 16
    assert all(name.isascii() for name in names)


@given(keys=st.lists(st.text(string.printable, max_size=60), min_size=1, max_size=4), version=st.text(max_size=60))
def test_a_name_of_a_row_always_has_room_as_a_key(keys: list[str], version: str) -> None:
    name = row_key(keys, version, b"")
    assert 0 < len(name) <= 128
    assert name.isascii()
    assert name.isprintable()


@pytest.mark.parametrize(
    ("column", "value", "given"),
    [
        (Column("S", "smallint"), 586, 586),
        (AMOUNT, "12.5", Decimal("12.50")),
        (Column("C", "char", 4), "A", "A"),
        (Column("V", "varchar", 8), 586, "586"),
        (Column("V", "varchar", 8), True, "true"),
        (Column("B", "boolean"), "true", True),
        (Column("D", "date"), "2026-03-31", date(2026, 3, 31)),
        (Column("T", "timestamp"), "2026-03-31T09:30:00Z", MORNING),
        (Column("T", "timestamp-tz"), "2026-03-31T12:00:00Z", datetime(2026, 3, 31, 12, tzinfo=UTC)),
        (Column("X", "double"), Decimal("0.5"), 0.5),
        (Column("R", "binary"), "00ff", b"\x00\xff"),
        (Column("V", "varchar", 8), None, None),
    ],
)
def test_a_value_of_an_answer_becomes_what_its_column_holds(column: Column, value: Any, given: Any) -> None:
    found = bound(column, value)
    assert (found, type(found)) == (given, type(given))


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        (Column("S", "smallint"), 40000, "too large a number, S is smallint"),
        (Column("S", "integer"), "1.5", "digits behind the point, S is integer"),
        (AMOUNT, "1.005", "too many digits behind the point"),
        (AMOUNT, 10**10, "too large a number, AMOUNT is decimal(12,2)"),
        (Column("V", "varchar", 4), "secret name", "11 characters, V is varchar(4)"),
        (Column("V", "text"), "secret\0 end", "a zero byte, where drivers take a text of V to end"),
        (Column("D", "date"), "soon", "not a day"),
        (Column("T", "timestamp"), "soon", "not a point of time"),
        (Column("B", "boolean"), "maybe", "neither true nor false"),
        (Column("R", "binary"), "xyz", "not hexadecimal"),
        (AMOUNT, "secret", "not a number"),
    ],
)
def test_what_does_not_fit_says_so_without_the_value(column: Column, value: Any, told: str) -> None:
    with pytest.raises((ValueError, OverflowError)) as caught:
        bound(column, value)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


@given(st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.text(max_size=9)))
def test_what_is_written_reads_back(tree: dict[str, Any]) -> None:
    assert json.loads(written(tree).decode("utf-8", "surrogatepass")) == tree


@pytest.mark.parametrize(("size", "scale"), [(1000, 500), (38, 30), (31, 28), (38, 10)])
@pytest.mark.parametrize("told", [586, Decimal("0.124835"), Decimal("-7.00"), 0])
def test_a_column_with_room_for_more_digits_than_a_number_has_takes_it(size: int, scale: int, told: Any) -> None:
    """A plain ``numeric`` of PostgreSQL has room for a thousand digits."""
    assert bound(Column("PD", "decimal", size, scale), told) == told


def test_digits_are_counted_exactly_where_a_column_has_more_than_python_reckons_with() -> None:
    long = Column("PD", "decimal", 40, 30)
    with pytest.raises(ValueError, match="too many digits behind the point"):
        bound(long, "0." + "1" * 31)
    with pytest.raises(OverflowError, match="too large"):
        bound(long, "1" + "0" * 10)
    assert bound(long, "9" * 10 + "." + "9" * 30) == Decimal("9" * 10 + "." + "9" * 30)

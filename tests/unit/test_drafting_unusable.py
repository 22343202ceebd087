"""Data no model can be made of: a typed error that says what was seen and what the way out is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import own_data
import pytest
from own_data import Columns

from contracts.errors import ConfigurationError
from models.drafting.draft import Draft, draft

Make = Callable[[Columns], Columns]


def drafted(path: Path, bad: str | None = None, target: str = "outcome") -> Draft:
    return draft(path, target, bad, model="shop", product="shop", currency="EUR")


def outcome(values: Callable[[int], str]) -> Make:
    return lambda data: data | {"outcome": [values(row) for row in range(own_data.ROWS)]}


UNUSABLE: list[tuple[str, Make, str, str]] = [
    ("no positive cases", outcome(lambda row: "good"), "in every row", "went bad"),
    ("few positive cases", outcome(lambda row: "bad" if row < 3 else "good"), "only 3 of 600", "add loans"),
    ("three values", outcome(lambda row: ("paid", "late", "open")[row % 3]), "3 values", "--bad VALUE"),
    ("mute values", outcome(lambda row: "AB"[row % 2]), "neither says", "--bad VALUE"),
    ("ten thousand values", outcome(lambda row: f"v{row}"), "600 values", "--bad VALUE"),
    ("a target with gaps", outcome(lambda row: ("bad", "good", "")[row % 3]), "empty in 200 of 600", "drop loans"),
    ("an empty target", outcome(lambda row: "NA"), "empty in every row", "--target"),
    ("too few rows", lambda data: {name: cells[:50] for name, cells in data.items()}, "holds 50 rows", "add loans"),
    (
        "nothing but blanks and names",
        lambda data: {
            "gap": [""] * own_data.ROWS,
            "who": [f"a{row}@example.org" for row in range(own_data.ROWS)],
            "outcome": data["outcome"],
        },
        "no column is left",
        "empty in every row",
    ),
    (
        "ten thousand categories",
        lambda data: {"town": [f"town {row // 2}" for row in range(own_data.ROWS)], "outcome": data["outcome"]},
        "no column is left",
        "group them",
    ),
]


@pytest.mark.parametrize(
    ("make", "seen", "way_out"), [case[1:] for case in UNUSABLE], ids=[case[0] for case in UNUSABLE]
)
def test_unusable_data_is_refused_with_the_way_out(tmp_path: Path, make: Make, seen: str, way_out: str) -> None:
    path = own_data.write(tmp_path / "own.csv", make(own_data.columns()))
    with pytest.raises(ConfigurationError) as caught:
        drafted(path)
    assert seen in str(caught.value)
    assert way_out in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_target_with_three_values_is_drafted_once_the_bad_one_is_named(tmp_path: Path) -> None:
    data = outcome(lambda row: ("paid", "late", "open")[row % 3])(own_data.columns())
    found = drafted(own_data.write(tmp_path / "own.csv", data), bad="late")
    assert found.target.good == ("paid", "open")
    assert any("all count as good" in finding.what and finding.severity == "must" for finding in found.findings)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\n \n", "is empty"),
        (b"a,outcome\n", "holds no rows"),
        (b"a,a,outcome\n1,2,bad\n", "'a' occurs more than once"),
        (b"a,outcome\n1,bad\n2\n3,good,x\n", ":3:0: error: has 1 cells"),
        (b"PK\x03\x04 sheet", "spreadsheet"),
        (b"a,outcome\n\x00\x01,bad\n", "zero bytes"),
        (b"a,outcome\n\x01\x02,bad\n", "control characters"),
        (b'a,outcome\n"1,bad\n', "cannot be read as CSV"),
        (b"a,outcome\n1,bad\n2,good\n", "holds 2 rows"),
        (b"a,outcom\n1,bad\n", "did you mean 'outcom'?"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_the_line(tmp_path: Path, content: bytes, seen: str) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        drafted(path)
    assert seen in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        drafted(tmp_path / "none.csv")

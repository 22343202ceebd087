"""What a draft makes of a column: kept, guarded, left out, asked about; and never in silence."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import own_data
import pytest

from models.drafting.draft import Draft, draft
from models.drafting.features import features_of
from models.drafting.files import contract_text, spec_text
from models.drafting.findings import Finding, place


def drafted(path: Path, bad: str | None = None, target: str = "outcome") -> Draft:
    return draft(path, target, bad, model="shop", product="shop", currency="EUR")


def with_column(folder: Path, name: str, cells: list[str]) -> Draft:
    data = own_data.columns()
    return drafted(own_data.write(folder / "own.csv", {name: cells} | data))


def about(found: Draft, name: str) -> list[Finding]:
    return [finding for finding in found.findings if name in finding.what]


def left_out(found: Draft, name: str) -> Finding:
    assert name not in {field.column.name for field in found.fields}
    return next(finding for finding in about(found, name) if "left out" in finding.what)


def test_a_clean_file_becomes_fields_with_type_scale_unit_and_room(tmp_path: Path) -> None:
    found = drafted(own_data.write(tmp_path / "own.csv", own_data.columns()))
    income, debt, channel, instalments = found.fields
    assert (income.name, income.column.kind, income.column.scale, income.unit) == (
        "monthly_income", "decimal", 2, "currency",
    )  # fmt: skip
    assert float(income.high) >= 10 * income.column.known[-1]
    assert income.low == debt.low == "0"
    assert list(channel.codes) == ["branch", "web", "broker"]
    assert instalments.column.kind == "integer"
    assert all(field.feature for field in found.fields)
    assert debt.trend > 0.53 > 0.47 > income.trend


@pytest.mark.parametrize(
    ("delimiter", "encoding", "quoting", "comma"),
    [
        (";", "utf-8", csv.QUOTE_MINIMAL, True),
        (";", "cp1252", csv.QUOTE_MINIMAL, True),
        (",", "utf-8", csv.QUOTE_ALL, True),
        ("\t", "utf-16", csv.QUOTE_MINIMAL, False),
        ("|", "utf-8-sig", csv.QUOTE_NONNUMERIC, False),
    ],
)
def test_every_dialect_gives_the_same_numbers_and_is_told(
    tmp_path: Path, delimiter: str, encoding: str, quoting: int, comma: bool
) -> None:
    data = own_data.columns()
    data["channel"] = [cell.replace("broker", "Büro") for cell in data["channel"]]
    plain = drafted(own_data.write(tmp_path / "plain.csv", data))
    foreign = {
        name: [cell.replace(".", ",") for cell in cells] if comma and name in ("monthlyIncome", "debt") else cells
        for name, cells in data.items()
    }
    path = own_data.write(tmp_path / "own.csv", foreign, delimiter=delimiter, encoding=encoding, quoting=quoting)
    found = drafted(path)
    assert found.dialect.delimiter == delimiter
    assert found.dialect.decimal == ("," if comma else ".")
    for one, other in zip(plain.fields, found.fields, strict=True):
        np.testing.assert_array_equal(one.column.numbers, other.column.numbers)
        assert one.codes == other.codes
    assert any("the file is" in finding.what and finding.evidence for finding in found.findings)


@pytest.mark.parametrize(
    ("name", "cell", "why"),
    [
        ("kunde", "{:06}", "different values"),
        ("row_id", "{}", "named 'id'"),
        ("contact", "someone{}@example.org", "e-mail"),
        ("bank", "DE44{:04}050105170000", "IBAN"),
        ("rueckruf", "+49 170 {:07}", "phone"),
        ("Full name", "Somebody {}", "named 'name'"),
    ],
)
def test_what_tells_who_somebody_is_is_left_out_as_personal(tmp_path: Path, name: str, cell: str, why: str) -> None:
    found = with_column(tmp_path, name, [cell.format(row + 1) for row in range(own_data.ROWS)])
    finding = left_out(found, name)
    assert "personal" in finding.evidence
    assert why in finding.evidence


@pytest.mark.parametrize(
    ("name", "cell", "told"),
    [
        ("customer_id", "{}", "id"),
        ("SSN", "{}", "ssn"),
        ("phone", "49170{:04}", "phone"),
        ("accountNo", "{}", "account no"),
        ("passport_number", "P{:02}", "passport number"),
    ],
)
def test_a_name_of_an_identifier_is_enough_where_values_repeat_and_a_person_is_told(
    tmp_path: Path, name: str, cell: str, told: str
) -> None:
    found = with_column(tmp_path, name, [cell.format(100 + row % 30) for row in range(own_data.ROWS)])
    finding = left_out(found, name)
    assert f"the name says {told!r}, and it holds 30 different values" in finding.evidence
    assert finding.severity == "should"


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("telephone", ["yes", "none"]),
        ("account_balance", [str(value) for value in range(30)]),
        ("number_of_accounts", [str(value) for value in range(30)]),
        ("mobile_usage_days", [str(value) for value in range(30)]),
    ],
)
def test_a_name_that_only_speaks_of_an_identifier_keeps_its_column(tmp_path: Path, name: str, cells: list[str]) -> None:
    found = with_column(tmp_path, name, [cells[row * row % len(cells)] for row in range(own_data.ROWS)])
    assert name in {field.column.name for field in found.fields}


def test_codes_a_person_named_are_kept_whatever_their_name_says(tmp_path: Path) -> None:
    data = {"branch_id": [str(100 + row * row % 41 % 30) for row in range(own_data.ROWS)]} | own_data.columns()
    path = own_data.write(tmp_path / "own.csv", data)
    assert "the name says 'id'" in left_out(drafted(path), "branch_id").evidence
    kept = draft(path, "outcome", None, model="shop", product="shop", currency="EUR", codes=["branch_id"])
    assert "branch_id" in {field.column.name for field in kept.fields}


def test_a_column_that_counts_up_is_left_out_whatever_its_name(tmp_path: Path) -> None:
    found = with_column(tmp_path, "lfd", [str(4711 + row) for row in range(own_data.ROWS)])
    assert "count up" in left_out(found, "lfd").evidence


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([""] * own_data.ROWS, "empty in every row"),
        (["same"] * own_data.ROWS, "one value"),
        ([f"2024-01-{row % 28 + 1:02}" for row in range(own_data.ROWS)], "dates"),
        ([f"word {row // 2}" for row in range(own_data.ROWS)], "different texts"),
        ([f"{row / 7:.12f}" for row in range(own_data.ROWS)], "12 decimals"),
        ([f"9123456{row:05}.123456789" for row in range(own_data.ROWS)], "21 digits, decimals included"),
    ],
)
def test_what_no_feature_can_read_is_left_out_with_the_reason(tmp_path: Path, cells: list[str], why: str) -> None:
    assert why in left_out(with_column(tmp_path, "thing", cells), "thing").evidence


@pytest.mark.parametrize(
    ("cell", "low", "high"),
    [("-0.0{:04}", -1, 10), ("-7.{:03}", -100, 10), ("9123456{:02}.123456789", 0, 10**9), ("{:03}.5", 0, 1000)],
)
def test_numbers_get_room_that_a_contract_can_state(tmp_path: Path, cell: str, low: int, high: int) -> None:
    found = with_column(tmp_path, "drift", [cell.format(row % 97 + 1) for row in range(own_data.ROWS)])
    field = next(field for field in found.fields if field.name == "drift")
    assert (field.low, field.high) == (str(low), str(high))


def test_a_leak_is_left_out_and_ranked_first(tmp_path: Path) -> None:
    data = own_data.columns()
    random = np.random.default_rng(1)
    data["handling"] = [
        str(int(random.integers(50, 90) if bad else random.integers(1, 60))) for bad in own_data.bads(data)
    ]
    found = drafted(own_data.write(tmp_path / "own.csv", data))
    finding = left_out(found, "handling")
    assert finding.severity == "must"
    assert "AUC" in finding.evidence


def test_a_copy_of_the_target_is_told_as_one(tmp_path: Path) -> None:
    data = own_data.columns()
    data["flag"] = ["X" if bad else "O" for bad in own_data.bads(data)]
    assert "copy of the target" in left_out(drafted(own_data.write(tmp_path / "own.csv", data)), "flag").evidence


def test_a_name_that_speaks_of_afterwards_is_left_out(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    found = with_column(tmp_path, "recoveries", [str(value) for value in random.integers(0, 900, own_data.ROWS)])
    assert "'recoveries'" in left_out(found, "recoveries").evidence


@pytest.mark.parametrize(
    ("literal", "counts_as_blank"), [("-1", True), ("99999999", True), ("-999", True), ("999", False)]
)
def test_a_suspected_missing_code_is_told_and_only_outside_the_bulk_taken(
    tmp_path: Path, literal: str, counts_as_blank: bool
) -> None:
    random = np.random.default_rng(5)
    cells = [
        literal if row % 15 == 0 else str(value) for row, value in enumerate(random.integers(20, 3000, own_data.ROWS))
    ]
    found = with_column(tmp_path, "sqm", cells)
    finding = next(finding for finding in about(found, "sqm") if literal in finding.what)
    assert finding.severity == ("should" if counts_as_blank else "must")
    field = next(field for field in found.fields if field.name == "sqm")
    assert np.isnan(field.column.numbers[0]) == counts_as_blank
    assert (f'"{literal}": blank' in spec_text(found, (500, 480))) == counts_as_blank
    if counts_as_blank:
        assert (field.low, field.high) == ("0", "50000")


def test_a_zero_far_below_everything_else_is_asked_about(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    cells = [
        "0" if row % 20 == 0 else str(value) for row, value in enumerate(random.integers(900, 3000, own_data.ROWS))
    ]
    found = with_column(tmp_path, "wage", cells)
    assert any("'0' in wage" in finding.what for finding in found.findings)


def test_a_word_among_numbers_counts_as_blank_and_is_told(tmp_path: Path) -> None:
    cells = ["unbekannt" if row % 30 == 0 else str(row % 97) for row in range(own_data.ROWS)]
    found = with_column(tmp_path, "sqm", cells)
    assert next(field for field in found.fields if field.name == "sqm").column.kind == "integer"
    assert any("'unbekannt' in sqm" in finding.what for finding in found.findings)


@pytest.mark.parametrize(
    ("name", "codes"),
    [("sex", ["m", "f"]), ("A4", ["male", "female"]), ("Familienstand", ["led", "verh"]), ("religion", ["x", "y"])],
)
def test_a_protected_attribute_is_a_field_but_never_a_feature(tmp_path: Path, name: str, codes: list[str]) -> None:
    random = np.random.default_rng(11)
    found = with_column(tmp_path, name, [str(code) for code in random.choice(codes, own_data.ROWS)])
    field = next(field for field in found.fields if field.column.name == name)
    assert field.protected
    assert not field.feature
    assert f"protected: [{field.name}]" in spec_text(found, (500, 480))
    assert any(finding.evidence for finding in about(found, field.name))


def test_a_column_that_gives_a_protected_one_away_is_named_and_informs_no_other(tmp_path: Path) -> None:
    random = np.random.default_rng(13)
    data = own_data.columns()
    women = random.random(own_data.ROWS) < 0.5
    data["gender"] = ["f" if woman else "m" for woman in women]
    data["height"] = [str(int(random.normal(165 if woman else 180, 5))) for woman in women]
    found = drafted(own_data.write(tmp_path / "own.csv", data))
    finding = next(finding for finding in found.findings if "height is a proxy" in finding.what)
    assert "gender" in finding.evidence
    assert "unconditioned: [height]" in spec_text(found, (500, 480))


def test_columns_that_say_the_same_become_one_feature(tmp_path: Path) -> None:
    data = own_data.columns()
    data["yearly"] = [f"{12 * float(cell):.2f}" for cell in data["monthlyIncome"]]
    data["way"] = [cell.upper() for cell in data["channel"]]
    found = drafted(own_data.write(tmp_path / "own.csv", data))
    assert {field.name for field in found.fields if not field.feature} == {"yearly", "way"}
    assert any("monthlyIncome" in finding.what for finding in about(found, "yearly"))


def test_repeated_rows_are_told_with_those_that_contradict_each_other(tmp_path: Path) -> None:
    data = {name: [*cells, *cells[:30]] for name, cells in own_data.columns().items()}
    data["outcome"][-1] = {"bad": "good", "good": "bad"}[data["outcome"][-1]]
    finding = next(f for f in drafted(own_data.write(tmp_path / "own.csv", data)).findings if f.what == "rows repeat")
    assert finding.severity == "must"
    assert finding.evidence.startswith("30 of 630 rows")
    assert "1 with both outcomes" in finding.evidence


def test_every_finding_that_names_a_file_names_the_line_to_edit(tmp_path: Path) -> None:
    random = np.random.default_rng(11)
    data = own_data.columns() | {
        "gender": [str(code) for code in random.choice(["m", "f"], own_data.ROWS)],
        "a.b": ["-1" if row % 9 == 0 else str(row % 50) for row in range(own_data.ROWS)],
    }
    found = drafted(own_data.write(tmp_path / "own.csv", data))
    (tmp_path / "contract").write_text(contract_text(found))
    (tmp_path / "spec").write_text(spec_text(found, (500, 480)))
    findings = [finding for finding in found.findings if finding.file in ("", "contract", "spec")]
    files = {name: Path(name) for name in ("contract", "spec")}
    for entry in place(findings, files, found.data, tmp_path):
        assert not entry.finding.file or entry.where.startswith(f"{entry.finding.file}:"), entry


@pytest.mark.parametrize(("mark", "value"), [(",", 1234.0), (".", 1.234)])
def test_a_mark_that_may_part_thousands_is_asked_about(tmp_path: Path, mark: str, value: float) -> None:
    data = {name: cells for name, cells in own_data.columns().items() if name not in ("monthlyIncome", "debt")}
    data["price"] = [f"{1 + row % 9}{mark}{234 + row}" for row in range(own_data.ROWS)]
    found = drafted(own_data.write(tmp_path / "own.csv", data))
    assert next(field for field in found.fields if field.name == "price").column.numbers[0] == value
    (asked,) = [finding for finding in found.findings if "before three digits" in finding.what]
    assert asked.severity == "must"
    assert f"1{mark}234" in asked.evidence


@pytest.mark.parametrize("proof", ["1.5", "1,234.50", "1,234,567"])
def test_one_cell_that_proves_the_decimal_mark_settles_it(tmp_path: Path, proof: str) -> None:
    data = own_data.columns()
    data["price"] = [proof, *(f"{1 + row % 9},{234 + row}" for row in range(1, own_data.ROWS))]
    found = drafted(own_data.write(tmp_path / "own.csv", data))
    assert next(field for field in found.fields if field.name == "price").column.numbers[1] == 2235
    assert not [finding for finding in found.findings if "before three digits" in finding.what]


def test_codes_that_no_integration_may_send_are_left_out_with_the_reason(tmp_path: Path) -> None:
    found = with_column(tmp_path, "branch", [("north", "south\neast")[row % 2] for row in range(own_data.ROWS)])
    assert "no integration may send" in left_out(found, "branch").evidence


def test_rare_codes_are_one_feature_together_and_none_where_even_that_is_rare(tmp_path: Path) -> None:
    cells = [f"shop {row % 36}" if row % 3 == 0 else "shop" for row in range(own_data.ROWS)]
    spec = spec_text(with_column(tmp_path, "branch", cells), (500, 480))
    assert "branch_not_shop: {expression: \"branch != 'shop'\", group: branch}" in spec
    rare = with_column(tmp_path, "branch", [f"shop {row % 37}" for row in range(own_data.ROWS)])
    assert "group: branch}" not in spec_text(rare, (500, 480))
    assert "branch gives no feature" in [finding.what for finding in rare.findings]


JOBS = ("permanent", "unemployed", "freelancer", "apprentice", "civilservant", "selfemployed", "housekeeper")


def test_codes_below_a_long_name_become_features_of_different_names(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    name = "What is the current employment status of the applicant now"
    found = with_column(tmp_path, name, [str(job) for job in random.choice(JOBS, own_data.ROWS)])
    named = [feature.name for feature in features_of(found.fields)]
    assert len({*named}) == len(named) == 3 + 2 + 6
    assert all(len(name) <= 64 for name in named)


def test_a_ratio_is_not_guessed_where_a_code_already_has_its_name(tmp_path: Path) -> None:
    data = own_data.columns()
    data["loan_amount"] = [str(100 + 7 * row) for row in range(own_data.ROWS)]
    assert "loan_to_income" in [f.name for f in features_of(drafted(own_data.write(tmp_path / "a.csv", data)).fields)]
    data["loan"] = [("other", "to-income")[row % 5 > 2] for row in range(own_data.ROWS)]
    found = drafted(own_data.write(tmp_path / "b.csv", data))
    named = [feature.name for feature in features_of(found.fields)]
    assert named.count("loan_to_income") == 1

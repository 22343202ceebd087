"""The declared shape of legacy tables: what is read, what is refused where, and how a database drifts from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.odbc.drift import differences
from adapters.odbc.tables import Column, Table, Tables, of_source, read_tables, written
from contracts.errors import ConfigurationError
from contracts.source import Source

REQUEST = """\
CREDIT_REQUEST:
  key: [REQUEST_ID]
  columns:
    REQUEST_ID: bigint not null
    AMOUNT: decimal(12,2)
    "Loan Term": SMALLINT  NOT NULL
    HOUSING: {type: "char(1) not null", codes: {O: owns it, R: rents it}, note: where the applicant lives}
    KIND: {type: varchar(9), codes: [A, B]}
dbo.CREDIT_DECISION:
  columns:
    DECIDED_AT: timestamp-tz
    PHOTO: binary
    TEXT: text
"""
KEY = Column("REQUEST_ID", "bigint", null=False)


def read(text: str) -> Tables:
    return of_source(Source.parse(text, "tables.yaml"))


def test_a_file_is_read_as_tables_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "tables.yaml").write_text(REQUEST)
    request, decision = read_tables(tmp_path / "tables.yaml").found.values()
    assert request.key == ("REQUEST_ID",)
    assert request.columns == (
        KEY,
        Column("AMOUNT", "decimal", 12, 2),
        Column("Loan Term", "smallint", null=False),
        Column("HOUSING", "char", 1, null=False, codes={"O": "owns it", "R": "rents it"},
               note="where the applicant lives"),
        Column("KIND", "varchar", 9, codes={"A": "", "B": ""}),
    )  # fmt: skip
    assert (decision.name, decision.key, decision.names) == ("dbo.CREDIT_DECISION", (), ("DECIDED_AT", "PHOTO", "TEXT"))
    assert request.column("AMOUNT") == request.columns[1]
    assert request.column("amount") is None


def test_what_is_written_is_what_was_read() -> None:
    tables = read(REQUEST).found
    assert read(written(tables.values())).found == tables


@pytest.mark.parametrize(
    ("line", "place", "told"),
    [
        ("A: varchr(3)", (4, 5), "'varchr(3)' is not a type: expected a type, as varchar(40), decimal(12,2) or bigint "
         "not null (did you mean 'varchar'?)"),
        ("A: money", (4, 5), "known: char, varchar, text"),
        ("A: varchar", (4, 5), "varchar needs its length, as varchar(12)"),
        ("A: decimal", (4, 5), "decimal needs its digits"),
        ("A: varchar(0)", (4, 5), "the size of varchar must lie between 1 and 2147483647"),
        ("A: decimal(5000)", (4, 5), "between 1 and 1000"),
        ("A: integer(3)", (4, 5), "integer has no size"),
        ("A: varchar(3,1)", (4, 5), "varchar has no digits behind a point"),
        ("A: decimal(3,4)", (4, 5), "has more digits behind the point than digits, 3"),
        ("A: integer null", (4, 5), "is not a type"),
        ("A: 5", (4, 5), "the column A has no type"),
        ("A:", (4, 5), "the column A has no type"),
        ("A: {}", (4, 5), "the column A has no type"),
        ("A: {type: date, code: [X]}", (4, 21), "unknown key 'code' (did you mean 'codes'?)"),
        ("A: {type: char(1), codes: {1: one}}", (4, 32), "the code 1 must be a text (write \"1\")"),
        ("A: {type: char(1), codes: [1]}", (4, 32), "every item of 'codes' must be a text"),
        ("A: {type: char(1), codes: {J: 1}}", (4, 32), "'J' must be a text"),
        ("1: date", (4, 5), "the name 1 must be a text (write \"1\")"),
        ("- A", (3, 3), "expected a mapping"),
    ],
)  # fmt: skip
def test_a_faulty_column_is_named_with_its_place_and_what_was_meant(
    line: str, place: tuple[int, int], told: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(f"T:\n  key: []\n  columns:\n    {line}\n")
    fault = caught.value.faults[0]
    assert told in str(fault)
    assert (fault.file, fault.line, fault.column) == ("tables.yaml", *place)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "names no table"), ("- T", "expected a mapping"), ("T: {}", "the table has no columns"),
        ("T: {columns: {}}", "the table has no columns"), ("T: 3", "expected a mapping"),
        ("T: {colums: {A: date}}", "unknown key 'colums' (did you mean 'columns'?)"),
        ("T: {columns: {REQUEST_ID: date}, key: [REQUEST_IDS]}",
         "'REQUEST_IDS' is not known here (did you mean 'REQUEST_ID'?)"),
        ("5: {columns: {A: date}}", "the name 5 must be a text"),
    ],
)  # fmt: skip
def test_a_faulty_table_is_named(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    assert told in "\n".join(map(str, caught.value.faults))


def test_every_fault_of_a_file_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read("T:\n  columns:\n    A: dat\n    B: varchar\nU:\n  columns: {C: x}\n  key: [D]\n")
    assert [fault.line for fault in caught.value.faults] == [3, 4, 6, 7]


# ---- drift -----------------------------------------------------------------------------------------------------------


def table(*columns: Column) -> Table:
    return Table("T", columns)


AMOUNT = Column("AMOUNT", "decimal", 12, 2)
CODE = Column("CODE", "char", 2)
COUNT = Column("COUNT", "integer")
NAME = Column("NAME", "varchar", 40)


@pytest.mark.parametrize(
    ("declared", "found", "told", "harmless"),
    [
        (AMOUNT, AMOUNT._replace(name="AMOUNTS"), "T.AMOUNT is missing in the database: declared decimal(12,2)", False),
        (AMOUNT, Column("AMOUNT", "varchar", 14),
         "T.AMOUNT was retyped: declared decimal(12,2), the database has varchar(14)", False),
        (AMOUNT, AMOUNT._replace(size=10),
         "T.AMOUNT was narrowed: declared decimal(12,2), the database has decimal(10,2)", False),
        (AMOUNT, AMOUNT._replace(scale=3),
         "T.AMOUNT was narrowed: declared decimal(12,2), the database has decimal(12,3)", False),
        (AMOUNT, AMOUNT._replace(size=13, scale=3),
         "T.AMOUNT was widened: declared decimal(12,2), the database has decimal(13,3)", True),
        (AMOUNT, Column("AMOUNT", "double"), "T.AMOUNT was retyped: declared decimal(12,2), the database has double",
         False),
        (COUNT, Column("COUNT", "bigint"), "T.COUNT was widened: declared integer, the database has bigint", True),
        (COUNT, Column("COUNT", "smallint"), "T.COUNT was narrowed: declared integer, the database has smallint",
         False),
        (COUNT, Column("COUNT", "decimal", 10), "T.COUNT was widened: declared integer, the database has decimal(10)",
         True),
        (COUNT, Column("COUNT", "decimal", 9), "T.COUNT was narrowed: declared integer, the database has decimal(9)",
         False),
        (CODE, Column("CODE", "varchar", 2), "T.CODE was retyped: declared char(2), the database has varchar(2)",
         False),
        (CODE, CODE._replace(size=1), "T.CODE was narrowed: declared char(2), the database has char(1)", False),
        (NAME, Column("NAME", "text"), "T.NAME was widened: declared varchar(40), the database has text", True),
        (Column("NAME", "text"), NAME, "T.NAME was narrowed: declared text, the database has varchar(40)", False),
        (Column("F", "double"), Column("F", "real"), "T.F was narrowed: declared double, the database has real", False),
        (Column("B", "binary"), Column("B", "binary", 8),
         "T.B was narrowed: declared binary, the database has binary(8)",
         False),
        (Column("D", "timestamp"), Column("D", "timestamp-tz"),
         "T.D was retyped: declared timestamp, the database has timestamp-tz", False),
        (NAME._replace(null=False), NAME, "T.NAME was made nullable: declared not null, the database lets it be null",
         True),
        (NAME, NAME._replace(null=False), "T.NAME was made not null: declared nullable, the database wants a value",
         True),
    ],
)  # fmt: skip
def test_a_column_that_changed_is_told_exactly(declared: Column, found: Column, told: str, harmless: bool) -> None:
    (drift,) = differences(table(declared), table(found))
    assert (str(drift), drift.harmless) == (told, harmless)


def test_a_written_column_that_must_hold_something_now_is_no_longer_harmless() -> None:
    found = table(NAME._replace(null=False))
    assert [drift.harmless for drift in differences(table(NAME), found, written=["NAME"])] == [False]
    assert [drift.harmless for drift in differences(found, table(NAME), written=["NAME"])] == [True]


def test_a_table_that_is_gone_is_one_difference() -> None:
    (drift,) = differences(table(NAME, CODE), None)
    assert str(drift) == "the table T is missing in the database: declared 2 columns"
    assert not drift.harmless


def test_what_the_database_has_beside_the_declared_columns_concerns_nobody() -> None:
    assert differences(table(NAME), table(CODE, NAME._replace(note="other", codes={"A": ""}))) == []


def test_a_difference_has_its_place_in_the_file_and_names_the_column_that_was_meant() -> None:
    tables = read(REQUEST)
    declared = tables.found["CREDIT_REQUEST"]
    found = Table("CREDIT_REQUEST", (KEY, *(c._replace(name=c.name.lower(), size=99) for c in declared.columns[1:])))
    first = differences(declared, found)[0].fault(tables)
    assert str(first) == (
        "tables.yaml:5:5: error: CREDIT_REQUEST.AMOUNT is missing in the database: declared decimal(12,2)"
    )
    renamed = Table("CREDIT_REQUEST", (*declared.columns[:3], declared.columns[3]._replace(name="HOUSING_"), KEY))
    assert "did you mean 'HOUSING_'?" in str(differences(declared, renamed)[0].fault(tables))
    (widened,) = differences(table(NAME), table(NAME._replace(size=80)))
    assert widened.fault(read("T: {columns: {NAME: varchar(40)}}")).severity == "note"

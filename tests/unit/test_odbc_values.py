"""What stands in a column and what arrives, and the other way, on real databases through their drivers.

One table holds every case of a kind; columns are declared in the database's own types and told by its catalog.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from odbc_databases import Database

from adapters.odbc.catalog import read_table
from adapters.odbc.connecting import Link
from adapters.odbc.faults import DatabaseFault, Verdict
from adapters.odbc.rows import bound, reader
from adapters.odbc.tables import Column

OWN = {
    "postgresql": {"binary": "bytea", "datetime": "timestamp", "zoned": "timestamptz", "utf8": "text"},
    "mariadb": {"binary": "longblob", "datetime": "datetime(6)", "zoned": "timestamp(6) NULL", "utf8": "longtext"},
    "sqlite": {"binary": "blob", "datetime": "timestamp", "zoned": "timestamptz", "utf8": "text"},
}
KINDS = {
    "amount": "decimal(12,2)",
    "long amount": "numeric(30,10)",
    "code": "char(5)",
    "Name": "varchar(20)",
    "day": "date",
    "moment": "{datetime}",
    "zoned": "{zoned}",
    "flag": "boolean",
    "data": "{binary}",
    "whole": "integer",
    "big": "bigint",
    "order": "smallint",
    "ratio": "double precision",
    "note": "{utf8}",
    "at": "time",
}
SHAPES = {
    "amount": "decimal(12,2)",
    "long amount": "decimal(30,10)",
    "code": "char(5)",
    "Name": "varchar(20)",
    "day": "date",
    "moment": "timestamp",
    "zoned": "timestamp-tz",
    "flag": "boolean",
    "data": "binary",
    "whole": "integer",
    "big": "bigint",
    "order": "smallint",
    "ratio": "double",
    "note": "text",
    "at": "time",
}
TABLE = 'Credit "Request" 1'


def made(legacy: Database) -> Link:
    """A link to a database with the table, whose key is a reserved word."""
    link = legacy.open()
    quote = link.dialect.quote
    columns = [f"{quote(name)} {text.format(**OWN[legacy.kind])}" for name, text in KINDS.items()]
    columns[11] += " NOT NULL"
    link.execute(f"CREATE TABLE {quote(TABLE)} ({', '.join(columns)}, PRIMARY KEY ({quote('order')}))")
    link.commit()
    return link


def insert(link: Link, **values: Any) -> None:
    given = {"order": 1, **{name.replace("__", " "): value for name, value in values.items()}}
    quote = link.dialect.quote
    names, marks = ", ".join(map(quote, given)), ", ".join("?" * len(given))
    link.execute(f"INSERT INTO {quote(TABLE)} ({names}) VALUES ({marks})", list(given.values()))
    link.commit()


def read(link: Link, *names: str) -> tuple[Any, ...]:
    table = read_table(link, TABLE)
    assert table
    kinds = {column.name: column.type for column in table.columns}
    chosen = ", ".join(link.dialect.read(name, kinds[name]) for name in names)
    (row,) = link.rows(f"SELECT {chosen} FROM {link.dialect.quote(TABLE)}")
    return tuple(row)


def test_the_catalog_tells_every_kind_of_column_and_the_key(legacy: Database) -> None:
    table = read_table(made(legacy), TABLE)
    assert table
    assert {column.name: column.shape for column in table.columns} == SHAPES
    assert table.key == ("order",)
    assert [column.name for column in table.columns if not column.null] == ["order"]


def test_a_table_whose_name_fits_as_a_pattern_is_another_one(legacy: Database) -> None:
    legacy.run("CREATE TABLE credit_request (a integer)", "CREATE TABLE creditxrequest (b integer)")
    link = legacy.open()
    assert read_table(link, "credit_request") == ("credit_request", (Column("a", "integer"),), ())
    assert read_table(link, "credit%request") is None


def test_a_table_of_another_schema_is_met_by_its_full_name(legacy: Database) -> None:
    if legacy.kind == "sqlite":
        return  # it has one schema
    other = "other" if legacy.kind == "postgresql" else f"{legacy.section['database']}_other"
    legacy.run("CREATE TABLE t (a integer)", f"CREATE SCHEMA {other}", f"CREATE TABLE {other}.t (b varchar(3))")
    link = legacy.open()
    assert read_table(link, f"{other}.t") == (f"{other}.t", (Column("b", "varchar", 3),), ())
    link.execute(f"INSERT INTO {link.dialect.quote(f'{other}.t')} (b) VALUES ('x')")
    assert read_table(link, "t") == ("t", (Column("a", "integer"),), ())


def test_exact_numbers_stay_exact(legacy: Database) -> None:
    link = made(legacy)
    insert(link, amount=Decimal("1234567890.12"), big=2**63 - 1, ratio=0.1)
    assert [str(value) for value in read(link, "amount", "big", "ratio")] == ["1234567890.12", f"{2**63 - 1}", "0.1"]


def test_numbers_longer_than_a_float_stay_exact_where_the_database_keeps_them(legacy: Database) -> None:
    link = made(legacy)
    insert(link, long__amount=Decimal("12345678901234567890.1234567891"))
    (found,) = read(link, "long amount")
    if link.dialect.decimal_digits < 30:
        assert str(found) == "1.23456789012346e+19"  # SQLite has made a float of it, and that is told, not hidden
    else:
        assert found == Decimal("12345678901234567890.1234567891")


def test_days_and_points_of_time_arrive_as_they_stand(legacy: Database) -> None:
    link = made(legacy)
    moment = "2024-02-29 10:11:12.123456"
    insert(link, day="2024-02-29", moment=moment, zoned=moment, at="23:59:59")
    (day, at, plain, zoned) = read(link, "day", "at", "moment", "zoned")
    assert (str(day), str(at), plain) == ("2024-02-29", "23:59:59", moment)
    assert zoned in (moment, f"{moment}+00", f"{moment}+00:00")


def test_a_point_of_time_with_an_offset_is_the_same_instant(legacy: Database) -> None:
    link = made(legacy)
    if legacy.kind == "mariadb":
        insert(link, zoned="2024-02-29 08:11:12.5")  # it takes no offset below 10.11's own syntax, and keeps UTC
    else:
        insert(link, zoned="2024-02-29 10:11:12.5+02:00")
    assert read(link, "zoned")[0] in (
        "2024-02-29 08:11:12.5+00", "2024-02-29 08:11:12.500000+00:00", "2024-02-29 10:11:12.5+02:00"
    )  # fmt: skip


def test_what_is_no_day_arrives_as_what_it_is(legacy: Database) -> None:
    """Drivers make today, nothing or an error of it, each in its own way."""
    link = made(legacy)
    if legacy.kind == "mariadb":
        link.execute("SET SESSION sql_mode = ''")
        insert(link, day="0000-00-00", moment="2024-02-00 10:00:00")
        assert read(link, "day", "moment") == ("0000-00-00", "2024-02-00 10:00:00.000000")
    elif legacy.kind == "postgresql":
        insert(link, day="infinity", moment="20000-01-01 00:00:00", at="24:00:00")
        assert read(link, "day", "moment", "at") == ("infinity", "20000-01-01 00:00:00", "24:00:00")
    else:
        insert(link, day="2024-02-31", moment="yesterday")
        assert read(link, "day", "moment") == ("2024-02-31", "yesterday")


def test_what_is_no_number_arrives_as_what_it_is(legacy: Database) -> None:
    link = made(legacy)
    if legacy.kind == "sqlite":
        insert(link, amount="12.5x", whole="abc", ratio="many", flag="maybe")
        assert read(link, "amount", "whole", "ratio", "flag") == ("12.5x", "abc", "many", "maybe")
        return
    with pytest.raises(DatabaseFault) as caught:
        insert(link, whole="abc-of-a-person")
    assert caught.value.verdict is Verdict.ROW
    assert "abc-of-a-person" not in str(caught.value)


def test_a_column_that_is_not_there_is_an_error_and_not_its_own_name(legacy: Database) -> None:
    """SQLite takes a name in double quotes for a text where no column has it."""
    link = made(legacy)
    insert(link)
    with pytest.raises(DatabaseFault) as caught:
        link.rows(f"SELECT {link.dialect.read('missing', 'text')} FROM {link.dialect.quote(TABLE)}")
    assert caught.value.verdict is Verdict.SETUP


def test_null_is_not_empty(legacy: Database) -> None:
    link = made(legacy)
    insert(link, Name="", note=None, amount=None, data=None, flag=None, day=None)
    assert read(link, "Name", "note", "amount", "data", "flag", "day") == ("", None, None, None, None, None)


def test_a_padded_code_is_the_code_and_its_blanks_at_most(legacy: Database) -> None:
    link = made(legacy)
    insert(link, code="AB")
    (code,) = read(link, "code")
    assert (code, code.rstrip(" ")) == ("AB   " if legacy.kind == "postgresql" else "AB", "AB")


def test_truth_is_told_apart_from_falsehood(legacy: Database) -> None:
    link = made(legacy)
    insert(link, flag=True)
    assert read(link, "flag")[0] in (True, 1, "1")
    insert(link, order=2, flag=False)
    flags = link.rows(f"SELECT {link.dialect.quote('flag')} FROM {link.dialect.quote(TABLE)} ORDER BY 1")
    assert flags[0][0] in (False, 0, "0")


@pytest.mark.parametrize(
    "text",
    [
        "žluťoučký kůň €",
        "日本語",
        "😀👩‍👩‍👧",
        "a\r\nb\tc",
        "'; DROP TABLE x; --",
        '"`[]',
        "?",
        "%s {0} :a $1 \\",
        "\u202e\ufeff ",
        "ÅÅ",
    ],
)
def test_texts_go_there_and_back_letter_for_letter(text: str, legacy: Database) -> None:
    link = made(legacy)
    insert(link, Name=text, note=text)
    assert read(link, "Name", "note") == (text, text)
    found = link.rows(f"SELECT 1 FROM {link.dialect.quote(TABLE)} WHERE {link.dialect.quote('Name')} = ?", [text])
    assert len(found) == 1


def test_a_long_text_is_not_cut(legacy: Database) -> None:
    link = made(legacy)
    insert(link, note="ž" * 300_000, data=b"\0\xff" * 50_000)
    note, data = read(link, "note", "data")
    assert note == "ž" * 300_000
    assert bytes(data) == b"\0\xff" * 50_000


def test_bytes_that_are_no_text_spoil_one_row(legacy: Database) -> None:
    """Only SQLite keeps such; a server refuses to store them."""
    link = made(legacy)
    if legacy.kind != "sqlite":
        with pytest.raises(DatabaseFault) as caught:
            link.execute(f"INSERT INTO {link.dialect.quote(TABLE)} ({link.dialect.quote('order')}, "
                         f"{link.dialect.quote('note')}) VALUES (9, {_invalid(legacy)})")  # fmt: skip
        assert caught.value.verdict is Verdict.ROW
        return
    link.execute(f"""INSERT INTO "{TABLE.replace('"', '""')}" ("order", note) VALUES (1, CAST(x'ff41' AS text))""")
    assert read(link, "note") == (b"\xffA",)


def _invalid(legacy: Database) -> str:
    return "convert_from('\\xff41'::bytea, 'UTF8')" if legacy.kind == "postgresql" else "x'ff41'"


def test_half_of_a_surrogate_pair_cannot_be_written_and_says_so(legacy: Database) -> None:
    link = made(legacy)
    with pytest.raises(DatabaseFault, match="code page") as caught:
        insert(link, Name="\ud800")
    assert caught.value.verdict is Verdict.ROW


def test_what_has_no_room_is_refused_and_not_cut(legacy: Database) -> None:
    if legacy.kind == "sqlite":
        return  # it keeps any length in any column; the section's own limits stand before it
    link = made(legacy)
    for name, value in (("Name", "x" * 21), ("amount", Decimal("12345678901.00")), ("order", 40_000)):
        with pytest.raises(DatabaseFault) as caught:
            insert(link, **{name: value})
        assert caught.value.verdict is Verdict.ROW
        link.rollback()


ROW = {
    "amount": "1234567890.12",
    "code": "AB",
    "Name": "Žofie",
    "day": "2024-02-29",
    "moment": "2024-02-29T10:11:12.123456",
    "zoned": "2024-02-29T08:11:12.5Z",
    "flag": True,
    "data": "00ff",
    "whole": "-5",
    "big": str(2**63 - 1),
    "order": "1",
    "ratio": "0.1",
    "note": "",
    "at": "23:59:59",
}


def test_one_row_is_written_and_read_as_the_same_on_every_database(legacy: Database) -> None:
    """What is submitted is this row: were it another text on another database, it would be another record."""
    link = made(legacy)
    table = read_table(link, TABLE)
    assert table
    columns = [column for column in table.columns if column.name in ROW]
    insert(link, **{column.name: bound(column, ROW[column.name]) for column in columns})
    assert reader(columns)(read(link, *(column.name for column in columns))) == ROW
    link.execute(f"UPDATE {link.dialect.quote(TABLE)} SET {link.dialect.quote('zoned')} = ?", [
        bound(next(column for column in columns if column.name == "zoned"), "2024-02-29T10:11:12.5+02:00")
    ])  # fmt: skip
    assert reader(columns)(read(link, *(column.name for column in columns))) == ROW

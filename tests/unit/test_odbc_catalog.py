"""What PostgreSQL's own catalog says of a table, beside what psqlodbc's catalog functions say of it.

They must say the same, but for what is listed in ``WRONG``: there the driver is wrong, in the way that stands beside.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from odbc_databases import Database, Servers

from adapters.odbc.catalog import read_table, tables_with
from adapters.odbc.connecting import Link
from adapters.odbc.tables import Column, Table, written

MADE = (
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE TYPE pair AS (a integer, b text)",
    "CREATE DOMAIN amount AS numeric(15,2)",
    "CREATE DOMAIN code AS varchar(3) NOT NULL",
    "CREATE DOMAIN \"Own Code\" AS code CHECK (VALUE <> '')",
    "CREATE DOMAIN number_list AS integer[]",
    "CREATE DOMAIN token AS uuid",
)
TYPES = {
    "smallint": "smallint",
    "integer": "integer",
    "bigint": "bigint",
    "serial": "integer not null",
    "bigserial": "bigint not null",
    "real": "real",
    "double precision": "double",
    "float(10)": "real",
    "numeric": "decimal(1000,500)",
    "numeric(12,2)": "decimal(12,2)",
    "decimal(5)": "decimal(5)",
    "numeric(3,5)": "decimal(5,5)",
    "numeric(4,-2)": "decimal(6)",
    "money": "double",
    "oid": "integer",
    "char(5)": "char(5)",
    "char": "char(1)",
    "bpchar": "text",
    "varchar(40)": "varchar(40)",
    "varchar": "text",
    "text": "text",
    "name": "text",
    '"char"': "text",
    "bytea": "binary",
    "bit": "boolean",
    "bit(3)": "varchar(3)",
    "bit varying(5)": "varchar(5)",
    "bit varying": "text",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "time(3)": "time",
    "time with time zone": "text",
    "timestamp": "timestamp",
    "timestamp(3)": "timestamp",
    "timestamp with time zone": "timestamp-tz",
    "timestamp(0) with time zone": "timestamp-tz",
    "interval": "text",
    "interval day to second(3)": "text",
    "uuid": "char(36)",
    "json": "text",
    "jsonb": "text",
    "xml": "text",
    "inet": "text",
    "cidr": "text",
    "macaddr": "text",
    "point": "text",
    "int4range": "text",
    "tsvector": "text",
    "regclass": "text",
    "integer[]": "text",
    "varchar(5)[]": "text",
    "numeric(12,2)[]": "text",
    "mood": "text",
    "pair": "text",
    "amount": "decimal(15,2)",
    "code": "varchar(3) not null",
    '"Own Code"': "varchar(3) not null",
    "number_list": "text",
    "token": "char(36)",
    "integer generated always as identity": "integer not null",
    "integer generated always as (c1 + 1) stored": "integer",
}
"""Types as they are declared, and how they are read."""
WRONG = {
    "numeric": "decimal(28,6)",  # what a float would hold
    "bpchar": "char(255)",  # its setting for what has no length
    "numeric(3,5)": "decimal(3,5)",  # more digits behind the point than digits, which tables.yaml does not take
    "numeric(4,-2)": "decimal(4,2046)",  # eleven bits of a number with a sign
    "bit varying(5)": "varchar(1)",  # counts as if four bytes stood before it
    '"char"': "char(1)",
    "name": "varchar(63)",
    "interval": "varchar(32)",
    "interval day to second(3)": "varchar(31)",
    "macaddr": "varchar(17)",
    "time with time zone": "varchar(255)",
    "numeric(12,2)[]": "varchar(786434)",  # digits of an element for the length of all
    "code": "varchar(3)",  # it may not be NULL
    '"Own Code"': "varchar(255)",  # the first domain alone is looked below
    "token": "text",
    **dict.fromkeys(("inet", "cidr"), "varchar(50)"),
    **dict.fromkeys(
        (
            "varchar", "bit varying", "json", "jsonb", "point", "int4range", "tsvector", "regclass",
            "integer[]", "varchar(5)[]", "mood", "pair", "number_list",
        ),
        "varchar(255)",  # the same
    ),
}  # fmt: skip


@pytest.fixture
def database(odbc_servers: Servers, tmp_path: Path) -> Iterator[Database]:
    made = odbc_servers.database("postgresql", tmp_path)
    yield made
    made.close()


def by_driver(link: Link, name: str) -> Table | None:
    """What the driver's catalog functions say."""
    dialect = link.dialect
    link.dialect = replace(dialect, catalog=None)
    try:
        return read_table(link, name)
    finally:
        link.dialect = dialect


def shapes(table: Table | None) -> list[str]:
    assert table
    return [f"{column.shape}{'' if column.null else ' not null'}" for column in table.columns]


def test_every_type_is_told_as_what_it_is_and_as_the_driver_tells_it_where_that_is_right(database: Database) -> None:
    columns = ", ".join(f"c{number} {text}" for number, text in enumerate(TYPES))
    database.run(*MADE, f"CREATE TABLE every ({columns})")
    link = database.open()
    ours, theirs = read_table(link, "every"), by_driver(link, "every")
    assert dict(zip(TYPES, shapes(ours), strict=True)) == TYPES
    assert dict(zip(TYPES, shapes(theirs), strict=True)) == {**TYPES, **WRONG}


NAMES = ("Amount", "amount", "full name", 'say "x"', "it's", "order", "ümlaut 日本", "a%b", "a_b", "q?", "{x}", "\\")


def test_names_of_any_letters_are_read_letter_for_letter(database: Database) -> None:
    link = database.open()
    quote = link.dialect.quote
    for number, name in enumerate(NAMES):
        columns = ", ".join(f"{quote(one)} varchar({number + 1})" for one in NAMES)
        keys = ", ".join(map(quote, reversed(NAMES[:4])))
        link.execute(f"CREATE TABLE {quote(name)} ({columns}, PRIMARY KEY ({keys}))")
    link.commit()
    for number, name in enumerate(NAMES):
        expected = [Column(one, "varchar", number + 1, null=one not in NAMES[:4]) for one in NAMES]
        assert read_table(link, name) == (name, tuple(expected), tuple(reversed(NAMES[:4])))
        assert read_table(link, f"public.{name}") == (f"public.{name}", tuple(expected), tuple(reversed(NAMES[:4])))
        if "_" not in name and "\\" not in name and "%" not in name:  # which the driver takes for patterns
            assert by_driver(link, name) == read_table(link, name)
    assert read_table(link, "AMOUNT") is None
    assert read_table(link, "a%") is None
    assert len(tables_with(link, 'say "x"', "")) == len(tables_with(link, "a_b", "public")) == len(NAMES)
    assert tables_with(link, "a%", "") == tables_with(link, "a_b", "other") == []


def test_what_is_no_plain_table_is_read_as_one_and_what_holds_no_rows_is_none(database: Database) -> None:
    database.run(
        "CREATE TABLE base (a integer, gone text, b numeric(9,3), c char(3) NOT NULL, PRIMARY KEY (c, a))",
        "ALTER TABLE base DROP COLUMN gone",
        "COMMENT ON COLUMN base.b IS 'what is owed'",
        "CREATE VIEW seen AS SELECT a, b, b + 1 AS more, c FROM base",
        "CREATE MATERIALIZED VIEW kept AS SELECT a, b FROM base",
        "CREATE TABLE parted (a integer PRIMARY KEY, b integer) PARTITION BY RANGE (a)",
        "CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE child () INHERITS (base)",
        "CREATE TABLE wide (a integer, b integer, PRIMARY KEY (b) INCLUDE (a))",
        "CREATE TABLE empty ()",
        "CREATE SEQUENCE counted",
        "CREATE INDEX pointing ON base (b)",
    )
    link = database.open()
    assert read_table(link, "base") == (
        "base",
        (
            Column("a", "integer", null=False),
            Column("b", "decimal", 9, 3, note="what is owed"),
            Column("c", "char", 3, null=False),
        ),
        ("c", "a"),
    )
    assert shapes(read_table(link, "seen")) == ["integer", "decimal(9,3)", "decimal(1000,500)", "char(3)"]
    for name in ("kept", "parted", "part", "child"):
        assert read_table(link, name) == by_driver(link, name)
    wide, wrong = read_table(link, "wide"), by_driver(link, "wide")
    assert wide
    assert wrong
    assert (wide.key, wrong.key) == (("b",), ("b", "a"))
    assert [read_table(link, name) for name in ("empty", "counted", "pointing", "nowhere")] == [None] * 4


def test_a_bare_name_is_the_table_that_a_statement_would_meet(database: Database) -> None:
    """The driver looks in the first schema of the search path, and nowhere else."""
    database.run(
        "CREATE SCHEMA one",
        'CREATE SCHEMA "Two Three"',
        "CREATE TABLE public.t (a varchar(1))",
        'CREATE TABLE "Two Three".t (a varchar(3))',
        'CREATE TABLE "Two Three".u (a varchar(4) PRIMARY KEY)',
        f'ALTER DATABASE {database.section["database"]} SET search_path = one, "Two Three"',
    )
    link = database.open()
    assert (shapes(read_table(link, "t")), by_driver(link, "t")) == (["varchar(3)"], None)
    assert (shapes(read_table(link, "public.t")), read_table(link, "one.t")) == (["varchar(1)"], None)
    assert read_table(link, "Two Three.u") == by_driver(link, "Two Three.u")
    assert read_table(link, "u") == ("u", (Column("a", "varchar", 4, null=False),), ("a",))
    assert by_driver(link, "u") is None
    assert tables_with(link, "a", "") == [(("Two Three",), "t"), (("Two Three",), "u")]
    link.execute("CREATE TEMPORARY TABLE t (a varchar(5))")
    assert shapes(read_table(link, "t")) == ["varchar(5)"]
    link.rollback()


def test_who_may_not_read_a_table_is_told_its_shape_all_the_same(database: Database) -> None:
    """That a right is missing is said by the statement that needs it, with the column it is about."""
    database.run("CREATE TABLE t (a integer PRIMARY KEY, b varchar(2))")
    database.run("CREATE ROLE blind LOGIN PASSWORD 'only for tests'")
    try:
        link = database.open(user="blind")
        assert read_table(link, "t") == by_driver(link, "t")
        assert shapes(read_table(link, "t")) == ["integer not null", "varchar(2)"]
        link.close()
    finally:
        database.run("DROP ROLE blind")


def test_what_is_read_can_be_declared(database: Database, tmp_path: Path) -> None:
    from adapters.odbc.tables import read_tables

    columns = ", ".join(f"c{number} {text}" for number, text in enumerate(TYPES))
    database.run(*MADE, f"CREATE TABLE every ({columns})")
    table = read_table(database.open(), "every")
    assert table
    (tmp_path / "tables.yaml").write_text(written([table]))
    assert read_tables(tmp_path / "tables.yaml").found == {"every": table}


def test_a_connection_that_is_cut_while_the_catalog_is_read_ends_in_a_fault_and_never_in_the_process(
    database: Database,
) -> None:
    """In a process of its own, as it would take this one along."""
    database.run("CREATE TABLE t (a integer PRIMARY KEY, b varchar(2))")
    database.write()
    command = [sys.executable, Path(__file__).parents[1] / "odbc_cuts.py", database.folder, "t", "20"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.split()) == (0, ["lost"] * 20), done.stderr

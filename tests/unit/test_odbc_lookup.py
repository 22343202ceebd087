"""Looking up a customer in a legacy database: real databases behind real drivers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from odbc_databases import Database, Servers

from adapters.odbc.lookup import MOST_CHARACTERS, MOST_ROWS, TableSource, lookup
from contracts.errors import ConfigurationError, InternalFault, UpstreamError
from gateway.connections import Connections

CUSTOMER = {"table": "Customer", "by": "Customer No", "columns": ["debt", "since", "class"]}
LOANS = "SELECT balance FROM loan WHERE customer_no = ? ORDER BY balance"
TOTAL = "SELECT COALESCE(SUM(balance), 0) FROM loan WHERE customer_no = ?"


@pytest.fixture
def bank(legacy: Database) -> Database:
    """Customers with mixed-case names and reserved words as columns, and their loans."""
    link = legacy.open()
    quote = link.dialect.quote
    names = ", ".join(f"{quote(name)} {kind}" for name, kind in (
        ("Customer No", "char(10)"), ("debt", "decimal(14,2)"), ("since", "date"), ("class", "varchar(20)")
    ))  # fmt: skip
    link.execute(f"CREATE TABLE {quote('Customer')} ({names})")
    link.execute("CREATE TABLE loan (customer_no integer, balance decimal(14,2))")
    insert = f"INSERT INTO {quote('Customer')} VALUES (?, ?, ?, ?)"
    for row in (
        ("C1", "1234.50", "2001-02-03", "A"),
        ("C2", None, None, ""),
        ("C3", "0.00", "1999-12-31", "Ünö'; --"),
        ("TWICE", "1.00", "1999-12-31", "A"),
        ("TWICE", "1.00", "1999-12-31", "A"),
    ):
        link.execute(insert, row)
    for number, balance in ((1, "100.10"), (1, "0.20"), (2, "7.00")):
        link.execute("INSERT INTO loan VALUES (?, ?)", (number, balance))
    link.commit()
    link.close()
    return legacy


@pytest.fixture
def postgresql(odbc_servers: Servers, tmp_path: Path) -> Iterator[Database]:
    database = odbc_servers.database("postgresql", tmp_path)
    database.run("CREATE TABLE loan (customer_no integer, balance decimal(14,2))", "INSERT INTO loan VALUES (1, 2.5)")
    yield database
    database.close()


def source(database: Database, **section: Any) -> TableSource:
    database.write()
    given = {"connection": database.name, **(section or CUSTOMER)}
    return lookup(given, partial(Connections(database.folder), adapter="odbc"))


def test_the_row_of_a_key_is_found_exactly_and_in_its_own_names(bank: Database) -> None:
    made = source(bank)
    made.check()
    assert made.fetch("C1") == {"debt": "1234.50", "since": "2001-02-03", "class": "A"}
    assert made.fetch("C3") == {"debt": "0.00", "since": "1999-12-31", "class": "Ünö'; --"}
    assert made.fetch("C2") == {"debt": None, "since": None, "class": ""}
    assert made.paths() == ["debt", "since", "class"]


@pytest.mark.parametrize("key", ["C9", "' OR 1=1 --", "C1' --", "%", "ключ", "x" * 256, "C1\u2028", "🏦"])
def test_what_no_row_has_is_not_found_whatever_is_asked_for(bank: Database, key: str) -> None:
    made = source(bank)
    assert made.fetch(key) == {}
    assert made.fetch("C1")["debt"] == "1234.50"


def test_several_rows_stay_several_and_none_is_taken(bank: Database) -> None:
    assert source(bank).fetch("TWICE")["debt"] == ["1.00", "1.00"]


def test_all_rows_of_a_key_are_given_where_they_are_asked_for(bank: Database) -> None:
    made = source(bank, query=LOANS, columns=["balance"], rows="many", key_as="integer")
    made.check()
    assert made.paths() == ["rows[].balance"]
    assert [float(row["balance"]) for row in made.fetch("1")["rows"]] == [0.2, 100.1]
    assert made.fetch("3") == {}


def test_a_number_is_compared_as_a_number_and_what_is_none_is_nobodys(bank: Database) -> None:
    by_query = source(bank, query=TOTAL, columns=["total"], key_as="integer")
    told = {"key_as": "integer"} if bank.kind == "sqlite" else {}  # where any column holds anything
    by_table = source(bank, table="loan", by="customer_no", columns=["balance"], **told)
    assert float(by_query.fetch("1")["total"]) == 100.3
    assert by_table.fetch("2")["balance"] == "7.00"
    assert by_table.fetch("0002")["balance"] == "7.00"
    for key in ("2abc", "2.0", " 2", "٢", "9" * 30, "9" * 256, "C1"):
        assert by_table.fetch(key) == {}
        assert by_query.fetch(key) == {}


COMPARED = ("customer_no = ?", "customer_no = TRIM(?)", "CAST(customer_no AS decimal(20,4)) = ?")


@pytest.mark.parametrize("legacy", ["mariadb"], indirect=True)
@pytest.mark.parametrize("compared", COMPARED)
@pytest.mark.parametrize("indexed", [False, True])
def test_nobody_gets_what_another_has_where_a_query_compares_a_text_with_a_number(
    bank: Database, compared: str, indexed: bool
) -> None:
    """MariaDB makes a number of any text to compare it: 1 of 1B and of 1e0, 0 of B."""
    bank.run("INSERT INTO loan VALUES (0, 5.00)")
    if indexed:
        bank.run("CREATE INDEX by_customer ON loan (customer_no)")
    made = source(bank, query=TOTAL.replace("customer_no = ?", compared), columns=["total"], key_as="text")
    for key in ("1B", "1e0B", "1e0", "1.0", "١", "B", "1;", "0x1", "1 B", "-", "+1", "-0B", ".", "1e"):
        try:
            found = made.fetch(key)
        except InternalFault:
            found = {"total": "0"}
        assert float(found["total"]) == 0, key


@pytest.mark.parametrize("legacy", ["mariadb"], indirect=True)
def test_a_query_that_would_make_numbers_of_keys_is_told_at_start_and_with_each_key(bank: Database) -> None:
    made = source(bank, query=TOTAL, columns=["total"], key_as="text")
    with pytest.raises(ConfigurationError, match="the query compares the key with a number") as caught:
        made.check()
    assert caught.value.faults[0].hint == "say key_as: integer"
    for key in ("1B", "1e0", "1.0"):
        with pytest.raises(InternalFault, match="say key_as: integer"):
            made.fetch(key)
    named = "SELECT class FROM Customer WHERE `Customer No` = ?"
    by_text = source(bank, query=named, columns=["class"], key_as="text")
    by_text.check()
    assert by_text.fetch("C1") == {"class": "A"}
    assert by_text.fetch("1e0") == {}


@pytest.mark.parametrize("legacy", ["mariadb"], indirect=True)
def test_a_column_of_numbers_is_not_asked_by_text_where_that_makes_a_number_of_it(bank: Database) -> None:
    made = source(bank, table="loan", by="customer_no", columns=["balance"], key_as="text")
    with pytest.raises(ConfigurationError, match=r"customer_no is integer, and MariaDB makes a number of any text"):
        made.check()


def test_more_rows_than_may_be_are_said_to_be_too_many(bank: Database) -> None:
    bank.run(*["INSERT INTO loan VALUES (5, 1)"] * MOST_ROWS)
    made = source(bank, table="loan", by="customer_no", columns=["balance"], rows="many")
    assert len(made.fetch("5")["rows"]) == MOST_ROWS
    bank.run("INSERT INTO loan VALUES (5, 1)")
    with pytest.raises(InternalFault, match="more than 100 rows"):
        made.fetch("5")


def test_longer_texts_than_may_be_are_said_to_be_too_large_and_are_not_kept(bank: Database) -> None:
    bank.run("CREATE TABLE note (customer_no varchar(9), body text)")
    link = bank.open()
    for key, characters in (("long", MOST_CHARACTERS), ("longer", MOST_CHARACTERS + 1)):
        link.execute("INSERT INTO note VALUES (?, ?)", (key, "x" * characters))
    link.commit()
    link.close()
    made = source(bank, table="note", by="customer_no", columns=["body"])
    assert len(made.fetch("long")["body"]) == MOST_CHARACTERS
    with pytest.raises(InternalFault, match="more than 64,000 characters"):
        made.fetch("longer")


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"table": "Custmer"}, "has no table 'Custmer'"),
        ({"columns": ["dept"]}, "has no column 'dept' (did you mean 'debt'?)"),
        ({"by": "CustomerNo"}, "has no column 'CustomerNo' (did you mean 'Customer No'?)"),
    ],
)
def test_what_the_database_has_not_is_told_by_name(bank: Database, section: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        source(bank, **(CUSTOMER | section)).check()
    assert said in str(caught.value.faults[0])


def test_a_column_that_is_neither_text_nor_number_is_no_key(postgresql: Database) -> None:
    postgresql.run("CREATE TABLE c (born date, debt integer)")
    with pytest.raises(ConfigurationError, match=r"born is date, which no key can be compared with"):
        source(postgresql, table="c", by="born", columns=["debt"]).check()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT balance FROM laon WHERE customer_no = ?", "laon"),
        ("SELECT customer_no, balance FROM loan WHERE customer_no = ?", "the query gives 2 columns, 1 are named"),
    ],
)
def test_a_query_is_tried_at_start(bank: Database, query: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        source(bank, query=query, columns=["balance"], key_as="integer").check()


def test_a_column_that_went_away_later_is_no_value_and_no_row(bank: Database) -> None:
    made = source(bank, table="loan", by="customer_no", columns=["balance"])
    assert made.fetch("2") == {"balance": "7.00"}
    bank.run("DROP TABLE loan", "CREATE TABLE loan (customer_no integer, saldo decimal(14,2))")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"loan has no column 'balance'"):
            made.fetch("2")
    bank.run("DROP TABLE loan", "CREATE TABLE loan (customer_no integer, balance decimal(14,2))")
    assert made.fetch("2") == {}


def test_a_row_that_the_database_cannot_give_is_a_fault_of_its_key_alone(
    postgresql: Database, odbc_servers: Servers
) -> None:
    name = f"{postgresql.section['database']}_any"
    odbc_servers.postgres.execute("postgres", f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0")
    postgresql.section["database"] = name
    postgresql.run(
        "CREATE TABLE customer (no varchar(10), name varchar(10))",
        "INSERT INTO customer VALUES ('1', convert_from('\\x4bff'::bytea, 'SQL_ASCII')), ('2', 'Ada')",
    )
    asked = source(postgresql, table="customer", by="no", columns=["name"])
    asked.check()
    for _ in range(3):
        with pytest.raises(InternalFault, match="22021"):
            asked.fetch("1")
        assert asked.fetch("2") == {"name": "Ada"}


@pytest.mark.parametrize("legacy", ["sqlite"], indirect=True)
def test_a_text_that_is_none_is_a_fault_of_its_key_alone(bank: Database) -> None:
    quoted = bank.open().dialect.quote("Customer No")
    bank.run(f"UPDATE Customer SET class = CAST(x'ff31' AS TEXT) WHERE {quoted} = 'C1'")
    asked = source(bank)
    for _ in range(3):
        with pytest.raises(InternalFault, match="not in UTF-8"):
            asked.fetch("C1")
        assert asked.fetch("C3")["debt"] == "0.00"


def test_many_threads_ask_at_a_time_and_each_gets_its_own(bank: Database) -> None:
    made, wrong = source(bank), []

    def ask(key: str, debt: str) -> None:
        wrong.extend(found for _ in range(5) if (found := made.fetch(key)["debt"]) != debt)

    asking = [threading.Thread(target=ask, args=pair) for pair in (("C1", "1234.50"), ("C3", "0.00")) * 3]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert not wrong


def of_sessions(what: str, servers: Servers, database: Database) -> list[tuple[Any, ...]]:
    """What the server says of each session in the database."""
    where = f"datname = '{database.section['database']}'"
    return servers.postgres.execute("postgres", f"SELECT {what} FROM pg_stat_activity WHERE {where}")


def test_connections_that_were_cut_are_made_anew_unnoticed(postgresql: Database, odbc_servers: Servers) -> None:
    made = source(postgresql, table="loan", by="customer_no", columns=["balance"])
    together: Callable[[], Any] = threading.Barrier(3).wait

    def ask() -> None:
        together()
        made.fetch("1")

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    of_sessions("pg_terminate_backend(pid)", odbc_servers, postgresql)
    assert made.fetch("1") == {"balance": "2.50"}


def test_nothing_is_left_open_in_the_database_between_two_askings(postgresql: Database, odbc_servers: Servers) -> None:
    made = source(postgresql, table="loan", by="customer_no", columns=["balance"])
    made.fetch("1")
    assert of_sessions("state", odbc_servers, postgresql) == [("idle",)]


def test_a_server_that_cannot_be_reached_may_come_back(postgresql: Database) -> None:
    section = {"connection": "legacy", "table": "loan", "by": "customer_no", "columns": ["balance"]}
    postgresql.write(port=1)
    made = lookup(section, partial(Connections(postgresql.folder), adapter="odbc"))
    with pytest.raises(UpstreamError):
        made.check()
    with pytest.raises(UpstreamError):
        made.fetch("1")


# What is wrong with a section is told without a database


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"columns": ["a"]}, "needs either a table, with the column it is asked by, or a query"),
        ({"table": "t", "by": "k", "query": "SELECT 1", "columns": ["a"]}, "needs either a table"),
        ({"table": "t", "columns": ["a"]}, "'by' is missing"),
        ({"table": "t", "by": "k"}, "'columns' is missing"),
        ({"table": "t", "by": "k", "columns": []}, "'columns' must name what is read"),
        ({"table": "t", "by": "k", "columns": ["a", "a"]}, "each once"),
        ({"query": "SELECT a FROM t WHERE k = ?", "by": "k", "columns": ["a"]}, "'by' goes with a table"),
        ({"query": "SELECT a FROM t WHERE k = ?", "columns": ["a"]}, "'key_as' is missing, which goes with a query"),
        ({"table": "t", "by": "k", "columns": ["a"], "key_as": "number"}, "'number' is not a legal 'key_as'"),
        ({"query": "SELECT a FROM t WHERE k = '?'", "columns": ["a"]}, "needs one ? for the key, it has 0"),
        ({"query": "SELECT a FROM t WHERE k = ? OR b = ?", "columns": ["a"]}, "it has 2"),
        ({"query": "SELECT a FROM t -- ?\nWHERE k = /* ? */ ?; DROP TABLE t", "columns": ["a"]}, "must be one SELECT"),
        ({"query": "DELETE FROM t WHERE k = ?", "columns": ["a"]}, "must be one SELECT"),
        (
            {"query": "WITH x AS (DELETE FROM t WHERE k = ? RETURNING a) SELECT a FROM x", "columns": ["a"]},
            "that reads",
        ),
        ({"query": "SELECT a INTO u FROM t WHERE k = ?", "columns": ["a"]}, "that reads and nothing more"),
        ({"query": "SELECT a FROM t WHERE k = ? FOR UPDATE", "columns": ["a"]}, "that reads and nothing more"),
        ({"table": "t", "by": "k", "columns": ["a"], "rows": "few"}, "'few' is not a legal 'rows'"),
        ({"table": "t", "by": "k", "colums": ["a"]}, "unknown key 'colums' (did you mean 'columns'?)"),
        ({"table": "t", "by": "k", "columns": ["a"], "connection": "leagcy"}, "did you mean 'legacy'?"),
    ],
)
def test_a_section_says_what_is_wrong_with_it(tmp_path: Path, section: dict[str, Any], said: str) -> None:
    (tmp_path / "connections.yaml").write_text("legacy: {adapter: odbc, driver: nowhere}\n")
    with pytest.raises(ConfigurationError) as caught:
        lookup({"connection": "legacy", **section}, partial(Connections(tmp_path), adapter="odbc"))
    assert said in "\n".join(map(str, caught.value.faults))

"""Long queues: what is claimed next is found by an index, however many rows wait, and however many are done."""

from __future__ import annotations

import statistics
import time
import tracemalloc

import pytest
from cobalt import APPROVED, Cobalt, numbered

from adapters.odbc.codec import OdbcCodec
from adapters.odbc.connecting import Link
from adapters.odbc.exchange import Exchange
from adapters.odbc.statements import Statements
from gateway.service import ServingDesk

FILL = {
    "postgresql": "FROM generate_series({first}, {last}) AS s (n)",
    "sqlite": "FROM (WITH RECURSIVE s (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last})"
    " SELECT n FROM s)",
    "mariadb": "FROM (SELECT seq AS n FROM seq_{first}_to_{last}) AS s",
}
COLUMNS = ("REQUEST_ID", "APPLICATION_NO", "CURRENCY", "AMOUNT_MINOR", "TERM_MONTHS", "STATUS")
CLAIMS = 20


def fill(cobalt: Cobalt, first: int, last: int, status: str) -> None:
    """Rows of these numbers, made by the database itself."""
    into = ", ".join(map(cobalt.quote, COLUMNS))
    number = "CONCAT('CB', n)" if cobalt.database.kind == "mariadb" else "'CB' || n"
    values = f"SELECT n, {number}, 'EUR', 500000, 24, '{status}'"
    rows = FILL[cobalt.database.kind].format(first=first, last=last)
    link = cobalt.database.open(within={"login": "5s", "statement": "3000s"})
    link.execute(f"INSERT INTO {cobalt.quote('CREDIT_REQUEST')} ({into}) {values} {rows}")
    link.commit()
    link.close()
    whole = 'TABLE "CREDIT_REQUEST"' if cobalt.database.kind == "mariadb" else ""
    cobalt.database.run(cobalt.own(f"ANALYZE {whole}"))


def statements(desk: ServingDesk, link: Link) -> Statements:
    assert isinstance(desk.codec, OdbcCodec)
    return Statements(desk.codec.wire, link.dialect)


def plan(link: Link, sql: str, state: str) -> str:
    """How the database would do it, in its own words."""
    explain = "EXPLAIN QUERY PLAN" if link.dialect.name == "SQLite" else "EXPLAIN"
    try:
        told = link.rows(f"{explain} {sql.replace('?', repr(state))}")
    finally:
        link.rollback()
    return "\n".join(" ".join(map(str, row)) for row in told)


def assert_found_by_index(cobalt: Cobalt) -> None:
    """What waits is read in the order of the index, what is claimed is found by it."""
    link = cobalt.database.open()
    sql = statements(cobalt.desk, link)
    for state, expired in (("N", False), ("P", True)):
        for text in (sql.look(expired=expired), sql.claimable(500, expired=expired)):
            told = plan(link, text, state)
            assert "CREDIT_REQUEST_STATUS" in told, told
            assert expired or not [word for word in ("Sort", "filesort", "TEMP B-TREE") if word in told], told
    for text in (sql.held, sql.read, sql.renew, sql.finish):
        told = plan(link, text, "P")
        assert "CREDIT_REQUEST_STATUS" in told, told
    link.close()


def test_what_waits_behind_many_rows_that_are_done_is_found_by_the_index(cobalt: Cobalt) -> None:
    """The key's own index gives the same order, and would be read from its beginning."""
    fill(cobalt, 1, 30_000, "D")
    fill(cobalt, 30_001, 35_000, "N")
    assert_found_by_index(cobalt)


def test_a_table_without_the_index_is_told_once_and_polled(cobalt: Cobalt) -> None:
    on = "" if cobalt.database.kind != "mariadb" else ' ON "CREDIT_REQUEST"'
    cobalt.database.run(cobalt.own(f'DROP INDEX "CREDIT_REQUEST_STATUS"{on}'))
    cobalt.insert(numbered(APPROVED, 1))
    cobalt.poll()
    assert [line["cause"] for line in cobalt.lines if line["event"] == "index_missing"] == [
        "CREDIT_REQUEST has no index that begins with STATUS, REQUEST_ID: each claim reads every row"
    ]
    assert cobalt.states == {"1": "D"}


def test_a_table_with_the_index_is_polled_without_a_word(cobalt: Cobalt) -> None:
    cobalt.poll()
    assert cobalt.events == ["polling", "polled"]


@pytest.mark.soak
@pytest.mark.parametrize("cobalt", ["postgresql", "sqlite"], indirect=True)
def test_a_claim_among_ten_million_waiting_rows_costs_what_it_costs_among_ten_thousand(cobalt: Cobalt) -> None:
    fill(cobalt, 1, 10_000, "N")
    few = claims(cobalt)
    fill(cobalt, 10_001, 10_000_000, "N")
    assert_found_by_index(cobalt)
    many = claims(cobalt)
    print(f"{cobalt.database.kind}: {few} s, bytes of 10,000; {many} s, bytes of 10,000,000")
    assert many[0] < 5 * few[0], "it grows with the queue"
    assert many[1] < 2 * few[1]


def claims(cobalt: Cobalt) -> tuple[float, int]:
    """Seconds of the middle one of some claims, and the most memory one took here."""
    assert isinstance(cobalt.desk.codec, OdbcCodec)
    link = cobalt.database.open()
    exchange = Exchange(cobalt.desk.codec.wire, link)
    took = []
    tracemalloc.start()
    for _ in range(CLAIMS):
        began = time.perf_counter()
        assert exchange.look()
        batch = exchange.claim()
        assert batch
        assert len(batch.rows) == cobalt.desk.codec.wire.batch
        took.append(time.perf_counter() - began)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    link.close()
    cobalt.change("\"STATUS\" = 'N'", "\"STATUS\" = 'P'")
    return statistics.median(took), most

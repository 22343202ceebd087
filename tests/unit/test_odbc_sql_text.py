"""What is told of a statement by its words: how many parameters it takes, and whether it only reads."""

from __future__ import annotations

import pytest

from adapters.odbc.sql_text import markers, reads_only


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t",
        " (select 1) union (select 2)",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "SELECT 'DELETE; it''s ?' FROM t",
        'SELECT "update", [into] FROM `merge`',
        "SELECT a -- then UPDATE\nFROM t /* DELETE; */",
        "SELECT deleted, is_update, INSERT(a, 1, 1, 'x') FROM updates",
    ],
)
def test_what_only_reads_is_taken(sql: str) -> None:
    assert reads_only(sql)
    assert markers(sql) == 0


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t",
        "SELECT 1; SELECT 2",
        "WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x",
        "WITH x AS (insert into t values (1) returning a) SELECT a FROM x",
        "SELECT a INTO u FROM t",
        "SELECT a FROM t FOR UPDATE",
        "SELECTED",
        "EXPLAIN SELECT 1",
        "",
    ],
)
def test_what_writes_or_locks_or_is_no_select_is_not(sql: str) -> None:
    assert not reads_only(sql)

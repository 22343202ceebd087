"""The text that inserts many rows is made of one row's; it says what SQLAlchemy would have said of all of them."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Table, bindparam, insert
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite import dialect as sqlite

from gateway.ledger.schema import BLOCK, ENTRY, ENVELOPE, ENVELOPE_KEY
from gateway.ledger.statements import Statements

COUNTS = (1, 2, 3, 64)


@pytest.mark.parametrize("table", [ENTRY, ENVELOPE, ENVELOPE_KEY, BLOCK], ids=str)
@pytest.mark.parametrize("rows", COUNTS)
def test_rows_for_sqlite_are_inserted_by_the_text_that_all_of_them_compile_to(table: Table, rows: int) -> None:
    values = [{column.name: bindparam(f"{column.name}{row}") for column in table.c} for row in range(rows)]
    whole = str(insert(table).values(values).compile(dialect=sqlite()))
    assert Statements(sqlite()).insert(table, rows) == whole


@pytest.mark.parametrize("rows", COUNTS)
def test_placeholders_for_postgresql_count_on_from_row_to_row(rows: int) -> None:
    text = Statements(PGDialect_psycopg(paramstyle="numeric_dollar")).insert(ENTRY, rows)
    numbers = [int(number) for number in re.findall(r"\$([0-9]+)", text)]
    assert numbers == list(range(1, rows * len(ENTRY.c) + 1))
    assert text.count("), (") == rows - 1

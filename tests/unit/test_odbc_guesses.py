"""What a draft guesses of legacy tables before anybody is asked: the queue's columns, and the codes of constraints."""

from __future__ import annotations

import pytest

from adapters.odbc.queue_columns import queue_of
from adapters.odbc.remarks import constraints, listed_codes
from adapters.odbc.tables import Column, Table

KEY = Column("ID", "bigint", null=False)


def table(*columns: Column) -> Table:
    return Table("T", (KEY, *columns), ("ID",))


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (
            [Column("STATUS", "char", 1), Column("CLAIM_TOKEN", "char", 32), Column("CLAIM_UNTIL", "timestamp"),
             Column("ROW_VERSION", "integer"), Column("ERROR_CODE", "varchar", 40), Column("ERROR_TEXT", "text")],
            {"version": "ROW_VERSION", "status": "STATUS", "claim": {"token": "CLAIM_TOKEN", "until": "CLAIM_UNTIL"},
             "error": {"code": "ERROR_CODE", "text": "ERROR_TEXT"}},
        ),
        (
            [Column("reqState", "smallint"), Column("lockedBy", "varchar", 64), Column("lockExpires", "timestamp-tz"),
             Column("errMsg", "text"), Column("civilStatus", "char", 1)],
            {"status": "reqState", "claim": {"token": "lockedBy", "until": "lockExpires"}, "error": {"text": "errMsg"}},
        ),
    ],
)  # fmt: skip
def test_the_columns_of_a_queue_are_known_by_name_and_type(columns: list[Column], found: dict[str, object]) -> None:
    queue = queue_of(table(*columns))
    assert {key: value for key, value in queue.wire.items() if key != "states"} == found
    assert queue.added == ()


def test_what_is_missing_is_proposed_in_the_tables_own_case_and_must_be_added() -> None:
    queue = queue_of(Table("t", (Column("id", "integer"), Column("amount", "integer")), ("id",)))
    assert queue.wire["claim"] == {"token": "claim_token", "until": "claim_until"}
    assert [column.name for column in queue.added] == ["status", "claim_token", "claim_until"]
    must = [(tuple(one.place), one.cure) for one in queue.left if one.must]
    assert must[0] == (("request", "status"), "have it added to t: status char(1) not null")
    assert must[-2:] == [
        (("request", "claim", "token"), "have it added to t: claim_token char(32)"),
        (("request", "claim", "until"), "have it added to t: claim_until timestamp"),
    ]
    assert "version" not in queue.wire
    assert "error" not in queue.wire


@pytest.mark.parametrize(
    "column",
    [
        Column("CLAIM_TOKEN", "char", 16), Column("CLAIM_TOKEN", "char", 32, null=False),
        Column("CLAIM_TOKEN", "integer"), Column("CLAIMANT", "char", 32),
    ],
)  # fmt: skip
def test_a_column_without_room_for_a_token_is_none(column: Column) -> None:
    added = [column.name for column in queue_of(table(column)).added]
    assert "CLAIM_TOKEN" in added


def test_the_states_are_those_the_database_lists() -> None:
    codes = dict.fromkeys(("NEW", "PROCESSING", "DONE", "ERROR"), "")
    queue = queue_of(table(Column("STATUS", "varchar", 10, codes=codes)))
    assert queue.wire["states"] == {"waiting": "NEW", "claimed": "PROCESSING", "done": "DONE", "failed": "ERROR"}
    assert [one.must for one in queue.left if tuple(one.place) == ("request", "states")] == [False]


def test_states_that_nothing_lists_are_proposed_and_must_be_decided() -> None:
    for column, waiting in ((Column("STATUS", "char", 1), "N"), (Column("STATUS", "smallint"), "0")):
        queue = queue_of(table(column))
        assert queue.wire["states"]["waiting"] == waiting
        assert [one.must for one in queue.left if tuple(one.place) == ("request", "states")] == [True]


# ---- codes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("\"status\" IN ('N', 'P')", ("status", ("N", "P"))),
        ("`status` in ('N','P')", ("status", ("N", "P"))),
        ("((status)::text = ANY ((ARRAY['N'::character varying, 'it''s'::character varying])::text[]))",
         ("status", ("N", "it's"))),
        ("((status)::text = ANY (ARRAY[('N'::character varying)::text, ('P'::character varying)::text]))",
         ("status", ("N", "P"))),
        ("(code = ANY (ARRAY['N'::bpchar, 'P'::bpchar]))", ("code", ("N", "P"))),
        ("((product)::text = 'consumer-instalment'::text)", ("product", ("consumer-instalment",))),
        ("a IN ('X') OR b = 1", None), ("a NOT IN ('X')", None), ("a IN (1, 2)", None), ("length(a) >= 3", None),
        ("a IN ('X', b)", None), ("", None),
    ],
)  # fmt: skip
def test_a_condition_is_a_code_list_only_where_it_is_nothing_else(
    condition: str, found: tuple[str, tuple[str, ...]] | None
) -> None:
    assert listed_codes(condition) == found


def test_the_conditions_of_a_create_table_are_found_whatever_is_in_their_texts() -> None:
    text = "CREATE TABLE t (a char(1) CHECK (a IN ('(', ')')), CHECK ((b IN ('''')) ), c int)"
    assert list(constraints([text])) == ["a IN ('(', ')')", "(b IN ('''')) "]
    assert list(constraints(["`c` in ('X')"])) == ["`c` in ('X')"]

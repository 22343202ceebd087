"""Rows that a database or its driver cannot give: each is refused for the column it is about, its neighbours answered.

PostgreSQL keeps any bytes as a text in a database of the encoding SQL_ASCII, and fails every statement that meets one
that is not UTF-8. A view may fail on one row anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cobalt import APPROVED, Cobalt, Meddling, numbered, with_wire
from odbc_children import hurried
from odbc_databases import Servers

from adapters.odbc.codec import OdbcCodec
from adapters.odbc.exchange import Exchange
from adapters.odbc.faults import DatabaseFault, Verdict
from adapters.odbc.section import QUERY
from adapters.odbc.tables import Table
from gateway.ledger import Filters, Kind, Ledger
from gateway.service import ServingDesk
from gateway.spi import Asked

SPOILT = "convert_from('\\x4bff6e'::bytea, 'SQL_ASCII')"
"""As a client would have written it that was told nothing of code pages."""
COLUMNS = ("STATUS", "ERROR_CODE", "ERROR_TEXT", "CLAIM_TOKEN", "CLAIM_UNTIL")


@pytest.fixture
def desk(desk: ServingDesk) -> ServingDesk:
    """With small batches and short leases."""
    return hurried(desk)


@pytest.fixture
def anything(desk: ServingDesk, servers: Servers, tmp_path: Path) -> Cobalt:
    """Cobalt in a database that takes any bytes for a text."""
    database = servers.database("postgresql", tmp_path)
    name = f"{database.section['database']}_any"
    servers.postgres.execute("postgres", f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0")
    database.section["database"] = name
    made = Cobalt(database, desk)
    made.make()
    return made


def spoil(cobalt: Cobalt, *numbers: int, column: str = "BRANCH_NAME") -> None:
    cobalt.change(f'"{column}" = {SPOILT}', f'"REQUEST_ID" IN ({", ".join(map(str, numbers))})')


def refused(told: str, state: str = "22021") -> tuple[str | None, ...]:
    text = f"CREDIT_REQUEST.BRANCH_NAME: the database cannot give what it holds: {told}, SQLSTATE {state}"
    return "E", "unreadable", text, None, None


ENCODED = refused("its text is not in the code page that is declared for it")
ANSWERED = ("D", None, None, None, None)


def assert_decided_once(ledger: Ledger, count: int) -> None:
    assert len(ledger.list(Filters(kind=Kind.DECISION), 1000)) == count


def test_a_text_that_is_none_refuses_its_row_and_no_other(anything: Cobalt, ledger: Ledger) -> None:
    anything.insert(*(numbered(APPROVED, number) for number in range(1, 21)))
    spoil(anything, 3, 4, 20)
    anything.poll()
    found = anything.requests(*COLUMNS)
    assert found == {str(number): ENCODED if number in (3, 4, 20) else ANSWERED for number in range(1, 21)}
    assert len(anything.answers()) == 17
    assert_decided_once(ledger, 17)
    assert anything.events == ["polling", "polled"], "nothing is down"


def test_the_ledger_has_the_refusal_with_all_of_the_row_that_could_be_read(anything: Cobalt, ledger: Ledger) -> None:
    anything.insert(numbered(APPROVED, 7))
    spoil(anything, 7)
    anything.poll()
    (entry,) = ledger.list(Filters(kind=Kind.REFUSAL), 10)
    row = json.loads(ledger.open_payload(entry.decision_id).raw)
    assert row["BRANCH_NAME"] == {"unreadable": "22021"}
    assert (row["APPLICATION_NO"], row["AMOUNT_MINOR"]) == ("CB-2027-000007", APPROVED["AMOUNT_MINOR"])


def test_a_row_that_is_mended_before_its_refusal_is_written_is_decided(anything: Cobalt, ledger: Ledger) -> None:
    anything.insert(numbered(APPROVED, 1), numbered(APPROVED, 2))
    spoil(anything, 2)
    times = iter([1])

    def mend(_: Sequence[Asked]) -> None:
        for _once in times:
            anything.change("\"BRANCH_NAME\" = 'Elm Street'")

    anything.poll(Meddling(anything.desk, after=mend))
    assert anything.requests(*COLUMNS) == {"1": ANSWERED, "2": ANSWERED}
    assert sorted(anything.answers()) == ["1", "2"]


def test_a_row_that_is_spoilt_before_its_answer_is_written_is_refused_and_the_others_are_answered(
    anything: Cobalt, ledger: Ledger
) -> None:
    anything.insert(*(numbered(APPROVED, number) for number in range(1, 6)))
    times = iter([1])

    def break_it(_: Sequence[Asked]) -> None:
        for _once in times:
            spoil(anything, 4)

    anything.poll(Meddling(anything.desk, after=break_it))
    assert anything.requests(*COLUMNS) == {str(n): ENCODED if n == 4 else ANSWERED for n in range(1, 6)}
    assert sorted(anything.answers()) == ["1", "2", "3", "5"]
    assert_decided_once(ledger, 5)  # the fourth was decided as it stood then


def test_a_claim_that_was_lost_writes_no_refusal(anything: Cobalt) -> None:
    anything.insert(numbered(APPROVED, 1), numbered(APPROVED, 2))
    spoil(anything, 2)

    def lose(_: Sequence[Asked]) -> None:
        anything.change("\"CLAIM_TOKEN\" = 'another'")

    anything.poll(Meddling(anything.desk, after=lose))
    assert anything.requests("STATUS", "ERROR_CODE", "CLAIM_TOKEN") == {
        "1": ("P", None, "another"), "2": ("P", None, "another")
    }  # fmt: skip
    assert next(line["count"] for line in anything.lines if line["event"] == "claims_lost") == 2


def with_text_in_key(cobalt: Cobalt) -> ServingDesk:
    """A text is part of the key, and more rows wait than a batch holds."""
    codec = cobalt.desk.codec
    assert isinstance(codec, OdbcCodec)
    key = ("REQUEST_ID", "BRANCH_NAME")
    wire = replace(codec.wire, key=key, order=key, batch=3)
    return with_wire(cobalt.desk, OdbcCodec(wire))


def test_rows_whose_keys_cannot_be_read_wait_and_are_told_once_and_all_others_are_answered(anything: Cobalt) -> None:
    anything.insert(*({**numbered(APPROVED, number), "BRANCH_NAME": f"B{number}"} for number in range(1, 9)))
    spoil(anything, 2, 5)
    anything.poll(with_text_in_key(anything))
    anything.poll(with_text_in_key(anything))
    assert [number for number, state in anything.states.items() if state == "N"] == ["2", "5"]
    assert set(anything.states.values()) == {"N", "D"}
    assert [line["count"] for line in anything.lines if line["event"] == "keys_unreadable"] == [1, 2]
    anything.change('"BRANCH_NAME" = \'mended\' || "REQUEST_ID"')
    anything.poll(with_text_in_key(anything))
    assert set(anything.states.values()) == {"D"}


def test_where_a_row_cannot_be_asked_for_by_its_place_an_unreadable_key_is_a_fault(anything: Cobalt) -> None:
    codec = with_text_in_key(anything).codec
    assert isinstance(codec, OdbcCodec)
    anything.insert(*(numbered(APPROVED, number) for number in range(1, 4)))
    spoil(anything, 2)
    link = anything.database.open()
    link.dialect = replace(link.dialect, one_row="")
    with pytest.raises(DatabaseFault) as caught:
        Exchange(codec.wire, link).claim()
    assert (caught.value.verdict, caught.value.state) == (Verdict.ROW, "22021")
    link.close()
    assert set(anything.states.values()) == {"N"}


@pytest.fixture(params=["postgresql", "mariadb"])
def viewed(request: pytest.FixtureRequest, desk: ServingDesk, servers: Servers, tmp_path: Path) -> Cobalt:
    made = Cobalt(servers.database(request.param, tmp_path), desk)
    made.make()
    if request.param == "mariadb":
        made.database.run(
            "CREATE FUNCTION told (x varchar(40)) RETURNS varchar(40) DETERMINISTIC BEGIN IF x = 'bad' THEN"
            " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no such branch'; END IF; RETURN x; END"
        )
    else:
        made.database.run(
            "CREATE FUNCTION told (x varchar) RETURNS varchar LANGUAGE plpgsql AS $$BEGIN IF x = 'bad' THEN"
            " RAISE 'no such branch'; END IF; RETURN x; END$$"
        )
    return made


def test_a_query_that_fails_on_one_row_refuses_that_row_and_no_other(viewed: Cobalt, ledger: Ledger) -> None:
    codec = viewed.desk.codec
    assert isinstance(codec, OdbcCodec)
    wire = codec.wire
    names = [*(column.name for column in wire.row), "ROW_VERSION"]
    quoted = {name: viewed.quote(name) for name in names}
    read = {**quoted, "BRANCH_NAME": f"told({quoted['BRANCH_NAME']}) AS {quoted['BRANCH_NAME']}"}
    query = f"SELECT {', '.join(read.values())} FROM {viewed.quote('CREDIT_REQUEST')}"  # noqa: S608 # names of our own example
    shape = Table(QUERY, tuple(column for column in wire.table.columns if column.name in names))
    tables = replace(wire.tables, found={**wire.tables.found, QUERY: shape})
    viewed.insert(*({**numbered(APPROVED, n), "BRANCH_NAME": "bad" if n == 2 else "Elm"} for n in range(1, 6)))
    viewed.poll(with_wire(viewed.desk, OdbcCodec(replace(wire, tables=tables, query=query))))
    found = viewed.requests(*COLUMNS)
    code, text = found["2"][1:3]
    assert (found.pop("2")[0], code) == ("E", "unreadable")
    assert text
    place = "query.BRANCH_NAME" if viewed.database.kind == "mariadb" else "query"  # which makes a row as a whole
    assert text.startswith(f"{place}: the database cannot give what it holds: reading it fails, SQLSTATE ")
    assert set(found.values()) == {ANSWERED}
    assert len(viewed.answers()) == 4
    assert_decided_once(ledger, 4)

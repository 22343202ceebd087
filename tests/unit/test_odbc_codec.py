"""The odbc section and its codec: names held against tables.yaml, rows to trees, answers to columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.odbc.codec import OdbcCodec, answer_of, refusal_of
from adapters.odbc.pauses import Pause, read_pause
from adapters.odbc.section import read_wire
from adapters.odbc.transport import adapter
from contracts.errors import ConfigurationError, InternalFault, InvalidRecord, MalformedPayload
from contracts.source import Source
from gateway.spi import Refusal

COBALT = Path(__file__).parents[2] / "fixtures" / "integrations" / "cobalt-core"
Change = Callable[[dict[str, Any]], Any]


WIRE = Source.read(COBALT / "integration.yaml").data["wire"]
CODEC = adapter.wire(WIRE, COBALT)


@pytest.fixture
def codec() -> OdbcCodec:
    return CODEC


def wire_faults(change: Change) -> str:
    """What is said of Cobalt's section after a change."""
    section = json.loads(json.dumps(WIRE))
    change(section)
    with pytest.raises(ConfigurationError) as caught:
        read_wire(section, COBALT)
    return caught.value.message


def test_the_row_is_what_is_left_of_the_table_without_the_columns_of_the_claim(codec: OdbcCodec) -> None:
    names = [column.name for column in codec.wire.row]
    assert names[:3] == ["REQUEST_ID", "APPLICATION_NO", "CURRENCY"]
    assert not {"STATUS", "ROW_VERSION", "CLAIM_TOKEN", "CLAIM_UNTIL", "ERROR_CODE", "ERROR_TEXT"} & set(names)


def test_what_is_written_where_is_known_by_table(codec: OdbcCodec) -> None:
    assert codec.wire.touched["CREDIT_REQUEST"] == ("STATUS", "CLAIM_TOKEN", "CLAIM_UNTIL", "ERROR_CODE", "ERROR_TEXT")
    assert codec.wire.touched["CREDIT_REASON"] == ("REQUEST_ID", "LINE_NO", "CODE", "REASON_TEXT", "POINTS")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda w: w["request"].update(table="CREDIT_REQUST"), "did you mean 'CREDIT_REQUEST'?"),
        (lambda w: w["request"].update(key=["REQUEST_NO"]), "declares no column 'REQUEST_NO' of CREDIT_REQUEST"),
        (lambda w: w["request"].update(status="STATE"), "declares no column 'STATE'"),
        (lambda w: w["request"]["states"].update(done="N"), "'N' stands for two states"),
        (lambda w: w["request"]["states"].update(failed="ERROR"), "'ERROR' does not fit STATUS, char(1)"),
        (lambda w: w["request"]["states"].pop("claimed"), "'claimed' needs its text"),
        (lambda w: w["request"]["claim"].update(token="STATUS"), "a token is a text of 32 characters, STATUS is"),
        (lambda w: w["request"]["claim"].update(until="CLAIM_TOKEN"), "a claim lasts until a point of time"),
        (lambda w: w["request"]["claim"].update(until="REQUEST_ID"), "REQUEST_ID must be nullable"),
        (lambda w: w["request"]["error"].update(code="HOUSING_CODE"), "a text of at least 30 characters"),
        (lambda w: w["answer"].update(columns=["BRANCH_NAME"]), "columns of the same row or to a table of its own"),
        (lambda w: w["answer"].pop("table"), "columns of the same row or to a table of its own"),
        (lambda w: w["answer"].update(table="CREDIT_REQUEST"), "is the request's own table"),
        (lambda w: w["answer"].update(key={"REQUEST_ID": "AGE_YEARS"}), "must lead to each column of the request"),
        (lambda w: w["answer"]["lists"].update(SCORE=w["answer"]["lists"]["CAUSES"]), "is a column of the answer, too"),
        (lambda w: w["answer"]["lists"]["CAUSES"].pop("number"), "'number' is missing"),
        (lambda w: w.update(batch=0), "'batch' must lie between 1 and 2000"),
        (lambda w: w.update(every="often"), "'often' is no time"),
        (lambda w: w.update(lease="2h"), "'lease' must lie between 1s and 3600s"),
        (lambda w: w.update(pause=["22:00-02:00 Europe/Berln"]), "names no time zone"),
        (lambda w: w.update(pause=["22-02 Europe/Berlin"]), "write it as 22:00-02:00 Europe/Berlin"),
        (lambda w: w.update(tables="../tables.yaml"), "leads out of the integration's folder"),
        (lambda w: w.update(tables="table.yaml"), "did you mean 'tables.yaml'?"),
        (lambda w: w.update(tables="a\0b"), "cannot be the name of a file"),
        (lambda w: w.update(tables="t" * 300), "cannot be the name of a file"),
        (lambda w: w["request"].update(query="DELETE FROM X"), "expected one SELECT"),
        (lambda w: w["request"].update(query="SELECT 1; SELECT 2"), "expected one SELECT"),
        (lambda w: w["request"].update(query="WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x"), "that reads"),
        (lambda w: w["request"].update(query="SELECT a FROM t WHERE b = ?"), "takes no parameter, and has a ?"),
        (lambda w: w["request"].update(query="SELECT 1"), "tables.yaml does not say what the query gives"),
        (lambda w: w.update(conection="x"), "did you mean 'connection'?"),
    ],
)  # fmt: skip
def test_a_fault_of_the_section_is_named(change: Change, told: str) -> None:
    assert told in wire_faults(change)


def test_faults_are_told_together_with_their_lines() -> None:
    folder_faults = wire_faults(lambda w: (w["request"].update(status="X"), w.update(batch="many")))
    assert "declares no column 'X'" in folder_faults
    assert "'batch' must be a whole number" in folder_faults


def test_an_answer_may_go_to_columns_of_the_same_row() -> None:
    section = json.loads(json.dumps(WIRE))
    section["answer"] = {"columns": ["BRANCH_NAME"]}
    wire = read_wire(section, COBALT)
    assert wire.outlet is None
    assert [column.name for column in wire.answered] == ["BRANCH_NAME"]
    assert "BRANCH_NAME" not in [column.name for column in wire.row]


def test_fields_tell_type_and_room_of_every_column(codec: OdbcCodec) -> None:
    request, answer = codec.fields()
    assert request is not None and answer is not None  # both sides are declared
    amount, score = request["INCOME_YEAR"], answer["SCORE"]
    assert (amount.type, amount.room, amount.scale, amount.required) == ("decimal", 11, 2, False)
    assert (score.type, score.room, score.required) == ("integer", 4, True)
    assert (answer["REASONS[].REASON_TEXT"].room, answer["REASONS[].REASON_TEXT"].within) == (80, True)
    assert answer["CAUSES[]"].room == 40
    assert request["HOUSING_CODE"].codes == ("OWN", "RENT", "PAR", "PRIV", "NSAY", "OTH")
    assert not {"REQUEST_ID", "LINE_NO"} & set(answer)


def test_a_row_becomes_a_tree_with_its_key_beside_it(codec: OdbcCodec) -> None:
    tree = codec.decode(b'{"AMOUNT_MINOR":"100","NOTE":null,"FLAG":true,"AGE":43}', {"row": "7:1"})
    assert tree == {"AMOUNT_MINOR": "100", "NOTE": None, "FLAG": True, "AGE": "43", "header": {"row": "7:1"}}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\xff", "not_text"),
        (b"", "not_a_row"),
        (b'"A"', "not_a_row"),
        (b'{"A":{"B":"1"}}', "not_a_row"),
        (b'{"A":{"unreadable":null}}', "not_a_row"),
        (b'{"A":{"unreadable":"22021"}}', "unreadable"),
        (b'{"A":"1","A":"2"}', "duplicate_name"),
        (b'{"header":"x"}', "reserved_name"),
        (b'[{"A":"1"},{"A":"2"}]', "several_rows"),
        (b"[]", "no_row"),
        (b"[" * 100_000, "not_a_row"),
    ],
)
def test_what_is_no_row_is_refused(raw: bytes, code: str, codec: OdbcCodec) -> None:
    with pytest.raises(MalformedPayload) as caught:
        codec.decode(raw, {})
    assert caught.value.detail_code == code


@given(raw=st.binary(max_size=60))
def test_arbitrary_bytes_raise_only_our_errors(raw: bytes) -> None:
    try:
        CODEC.decode(raw, {})
    except MalformedPayload:
        return


def test_an_answer_is_its_columns_and_lists_and_numbers_stay_exact(codec: OdbcCodec) -> None:
    tree = {"SCORE": 586, "PD": Decimal("0.0315180"), "REASONS": [{"CODE": "R1"}], "CAUSES": ["between_cut_offs"]}
    payload = codec.encode(tree)
    assert payload == codec.encode(tree)
    columns, lists = answer_of(payload)
    assert columns == {"SCORE": 586, "PD": "0.0315180"}
    assert lists == {"REASONS": [{"CODE": "R1"}], "CAUSES": [{"CAUSE": "between_cut_offs"}]}


def test_a_refusal_names_every_column_and_its_problem(codec: OdbcCodec) -> None:
    problems = [
        {"path": codec.native_path("TERM_MONTHS"), "code": "missing", "expected": "a number", "seen": "", "rule": ""},
        {"path": codec.native_path("header.row"), "code": "bad_key", "expected": "a key", "seen": "", "rule": ""},
    ]
    code, text = refusal_of(codec.refuse(Refusal(InvalidRecord([]), problems)))
    assert code == "invalid_record"
    assert text == (
        "CREDIT_REQUEST.TERM_MONTHS: missing, expected a number; CREDIT_REQUEST.REQUEST_ID: bad_key, expected a key"
    )


def test_our_own_fault_says_nothing_of_what_went_wrong_inside(codec: OdbcCodec) -> None:
    code, text = refusal_of(codec.refuse(Refusal(InternalFault("secret"), [])))
    assert (code, "secret" in text) == ("internal_fault", False)


def test_a_pause_lies_over_midnight_by_the_clock_of_its_place() -> None:
    night = read_pause("22:00-02:00 Europe/Berlin")
    assert night == Pause(time(22), time(2), ZoneInfo("Europe/Berlin"))
    found = [night.covers(datetime(2026, 7, 1, hour, 30, tzinfo=UTC)) for hour in (19, 20, 23, 0)]
    assert found == [False, True, True, False]


def test_a_pause_of_a_day_begins_and_ends_on_it() -> None:
    noon = read_pause("12:00-13:30 Etc/UTC")
    assert isinstance(noon, Pause)
    assert [noon.covers(datetime(2026, 7, 1, 13, minute, tzinfo=UTC)) for minute in (29, 30)] == [True, False]
    assert read_pause("12:00-12:00 Etc/UTC") == "begins when it ends"

"""Polling real databases through their ODBC drivers: each row ends with exactly one answer, the ledger's."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cobalt import ANSWERS, APPROVED, DECLINED, EXAMPLES, FOLDER, Cobalt, Meddling, numbered, statements, with_wire
from odbc_databases import Servers

from adapters.odbc.codec import OdbcCodec
from adapters.odbc.pauses import read_pause
from adapters.odbc.polling import Poller
from adapters.odbc.section import QUERY
from adapters.odbc.tables import Table
from contracts.errors import ConfigurationError, UpstreamError
from gateway import settings
from gateway.bootstrap import install
from gateway.clock import utc_now
from gateway.ledger import Filters, Kind, Ledger
from gateway.service import ServingDesk
from gateway.spi import Asked, Tree

NEXT = '"ROW_VERSION" = "ROW_VERSION" + 1'


@pytest.fixture
def on_sqlite(desk: ServingDesk, servers: Servers, tmp_path: Path) -> Cobalt:
    made = Cobalt(servers.database("sqlite", tmp_path), desk)
    made.make()
    return made


def decided(ledger: Ledger) -> list[str]:
    """The decisions in the ledger, by their ids."""
    return [entry.decision_id for entry in ledger.list(Filters(kind=Kind.DECISION), 10_000)]


def test_every_example_ends_with_the_answer_of_the_ledger_and_once(cobalt: Cobalt, ledger: Ledger) -> None:
    requests = [json.loads((folder / "request.json").read_text()) for folder in EXAMPLES]
    cobalt.insert(*requests)
    cobalt.poll()
    states, told = cobalt.states, cobalt.requests("ERROR_CODE", "ERROR_TEXT", "CLAIM_TOKEN", "CLAIM_UNTIL")
    answers = {table: cobalt.answers(table) for table in ANSWERS}
    for folder, request in zip(EXAMPLES, requests, strict=True):
        key, expected = request["REQUEST_ID"], json.loads((folder / "answer.json").read_text())
        if "code" in expected:
            assert (states[key], told[key]) == ("E", (expected["code"], expected["text"], None, None))
            assert not any(key in answers[table] for table in ANSWERS)
            continue
        assert (states[key], told[key]) == ("D", (None, None, None, None))
        (columns,) = answers["CREDIT_DECISION"][key]
        assert {name: columns[name] for name in expected["columns"]} == _texts(expected["columns"])
        stored = json.loads(ledger.open_payload(str(columns["DECISION_NO"])).answer)
        assert columns["DECIDED_AT"] == stored["columns"]["DECIDED_AT"].removesuffix("Z")
        assert _without_numbers(answers["CREDIT_REASON"].get(key, [])) == _texts_of(stored["lists"]["REASONS"])
        assert _without_numbers(answers["CREDIT_CAUSE"].get(key, [])) == stored["lists"]["CAUSES"]
        assert _without_numbers(answers["CREDIT_ESTIMATE"].get(key, [])) == stored["lists"]["ESTIMATES"]
    assert len(decided(ledger)) == len(answers["CREDIT_DECISION"])


def _texts(columns: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in columns.items()}


def _texts_of(listed: Sequence[dict[str, object]]) -> list[dict[str, str]]:
    return [_texts(row) for row in listed]


def _without_numbers(listed: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    assert [row["LINE_NO"] for row in listed] == [str(number) for number in range(1, len(listed) + 1)]
    return [{name: value for name, value in row.items() if name != "LINE_NO"} for row in listed]


def test_what_was_decided_before_a_crash_is_answered_from_the_ledger(cobalt: Cobalt, ledger: Ledger) -> None:
    cobalt.insert(APPROVED)

    def crash(_: Sequence[Asked]) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        cobalt.poll(Meddling(cobalt.desk, after=crash))
    assert list(cobalt.states.values()) == ["P"]
    cobalt.poll()
    assert list(cobalt.states.values()) == ["P"], "its lease still runs"
    cobalt.change("\"CLAIM_UNTIL\" = '2026-01-01 00:00:00.000'")
    cobalt.poll()
    ((answer,),) = cobalt.answers().values()
    assert [answer["DECISION_NO"]] == decided(ledger)


def test_two_pollers_share_a_table_and_decide_no_row_twice(cobalt: Cobalt, ledger: Ledger) -> None:
    cobalt.insert(*(numbered(APPROVED, number) for number in range(60)))
    small = _changed(cobalt, batch=7)
    seen: list[str] = []
    desk = Meddling(small, before=lambda asked: seen.extend(one.header["row"] for one in asked))
    sites = [cobalt.site(), cobalt.site()]
    workers = [threading.Thread(target=Poller(desk, site).run) for site in sites]  # type: ignore[arg-type]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert set(cobalt.states.values()) == {"D"}
    assert sorted(seen) == sorted(set(seen))
    assert sorted(a["DECISION_NO"] for (a,) in cobalt.answers().values()) == sorted(decided(ledger))


def test_a_row_that_changed_meanwhile_is_read_again_as_another_asking(cobalt: Cobalt, ledger: Ledger) -> None:
    cobalt.insert(APPROVED, numbered(APPROVED, 2))
    changes = iter(['"AMOUNT_MINOR" = 900000, "ROW_VERSION" = 2'])

    def meddle(_: Sequence[Asked]) -> None:
        for change in changes:
            cobalt.change(change, f'"REQUEST_ID" = {APPROVED["REQUEST_ID"]}')

    cobalt.poll(Meddling(cobalt.desk, after=meddle))
    answers = cobalt.answers()
    (changed,), (other,) = answers[APPROVED["REQUEST_ID"]], answers["2"]
    assert set(cobalt.states.values()) == {"D"}
    assert changed["REPLACES_NO"] in decided(ledger)
    assert (other["REPLACES_NO"], len(decided(ledger))) == ("", 3)
    assert "rows_changed" in cobalt.events


def test_a_poller_that_lost_its_claim_writes_nothing(cobalt: Cobalt) -> None:
    cobalt.insert(APPROVED, numbered(APPROVED, 2))

    def overtake(_: Sequence[Asked]) -> None:
        cobalt.change(f"\"CLAIM_TOKEN\" = '{'f' * 32}'", '"REQUEST_ID" = 2')

    cobalt.poll(Meddling(cobalt.desk, after=overtake))
    assert cobalt.states == {"2": "P", APPROVED["REQUEST_ID"]: "D"}
    assert list(cobalt.answers()) == [APPROVED["REQUEST_ID"]]
    assert [line["count"] for line in cobalt.lines if line["event"] == "claims_lost"] == [1]


def test_an_answer_the_database_refuses_fails_alone_with_code_and_text(cobalt: Cobalt, ledger: Ledger) -> None:
    checked = f'CREATE UNIQUE INDEX "ONE_OUTCOME" ON "CREDIT_DECISION" ("OUTCOME")'  # noqa: F541 # as the others
    cobalt.database.run(cobalt.own(checked))
    cobalt.insert(numbered(APPROVED, 1), numbered(APPROVED, 2), numbered(DECLINED, 3))
    cobalt.poll()
    assert cobalt.states == {"1": "D", "2": "E", "3": "D"}
    code, text = cobalt.requests("ERROR_CODE", "ERROR_TEXT")["2"]
    assert code == "answer_not_written"
    assert text is not None
    assert "SQLSTATE" in text
    assert sorted(cobalt.answers()) == ["1", "3"]
    assert len(decided(ledger)) == 3, "the decision stands"


def test_a_refused_row_that_is_mended_is_answered_and_answers_are_replaced(cobalt: Cobalt) -> None:
    cobalt.insert({**DECLINED, "CURRENCY": "USD"})
    cobalt.poll()
    assert cobalt.requests("STATUS", "ERROR_CODE") == {DECLINED["REQUEST_ID"]: ("E", "invalid_record")}
    for amount in ("1000000", "1100000"):
        cobalt.change(f'"STATUS" = \'N\', "CURRENCY" = \'EUR\', "AMOUNT_MINOR" = {amount}, {NEXT}')
        cobalt.poll()
        assert cobalt.requests("STATUS", "ERROR_CODE", "ERROR_TEXT") == {DECLINED["REQUEST_ID"]: ("D", None, None)}
    ((answer,),) = cobalt.answers().values()
    assert answer["REPLACES_NO"]
    assert len(cobalt.answers("CREDIT_REASON")[DECLINED["REQUEST_ID"]]) == 4
    cobalt.change("\"STATUS\" = 'N', \"CURRENCY\" = 'USD', " + NEXT)
    cobalt.poll()
    assert not any(cobalt.answers(table) for table in ANSWERS), "a refusal does not leave an earlier answer standing"


def test_once_drains_more_than_a_batch(cobalt: Cobalt) -> None:
    cobalt.insert(*(numbered(APPROVED, number) for number in range(11)))
    cobalt.poll(_changed(cobalt, batch=4))
    assert list(cobalt.states.values()) == ["D"] * 11


def test_a_large_batch_is_written_whole(cobalt: Cobalt, ledger: Ledger) -> None:
    """More values than one statement takes: libpq gives a connection up that describes 7,499 parameters."""
    cobalt.insert(*(numbered(DECLINED, number) for number in range(700)))
    cobalt.poll(_changed(cobalt, batch=700))
    assert set(cobalt.states.values()) == {"D"}
    assert sorted(a["DECISION_NO"] for (a,) in cobalt.answers().values()) == sorted(decided(ledger))
    assert {len(reasons) for reasons in cobalt.answers("CREDIT_REASON").values()} == {4}


def test_told_to_stop_it_finishes_the_batch_and_takes_no_other(cobalt: Cobalt) -> None:
    cobalt.insert(*(numbered(APPROVED, number) for number in range(6)))
    stop = threading.Event()
    desk = Meddling(_changed(cobalt, batch=4), before=lambda _: stop.set())
    Poller(desk, cobalt.site(once=False, stop=stop)).run()  # type: ignore[arg-type]
    assert sorted(map(str, cobalt.states.values())) == ["D"] * 4 + ["N"] * 2


def test_rows_wait_while_the_ledger_cannot_decide(on_sqlite: Cobalt) -> None:
    on_sqlite.insert(APPROVED)
    asked: list[int] = []

    class Stalled(Meddling):
        def decide_many(self, some: Sequence[Asked]) -> list[UpstreamError]:  # type: ignore[override]
            asked.append(len(some))
            return [UpstreamError("the ledger is stalled", code="ledger_stalled") for _ in some]

    with pytest.raises(UpstreamError):
        on_sqlite.poll(Stalled(on_sqlite.desk))
    assert asked
    assert on_sqlite.requests("STATUS", "CLAIM_TOKEN", "ERROR_CODE") == {APPROVED["REQUEST_ID"]: ("N", None, None)}


def test_in_a_pause_the_database_is_left_alone(on_sqlite: Cobalt) -> None:
    on_sqlite.insert(APPROVED)
    desk = _changed(on_sqlite, pauses=(read_pause("22:00-02:00 Etc/UTC"),))
    on_sqlite.poll(desk, now=lambda: datetime(2026, 1, 1, 23, tzinfo=UTC))
    assert list(on_sqlite.states.values()) == ["N"]
    on_sqlite.poll(desk, now=lambda: datetime(2026, 1, 1, 3, tzinfo=UTC))
    assert list(on_sqlite.states.values()) == ["D"]


def test_tables_that_drifted_are_named_before_a_row_is_claimed(cobalt: Cobalt) -> None:
    cobalt.insert(APPROVED)
    cobalt.database.run(cobalt.own('ALTER TABLE "CREDIT_REASON" RENAME COLUMN "POINTS" TO "PTS"'))
    with pytest.raises(ConfigurationError) as caught:
        cobalt.poll()
    assert "CREDIT_REASON.POINTS is missing in the database: declared decimal(5,2)" in caught.value.message
    assert list(cobalt.states.values()) == ["N"]


def test_a_row_of_bytes_that_are_no_text_is_refused_alone(on_sqlite: Cobalt) -> None:
    on_sqlite.insert(numbered(APPROVED, 1), numbered(APPROVED, 2))
    on_sqlite.change("\"BRANCH_NAME\" = CAST(X'FF41' AS TEXT)", '"REQUEST_ID" = 1')
    on_sqlite.poll()
    assert on_sqlite.requests("STATUS", "ERROR_CODE") == {"1": ("E", "not_text"), "2": ("D", None)}


class Breaking(OdbcCodec):
    """A codec with faults of ours in it: one row breaks it when it is read, one when it is answered."""

    def decode(self, raw: bytes, header: Mapping[str, str]) -> Tree:
        if header["row"].startswith("2:"):
            raise LookupError("secret")
        return super().decode(raw, header)

    def encode(self, tree: Tree) -> bytes:
        payload = super().encode(tree)
        return b"[]" if b"CB-2027-000003" in payload else payload


def test_a_fault_of_ours_spoils_the_row_it_is_about_and_no_other(on_sqlite: Cobalt) -> None:
    codec = on_sqlite.desk.codec
    assert isinstance(codec, OdbcCodec)
    on_sqlite.insert(*(numbered(APPROVED, number) for number in (1, 2, 3, 4)))
    on_sqlite.poll(with_wire(on_sqlite.desk, Breaking(codec.wire)))
    assert on_sqlite.requests("STATUS", "ERROR_CODE") == {
        "1": ("D", None), "2": ("E", "internal_fault"), "3": ("E", "answer_not_written"), "4": ("D", None)
    }  # fmt: skip
    assert "fault" in on_sqlite.events
    assert "secret" not in on_sqlite.log.getvalue().decode()


def test_the_log_says_nothing_of_an_applicant(cobalt: Cobalt) -> None:
    cobalt.insert(numbered(APPROVED, 1), numbered({**DECLINED, "HOUSING_CODE": "ZZZZ"}, 2), BRANCH_NAME="Elm Street")
    cobalt.poll()
    text = cobalt.log.getvalue().decode()
    assert cobalt.events[:1] + cobalt.events[-1:] == ["polling", "polled"]
    assert not [value for value in ("CB-2027", "Elm", "21600", "ZZZZ") if value in text]


def test_a_connection_that_is_cut_is_made_again_and_the_answer_is_written(
    servers: Servers, desk: ServingDesk, ledger: Ledger, tmp_path: Path
) -> None:
    cobalt = Cobalt(servers.database("postgresql", tmp_path), desk)
    cobalt.make()
    cobalt.insert(APPROVED)
    database = str(cobalt.database.section["database"])
    cuts = iter([1])

    def cut(_: Sequence[Asked]) -> None:
        for _once in cuts:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            servers.postgres.execute("postgres", f"{ended} WHERE datname = '{database}'")

    cobalt.poll(Meddling(cobalt.desk, after=cut))
    assert list(cobalt.states.values()) == ["D"]
    assert [event for event in cobalt.events if event.startswith("legacy_")] == ["legacy_down", "legacy_back"]
    assert len(decided(ledger)) == 1


def _changed(cobalt: Cobalt, **changes: object):  # type: ignore[no-untyped-def]
    """Cobalt's desk with other values in its section."""
    codec = cobalt.desk.codec
    assert isinstance(codec, OdbcCodec)
    return with_wire(cobalt.desk, OdbcCodec(replace(codec.wire, **changes)))  # type: ignore[arg-type]


def test_a_query_may_read_the_rows_and_must_give_one_for_each_key(cobalt: Cobalt) -> None:
    """Two rows for one key, or none, refuse that key alone; what is claimed still stands in the table."""
    codec = cobalt.desk.codec
    assert isinstance(codec, OdbcCodec)
    wire = codec.wire
    names = [*(column.name for column in wire.row), "ROW_VERSION"]
    columns, key = ", ".join(map(cobalt.quote, names)), cobalt.quote("REQUEST_ID")
    every = f"SELECT {columns} FROM {cobalt.quote('CREDIT_REQUEST')}"  # noqa: S608 # names of our own example
    shape = Table(QUERY, tuple(column for column in wire.table.columns if column.name in names))
    tables = replace(wire.tables, found={**wire.tables.found, QUERY: shape})
    cobalt.insert(*(numbered(APPROVED, number) for number in (1, 2, 3, 4)))
    twice = f"{every} WHERE {key} <> 3 UNION ALL {every} WHERE {key} IN (2, 3)"
    cobalt.poll(_changed(cobalt, tables=tables, query=twice))
    assert cobalt.requests("STATUS", "ERROR_CODE") == {
        "1": ("D", None), "2": ("E", "several_rows"), "3": ("D", None), "4": ("D", None)
    }  # fmt: skip
    cobalt.change("\"STATUS\" = 'N'", '"REQUEST_ID" = 3')
    cobalt.poll(_changed(cobalt, tables=tables, query=f"{every} WHERE 1 = 0"))
    assert cobalt.requests("STATUS", "ERROR_CODE")["3"] == ("E", "no_row")
    assert sorted(cobalt.answers()) == ["1", "4"]


def test_an_answer_in_the_same_row_is_written_and_taken_back_there(
    built_home: Path, servers: Servers, ledger: Ledger, tmp_path: Path
) -> None:
    """The columns of the answer are no part of what is asked: writing them makes no other version of the row."""
    home = tmp_path / "home"
    for part in ("bundles", "policies"):
        shutil.copytree(built_home / part, home / part)
    folder = shutil.copytree(FOLDER, home / "integrations" / "cobalt-core")
    changes = {
        "integration.yaml": [(r"  answer:\n    table.*?\n  batch", "  answer: {columns: [OUTCOME, SCORE]}\n  batch"),
                             (r"    version: [^\n]*\n", ""), (r"ignore: \[", "ignore: [ROW_VERSION, "),
                             (r"  APPLICATION_NO: business_key.*?  OUTCOME", "  OUTCOME"),
                             (r"  SCORE_LOW.*?\n\n", "\n")],
        "tables.yaml": [("    BRANCH_NAME", "    OUTCOME: char(1)\n    SCORE: smallint\n    BRANCH_NAME"),
                        (r"\nCREDIT_DECISION.*", "\n")],
    }  # fmt: skip
    for name, pairs in changes.items():
        text = (folder / name).read_text()
        for old, new in pairs:
            text, count = re.subn(old, new, text, count=1, flags=re.DOTALL)
            assert count, old
        (folder / name).write_text(text)
    made = install(settings.load(home=home), with_ledger=False)
    desk = made.desk("cobalt-core")
    cobalt = Cobalt(servers.database("sqlite", tmp_path), ServingDesk(desk.lines, desk.codec, lambda: ledger, utc_now))
    request = statements("sqlite")[0]
    cobalt.make(request.replace('  "BRANCH_NAME"', '  "OUTCOME" char(1),\n  "SCORE" smallint,\n  "BRANCH_NAME"'))
    cobalt.insert(numbered(APPROVED, 1), numbered(DECLINED, 2))
    cobalt.poll()
    assert cobalt.requests("STATUS", "OUTCOME", "SCORE") == {"1": ("D", "A", "586"), "2": ("D", "D", "438")}
    cobalt.change("\"STATUS\" = 'N'")
    cobalt.change("\"CURRENCY\" = 'USD'", '"REQUEST_ID" = 2')
    cobalt.poll()
    assert cobalt.requests("STATUS", "OUTCOME", "SCORE") == {"1": ("D", "A", "586"), "2": ("E", None, None)}
    assert len(decided(ledger)) == 2
    made.close()

"""What a legacy database may do to a poller without stopping it: hostile texts, tables that change, too much work."""

from __future__ import annotations

import threading
import time

import pytest
from cobalt import APPROVED, PATIENCE_S, Cobalt, Meddling, numbered
from odbc_children import HURRIED, hurried

from adapters.odbc.polling import Poller
from gateway.service import ServingDesk

HOSTILE = (
    "'; DROP TABLE CREDIT_REQUEST; --",
    '"`]} ? {0} %s',
    "\u202eABC\ufeff",
    "😀" * 20,
    "\r\n\t",
    "-- /*",
    "\\'\\\\",
)

BATCH = int(HURRIED["batch"])


@pytest.fixture
def desk(desk: ServingDesk) -> ServingDesk:
    """With small batches and short leases."""
    return hurried(desk)


def test_hostile_texts_in_every_column_are_read_and_told_as_what_they_are(cobalt: Cobalt) -> None:
    columns = [column for column in cobalt.desk.codec.wire.row if column.type in ("char", "varchar")]  # type: ignore[attr-defined]
    submitted = 0
    for text in HOSTILE:
        for column in columns:
            told = text[: column.size].rstrip(" ") or "?"
            cobalt.insert({**numbered(APPROVED, submitted), column.name: told})
            submitted += 1
    cobalt.poll()
    states = cobalt.states
    assert len(states) == submitted
    assert set(states.values()) == {"D", "E"}
    read = {name: set() for name in (column.name for column in columns)}
    for name in read:
        read[name] = {values[0] for values in cobalt.requests(name).values()}
        assert len(read[name]) > 5
    refused = [key for key, state in states.items() if state == "E"]
    told = cobalt.requests("ERROR_CODE", "ERROR_TEXT")
    assert all(told[key][0] and told[key][1] for key in refused)
    assert not any(text in (told[key][1] or "") for key in refused for text in HOSTILE)


@pytest.mark.parametrize("change", ["missing", "narrowed", "retyped"])
def test_a_column_that_changes_while_we_poll_is_told_with_the_difference_and_mended(
    change: str, cobalt: Cobalt
) -> None:
    if cobalt.database.kind == "sqlite" and change != "missing":
        return  # it cannot change a column
    stop = threading.Event()
    thread = threading.Thread(target=Poller(cobalt.desk, cobalt.site(once=False, stop=stop)).run)
    thread.start()
    try:
        cobalt.insert({**numbered(APPROVED, 1), "BRANCH_NAME": None})
        await_states(cobalt, {"D"})
        there, back, difference = changed(cobalt, change)
        cobalt.database.run(cobalt.own(there))
        end_sessions(cobalt)
        cobalt.database.run(cobalt.own('UPDATE "CREDIT_REQUEST" SET "STATUS" = \'N\', "ROW_VERSION" = 2'))
        cobalt.await_event("legacy_down")
        await_cause(cobalt, difference)
        assert cobalt.states["1"] in ("N", "P"), "nothing is guessed"
        cobalt.database.run(cobalt.own(back))
        await_states(cobalt, {"D"})
    finally:
        stop.set()
        thread.join(timeout=PATIENCE_S)
        cobalt._lookout.flush()
    told = [event for event in cobalt.events if event in ("legacy_down", "legacy_back")]
    assert told == ["legacy_down", "legacy_back"] * (len(told) // 2)
    assert len(told) == 2 or cobalt.database.kind == "sqlite", "only there may it be busy, too, with the change"


def changed(cobalt: Cobalt, change: str) -> tuple[str, str, str]:
    """How a column is changed, how it becomes what it was, and what is told of it."""
    table, column = 'ALTER TABLE "CREDIT_REQUEST"', '"BRANCH_NAME"'
    if change == "missing":
        new = '"BRANCH_OLD"'
        return f"{table} RENAME COLUMN {column} TO {new}", f"{table} RENAME COLUMN {new} TO {column}", change
    to = "varchar(10)" if change == "narrowed" else "integer"
    if cobalt.database.kind == "mariadb":
        return f"{table} MODIFY {column} {to}", f"{table} MODIFY {column} varchar(40)", change
    using = f" USING NULL::{to}" if change == "retyped" else ""
    return f"{table} ALTER {column} TYPE {to}{using}", f"{table} ALTER {column} TYPE varchar(40)", change


def end_sessions(cobalt: Cobalt) -> None:
    """Every session but the one that ends them, as an administrator does who wants to change a table."""
    if cobalt.database.kind == "postgresql":
        cobalt.database.run(
            "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    elif cobalt.database.kind == "mariadb":
        ours = "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()"
        for (session,) in cobalt.database.rows(ours):
            cobalt.database.run(f"KILL {session}")


def test_among_many_waiting_rows_one_batch_is_in_hand_and_at_most_one_is_claimed_ahead(cobalt: Cobalt) -> None:
    cobalt.insert(*(numbered(APPROVED, number) for number in range(300)))
    seen: list[int] = []

    def count(asked: list[object]) -> None:
        seen.append(sum(state == "P" for state in cobalt.states.values()))
        if len(seen) == 3:
            raise SystemExit

    with pytest.raises(SystemExit):
        cobalt.poll(Meddling(cobalt.desk, before=count))  # type: ignore[arg-type]
    assert all(BATCH <= claimed <= 2 * BATCH for claimed in seen)
    assert sum(state == "D" for state in cobalt.states.values()) == 2 * BATCH


def test_an_application_that_asks_twice_gets_a_newer_decision_that_names_the_older(cobalt: Cobalt) -> None:
    """Two rows of one application are two askings: the newer decision names the one it supersedes."""
    cobalt.insert(numbered(APPROVED, 1), {**numbered(APPROVED, 2), "APPLICATION_NO": "CB-2027-000001"})
    cobalt.poll()
    ((first,), (second,)) = (cobalt.answers()[key] for key in ("1", "2"))
    assert not first["REPLACES_NO"]
    assert second["REPLACES_NO"] == first["DECISION_NO"]


def await_states(cobalt: Cobalt, wanted: set[str]) -> None:
    end = time.monotonic() + PATIENCE_S
    while set(cobalt.states.values()) != wanted:
        assert time.monotonic() < end, (cobalt.states, cobalt.lines)
        time.sleep(0.05)


def await_cause(cobalt: Cobalt, difference: str) -> None:
    """Until it was told which column it is, and how it differs: as it went down, or when it was opened again.

    SQLite has no sessions to end; there it is the statement that fails.
    """
    end = time.monotonic() + PATIENCE_S
    named = ("BRANCH_NAME", "" if cobalt.database.kind == "sqlite" else difference)
    while not any(all(word in str(line.get("cause")) for word in named) for line in cobalt.lines):
        cobalt._lookout.flush()
        assert time.monotonic() < end, cobalt.lines
        time.sleep(0.02)

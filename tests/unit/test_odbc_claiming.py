"""Rows that wait and cannot be claimed: they are passed over and told once, and never keep a poller busy."""

from __future__ import annotations

import threading

import pytest
from odbc_databases import Database
from odbc_queue import TABLES, Queue

from adapters.odbc.exchange import Exchange
from contracts.errors import ConfigurationError

REFUSED, WAITS = ("E", "refused"), ("N", None)


@pytest.fixture
def queue(legacy: Database) -> Queue:
    return Queue(legacy)


def claimed(exchange: Exchange) -> list[str]:
    """The keys of one claim."""
    batch = exchange.claim()
    return [str(row.key[0]) for row in batch.rows] if batch else []


def test_rows_without_a_key_wait_and_what_stands_behind_more_of_them_than_a_batch_is_claimed(queue: Queue) -> None:
    queue.insert(*["NULL"] * 7, "'1'", "'2'")
    queue.poll()
    assert sorted(map(str, queue.states)) == sorted(map(str, [*[WAITS] * 7, REFUSED, REFUSED]))
    assert queue.log.events == ["polling", "rows_unclaimable", "polled"]


def test_with_nothing_but_rows_that_cannot_be_claimed_nothing_is_claimed(queue: Queue) -> None:
    queue.insert("NULL", "NULL")
    exchange = queue.exchange()
    assert exchange.look()
    assert exchange.claim() is None
    assert exchange.passed_over == {"keys_unreadable": 0, "rows_unclaimable": 2}


def test_a_poller_waits_between_two_looks_at_rows_it_cannot_claim(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.insert("NULL")
    stop, looked = threading.Event(), []
    look = Exchange.look

    def counted(exchange: Exchange) -> bool:
        looked.append(exchange)
        return look(exchange)

    monkeypatch.setattr(Exchange, "look", counted)
    timer = threading.Timer(1, stop.set)
    timer.start()
    queue.poll(stop=stop)
    timer.join()
    assert 1 < len(looked) <= 1 + 1 / 0.05, "it looks every 50 ms, and no oftener"
    assert queue.log.events == ["polling", "rows_unclaimable", "polled"], "told once"


def test_a_batch_is_never_more_than_a_batch_also_once_rows_are_mended(queue: Queue) -> None:
    queue.insert(*["NULL"] * 6, *(f"'{number}'" for number in range(1, 10)))
    exchange = queue.exchange()
    assert claimed(exchange) == ["1", "2", "3", "4", "5"]
    queue.run("UPDATE asked SET id = note WHERE id IS NULL")
    assert claimed(exchange) == ["00", "01", "02", "03", "04"]
    assert not any(exchange.passed_over.values())


def test_a_change_that_a_trigger_undoes_holds_up_no_other_row(queue: Queue) -> None:
    queue.insert("'1'", "'2'")
    if queue.database.kind == "sqlite":
        queue.run("CREATE TRIGGER keep BEFORE UPDATE ON asked WHEN OLD.id = '1' BEGIN SELECT RAISE(IGNORE); END")
    elif queue.database.kind == "postgresql":
        queue.database.run(
            "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "CREATE TRIGGER keep BEFORE UPDATE ON asked FOR EACH ROW WHEN (OLD.id = '1') EXECUTE FUNCTION keep()",
        )
    else:  # it has no trigger that leaves a row out, but one that sets it back
        queue.database.run(
            "CREATE TRIGGER keep BEFORE UPDATE ON asked FOR EACH ROW"
            " SET NEW.state = IF(OLD.id = '1', OLD.state, NEW.state)"
        )
    queue.poll()
    assert queue.states == [WAITS, REFUSED]
    assert queue.log.events == ["polling", "rows_unclaimable", "polled"]


@pytest.mark.parametrize("legacy", ["sqlite"], indirect=True)
def test_a_key_that_is_no_text_is_passed_over(queue: Queue) -> None:
    queue.insert("CAST(x'ff31' AS TEXT)", "'2'")
    queue.poll()
    assert sorted(map(str, queue.states)) == sorted(map(str, [WAITS, REFUSED]))
    assert queue.log.events == ["polling", "rows_unclaimable", "polled"]


@pytest.mark.parametrize("legacy", ["sqlite"], indirect=True)
def test_what_others_claimed_first_is_no_row_that_cannot_be_claimed(queue: Queue) -> None:
    queue.insert("'1'", "'2'")
    ours = queue.exchange()
    together = ours._claiming._together

    def overtaken(state: object, most: int, expired: bool) -> object:
        found = together(state, most, expired)
        if found[0]:
            ours._link.rollback()
            queue.run("UPDATE asked SET state = 'P' WHERE state = 'N'")
        return found

    ours._claiming._together = overtaken  # type: ignore[method-assign, assignment]
    batch = ours.claim()
    assert batch is not None
    assert (batch.rows, dict(ours.passed_over)) == ([], {"keys_unreadable": 0, "rows_unclaimable": 0})


@pytest.mark.parametrize("legacy", ["sqlite"], indirect=True)
def test_a_key_must_be_declared_as_never_null(legacy: Database) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Queue(legacy, TABLES.replace("varchar(9) not null", "varchar(9)"))
    assert "id is part of the key and must be not null" in str(caught.value.faults[0])
    assert caught.value.faults[0].file.endswith("tables.yaml")


@pytest.mark.parametrize("legacy", ["sqlite"], indirect=True)
def test_a_version_that_is_no_text_spoils_no_row_beside_it(legacy: Database) -> None:
    queue = Queue(legacy, version="note")
    queue.insert("'1'", "'2'", "'3'")
    queue.run("UPDATE asked SET note = CAST(x'ff31' AS TEXT) WHERE id = '2'")
    queue.poll()
    assert queue.states == [REFUSED] * 3
    assert queue.log.events == ["polling", "polled"]


ANSWER = "told: {columns: {id: varchar(9) not null, score: smallint}}\n"
GIVEN = "query: {columns: {id: varchar(9) not null, why: varchar(9)}}\n"


def test_a_query_may_have_a_question_mark_in_a_literal_and_end_with_a_comment(legacy: Database) -> None:
    legacy.run("CREATE TABLE told (id varchar(9) NOT NULL, score smallint)")
    to = {"table": "told", "key": {"id": "id"}}
    queue = Queue(legacy, TABLES + ANSWER + GIVEN, to, query="SELECT id, 'why?' AS why FROM asked -- all of them")
    queue.insert("'1'")
    queue.poll()
    assert queue.states == [REFUSED]

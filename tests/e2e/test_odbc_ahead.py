"""Two batches in hand on a real PostgreSQL: what was claimed ahead is answered or waits again, whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cobalt import APPROVED, Cobalt, Meddling, numbered, with_wire
from odbc_databases import Servers

from adapters.odbc.codec import OdbcCodec
from adapters.odbc.pauses import read_pause
from adapters.odbc.polling import Poller
from gateway.ledger import Filters, Kind, Ledger
from gateway.service import ServingDesk
from gateway.spi import Asked

ROWS, BATCH = 10, 4
PATIENCE_S = 60
DAY, NIGHT = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 23, tzinfo=UTC)
Meddle = Callable[[Sequence[Asked]], None]


@pytest.fixture
def cobalt(desk: ServingDesk, servers: Servers, tmp_path: Path) -> Cobalt:
    """More rows than two batches hold, and a pause at night."""
    made = Cobalt(servers.database("postgresql", tmp_path), desk)
    made.make()
    made.insert(*(numbered(APPROVED, number) for number in range(ROWS)))
    made.desk = changed(desk, batch=BATCH, pauses=(read_pause("22:00-02:00 Etc/UTC"),))
    return made


def changed(desk: ServingDesk, **changes: Any) -> ServingDesk:
    assert isinstance(desk.codec, OdbcCodec)
    return with_wire(desk, OdbcCodec(replace(desk.codec.wire, **changes)))


def poll(cobalt: Cobalt, desk: Meddling, now: Callable[[], datetime] = lambda: DAY, **given: Any) -> None:
    site = cobalt.site(**given)
    Poller(desk, site, now).run()  # type: ignore[arg-type]
    cobalt._lookout.flush()


def await_claimed(cobalt: Cobalt, count: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while list(cobalt.states.values()).count("P") < count:
        assert time.monotonic() < end, cobalt.states
        time.sleep(0.01)


def at_first(meddle: Callable[[], None]) -> Meddle:
    """Do it while the first batch is decided and not again."""
    once = iter([meddle])

    def do(_: Sequence[Asked]) -> None:
        for meddling in once:
            meddling()

    return do


def decisions(ledger: Ledger) -> int:
    return len(ledger.list(Filters(kind=Kind.DECISION), 1000))


def assert_one_batch_is_answered_and_the_rest_waits(cobalt: Cobalt, ledger: Ledger) -> None:
    assert sorted(map(str, cobalt.states.values())) == ["D"] * BATCH + ["N"] * (ROWS - BATCH)
    assert set(cobalt.requests("CLAIM_TOKEN", "CLAIM_UNTIL").values()) == {(None, None)}
    assert len(cobalt.answers()) == decisions(ledger) == BATCH


def test_told_to_stop_with_two_batches_in_hand_it_answers_one_and_gives_the_other_back(
    cobalt: Cobalt, ledger: Ledger
) -> None:
    stop = threading.Event()

    def meddle() -> None:
        await_claimed(cobalt, 2 * BATCH)
        stop.set()

    poll(cobalt, Meddling(cobalt.desk, after=at_first(meddle)), once=False, stop=stop)
    assert_one_batch_is_answered_and_the_rest_waits(cobalt, ledger)


def test_where_a_pause_begins_with_two_batches_in_hand_one_is_answered_and_the_other_given_back(
    cobalt: Cobalt, ledger: Ledger
) -> None:
    night = threading.Event()

    def meddle() -> None:
        await_claimed(cobalt, 2 * BATCH)
        night.set()

    poll(cobalt, Meddling(cobalt.desk, after=at_first(meddle)), lambda: NIGHT if night.is_set() else DAY)
    assert_one_batch_is_answered_and_the_rest_waits(cobalt, ledger)
    assert "legacy_rest" in cobalt.events


@pytest.mark.parametrize("batches", [1, 2])
def test_cut_where_it_was_about_to_claim_ahead_it_loses_and_doubles_nothing(
    batches: int, cobalt: Cobalt, servers: Servers, ledger: Ledger
) -> None:
    cuts = iter([False] * (batches - 1) + [True])

    def now() -> datetime:
        """Asked in the thread of the database before each claim that is made ahead."""
        if threading.current_thread().name.startswith("odbc-legacy") and next(cuts, False):
            cut(cobalt, servers)
        return DAY

    poll(cobalt, Meddling(cobalt.desk), now)
    assert_all_are_answered(cobalt, ledger)
    assert cobalt.events.count("legacy_down") == cobalt.events.count("legacy_back") == 1


def test_cut_with_two_batches_in_hand_it_answers_both(cobalt: Cobalt, servers: Servers, ledger: Ledger) -> None:
    def meddle() -> None:
        await_claimed(cobalt, 2 * BATCH)
        cut(cobalt, servers)

    poll(cobalt, Meddling(cobalt.desk, after=at_first(meddle)))
    assert_all_are_answered(cobalt, ledger)
    assert not [event for event in cobalt.events if event == "claims_lost"]


def cut(cobalt: Cobalt, servers: Servers) -> None:
    database = cobalt.database.section["database"]
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    servers.postgres.execute("postgres", f"{ended} WHERE datname = '{database}'")


def assert_all_are_answered(cobalt: Cobalt, ledger: Ledger) -> None:
    assert list(cobalt.states.values()) == ["D"] * ROWS
    assert len(cobalt.answers()) == decisions(ledger) == ROWS


def test_a_batch_that_waited_for_the_one_before_it_gets_another_lease_before_it_is_decided(cobalt: Cobalt) -> None:
    leases: list[str] = []

    def ahead() -> str:
        """When the lease of the second batch runs out."""
        untils = cobalt.requests("CLAIM_UNTIL")
        return max(str(untils[str(key)][0]) for key in range(BATCH, 2 * BATCH))

    def first() -> None:
        await_claimed(cobalt, 2 * BATCH)
        leases.append(ahead())
        time.sleep(0.6)  # more than a quarter of the lease

    def second(_: Sequence[Asked]) -> None:
        end = time.monotonic() + PATIENCE_S
        while len(leases) == 1:
            assert time.monotonic() < end
            leases.extend(found for found in (ahead(),) if found > leases[0])

    poll(cobalt, Meddling(changed(cobalt.desk, lease=2.0), before=second, after=at_first(first)))
    assert len(leases) == 2

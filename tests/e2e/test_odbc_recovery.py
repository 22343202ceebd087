"""What goes wrong between a poller and its database: rows in, answers out and ledger entries stay equal, none double.

Pollers are killed, databases are killed and started again, connections are cut, stalled and ended in half a reply.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cobalt import APPROVED, DECLINED, PATIENCE_S, Cobalt, assert_one_answer_each, numbered
from fault_proxy import FaultProxy, Plan, proxied
from ledger_samples import open_ledger
from odbc_children import Pollers, hurried
from odbc_databases import Servers, serving

from adapters.odbc.polling import Poller
from gateway.installation import Installation
from gateway.ledger import Ledger
from gateway.service import ServingDesk


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Of this module alone: they are killed."""
    with serving() as servers:
        yield servers


@pytest.fixture
def desk(desk: ServingDesk) -> ServingDesk:
    """With small batches and short leases."""
    return hurried(desk)


@pytest.fixture(params=["postgresql", "mariadb"])
def cobalt(request: pytest.FixtureRequest, desk: ServingDesk, servers: Servers, tmp_path: Path) -> Cobalt:
    made = Cobalt(servers.database(request.param, tmp_path), desk)
    made.make()
    return made


def submit(cobalt: Cobalt, first: int, count: int) -> None:
    """Applications of different people, so that an answer that stands in another's row is seen."""
    for number in range(first, first + count):
        row = numbered(APPROVED if number % 3 else DECLINED, number)
        cobalt.insert({**row, "AMOUNT_MINOR": str(100_000 + 1_000 * number)})


def await_settled(cobalt: Cobalt) -> None:
    end = time.monotonic() + PATIENCE_S
    while set(cobalt.states.values()) - {"D", "E"}:
        assert time.monotonic() < end, cobalt.states
        time.sleep(0.05)


def await_claim(cobalt: Cobalt) -> None:
    """Until rows are claimed, or were answered before that was seen."""
    end = time.monotonic() + PATIENCE_S
    while "P" not in (seen := set(cobalt.states.values())) and "N" in seen:
        assert time.monotonic() < end, cobalt.states


# ---- kills -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "kills", "crashes"),
    [
        ("postgresql", 10, 1),
        ("mariadb", 3, 1),
        pytest.param("postgresql", 200, 20, marks=pytest.mark.soak),
        pytest.param("mariadb", 40, 4, marks=pytest.mark.soak),
    ],
)
def test_killed_at_any_moment_each_row_has_one_answer_and_it_is_the_ledgers(
    kind: str, kills: int, crashes: int, built_home: Path, servers: Servers, tmp_path: Path, installed: Installation
) -> None:
    chance = random.Random(6)  # noqa: S311 # the moments of kills
    cobalt = Cobalt(servers.database(kind, tmp_path), installed.desk("cobalt-core"))
    cobalt.make()
    server = servers.postgres if kind == "postgresql" else servers.maria
    crashing = set(chance.sample(range(kills), crashes))
    submitted, met = 0, 0
    with Pollers(built_home, tmp_path) as pollers:
        for number in range(kills):
            submit(cobalt, submitted, 3)
            submitted += 3
            pollers.start()
            if chance.random() < 0.8:
                await_claim(cobalt)
            threading.Event().wait(chance.choice([0, chance.uniform(0, 0.02), chance.uniform(0, 0.3)]))
            if number in crashing:
                server.kill()
                server.start()
                threading.Event().wait(chance.uniform(0.01, 0.4))
            pollers.kill()
            met += "P" in cobalt.states.values()
        pollers.start()
        await_settled(cobalt)
    assert met, "no kill met a batch that was claimed and not answered"
    ledger = open_ledger(tmp_path)
    try:
        assert_one_answer_each(cobalt, ledger, submitted)
    finally:
        ledger.close()


# ---- the network -----------------------------------------------------------------------------------------------------


@contextmanager
def polling(cobalt: Cobalt, proxy: FaultProxy) -> Iterator[None]:
    """A poller that reaches its database through the proxy, in a thread, told to stop at the end."""
    stop = threading.Event()
    site = cobalt.site(once=False, stop=stop)
    through = cobalt.database.connection(port=proxy.port, within={"login": "5s", "statement": "2s"})
    cobalt.database.write()
    poller = Poller(cobalt.desk, site._replace(connections=lambda _: through))
    thread = threading.Thread(target=poller.run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        proxy.flow()
        thread.join(timeout=PATIENCE_S)
        cobalt._lookout.flush()
        assert not thread.is_alive()


def port(cobalt: Cobalt) -> int:
    return int(cobalt.database.section["port"])


@pytest.mark.parametrize("rounds", [4, pytest.param(100, marks=pytest.mark.soak)])
def test_a_connection_that_is_cut_anywhere_loses_and_doubles_nothing(
    rounds: int, cobalt: Cobalt, ledger: Ledger
) -> None:
    chance = random.Random(rounds)  # noqa: S311 # where connections are cut
    with proxied(port(cobalt)) as proxy, polling(cobalt, proxy):
        submit(cobalt, 0, 3)
        await_settled(cobalt)  # so that there is a connection to cut
        for number in range(1, rounds + 1):
            asked, answered = chance.choice([(chance.randrange(20_000), None), (None, chance.randrange(40_000))])
            proxy.plan = Plan(asked, answered)
            submit(cobalt, 3 * number, 3)
            threading.Event().wait(chance.uniform(0.05, 0.3))
            proxy.cut()
        proxy.plan = Plan()
        proxy.cut()
        await_settled(cobalt)
    assert proxy.cuts
    assert_one_answer_each(cobalt, ledger, 3 * (rounds + 1))
    told = [event for event in cobalt.events if event in ("legacy_down", "legacy_back")]
    assert told[::2] == ["legacy_down"] * (len(told) // 2)
    assert told[1::2] == ["legacy_back"] * (len(told) // 2)


def test_a_database_that_hangs_is_given_up_and_found_again_and_each_is_told_once(
    cobalt: Cobalt, ledger: Ledger
) -> None:
    with proxied(port(cobalt)) as proxy, polling(cobalt, proxy):
        submit(cobalt, 0, 3)
        await_settled(cobalt)
        proxy.stall()
        submit(cobalt, 3, 3)
        cobalt.await_event("legacy_down")
        proxy.flow()
        await_settled(cobalt)
        cobalt.await_event("legacy_back")
    assert cobalt.events.count("legacy_down") == cobalt.events.count("legacy_back") == 1
    assert_one_answer_each(cobalt, ledger, 6)


def test_a_database_that_is_down_for_long_is_told_once(cobalt: Cobalt, ledger: Ledger) -> None:
    with proxied(port(cobalt)) as proxy, polling(cobalt, proxy):
        submit(cobalt, 0, 1)
        await_settled(cobalt)
        proxy.refusing = True
        proxy.cut()
        cobalt.await_event("legacy_down")
        submit(cobalt, 1, 2)
        threading.Event().wait(1.5)
        proxy.refusing = False
        await_settled(cobalt)
    assert cobalt.events.count("legacy_down") == cobalt.events.count("legacy_back") == 1
    assert_one_answer_each(cobalt, ledger, 3)

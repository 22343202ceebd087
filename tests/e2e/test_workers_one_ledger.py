"""Several workers on one ledger, over HTTP: simultaneous equals, conflicts, and kills under load.

On SQLite and on PostgreSQL.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import signal
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx
import postgres_server
import pytest
import syscalls
from live_gateway import EXAMPLE, Caller, Live, copied, serving, until

from gateway import settings
from gateway.access import principals
from gateway.clock import utc_now
from gateway.ledger import Entry, Filters, Kind, Ledger
from gateway.opening import open_ledger

if TYPE_CHECKING:
    from postgres_server import PostgresServer

SUPERSEDE, ONCE = "juniper-api", "juniper-once"
"""The sample integration, and a copy of it that accepts one asking per application."""
EQUALS = 200


class House(NamedTuple):
    """A home, and where its ledger lies, as a setting."""

    caller: Caller
    place: str

    @property
    def environment(self) -> dict[str, str]:
        return {"SCOREGATE_LEDGER": self.place}

    def ledger(self) -> Ledger:
        configured = settings.load(home=self.caller.home, ledger=self.place)
        return open_ledger(configured, utc_now)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("one-ledger")
    if request.param == "sqlite":
        return made(built_home, folder)
    server: PostgresServer = request.getfixturevalue("postgres")
    return made(built_home, folder, server.new_database())


def made(built_home: Path, folder: Path, url: str = "") -> House:
    """A home with both integrations; its ledger is the embedded one unless there is a URL."""
    home = copied(built_home, folder / "home").home
    shutil.copytree(home / "integrations" / SUPERSEDE, home / "integrations" / ONCE)
    file = home / "integrations" / ONCE / "integration.yaml"
    changed = file.read_text().replace("resubmission: supersede", "resubmission: conflict")
    file.write_text(changed.replace(f"integration: {SUPERSEDE}", f"integration: {ONCE}"))
    key = principals.replace(home / "principals.yaml", "juniper", [SUPERSEDE, ONCE], ["score", "read"])
    (folder / "ledger.url").write_text(url)
    return House(Caller(home, key), f"file:{folder / 'ledger.url'}" if url else str(home / "state" / "ledger.db"))


@pytest.fixture(scope="module")
def live(house: House) -> Iterator[Live]:
    with serving(house.caller, "--workers", "2", **house.environment) as live:
        until(lambda: '"serving"' in house.caller.log.read_text())
        yield live


def application(number: str, months: int = 36) -> bytes:
    tree = json.loads(EXAMPLE.read_bytes()) | {"applicationId": number}
    tree["loan"]["months"] = months
    return json.dumps(tree).encode()


def all_at_once(live: Live, integration: str, askings: list[tuple[str, bytes]]) -> list[httpx.Response]:
    """One connection for each asking, a request key and a body; all are open before the first is sent.

    Each has a client of its own: a pool looks at all its connections at every turn, for 200 some 5 seconds in all.
    """
    base, headers, context = live.client.base_url, dict(live.client.headers), ssl.create_default_context()
    path = f"/v1/{integration}/score"

    async def ask() -> list[httpx.Response]:
        async with AsyncExitStack() as stack:
            made = (httpx.AsyncClient(base_url=base, headers=headers, timeout=60, verify=context) for _ in askings)
            clients = [await stack.enter_async_context(client) for client in made]
            await asyncio.gather(*(client.get("/healthz") for client in clients))
            sent = (
                client.post(path, content=body, headers={"Idempotency-Key": f'"{key}"'})
                for client, (key, body) in zip(clients, askings, strict=True)
            )
            return await asyncio.gather(*sent)

    return asyncio.run(ask())


def entries(house: House, integration: str) -> list[Entry]:
    """The decisions of an integration in a ledger that verifies."""
    ledger = house.ledger()
    try:
        assert ledger.verify_chain() == ()
        found = ledger.list(Filters(integration=integration, kind=Kind.DECISION), limit=10**6)
    finally:
        ledger.close()
    assert len({entry.decision_id for entry in found}) == len(found)
    return list(found)


def test_two_hundred_simultaneous_equals_get_one_decision_and_the_same_bytes(house: House, live: Live) -> None:
    before = len(entries(house, SUPERSEDE))
    answers = all_at_once(live, SUPERSEDE, [("equal", application("equal"))] * EQUALS)
    assert Counter(answer.status_code for answer in answers) == {200: EQUALS}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert len(entries(house, SUPERSEDE)) == before + 1


def test_of_two_records_under_one_request_key_one_wins_and_the_other_conflicts(house: House, live: Live) -> None:
    before = len(entries(house, SUPERSEDE))
    bodies = application("torn", 24), application("torn", 48)
    answers = all_at_once(live, SUPERSEDE, [("torn", body) for body in bodies] * (EQUALS // 2))
    assert Counter(answer.status_code for answer in answers) == {200: EQUALS // 2, 422: EQUALS // 2}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert all("request_key_conflict" in answer.text for answer in answers if answer.status_code == 422)
    assert len({answers.index(answer) % 2 for answer in answers if answer.status_code == 200}) == 1
    assert len(entries(house, SUPERSEDE)) == before + 1


def test_an_application_that_may_be_asked_once_is_decided_once(house: House, live: Live) -> None:
    askings = [(f"once-{number}", application("once")) for number in range(EQUALS)]
    answers = all_at_once(live, ONCE, askings)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: EQUALS - 1}
    (decided,) = entries(house, ONCE)
    refused = [answer.text for answer in answers if answer.status_code == 409]
    assert all("business_key_conflict" in text and decided.decision_id in text for text in refused)


def test_every_answer_leaves_after_its_decision_is_on_disk(house: House, live: Live, tmp_path: Path) -> None:
    keys, trace = [f"traced-{number}-key" for number in range(5)], tmp_path / "trace"
    with syscalls.traced(trace, *children(live.process.pid)):
        for key in keys:
            (answer,) = all_at_once(live, SUPERSEDE, [(key, application(key))])
            assert answer.status_code == 200
    found = syscalls.calls(trace)
    durable = syscalls.COMMITTED if house.place.startswith("file:") else syscalls.SYNCED
    assert [key for key in keys if syscalls.durable_between(found, f'"{key}', "HTTP/1.1 200 ", durable)] == keys


class Load:
    """Callers that ask for new applications without end, and for the same again until they are answered."""

    def __init__(self, live: Live, tag: str, lanes: int = 6) -> None:
        self.acknowledged: dict[str, str] = {}
        self.odd: list[str] = []
        self._live, self._tag, self._done = live, tag, threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(lane,)) for lane in range(lanes)]
        for thread in self._threads:
            thread.start()

    def _call(self, lane: int) -> None:
        for number in itertools.count():
            key = f"{self._tag}-{lane}-{number}"
            while not self._answered(key):
                time.sleep(0.02)
            if self._done.is_set():
                return

    def _answered(self, key: str) -> bool:
        headers = {**self._live.client.headers, "Idempotency-Key": f'"{key}"', "Connection": "close"}
        address = f"{self._live.client.base_url}/v1/{SUPERSEDE}/score"
        try:
            answer = httpx.post(address, content=application(key), headers=headers, timeout=20)
        except httpx.TransportError:
            return False
        if answer.status_code == 200:
            self.acknowledged[key] = answer.json()["decision"]["id"]
            return True
        if answer.status_code != 503:
            self.odd.append(answer.text)
        return False

    def goes_on(self, further: int = 20) -> None:
        wanted = len(self.acknowledged) + further
        until(lambda: len(self.acknowledged) >= wanted)

    def end(self) -> dict[str, str]:
        """Every key that was ever asked for with its decision: each caller goes on until its last one is answered."""
        self._done.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)
        assert not self.odd
        return self.acknowledged


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def check_each_is_there_once(house: House, live: Live, acknowledged: dict[str, str], before: int = 0) -> None:
    """As many decisions as keys were asked for, beside the ``before`` that were there: none is missing, none twice."""
    present = {entry.decision_id for entry in entries(house, SUPERSEDE)}
    assert set(acknowledged.values()) <= present
    assert len(set(acknowledged.values())) == len(acknowledged) == len(present) - before
    for key, decision_id in list(acknowledged.items())[-20:]:
        again = all_at_once(live, SUPERSEDE, [(key, application(key))])[0]
        assert (again.json()["decision"]["id"], again.headers["Idempotency-Replayed"]) == (decision_id, "true")


@pytest.mark.parametrize(("kills", "pause"), [(5, 0.05), pytest.param(100, 6.0, marks=pytest.mark.soak)])
def test_sigkill_of_workers_under_load_loses_and_doubles_nothing(
    house: House, live: Live, kills: int, pause: float
) -> None:
    """The oldest dies each time; when there are many kills, it has lived long enough to be replaced at once."""
    before = len(entries(house, SUPERSEDE))
    load = Load(live, f"killed-{kills}")
    load.goes_on()
    for number in range(kills):
        until(lambda: len(children(live.process.pid)) == 2)
        time.sleep(pause + 0.03 * (number % 5))
        os.kill(children(live.process.pid)[0], signal.SIGKILL)
        load.goes_on()
    check_each_is_there_once(house, live, load.end(), before)


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_sigkill_of_the_database_server_under_load_loses_and_doubles_nothing(
    built_home: Path, tmp_path: Path, kills: int
) -> None:
    """Over HTTP, the gateway never restarted: while the server is away whoever asks is told to come back."""
    if postgres_server.binaries() is None:
        pytest.skip("PostgreSQL is missing; install it with: apt-get install postgresql")
    with postgres_server.running(beside=postgres_server.in_memory()) as server:
        house = made(built_home, tmp_path, server.new_database())
        with serving(house.caller, "--workers", "2", **house.environment) as live:
            workers = children(live.process.pid)
            load = Load(live, "killed")
            load.goes_on()
            for number in range(kills):
                time.sleep(0.1 * (number % 4))
                server.kill()
                until(lambda: live.client.get("/readyz").status_code == 503)
                server.start()
                load.goes_on()
            check_each_is_there_once(house, live, load.end())
            assert children(live.process.pid) == workers

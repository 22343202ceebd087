"""A ledger that stalls, callers that go away, connections that only wait: the gateway answers, and recovers."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest
from live_gateway import ROOT, Caller, Live, copied, serving, until

EXAMPLE = ROOT / "fixtures/integrations/juniper-api/examples/01-complete__approves/request.json"
SCORE, DECISIONS = "/v1/juniper-api/score", "/v1/juniper-api/decisions"
DEADLINE_S, QUEUE = 0.8, 40
BUSY_S = 2
"""A busy machine may take as long; less than the ledger's patience, so it is the deadline that was kept."""


@pytest.fixture(scope="module")
def caller(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Caller:
    caller = copied(built_home, tmp_path_factory.mktemp("stalls") / "home")
    file = caller.home / "integrations/juniper-api/integration.yaml"
    text = file.read_text()
    assert "deadline: 5s" in text
    file.write_text(text.replace("deadline: 5s", f"deadline: {DEADLINE_S * 1000:.0f}ms, queue: {QUEUE}"))
    return caller


@pytest.fixture(scope="module")
def live(caller: Caller) -> Iterator[Live]:
    with serving(caller) as live:
        yield live


@contextmanager
def locked(caller: Caller) -> Iterator[None]:
    """Another process, this one, holds the ledger's write lock."""
    with closing(sqlite3.connect(caller.home / "state" / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def application(name: str) -> bytes:
    return json.dumps(json.loads(EXAMPLE.read_bytes()) | {"applicationId": name}).encode()


def post(live: Live, key: str) -> httpx.Response:
    return live.client.post(SCORE, content=application(key), headers={"Idempotency-Key": f'"{key}"'})


def await_decision(live: Live, key: str) -> httpx.Response:
    until(lambda: live.client.get(f"{DECISIONS}/{key}").status_code != 404)
    return live.client.get(f"{DECISIONS}/{key}")


def assert_unavailable(response: httpx.Response, *codes: str) -> None:
    assert (response.status_code, response.json()["code"] in codes) == (503, True), response.text
    assert int(response.headers["Retry-After"]) >= 1


def test_a_locked_ledger_is_late_within_the_deadline_and_the_decision_is_made_once_it_is_free(
    caller: Caller, live: Live
) -> None:
    with locked(caller):
        response = post(live, "late")
        assert_unavailable(response, "late")
        assert DEADLINE_S <= response.elapsed.total_seconds() < DEADLINE_S + BUSY_S
        assert live.client.get(f"{DECISIONS}/late").status_code == 404
    found = await_decision(live, "late")
    again = post(live, "late")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert again.content == found.content


def test_a_ledger_locked_for_long_refuses_natively_and_recovers_without_a_restart(caller: Caller, live: Live) -> None:
    end = time.monotonic() + 4.5  # longer than the ledger's patience
    with locked(caller):
        while time.monotonic() < end:
            response = post(live, "long")
            assert_unavailable(response, "late", "unavailable")
            assert response.elapsed.total_seconds() < DEADLINE_S + BUSY_S
            assert live.client.get("/healthz").elapsed.total_seconds() < BUSY_S
    assert post(live, "after-long").status_code == 200
    assert post(live, "long").status_code == 200


def test_a_full_queue_is_told_at_once_to_come_back(caller: Caller, live: Live) -> None:
    """Clients are made before: what they take to make, on a busy machine, the first in the queue would have waited."""

    def ask(number: int) -> httpx.Response:
        return clients[number].post(SCORE, content=application(f"full-{number}"))

    with ExitStack() as stack, ThreadPoolExecutor(QUEUE + 20) as pool:
        settings = {"base_url": live.client.base_url, "headers": live.client.headers, "timeout": 60}
        clients = [stack.enter_context(httpx.Client(**settings)) for _ in range(QUEUE + 20)]
        with locked(caller):
            responses = list(pool.map(ask, range(QUEUE + 20)))
    for response in responses:
        assert_unavailable(response, "late", "unavailable")
    codes = Counter(response.json()["code"] for response in responses)
    assert codes["unavailable"] >= 1
    assert codes["late"] >= QUEUE
    assert post(live, "after-full").status_code == 200


def test_callers_that_go_away_leave_whole_decisions_and_nothing_open(caller: Caller, live: Live) -> None:
    host, port = live.client.base_url.host, live.client.base_url.port or 0
    descriptors = Path(f"/proc/{live.process.pid}/fd")
    post(live, "before-the-gone")
    most = len(list(descriptors.iterdir())) + 5  # the ledger's readers may open a few of their own
    for number in range(60):
        body = application(f"gone-{number}")
        head = (
            f"POST {SCORE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller.key}\r\n"
            f'Content-Type: application/json\r\nIdempotency-Key: "gone-{number}"\r\nContent-Length: {len(body)}\r\n\r\n'
        ).encode()
        with socket.create_connection((host, port)) as connection:
            connection.sendall((head + body)[: None if number % 2 else -10])
    for number in range(60):
        if number % 2:
            assert await_decision(live, f"gone-{number}").status_code == 200
        else:
            assert live.client.get(f"{DECISIONS}/gone-{number}").status_code == 404
    until(lambda: len(list(descriptors.iterdir())) <= most)


def test_a_thousand_half_open_connections_hinder_nobody(live: Live) -> None:
    host, port = live.client.base_url.host, live.client.base_url.port or 0
    starts = (b"", b"POST /v1", f"POST {SCORE} HTTP/1.1\r\nHost: x\r\nX-Slow: ".encode())
    held = [socket.create_connection((host, port)) for _ in range(1000)]
    try:
        for number, connection in enumerate(held):
            connection.sendall(starts[number % 3])
        with httpx.Client(base_url=live.client.base_url, headers=live.client.headers, timeout=60) as client:
            responses = [client.post(SCORE, content=application(f"beside-{n}")) for n in range(50)]
        assert {response.status_code for response in responses} == {200}
    finally:
        for connection in held:
            connection.close()

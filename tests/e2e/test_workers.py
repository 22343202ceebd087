"""Several workers on one port and one ledger: they start together, share the work, die, and are told to go."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from access_parts import basic, quick
from live_gateway import COMMAND, ENVIRONMENT, ROOT, Caller, Live, copied, free_port, serving, until

from gateway import settings
from gateway.access import principals
from gateway.access.entries import Credential
from gateway.access.keeper import PERIOD
from gateway.access.lockout import FREE
from gateway.clock import utc_now
from gateway.ledger import Kind
from gateway.opening import open_ledger

EXAMPLE = ROOT / "fixtures/integrations/juniper-api/examples/01-complete__approves/request.json"
SCORE = "/v1/juniper-api/score"
CONNECTIONS = 8


@pytest.fixture(scope="module")
def caller(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Caller:
    return copied(built_home, tmp_path_factory.mktemp("workers") / "home")


@pytest.fixture(scope="module")
def live(caller: Caller) -> Iterator[Live]:
    """Two workers, started on a home that has neither keys nor ledger."""
    with serving(caller, "--workers", "2") as live:
        until(lambda: bool(said(caller, "serving")))
        yield live


def said(caller: Caller, event: str) -> list[dict[str, Any]]:
    """The lines of the log that speak of this; every line is JSON."""
    lines = [json.loads(line) for line in caller.log.read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


def application(number: str) -> bytes:
    return json.dumps(json.loads(EXAMPLE.read_bytes()) | {"applicationId": number}).encode()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def fresh(live: Live) -> httpx.Client:
    """A caller with connections of its own."""
    return httpx.Client(base_url=live.client.base_url, headers=live.client.headers, timeout=60)


def test_connections_are_shared_out_evenly(caller: Caller, live: Live) -> None:
    before = len(said(caller, "request"))
    clients = [fresh(live) for _ in range(CONNECTIONS)]
    for client in clients:
        for number in range(5):
            assert client.post(SCORE, content=application(f"even-{number}")).status_code == 200
    until(lambda: len(said(caller, "request")) >= before + 5 * CONNECTIONS)
    held = Counter(line["worker"] for line in said(caller, "request")[before:])
    for client in clients:
        client.close()
    assert held[1] + held[2] == 5 * CONNECTIONS
    assert abs(held[1] - held[2]) <= 2 * 5


def test_a_worker_that_dies_is_replaced_and_the_log_says_so(caller: Caller, live: Live) -> None:
    victim = children(live.process.pid)[0]
    os.kill(victim, signal.SIGKILL)
    until(lambda: bool(said(caller, "worker_died")))
    with fresh(live) as client:
        assert client.post(SCORE, content=application("while-one-is-dead")).status_code == 200
    until(lambda: bool(said(caller, "worker_replaced")))
    died = said(caller, "worker_died")[0]
    assert (died["pid"], died["cause"]) == (victim, "SIGKILL")
    assert victim not in children(live.process.pid)
    assert len(children(live.process.pid)) == 2


def test_guesses_at_one_worker_lock_out_at_the_other(caller: Caller, live: Live) -> None:
    """The other is asked too seldom to find out by itself. Two quick hashes, so that no slow one is tried."""
    old, new = (Credential("password", quick(word), "SVC_ERP") for word in ("an old one", "a new one"))
    principals.insert(caller.home / "principals.yaml", "erp", ["*"], ["score"], "test", old)
    principals.rotate(caller.home / "principals.yaml", "erp", new)
    wrong = {"Authorization": basic("SVC_ERP", "a guess")}
    with at_each_worker(caller, live) as (one, other):
        for _ in range(FREE):
            for _ in range(3):
                one.post(SCORE, content=b"{}", headers=wrong)
            answer = other.post(SCORE, content=b"{}", headers=wrong)
            if answer.status_code == 429:
                break
            time.sleep(PERIOD)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
        assert int(answer.headers["retry-after"]) >= 1
        assert other.post(SCORE, content=application("with a key")).status_code == 200


@contextmanager
def at_each_worker(caller: Caller, live: Live) -> Iterator[list[httpx.Client]]:
    """Connections that different workers hold."""
    held: dict[int, httpx.Client] = {}
    with ExitStack() as opened:
        for number in range(CONNECTIONS):
            client = opened.enter_context(fresh(live))
            held.setdefault(worker_of(client, f"held-{number}", caller), client)
        assert len(held) == 2
        yield list(held.values())


def worker_of(client: httpx.Client, name: str, caller: Caller) -> int:
    """The worker that answers on this connection."""

    def lines() -> list[dict[str, Any]]:
        return [line for line in said(caller, "request") if line.get("correlation") == name]

    client.post(SCORE, content=application(name), headers={"X-Correlation-ID": name})
    until(lambda: bool(lines()))
    return int(lines()[0]["worker"])


def test_what_commands_destroy_is_counted_by_whichever_worker_answers(caller: Caller, live: Live) -> None:
    ids = [live.client.post(SCORE, content=application(name)).json()["decision"]["id"] for name in ("erased", "old")]
    with sqlite3.connect(caller.home / "state/ledger.db") as ledger:
        old = "(SELECT id FROM entry WHERE name = ?)"
        ledger.execute(f"UPDATE envelope_key SET retain_until = 1 WHERE id = {old}", (ids[1],))  # noqa: S608 # a constant
    ledger.close()
    for words in (("erase", ids[0], "--by", "dpo"), ("purge", "--by", "ops")):
        subprocess.run([*COMMAND, caller.home, "ledger", *words], cwd=ROOT, env=ENVIRONMENT, check=True, timeout=60)
    clients = [fresh(live) for _ in range(CONNECTIONS)]
    told = {client.get("/metrics").text for client in clients for _ in range(2)}
    for client in clients:
        client.close()
    counted = 'scoregate_erasures_total{integration="juniper-api",mode="test"} 1', "scoregate_purged_payloads_total 1"
    assert [text for text in told if not all(f"{line}.0\n" in text for line in counted)] == []
    verified = subprocess.run([*COMMAND, caller.home, "verify", "--chain"], cwd=ROOT, env=ENVIRONMENT, timeout=60)
    assert verified.returncode == 0


def test_a_reload_replaces_every_worker_and_loses_no_request(caller: Caller, live: Live) -> None:
    before = set(children(live.process.pid))
    key = principals.add(caller.home / "principals.yaml", "late", ["juniper-api"], ["read"])
    statuses: Counter[int] = Counter()
    done = threading.Event()

    def call() -> None:
        number = 0
        while not done.is_set():
            number += 1
            headers = {**live.client.headers, "Connection": "close"}
            body = application(f"reload-{threading.get_ident()}-{number}")
            statuses[httpx.post(f"{live.client.base_url}{SCORE}", content=body, headers=headers).status_code] += 1

    callers = [threading.Thread(target=call) for _ in range(2)]
    for thread in callers:
        thread.start()
    live.process.send_signal(signal.SIGHUP)
    until(lambda: len(said(caller, "worker_relieved")) == 2)
    until(lambda: not before & set(children(live.process.pid)))
    done.set()
    for thread in callers:
        thread.join()
    assert set(statuses) == {200}
    with fresh(live) as client:
        found = client.get("/v1/juniper-api/decisions/none", headers={"Authorization": f"Bearer {key}"})
    assert found.status_code != 401


def test_a_reload_that_is_refused_leaves_the_workers_as_they_are(caller: Caller, live: Live) -> None:
    before = children(live.process.pid)
    policy = caller.home / "policies" / "consumer-instalment.policy.yaml"
    good = policy.read_bytes()
    policy.write_bytes(good + b"\nunknown: 1\n")
    try:
        live.process.send_signal(signal.SIGHUP)
        until(lambda: "reload_refused" in caller.log.read_text())
    finally:
        policy.write_bytes(good)
    assert children(live.process.pid) == before
    assert live.client.post(SCORE, content=application("after-a-refused-reload")).status_code == 200
    refusal = [line for line in caller.log.read_text().splitlines() if line.startswith("scoregate: ")]
    caller.log.write_text("")  # what the others read is JSON again
    assert "unknown" in refusal[0]


def test_a_gateway_of_one_process_survives_sighup_and_says_what_it_takes_to_reload(
    built_home: Path, tmp_path: Path
) -> None:
    alone = copied(built_home, tmp_path / "alone")
    with serving(alone) as live:
        live.process.send_signal(signal.SIGHUP)
        until(lambda: bool(said(alone, "reload_refused")))
        assert "--workers" in said(alone, "reload_refused")[0]["cause"]
        assert live.client.post(SCORE, content=application("after-a-hangup")).status_code == 200


def test_sigterm_answers_what_is_under_way_and_ends_with_0(caller: Caller, live: Live) -> None:
    answered: dict[str, bytes] = {}
    odd: list[object] = []

    def call(lane: int) -> None:
        with fresh(live) as client:
            for number in range(10_000):
                name = f"drain-{lane}-{number}"
                try:
                    response = client.post(SCORE, content=application(name))
                except httpx.TransportError:
                    return
                if response.status_code != 200:
                    odd.append(response.text)
                    return
                answered[name] = response.content

    callers = [threading.Thread(target=call, args=(lane,)) for lane in range(6)]
    for thread in callers:
        thread.start()
    until(lambda: len(answered) > 60)
    live.process.send_signal(signal.SIGTERM)
    assert live.process.wait(timeout=120) == 0
    for thread in callers:
        thread.join()
    assert not odd
    ledger = open_ledger(settings.load(home=caller.home), utc_now)
    try:
        assert ledger.verify_chain() == ()
        kept = {e.decision_id for e in ledger.list(limit=1_000_000) if e.kind is Kind.DECISION}
    finally:
        ledger.close()
    assert {json.loads(answer)["decision"]["id"] for answer in answered.values()} <= kept


def test_workers_do_not_outlive_their_supervisor(caller: Caller) -> None:
    with serving(caller, "--workers", "2") as live:
        until(lambda: len(children(live.process.pid)) == 2)
        workers = children(live.process.pid)
        live.process.kill()
        until(lambda: not any(alive(pid) for pid in workers))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_worker_that_cannot_start_ends_all_with_its_one_line(caller: Caller, tmp_path: Path) -> None:
    home = copied(caller.home, tmp_path / "home").home
    (home / "state").write_text("in the way")
    command = [*COMMAND, str(home), "serve", "--port", str(free_port()), "--workers", "3"]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("scoregate: ")

"""A gateway that starts before its ledger can be had: it says so natively and in /readyz, and decides once it can."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import postgres_server
import pytest
from live_gateway import (
    COMMAND,
    ENVIRONMENT,
    EXAMPLE,
    ROOT,
    SCORE,
    Caller,
    Live,
    copied,
    free_port,
    serving,
    started,
    until,
)
from postgres_server import PostgresServer

from gateway import settings
from gateway.clock import utc_now
from gateway.opening import open_ledger

PROMPT_SECONDS = 20
"""A busy machine may take as long; less than what is given to a worker that hangs."""


@pytest.fixture
def caller(built_home: Path, tmp_path: Path) -> Caller:
    return copied(built_home, tmp_path / "home")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    if postgres_server.binaries() is None:
        pytest.skip("PostgreSQL is missing; install it with: apt-get install postgresql")
    with postgres_server.running(beside=postgres_server.in_memory()) as server:
        yield server


@contextmanager
def held(database: Path) -> Iterator[None]:
    """A ledger's file that another process has wholly for itself, as a copying tool may."""
    database.parent.mkdir(mode=0o700, exist_ok=True)
    with sqlite3.connect(database, isolation_level=None) as holder:
        holder.execute("PRAGMA locking_mode=EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("CREATE TABLE IF NOT EXISTS passing (id INTEGER)")
        yield
        holder.execute("ROLLBACK")
    holder.close()


def said(caller: Caller, event: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in caller.log.read_text().splitlines())
    return [line for line in lines if line["event"] == event]


def cause(live: Live) -> str:
    """Why the gateway says it is not ready; '' when it is, or does not answer yet."""
    try:
        answer = live.client.get("/readyz")
    except httpx.TransportError:
        return ""
    return str(answer.json().get("cause", "")) if answer.status_code == 503 else ""


def waits_then_decides(caller: Caller, live: Live, expected: str, cure: Callable[[], object]) -> None:
    """Not ready, and why; natively unavailable; after the cure deciding without a restart."""
    until(lambda: cause(live) == expected)
    refused = live.client.post(SCORE, content=EXAMPLE.read_bytes())
    assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
    assert int(refused.headers["retry-after"]) >= 1
    assert live.client.get("/healthz").status_code == 200
    assert f'scoregate_ready{{cause="{expected}"}} 0' in live.client.get("/metrics").text
    cure()
    until(lambda: live.client.get("/readyz").status_code == 200)
    assert live.client.post(SCORE, content=EXAMPLE.read_bytes()).status_code == 200
    until(lambda: bool(said(caller, "ledger_opened")))
    assert {line["cause"] for line in said(caller, "ledger_awaited")} == {expected}
    assert said(caller, "worker_died") == []


def test_a_ledger_that_is_locked_while_the_gateway_starts(caller: Caller) -> None:
    holding = held(caller.home / "state/ledger.db")
    holding.__enter__()
    with started(caller) as live:
        waits_then_decides(caller, live, "ledger_locked", lambda: holding.__exit__(None, None, None))
        assert [len(said(caller, event)) for event in ("ledger_awaited", "ledger_opened")] == [1, 1]


def test_a_ledger_that_another_process_only_writes_is_opened_at_once(caller: Caller) -> None:
    open_ledger(settings.load(home=caller.home), utc_now).close()
    with sqlite3.connect(caller.home / "state/ledger.db", isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with started(caller) as live:
            until(lambda: cause(live) == "ledger_locked")
            holder.execute("ROLLBACK")
            until(lambda: live.client.get("/readyz").status_code == 200)
        assert said(caller, "ledger_awaited") == []
    holder.close()


def test_a_server_that_is_started_after_the_gateway_and_its_workers(caller: Caller, server: PostgresServer) -> None:
    url = server.new_database()
    server.stop()
    with started(caller, "--workers", "2", SCOREGATE_LEDGER="env:URL", URL=url) as live:
        waits_then_decides(caller, live, "ledger_down", server.start)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_ends_a_gateway_whose_server_is_frozen(caller: Caller, server: PostgresServer, workers: str) -> None:
    with serving(caller, "--workers", workers, SCOREGATE_LEDGER="env:URL", URL=server.new_database()) as live:
        assert live.client.post(SCORE, content=EXAMPLE.read_bytes()).status_code == 200
        server.freeze()
        try:
            until(lambda: cause(live) == "ledger_stalled")
            began = time.monotonic()
            live.process.send_signal(signal.SIGTERM)
            assert live.process.wait(timeout=120) == 0
            assert time.monotonic() - began < PROMPT_SECONDS
        finally:
            server.thaw()


def test_what_is_wrong_for_good_ends_it_as_soon_as_the_server_says_so(caller: Caller, server: PostgresServer) -> None:
    server.stop()
    with started(caller, SCOREGATE_LEDGER="env:URL", URL=server.url("nobody_made_this")) as live:
        until(lambda: cause(live) == "ledger_down")
        server.start()
        assert live.process.wait(timeout=120) == 2
    last = caller.log.read_text().splitlines()[-1]
    assert last.startswith("scoregate: cannot open the ledger")
    assert "nobody_made_this" in last


def test_a_command_does_not_wait_for_a_server_that_is_down(caller: Caller) -> None:
    environment = ENVIRONMENT | {"SCOREGATE_LEDGER": f"postgresql://nobody@127.0.0.1:{free_port()}/none"}
    command = [*COMMAND, str(caller.home), "ledger", "status"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "no server listens there" in done.stderr) == (1, True)

"""A file system with no room left, a real one: the state of a home on a small tmpfs, filled to the last byte.

It mounts, so it needs root, and runs in ``make soak``; ``make test`` limits the size of the ledger's files instead.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from live_gateway import EXAMPLE, SCORE, Caller, Live, copied, serving, until

from gateway import settings
from gateway.clock import utc_now
from gateway.ledger import Kind
from gateway.opening import open_ledger

ROOM, RESERVE = 16 << 20, 1_000_000
FILLER = "filler"
REFUSALS = 3
"""How many decisions in a row must be refused for want of room: what is over in the log's last pages may serve one."""


@pytest.fixture
def caller(built_home: Path, tmp_path: Path) -> Iterator[Caller]:
    caller = copied(built_home, tmp_path / "home")
    state = caller.home / "state"
    state.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=0700", "tmpfs", state], check=True)
    try:
        yield caller
    finally:
        subprocess.run(["umount", "--lazy", state], check=True)


def fill(state: Path) -> None:
    """Write until the file system takes no more."""
    with (state / FILLER).open("wb", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while filler.write(bytes(size)) == size:
                    pass
    assert os.statvfs(state).f_bavail == 0


def ask(live: Live, number: int) -> httpx.Response:
    body = json.loads(EXAMPLE.read_bytes()) | {"applicationId": f"full-{number}"}
    return live.client.post(SCORE, content=json.dumps(body).encode())


@pytest.mark.soak
def test_a_file_system_without_room_is_a_native_refusal_until_there_is_room(caller: Caller) -> None:
    statuses: Counter[int] = Counter()
    with serving(caller, SCOREGATE_LOG_LEVEL="warning", SCOREGATE_DISK_RESERVE=str(RESERVE)) as live:
        assert ask(live, 0).status_code == 200
        fill(caller.home / "state")
        number = 0
        while statuses[503] < REFUSALS:
            number += 1
            response = ask(live, number)
            statuses[response.status_code] += 1
        assert response.headers["content-type"] == "application/problem+json"
        assert int(response.headers["retry-after"]) >= 1
        until(lambda: live.client.get("/readyz").status_code == 503)
        assert live.client.get("/readyz").json()["cause"] == "disk_low"
        assert live.client.get("/healthz").status_code == 200
        (caller.home / "state" / FILLER).unlink()
        assert ask(live, number).status_code == 200
        until(lambda: live.client.get("/readyz").status_code == 200)
    ledger = open_ledger(settings.load(home=caller.home), utc_now)
    try:
        assert ledger.verify_chain() == ()
        decided = [entry for entry in ledger.list(limit=10_000) if entry.kind is Kind.DECISION]
    finally:
        ledger.close()
    assert len(decided) == 1 + statuses[200] + 1
    assert set(statuses) <= {200, 503}

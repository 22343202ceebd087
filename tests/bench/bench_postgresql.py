"""PostgreSQL as ledger beside the embedded one: the same applications through the served gateway, turn by turn."""

from __future__ import annotations

import shutil
import statistics
import sys
from pathlib import Path

import bench_service as service
from figures import Row, at_least, at_most, shown

sys.path.append(str(Path(__file__).parents[1]))  # the server that the tests start

from postgres_server import running  # the path comes first

ROUNDS = 5


def rows() -> list[Row]:
    home, key = service.prepare()
    body = service.bodies(service.BUILD / "bodies.jsonl")
    with running() as server:
        turns = ((turn, server.new_database()) for turn in range(ROUNDS))
        found = [(once(home, key, body, "", turn), once(home, key, body, url, turn)) for turn, url in turns]
    embedded, remote = zip(*found, strict=True)
    return [
        shown("ledger in SQLite, decisions served", statistics.median(one.per_second for one in embedded), "/s"),
        shown("ledger in PostgreSQL, decisions served", statistics.median(one.per_second for one in remote), "/s"),
        shown("ledger in PostgreSQL, p99", statistics.median(one.p99 for one in remote), "ms"),
        at_least(
            "ledger in PostgreSQL against SQLite",
            statistics.median(b.per_second / a.per_second for a, b in found),
            "ratio",
            0.7,
        ),
        at_most("errors", sum(one.errors for one in (*embedded, *remote)), "requests", 0),
    ]


def once(home: Path, key: str, body: Path, ledger: str, turn: int) -> service.Load:
    """One run on a fresh ledger; '' is the embedded one."""
    shutil.rmtree(home / "state", ignore_errors=True)
    environment = {"SCOREGATE_LEDGER": "env:BENCH_LEDGER", "BENCH_LEDGER": ledger} if ledger else {}
    with service.serving(home, 2600, **environment):
        service.load("/v1/bench-complete/score", key, body, f"warm-{turn}")
        return service.load("/v1/bench-complete/score", key, body, f"turn-{turn}")

"""Hours of traffic in small: two workers at 60 % of what they can do; memory stays flat, p99 stable, no error.

``SOAK_SECONDS`` sets the length, one hour by default.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from live_gateway import ENVIRONMENT, ROOT, Live, copied, serving

BENCH = ROOT / "tests" / "bench"
EXAMPLE = ROOT / "fixtures/integrations/juniper-api/examples/01-complete__approves/request.json"
SHARE, SLICES = 0.6, 12
WARM_SLICES = 3
"""Slices in which caches fill: the page cache of the database, compiled statements, allocator arenas."""
FLAT, STABLE = 1.05, 3.0


class Slice(NamedTuple):
    """What one stretch of traffic showed; latencies in milliseconds, memory in bytes."""

    per_second: float
    p99: float
    errors: int
    memory: int


def load(live: Live, bodies: Path, key: str, seconds: float, pace: float | None) -> Slice:
    target = f"{live.client.base_url}"
    env = os.environ | {
        "BODIES": str(bodies), "TARGET": "/v1/juniper-api/score", "API_KEY": key, "RUN": f"steady-{time.time_ns()}",
        **({} if pace is None else {"PACE": f"{pace:.1f}"}),
    }  # fmt: skip
    command = ["wrk", "-t1", "-c16", f"-d{max(1, round(seconds))}s", "-s", str(BENCH / "post.lua"), target]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    requests, micros, _, p99, errors = (float(part) for part in line.split()[1:])
    return Slice(requests / micros * 1e6, p99 / 1000, int(errors), memory(live.process.pid))


def memory(pid: int) -> int:
    """What the supervisor and its workers hold in anonymous memory; mapped files, the index of the ledger's log among
    them, are the kernel's and bounded elsewhere.
    """
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(anonymous(Path(f"/proc/{one}/smaps_rollup").read_text()) for one in [str(pid), *children])


def anonymous(rollup: str) -> int:
    return 1024 * next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Anonymous:"))


@pytest.mark.soak
def test_an_hour_of_traffic_leaves_memory_flat_and_answers_as_quick_as_before(
    built_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = float(os.environ.get("SOAK_SECONDS", "3600"))
    caller = copied(built_home, tmp_path / "home")
    bodies = tmp_path / "bodies.jsonl"
    body = EXAMPLE.read_text().replace("JN-2026-000101", "steady-@N@").replace("\n", " ")
    assert "@N@" in body
    bodies.write_text(body + "\n")
    monkeypatch.setitem(ENVIRONMENT, "SCOREGATE_LOG_LEVEL", "warning")
    with serving(caller, "--workers", "2") as live:
        time.sleep(5)  # the first worker answers while the second starts
        top = load(live, bodies, caller.key, min(20.0, seconds / 10), None)
        slices = [load(live, bodies, caller.key, seconds / SLICES, SHARE * top.per_second) for _ in range(SLICES)]
    report = "\n".join(
        f"{one.per_second:8.0f}/s  p99 {one.p99:7.2f} ms  {one.memory / 1e6:7.1f} MB  {one.errors} errors"
        for one in [top, *slices]
    )
    print(f"\ntop, then {SLICES} slices of {seconds / SLICES:.0f} s at {SHARE:.0%}\n{report}")
    assert sum(one.errors for one in [top, *slices]) == 0, report
    settled = slices[WARM_SLICES:]
    assert max(one.memory for one in settled) <= FLAT * settled[0].memory, report
    third = len(settled) // 3
    early, later = (statistics.median(one.p99 for one in part) for part in (settled[:third], settled[-third:]))
    assert later <= STABLE * early, report

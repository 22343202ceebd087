"""Several workers on one ledger beside one, and single askings while a batch is worked on."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bench_service
import httpx
from bench_service import BUILD, PORT, Load, bodies, load, prepare, wait
from figures import Row, at_least, at_most, shown

ROUNDS = 5
CONNECTIONS = 32
"""More than one worker's eight: with few, two workers commit groups of one or two and pay for every commit alone."""
BATCH = 1000
TARGET = "/v1/bench-complete/score"


def rows() -> list[Row]:
    home, _ = prepare()
    key = batching(home)
    body = bodies(BUILD / "bodies.jsonl")
    return [*workers(home, key, body), *beside_a_batch(home, key, body)]


def batching(home: Path) -> str:
    from gateway.access import principals

    names = ["bench-complete", "bench-imputed"]
    return principals.replace(home / "principals.yaml", "bench", names, ["score", "batch", "read"])


@contextmanager
def serving(home: Path, workers: int) -> Iterator[None]:
    """The product itself, with its log at the level warning."""
    command = [sys.executable, "-m", "gateway.launch", "--home", str(home), "serve", "--port", str(PORT)]
    env = os.environ | {"PYTHONPATH": str(bench_service.HERE.parents[1]), "SCOREGATE_LOG_LEVEL": "warning"}
    with (BUILD / "workers.log").open("wb") as log:
        process = subprocess.Popen([*command, "--workers", str(workers)], env=env, stderr=log)
    try:
        wait(f"http://127.0.0.1:{PORT}/readyz")
        time.sleep(5 if workers > 1 else 0)  # the first answers while the others start
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def workers(home: Path, key: str, body: Path) -> list[Row]:
    """One and two in turn, so that each ratio is between neighbours in time."""
    pairs: list[tuple[Load, Load]] = []
    for turn in range(ROUNDS):
        found = []
        for count in (1, 2):
            with serving(home, count):
                found.append(load(TARGET, key, body, f"workers-{count}-{turn}-{time.time_ns()}", CONNECTIONS))
        pairs.append((found[0], found[1]))
    ratio = statistics.median(two.per_second / one.per_second for one, two in pairs)
    rates = [statistics.median(pair[count].per_second for pair in pairs) for count in (0, 1)]
    return [
        shown("one worker, requests per second", rates[0], "/s"),
        shown("two workers on one ledger, requests per second", rates[1], "/s"),
        shown("two workers, p99", statistics.median(two.p99 for _, two in pairs), "ms"),
        at_least("two workers on one ledger against one", ratio, "ratio", 1.3),
        at_most("two workers, errors", sum(load.errors for pair in pairs for load in pair), "requests", 0),
    ]


def beside_a_batch(home: Path, key: str, body: Path) -> list[Row]:
    """The latency of one caller that asks one by one, with and without batches of 1,000 beside it."""
    with serving(home, 1):
        alone = singles(key, body, "alone")
        done = threading.Event()
        took: list[float] = []
        batches = threading.Thread(target=send_batches, args=(key, body, done, took))
        batches.start()
        beside = singles(key, body, "beside")
        done.set()
        batches.join()
    return [
        shown("a batch of 1,000 beside single askings", statistics.median(took), "s"),
        shown("single askings alone, p50", percentile(alone, 50), "ms"),
        shown("single askings alone, p99", percentile(alone, 99), "ms"),
        shown("single askings beside a batch, p50", percentile(beside, 50), "ms"),
        shown("single askings beside a batch, p99", percentile(beside, 99), "ms"),
    ]


def singles(key: str, body: Path, run: str, seconds: float = 6.0) -> list[float]:
    lines, found = body.read_text().splitlines(), []
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", headers=headers, timeout=30) as client:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            content = lines[len(found) % len(lines)].replace("@N@", f"{run}-{time.time_ns()}")
            began = time.perf_counter()
            client.post(TARGET, content=content).raise_for_status()
            found.append(1000 * (time.perf_counter() - began))
    return sorted(found)


def send_batches(key: str, body: Path, done: threading.Event, took: list[float]) -> None:
    lines = body.read_text().splitlines()[:BATCH]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    while not done.is_set():
        applications = [json.loads(line.replace("@N@", f"batch-{time.time_ns()}-{n}")) for n, line in enumerate(lines)]
        content = json.dumps({"items": [{"application": one} for one in applications]})
        began = time.monotonic()
        address = f"http://127.0.0.1:{PORT}/v1/bench-complete/batch"
        response = httpx.post(address, content=content, headers=headers, timeout=60).raise_for_status()
        took.append(time.monotonic() - began)
        if any(item["status"] != 200 for item in response.json()["items"]):
            raise SystemExit("an application of the batch was not decided")


def percentile(ordered: list[float], part: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * part // 100)]

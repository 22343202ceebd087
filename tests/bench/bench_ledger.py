"""The ledger alone: commits per second by group size, and what a decision costs in processor time.

Envelopes are as large as the sample system's (3.5 KB). The bare fsync loop beside them writes and syncs one page.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from figures import Row, at_least, at_most, shown

from gateway.ledger import Finished, Ledger, LoopLedger, Proposal, make_key_file

BUILD = Path(__file__).parents[2] / "build"
ROUNDS = 3
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RAW, RECORD, ANSWER, DECISION = map(os.urandom, (430, 260, 1260, 1610))


class Run(NamedTuple):
    """Latencies in seconds of single callers, or none; seconds of wall clock and of processor per decision."""

    latencies: list[float]
    wall: float
    processor: float


def rows() -> list[Row]:
    syncs = sync_loop(500)
    single = best(lambda ledger: one_caller(ledger, 2000))
    eight = best(lambda ledger: closed_loop(ledger, 8, 1500))
    fifty = best(lambda ledger: groups(ledger, 50, 400))
    return [
        shown("ledger: bare loop of fdatasync, one page", 1 / statistics.mean(syncs), "per s"),
        shown("ledger: bare loop of fdatasync, p99", percentile(syncs, 99) * 1e3, "ms"),
        at_least("ledger: commits, one caller", 1 / single.wall, "per s", 1000),
        shown("ledger: commits, one caller, p99", percentile(single.latencies, 99) * 1e3, "ms"),
        at_least("ledger: decisions, eight callers in a closed loop", 1 / eight.wall, "per s", 4000),
        at_most("ledger: eight callers, p99", percentile(eight.latencies, 99) * 1e3, "ms", 15),
        at_most("ledger: processor time per decision, groups of 8", eight.processor * 1e6, "us", 150),
        at_least("ledger: decisions, groups of 50", 1 / fifty.wall, "per s", 8000),
    ]


def best(measure: Callable[[Ledger], Run]) -> Run:
    """The fastest of some rounds, each on a fresh ledger."""
    found = []
    for _ in range(ROUNDS):
        with fresh_ledger() as ledger:
            measure(ledger)  # fills caches and makes the indices large enough to cost what they cost
            found.append(measure(ledger))
    return min(found, key=lambda run: run.wall)


@contextmanager
def fresh_ledger() -> Iterator[Ledger]:
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as name:
        folder = Path(name)
        keys = {key: make_key_file(folder / key) for key in ("master_key", "signing_key")}
        ledger = Ledger(folder / "ledger.db", **keys)
        yield ledger
        ledger.close()


def proposal() -> Proposal:
    key = os.urandom(16).hex()

    def finish(_predecessor: str, _key: str) -> Finished:
        return Finished(key, RECORD, ANSWER, NOON + timedelta(days=30), NOON, "approve", DECISION)

    sent = hashlib.sha256(key.encode()).digest()
    return Proposal("bench", "test", key, False, f"app-{key}", sent, RAW, "bench", NOON, "supersede", finish)


def one_caller(ledger: Ledger, count: int) -> Run:
    latencies = []
    started = time.perf_counter(), time.process_time()
    for _ in range(count):
        begun = time.perf_counter()
        ledger.submit(proposal()).result()
        latencies.append(time.perf_counter() - begun)
    return since(started, latencies, count)


def closed_loop(ledger: Ledger, callers: int, each: int) -> Run:
    latencies: list[float] = []

    async def ask_on(desk: LoopLedger) -> None:
        for _ in range(each):
            begun = time.perf_counter()
            await desk.submit(proposal())
            latencies.append(time.perf_counter() - begun)

    async def ask_all() -> None:
        desk = ledger.on_loop(asyncio.get_running_loop())
        await asyncio.gather(*(ask_on(desk) for _ in range(callers)))

    started = time.perf_counter(), time.process_time()
    asyncio.run(ask_all())
    return since(started, latencies, callers * each)


def groups(ledger: Ledger, size: int, count: int) -> Run:
    proposals = [[proposal() for _ in range(size)] for _ in range(count)]
    started = time.perf_counter(), time.process_time()
    for group in proposals:
        for future in [ledger.submit(one) for one in group]:
            future.result()
    return since(started, [], size * count)


def since(started: tuple[float, float], latencies: list[float], count: int) -> Run:
    wall, processor = time.perf_counter() - started[0], time.process_time() - started[1]
    return Run(latencies, wall / count, processor / count)


def sync_loop(count: int) -> list[float]:
    page, taken = os.urandom(4096), []
    with tempfile.TemporaryFile(dir=BUILD) as file:
        for number in range(count):
            begun = time.perf_counter()
            os.pwrite(file.fileno(), page, number % 64 * len(page))
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return taken


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]

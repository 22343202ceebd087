"""The promise of the door: durable, explained answers per second beside a raw no-op in the same process."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from figures import Row, at_least, at_most, shown
from rich.console import Console

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "bench"
PORT = int(os.environ.get("BENCH_PORT", "18181"))
ROUNDS = 5
SECONDS = 4
CONNECTIONS = 8


class Load(NamedTuple):
    """One run of the load generator; latencies in milliseconds."""

    per_second: float
    p50: float
    p99: float
    errors: int


def rows() -> list[Row]:
    home, key = prepare()
    body = bodies(BUILD / "bodies.jsonl")
    with serving(home, answer_bytes=2600):
        found = [measure(key, body, turn) for turn in range(ROUNDS)]
    return [*ratios(found), *startup(home, key)]


def prepare() -> tuple[Path, str]:
    """A fresh ledger in a home with two made-up neighbours of Juniper: one carries all fields, one lacks two."""
    from gateway import demo
    from gateway.access import principals

    home = BUILD / "home"
    shutil.rmtree(home, ignore_errors=True)
    demo.prepare(home, Console(quiet=True))
    sample = home / "integrations" / "juniper-api"
    neighbour(sample, "bench-complete", {"debt: not_carried": "debt: {from: applicant.debt, convert: [decimal(2)]}"})
    neighbour(sample, "bench-imputed", {"debt: not_carried": "debt: {from: applicant.debt, convert: [decimal(2)]}",
                                        **not_carried(sample, ("assets", "employment_years"))})  # fmt: skip
    for other in (home / "integrations").iterdir():
        shutil.rmtree(other) if not other.name.startswith("bench-") else None
    names = ["bench-complete", "bench-imputed"]
    return home, principals.replace(home / "principals.yaml", "bench", names, ["score", "read"])


def not_carried(sample: Path, fields: tuple[str, ...]) -> dict[str, str]:
    lines = (sample / "integration.yaml").read_text().splitlines()
    return {line: f"  {field}: not_carried" for line in lines for field in fields if line.startswith(f"  {field}:")}


def neighbour(sample: Path, name: str, changes: dict[str, str]) -> None:
    """A copy of a sample integration under another name; its wire schema is left open."""
    text = (sample / "integration.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("wire:")]
    text = "\n".join([*lines, "wire: {}", "unknown: ignore", ""])
    text = text.replace("juniper-api", name).replace("[juniper]", "[bench]")
    for old, new in changes.items():
        if old not in text:
            raise SystemExit(f"the sample integration no longer holds: {old}")
        text = text.replace(old, new)
    folder = sample.parent / name
    folder.mkdir()
    (folder / "integration.yaml").write_text(text)


def bodies(target: Path) -> Path:
    """A complete application, varied in its amounts, with the number of the request to fill in."""
    lines = []
    for step in range(2000):
        loan = {"amountCents": 400_000 + step * 300, "purchasePriceCents": 900_000 + step * 200}
        job = {"kind": ("PERMANENT", "SELF_EMPLOYED", "PART_TIME")[step % 3], "monthsInJob": step % 240}
        applicant = {
            "annualNetIncome": 9_000 + step * 12, "monthlyOutgoings": 350 + step % 700, "assetsTotal": 50 * step,
            "debt": 10 * (step % 90), "job": job, "housing": ("OWNER", "TENANT")[step % 2],
            "bureauFlag": "N", "age": 20 + step % 45, "civilStatus": "M",
        }  # fmt: skip
        loan |= {"months": 12 * (1 + step % 5), "currency": "EUR"}
        tree = {"applicationId": "bench-@N@", "loan": loan, "applicant": applicant}
        lines.append(json.dumps(tree, separators=(",", ":")))
    target.write_text("\n".join(lines) + "\n")
    return target


@contextmanager
def serving(home: Path, answer_bytes: int, **environment: str) -> Iterator[None]:
    command = [sys.executable, str(HERE / "server.py"), str(home), str(PORT), str(answer_bytes)]
    process = subprocess.Popen(command, env=os.environ | environment | {"PYTHONPATH": str(HERE.parents[1])})
    try:
        wait(f"http://127.0.0.1:{PORT}/readyz")
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait(address: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.01)
    raise SystemExit(f"{address} did not answer within {seconds} s")


def measure(key: str, body: Path, turn: int) -> dict[str, Load]:
    """One round, one after the other, so that every ratio is between neighbours in time."""
    targets = {
        "noop": "/noop",
        "complete": "/v1/bench-complete/score",
        "imputed": "/v1/bench-imputed/score",
    }
    found = {name: load(target, key, body, f"{name}-{turn}") for name, target in targets.items()}
    return found | {"fsync": fsync_loop()}


def load(
    target: str, key: str, body: Path, run: str, connections: int = CONNECTIONS, kind: str = "application/json"
) -> Load:
    env = os.environ | {"BODIES": str(body), "TARGET": target, "API_KEY": key, "RUN": run, "TYPE": kind}
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{SECONDS}s",
        "-s",
        str(HERE / "post.lua"),
        f"http://127.0.0.1:{PORT}",
    ]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    requests, micros, p50, p99, errors = (float(part) for part in line.split()[1:])
    return Load(requests / micros * 1e6, p50 / 1000, p99 / 1000, int(errors))


def fsync_loop(seconds: float = 1.0) -> Load:
    """What the disk alone can do: append 4 KB and fsync, one after the other."""
    took = []
    with (BUILD / "fsync").open("wb") as file:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            started = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            took.append(1000 * (time.perf_counter() - started))
    took.sort()
    return Load(len(took) / seconds, took[len(took) // 2], took[int(len(took) * 0.99)], 0)


def ratios(found: list[dict[str, Load]]) -> list[Row]:
    def middle(name: str, part: str) -> float:
        return statistics.median(getattr(one[name], part) for one in found)

    def ratio(name: str) -> float:
        return statistics.median(one[name].per_second / one["noop"].per_second for one in found)

    allowed = max(15.0, 3 * middle("fsync", "p99"))
    return [
        shown("no-op, requests per second", middle("noop", "per_second"), "/s"),
        shown("durable explained decisions, complete", middle("complete", "per_second"), "/s"),
        shown("durable explained decisions, two fields imputed", middle("imputed", "per_second"), "/s"),
        at_least("complete applications against the no-op", ratio("complete"), "ratio", 0.30),
        at_least("two imputed fields against the no-op", ratio("imputed"), "ratio", 0.18),
        shown("bare fsync loop, p99", middle("fsync", "p99"), "ms"),
        shown("complete applications, p50", middle("complete", "p50"), "ms"),
        at_most("complete applications, p99", middle("complete", "p99"), "ms", allowed),
        at_most("errors", sum(load.errors for one in found for load in one.values()), "requests", 0),
    ]


def startup(home: Path, key: str) -> list[Row]:
    """From the start of the process to the first answer, with the compiled kernels cached and without."""
    cold = first_answer(home, key, drop_caches=True)
    warm = statistics.median(first_answer(home, key, drop_caches=False) for _ in range(3))
    return [at_most("start to first answer, warm", warm, "s", 3), at_most("start to first answer, cold", cold, "s", 10)]


def first_answer(home: Path, key: str, *, drop_caches: bool) -> float:
    compiled = BUILD / "compiled"
    if drop_caches:
        shutil.rmtree(compiled, ignore_errors=True)
        Path("/proc/sys/vm/drop_caches").write_text("3") if os.geteuid() == 0 else None
    body = (BUILD / "bodies.jsonl").read_text().splitlines()[0].replace("@N@", f"start-{time.time_ns()}")
    command = [sys.executable, "-m", "gateway.launch", "--home", str(home), "serve", "--port", str(PORT)]
    started = time.monotonic()
    env = os.environ | {"NUMBA_CACHE_DIR": str(compiled)}
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    try:
        wait(f"http://127.0.0.1:{PORT}/readyz")
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        httpx.post(f"http://127.0.0.1:{PORT}/v1/bench-complete/score", content=body, headers=headers).raise_for_status()
        return time.monotonic() - started
    finally:
        process.terminate()
        process.wait(timeout=30)

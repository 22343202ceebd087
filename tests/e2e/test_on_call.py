"""The README's chapter "On call": each alert's condition is provoked, its expression crosses, its command names it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from live_gateway import ENVIRONMENT, EXAMPLE, ROOT, SCORE, Caller, Live, copied, serving
from prometheus_client.parser import text_string_to_metric_families as families

from gateway.watching.catalog import METRICS

ROW = re.compile(r"^\| `(scoregate_[^`]+|increase\([^`]+)` \| ([^|]+) \| `([^`]+)` \| ([^|]+) \|$", re.MULTILINE)
EXPRESSION = re.compile(r"(increase\()?(scoregate_\w+)(?:\[\w+\]\))? (==|>) ([\d.]+)")


class Alert(NamedTuple):
    """One row: when it fires, why, what to look with, what to do."""

    expression: str
    cause: str
    look: str
    cure: str

    @property
    def metric(self) -> str:
        found = EXPRESSION.fullmatch(self.expression)
        assert found, self.expression
        return found[2]


ALERTS = [Alert(*row) for row in ROW.findall((ROOT / "README.md").read_text(encoding="utf-8"))]


def alert(metric: str) -> Alert:
    (found,) = [one for one in ALERTS if one.metric == metric]
    return found


def samples(live: Live, metric: str) -> list[float]:
    text = httpx.get(live.client.base_url.join("/metrics")).text  # a connection of its own: workers die here
    return [s.value for family in families(text) for s in family.samples if s.name == metric]


def fires(one: Alert, live: Live, before: float) -> bool:
    """The expression on what a scraper sees now; ``before`` is what a counter stood at when the window began."""
    found = EXPRESSION.fullmatch(one.expression)
    assert found
    seen = samples(live, one.metric)
    if found[1]:
        return sum(seen) - before > float(found[4])
    return any(value == float(found[4]) if found[3] == "==" else value > float(found[4]) for value in seen)


@contextmanager
def fired(metric: str, live: Live) -> Iterator[Alert]:
    """The alert is quiet before, and fires once what stands in the block was done."""
    one = alert(metric)
    before = sum(samples(live, metric)) if one.expression.startswith("increase") else 0.0
    assert not fires(one, live, before)
    yield one
    until(lambda: fires(one, live, before))


def until(reached: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.2)


def looked(one: Alert, caller: Caller, live: Live) -> str:
    """What the command of the row prints."""
    command = one.look.replace("DIR", str(caller.home)).replace("http://127.0.0.1:8080", str(live.client.base_url))
    command = command.replace("LOG", str(caller.log))
    if command.startswith("scoregate"):
        command = f"{sys.executable} -m gateway.launch {command.removeprefix('scoregate')}"
    done = subprocess.run(shlex.split(command), cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def caller(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Caller:
    """A home with one second of patience and a second integration that is broken."""
    caller = copied(built_home, tmp_path_factory.mktemp("call") / "home")
    file = caller.home / "integrations/juniper-api/integration.yaml"
    shutil.copytree(file.parent, caller.home / "integrations/juniper-twin")
    file.write_text(file.read_text().replace("deadline: 5s", "deadline: 1s"))
    return caller


@pytest.fixture(scope="module")
def live(caller: Caller) -> Iterator[Live]:
    with serving(caller, "--workers", "2") as live:
        until(lambda: samples(live, "scoregate_workers") == [2.0])
        yield live


def application(**changes: object) -> bytes:
    return json.dumps(json.loads(EXAMPLE.read_bytes()) | changes).encode()


def keep_asking(live: Live, over: threading.Event) -> None:
    with httpx.Client(base_url=live.client.base_url, headers=live.client.headers, timeout=30) as client:
        while not over.is_set():
            client.post(SCORE, content=application(applicationId="held"))


def test_there_are_alerts_of_metrics_that_exist() -> None:
    assert len(ALERTS) == 8
    assert {one.metric.removesuffix("_total") for one in ALERTS} <= set(METRICS)


def test_a_ledger_that_is_held(caller: Caller, live: Live) -> None:
    metrics = ("scoregate_ready", "scoregate_ledger_oldest_pending_seconds")
    counted = ("scoregate_late_total", "scoregate_ledger_failures_total")
    before = {metric: sum(samples(live, metric)) for metric in counted}
    assert not any(fires(alert(metric), live, 0) for metric in metrics)
    holder = sqlite3.connect(caller.home / "state/ledger.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    over = threading.Event()
    asking = threading.Thread(target=keep_asking, args=(live, over))
    asking.start()
    try:
        for metric in reversed(metrics):
            until(lambda metric=metric: fires(alert(metric), live, 0))  # type: ignore[misc]
            until(lambda metric=metric: "locked" in looked(alert(metric), caller, live))  # type: ignore[misc]
    finally:
        holder.close()
        over.set()
        asking.join()
    for metric in counted:
        until(lambda metric=metric: fires(alert(metric), live, before[metric]))  # type: ignore[misc]
    assert "late" in looked(alert("scoregate_late_total"), caller, live)
    assert "ledger_failed" in looked(alert("scoregate_ledger_failures_total"), caller, live)
    until(lambda: live.client.get("/readyz").status_code == 200)


def test_a_broken_integration(caller: Caller, live: Live) -> None:
    one = alert("scoregate_integration_ready")
    assert fires(one, live, 0)
    assert "juniper-twin/integration.yaml" in looked(one, caller, live)


def test_callers_nobody_knows(caller: Caller, live: Live) -> None:
    with fired("scoregate_http_unauthenticated_total", live) as one:
        for _ in range(101):
            live.client.post(SCORE, content=b"{}", headers={"Authorization": "Bearer sg_wrong"})
    assert "juniper" in looked(one, caller, live)


def test_messages_that_break_their_contract(caller: Caller, live: Live) -> None:
    with fired("scoregate_problems_total", live) as one:
        for number in range(101):
            live.client.post(SCORE, content=application(applicationId=f"bad-{number}", surname="x"))
    assert 'rule="unknown"' in looked(one, caller, live)


def test_a_worker_that_dies(caller: Caller, live: Live) -> None:
    children = Path(f"/proc/{live.process.pid}/task/{live.process.pid}/children").read_text().split()
    with fired("scoregate_workers_lost_total", live) as one:
        time.sleep(1)
        os.kill(int(children[0]), signal.SIGKILL)
    until(lambda: "worker_died" in looked(one, caller, live))

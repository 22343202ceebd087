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
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from live_gateway import ENVIRONMENT, EXAMPLE, ROOT, SCORE, Caller, Live, copied, free_port, serving
from odbc_databases import library
from promql import Scrape, fires, metrics
from ruamel.yaml import YAML

from gateway import demo_tables
from gateway.watching.catalog import METRICS

ROW = re.compile(r"^\| `((?:scoregate_|increase\(|sum by )[^`]+)` \| ([^|]+) \| `([^`]+)` \| ([^|]+) \|$", re.MULTILINE)
RULES = ROOT / "docker/alerts.yaml"
UNREADABLE = 'scoregate_imputed_total{field="monthly_income",integration="juniper-api",state="rejected"}'
LOOKUP = "lookups: {loans: {adapter: odbc, key: applicationId, connection: loans, table: t, by: a, columns: [b]}}"


class Alert(NamedTuple):
    """One row: when it fires, why, what to look with, what to do."""

    expression: str
    cause: str
    look: str
    cure: str


ALERTS = [Alert(*row) for row in ROW.findall((ROOT / "README.md").read_text(encoding="utf-8"))]


def alert(metric: str) -> Alert:
    (found,) = [one for one in ALERTS if metric in metrics(one.expression)]
    return found


def scrape(live: Live) -> str:
    return httpx.get(live.client.base_url.join("/metrics")).text  # a connection of its own: workers die here


def burns(one: Alert, live: Live, before: str = "") -> bool:
    """Whether a monitor that scraped ``before`` when the window began, and now, sees the alert."""
    return fires(one.expression, Scrape(before, scrape(live)))


@contextmanager
def fired(metric: str, live: Live) -> Iterator[Alert]:
    """The alert is quiet before, and fires once what stands in the block was done."""
    one, before = alert(metric), scrape(live)
    assert not burns(one, live, before)
    yield one
    until(lambda: burns(one, live, before))


def until(reached: Callable[[], bool], seconds: float = 120) -> None:
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
        until(lambda: "\nscoregate_workers 2.0\n" in scrape(live))
        yield live


def application(**changes: object) -> bytes:
    return json.dumps(json.loads(EXAMPLE.read_bytes()) | changes).encode()


def keep_asking(live: Live, over: threading.Event) -> None:
    with httpx.Client(base_url=live.client.base_url, headers=live.client.headers, timeout=30) as client:
        while not over.is_set():
            client.post(SCORE, content=application(applicationId="held"))


def workers(live: Live) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{live.process.pid}/task/{live.process.pid}/children").read_text().split()]


def test_there_are_thirteen_alerts_of_metrics_that_exist() -> None:
    assert len(ALERTS) == 13
    assert {name.removesuffix("_total") for one in ALERTS for name in metrics(one.expression)} <= set(METRICS)


def test_the_rules_for_prometheus_say_what_the_chapter_says() -> None:
    (group,) = YAML(typ="safe").load(RULES)["groups"]
    told = [(rule["expr"], rule["annotations"]) for rule in group["rules"]]
    assert [Alert(expr, said["summary"], said["look"], said["cure"]) for expr, said in told] == ALERTS
    assert len({rule["alert"] for rule in group["rules"]}) == len(ALERTS)
    assert {rule["labels"]["severity"] for rule in group["rules"]} == {"page", "ticket"}
    assert all(re.fullmatch(r"\d+m", rule["for"]) for rule in group["rules"])


def test_a_ledger_that_is_held(caller: Caller, live: Live) -> None:
    gauges = ("scoregate_ready", "scoregate_ledger_oldest_pending_seconds")
    counted = ("scoregate_late_total", "scoregate_ledger_failures_total")
    before = scrape(live)
    assert not any(burns(alert(metric), live, before) for metric in (*gauges, *counted))
    holder = sqlite3.connect(caller.home / "state/ledger.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    over = threading.Event()
    asking = threading.Thread(target=keep_asking, args=(live, over))
    asking.start()
    try:
        for metric in reversed(gauges):
            until(lambda metric=metric: burns(alert(metric), live))  # type: ignore[misc]
            until(lambda metric=metric: "locked" in looked(alert(metric), caller, live))  # type: ignore[misc]
    finally:
        holder.close()
        over.set()
        asking.join()
    for metric in counted:
        until(lambda metric=metric: burns(alert(metric), live, before))  # type: ignore[misc]
    assert "late" in looked(alert("scoregate_late_total"), caller, live)
    assert "ledger_failed" in looked(alert("scoregate_ledger_failures_total"), caller, live)
    until(lambda: live.client.get("/readyz").status_code == 200)


def test_a_broken_integration(caller: Caller, live: Live) -> None:
    one = alert("scoregate_integration_ready")
    assert burns(one, live)
    assert "juniper-twin/integration.yaml" in looked(one, caller, live)


def test_callers_that_cannot_be_read(caller: Caller, live: Live) -> None:
    file, one = caller.home / "principals.yaml", alert("scoregate_warning")
    assert not burns(one, live)
    kept = file.rename(caller.home / "kept")
    file.write_text("principals: [oops]\n")
    until(lambda: burns(one, live))
    until(lambda: "principals_unread" in looked(one, caller, live))
    assert live.client.get("/readyz").status_code == 200
    assert live.client.post(SCORE, content=application(applicationId="unread")).status_code == 200
    kept.replace(file)
    until(lambda: "warnings" not in looked(one, caller, live))


def test_callers_nobody_knows(caller: Caller, live: Live) -> None:
    with fired("scoregate_http_unauthenticated_total", live) as one:
        for _ in range(101):
            live.client.post(SCORE, content=b"{}", headers={"Authorization": "Bearer sg_wrong"})
    assert "juniper" in looked(one, caller, live)


def test_messages_that_break_their_contract(caller: Caller, live: Live) -> None:
    live.client.post(SCORE, content=application(applicationId="bad-first", surname="x"))
    until(lambda: 'rule="unknown"' in scrape(live))
    with fired("scoregate_problems_total", live) as one:
        for number in range(101):
            live.client.post(SCORE, content=application(applicationId=f"bad-{number}", surname="x"))
    assert 'rule="unknown"' in looked(one, caller, live)


def test_a_field_that_no_longer_comes(caller: Caller, live: Live) -> None:
    unreadable = json.loads((EXAMPLE.parents[1] / "06-income_unreadable__is_listed/request.json").read_bytes())
    live.client.post(SCORE, content=json.dumps(unreadable | {"applicationId": "gone-first"})).raise_for_status()
    until(lambda: UNREADABLE in scrape(live))
    with fired("scoregate_imputed_total", live) as one:
        for number in range(5):
            body = unreadable | {"applicationId": f"gone-{number}"}
            live.client.post(SCORE, content=json.dumps(body)).raise_for_status()
    assert UNREADABLE in looked(one, caller, live)


@contextmanager
def files_no_longer_than(size: int, pids: list[int]) -> Iterator[None]:
    """As a full disk does to a file that has reached that size, and to no other."""
    for pid in pids:
        subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={size}:"], check=True)
    try:
        yield
    finally:
        for pid in pids:
            subprocess.run(["prlimit", f"--pid={pid}", "--fsize=unlimited:"], check=True)


def test_an_anchor_that_takes_no_more(caller: Caller, live: Live) -> None:
    anchor, full = caller.home / "state/ledger.anchor", 1 << 28
    written = anchor.stat().st_size
    with files_no_longer_than(full, workers(live)), fired("scoregate_ledger_anchor_failures_total", live) as one:
        os.truncate(anchor, full)
        live.client.post(SCORE, content=application(applicationId="durable")).raise_for_status()
    os.truncate(anchor, written)
    said = looked(one, caller, live)
    blocks, anchored = (int(number) for number in re.findall(r"^(?:blocks|anchored block)\s+(\d+)", said, re.MULTILINE))
    assert anchored < blocks


def test_a_database_that_nobody_answers_for(built_home: Path, tmp_path: Path) -> None:
    caller = copied(built_home, tmp_path / "home")
    file = caller.home / "integrations/juniper-api/integration.yaml"
    file.write_text(file.read_text().replace("lookups: {}", LOOKUP))
    nowhere = f"{{adapter: odbc, driver: {library('postgresql')}, server: 127.0.0.1, port: {free_port()}}}"
    (caller.home / "connections.yaml").write_text(f"loans: {nowhere}\n")
    with serving(caller) as live:
        with fired("scoregate_lookups_total", live) as one:
            for number in range(21):
                live.client.post(SCORE, content=application(applicationId=f"alone-{number}")).raise_for_status()
        until(lambda: "lookup_down" in looked(one, caller, live))


def with_cobalt(built_home: Path, home: Path) -> Caller:
    """A home of Juniper, which calls, and of Cobalt, which is polled."""
    caller = copied(built_home, home)
    shutil.copytree(built_home / "integrations/cobalt-core", home / "integrations/cobalt-core")
    return caller


@contextmanager
def polling(caller: Caller, connection: str) -> Iterator[None]:
    """A poller beside the gateway, with this connection; it has no port of its own."""
    (caller.home / "connections.yaml").write_text(f"cobalt-core: {connection}\n")
    command = [sys.executable, "-m", "gateway.launch", "--home", str(caller.home), "poll", "cobalt-core"]
    with caller.log.open("ab") as log, subprocess.Popen(command, stderr=log, cwd=ROOT, env=ENVIRONMENT) as process:
        try:
            yield
        finally:
            process.terminate()


def test_a_polled_database_that_is_down(built_home: Path, tmp_path: Path) -> None:
    caller = with_cobalt(built_home, tmp_path / "home")
    nowhere = f"{{adapter: odbc, driver: {library('postgresql')}, server: 127.0.0.1, port: {free_port()}}}"
    one = alert("scoregate_legacy_down_seconds")
    with serving(caller) as live:
        assert not burns(one, live)
        with polling(caller, nowhere):
            until(lambda: burns(one, live))
            until(lambda: "legacy_down" in looked(one, caller, live))
        until(lambda: not burns(one, live))


def test_rows_that_were_polled_are_counted_by_the_gateway_of_their_home(built_home: Path, tmp_path: Path) -> None:
    caller = with_cobalt(built_home, tmp_path / "home")
    folder = ROOT / "fixtures/integrations/cobalt-core"
    with closing(sqlite3.connect(caller.home / "cobalt.db")) as database:
        database.executescript((folder / "ddl/sqlite.sql").read_text())
        for request in folder.glob("examples/*/request.json"):
            demo_tables.insert(database, "CREDIT_REQUEST", json.loads(request.read_bytes()))
        database.commit()
    there = f"{{adapter: odbc, driver: {library('sqlite')}, database: cobalt.db}}"
    counted = re.compile(r'scoregate_polled_rows_total\{integration="cobalt-core",result="(\w+)"\} (\d+)')
    with serving(caller) as live, polling(caller, there):
        until(lambda: all(int(number) for _, number in counted.findall(scrape(live)) or [("", "0")]))
        found = {result: int(number) for result, number in counted.findall(scrape(live))}
    with closing(sqlite3.connect(caller.home / "cobalt.db")) as database:
        states = dict(database.execute('SELECT "STATUS", count(*) FROM "CREDIT_REQUEST" GROUP BY 1'))
    assert found == {"answered": states["D"], "failed": states["E"]}


def test_a_worker_that_dies(caller: Caller, live: Live) -> None:
    with fired("scoregate_workers_lost_total", live) as one:
        time.sleep(1)
        os.kill(workers(live)[0], signal.SIGKILL)
    until(lambda: "worker_died" in looked(one, caller, live))

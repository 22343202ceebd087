"""The README's chapter "On call": each alert's condition is provoked, its expression crosses, its command names it, and
what its cure says ends it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from live_gateway import EXAMPLE, ROOT, SCORE, Caller, Live, copied, serving, started, until
from on_call import ALERTS, Alert, alert, application, burns, cured, ends, fired, looked, run, scrape
from promql import metrics
from ruamel.yaml import YAML

from gateway.watching.catalog import METRICS

RULES = ROOT / "docker/alerts.yaml"
UNREADABLE = 'scoregate_imputed_total{field="monthly_income",integration="juniper-api",state="rejected"}'
UNFORESEEN = "unforeseen"
SPARE = 400_000_000
"""A file of this size decides whether the disk is low, by more than the machine writes meanwhile."""


@pytest.fixture(scope="module")
def caller(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Caller:
    """A home with one second of patience, a second integration that is broken, and an answer its schema forbids."""
    caller = copied(built_home, tmp_path_factory.mktemp("call") / "home")
    file = caller.home / "integrations/juniper-api/integration.yaml"
    shutil.copytree(file.parent, caller.home / "integrations/juniper-twin")
    file.write_text(file.read_text().replace("deadline: 5s", "deadline: 1s"))
    forbid(file.parent / "decision.schema.json", UNFORESEEN)
    return caller


def forbid(schema: Path, name: str) -> None:
    told = json.loads(schema.read_text())
    told["properties"]["applicationId"]["not"] = {"const": name}
    schema.write_text(json.dumps(told))


@pytest.fixture(scope="module")
def live(caller: Caller) -> Iterator[Live]:
    with serving(caller, "--workers", "2") as live:
        until(lambda: "\nscoregate_workers 2.0\n" in scrape(live))
        yield live


def keep_asking(live: Live, over: threading.Event) -> None:
    with httpx.Client(base_url=live.client.base_url, headers=live.client.headers, timeout=30) as client:
        while not over.is_set():
            client.post(SCORE, content=application(applicationId="held"), headers={"Idempotency-Key": '"held"'})


def submitted(live: Live, name: str) -> httpx.Response:
    return live.client.post(SCORE, content=application(applicationId=name)).raise_for_status()


def renewed(live: Live) -> None:
    """What SIGHUP does: the workers are replaced by such as read the home again."""
    before = set(workers(live))
    live.process.send_signal(signal.SIGHUP)
    until(lambda: len(workers(live)) == len(before) and not before & set(workers(live)))


def workers(live: Live) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{live.process.pid}/task/{live.process.pid}/children").read_text().split()]


def test_there_are_sixteen_alerts_of_metrics_that_exist() -> None:
    assert len(ALERTS) == 16
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
    until(lambda: live.client.get("/readyz").status_code == 200)  # nothing but the holder was ended
    again = live.client.post(SCORE, content=application(applicationId="held"), headers={"Idempotency-Key": '"held"'})
    assert again.status_code == 200
    late = live.client.get("/v1/juniper-api/decisions/held")
    assert (late.status_code, late.json()["decision"]) == (200, again.json()["decision"])
    for metric in (*gauges, *counted):
        ends(alert(metric), live, lambda: submitted(live, "unheld"))


def test_a_broken_integration(caller: Caller, live: Live) -> None:
    one = alert("scoregate_integration_ready")
    assert burns(one, live)
    assert "juniper-twin/integration.yaml" in looked(one, caller, live)
    file = caller.home / "integrations/juniper-twin/integration.yaml"
    file.write_text(file.read_text().replace("integration: juniper-api", "integration: juniper-twin"))
    run(caller, "lint")
    renewed(live)
    ends(one, live)


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
    ends(one, live)


def test_a_gateway_that_is_gone_and_then_a_disk_below_its_reserve(built_home: Path, tmp_path: Path) -> None:
    caller, one = copied(built_home, tmp_path / "home"), alert("scoregate_warning")
    start_once_the_policy_is_mended(caller)
    filler = tmp_path / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, SPARE)
    reserve = shutil.disk_usage(caller.home).free + SPARE // 2
    with serving(caller, SCOREGATE_DISK_RESERVE=str(reserve)) as live:
        ends(alert("scoregate_build_info"), live)
        until(lambda: burns(one, live))
        assert "disk_low" in looked(one, caller, live)
        submitted(live, "low")
        filler.unlink()
        ends(one, live)


def start_once_the_policy_is_mended(caller: Caller) -> None:
    """A gateway that refuses its policy is not there, until it is started with one it can read."""
    policy, one = caller.home / "policies/consumer-instalment.policy.yaml", alert("scoregate_build_info")
    good = policy.read_bytes()
    policy.write_bytes(good + b"\nunknown: 1\n")
    with started(caller) as live:
        assert live.process.wait(60) == 2
        assert burns(one, live)
        assert policy.name in looked(one, caller, live)
    policy.write_bytes(good)


def test_callers_nobody_knows(caller: Caller, live: Live) -> None:
    with fired("scoregate_http_unauthenticated_total", live) as one:
        for _ in range(101):
            live.client.post(SCORE, content=b"{}", headers={"Authorization": "Bearer sg_wrong"})
    assert "juniper" in looked(one, caller, live)
    key = cured(one, caller, "juniper").split()[-1]
    both = [{"Authorization": f"Bearer {one}"} for one in (key, caller.key)]
    until(lambda: all(live.client.post(SCORE, content=application(), headers=one).is_success for one in both))
    ends(one, live, lambda: live.client.post(SCORE, content=application(), headers=both[0]).raise_for_status())


def test_a_fault_of_ours(caller: Caller, live: Live) -> None:
    body = application(applicationId=UNFORESEEN)
    with fired("scoregate_faults_total", live) as one:
        assert live.client.post(SCORE, content=body).json()["code"] == "internal_fault"
    until(lambda: "guard.py" in looked(one, caller, live))
    forbid(caller.home / "integrations/juniper-api/decision.schema.json", "nothing")
    renewed(live)
    ends(one, live, lambda: live.client.post(SCORE, content=body).raise_for_status())


def test_messages_that_break_their_contract(caller: Caller, live: Live) -> None:
    live.client.post(SCORE, content=application(applicationId="bad-first", surname="x"))
    until(lambda: 'rule="unknown"' in scrape(live))
    with fired("scoregate_problems_total", live) as one:
        for number in range(101):
            live.client.post(SCORE, content=application(applicationId=f"bad-{number}", surname="x"))
    assert 'rule="unknown"' in looked(one, caller, live)
    map_surname(caller.home / "integrations/juniper-api")
    run(caller, "lint")
    renewed(live)

    def go_on() -> None:
        for number in range(101):
            body = application(applicationId=f"mapped-{number}", surname="x")
            live.client.post(SCORE, content=body).raise_for_status()

    ends(one, live, go_on)


def map_surname(folder: Path) -> None:
    """What an integration engineer does about a member that is sent since yesterday and decides nothing."""
    schema, file = folder / "application.schema.json", folder / "integration.yaml"
    told = json.loads(schema.read_text())
    told["properties"]["surname"] = {"type": "string"}
    schema.write_text(json.dumps(told))
    file.write_text(file.read_text().replace("\nanswer_map:", "\nignore: [surname]\nanswer_map:", 1))


def test_a_field_that_no_longer_comes(caller: Caller, live: Live) -> None:
    unreadable = json.loads((EXAMPLE.parents[1] / "06-income_unreadable__is_listed/request.json").read_bytes())
    live.client.post(SCORE, content=json.dumps(unreadable | {"applicationId": "gone-first"})).raise_for_status()
    until(lambda: UNREADABLE in scrape(live))
    with fired("scoregate_imputed_total", live) as one:
        for number in range(5):
            body = unreadable | {"applicationId": f"gone-{number}"}
            live.client.post(SCORE, content=json.dumps(body)).raise_for_status()
    assert UNREADABLE in looked(one, caller, live)
    ends(one, live, lambda: [submitted(live, f"back-{number}") for number in range(5)])


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
    submitted(live, "after")
    assert "0 finding(s)" in cured(one, caller)
    ends(one, live, lambda: submitted(live, "anchored"))


def test_a_worker_that_dies(caller: Caller, live: Live) -> None:
    before = submitted(live, "before").json()
    with fired("scoregate_workers_lost_total", live) as one:
        time.sleep(1)
        os.kill(workers(live)[0], signal.SIGKILL)
    until(lambda: "worker_died" in looked(one, caller, live))
    until(lambda: "\nscoregate_workers 2.0\n" in scrape(live))  # it was replaced, and nothing answered is lost
    assert live.client.get("/v1/juniper-api/decisions/before").json() == before
    ends(one, live, lambda: submitted(live, "replaced"))

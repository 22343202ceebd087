"""Counting: nothing lost between threads and processes, labels bounded, and the words of Prometheus."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text

from gateway.watching import catalog
from gateway.watching.exposition import Sample, exposition
from gateway.watching.lookout import Lookout
from gateway.watching.polls import PollWatch, missed
from gateway.watching.tally import MOST_SERIES, OTHER, Snapshot, Tally, empty
from gateway.watching.totals import Totals

POLLER_LOST = (catalog.POLLERS_LOST, "cobalt-core")
DECIDED = (catalog.DECISIONS, "juniper-api", "test", "approve")
SPAWN = multiprocessing.get_context("spawn")


def test_counts_of_many_threads_are_all_there_while_they_are_being_summed() -> None:
    tally = Tally()
    timer = tally.timer(catalog.COMMIT_SECONDS)

    def work() -> None:
        for _ in range(20_000):
            tally.count(DECIDED)
            timer(0.003)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        tally.snapshot()
    seen = tally.snapshot()
    assert seen.counts[DECIDED] == 80_000
    histogram = seen.times[(catalog.COMMIT_SECONDS,)]
    assert sum(histogram[:-1]) == 80_000
    assert histogram[-1] == pytest.approx(240)


@pytest.mark.parametrize(("seconds", "bound"), [(0.0, 0.00005), (0.001, 0.001), (0.0011, 0.0025), (11.0, None)])
def test_a_time_falls_into_the_first_bucket_that_holds_it(seconds: float, bound: float | None) -> None:
    tally = Tally()
    tally.timer(catalog.COMMIT_SECONDS)(seconds)
    buckets = tally.snapshot().times[(catalog.COMMIT_SECONDS,)][:-1]
    place = len(catalog.SECONDS) if bound is None else catalog.SECONDS.index(bound)
    assert buckets.index(1) == place


def test_a_metric_has_a_bounded_number_of_label_sets() -> None:
    tally = Tally()
    for number in range(MOST_SERIES + 500):
        tally.count((catalog.PROBLEMS, "juniper-api", f"rule-{number}", "x"))
        tally.count(DECIDED)
    counts = tally.snapshot().counts
    assert len(counts) <= MOST_SERIES + 2
    assert counts[(catalog.PROBLEMS, OTHER, OTHER, OTHER)] == 500
    assert counts[DECIDED] == MOST_SERIES + 500


def test_what_another_release_counted_otherwise_is_left_out() -> None:
    plain = json.loads(json.dumps(Tally().snapshot().plain()))
    plain["counts"] = [["scoregate_gone", "x", 3], [*DECIDED, 2], [catalog.DECISIONS, "too", "few", 1]]
    plain["times"] = [[catalog.COMMIT_SECONDS, [1.0, 2.0]]]
    assert Snapshot.read(plain) == Snapshot({DECIDED: 2}, {}, {})
    assert Snapshot.read(plain | {"format": 99}) == empty()


def _serve_a_little(folder: str, number: int, line: Any) -> None:
    tally = Tally()
    tally.gauge(catalog.QUEUE, lambda: 5.0)
    tally.gauge(catalog.OLDEST_PENDING, lambda: float(number))
    tally.gauge(catalog.WORKERS, lambda: 1.0)
    tally.begin(*POLLER_LOST)
    tally.gauge(catalog.POLLERS, lambda: 1.0, "cobalt-core")
    totals = Totals(Path(folder), tally)
    for _ in range(number):
        tally.count(DECIDED)
        tally.timer(catalog.COMMIT_SECONDS)(0.01)
    totals.publish()
    line.send("ready")
    line.recv()
    totals.close()


def gauges(**values: float) -> dict[tuple[str, ...], float]:
    labels = {"POLLERS": ("cobalt-core",)}
    return {(getattr(catalog, name), *labels.get(name, ())): value for name, value in values.items()} | {
        (catalog.LEGACY_DOWN,): 0
    }


def test_any_process_tells_the_counts_of_all_and_keeps_those_of_the_dead(tmp_path: Path) -> None:
    mine = Tally()
    totals = Totals(tmp_path, mine)
    mine.count(DECIDED)
    workers, lines = [], []
    for number in (10, 100):
        line, theirs = SPAWN.Pipe()
        worker = SPAWN.Process(target=_serve_a_little, args=(str(tmp_path), number, theirs))
        worker.start()
        assert line.poll(30)
        workers.append(worker)
        lines.append(line)
    seen = totals.read()
    assert seen.counts[DECIDED] == 111
    assert seen.times[(catalog.COMMIT_SECONDS,)][-1] == pytest.approx(1.1)
    assert seen.gauges == gauges(QUEUE=10, OLDEST_PENDING=100, WORKERS=2, POLLERS=2)
    assert workers[1].pid is not None
    os.kill(workers[1].pid, signal.SIGKILL)
    workers[1].join()
    for _ in range(2):
        seen = totals.read()
        assert seen.counts[DECIDED] == 111
        assert seen.gauges == gauges(QUEUE=5, OLDEST_PENDING=10, WORKERS=1, POLLERS=1)
        totals.publish()
    seen = totals.read()
    assert (seen.counts[(catalog.WORKERS_LOST,)], seen.counts[POLLER_LOST]) == (1, 1)
    lines[0].send("stop")
    workers[0].join(30)
    seen = totals.read()
    assert seen.counts[DECIDED] == 111
    assert (seen.counts[(catalog.WORKERS_LOST,)], seen.counts[POLLER_LOST]) == (1, 1)
    assert seen.gauges == gauges(QUEUE=0, OLDEST_PENDING=0, WORKERS=0, POLLERS=0)
    totals.close()
    assert Totals(tmp_path, Tally()).read().counts[DECIDED] == 111


def test_a_poller_that_is_stuck_is_not_at_work_and_one_that_ends_by_itself_is_never_missed() -> None:
    now, lookout, brief = [0.0], Lookout.silent(), Lookout.silent()
    watch = PollWatch(lookout, "cobalt-core", lambda: now[0])
    PollWatch(brief, "cobalt-core", once=True)
    for moment, told, at_work in ((200, watch.turned, 1), (499, None, 1), (501, None, 0), (502, watch.turned, 1)):
        now[0] = moment
        if told:
            told()
        assert lookout.tally.snapshot().gauges[(catalog.POLLERS, "cobalt-core")] == at_work
    assert missed(lookout.tally.snapshot(), ["cobalt-core"]) == lookout.tally.snapshot()
    gone = missed(lookout.tally.snapshot(), ["juniper-api"])
    assert {key[0] for key in gone.gauges} == {key[0] for key in brief.tally.snapshot().gauges} == {catalog.LEGACY_DOWN}


def test_what_one_worker_alone_knows_is_told_by_all(tmp_path: Path) -> None:
    mine, other = Tally(), Tally()
    ready, off = (catalog.READY, ""), (catalog.READY, "ledger_locked")
    served, policies = (catalog.INTEGRATION_READY, "juniper-api", ""), [(catalog.POLICY, *"pnvd", day) for day in "12"]
    mine.tell(lambda: {ready: 1.0, served: 1.0, policies[0]: 1.0})
    other.tell(lambda: {off: 0.0, served: 0.0, policies[1]: 1.0})
    totals, others = Totals(tmp_path, mine), Totals(tmp_path, other)
    others.publish()
    seen = totals.read().gauges
    assert {key: seen[key] for key in (ready, off, served)} == {ready: 1, off: 0, served: 0}
    assert [seen[key] for key in policies] == [1, 1]
    others.close()
    assert off not in totals.read().gauges
    totals.close()


def test_counts_never_fall_while_threads_of_one_process_tell_and_read_them(tmp_path: Path) -> None:
    mine = Tally()
    totals, other = Totals(tmp_path, mine), Totals(tmp_path, Tally())
    over = threading.Event()
    wrong: list[object] = []

    def work(read: Totals, tell: bool) -> None:
        before = 0
        while not over.is_set():
            mine.count(DECIDED)
            try:
                if tell:
                    totals.publish()
                seen = read.read().counts[DECIDED]
            except OSError as error:
                wrong.append(error)
                continue
            if seen < before:
                wrong.append((before, seen))
            before = seen

    threads = [threading.Thread(target=work, args=one) for one in ((totals, True), (totals, True), (other, False))]
    for thread in threads:
        thread.start()
    over.wait(1.5)
    over.set()
    for thread in threads:
        thread.join()
    totals.close()
    other.close()
    assert wrong == []


@pytest.mark.parametrize("left", ["", "{", "[]", '{"format": 1, "counts": [[]]}', '{"format": 1, "counts": 3}'])
def test_a_spoilt_file_counts_as_nothing(tmp_path: Path, left: str) -> None:
    (tmp_path / "retired.json").write_text(left)
    (tmp_path / "99-aa.lock").touch()
    (tmp_path / "99-aa.json").write_text(left)
    tally = Tally()
    totals = Totals(tmp_path, tally)
    tally.count(DECIDED)
    totals.publish()
    assert totals.read().counts[DECIDED] == 1


def _filled() -> Snapshot:
    """One of every metric."""
    tally = Tally()
    for name, metric in catalog.METRICS.items():
        key = (name, *(f"a{label}" for label in metric.labels))
        if metric.kind == "counter":
            tally.count(key)
        elif metric.kind == "histogram":
            tally.timer(*key)(3.0)
    return tally.snapshot()


@pytest.mark.parametrize(
    ("accept", "read", "kind"),
    [
        ("", read_text, "text/plain"),
        ("application/openmetrics-text; version=1.0.0", read_open, "application/openmetrics-text"),
    ],
)
def test_the_exposition_is_what_a_scraper_reads(accept: str, read: Any, kind: str) -> None:
    samples = [
        Sample(name, tuple('hostile"\\\n' for _ in metric.labels), 1.0)
        for name, metric in catalog.METRICS.items()
        if metric.kind == "gauge"
    ]
    body, media_type = exposition(_filled(), samples, accept)
    assert media_type.startswith(kind)
    families = {family.name: family for family in read(body.decode())}
    assert set(families) == set(catalog.METRICS)
    for name, metric in catalog.METRICS.items():
        assert (families[name].type, families[name].documentation) == (metric.kind, metric.text)
        assert {label for s in families[name].samples for label in s.labels} - {"le"} == set(metric.labels)
    sizes = {s.labels.get("le"): s.value for s in families[catalog.GROUP_SIZE].samples if s.name.endswith("_bucket")}
    assert (sizes["2.0"], sizes["4.0"], sizes["+Inf"]) == (0, 1, 1)


def test_a_counter_without_labels_stands_at_nought_before_anything_happened() -> None:
    assert b"scoregate_ledger_anchor_failures_total 0.0" in exposition(empty(), [], "")[0]

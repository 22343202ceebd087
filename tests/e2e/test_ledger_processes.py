"""The ledger under what only real processes can do to it: kills, a shared file, a full disk, a syscall trace."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import IO

import pytest
import syscalls
from ledger_children import Reading, Start, await_ready, check_every_decision_is_there_once, finish
from ledger_samples import open_ledger, proposal

from contracts.errors import UpstreamError


@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.soak)])
def test_sigkill_under_load_loses_nothing_acknowledged_and_decides_nothing_twice(
    start: Start, ledger_folder: Path, rounds: int
) -> None:
    acknowledged: dict[str, str] = {}
    for number in range(rounds):
        child = start("load", ledger_folder, f"round{number}")
        assert child.stdout
        child.stdout.readline()
        time.sleep(0.05 + 0.07 * (number % 5))
        child.kill()
        out, errors = child.communicate()
        assert child.returncode == -9, errors
        acknowledged.update(line.split() for line in out.splitlines() if line.count(" ") == 1)
    assert len(acknowledged) > 20 * rounds
    check_every_decision_is_there_once(ledger_folder, acknowledged)


def run_side_by_side(start: Start, command: str, folder: Path, count: int) -> dict[str, list[list[str]]]:
    """Two processes doing the same at the same moment; their lines by the number of the asking."""
    children = [start(command, folder, tag, count) for tag in ("left", "right")]
    for child in children:
        await_ready(child)
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    by_number = defaultdict(list)
    for child in children:
        for number, *settled in finish(child):
            by_number[number].append(settled)
    return by_number


def test_two_processes_that_ask_the_same_get_one_decision_each(start: Start, ledger_folder: Path) -> None:
    settled = run_side_by_side(start, "keys", ledger_folder, 300)
    assert len(settled) == 300
    for left, right in settled.values():
        assert left[:2] == right[:2]
        assert {left[2], right[2]} == {"True", "False"}
    ledger = open_ledger(ledger_folder)
    assert ledger.status().entries == 300
    assert ledger.verify_chain() == ()
    ledger.close()


def test_two_hundred_simultaneous_equals_over_two_processes_get_one_decision(start: Start, ledger_folder: Path) -> None:
    settled = [one for both in run_side_by_side(start, "equals", ledger_folder, 100).values() for one in both]
    assert len(settled) == 200
    assert len({tuple(one[:2]) for one in settled}) == 1
    assert sum(one[2] == "False" for one in settled) == 1


def test_the_log_of_two_processes_that_never_pause_starts_anew(start: Start, tmp_path: Path) -> None:
    """What the log has is read again after a crash, and nothing else bounds it but the disk."""
    readings = [Reading(start("hasten", tmp_path, tag)) for tag in ("left", "right")]
    log, longest, most = tmp_path / "ledger.db-wal", 0, 1200
    while any(len(reading.acknowledged) < most for reading in readings):
        readings[0].goes_on(1)
        longest = max(longest, log.stat().st_size)
    acknowledged = [reading.kill() for reading in readings]
    written = sum(map(len, acknowledged)) * 10_000  # each takes more than that
    assert longest < written / 3
    check_every_decision_is_there_once(tmp_path, acknowledged[0] | acknowledged[1])


def test_a_sync_of_the_log_lies_between_every_request_and_its_acknowledgement(start: Start, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    child = start("ask", tmp_path, before=(syscalls.program(), *syscalls.OPTIONS, "-o", str(trace)))
    keys = [f"key-{number}" for number in range(5)]
    await_ready(child)
    assert child.stdin
    assert child.stdout
    for key in keys:
        child.stdin.write(key + "\n")
        child.stdin.flush()
        assert child.stdout.readline().startswith(f"done {key} ")
    finish(child)
    found = syscalls.calls(trace)
    for key in keys:
        assert syscalls.durable_between(found, f'"{key}\\n"', f'"done {key} ')


def test_a_copy_cut_back_to_the_last_sync_loses_no_acknowledged_decision(start: Start, tmp_path: Path) -> None:
    """What a power cut may leave: of each file only what was written before it was last synced.

    From some sync on each takes long, so that the kill comes when a group is written and not synced.
    """
    trace = tmp_path / "trace"
    slow = "inject=fsync,fdatasync:delay_enter=500000:when=40+"
    options = ("-D", "-f", "-y", "-s", "0", "-e", "trace=pwrite64,fsync,fdatasync", "-e", slow, "-o", str(trace))
    child = start("load", tmp_path, "cut", before=(syscalls.program(), *options))
    assert child.stdout
    lines = lines_until_slow(child.stdout)
    time.sleep(0.1)
    child.kill()
    lines += child.communicate()[0].splitlines()
    acknowledged = dict(line.split() for line in lines if line.count(" ") == 1)
    log = tmp_path / "ledger.db-wal"
    written, synced = extents(syscalls.calls(trace), log.name)
    assert 0 < synced < written, "what was not synced is cut off"
    with log.open("r+b") as file:
        file.truncate(synced)
    (tmp_path / "ledger.anchor").write_bytes(b"")  # never synced, so gone
    check_every_decision_is_there_once(tmp_path, acknowledged, findings={"anchor_missing"})


def lines_until_slow(stdout: IO[str]) -> list[str]:
    """Up to the first for which one waits long."""
    lines = []
    while True:
        begun = time.monotonic()
        lines.append(stdout.readline())
        if len(lines) > 30 and time.monotonic() - begun > 0.4:
            return lines


def extents(calls: list[str], name: str) -> tuple[int, int]:
    """How far a file was written, and how far when it was last synced, in bytes."""
    written = synced = 0
    for call in calls:
        if write := re.match(rf"pwrite64\(\d+<[^>]*{re.escape(name)}>, .*, (\d+), (\d+)\) += ", call):
            written = max(written, int(write[1]) + int(write[2]))
        elif re.match(rf"f(?:data)?sync\(\d+<[^>]*{re.escape(name)}>\) += 0", call):
            synced = written
    return written, synced


def test_a_full_disk_is_answered_and_survived_without_a_restart(start: Start, tmp_path: Path) -> None:
    lines = finish(start("full", tmp_path))
    refused = next(line for line in lines if line[0] == "refused")
    assert int(refused[1]) >= 1
    kinds = [line[0] for line in lines]
    assert kinds.index("refused") > 10
    assert kinds[-20:] == ["after"] * 20
    ledger = open_ledger(tmp_path)
    present = {entry.decision_id for entry in ledger.list(limit=10_000)}
    assert {line[2] for line in lines if line[0] in ("before", "after")} == present
    assert ledger.verify_chain() == ()
    ledger.close()


def test_a_ledger_locked_by_another_program_is_answered_in_time_and_recovers(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, patience=0.2)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    futures = [ledger.submit(proposal(f"k{i}")) for i in range(3)]
    for future in futures:
        with pytest.raises(UpstreamError, match="locked"):
            future.result()
    assert time.monotonic() - begun < 2
    other.execute("ROLLBACK")
    other.close()
    assert not ledger.submit(proposal("k0")).result().repeated
    ledger.close()


def test_a_writer_that_waits_for_another_goes_on_as_soon_as_it_may(tmp_path: Path) -> None:
    """Its patience is seconds long; the best of ten is counted, for on a busy machine anybody waits now and then."""
    ledger = open_ledger(tmp_path)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    waited = []
    for number in range(10):
        other.execute("BEGIN IMMEDIATE")
        future = ledger.submit(proposal(f"k{number}"))
        time.sleep(0.1)
        assert not future.done()
        other.execute("COMMIT")
        begun = time.monotonic()
        assert future.result().answer
        waited.append(time.monotonic() - begun)
    assert min(waited) < 0.1
    other.close()
    ledger.close()


def test_another_process_that_comes_and_goes_takes_nothing_with_it(tmp_path: Path) -> None:
    """SQLite deletes its log when the last connection closes; ours must still count, whatever else we opened."""
    look = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); print(*db.execute('SELECT count(*) FROM entry'))"
    ledger = open_ledger(tmp_path)
    try:
        for number in range(1, 4):
            ledger.submit(proposal(f"k{number}")).result()
            ledger.list()  # a connection beside the writer's
            command = [sys.executable, "-c", look, str(tmp_path / "ledger.db")]
            seen = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert seen == f"({number},)\n"
    finally:
        ledger.close()

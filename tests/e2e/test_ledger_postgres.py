"""PostgreSQL as ledger under what only a real server can do: killed, restarted, frozen, full, rewritten, an old one."""

from __future__ import annotations

import io
import json
import re
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import postgres_server
import psycopg
import pytest
from ledger_children import Reading, Start, await_ready, check_every_decision_is_there_once
from ledger_samples import NOON, URL_FILE, keys_of_fixtures, open_ledger, proposal
from live_gateway import until
from postgres_server import PostgresServer

from contracts.errors import SetupError, UpstreamError
from gateway.ledger import Ledger
from gateway.ledger.chain import GENESIS, Head, block_digest, head_seal, merkle_root, signature
from gateway.ledger.connect import connect, locate
from gateway.ledger.migrate import migrate
from gateway.ledger.schema import VERSION
from gateway.ledger.seal import read_key
from gateway.watching.lookout import Lookout

VERSION_1 = Path(__file__).parents[2] / "fixtures" / "ledger" / "version-1" / "postgresql"


@pytest.fixture(scope="module")
def ill_treated() -> Iterator[PostgresServer]:
    """A server beside that of the test run; its log comes in small files, so that files can be limited in size."""
    with postgres_server.running("--wal-segsize=1", beside=postgres_server.in_memory()) as server:
        yield server


@pytest.fixture
def server(ill_treated: PostgresServer) -> Iterator[PostgresServer]:
    """The same, running again whatever was done to it."""
    yield ill_treated
    ill_treated.thaw()
    ill_treated.start()


@pytest.fixture
def folder(tmp_path: Path, server: PostgresServer) -> Path:
    (tmp_path / URL_FILE).write_text(server.new_database())
    return tmp_path


@pytest.fixture
def shared(tmp_path: Path, postgres: PostgresServer) -> Path:
    """A ledger in the server of the whole test run, where nothing is done to the server itself."""
    (tmp_path / URL_FILE).write_text(postgres.new_database())
    return tmp_path


def database(folder: Path) -> str:
    return (folder / URL_FILE).read_text().rpartition("/")[2]


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_sigkill_of_the_server_under_load_loses_nothing_and_needs_no_restart_of_the_gateway(
    start: Start, server: PostgresServer, folder: Path, rounds: int
) -> None:
    workers = [Reading(start("load", folder, f"worker{number}")) for number in range(2)]
    for worker in workers:
        worker.goes_on()
    for number in range(rounds):
        time.sleep(0.1 * (number % 4))
        server.kill()
        server.start()
        for worker in workers:
            worker.goes_on()
    acknowledged = {key: decision for worker in workers for key, decision in worker.kill().items()}
    check_every_decision_is_there_once(folder, acknowledged)


def test_a_restart_of_the_server_is_survived_by_writing_and_reading(server: PostgresServer, folder: Path) -> None:
    ledger = open_ledger(folder)
    first = ledger.submit(proposal("k1")).result()
    server.stop()
    with pytest.raises(UpstreamError, match="connection"):
        ledger.submit(proposal("k2")).result()
    with pytest.raises(UpstreamError):
        ledger.status()
    begun = time.monotonic()
    with pytest.raises(UpstreamError):
        ledger.submit(proposal("k3")).result()
    assert time.monotonic() - begun < 2, "while the server is down, nobody waits for it again and again"
    server.start()
    assert not ledger.submit(proposal("k2")).result().repeated
    assert ledger.get(first.decision_id).decision_id == first.decision_id
    assert ledger.verify_chain() == ()
    ledger.close()


def test_a_server_that_freezes_is_answered_in_time_and_nothing_is_written_twice(
    server: PostgresServer, folder: Path
) -> None:
    ledger = open_ledger(folder, patience=0.5)
    ledger.submit(proposal("k1")).result()
    server.freeze()
    begun = time.monotonic()
    try:
        with pytest.raises(UpstreamError, match="does not answer"):
            ledger.submit(proposal("k2")).result()
        assert time.monotonic() - begun < 5
    finally:
        server.thaw()
    assert ledger.submit(proposal("k2")).result(timeout=20).answer
    assert ledger.status().entries == 2
    assert ledger.verify_chain() == ()
    ledger.close()


def test_a_full_disk_of_the_server_is_answered_and_survived_without_a_restart(
    server: PostgresServer, folder: Path
) -> None:
    """A limit on the size of files stands in for the full disk: the server's tables cannot grow, its log can."""
    ledger = open_ledger(folder)
    ledger.submit(proposal("first")).result()
    server.limit_files(database(folder), "1500000")
    acknowledged = []
    with pytest.raises(UpstreamError, match=r"DiskFull|File too large"):
        for number in range(2000):
            record = f"{number}" * 2000
            acknowledged.append(ledger.submit(proposal(f"k{number}", record)).result().decision_id)
    server.limit_files(database(folder), "unlimited")
    acknowledged += [ledger.submit(proposal(f"after-{number}")).result().decision_id for number in range(20)]
    assert {entry.decision_id for entry in ledger.list(limit=10_000)} >= set(acknowledged)
    assert ledger.status().entries == len(acknowledged) + 1
    assert ledger.verify_chain() == ()
    ledger.close()


def test_a_head_held_by_another_is_answered_in_time_and_recovers(shared: Path, postgres: PostgresServer) -> None:
    ledger = open_ledger(shared, patience=0.3)
    with psycopg.connect(postgres.url(database(shared))) as other:
        other.execute("SELECT * FROM head FOR UPDATE")
        begun = time.monotonic()
        with pytest.raises(UpstreamError, match="lock timeout"):
            ledger.submit(proposal("k1")).result()
        assert time.monotonic() - begun < 2
    assert not ledger.submit(proposal("k1")).result().repeated
    ledger.close()


def test_a_server_that_does_not_wait_for_its_disk_is_refused_at_the_start_and_named_while_it_serves(
    server: PostgresServer, folder: Path
) -> None:
    log = io.BytesIO()
    lookout = Lookout.to(log)
    serving = open_ledger(folder)
    assert serving.unwritable() == ""
    server.execute("postgres", "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    try:
        until(lambda: serving.unwritable() == "ledger_not_durable")
        with pytest.raises(SetupError, match="turn it on"):
            open_ledger(folder)
        looked_into = open_ledger(folder, examine=True, lookout=lookout)
        with pytest.raises(UpstreamError, match="fsync = off"):
            looked_into.submit(proposal("k1")).result()
        looked_into.close()
    finally:
        server.execute("postgres", "ALTER SYSTEM RESET fsync", "SELECT pg_reload_conf()")
    until(lambda: serving.unwritable() == "")
    serving.close()
    lookout.flush()
    (line,) = map(json.loads, log.getvalue().splitlines())
    assert (line["event"], line["cause"]) == ("ledger_failed", "fsync = off")
    assert "turn it on" in line["message"]


def test_a_ledger_of_schema_version_1_is_brought_up_and_holds_what_it_held(
    shared: Path, postgres: PostgresServer
) -> None:
    keys_of_fixtures(shared / "keys")
    shutil.copy(VERSION_1 / "ledger.anchor", shared)
    postgres.execute(database(shared), (VERSION_1 / "ledger.sql").read_text())
    with pytest.raises(SetupError, match="scoregate ledger migrate"):
        open_ledger(shared)
    engine = connect(locate(f"file:{shared / URL_FILE}"))
    assert [migrate(engine, 1.0), migrate(engine, 1.0)] == [(1, VERSION), (VERSION, VERSION)]
    engine.dispose()
    ledger = open_ledger(shared)
    assert ledger.verify_chain() == ()
    assert ledger.submit(proposal("k1", "one", "app-1")).result().repeated
    assert not ledger.submit(proposal("k9", "nine")).result().repeated
    assert ledger.verify_chain() == ()
    ledger.close()


def filled(folder: Path, blocks: int = 5) -> Ledger:
    ledger = open_ledger(folder)
    for i in range(blocks):
        ledger.submit(proposal(f"k{i}", str(i), "app-1")).result()
    return ledger


CUT = (
    "DELETE FROM entry WHERE id > 3",
    "DELETE FROM block WHERE number > 3",
    "UPDATE head SET number = 3, entries = 3, digest = (SELECT digest FROM block WHERE number = 3)",
)


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (["UPDATE entry SET outcome = 'decline' WHERE id = 3"], {"entry_altered"}),
        (["UPDATE envelope SET sealed = sealed || '\\x00' WHERE id = 3"], {"payload_altered"}),
        (["DELETE FROM entry WHERE id = 2"], {"entry_missing"}),
        (CUT, {"truncated"}),
    ],
)
def test_what_somebody_did_to_the_tables_is_named(
    shared: Path, postgres: PostgresServer, statements: list[str], found: set[str]
) -> None:
    ledger = filled(shared)
    postgres.execute(database(shared), *statements)
    assert {finding.code for finding in ledger.verify_chain()} == found
    ledger.close()


def test_rewriting_with_the_signing_key_is_found_by_the_anchor(shared: Path, postgres: PostgresServer) -> None:
    ledger, name = filled(shared, 3), database(shared)
    key = read_key(f"file:{shared}/keys/signing.key", "signing key")
    postgres.execute(name, f"UPDATE entry SET digest = '\\x{'00' * 32}' WHERE id = 2")  # noqa: S608 # our own values
    previous = GENESIS
    for number, first, size, at in postgres.execute(name, "SELECT number, first, size, at FROM block ORDER BY number"):
        rows = postgres.execute(name, f"SELECT digest FROM entry WHERE id BETWEEN {first} AND {first + size - 1}")  # noqa: S608 # our own values
        root = merkle_root([row[0] for row in rows])
        digest = block_digest(number, previous, root, first, size, at)
        new = {"previous": previous, "root": root, "digest": digest, "signature": signature(key, digest)}
        changes = ", ".join(f"{column} = '\\x{value.hex()}'" for column, value in new.items())
        postgres.execute(name, f"UPDATE block SET {changes} WHERE number = {number}")  # noqa: S608 # our own values
        previous = digest
    seal = head_seal(key, Head(3, previous, 3))
    postgres.execute(name, f"UPDATE head SET digest = '\\x{previous.hex()}', seal = '\\x{seal.hex()}'")  # noqa: S608 # our own values
    assert {finding.code for finding in ledger.verify_chain()} == {"rewritten", "entry_altered"}
    ledger.close()


def test_an_old_backup_put_in_place_is_named(shared: Path, postgres: PostgresServer) -> None:
    filled(shared, 2).close()
    old = database(shared)
    postgres.execute("postgres", f"CREATE DATABASE {old}_copy TEMPLATE {old}")
    filled(shared, 4).close()
    (shared / URL_FILE).write_text(postgres.url(f"{old}_copy"))
    with pytest.raises(SetupError, match="older copy"):
        open_ledger(shared)
    ledger = open_ledger(shared, examine=True)
    assert [finding.code for finding in ledger.verify_chain()] == ["old_copy"]
    ledger.close()


def test_the_servers_reply_to_the_commit_lies_between_every_request_and_its_acknowledgement(
    start: Start, shared: Path, tmp_path: Path, postgres: PostgresServer
) -> None:
    """And the server syncs its log before that reply: synchronous_commit is on and fsync is, as it says itself."""
    strace = shutil.which("strace")
    assert strace, "strace is missing; install it with: apt-get install strace"
    trace = tmp_path / "trace"
    calls = "trace=read,write,sendto,recvfrom"
    child = start("ask", shared, before=(strace, "-f", "-s", "6000", "-e", calls, "-o", str(trace)))
    keys = [f"key-{number}" for number in range(5)]
    await_ready(child)
    assert child.stdin
    assert child.stdout
    for key in keys:
        child.stdin.write(key + "\n")
        child.stdin.flush()
        assert child.stdout.readline().startswith(f"done {key} ")
    child.communicate(timeout=60)
    steps = [step for line in trace.read_text(errors="replace").splitlines() if (step := read_step(line))]
    for key in keys:
        assert "committed" in steps[steps.index(f"asked {key}") : steps.index(f"done {key}")], steps
    assert postgres.execute(database(shared), "SELECT current_setting('fsync')") == [("on",)]


def read_step(line: str) -> str | None:
    """``asked KEY``, ``committed`` (a reply that says COMMIT came), ``done KEY``."""
    if asked := re.search(r'read\(0, "(key-\d+)\\n"', line) or re.search(r'read resumed>"(key-\d+)\\n"', line):
        return f"asked {asked[1]}"
    if done := re.search(r'write\(1, "done (key-\d+) ', line):
        return f"done {done[1]}"
    return "committed" if "recvfrom" in line and "COMMIT" in line else None


@pytest.fixture
def power_cut() -> Iterator[PostgresServer]:
    """A server for this alone: what is cut from its log may be missed by it for good."""
    with postgres_server.running("--wal-segsize=1", beside=postgres_server.in_memory()) as server:
        yield server


def test_a_log_cut_back_to_the_last_sync_loses_no_acknowledged_decision(
    power_cut: PostgresServer, tmp_path: Path
) -> None:
    """What a power cut may leave: SIGKILL, and of the server's log only what it had flushed by then."""
    server, folder = power_cut, tmp_path
    (folder / URL_FILE).write_text(server.new_database())
    ledger = open_ledger(folder)
    settled = [ledger.submit(proposal(f"k{i}", str(i))).result() for i in range(50)]
    ((file, offset),) = server.execute("postgres", "SELECT * FROM pg_walfile_name_offset(pg_current_wal_flush_lsn())")
    unsynced = "CREATE TABLE unsynced AS SELECT generate_series(1, 2000)"
    server.execute("postgres", "SET synchronous_commit = off", unsynced)
    server.kill()
    log = server.folder / "data" / "pg_wal"
    with (log / file).open("r+b") as segment:
        segment.seek(offset)
        segment.write(bytes(2**20 - offset))
    for later in (path for path in log.glob("0*") if path.name > file):
        later.write_bytes(bytes(2**20))
    server.start()
    assert server.execute("postgres", "SELECT count(*) FROM pg_tables WHERE tablename = 'unsynced'") == [(0,)]
    for number, before in enumerate(settled):
        again = ledger.submit(proposal(f"k{number}", str(number))).result()
        assert (again.decision_id, again.repeated) == (before.decision_id, True)
    assert ledger.verify_chain() == ()
    ledger.close()


def test_a_clock_stepped_back_settles_and_verifies_all_the_same(ledger_folder: Path) -> None:
    ledger = open_ledger(ledger_folder)
    ledger.submit(proposal("k1", received_at=NOON)).result()
    back = ledger.submit(proposal("k2", received_at=NOON - timedelta(hours=3))).result()
    assert ledger.submit(proposal("k2", received_at=NOON - timedelta(hours=3))).result().decision_id == back.decision_id
    assert ledger.verify_chain() == ()
    ledger.close()

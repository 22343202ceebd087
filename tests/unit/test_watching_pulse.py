"""Whether a decision can be made durable: every cause there is, and that a proof which hangs is an answer too."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url, text

from gateway import settings
from gateway.ledger.connect import connect, parse
from gateway.ledger.opened import Opened
from gateway.ledger.probe import Probe, Standing
from gateway.ledger.schema import HEAD, METADATA
from gateway.opening import folders
from gateway.watching.pulse import LOCKED_SECONDS, PROOF_SECONDS, STALLED_SECONDS, Folders, Pulse

if TYPE_CHECKING:
    from postgres_server import PostgresServer


class Watched:
    """A ledger that says what it is told to say."""

    def __init__(self, cause: str = "", pending: float = 0.0) -> None:
        self.cause, self.pending = cause, pending
        self.committed = self.failed = 0.0
        self.proofs = 0
        self.hangs: threading.Event | None = None

    def standing(self) -> Standing:
        if self.hangs is not None:
            self.hangs.wait()
        if self.cause == "unreadable":
            raise OSError
        return Standing(7, 1, 9)

    def unwritable(self) -> str:
        self.proofs += 1
        return "" if self.cause == "unreadable" else self.cause

    def last_commit(self) -> tuple[float, float]:
        return self.committed, self.failed

    def oldest_pending(self) -> float:
        return self.pending


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def cause(pulse: Pulse) -> str:
    return asyncio.run(pulse.look()).cause


@pytest.mark.parametrize(
    ("said", "pending", "seen"),
    [
        ("", 0.0, ""),
        ("disk_full", 0.0, "disk_full"),
        ("ledger_down", 0.0, "ledger_down"),
        ("unreadable", 0.0, "ledger_down"),
        ("", STALLED_SECONDS, "ledger_stalled"),
        ("", STALLED_SECONDS - 1, ""),
    ],
)
def test_what_keeps_a_decision_from_lasting_is_named(tmp_path: Path, said: str, pending: float, seen: str) -> None:
    assert cause(Pulse(Watched(said, pending), Folders(tmp_path), 0, Clock())) == seen


def test_a_disk_below_its_reserve_is_a_warning_and_a_cause_once_a_group_was_not_taken(tmp_path: Path) -> None:
    ledger = Watched()
    pulse = Pulse(ledger, Folders(tmp_path, tmp_path), 1 << 62)
    assert cause(pulse) == ""
    assert pulse.health().warnings == ("disk_low",)
    ledger.failed = 1.0
    assert cause(pulse) == "disk_low"
    ledger.committed = 2.0
    assert cause(pulse) == ""
    assert Pulse(ledger, Folders(tmp_path), 0).health().warnings == ()


FREE = {"state": 300, "ledger": 200, "anchor": 100}


@pytest.fixture
def disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Three disks of their own; one that is gone has no folder."""

    def usage(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(free=FREE[folder.resolve(strict=True).name])

    monkeypatch.setattr("gateway.watching.pulse.shutil", SimpleNamespace(disk_usage=usage))
    for name in FREE:
        (tmp_path / name).mkdir()
    return Folders(*(tmp_path / name for name in FREE))


def test_every_disk_that_serving_writes_is_watched(disks: Folders) -> None:
    ledger = Watched()
    assert [Pulse(ledger, disks, reserve).health()[1::2] for reserve in (100, 101)] == [(100, ()), (100, ("disk_low",))]
    ledger.failed = 1.0
    assert [cause(Pulse(ledger, disks, reserve)) for reserve in (200, 201)] == ["", "disk_low"]


def test_an_anchor_or_a_ledger_that_is_gone_is_told_by_what_watches_it(disks: Folders) -> None:
    for folder in (disks.anchor, disks.ledger):
        assert folder is not None
        folder.rmdir()
        assert cause(Pulse(Watched(), disks, 0)) == ""
    assert Pulse(Watched(), disks, 0).health().disk_free == FREE["state"]


def test_a_ledger_or_anchor_elsewhere_has_its_own_folder_and_a_server_none(tmp_path: Path) -> None:
    def of(**given: object) -> Folders:
        return folders(settings.load(home=tmp_path, **given))

    state = tmp_path / "state"
    assert of() == Folders(state, state, state)
    assert of(ledger="/b/ledger.db", anchor="/c/anchor") == Folders(state, Path("/b"), Path("/c"))
    assert of(ledger="sqlite:////b/ledger.db") == Folders(state, Path("/b"), state)
    assert of(ledger="postgresql://us@db/ledger") == Folders(state, None, state)


def test_a_missing_state_and_the_end_are_causes(tmp_path: Path) -> None:
    assert cause(Pulse(Watched(), Folders(tmp_path / "gone"), 0)) == "state_missing"
    ending = Pulse(Watched(), Folders(tmp_path), 1 << 62)
    ending.drain()
    assert cause(ending) == "draining"


def test_a_lock_is_a_cause_only_once_it_lasts(tmp_path: Path) -> None:
    clock = Clock()
    pulse = Pulse(Watched("ledger_locked"), Folders(tmp_path), 0, clock)
    assert cause(pulse) == ""
    clock.now += LOCKED_SECONDS
    assert cause(pulse) == "ledger_locked"


def test_a_lock_on_a_ledger_that_never_opened_is_a_cause_at_once(tmp_path: Path) -> None:
    class Unopened(Watched):
        def standing(self) -> Standing:
            raise OSError

    assert cause(Pulse(Unopened("ledger_locked"), Folders(tmp_path), 0, Clock())) == "ledger_locked"


def test_a_recent_commit_is_the_proof_and_a_failure_after_it_is_not(tmp_path: Path) -> None:
    clock, ledger = Clock(), Watched("disk_full")
    ledger.committed = clock.now
    assert cause(Pulse(ledger, Folders(tmp_path), 0, clock)) == ""
    assert ledger.proofs == 0
    ledger.failed = clock.now + 0.5
    assert cause(Pulse(ledger, Folders(tmp_path), 0, clock)) == "disk_full"
    ledger.failed, clock.now = 0.0, clock.now + PROOF_SECONDS
    assert cause(Pulse(ledger, Folders(tmp_path), 0, clock)) == "disk_full"


def test_a_proof_that_hangs_is_an_answer_and_recovers(tmp_path: Path) -> None:
    clock, ledger = Clock(), Watched()
    ledger.hangs = threading.Event()
    pulse = Pulse(ledger, Folders(tmp_path), 0, clock)
    assert cause(pulse) == ""
    clock.now += LOCKED_SECONDS
    assert cause(pulse) == "ledger_stalled"
    ledger.hangs.set()
    assert cause(pulse) == ""


def test_the_proof_on_a_server_names_what_it_meets_and_recovers(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    engine = connect(parse(url))
    METADATA.create_all(engine)
    with engine.connect() as connection:
        connection.execute(HEAD.insert(), {"id": 1, "number": 0, "digest": b"", "entries": 0})
    probe = Probe(engine, Opened(engine), 1)
    assert probe.cause() == ""
    assert probe.standing() == Standing(0, 0, 0)
    with engine.connect() as holder:
        holder.execute(text("BEGIN"))
        holder.execute(text("UPDATE head SET number = number"))
        assert probe.cause() == "ledger_locked"
        holder.execute(text("ROLLBACK"))
    assert probe.cause() == ""
    database = make_url(url).database
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
    postgres.execute("postgres", f"ALTER DATABASE {database} ALLOW_CONNECTIONS false", f"{ended}'{database}'")
    assert probe.cause() == "ledger_down"
    postgres.execute("postgres", f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
    assert probe.cause() == ""
    probe.close()
    engine.dispose()

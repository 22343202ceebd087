"""A data key goes on the record or not at all: verification names each one that was destroyed past the gateway."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ledger_samples import NOON, URL_FILE, open_ledger, proposal, refusal
from sqlalchemy import text
from typer.testing import CliRunner

from contracts.errors import NotFound
from gateway import ledger_commands
from gateway.cli import app
from gateway.ledger import Filters, Kind, Ledger, make_key_file
from gateway.ledger.connect import connect, locate
from gateway.watching.catalog import ERASURES, PURGED
from gateway.watching.lookout import Lookout

LATE = NOON + timedelta(days=31)


def filled(folder: Path, **changes: Any) -> Ledger:
    """Entries 1 to 3 are decisions, entry 4 is a refusal, entry 5 what a person decided about the second."""
    ledger = open_ledger(folder, **changes)
    made = [ledger.submit(proposal(f"k{i}", str(i), f"app-{i}")).result() for i in range(3)]
    ledger.refuse(refusal()).result()
    ledger.human_decision(made[1].decision_id, "decline", "Fraud", "A. Officer", NOON).result()
    return ledger


def tamper(folder: Path, statement: str) -> None:
    url = folder / URL_FILE
    engine = connect(locate(f"file:{url}") if url.exists() else folder / "ledger.db")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def found(ledger: Ledger) -> list[tuple[str, int]]:
    return [(finding.code, finding.entry) for finding in ledger.verify_chain()]


def name(ledger: Ledger, number: int) -> str:
    return next(entry.decision_id for entry in ledger.list() if entry.number == number)


def test_a_key_deleted_past_the_gateway_is_named_with_its_submission_and_what_to_do(ledger_folder: Path) -> None:
    ledger = filled(ledger_folder)
    tamper(ledger_folder, "DELETE FROM envelope_key WHERE id IN (2, 4)")
    findings = ledger.verify_chain()
    assert [(finding.code, finding.entry) for finding in findings] == [("key_destroyed", 2), ("key_destroyed", 4)]
    assert [name(ledger, number) in finding.message for number, finding in zip((2, 4), findings, strict=True)]
    assert all("backup" in finding.message and "ledger erase" in finding.message for finding in findings)
    assert found(ledger) == found(ledger)
    ledger.close()


def test_what_was_meant_can_be_put_on_record_afterwards(ledger_folder: Path) -> None:
    ledger = filled(ledger_folder)
    tamper(ledger_folder, "DELETE FROM envelope_key WHERE id IN (2, 4, 5)")
    for number in (2, 4):
        ledger.erase(name(ledger, number), by="dpo", at=NOON).result()
    assert found(ledger) == []
    ledger.close()


def test_an_erasure_answers_for_its_submission_alone_and_for_what_was_said_of_it_before(ledger_folder: Path) -> None:
    ledger = filled(ledger_folder)
    erased = name(ledger, 2)
    ledger.erase(erased, by="dpo", at=NOON).result()
    ledger.human_decision(erased, "approve", "Cleared", "B. Officer", NOON).result()
    assert found(ledger) == []
    with pytest.raises(NotFound, match="erased"):
        ledger.open_payload(name(ledger, 5))
    assert [human.by for human in ledger.human_decisions(erased)] == ["B. Officer"]
    tamper(ledger_folder, "DELETE FROM envelope_key WHERE id IN (3, 7)")
    assert found(ledger) == [("key_destroyed", 3), ("key_destroyed", 7)]
    ledger.close()


def test_a_refusal_is_erased_as_a_decision_is(ledger_folder: Path) -> None:
    ledger = filled(ledger_folder)
    refused = name(ledger, 4)
    ledger.erase(refused, by="dpo", at=NOON).result()
    with pytest.raises(NotFound, match="erased"):
        ledger.open_payload(refused)
    with pytest.raises(NotFound, match="no submission"):
        ledger.erase(name(ledger, 5), by="dpo", at=NOON).result()
    assert found(ledger) == []
    ledger.close()


def test_a_purge_answers_for_what_it_lists_and_for_nothing_else(ledger_folder: Path) -> None:
    ledger = filled(ledger_folder, retention={Kind.DECISION: 30})
    assert ledger.purge(by="ops", at=LATE).result() == 3
    assert found(ledger) == []
    tamper(ledger_folder, "DELETE FROM envelope_key WHERE id = 4")
    assert found(ledger) == [("key_destroyed", 4)]
    ledger.close()


def test_a_purge_that_can_be_read_no_more_answers_for_nothing(ledger_folder: Path) -> None:
    ledger = filled(ledger_folder, retention={Kind.DECISION: 30})
    ledger.purge(by="ops", at=LATE).result()
    (purge,) = ledger.list(Filters(kind=Kind.PURGE))
    tamper(ledger_folder, f"DELETE FROM envelope_key WHERE id = {purge.number}")  # noqa: S608 # a number
    assert found(ledger) == [("key_destroyed", number) for number in (1, 2, 3, purge.number)]
    ledger.close()


def test_more_entries_than_one_purge_takes_are_all_accounted_for(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, retention={Kind.DECISION: 30})
    made = [ledger.submit(proposal(f"k{i}", str(i))) for i in range(1100)]
    assert len({one.result().decision_id for one in made}) == 1100
    assert [ledger.purge(by="ops", at=LATE).result() for _ in range(3)] == [1000, 100, 0]
    assert found(ledger) == []
    ledger.close()


def test_a_key_overwritten_in_place_is_named(ledger_folder: Path) -> None:
    ledger = filled(ledger_folder)
    other = "(SELECT wrapped FROM envelope_key WHERE id = 1)"
    tamper(ledger_folder, f"UPDATE envelope_key SET wrapped = {other} WHERE id = 3")  # noqa: S608 # a constant
    assert found(ledger) == [("key_altered", 3)]
    ledger.close()


def test_a_payload_removed_with_its_key_is_named_for_both(ledger_folder: Path) -> None:
    ledger = filled(ledger_folder)
    tamper(ledger_folder, "DELETE FROM envelope WHERE id = 3")
    assert found(ledger) == [("payload_missing", 3)]
    tamper(ledger_folder, "DELETE FROM envelope_key WHERE id = 3")
    assert found(ledger) == [("payload_missing", 3), ("key_destroyed", 3)]
    ledger.close()


def test_keys_under_a_master_key_that_was_not_given_are_counted_as_not_looked_at(ledger_folder: Path) -> None:
    filled(ledger_folder).close()
    old, new = make_key_file(ledger_folder / "keys" / "master.key"), make_key_file(ledger_folder / "new.key")
    open_ledger(ledger_folder, master_key=[new, old]).close()
    ledger = open_ledger(ledger_folder, master_key=new)
    (finding,) = ledger.verify_chain()
    assert (finding.code, "5 payload(s)" in finding.message) == ("key_unknown", True)
    ledger.close()


def test_erasures_and_purged_payloads_are_counted(tmp_path: Path) -> None:
    lookout = Lookout.silent()
    ledger = filled(tmp_path, lookout=lookout, retention={Kind.DECISION: 30})
    assert lookout.snapshot().counts[(PURGED,)] == 0
    ledger.erase(name(ledger, 2), by="dpo", at=NOON).result()
    ledger.purge(by="ops", at=LATE).result()
    ledger.close()
    counts = lookout.snapshot().counts
    assert (counts[(ERASURES, "juniper-api", "test")], counts[(PURGED,)]) == (1, 2)


def wrapped(folder: Path, number: int) -> bytes:
    """The wrapped key of an entry, as it lies in the database."""
    with closing(sqlite3.connect(folder / "ledger.db")) as database:
        (key,) = database.execute("SELECT wrapped FROM envelope_key WHERE id = ?", (number,)).fetchone()
    return bytes(key)


def kept(folder: Path, key: bytes) -> bool:
    return any(key in file.read_bytes() for file in folder.glob("ledger.db*"))


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Somebody reads the ledger as it is now, and goes on with it."""
    with closing(sqlite3.connect(folder / "ledger.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM entry").fetchone()
        yield


def test_a_destroyed_key_is_forgotten_once_nobody_reads_and_until_then_it_is_said(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    key, name_ = wrapped(tmp_path, 2), name(ledger, 2)
    with reading(tmp_path):
        ledger.erase(name_, by="dpo", at=NOON).result()
        assert not ledger.forget(0.1)
        assert kept(tmp_path, key)
    assert ledger.forget(5)
    assert not kept(tmp_path, key)
    ledger.close()


def test_a_command_that_leaves_old_keys_in_the_log_says_so_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_commands, "_READERS_PATIENCE_S", 0.1)
    state = tmp_path / "state"
    state.mkdir()
    ledger = filled(state)
    lines = [["erase", name(ledger, 2), "--by", "dpo"], ["purge", "--by", "ops"], ["rotate-keys"]]
    lines = [["--home", str(tmp_path), "ledger", *line] for line in lines]
    with reading(state):
        ledger.submit(proposal("later")).result()
        done = [CliRunner().invoke(app, line) for line in lines]
        assert [one.exit_code for one in done] == [1, 1, 1]
        said = [" ".join(one.output.split()) for one in done]  # lines are broken to the width of a terminal
        assert all("ledger.db-wal, still holds the old keys" in one for one in said), said
    assert [CliRunner().invoke(app, line).exit_code for line in lines] == [0, 0, 0]
    ledger.close()


def test_a_retention_that_is_set_later_counts_for_what_is_written_from_then_on(tmp_path: Path) -> None:
    filled(tmp_path).close()
    ledger = open_ledger(tmp_path, retention={Kind.DECISION: 30})
    later = ledger.submit(proposal("later", "4", "app-4")).result().decision_id
    assert ledger.purge(by="A. Officer", at=LATE).result() == 1
    with pytest.raises(NotFound, match="erased"):
        ledger.open_payload(later)
    ledger.close()

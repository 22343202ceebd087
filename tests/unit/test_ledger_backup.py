"""Backup and restore as a drill: what is put back decides as before, and nothing newer is lost without saying so."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ledger_samples import NOON, URL_FILE, open_ledger, proposal
from postgres_server import PostgresServer
from sqlalchemy import URL

from contracts.errors import SetupError
from gateway.ledger import Ledger
from gateway.ledger.backup import Places, backup, program
from gateway.ledger.connect import connect, locate
from gateway.ledger.restore import restore
from gateway.objects import ObjectStore


def place(folder: Path) -> Path | URL:
    url = folder / URL_FILE
    return locate(f"file:{url}") if url.exists() else folder / "ledger.db"


def places(folder: Path) -> Places:
    return Places(place(folder), anchor(folder), folder / "objects")


def anchor(folder: Path) -> Path:
    return folder / "ledger.anchor"


def fill(folder: Path, count: int, tag: str = "k") -> None:
    ledger = open_ledger(folder)
    for i in range(count):
        ledger.submit(proposal(f"{tag}{i}", str(i), f"app-{i}")).result()
    ledger.close()


def lose(folder: Path, request: pytest.FixtureRequest) -> None:
    """The disaster: the database is gone, and an empty one is where it was."""
    for path in folder.glob("ledger.db*"):
        path.unlink()
    if (folder / URL_FILE).exists():
        (folder / URL_FILE).write_text(request.getfixturevalue("postgres").new_database())


@contextmanager
def load(ledger: Ledger) -> Iterator[None]:
    """Submissions without a pause while the block runs."""
    stop = threading.Event()

    def submit() -> None:
        number = 0
        while not stop.is_set():
            ledger.submit(proposal(f"load-{number}", str(number), "app-1")).result()
            number += 1

    thread = threading.Thread(target=submit)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_the_drill_a_backup_made_under_load_is_put_back_whole(
    ledger_folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fill(ledger_folder, 20)
    ledger = open_ledger(ledger_folder)
    with load(ledger):
        held = backup(places(ledger_folder), tmp_path / "backup", NOON)
    assert 20 <= held.block <= ledger.status().block
    ledger.close()
    lose(ledger_folder, request)
    anchor(ledger_folder).unlink()  # the whole machine is gone; the keys lie elsewhere
    assert restore(tmp_path / "backup", places(ledger_folder)).held == held
    ledger = open_ledger(ledger_folder)
    assert ledger.status()[:2] == (held.block, held.entries)
    assert ledger.verify_chain() == ()
    repeated = ledger.submit(proposal("k7", "7", "app-7")).result()
    assert (repeated.repeated, ledger.open_payload(repeated.decision_id).record) == (True, b"7")
    assert not ledger.submit(proposal("after")).result().repeated
    assert ledger.verify_chain() == ()
    ledger.close()


def test_a_backup_holds_no_key_and_nothing_personal(ledger_folder: Path, tmp_path: Path) -> None:
    ledger = open_ledger(ledger_folder)
    ledger.submit(proposal("request-of-ada", "income 4321", "application-of-ada")).result()
    ledger.close()
    backup(places(ledger_folder), tmp_path / "backup", NOON)
    files = b"".join(path.read_bytes() for path in (tmp_path / "backup").iterdir())
    secrets = [path.read_bytes().strip() for path in (ledger_folder / "keys").iterdir()]
    assert not [word for word in (*secrets, b"request-of", b"application-of", b"income 4321") if word in files]


def test_what_proves_decisions_comes_back_with_them(
    ledger_folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fill(ledger_folder, 1)
    store = ObjectStore(places(ledger_folder).objects)
    policy, bundle = store.put(b"policy"), store.put(b"bundle")
    held = backup(places(ledger_folder), tmp_path / "backup", NOON)
    assert (held.objects, held.left_out) == (2, [])
    lose(ledger_folder, request)
    (places(ledger_folder).objects / policy).unlink()
    (places(ledger_folder).objects / bundle).write_bytes(b"what the disk left of it")
    later = store.put(b"a policy of later")
    assert restore(tmp_path / "backup", places(ledger_folder)).held == held
    assert [store.get(digest) for digest in (policy, bundle, later)] == [b"policy", b"bundle", b"a policy of later"]


def test_an_object_that_was_altered_is_left_out_and_named(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    store = ObjectStore(places(tmp_path).objects)
    whole, altered = store.put(b"policy"), store.put(b"bundle")
    (places(tmp_path).objects / altered).write_bytes(b"bungle")
    held = backup(places(tmp_path), tmp_path / "backup", NOON)
    assert (held.objects, held.left_out) == (1, [altered])
    assert [path.name for path in (tmp_path / "backup" / "objects").iterdir()] == [whole]


def test_an_object_altered_in_the_backup_is_not_put_back(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    digest = ObjectStore(places(tmp_path).objects).put(b"policy")
    backup(places(tmp_path), tmp_path / "backup", NOON)
    (tmp_path / "backup" / "objects" / digest).write_bytes(b"polity")
    with pytest.raises(SetupError, match=f"objects/{digest} is not as it was copied"):
        restore(tmp_path / "backup", places(tmp_path))


def test_a_backup_of_a_release_that_copied_no_objects_is_put_back(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    backup(places(tmp_path), tmp_path / "backup", NOON)
    manifest = tmp_path / "backup" / "backup.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({key: content[key] for key in content if key not in ("objects", "left_out")}))
    assert restore(tmp_path / "backup", places(tmp_path)).held.block == 2


def test_a_newer_ledger_is_not_overwritten(ledger_folder: Path, tmp_path: Path) -> None:
    fill(ledger_folder, 3)
    backup(places(ledger_folder), tmp_path / "backup", NOON)
    fill(ledger_folder, 2, "later")
    with pytest.raises(SetupError, match="newer ledger is not overwritten"):
        assert restore(tmp_path / "backup", places(ledger_folder), accept_loss=True)[1:] == (2, None)
    ledger = open_ledger(ledger_folder)
    assert ledger.status().block == 5
    ledger.close()


def test_what_the_anchor_says_was_lost_is_lost_only_when_accepted(
    ledger_folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fill(ledger_folder, 3)
    backup(places(ledger_folder), tmp_path / "backup", NOON)
    fill(ledger_folder, 2, "later")
    lose(ledger_folder, request)
    with pytest.raises(SetupError, match=r"names 2 block\(s\) after the backup's last, 3"):
        restore(tmp_path / "backup", places(ledger_folder))
    assert restore(tmp_path / "backup", places(ledger_folder), accept_loss=True)[1:] == (2, None)
    ledger = open_ledger(ledger_folder)
    assert ledger.verify_chain() == ()
    ledger.close()
    assert len(list(ledger_folder.glob("ledger.anchor.before-block-3.*"))) == 1


def test_what_was_erased_after_a_backup_is_listed_by_the_ledger_that_is_given_up(
    ledger_folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    ledger = open_ledger(ledger_folder)
    names = [ledger.submit(proposal(f"k{i}", "ada", f"app-{i}")).result().decision_id for i in range(3)]
    ledger.erase(names[0], by="before", at=NOON).result()
    held = backup(places(ledger_folder), tmp_path / "backup", NOON)
    ledger.erase(names[1], by="A. Officer", at=NOON).result()
    assert [(one.about, one.principal) for one in ledger.erasures(held.entries)] == [(names[1], "A. Officer")]
    assert [one.about for one in ledger.erasures()] == names[:2]
    ledger.close()
    lose(ledger_folder, request)
    assert restore(tmp_path / "backup", places(ledger_folder), accept_loss=True).lost == 1
    ledger = open_ledger(ledger_folder)
    assert ledger.open_payload(names[1]).record == b"ada"  # which is why it must be repeated
    ledger.close()


def test_pg_dump_and_pg_restore_go_where_the_options_of_the_url_lead(tmp_path: Path, postgres: PostgresServer) -> None:
    def by_socket(url: str) -> None:
        reached = f"?host={postgres.folder}&port={postgres.port}&connect_timeout=5"
        (tmp_path / URL_FILE).write_text(url.replace(f"127.0.0.1:{postgres.port}", "") + reached)

    by_socket(postgres.new_database())
    fill(tmp_path, 2)
    held = backup(places(tmp_path), tmp_path / "backup", NOON)
    by_socket(postgres.new_database())
    assert restore(tmp_path / "backup", places(tmp_path)).held == held


def test_pg_dump_is_told_the_options_of_the_url_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "pg_dump"
    fake.write_text(f'#!/bin/sh\necho "$@" "and $PGPASSWORD" > {tmp_path}/told\n')
    fake.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    url = "postgresql://gate:secret@db.bank:5433/ledger?sslmode=verify-full&sslrootcert=/etc/ca.pem&sslpassword=hidden"
    program("pg_dump", connect(locate(url)), "--format=custom")
    told, _, given = (tmp_path / "told").read_text().strip().partition(" and ")
    options = ("host=db.bank", "port=5433", "sslmode=verify-full", "sslrootcert=/etc/ca.pem")
    assert [option for option in options if option not in told] == []
    assert ("secret" in told, "hidden" in told, given) == (False, False, "secret")


@contextmanager
def little_room(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes, as on a disk without room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 8192])
def test_a_copy_there_is_no_room_for_is_one_line_and_leaves_nothing(tmp_path: Path, size: int) -> None:
    fill(tmp_path, 3)
    with (
        little_room(size),
        pytest.raises(SetupError, match=r"cannot copy the ledger .*; nothing is left there") as caught,
    ):
        backup(places(tmp_path), tmp_path / "backup", NOON)
    assert "\n" not in caught.value.message
    assert backup(places(tmp_path), tmp_path / "backup", NOON).block == 3


def test_a_copy_that_was_altered_is_not_put_back(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    backup(places(tmp_path), tmp_path / "backup", NOON)
    with sqlite3.connect(tmp_path / "backup" / "ledger.db") as copy:
        copy.execute("UPDATE entry SET outcome = 'decline'")
    copy.close()
    with pytest.raises(SetupError, match="not as it was copied"):
        restore(tmp_path / "backup", Places(tmp_path / "new.db", tmp_path / "new.anchor", tmp_path / "new"))


def test_a_ledger_of_a_newer_release_is_copied_and_put_back_by_that_release_only(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.execute("UPDATE ledger SET version = 99")
    database.close()
    assert backup(places(tmp_path), tmp_path / "backup", NOON).version == 99
    with pytest.raises(SetupError, match=r"newer than \d+: install its release"):
        restore(tmp_path / "backup", places(tmp_path))


def test_a_ledger_in_use_is_not_replaced(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    backup(places(tmp_path), tmp_path / "backup", NOON)
    ledger = open_ledger(tmp_path)
    with pytest.raises(SetupError, match="is in use"):
        restore(tmp_path / "backup", places(tmp_path))
    ledger.close()


def test_an_older_ledger_is_replaced_by_a_newer_backup_of_it(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    backup(places(tmp_path), tmp_path / "old", NOON)
    fill(tmp_path, 2, "later")
    backup(places(tmp_path), tmp_path / "new", NOON)
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()
    restore(tmp_path / "old", places(tmp_path), accept_loss=True)
    assert restore(tmp_path / "new", places(tmp_path)).held.block == 4
    ledger = open_ledger(tmp_path)
    assert "rewritten" not in {finding.code for finding in ledger.verify_chain()}
    ledger.close()


def test_a_broken_ledger_is_replaced_and_kept_beside(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    backup(places(tmp_path), tmp_path / "backup", NOON)
    (tmp_path / "ledger.db").write_bytes(b"what the disk left of it " * 1000)
    assert restore(tmp_path / "backup", places(tmp_path))[1:] == (0, tmp_path / "ledger.db.before-block-2.1")
    ledger = open_ledger(tmp_path)
    assert ledger.verify_chain() == ()
    ledger.close()
    assert (tmp_path / "ledger.db.before-block-2.1").read_bytes().startswith(b"what the disk left")


def test_a_folder_that_exists_and_a_ledger_that_does_not_are_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="exists already"):
        backup(places(tmp_path), tmp_path, NOON)
    with pytest.raises(SetupError, match="no ledger"):
        backup(places(tmp_path), tmp_path / "backup", NOON)
    assert not (tmp_path / "backup").exists()

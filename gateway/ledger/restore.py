"""Putting a backup back: only where nothing newer is lost without somebody saying so, and nothing is deleted."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine, inspect, select
from sqlalchemy.exc import DBAPIError

from contracts.errors import SetupError
from gateway.disk import sync
from gateway.ledger.backup import ANCHOR, DATABASE, DUMP, OBJECTS, Held, Places, program, read_manifest
from gateway.ledger.chain import Anchor
from gateway.ledger.connect import connect, cure, place
from gateway.ledger.schema import HEAD, LEDGER
from gateway.objects import ObjectStore


class Restored(NamedTuple):
    """What was put back. ``lost`` is how many blocks the anchor names after it; None where no anchor was there to say.

    Unless it is 0, keys that were destroyed later have come back with it: what was erased or purged can be read again.
    ``aside`` is the file of the ledger that was there, if there was one.
    """

    held: Held
    lost: int | None
    aside: Path | None


def restore(folder: Path, places: Places, *, accept_loss: bool = False) -> Restored:
    """Put a backup in place of what is there; what was there is kept beside it under another name. Objects that are
    there stay: a decision of either ledger names its own.

    Raises SetupError where a copied file was altered, a gateway still has the ledger open, what is there is newer than
    the backup, or the anchor names later blocks (``accept_loss`` goes on in this one case: the newer ledger is gone).
    """
    held, files = read_manifest(folder)
    anchor, engine, aside = places.anchor, connect(places.ledger), None
    try:
        _refuse_newer(engine, held)
        lost = _refuse_loss(anchor, held, accept_loss)
        if (engine.dialect.name == "sqlite") != (DATABASE in files):
            raise SetupError(f"{folder} is a backup of another kind of database than {place(engine)}")
        ObjectStore(folder / OBJECTS).copy_to(ObjectStore(places.objects))
        if engine.dialect.name == "sqlite":
            engine.dispose()  # our own look at it must not count as use
            aside = _place_file(folder / DATABASE, Path(str(engine.url.database)), held)
        else:
            _load(engine, folder / DUMP)
    finally:
        engine.dispose()
    if lost != 0:
        _set_aside(anchor, held)
        anchor.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / ANCHOR, anchor)
    return Restored(held, lost, aside)


def _refuse_loss(anchor: Path, held: Held, accept_loss: bool) -> int | None:
    """How many blocks the anchor names after the backup's last; None where there is no anchor."""
    if not anchor.exists():
        return None
    lost = max(0, _anchored(anchor) - held.block)
    if lost > 0 and not accept_loss:
        raise SetupError(
            f"{anchor} names {lost} block(s) after the backup's last, {held.block}: what they held would be lost. "
            "Restore a newer backup; if there is none, say --accept-loss"
        )
    return lost


def _refuse_newer(engine: Engine, held: Held) -> None:
    """Nothing that is there may be newer than the backup, or of another chain; what cannot be read may be replaced."""
    if engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).exists():
        return
    try:
        with engine.connect() as connection:
            if LEDGER.name not in inspect(connection).get_table_names():
                return
            number, digest = connection.execute(select(HEAD.c.number, HEAD.c.digest)).one()
    except DBAPIError as exc:
        if engine.dialect.name == "sqlite" and "locked" not in str(exc.orig):
            return
        raise SetupError(f"cannot look at {place(engine)}: {cure(str(exc.orig))}") from exc
    if number > held.block:
        raise SetupError(
            f"{place(engine)} ends at block {number} and the backup at {held.block}: "
            "a newer ledger is not overwritten; move it away first if it is to be given up"
        )
    if number == held.block and bytes(digest).hex() != held.digest and number:
        raise SetupError(f"{place(engine)} is another ledger than the one that was copied; move it away first")


def _anchored(anchor: Path) -> int:
    return max((line.number for line in Anchor(anchor).lines()), default=0)


def _place_file(copy: Path, target: Path, held: Held) -> Path | None:
    """Returns where the file lies that was there."""
    if target.exists():
        _require_unused(target)
    beside = target.with_name(f".{target.name}.restored")
    shutil.copy(copy, beside)
    beside.chmod(0o600)
    sync(beside)
    for name in ("-wal", "-shm"):
        _set_aside(target.with_name(target.name + name), held)
    aside = _set_aside(target, held)
    beside.replace(target)
    sync(target.parent)
    return aside


def _require_unused(target: Path) -> None:
    """Leaving the write-ahead log takes every other connection to be gone."""
    database = sqlite3.connect(target, timeout=0.5)
    try:
        database.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as exc:
        raise SetupError(f"{target} is in use; stop every gateway of this ledger first") from exc
    except sqlite3.DatabaseError:
        return  # too broken to be used by anybody
    finally:
        database.close()


def _set_aside(path: Path, held: Held) -> Path | None:
    """Keep what was there under a name that is free, which is returned; nothing is deleted."""
    if not path.exists():
        return None
    number = 1
    while (kept := path.with_name(f"{path.name}.before-block-{held.block}.{number}")).exists():
        number += 1
    return path.rename(kept)


def _load(engine: Engine, dump: Path) -> None:
    with engine.connect() as connection:
        if LEDGER.name in inspect(connection).get_table_names():
            raise SetupError(f"{place(engine)} holds a ledger; restore into an empty database: createdb NAME")
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    program("pg_restore", engine, *options, str(dump))

"""Copies of a ledger, taken while gateways serve; gateway/ledger/restore.py puts them back.

A backup is a folder: the database (``ledger.db``, or ``ledger.dump`` in pg_dump's own format), ``ledger.anchor``, every
object by which its decisions are proved (``objects/``), and ``backup.json`` with the head it holds and the digest of
each file. The keys are NOT in it: whoever finds the copy reads nothing, and without the keys, kept elsewhere, nobody
does.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, Engine, inspect, select
from sqlalchemy.exc import DBAPIError

from contracts.errors import MissingLibrary, SetupError
from gateway.disk import sha256_of, sync
from gateway.ledger.connect import connect, cure, place
from gateway.ledger.schema import HEAD, LEDGER, VERSION
from gateway.objects import ObjectStore

DATABASE, DUMP, ANCHOR, OBJECTS, MANIFEST = "ledger.db", "ledger.dump", "ledger.anchor", "objects", "backup.json"


class Places(NamedTuple):
    """Where a ledger lies, its anchor file, and the folder of the objects that its decisions name."""

    ledger: Path | URL
    anchor: Path
    objects: Path


class Held(NamedTuple):
    """What a backup holds: schema version, last block with its digest (hex), entries, when it was made, objects.

    ``left_out`` are the objects that had been altered before, or could not be read. A backup without objects is of an
    earlier release.
    """

    version: int
    block: int
    digest: str
    entries: int
    made_at: str
    objects: int = 0
    left_out: Sequence[str] = ()


def backup(places: Places, folder: Path, at: datetime) -> Held:
    """Copy the ledger as it is at one moment into a new folder, beside writers that go on; synced when it returns.

    A ledger of any schema version is copied as it is; to put it back takes a release that knows its version.

    Raises SetupError where there is no ledger, the folder exists, or the copy cannot be written; nothing is left of it
    then.
    """
    engine = connect(places.ledger)
    _make(folder)
    try:
        return _filled(folder, engine, places, at)
    except (DBAPIError, sqlite3.Error, OSError) as exc:
        shutil.rmtree(folder, ignore_errors=True)
        said = exc.strerror if isinstance(exc, OSError) else cure(str(getattr(exc, "orig", exc)))
        raise SetupError(
            f"cannot copy the ledger {place(engine)} into {folder}: {said}; nothing is left there"
        ) from exc
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        engine.dispose()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError as exc:
        raise SetupError(f"{folder} exists already; name a folder that is to be made") from exc
    except OSError as exc:
        raise SetupError(f"cannot make {folder}: {exc.strerror}; name another place") from exc


def _filled(folder: Path, engine: Engine, places: Places, at: datetime) -> Held:
    if places.anchor.exists():
        shutil.copy(places.anchor, folder / ANCHOR)  # first: it may say less than the database, never more
    else:
        (folder / ANCHOR).touch()
    held = _copy_file(engine, folder, at) if engine.dialect.name == "sqlite" else _dump(engine, folder, at)
    held = _with_objects(held, places.objects, folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): sha256_of(path) for path in paths}
    (folder / MANIFEST).write_text(json.dumps({**held._asdict(), "files": files}, indent=1) + "\n")
    for path in (*folder.iterdir(), folder):
        sync(path)
    return held


def _with_objects(held: Held, objects: Path, folder: Path) -> Held:
    """Copied after the database: what a decision names is kept before it is made."""
    copied = ObjectStore(folder / OBJECTS)
    left_out = ObjectStore(objects).copy_to(copied)
    return held._replace(objects=len(copied.names()), left_out=left_out)


def read_manifest(folder: Path) -> tuple[Held, Mapping[str, str]]:
    """What a backup holds, and its files; raises SetupError where one is missing or not as it was copied."""
    try:
        read: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        files: dict[str, str] = read.pop("files")
        held = Held(**read)
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise SetupError(f"{folder} holds no backup: {MANIFEST} is missing or cannot be read") from exc
    for name, digest in files.items():
        if not (folder / name).is_file() or sha256_of(folder / name) != digest:
            raise SetupError(f"{folder / name} is not as it was copied; take another backup")
    if held.version > VERSION:
        raise SetupError(f"{folder} has schema version {held.version}, newer than {VERSION}: install its release")
    return held, files


def _copy_file(engine: Engine, folder: Path, at: datetime) -> Held:
    """One step of SQLite's backup is one read transaction: writers go on, and the copy is of one moment."""
    if not Path(str(engine.url.database)).is_file():
        raise SetupError(f"there is no ledger at {place(engine)}")
    copy = sqlite3.connect(folder / DATABASE)
    pooled = engine.raw_connection()
    try:
        source: Any = pooled.driver_connection
        source.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode=DELETE")
    finally:
        pooled.invalidate()
        copy.close()
    copied = connect(folder / DATABASE)
    with copied.connect() as connection:
        held = _held(connection, at)
    copied.dispose()
    for name in ("-wal", "-shm"):
        (folder / f"{DATABASE}{name}").unlink(missing_ok=True)
    return held


def _dump(engine: Engine, folder: Path, at: datetime) -> Held:
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        held = _held(connection, at)
        snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
        program("pg_dump", engine, *options, f"--file={folder / DUMP}")
        connection.exec_driver_sql("ROLLBACK")
    return held


def _held(connection: Connection, at: datetime) -> Held:
    if LEDGER.name not in inspect(connection).get_table_names():
        raise SetupError(f"{place(connection.engine)} holds no ledger")
    version = connection.execute(select(LEDGER.c.version)).scalar_one()
    head = connection.execute(select(HEAD.c.number, HEAD.c.digest, HEAD.c.entries)).one()
    return Held(version, head.number, bytes(head.digest).hex(), head.entries, at.isoformat())


def program(name: str, engine: Engine, *options: str) -> None:
    """Run one of PostgreSQL's own programs on the database of an engine, reached as the engine reaches it: each option
    of the URL counts. Passwords are kept off the command line, where ``ps`` would show them.
    """
    found = shutil.which(name)
    if found is None:
        raise MissingLibrary(name, "apt-get install postgresql-client")
    reached, password = _reached(engine)
    command = [found, "--no-password", f"--dbname={reached}", *options]
    done = subprocess.run(command, env=os.environ | password, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SetupError(f"{name} failed: {done.stderr.strip().splitlines()[-1] if done.stderr else done.returncode}")


def _reached(engine: Engine) -> tuple[str, Mapping[str, str]]:
    """How the driver reaches the database: libpq's connection string without passwords, and the password's variable."""
    from psycopg.conninfo import make_conninfo
    from psycopg.pq import Conninfo

    _, arguments = engine.dialect.create_connect_args(engine.url)
    shown = {option.keyword.decode() for option in Conninfo.get_defaults() if b"password" not in option.keyword}
    password = {"PGPASSWORD": str(arguments["password"])} if "password" in arguments else {}
    return make_conninfo(**{key: value for key, value in arguments.items() if key in shown}), password

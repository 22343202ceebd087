"""How a database becomes a ledger: made on first use, brought up on command, refused when it is newer or not ours.

A step to a new schema version only adds: tables, empty columns, and indices made without holding anybody up. So
gateways of the version before go on serving while it runs and after it, and it may be interrupted and run again. Only a
gateway of the new version insists on it, when it starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, Engine, Index, Table, insert, inspect, select, update
from sqlalchemy.schema import CreateColumn, CreateIndex

import gateway.ledger.shared  # noqa: F401 # what workers share belongs to the ledger's tables
from contracts.errors import SetupError
from gateway.ledger.connect import clearly, connect, place
from gateway.ledger.patience import patiently
from gateway.ledger.schema import HEAD, LEDGER, METADATA, SECRET, VERSION, version_of

_LOCK = 5319021
"""The advisory lock of PostgreSQL that whoever makes or migrates a ledger holds."""
TABLES: list[Table] = METADATA.sorted_tables


class Migrated(NamedTuple):
    """From which schema version to which; equal when there was nothing to do."""

    before: int
    after: int


def prepare(engine: Engine, secrets: list[dict[str, Any]], head: bytes, patience: float) -> None:
    """Make the tables if there are none; raises SetupError with one line when this is not, or no longer, our ledger.

    Where they are there, nothing is locked: a start must not wait for whoever writes.
    ``secrets`` are the rows of a new ledger, ``head`` the digest its chain begins with.
    """
    if not patiently(lambda: _is_ready(engine), patience):
        patiently(lambda: _prepare(engine, secrets, head), patience)


def migrate(engine: Engine, patience: float) -> Migrated:
    """Bring an older ledger up to VERSION while others may be writing it; raises SetupError where there is none."""
    if _no_file(engine):
        raise _nothing(engine)
    with clearly(engine):
        return patiently(lambda: _migrate(engine), patience)


def holds_ledger(where: Path | URL, patience: float) -> bool:
    """Whether a ledger lies there, of whatever version; nothing is made.

    Raises SetupError or UpstreamError where that cannot be seen, SetupError where something else lies there.
    """
    if isinstance(where, Path) and not where.exists():
        return False  # nor need its folder be there
    engine = connect(where)
    try:
        with clearly(engine):
            return not _no_file(engine) and patiently(lambda: _looked_at(engine), patience)
    finally:
        engine.dispose()


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """A transaction that nobody else who makes or migrates a ledger has at the same time."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        try:
            yield connection
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


def _no_file(engine: Engine) -> bool:
    """To connect to a file that is not there would make an empty one."""
    return engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists()


def _looked_at(engine: Engine) -> bool:
    with engine.connect() as connection:
        return _is_ledger(connection)


def _is_ready(engine: Engine) -> bool:
    with engine.connect() as connection:
        if ready := _is_ledger(connection):
            _check_version(connection)
        return ready


def _prepare(engine: Engine, secrets: list[dict[str, Any]], head: bytes) -> None:
    with alone(engine) as connection:
        if _is_ledger(connection):
            _check_version(connection)
            return
        METADATA.create_all(connection, checkfirst=False)
        connection.execute(insert(LEDGER), {"id": 1, "version": VERSION})
        connection.execute(insert(SECRET), secrets)
        connection.execute(insert(HEAD), {"id": 1, "number": 0, "digest": head, "entries": 0})


def _migrate(engine: Engine) -> Migrated:
    with alone(engine) as connection:
        if not _is_ledger(connection):
            raise _nothing(engine)
        before = _version(connection)
        _refuse_newer(before, engine)
        added = [table for table in TABLES if version_of(table) > before]
        METADATA.create_all(connection, tables=added)
        for table in TABLES:
            if version_of(table) <= before:
                _add_columns(connection, table, before)
    for table in TABLES:
        for index in table.indexes:
            if version_of(table) <= before < version_of(index):
                _add_index(engine, index)
    with alone(engine) as connection:
        connection.execute(update(LEDGER).values(version=VERSION).where(LEDGER.c.version < VERSION))
    return Migrated(before, VERSION)


def _nothing(engine: Engine) -> SetupError:
    return SetupError(f"{place(engine)} holds no ledger; there is nothing to migrate")


def _add_columns(connection: Connection, table: Table, before: int) -> None:
    """An empty column is a change of the catalogue only, at once, however many rows there are."""
    present = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.c:
        if version_of(column) > before and column.name not in present:
            declared = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {declared}")


def _add_index(engine: Engine, index: Index) -> None:
    """Without a lock on the table where the database can; an index left half made by an interruption is made anew."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            index.create(connection, checkfirst=True)
            return
        for (name,) in connection.exec_driver_sql(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
        ).all():
            if name.split(".")[-1] == index.name:
                connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {name}")
        text = str(CreateIndex(index, if_not_exists=True).compile(dialect=engine.dialect))
        connection.exec_driver_sql(text.replace(" INDEX ", " INDEX CONCURRENTLY ", 1))


def _is_ledger(connection: Connection) -> bool:
    tables = set(inspect(connection).get_table_names())
    if LEDGER.name in tables:
        return True
    if tables & set(METADATA.tables):
        raise SetupError(f"{place(connection.engine)} holds tables of something else; name another database")
    return False


def _version(connection: Connection) -> int:
    version: int = connection.execute(select(LEDGER.c.version)).scalar_one()
    return version


def _check_version(connection: Connection) -> None:
    version = _version(connection)
    _refuse_newer(version, connection.engine)
    if version < VERSION:
        raise SetupError(
            f"the ledger {place(connection.engine)} has schema version {version}, this program writes {VERSION}: "
            "bring it up with: scoregate ledger migrate (gateways that serve may go on meanwhile)"
        )


def _refuse_newer(version: int, engine: Engine) -> None:
    if version > VERSION:
        raise SetupError(
            f"the ledger {place(engine)} has schema version {version}, this program knows {VERSION}: "
            "it was written by a newer release; install that one"
        )

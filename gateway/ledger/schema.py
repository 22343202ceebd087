"""The tables, and how a database becomes a ledger: made on first use, refused when it is newer or not ours.

====================  ================================================================================================
``entry``             one row per submission or appended fact: commitments only, nothing personal in the clear
``envelope``          its sealed payload
``envelope_key``      its wrapped data key, with retention; deleting the row erases the person, the chain still verifies
``block``             one row per group commit: Merkle root of its entries, link to the block before, signed
``head``              the one row that says where the chain ends; locked by whoever appends
``secret``            check values of master and signing keys, and the wrapped index key
``ledger``            the schema version
====================  ================================================================================================
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import DBAPIError

from contracts.errors import SetupError
from gateway.ledger.patience import patiently

VERSION = 1
"""Schema version this code writes. An older one is migrated on command only; a newer one is refused."""

METADATA = MetaData()
_ID = BigInteger().with_variant(Integer, "sqlite")  # in SQLite only INTEGER PRIMARY KEY is the row id itself
_BYTES = LargeBinary

ENTRY = Table(
    "entry",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("name", String(64), nullable=False),
    Column("about", String(64)),
    Column("request", _BYTES),
    Column("business", _BYTES),
    Column("mode", String(16), nullable=False),
    Column("integration", String(128), nullable=False),
    Column("principal", String(256), nullable=False),
    Column("outcome", String(64), nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("valid_until", BigInteger),
    Column("sent", _BYTES),
    Column("salt", _BYTES, nullable=False),
    Column("sealed_digest", _BYTES, nullable=False),
    Column("digest", _BYTES, nullable=False),
)
Index("entry_name", ENTRY.c.name, unique=True)


def _where_given(name: str, column: Column[Any], *further: Column[Any], unique: bool = False) -> None:
    given = column.is_not(None)
    Index(name, column, *further, unique=unique, sqlite_where=given, postgresql_where=given)


_where_given("entry_request", ENTRY.c.request, unique=True)
_where_given("entry_business", ENTRY.c.business, ENTRY.c.kind)
_where_given("entry_about", ENTRY.c.about)

ENVELOPE = Table(
    "envelope",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("sealed", _BYTES, nullable=False),
)
ENVELOPE_KEY = Table(
    "envelope_key",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("master", SmallInteger, nullable=False),
    Column("wrapped", _BYTES, nullable=False),
    Column("retention", String(32), nullable=False),
    Column("retain_until", BigInteger),
)
BLOCK = Table(
    "block",
    METADATA,
    Column("number", _ID, primary_key=True, autoincrement=False),
    Column("previous", _BYTES, nullable=False),
    Column("root", _BYTES, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("digest", _BYTES, nullable=False),
    Column("signer", SmallInteger, nullable=False),
    Column("signature", _BYTES, nullable=False),
)
HEAD = Table(
    "head",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("digest", _BYTES, nullable=False),
    Column("entries", BigInteger, nullable=False),
)
SECRET = Table(
    "secret",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("purpose", String(16), nullable=False),
    Column("check_value", _BYTES, nullable=False),
    Column("wrapped", _BYTES),
)
LEDGER = Table(
    "ledger",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)


def connect(where: Path | str) -> Engine:
    """An engine in autocommit for a SQLite file or a database URL; transactions are begun in words by the writer."""
    if isinstance(where, Path) or "://" not in where:
        path = Path(where)
        _check_folder(path)
        engine = create_engine(f"sqlite+pysqlite:///{path}", isolation_level="AUTOCOMMIT")
    else:
        url = make_url(where)
        # PostgreSQL's driver takes positions only when asked to; the writer binds whole groups by position.
        options: dict[str, Any] = {} if url.get_backend_name() == "sqlite" else {"paramstyle": "format"}
        engine = create_engine(url, isolation_level="AUTOCOMMIT", **options)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune)
    return engine


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise SetupError(f"the ledger's directory {path.parent} does not exist; make it or name another")
    if path.is_dir():
        raise SetupError(f"the ledger {path} is a directory; name a file")


def _tune(connection: Any, _record: object) -> None:
    """WAL with a full sync per commit. Check-pointing is left to a thread of its own, away from the commits."""
    for pragma in (
        "busy_timeout=5000",
        "journal_mode=WAL",
        "synchronous=FULL",
        "wal_autocheckpoint=0",
        "secure_delete=ON",
        "cache_size=-32768",
        "temp_store=MEMORY",
        f"journal_size_limit={128 << 20}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def prepare(engine: Engine, secrets: list[dict[str, Any]], head: bytes, patience: float) -> None:
    """Make the tables if there are none; raises SetupError with one line when this is not, or no longer, our ledger.

    ``secrets`` are the rows of a new ledger, ``head`` the digest its chain begins with.
    """
    try:
        patiently(lambda: _prepare(engine, secrets, head), patience)
    except DBAPIError as exc:
        raise SetupError(f"cannot open the ledger {place(engine)}: {_cure(str(exc.orig))}") from exc


def _prepare(engine: Engine, secrets: list[dict[str, Any]], head: bytes) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN")
        try:
            _make(connection, secrets, head)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


def _make(connection: Connection, secrets: list[dict[str, Any]], head: bytes) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(5319021)")  # two first starts at once
    tables = set(inspect(connection).get_table_names())
    if LEDGER.name in tables:
        _check_version(connection)
    elif tables & set(METADATA.tables):
        raise SetupError(f"{place(connection.engine)} holds tables of something else; name another database")
    else:
        METADATA.create_all(connection, checkfirst=False)
        connection.execute(insert(LEDGER), {"id": 1, "version": VERSION})
        connection.execute(insert(SECRET), secrets)
        connection.execute(insert(HEAD), {"id": 1, "number": 0, "digest": head, "entries": 0})


def _check_version(connection: Connection) -> None:
    version = connection.execute(select(LEDGER.c.version)).scalar_one()
    if version > VERSION:
        raise SetupError(
            f"the ledger {place(connection.engine)} has schema version {version}, this program knows {VERSION}: "
            "it was written by a newer release; install that one"
        )


def place(engine: Engine) -> str:
    """Where a ledger lies, for messages; never a password."""
    return engine.url.database or "" if engine.dialect.name == "sqlite" else engine.url.render_as_string()


def _cure(cause: str) -> str:
    cures = {
        "file is not a database": "it is not a database; name another file or restore a backup",
        "unable to open database file": "it cannot be written; make the file and its directory writable",
        "readonly database": "it cannot be written; make the file and its directory writable",
    }
    return next((cure for sign, cure in cures.items() if sign in cause), cause.splitlines()[0])

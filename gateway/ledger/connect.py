"""Where the ledger lies and how it is reached: a SQLite file, or a database server by URL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from contracts.errors import MissingLibrary, SetupError, UpstreamError
from gateway.ledger.patience import may_open_later
from gateway.secret import is_reference, read_text

DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}
"""What a URL may begin with, and the driver that is used for it."""
SILENCE_MS = 10_000
"""After this long without a sign of a server that vanished, a connection to it is given up."""
CONNECT_SECONDS = 3
"""How long a connection to a server may take to be made."""

_SIGNS = (
    ("master key retired", "key_retired"),
    ("ledger replaced", "ledger_replaced"),
    ("locked", "ledger_locked"),
    ("lock timeout", "ledger_locked"),
    ("busy", "ledger_locked"),
    ("full", "disk_full"),
    ("No space", "disk_full"),
    ("I/O error", "disk_failed"),
    ("readonly", "ledger_readonly"),
    ("read-only", "ledger_readonly"),
    ("unable to open", "ledger_readonly"),
    ("fsync = off", "ledger_not_durable"),
)


def locate(ledger: str, password: str = "") -> Path | URL:
    """A file or a URL, from the settings: ``ledger`` is a path, a URL without password, or the reference of a URL;
    ``password`` is a reference or ''. Raises SetupError for what is neither, and where a reference leads nowhere.
    """
    where = read_text(ledger, "ledger URL") if is_reference(ledger) else ledger
    if "://" not in where:
        return Path(where)
    url = parse(where)
    return url.set(password=read_text(password, "ledger password")) if password else url


def parse(text: str) -> URL:
    """A database URL with the driver we use; raises SetupError, never repeating the URL, which may hold a password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise SetupError("the ledger's URL cannot be read; expected postgresql://USER@HOST:PORT/DATABASE") from None
    kind = url.get_backend_name()
    if kind not in DRIVERS:
        raise SetupError(f"a ledger lies in {' or '.join(DRIVERS)}, not in {kind}")
    return url.set(drivername=DRIVERS[kind])


def sqlite_file(url: URL) -> Path | None:
    """The file that a URL names; None for one of a server."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def holds_password(text: str) -> bool:
    """Whether a URL carries a password, as such or as an option."""
    url = parse(text)
    return url.password is not None or any("password" in name for name in url.query)


def connect(where: Path | URL) -> Engine:
    """An engine in autocommit; transactions are begun in words by the writer. Nothing is opened yet."""
    if isinstance(where, Path):
        _check_folder(where)
        where = URL.create(DRIVERS["sqlite"], database=str(where))
    if where.get_backend_name() == "sqlite":
        engine = create_engine(where, isolation_level="AUTOCOMMIT")
        event.listen(engine, "do_connect", _make_private)
        event.listen(engine, "connect", _tune)
        return engine
    try:
        options: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "scoregate",
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": SILENCE_MS,
        }
        # Readers keep connections; pre_ping replaces those that a restart of the server cut.
        return create_engine(where, isolation_level="AUTOCOMMIT", pool_pre_ping=True, connect_args=options)
    except ModuleNotFoundError as exc:
        raise MissingLibrary(exc.name or "psycopg", "pip install 'scoregate[postgresql]'") from exc


def place(engine: Engine) -> str:
    """Where a ledger lies, for messages; never a password."""
    return engine.url.database or "" if engine.dialect.name == "sqlite" else engine.url.render_as_string()


def cure(cause: str) -> str:
    """What a database says when it cannot be opened, in words that say what to do."""
    cures = {
        "file is not a database": "it is not a database; name another file or restore a backup",
        "unable to open database file": "it cannot be written; make the file and its directory writable",
        "readonly database": "it cannot be written; make the file and its directory writable",
        "password authentication failed": "the server refuses the password; see SCOREGATE_LEDGER_PASSWORD",
        "no password supplied": "the server wants a password; see SCOREGATE_LEDGER_PASSWORD",
        "disk is full": "the disk is full; free space",
        "database is locked": "it is locked; end the process that holds it",
        "Connection refused": "no server listens there; start it, or correct SCOREGATE_LEDGER",
    }
    return next((said for sign, said in cures.items() if sign in cause), cause.splitlines()[0])


def category(cause: BaseException) -> str:
    """Why a ledger cannot be had, in a word: what /readyz, the log and the metrics name."""
    return next((word for sign, word in _SIGNS if sign in str(cause)), "ledger_down")


@contextmanager
def clearly(engine: Engine) -> Iterator[None]:
    """Opening a ledger: what the database says becomes SetupError, or UpstreamError where it may pass by itself."""
    try:
        yield
    except DBAPIError as exc:
        message = f"cannot open the ledger {place(engine)}: {cure(str(exc.orig))}"
        if may_open_later(exc):
            raise UpstreamError(message, code=category(exc)) from exc
        raise SetupError(message) from exc


def require_durable(engine: Engine) -> None:
    """Raises SetupError where the database would lose what it said is on its disk."""
    if engine.dialect.name != "sqlite":
        with engine.connect() as connection:
            insist_on_durability(connection.connection.driver_connection)


def insist_on_durability(driver: Any) -> None:
    """See to it that COMMIT means on disk, whatever the server's defaults are; raises SetupError where it cannot."""
    if driver.execute("SHOW synchronous_commit").fetchone()[0] == "off":
        driver.execute("SET synchronous_commit = on")
    if driver.execute("SHOW fsync").fetchone()[0] == "off":
        raise SetupError("the ledger's server runs with fsync = off and would lose what was answered; turn it on")


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise SetupError(f"the ledger's directory {path.parent} does not exist; make it or name another")
    if path.is_dir():
        raise SetupError(f"the ledger {path} is a directory; name a file")


def _make_private(_dialect: object, _record: object, arguments: list[Any], _options: object) -> None:
    """Make the file for its owner only before SQLite makes it for all; what SQLite puts beside it takes its mode.

    Only where there is none: to close a file that is open elsewhere in this process gives up every lock the process
    holds on it, and another process would take the ledger for unused and delete its write-ahead log.
    """
    with suppress(OSError):  # it is there, or SQLite says what is wrong with the place
        os.close(os.open(arguments[0], os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


_KEPT_LOG = 256 << 20
"""Bytes of the log's file that are kept when it starts anew. It grows to 150 MB between two check-points under load;
cut shorter than that, it would take room from the file system again each time, and the commits would wait for that.
"""


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
        f"journal_size_limit={_KEPT_LOG}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()

"""A connection to a legacy database through ODBC.

pyodbc is imported here alone, and only when a connection is opened: a gateway without such a database needs neither it
nor a driver manager.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from adapters.odbc.dialects import Dialect, dialect_of
from adapters.odbc.drivers import driver_of
from adapters.odbc.faults import DatabaseFault, Verdict, as_error, judge
from adapters.odbc.keys import connection_string, database_file, refused_driver, seconds
from adapters.odbc.watch import Watch, opened_sockets, target_of
from contracts.errors import ConfigurationError, MissingLibrary, ScoregateError
from contracts.source import nearest

if TYPE_CHECKING:
    import socket

    import pyodbc

    from gateway.spi import Connection


GRACE_SECONDS: Final = 5
"""What is waited beyond the time a statement may take, before a server that does not end it counts as gone."""


class Facts(NamedTuple):
    """What SQLGetInfo says."""

    driver: str
    driver_version: str
    odbc: str
    dbms: str
    version: str
    database: str
    user: str
    quote: str
    read_only: bool
    longest_name: int


@dataclass(slots=True)
class Link:
    """One open connection. Every method raises DatabaseFault, and nothing else for what a database does.

    A transaction begins with the first statement and ends with ``commit`` or ``rollback``; after a fault it must be
    rolled back. Values of rows are what ``rows`` of this adapter takes: exact numbers as Decimal or text, never a float
    but for a column that is one.
    """

    name: str
    native: pyodbc.Connection
    facts: Facts
    dialect: Dialect
    watch: Watch

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; how many rows it met, or -1 where the driver does not say."""
        with self.judged():
            cursor = self.native.execute(sql, *map(self.dialect.given, parameters))
            try:
                return int(cursor.rowcount)
            finally:
                cursor.close()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Sequence[Any]]:
        """The rows of one SELECT."""
        with self.judged():
            cursor = self.native.execute(sql, *map(self.dialect.given, parameters))
            try:
                return list(cursor.fetchall())
            finally:
                cursor.close()

    def commit(self) -> None:
        with self.judged():
            self.native.commit()

    def rollback(self) -> None:
        with self.judged():
            self.native.rollback()

    def close(self) -> None:
        """Close, whatever state it is in; what was not committed is undone."""
        import pyodbc

        try:
            self.native.close()
        except pyodbc.Error:
            return  # it is gone already
        finally:
            self.watch.end()

    @contextmanager
    def judged(self) -> Iterator[None]:
        """Errors of pyodbc in the block are raised as DatabaseFault; a wait in it that never ends is one."""
        import pyodbc

        try:
            with self.watch.waiting():
                yield
        except pyodbc.Error as exc:
            raise judge(exc, f"{self.facts.driver} {self.facts.dbms}") from None
        except UnicodeError:
            text = "a text is not in the code page its connection was opened with"
            raise DatabaseFault(Verdict.ROW, "22021", 0, text) from None
        except (ValueError, OverflowError):
            text = "a value cannot be read or written as its column's type"
            raise DatabaseFault(Verdict.ROW, "22000", 0, text) from None


def open_link(connection: Connection) -> Link:
    """Connect, set the session up, and say what was found.

    Raises MissingLibrary for a missing library, driver manager or driver, ConfigurationError for what is wrong for
    good, at its place in the file, and UpstreamError for what may pass.
    """
    behind = _behind(connection)
    words = connection_string(connection, behind)
    with _sockets(connection, behind) as sockets:
        native = _connect(connection, words)
    watch = Watch(sockets, seconds(connection, "statement") + GRACE_SECONDS)
    driver = str(connection.section.get("driver") or connection.section.get("dsn"))
    try:
        return _set_up(connection, native, watch)
    except DatabaseFault as fault:
        _give_up(native, watch)
        raise placed(connection, fault) from None
    except ConfigurationError:
        _give_up(native, watch)
        raise
    except _pyodbc().Error as exc:
        _give_up(native, watch)
        raise placed(connection, judge(exc, driver)) from None


def placed(connection: Connection, fault: DatabaseFault) -> ScoregateError:
    """A fault of this connection as our error, at the place of the connection where somebody must mend it."""
    error = as_error(fault, f"the connection {connection.name}")
    if isinstance(error, ConfigurationError) and error.faults:
        return ConfigurationError([connection.fault((), one.message, one.hint) for one in error.faults])
    return error


def _give_up(native: pyodbc.Connection, watch: Watch) -> None:
    with suppress(_pyodbc().Error):
        native.close()
    watch.end()


def _set_up(connection: Connection, native: pyodbc.Connection, watch: Watch) -> Link:
    facts = facts_of(native)
    if faults := list(refused_driver(connection, facts.driver)):
        raise ConfigurationError(faults)
    dialect = dialect_of(facts.dbms, facts.version, facts.quote)
    link = Link(connection.name, native, facts, dialect, watch)
    if dialect.bytes_out:
        native.setencoding("utf-8", ctype=_pyodbc().SQL_CHAR)
    for kind in dialect.raw:
        native.add_output_converter(kind, as_text)
    longest = seconds(connection, "statement")
    if not any("{seconds}" in statement for statement in dialect.session):
        with suppress(_pyodbc().Error):  # a driver that keeps no time is bound by what its server allows
            native.timeout = longest
    for statement in dialect.session:
        link.execute(statement.format(seconds=longest))
    link.commit()
    _check_code_page(connection, link)
    return link


def _check_code_page(connection: Connection, link: Link) -> None:
    """Raises ConfigurationError where texts would pass through one that has not every letter."""
    if not link.dialect.code_page:
        return
    ((found,),) = link.rows(link.dialect.code_page)
    link.rollback()
    if not str(found).lower().startswith("utf8mb4"):
        message = f"texts would pass through the code page {found}, and letters it lacks would become question marks"
        raise ConfigurationError([connection.fault(("options",), message, "say CHARSET: utf8mb4, or leave it out")])


def as_text(stored: bytes | None) -> str | bytes | None:
    """What a driver gives of a column whose stored bytes are asked for: text, or the bytes themselves where they are
    not UTF-8, so that one such row is one such row.
    """
    if stored is None:
        return None
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return stored


def facts_of(native: pyodbc.Connection) -> Facts:
    import pyodbc as odbc

    texts = [
        str(native.getinfo(kind)).strip("\0")
        for kind in (
            odbc.SQL_DRIVER_NAME, odbc.SQL_DRIVER_VER, odbc.SQL_DRIVER_ODBC_VER, odbc.SQL_DBMS_NAME, odbc.SQL_DBMS_VER,
            odbc.SQL_DATABASE_NAME, odbc.SQL_USER_NAME, odbc.SQL_IDENTIFIER_QUOTE_CHAR,
        )
    ]  # fmt: skip
    read_only = bool(native.getinfo(odbc.SQL_DATA_SOURCE_READ_ONLY))
    driver, driver_version, version, dbms, dbms_version, database, user, quote = texts
    longest = int(native.getinfo(odbc.SQL_MAX_COLUMN_NAME_LEN))
    return Facts(driver, driver_version, version, dbms, dbms_version, database, user, quote, read_only, longest)


# ---- connecting ------------------------------------------------------------------------------------------------------


def _pyodbc() -> Any:
    """The library; raises MissingLibrary where it, or the driver manager it is linked with, is not there."""
    try:
        import pyodbc
    except ModuleNotFoundError as exc:
        raise MissingLibrary("pyodbc", "pip install 'scoregate[odbc]'") from exc
    except ImportError as exc:
        raise MissingLibrary(f"the driver manager unixODBC ({exc})", "apt-get install unixodbc") from exc
    return pyodbc


def _sockets(connection: Connection, behind: str) -> AbstractContextManager[list[socket.socket]]:
    """Those it is about to open, told by where they go as far as its section says: odbc.ini is not looked into."""
    section = connection.section
    driver = driver_of(str(section.get("driver", behind)))
    if driver.file:
        return nullcontext([])
    port = 0 if "dsn" in section else driver.listens
    return opened_sockets(target_of(str(section.get("server", "")), int(section.get("port", port))))


def _behind(connection: Connection) -> str:
    """The driver of the data source a connection names, as odbc.ini has it; empty where it names none."""
    wanted = str(connection.section.get("dsn", "")).lower()
    sources = _pyodbc().dataSources() if wanted else {}
    return next((str(driver) for name, driver in sources.items() if name.lower() == wanted), "")


def _connect(connection: Connection, words: str) -> pyodbc.Connection:
    odbc = _pyodbc()
    odbc.pooling = False  # a connection that was closed is closed: pooled ones outlive a change of their session
    driver = str(connection.section.get("driver") or connection.section.get("dsn"))
    try:
        found: pyodbc.Connection = odbc.connect(words, autocommit=False, timeout=seconds(connection, "login"))
    except odbc.Error as exc:
        raise _not_connected(connection, judge(exc, driver), odbc) from None
    return found


def _not_connected(connection: Connection, fault: DatabaseFault, odbc: Any) -> ScoregateError:
    section, text = connection.section, fault.text.lower()
    name = str(section.get("driver", ""))
    if "can't open lib" in text or fault.state == "IM003":
        known = odbc.drivers()
        hint = nearest(name, known) or f"registered here: {', '.join(known) or 'none'}"
        return MissingLibrary(f"the ODBC driver {name!r} ({hint})", driver_of(name).package)
    if fault.state == "IM002":
        known = list(odbc.dataSources())
        hint = nearest(str(section.get("dsn", "")), known) or f"there are: {', '.join(known) or 'none'}"
        return ConfigurationError([connection.fault(("dsn",), "odbc.ini has no such data source", hint)])
    if driver_of(name or _behind(connection)).file and fault.native == 14 and "database" in section:
        path = database_file(connection)
        return ConfigurationError([connection.fault(("database",), f"the file {path} is not there, or not readable")])
    return placed(connection, fault)

"""What databases differ in, as data: one row per DBMS. Statements are made of it, and of nothing else.

``tested`` means that this project's tests run against such a server through the driver named here. An ``untested``
row was written from the vendor's manual: it starts, says so, and asks for a trial before it decides anything real.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Literal

from adapters.odbc import catalogs
from adapters.odbc.catalogs import Catalog
from adapters.odbc.tables import Kind

Claim = Literal["skip_locked", "readpast", "compare_and_swap"]
MOST_PARAMETERS: Final = 32_767
"""pyodbc counts them in 16 bits, whatever the database takes."""
_ALL_BUT_BINARY: Final = (4, 5, -6, -5, 2, 3, 6, 7, 8, 91, 92, 93, 9, 10, 11, -7, 1, 12, -1, -8, -9, -10)
"""Every SQL type code that is not binary."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One DBMS.

    ``first_rows`` limits a SELECT to ``{most}`` rows, before its columns and at its end. ``lock`` and ``hint`` stand
    behind a claiming SELECT and behind its table. ``clock`` gives the time of the database in UTC by kind of column,
    ``lease_end`` the same in ``{seconds}``. ``reads`` says how a column of a kind is read where its value would not
    arrive as it is stored; ``raw`` names SQL types whose stored bytes are taken, and read as text in UTF-8. ``session``
    are statements that every new connection begins with. ``notes`` are what somebody who looks after it
    should know.
    """

    name: str
    dbms: tuple[str, ...]
    """Words that name it, as SQL_DBMS_NAME says them, in small letters."""
    status: Literal["tested", "untested"]
    claim: Claim
    reason: str
    quotes: tuple[str, str] = ('"', '"')
    first_rows: tuple[str, str] = ("", " FETCH FIRST {most} ROWS ONLY")
    one_row: str = " OFFSET {before} ROWS FETCH FIRST 1 ROWS ONLY"
    """The end of a SELECT that gives one row and passes over those before it; empty where it cannot be said so."""
    hint: str = ""
    lock: str = ""
    one_state: str = "{column} = ?"
    """That a row has one state, in a SELECT of the first such rows in order; each parameter is the state."""
    few: str = "{column} = ?"
    """That a row is claimed, as few are."""
    clock: Mapping[str, str] = field(default_factory=dict)
    lease_end: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    raw: tuple[int, ...] = ()
    code_page: str = ""
    """A SELECT of the code page that texts pass through, where a connection's options or data source may choose one:
    in any but utf8mb4 letters are lost without a word."""
    numbers_of_texts: bool = False
    """Whether a text is made a number to be compared with one, whatever it says: 17 of ``17B``, 0 of ``B``."""
    no_number: str = ""
    """Then a value that can be compared with a text, and with a number not at all."""
    bytes_out: bool = False
    """Whether texts are given to the driver in UTF-8, because it does wrong by them in UTF-16."""
    moments: Literal["native", "text", "text with zone"] = "native"
    """How a point of time is given to the driver, always in UTC."""
    session: tuple[str, ...] = ()
    parameters: int = 2000
    rows: int = 1
    """Rows that one INSERT … VALUES takes; 1 where it takes a single one."""
    schemas: Literal["schemas", "catalogs"] = "schemas"
    """What ``schema.table`` names in ODBC's terms."""
    catalog: Catalog | None = None
    """How the database's own catalog is read; None where the driver's catalog functions tell it."""
    types: str = ""
    """Beside those functions, a SELECT of name and type of each column; parameters: table, schema or NULL."""
    temporary: str = ""
    """How a temporary table is made, for a probe; empty where that is not known."""
    decimal_digits: int = 38
    """Digits of a decimal that are kept exactly."""
    notes: tuple[str, ...] = ()

    def quote(self, name: str) -> str:
        """The name of a table as an identifier, letter for letter; ``schema.table`` part by part.

        >>> POSTGRESQL.quote("core.Credit Request")
        '"core"."Credit Request"'
        """
        return ".".join(map(self.column, name.split(".")))

    def column(self, name: str) -> str:
        """The name of a column as an identifier; a point in it is a letter like others.

        >>> POSTGRESQL.column("Income p.a.")
        '"Income p.a."'
        """
        start, end = self.quotes
        return f"{start}{name.replace(end, end * 2)}{end}"

    def first(self, select: str, most: int) -> str:
        """A SELECT that gives at most so many rows."""
        head, tail = (part.format(most=most) for part in self.first_rows)
        return f"SELECT {head}{select.removeprefix('SELECT ')}{tail}"

    def now(self, kind: Kind) -> str:
        """The time of the database, as a column of this kind holds it."""
        return self.clock.get(kind, self.clock["timestamp"])

    def later(self, kind: Kind, seconds: float) -> str:
        """The same, so many seconds from now."""
        return self.lease_end.get(kind, self.lease_end["timestamp"]).format(seconds=round(seconds))

    def given(self, value: object) -> object:
        """A value as the driver takes it: pyodbc drops the zone of a point of time, and with it what was meant."""
        if type(value) is not datetime:
            return value
        moment = value if value.tzinfo is None else value.astimezone(UTC)
        if self.moments != "text with zone":
            moment = moment.replace(tzinfo=None)
        return moment if self.moments == "native" else moment.isoformat(" ")

    def read(self, name: str, kind: Kind) -> str:
        """How a column is read: quoted, and as text where its own form would not arrive as it is stored."""
        return self.reads.get(kind, "{column}").format(column=self.column(name))


_TEXT: Final = "CAST({column} AS varchar(64))"
POSTGRESQL: Final = Dialect(
    "PostgreSQL",
    ("postgresql",),
    "tested",
    "skip_locked",
    "FOR UPDATE SKIP LOCKED, since 9.5: rows that another gateway is claiming are passed over",
    first_rows=("", " LIMIT {most}"),
    one_row=" LIMIT 1 OFFSET {before}",
    lock=" FOR UPDATE SKIP LOCKED",
    one_state="{column} BETWEEN ? AND ?",  # with "=" it may walk the key's index past every row that is done
    clock={"timestamp": "(statement_timestamp() AT TIME ZONE 'UTC')", "timestamp-tz": "statement_timestamp()"},
    lease_end={
        "timestamp": "(statement_timestamp() AT TIME ZONE 'UTC' + INTERVAL '{seconds} seconds')",
        "timestamp-tz": "(statement_timestamp() + INTERVAL '{seconds} seconds')",
    },
    reads=dict.fromkeys(("date", "time", "timestamp", "timestamp-tz"), _TEXT),
    moments="text with zone",
    session=(
        "SET TIME ZONE 'UTC'",
        "SET DateStyle TO 'ISO, YMD'",
        "SET lock_timeout TO '10s'",
        "SET statement_timeout TO '{seconds}s'",
    ),
    parameters=7000,
    rows=1000,
    catalog=catalogs.POSTGRESQL,
    temporary="CREATE TEMPORARY TABLE {table}",
    decimal_digits=1000,
    notes=(
        "libpq gives the connection up when a statement of more than 7,498 parameters is described to it",
        "psqlodbc makes today of the date 'infinity' and loses every year past 9999, so dates are read as text",
    ),
)
MARIADB: Final = Dialect(
    "MariaDB",
    ("mariadb",),
    "tested",
    "skip_locked",
    "FOR UPDATE SKIP LOCKED, since 10.6: rows that another gateway is claiming are passed over",
    quotes=("`", "`"),
    first_rows=("", " LIMIT {most}"),
    one_row=" LIMIT 1 OFFSET {before}",
    lock=" FOR UPDATE SKIP LOCKED",
    clock={"timestamp": "UTC_TIMESTAMP(6)"},
    lease_end={"timestamp": "(UTC_TIMESTAMP(6) + INTERVAL {seconds} SECOND)"},
    reads={"timestamp-tz": "CONCAT(CAST({column} AS char(32)), '+00:00')"},
    raw=(7, 91, 92, 93),
    code_page="SELECT @@character_set_results",
    numbers_of_texts=True,
    no_number="CAST('::' AS INET6)",
    bytes_out=True,
    moments="text",
    session=(
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
        "NO_ENGINE_SUBSTITUTION'",
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET SESSION innodb_lock_wait_timeout = 10",
        "SET SESSION max_statement_time = {seconds}",
    ),
    parameters=MOST_PARAMETERS,
    rows=1000,
    schemas="catalogs",
    types="SELECT COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS"
    " WHERE TABLE_NAME = ? AND TABLE_SCHEMA = COALESCE(?, DATABASE())",
    temporary="CREATE TEMPORARY TABLE {table}",
    decimal_digits=65,
    notes=(
        "a zero byte ends a text that is read: odbc-mariadb takes it for the end; none is ever written",
        "texts are written in UTF-8: of long ones in UTF-16 odbc-mariadb 3.1 loses letters without a word",
        "a date of zeros (0000-00-00) arrives as that text, and is no date to the mapping",
        "values are written strictly, whatever the server's sql_mode: nothing is cut or rounded to fit",
        "points of time are written as text: odbc-mariadb drops the fraction of a second of one that is not",
    ),
)
MYSQL: Final = replace(
    MARIADB,
    name="MySQL",
    dbms=("mysql",),
    status="untested",
    reason="FOR UPDATE SKIP LOCKED, since 8.0.1: rows that another gateway is claiming are passed over",
    session=(*MARIADB.session[:-1], "SET SESSION max_execution_time = {seconds}000"),
)
SQLITE: Final = Dialect(
    "SQLite",
    ("sqlite",),
    "tested",
    "compare_and_swap",
    "SQLite lets one connection write at a time: an UPDATE that names the waiting state claims a row once",
    quotes=("`", "`"),
    first_rows=("", " LIMIT {most}"),
    one_row=" LIMIT 1 OFFSET {before}",
    few="unlikely({column} = ?)",  # its statistics know one number for all states, and that may say to read all rows
    clock={"timestamp": "strftime('%Y-%m-%d %H:%M:%f', 'now')"},
    lease_end={"timestamp": "strftime('%Y-%m-%d %H:%M:%f', 'now', '+{seconds} seconds')"},
    raw=_ALL_BUT_BINARY,
    moments="text with zone",
    parameters=32_766,
    rows=500,
    temporary="CREATE TEMPORARY TABLE {table}",
    decimal_digits=15,
    notes=(
        "a name in double quotes that no column has is a text to SQLite, so names stand in backticks",
        "its driver makes floats of NUMERIC, 0.0 or NULL of what is no number, and no date of what is none: so every "
        "column is read as the text that is stored",
        "SQLite itself keeps NUMERIC and DECIMAL as binary floats, exact for 15 digits; declare longer ones as text",
        "a zero byte ends a text that is read: libsqliteodbc takes it for the end; none is ever written",
    ),
)
SQL_SERVER: Final = Dialect(
    "SQL Server",
    ("microsoft sql server", "sql server"),
    "untested",
    "readpast",
    "WITH (UPDLOCK, READPAST, ROWLOCK): rows that another gateway is claiming are passed over",
    quotes=("[", "]"),
    first_rows=("TOP ({most}) ", ""),
    hint=" WITH (UPDLOCK, READPAST, ROWLOCK)",
    clock={"timestamp": "SYSUTCDATETIME()", "timestamp-tz": "SYSDATETIMEOFFSET()"},
    lease_end={
        "timestamp": "DATEADD(second, {seconds}, SYSUTCDATETIME())",
        "timestamp-tz": "DATEADD(second, {seconds}, SYSDATETIMEOFFSET())",
    },
    reads={"timestamp-tz": "CONVERT(varchar(40), {column}, 127)"},
    session=("SET XACT_ABORT ON", "SET LOCK_TIMEOUT 10000", "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"),
    parameters=2000,
    rows=1000,
    notes=("takes 2,100 parameters in a statement, some of which the driver needs",),
)
DB2: Final = Dialect(
    "Db2",
    ("db2", "as400", "as/400", "qsq"),
    "untested",
    "compare_and_swap",
    "an ordered cursor cannot be FOR UPDATE: an UPDATE that names the waiting state claims a row once",
    clock={"timestamp": "(CURRENT TIMESTAMP - CURRENT TIMEZONE)"},
    lease_end={"timestamp": "(CURRENT TIMESTAMP - CURRENT TIMEZONE + {seconds} SECONDS)"},
    rows=500,
    decimal_digits=31,
)
ORACLE: Final = Dialect(
    "Oracle",
    ("oracle",),
    "untested",
    "compare_and_swap",
    "FOR UPDATE does not go with FETCH FIRST: an UPDATE that names the waiting state claims a row once",
    clock={"timestamp": "SYS_EXTRACT_UTC(SYSTIMESTAMP)", "timestamp-tz": "SYSTIMESTAMP"},
    lease_end={
        "timestamp": "(SYS_EXTRACT_UTC(SYSTIMESTAMP) + NUMTODSINTERVAL({seconds}, 'SECOND'))",
        "timestamp-tz": "(SYSTIMESTAMP + NUMTODSINTERVAL({seconds}, 'SECOND'))",
    },
    session=("ALTER SESSION SET TIME_ZONE = '+00:00'", "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'"),
    parameters=1000,
    notes=("an empty text is NULL in Oracle: the mapping sees it as absent",),
)
INFORMIX: Final = Dialect(
    "Informix",
    ("informix",),
    "untested",
    "compare_and_swap",
    "an UPDATE that names the waiting state claims a row once",
    first_rows=("FIRST {most} ", ""),
    one_row="",
    clock={"timestamp": "CURRENT YEAR TO FRACTION(5)"},
    lease_end={"timestamp": "(CURRENT YEAR TO FRACTION(5) + {seconds} UNITS SECOND)"},
    session=("SET LOCK MODE TO WAIT 10",),
    decimal_digits=32,
    notes=(
        "quoted names need DELIMIDENT=y in the environment or the connection's options",
        "its clock is the server's own: a change of the hour makes leases an hour longer or shorter, never a double",
    ),
)
SYBASE: Final = Dialect(
    "Sybase ASE",
    ("adaptive server", "sybase", "ase"),
    "untested",
    "compare_and_swap",
    "an UPDATE that names the waiting state claims a row once",
    first_rows=("TOP {most} ", ""),
    one_row="",
    clock={"timestamp": "getutcdate()"},
    lease_end={"timestamp": "dateadd(second, {seconds}, getutcdate())"},
    session=("SET QUOTED_IDENTIFIER ON", "SET LOCK WAIT 10"),
    notes=("a single blank stands for an empty text",),
)
STANDARD: Final = Dialect(
    "SQL:2008",
    (),
    "untested",
    "compare_and_swap",
    "the database is not in our table: only what the standard promises is used",
    clock={"timestamp": "LOCALTIMESTAMP", "timestamp-tz": "CURRENT_TIMESTAMP"},
    lease_end={
        "timestamp": "(LOCALTIMESTAMP + INTERVAL '{seconds}' SECOND)",
        "timestamp-tz": "(CURRENT_TIMESTAMP + INTERVAL '{seconds}' SECOND)",
    },
    parameters=250,
    notes=("its clock is the server's local one", "say what you find out: a row in adapters/odbc/dialects.py is all"),
)
DIALECTS: Final = (POSTGRESQL, MARIADB, MYSQL, SQLITE, SQL_SERVER, DB2, ORACLE, INFORMIX, SYBASE)
_SINCE: Final[Mapping[str, tuple[int, ...]]] = {"PostgreSQL": (9, 5), "MariaDB": (10, 6), "MySQL": (8, 0, 1)}
"""From which version on the claim strategy of a row is there."""


def dialect_of(dbms: str, version: str, quote: str = "") -> Dialect:
    """The row for what SQLGetInfo says: SQL_DBMS_NAME, SQL_DBMS_VER and SQL_IDENTIFIER_QUOTE_CHAR."""
    name = dbms.lower()
    for dialect in DIALECTS:
        if any(name.startswith(word) for word in dialect.dbms):
            return _of_version(dialect, version)
    return replace(STANDARD, quotes=(quote, quote)) if quote.strip() else STANDARD


def _of_version(dialect: Dialect, version: str) -> Dialect:
    since = _SINCE.get(dialect.name, ())
    if _numbers(version) >= since:
        return dialect
    needed = ".".join(map(str, since))
    reason = f"{version} is older than {needed}: an UPDATE that names the waiting state claims a row once"
    return replace(dialect, claim="compare_and_swap", reason=reason, lock="", hint="", status="untested")


def _numbers(version: str) -> tuple[int, ...]:
    """``10.11.000019`` as numbers; what is none counts as 0."""
    return tuple(int(part) if part.isascii() and part.isdigit() else 0 for part in version.split("."))

"""What a database says went wrong, and who must act: by SQLSTATE, and by the driver's own code where that is vague.

A driver's text may quote the row it is about, so none is passed on where a value can stand in it; what is named then
is the column, type or constraint it tells of. Both ways: ``judge`` reads an error of the driver, ``as_error`` makes
ours of it, ``outcome`` says what one of ours does to the row that waits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

from contracts.errors import (
    CallerError,
    ConfigurationError,
    Fault,
    InternalFault,
    ScoregateError,
    UpstreamError,
)

RETRY_SECONDS: Final = 5


class Verdict(StrEnum):
    """``TRANSIENT``: the transaction is undone, the same again may pass. ``LOST``: so, on a new connection. ``ROW``:
    this value, or this row, will never pass; its neighbours may. ``SETUP``: somebody must change rights, tables or
    configuration.
    """

    TRANSIENT = "transient"
    LOST = "lost"
    ROW = "row"
    SETUP = "setup"


class DatabaseFault(Exception):
    """One refusal of a database. ``text`` holds no value of a row; ``code`` is stable, for the row's error column."""

    def __init__(self, verdict: Verdict, state: str, native: int, text: str) -> None:
        super().__init__(f"{text} (SQLSTATE {state}{f', {native}' if native else ''})")
        self.verdict, self.state, self.native, self.text = verdict, state, native, text

    @property
    def code(self) -> str:
        return _CODES[self.verdict]


_CODES: Final = {
    Verdict.TRANSIENT: "database_busy",
    Verdict.LOST: "database_down",
    Verdict.ROW: "answer_unwritable",
    Verdict.SETUP: "database_refuses",
}
STATES: Final[Mapping[str, Verdict]] = {
    "01000": Verdict.SETUP,  # unixODBC: the driver's library cannot be opened
    "08001": Verdict.LOST,
    "08002": Verdict.SETUP,
    "08003": Verdict.LOST,
    "08004": Verdict.LOST,
    "08006": Verdict.LOST,
    "08007": Verdict.LOST,
    "08S01": Verdict.LOST,
    "22018": Verdict.ROW,
    "25006": Verdict.SETUP,
    "25P03": Verdict.LOST,  # PostgreSQL: idle in a transaction for too long
    "25P04": Verdict.LOST,  # PostgreSQL: a transaction that took too long
    "40002": Verdict.ROW,  # an integrity constraint that is checked at the end of the transaction
    "40003": Verdict.LOST,  # whether the statement was done is unknown
    "55P03": Verdict.TRANSIENT,
    "57014": Verdict.TRANSIENT,
    "57P01": Verdict.LOST,
    "57P02": Verdict.LOST,
    "57P03": Verdict.LOST,
    "57P04": Verdict.SETUP,
    "57033": Verdict.TRANSIENT,  # Db2: deadlock or time-out, nothing undone
    "HY000": Verdict.SETUP,
    "HY001": Verdict.TRANSIENT,
    "HY008": Verdict.TRANSIENT,
    "HY014": Verdict.TRANSIENT,
    "HY018": Verdict.LOST,  # MariaDB: the connection was killed
    "HY117": Verdict.LOST,
    "HYT00": Verdict.TRANSIENT,
    "HYT01": Verdict.LOST,
    "S1T00": Verdict.TRANSIENT,
    "IM001": Verdict.SETUP,
}
CLASSES: Final[Mapping[str, Verdict]] = {
    "01": Verdict.SETUP,  # a warning where an error was told
    "02": Verdict.SETUP,  # no data
    "03": Verdict.SETUP,  # a statement that is not complete yet
    "07": Verdict.SETUP,  # parameters or columns do not fit the statement
    "08": Verdict.LOST,  # connection
    "09": Verdict.ROW,  # a trigger failed
    "0A": Verdict.SETUP,  # not supported
    "0B": Verdict.TRANSIENT,  # a transaction that cannot begin
    "0F": Verdict.SETUP,  # locators
    "0L": Verdict.SETUP,  # grants
    "0P": Verdict.SETUP,  # roles
    "0Z": Verdict.SETUP,  # diagnostics
    "10": Verdict.ROW,  # XQuery
    "20": Verdict.ROW,  # a CASE of a trigger that met nothing
    "21": Verdict.SETUP,  # cardinality
    "22": Verdict.ROW,  # data
    "23": Verdict.ROW,  # constraint
    "24": Verdict.SETUP,  # cursor state
    "25": Verdict.TRANSIENT,  # transaction state
    "26": Verdict.TRANSIENT,
    "27": Verdict.ROW,  # a trigger changed the data
    "28": Verdict.SETUP,  # who calls is not let in
    "2B": Verdict.SETUP,  # privileges others depend on
    "2F": Verdict.ROW,  # a routine of SQL failed
    "38": Verdict.ROW,  # an external routine failed
    "39": Verdict.ROW,
    "3B": Verdict.TRANSIENT,  # savepoints
    "3C": Verdict.SETUP,  # cursor name
    "2D": Verdict.TRANSIENT,  # transaction termination
    "34": Verdict.SETUP,
    "3D": Verdict.SETUP,  # catalog name
    "3F": Verdict.SETUP,  # schema name
    "40": Verdict.TRANSIENT,  # the transaction was rolled back: deadlock, serialization
    "42": Verdict.SETUP,  # syntax, rights, names
    "44": Verdict.ROW,  # a view's WITH CHECK OPTION
    "53": Verdict.TRANSIENT,  # PostgreSQL: memory, disk, too many connections
    "54": Verdict.SETUP,  # a limit of the program
    "55": Verdict.TRANSIENT,  # object not in the state needed, locks
    "57": Verdict.LOST,  # an operator stepped in
    "58": Verdict.LOST,  # system error
    "72": Verdict.TRANSIENT,  # Oracle: a snapshot too old
    "P0": Verdict.ROW,  # PostgreSQL: a trigger raised it
    "45": Verdict.ROW,  # MariaDB and MySQL: a trigger raised it
    "XX": Verdict.LOST,  # PostgreSQL: internal
    "F0": Verdict.SETUP,  # PostgreSQL: its configuration file
    "HV": Verdict.SETUP,  # foreign data
    "HY": Verdict.SETUP,
    "IM": Verdict.SETUP,  # driver manager
    "S1": Verdict.SETUP,  # ODBC 2
}
"""By the first two letters, where the state itself is not listed. ISO/IEC 9075-2, 24.1; ODBC's own: HY, IM, S1."""
NATIVE: Final[Mapping[tuple[str, ...], Mapping[int, Verdict]]] = {
    ("sqlite",): {
        5: Verdict.TRANSIENT,  # SQLITE_BUSY
        6: Verdict.TRANSIENT,  # SQLITE_LOCKED
        7: Verdict.TRANSIENT,  # SQLITE_NOMEM
        9: Verdict.TRANSIENT,  # SQLITE_INTERRUPT
        10: Verdict.LOST,  # SQLITE_IOERR
        13: Verdict.TRANSIENT,  # SQLITE_FULL
        14: Verdict.SETUP,  # SQLITE_CANTOPEN
        18: Verdict.ROW,  # SQLITE_TOOBIG
        19: Verdict.ROW,  # SQLITE_CONSTRAINT
        20: Verdict.ROW,  # SQLITE_MISMATCH
    },
    ("maria", "maodbc", "mysql", "myodbc"): {
        1020: Verdict.TRANSIENT,  # the record has changed since it was read
        1021: Verdict.TRANSIENT,  # disk full
        1037: Verdict.TRANSIENT,  # memory
        1040: Verdict.TRANSIENT,  # too many connections
        1041: Verdict.TRANSIENT,
        1053: Verdict.LOST,  # the server shuts down
        1158: Verdict.LOST,
        1159: Verdict.LOST,
        1160: Verdict.LOST,
        1161: Verdict.LOST,
        1203: Verdict.TRANSIENT,  # the user's connections are used up
        1205: Verdict.TRANSIENT,  # lock time-out
        1206: Verdict.TRANSIENT,
        1213: Verdict.TRANSIENT,  # deadlock
        1226: Verdict.TRANSIENT,
        1264: Verdict.ROW,
        1290: Verdict.SETUP,  # the server is read-only
        1364: Verdict.SETUP,  # a column without a default that nobody declared
        1927: Verdict.LOST,  # the connection was killed
        1969: Verdict.TRANSIENT,  # max_statement_time
        2002: Verdict.LOST,
        2003: Verdict.LOST,
        2005: Verdict.LOST,
        2006: Verdict.LOST,
        2013: Verdict.LOST,
        2055: Verdict.LOST,
        3024: Verdict.TRANSIENT,
        4025: Verdict.ROW,  # a CHECK
        4031: Verdict.LOST,
    },
    ("sql server", "msodbcsql"): {
        1205: Verdict.TRANSIENT,
        1222: Verdict.TRANSIENT,
        3906: Verdict.SETUP,
        18456: Verdict.SETUP,
    },
}
"""Codes of drivers that have one SQLSTATE for everything, by words in the name of the driver or DBMS."""
_REFUSED_ENTRY: Final = re.compile(
    r"authentication failed|no pg_hba\.conf entry|role .* (does not exist|is not permitted)|database .* does not exist"
    r"|no password supplied|requires a peer certificate|SSL .*not enabled",
    re.IGNORECASE,
)
"""libpq has no state for these: it says 08001 for whatever keeps a connection from standing."""
_GONE: Final = re.compile(
    r"server closed the connection|connection (has been |was |to the server was )?lost|no connection to the server"
    r"|could not (send|receive) data|server has gone away|broken pipe|connection reset"
    r"|terminating connection|lost synchronization with server|internal SAVEPOINT failed",
    re.IGNORECASE,
)
"""psqlodbc has a state of its own for each place where it notices that, some of them for anything."""
_NATIVE: Final = re.compile(r"\((-?\d{1,9})\) \(SQL\w+\)\s*$")
_ORIGIN: Final = re.compile(r"\A(?:\[[^\]]*\]\s*)+")


def judge(error: BaseException, driver: str = "") -> DatabaseFault:
    """An error of pyodbc, as what it means; ``driver`` is the name of the driver or DBMS, for its own codes."""
    state, message = _said(error)
    found = _NATIVE.search(message)
    native = int(found[1]) if found else 0
    verdict = _verdict(state, native, driver.lower(), message)
    text = message[: found.start()] if found else message
    return DatabaseFault(verdict, state, native, _told(state, verdict, _ORIGIN.sub("", text).strip()))


def as_error(fault: DatabaseFault, where: str) -> ScoregateError:
    """Ours, for whoever waits for the database: ``where`` names the connection. It never says more than ``text``."""
    message = f"{where}: {fault}"
    match fault.verdict:
        case Verdict.TRANSIENT | Verdict.LOST:
            return UpstreamError(message, code=fault.code, retry_after=RETRY_SECONDS)
        case Verdict.ROW:
            return InternalFault(message, code=fault.code)
        case Verdict.SETUP:
            return ConfigurationError([Fault("", 0, 0, message, _hint(fault))])


def outcome(error: ScoregateError) -> Literal["failed", "waiting"]:
    """What becomes of the row that met an error of ours: told to its writer, or asked again by itself.

    What an upstream or an installation lacks may pass, and the row waits. A fault of ours is told, too: the same row
    would meet it again in every batch, and each time leave an entry in the ledger.
    """
    return "failed" if isinstance(error, CallerError | InternalFault) else "waiting"


def unread(state: str) -> str:
    """Why a value cannot be read, by SQLSTATE.

    >>> unread("22021"), unread("22012")
    ('its text is not in the code page that is declared for it', 'reading it fails')
    """
    return _UNREAD.get(state, "reading it fails")


_UNREAD: Final = {
    "22021": "its text is not in the code page that is declared for it",
    "22P05": "its text has characters that the code page of the connection lacks",
    "22000": "it is not what its type promises",
}


def _said(error: BaseException) -> tuple[str, str]:
    """SQLSTATE and text; pyodbc's own errors have none, or have them the other way round."""
    args = [str(one) for one in error.args]
    if len(args) > 1 and len(args[1]) == 5 and len(args[0]) != 5:
        args = args[1::-1]
    if len(args) > 1 and len(args[0]) == 5:
        return args[0].upper(), args[1]
    return "HY000", " ".join(args)


def _verdict(state: str, native: int, driver: str, message: str) -> Verdict:
    for words, codes in NATIVE.items():
        if native in codes and any(word in driver for word in words):
            return codes[native]
    if state == "08001" and _REFUSED_ENTRY.search(message):
        return Verdict.SETUP
    if _GONE.search(message):
        return Verdict.LOST
    return STATES.get(state) or CLASSES.get(state[:2], Verdict.SETUP)


# ---- what may be told ------------------------------------------------------------------------------------------------

_KINDS: Final = {
    "22001": "an answer is longer than its column",
    "22003": "a number is larger than its column",
    "22007": "a value is no date or number of its column",
    "22P02": "a value is not of its column's type",
    "22021": "a text has characters that the database's code page lacks",
    "23502": "a column that must have a value would have none",
    "23503": "a row that is referred to is not there",
    "23505": "a row of that key is there already",
    "23514": "a CHECK of the table does not hold",
}
_NAMED: Final = (
    re.compile(r"""\bcolumn ["'`]([^"'`]{1,128})["'`]"""),
    re.compile(r"""\bcolumn `[^`]+`\.`[^`]+`\.`([^`]{1,128})`"""),
    re.compile(r"""\b(?:constraint|CONSTRAINT|key) ["'`]([^"'`]{1,128})["'`]"""),
    re.compile(r"\btype ([a-z ]{3,30}(?:\(\d+(?:,\s*\d+)?\))?)"),
    re.compile(r"\bconstraint failed: ([\w.]{1,128})\b"),
)


def _told(state: str, verdict: Verdict, text: str) -> str:
    """The driver's own words, unless they may quote a row."""
    first = " ".join(text.split("\n")[0].rstrip(";").split())[:300]
    if verdict is not Verdict.ROW:
        return first or "the driver says nothing"
    kind = _KINDS.get(state, "the database refuses a value or a row")
    named = next((found[-1] for pattern in _NAMED if (found := pattern.findall(_unquoted(text)))), "")
    return f"{kind}: {named.strip()}" if named else kind


def _unquoted(text: str) -> str:
    """The text without the value that PostgreSQL, MariaDB and SQLite quote in it."""
    text = re.split(r"\nDETAIL|: \"|for type [a-z ]+: ", text)[0]
    return re.sub(r"(?:value|entry):? '.*'(?= for )", "", text, flags=re.DOTALL)


def _hint(fault: DatabaseFault) -> str:
    """What to do about the commonest."""
    text = fault.text.lower()
    return next((hint for words, hint in _HINTS if any(word in text for word in words)), "")


_HINTS: Final = (
    (("authentication failed", "access denied for user", "no password"), "check user and password of the connection"),
    (("pg_hba.conf",), "let this machine in: pg_hba.conf of the server"),
    (("denied", "permission"), "grant it to the user of the connection"),
    (("read-only", "readonly", "read only"), "the poller writes its answers: name the writable database"),
    (("no such table", "doesn't exist", "does not exist", "no such column", "unknown column"), "scoregate odbc probe"),
)

"""Looking things up in a legacy database, for integrations of any adapter: the row that stands under a key.

::

    lookups:
      loans:
        adapter: odbc
        key: customer.number           # the gateway's, as timeout, cache and at_once are
        connection: core-bank          # of connections.yaml
        table: CUSTOMER                # or schema.table, or a view
        by: CUSTOMER_NO                # the column that is compared with the key
        columns: [CLASS, SINCE]        # what is read, found as lookup.loans.CLASS
      debt:
        …
        query: SELECT COALESCE(SUM(BALANCE), 0) FROM LOAN WHERE CUSTOMER_NO = ?
        columns: [total]               # what its columns are called here, in their order
        key_as: integer                # or text: what the key is to the ?; in a table it is what its column is
        rows: many                     # found as lookup.debt.rows[].total, for a mapping that says how to join them

Without ``rows: many`` there is one row for a key. Where there are several, each column holds the values of all of them,
and the mapping refuses the application: none is taken for the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, NamedTuple

from adapters.odbc.catalog import read_table
from adapters.odbc.connecting import Link, open_link
from adapters.odbc.dialects import Dialect
from adapters.odbc.faults import DatabaseFault, Verdict, as_error
from adapters.odbc.rows import reader
from adapters.odbc.sql_text import filled
from adapters.odbc.tables import Column, Table
from adapters.odbc.wanted import KEYS, MOST_ROWS, Wanted, read_wanted
from contracts.errors import ConfigurationError, Fault, InternalFault
from contracts.section import Section
from contracts.source import Source, nearest
from gateway.spi import Connection, Connections, Tree

MOST_CHARACTERS: Final = 64_000
"""Of all that stands under one key: it is kept in memory and sealed with the submission."""
MOST_IDLE: Final = 8
_WHOLE: Final = re.compile(r"-?[0-9]{1,38}", re.ASCII)
_CANONICAL: Final = re.compile("0|-?[1-9][0-9]{0,14}", re.ASCII)
"""What is the same as a text and as a number."""
NOBODYS: Final = "9e99~"
"""A text of which a number is made that stands in no key."""
_ILLEGAL_TYPES: Final = 4078
AS_NUMBER: Final = "the query compares the key with a number"
_WHOLE_KINDS: Final = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63, "decimal": 10**38}
_TEXT_KINDS: Final = ("char", "varchar", "text")


class Ready(NamedTuple):
    """An open connection with what is asked on it; ``key`` gives the parameter for a key, None where no row can have
    it, ``read`` makes a tree of a row. ``doubtful``: a text that is no number could be compared as one.
    """

    link: Link
    sql: str
    key: Callable[[str], Any]
    read: Callable[[Iterable[Any]], Tree]
    doubtful: bool = False


def lookup(section: Mapping[str, Any], connections: Connections) -> TableSource:
    """The source of one ``lookups:`` entry; raises ConfigurationError with every fault."""
    faults: list[Fault] = []
    wanted = read_wanted(Section(Source("", dict(section), {(): (0, 0)}), faults, (), dict(section), KEYS))
    found: Connection | None = None
    if wanted.connection:
        try:
            found = connections(wanted.connection)
        except ConfigurationError as exc:
            faults += exc.faults
    if faults or found is None:
        raise ConfigurationError(faults)
    return TableSource(wanted, found)


class TableSource:
    """One look-up; a connection is used by one thread at a time, and kept for the next."""

    def __init__(self, wanted: Wanted, connection: Connection) -> None:
        self._wanted, self._connection = wanted, connection
        self._idle: list[Ready] = []

    def paths(self) -> list[str]:
        return [f"rows[].{name}" if self._wanted.many else name for name in self._wanted.columns]

    def check(self) -> None:
        """Connect, and see whether the table or query gives what is declared."""
        ready = self._connect()
        try:
            with self._kept(ready):
                self._rows(ready, None)
                if ready.doubtful and _must_be_number(ready):
                    raise ConfigurationError([Fault("", 0, 0, AS_NUMBER, "say key_as: integer")])
        except DatabaseFault as fault:
            raise self._error(fault) from None

    def fetch(self, key: str) -> Tree:
        kept = self._take()
        try:
            found = self._find(kept or self._connect(), key)
        except DatabaseFault as fault:
            if kept is None or fault.verdict is Verdict.ROW:
                raise self._error(fault) from None
            self._forget()  # the database was restarted or changed since, and the others are no better
            return self.fetch(key)
        return self._tree(found)

    def _find(self, ready: Ready, key: str) -> list[Tree]:
        value = ready.key(key)
        with self._kept(ready):
            rows = [] if value is None else self._rows(ready, value)
            if rows and ready.doubtful and not _CANONICAL.fullmatch(key) and self._as_number(ready, key, rows):
                raise InternalFault(f"{AS_NUMBER}, and this one is none: say key_as: integer", code="key_as_number")
        return [ready.read(row) for row in rows]

    @contextmanager
    def _kept(self, ready: Ready) -> Iterator[None]:
        """Keeps the connection for the next, unless something is wrong with more than one key."""
        try:
            yield
        except DatabaseFault as fault:
            if fault.verdict is Verdict.ROW:
                self._put_back(ready)
            else:
                ready.link.close()
            raise
        except ConfigurationError:
            ready.link.close()
            raise
        except InternalFault:
            self._put_back(ready)
            raise
        self._put_back(ready)

    def _as_number(self, ready: Ready, key: str, rows: Sequence[Any]) -> bool:
        """Whether a key was made a number, and what was found is another's: another text of which the same number is
        made finds the same, and one of which a number is made that nobody has does not.
        """
        found, again = sorted(map(repr, rows)), sorted(map(repr, self._rows(ready, same_number(key))))
        return found == again and found != sorted(map(repr, self._rows(ready, NOBODYS)))

    def _rows(self, ready: Ready, value: Any) -> list[Sequence[Any]]:
        with ready.link.judged():
            cursor = ready.link.native.execute(ready.sql, value)
            try:
                found = len(cursor.description or ())
                if found != len(self._wanted.columns):
                    message = f"the query gives {found} columns, {len(self._wanted.columns)} are named"
                    raise ConfigurationError([Fault("", 0, 0, message, "name each under columns")])
                return list(cursor.fetchmany(self._wanted.most))
            finally:
                cursor.close()

    def _tree(self, rows: list[Tree]) -> Tree:
        if len(rows) > MOST_ROWS:
            raise InternalFault(f"more than {MOST_ROWS} rows stand under one key", code="too_many_rows")
        texts = [value for row in rows for value in row.values() if isinstance(value, str)]
        if not all(map(_is_text, texts)):
            raise InternalFault("what stands under one key is no text: it is not in UTF-8", code="unreadable")
        if sum(map(len, texts)) > MOST_CHARACTERS:
            raise InternalFault(f"more than {MOST_CHARACTERS:,} characters stand under one key", code="too_large")
        if not rows:
            return {}
        if self._wanted.many:
            return {"rows": rows}
        return rows[0] if len(rows) == 1 else {name: [row[name] for row in rows] for name in rows[0]}

    # ---- connections -------------------------------------------------------------------------------------------------

    def _connect(self) -> Ready:
        """A new connection; raises as ``open_link`` does, and ConfigurationError for what the database has not."""
        link = open_link(self._connection)
        try:
            link.native.autocommit = True
            return self._ready(link)
        except DatabaseFault as fault:
            link.close()
            raise self._error(fault) from None
        except ConfigurationError:
            link.close()
            raise

    def _ready(self, link: Link) -> Ready:
        wanted = self._wanted
        if wanted.query:
            read = reader([Column(name, "text") for name in wanted.columns])
            whole = wanted.key_as == "integer"
            doubtful = not whole and link.dialect.numbers_of_texts
            return Ready(link, wanted.query, _whole if whole else str, read, doubtful)
        table = read_table(link, wanted.table)
        columns = _columns(table, wanted)
        by, dialect = columns.pop(), link.dialect
        listed = ", ".join(dialect.read(column.name, column.type) for column in columns)
        select = f"SELECT {listed} FROM {dialect.quote(wanted.table)} WHERE {dialect.column(by.name)} = ?"  # noqa: S608 # names are quoted
        return Ready(link, dialect.first(select, wanted.most), _key_of(by, wanted.key_as, dialect), reader(columns))

    def _take(self) -> Ready | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _put_back(self, ready: Ready) -> None:
        if len(self._idle) < MOST_IDLE:
            self._idle.append(ready)
        else:
            ready.link.close()

    def _forget(self) -> None:
        while (ready := self._take()) is not None:
            ready.link.close()

    def _error(self, fault: DatabaseFault) -> Exception:
        return as_error(fault, f"the connection {self._connection.name}")


def same_number(key: str) -> str:
    """Another text, which begins and ends otherwise, of which the same number is made.

    >>> same_number("17B"), same_number("-5"), same_number("12E4")
    ('+17B~', '-5~', '+12E4~')
    """
    bare = key.strip()
    return f"{bare}~" if bare.startswith(("+", "-")) else f"+{bare}~"


def _must_be_number(ready: Ready) -> bool:
    """Whether the database says that it compares the key with a number, as far as it can be asked."""
    if not ready.link.dialect.no_number:
        return False
    try:
        ready.link.rows(f"EXPLAIN {filled(ready.sql, ready.link.dialect.no_number)}")
    except DatabaseFault as fault:
        return fault.native == _ILLEGAL_TYPES
    return False


def _is_text(value: str) -> bool:
    """Whether it is Unicode, and not the bytes of something else that ``rows`` keeps visible."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


# ---- what the database has -----------------------------------------------------------------------------------------


def _columns(table: Table | None, wanted: Wanted) -> list[Column]:
    """The columns that are read, then the one that is compared; raises ConfigurationError for what is not there."""
    if table is None:
        raise ConfigurationError([Fault("", 0, 0, f"the database has no table {wanted.table!r}")])
    there = {column.name: column for column in table.columns}
    faults = [
        Fault("", 0, 0, f"{wanted.table} has no column {name!r}", nearest(name, there) or f"it has {', '.join(there)}")
        for name in dict.fromkeys((*wanted.columns, wanted.by))
        if name not in there
    ]
    if faults:
        raise ConfigurationError(faults)
    return [there[name] for name in (*wanted.columns, wanted.by)]


def _key_of(column: Column, key_as: str, dialect: Dialect) -> Callable[[str], Any]:
    if key_as == "integer":
        return _whole
    if key_as == "text" and column.type not in _TEXT_KINDS and dialect.numbers_of_texts:
        message = f"{column.name} is {column.shape}, and {dialect.name} makes a number of any text: 17 of 17B"
        raise ConfigurationError([Fault("", 0, 0, message, "leave key_as out")])
    if key_as == "text" or column.type in _TEXT_KINDS:
        return str
    most = _WHOLE_KINDS.get(column.type)
    if most is None:
        message = f"{column.name} is {column.shape}, which no key can be compared with"
        raise ConfigurationError([Fault("", 0, 0, message, "use a query")])
    return lambda key: _whole(key, most)


def _whole(key: str, most: int = 2**63) -> Any:
    """A key as the number it is; None where it is none, or larger than any there."""
    if not _WHOLE.fullmatch(key) or not -most <= int(key) < most:
        return None
    return int(key) if most <= _WHOLE_KINDS["bigint"] else Decimal(key)

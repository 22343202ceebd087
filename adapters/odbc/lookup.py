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
        key_as: integer                # what the key is to the ?: text by default, in a table what its column is
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
from adapters.odbc.faults import DatabaseFault, Verdict, as_error
from adapters.odbc.rows import reader
from adapters.odbc.sql_text import ONE_SELECT, QUOTE, markers, reads_only
from adapters.odbc.tables import Column, Table
from contracts.errors import ConfigurationError, Fault, InternalFault
from contracts.section import Section
from contracts.source import Source, nearest
from gateway.spi import Connection, Connections, Tree

_KEYS: Final = ("connection", "table", "by", "query", "columns", "key_as", "rows")
MOST_ROWS: Final = 100
MOST_CHARACTERS: Final = 64_000
"""Of all that stands under one key: it is kept in memory and sealed with the submission."""
MOST_IDLE: Final = 8
_WHOLE: Final = re.compile(r"-?[0-9]{1,38}", re.ASCII)
_WHOLE_KINDS: Final = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63, "decimal": 10**38}
_TEXT_KINDS: Final = ("char", "varchar", "text")


class Wanted(NamedTuple):
    """The section as read: a ``table`` with the column it is asked ``by``, or a ``query``. ``key_as`` is empty where
    the key is what the column is.
    """

    connection: str
    table: str
    by: str
    query: str
    key_as: str
    columns: tuple[str, ...]
    many: bool

    @property
    def most(self) -> int:
        """Rows that are read: one more than there may be."""
        return MOST_ROWS + 1 if self.many else 2


class Ready(NamedTuple):
    """An open connection with what is asked on it; ``key`` gives the parameter for a key, None where no row can have
    it, ``read`` makes a tree of a row.
    """

    link: Link
    sql: str
    key: Callable[[str], Any]
    read: Callable[[Iterable[Any]], Tree]


def lookup(section: Mapping[str, Any], connections: Connections) -> TableSource:
    """The source of one ``lookups:`` entry; raises ConfigurationError with every fault."""
    faults: list[Fault] = []
    wanted = _read(Section(Source("", dict(section), {(): (0, 0)}), faults, (), dict(section), _KEYS))
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
        self._put_back(ready)

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
            return Ready(link, wanted.query, _whole if wanted.key_as == "integer" else str, read)
        table = read_table(link, wanted.table)
        columns = _columns(table, wanted)
        by, dialect = columns.pop(), link.dialect
        listed = ", ".join(dialect.read(column.name, column.type) for column in columns)
        select = f"SELECT {listed} FROM {dialect.quote(wanted.table)} WHERE {dialect.column(by.name)} = ?"  # noqa: S608 # names are quoted
        return Ready(link, dialect.first(select, wanted.most), _key_of(by, wanted.key_as), reader(columns))

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


def _is_text(value: str) -> bool:
    """Whether it is Unicode, and not the bytes of something else that ``rows`` keeps visible."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


# ---- reading the section ---------------------------------------------------------------------------------------------


def _read(section: Section) -> Wanted:
    columns = section.texts("columns")
    if "columns" in section.data and (not columns or len(set(columns)) < len(columns)):
        section.fault(("columns",), "'columns' must name what is read, each once")
    by_table = "table" in section.data
    if by_table == ("query" in section.data):
        section.fault((), "needs either a table, with the column it is asked by, or a query")
    table, by = (section.take(key, str) if by_table else "" for key in ("table", "by"))
    query = "" if by_table else section.take("query", str, "")
    if "by" in section.data and not by_table:
        section.fault(("by",), "'by' goes with a table; a query says itself what it compares")
    if query:
        _check_query(section, query)
    key_as = section.choice("key_as", ("text", "integer"), "") if "key_as" in section.data else ""
    many = section.choice("rows", ("one", "many"), "one") == "many"
    return Wanted(section.take("connection", str), table, by, query, key_as, columns, many)


def _check_query(section: Section, query: str) -> None:
    if (found := markers(query)) != 1:
        section.fault(("query",), f"the query needs one ? for the key, it has {found}")
    if not reads_only(query):
        section.fault(("query",), f"the query must be {ONE_SELECT}", QUOTE)


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


def _key_of(column: Column, key_as: str) -> Callable[[str], Any]:
    if key_as == "integer":
        return _whole
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

"""Reads the adapter's own section of integration.yaml: which tables, which columns, how long a row stays claimed.

::

    wire:
      connection: cobalt-core                # of the home's connections.yaml
      tables: tables.yaml                    # the declared shape, in this folder
      request:
        table: CREDIT_REQUEST                # where rows are claimed; with ``query`` they are read by that instead,
        key: [REQUEST_ID]                    # and tables.yaml declares its columns under the name ``query``
        version: ROW_VERSION                 # optional: without it a digest of the row stands for its version
        status: STATUS
        states: {waiting: N, claimed: P, done: D, failed: E}
        claim: {token: CLAIM_TOKEN, until: CLAIM_UNTIL}
        error: {code: ERROR_CODE, text: ERROR_TEXT}            # optional: where a refusal is told
        order: [REQUEST_ID]                  # optional: which rows come first; without it by key
      answer:
        columns: [SCORE, OUTCOME]            # of the same row; or a table of its own, with lists below it:
        table: CREDIT_DECISION
        key: {REQUEST_ID: REQUEST_ID}        # answer column <- request column
        lists: {REASONS: {table: CREDIT_REASON, key: {REQUEST_ID: REQUEST_ID}, number: LINE_NO}}
      batch: 500
      every: 2s
      lease: 60s
      pause: ["22:00-02:00 Europe/Berlin"]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from adapters.odbc.pauses import Pause, read_pause
from adapters.odbc.sql_text import ONE_SELECT, QUOTE, markers, reads_only
from adapters.odbc.tables import FILE, Column, Table, Tables, read_tables
from contracts.errors import ConfigurationError, Fault
from contracts.section import Section
from contracts.source import Source, nearest
from gateway.spi import BESIDE

_KEYS: Final = ("connection", "tables", "request", "answer", "batch", "every", "lease", "pause")
_REQUEST: Final = ("table", "query", "key", "version", "status", "states", "claim", "error", "order")
_ANSWER: Final = ("columns", "table", "key", "lists")
STATES: Final = ("waiting", "claimed", "done", "failed")
QUERY: Final = "query"
"""The name under which tables.yaml declares what a query gives."""
MOST_ROWS: Final = 2000
TOKEN: Final = 32
"""Characters of a claim's token."""
LONGEST_CODE: Final = 30
"""Room for every code of a refusal, and for those to come."""


class Outlet(NamedTuple):
    """A table that answers are written to: ``key`` leads from its columns to those of the request's key.

    ``number`` is the column that counts the rows of a list, from 1; empty for the table of the decision itself.
    ``columns`` are the others: what an answer map writes.
    """

    table: Table
    key: Mapping[str, str]
    columns: tuple[Column, ...]
    number: str = ""


@dataclass(frozen=True, slots=True)
class Wire:
    """The section as read, every name held against tables.yaml; times are in seconds.

    ``row`` is what of a request becomes a submission, in the declared order; ``query`` is empty where the rows are
    read from ``table`` itself. ``written`` are the columns of ``table`` that answers go to, where they go there;
    ``outlet`` is None then. ``error`` names the columns of code and text, each empty where there is none.
    """

    connection: str
    tables: Tables
    table: Table
    query: str
    key: tuple[str, ...]
    version: str
    row: tuple[Column, ...]
    status: str
    states: Mapping[str, str]
    token: str
    until: str
    error: tuple[str, str]
    order: tuple[str, ...]
    written: tuple[Column, ...]
    outlet: Outlet | None
    lists: Mapping[str, Outlet]
    batch: int
    every: float
    lease: float
    pauses: tuple[Pause, ...]

    @property
    def read_from(self) -> Table:
        """What is declared of where the rows are read."""
        return self.tables.found[QUERY] if self.query else self.table

    @property
    def answered(self) -> tuple[Column, ...]:
        """The columns a decision itself is written to."""
        return self.outlet.columns if self.outlet else self.written

    @property
    def touched(self) -> Mapping[str, tuple[str, ...]]:
        """The columns that are written, by the name of their table."""
        own = (self.status, self.token, self.until, *filter(None, self.error))
        found = {self.table.name: (*own, *(column.name for column in self.written))}
        for outlet in filter(None, (self.outlet, *self.lists.values())):
            named = (*outlet.key, *filter(None, (outlet.number,)), *(column.name for column in outlet.columns))
            found[outlet.table.name] = (*found.get(outlet.table.name, ()), *named)
        return found


def read_wire(given: Mapping[str, Any], folder: Path) -> Wire:
    """Read the section; raises ConfigurationError with every fault of it and of tables.yaml."""
    faults: list[Fault] = []
    source = Source.around(folder / "integration.yaml", "wire", given)
    section = Section(source, faults, ("wire",), source.data["wire"], _KEYS)
    tables = _tables(section, folder)
    wire = _Reader(section, tables).read()
    if faults:
        raise ConfigurationError(faults)
    return wire


def _tables(section: Section, folder: Path) -> Tables:
    name = section.file("tables", folder, FILE)
    if name:
        try:
            return read_tables(folder / name)
        except ConfigurationError as exc:
            section.faults.extend(exc.faults)
    return Tables(Source(name, {}, {(): (0, 0)}))


class _Reader:
    """Reads one section; every fault is noted and reading goes on."""

    def __init__(self, section: Section, tables: Tables) -> None:
        self._top, self._tables = section, tables
        self._request = section.section("request", _REQUEST)
        self._answer = section.section("answer", _ANSWER)

    def read(self) -> Wire:
        top, request = self._top, self._request
        table = self._table(request)
        query = request.take("query", str, "")
        shape = self._shape(query) if query else table
        key, version = self._named(request, "key", shape), self._maybe(request, "version", shape)
        status, claim = self._one(request, "status", table), request.section("claim", ("token", "until"))
        token, until = self._one(claim, "token", table), self._one(claim, "until", table)
        error, written = self._error(table), self._written(table)
        if query:
            self._known(request, "key", key, table)
        self._never_null(table, key)
        own = {version, status, token, until, *error, *written} - set(key)
        self._fitting(table, claim, token, until)
        return Wire(
            connection=top.take("connection", str),
            tables=self._tables,
            table=table,
            query=query,
            key=key,
            version=version,
            row=self._row(shape, own),
            status=status,
            states=self._states(table, status),
            token=token,
            until=until,
            error=error,
            order=self._named(request, "order", table, list(key)),
            written=tuple(column for column in table.columns if column.name in written),
            outlet=self._outlet(self._answer, key, table) if "table" in self._answer.data else None,
            lists=self._lists(key, table, written),
            batch=top.whole("batch", 1, MOST_ROWS, 500),
            every=top.duration("every", 0.05, 3600, "2s"),
            lease=top.duration("lease", 1, 3600, "60s"),
            pauses=tuple(self._pauses()),
        )

    # ---- the request -------------------------------------------------------------------------------------------------

    def _table(self, section: Section) -> Table:
        name = section.take("table", str)
        known = [one for one in self._tables.found if one != QUERY]
        if name not in known:
            if name and known:
                section.fault(("table",), f"tables.yaml declares no {name!r}", nearest(name, known) or _listed(known))
            return Table(name, ())
        return self._tables.found[name]

    def _shape(self, query: str) -> Table:
        """What a query gives: one SELECT, which stands below another one, so that nothing can follow it."""
        if not reads_only(query):
            self._request.fault(("query",), f"expected {ONE_SELECT}, without a semicolon", QUOTE)
        if markers(query):
            self._request.fault(("query",), "the query takes no parameter, and has a ?")
        if QUERY not in self._tables.found:
            hint = f"declare the columns it gives in tables.yaml, under the name {QUERY}"
            self._request.fault(("query",), "tables.yaml does not say what the query gives", hint)
        return self._tables.found.get(QUERY, Table(QUERY, ()))

    def _row(self, shape: Table, own: Iterable[str]) -> tuple[Column, ...]:
        row = tuple(column for column in shape.columns if column.name not in own)
        for column in row:
            if column.name in BESIDE:
                message = f"{column.name!r} is a name of the gateway's own"
                self._top.faults.append(self._tables.fault(shape.name, column.name, message, "read it by a query"))
        return row

    def _states(self, table: Table, status: str) -> dict[str, str]:
        section = self._request.section("states", STATES)
        column = table.column(status)
        found = {state: self._state(section, state, column) for state in STATES}
        for state, value in found.items():
            if value and list(found.values()).count(value) > 1:
                section.fault((state,), f"{value!r} stands for two states")
        return found

    def _state(self, section: Section, state: str, column: Column | None) -> str:
        """A state as it stands in the status column: a text, or a whole number."""
        value = section.data.get(state)
        if type(value) is int:
            value = str(value)
        if not isinstance(value, str) or not value:
            section.fault((state,) if state in section.data else (), f"{state!r} needs its text or number")
            return ""
        if column and column.type in ("char", "varchar") and len(value) > column.size:
            section.fault((state,), f"{value!r} does not fit {column.name}, {column.shape}")
        return value

    def _fitting(self, table: Table, claim: Section, token: str, until: str) -> None:
        column, other = table.column(token), table.column(until)
        if column and not _is_text(column, TOKEN):
            claim.fault(("token",), f"a token is a text of {TOKEN} characters, {token} is {column.shape}")
        if other and other.type not in ("timestamp", "timestamp-tz"):
            claim.fault(("until",), f"a claim lasts until a point of time, {until} is {other.shape}")
        for one, key in ((column, "token"), (other, "until")):
            if one and not one.null:
                claim.fault((key,), f"{one.name} must be nullable: a row that nobody claims has none")

    def _never_null(self, table: Table, key: Iterable[str]) -> None:
        """NULL is equal to nothing, so that no claim would meet such a row."""
        for name in key:
            column = table.column(name)
            if column and column.null:
                message = f"{name} is part of the key and must be not null: a row without a key cannot be claimed"
                hint = "name what every row has, or declare it not null; a row where it is NULL waits, and that is told"
                self._top.faults.append(self._tables.fault(table.name, name, message, hint))

    def _error(self, table: Table) -> tuple[str, str]:
        section = self._request.section("error", ("code", "text"))
        code, text = self._maybe(section, "code", table), self._maybe(section, "text", table)
        for key, name, least in (("code", code, LONGEST_CODE), ("text", text, 1)):
            column = table.column(name)
            if column and not _is_text(column, least):
                section.fault((key,), f"expected a text of at least {least} characters, {name} is {column.shape}")
            if column and not column.null:
                section.fault((key,), f"{name} must be nullable: a row that is decided has no error")
        return code, text

    # ---- the answer --------------------------------------------------------------------------------------------------

    def _written(self, table: Table) -> tuple[str, ...]:
        """The columns of the same row; they and a table of its own exclude each other."""
        answer = self._answer
        if ("columns" in answer.data) == ("table" in answer.data):
            hint = "columns: [SCORE, OUTCOME] of the same row, or table: CREDIT_DECISION"
            answer.fault((), "an answer goes to columns of the same row or to a table of its own", hint)
        if "columns" not in answer.data:
            return ()
        if self._request.data.get("query"):
            answer.fault(("columns",), "the same row cannot be written through a query", "name the answer's table")
        return self._named(answer, "columns", table)

    def _outlet(self, section: Section, key: tuple[str, ...], request: Table) -> Outlet:
        table = self._table(section)
        if table.columns and table.name == request.name:
            section.fault(("table",), "is the request's own table", "write to columns of the same row, with columns")
        links = self._links(section, key, table)
        number = self._maybe(section, "number", table)
        columns = tuple(column for column in table.columns if column.name not in {*links, number})
        return Outlet(table, links, columns, number)

    def _links(self, section: Section, key: tuple[str, ...], table: Table) -> dict[str, str]:
        links = section.section("key", None)
        found = {str(name): links.take(name, str) for name in links.data}
        self._known(section, "key", tuple(found), table)
        if sorted(found.values()) != sorted(key):
            hint = f"as key: {{{', '.join(f'{name}: {name}' for name in key)}}}"
            section.fault(("key",), f"must lead to each column of the request's key once: {', '.join(key)}", hint)
        return found

    def _lists(self, key: tuple[str, ...], request: Table, written: Iterable[str]) -> dict[str, Outlet]:
        lists = self._answer.section("lists", None)
        answer = self._tables.found.get(str(self._answer.data.get("table")), Table("", ()))
        taken = {*written, *answer.names}
        found = {}
        for name in map(str, lists.data):
            section = lists.section(name, ("table", "key", "number"))
            if name in taken:
                lists.fault((name,), f"{name!r} is a column of the answer, too", "call the list otherwise")
            if "number" not in section.data:
                section.fault((), "'number' is missing: the column that counts the rows of the list")
            found[name] = self._outlet(section, key, request)
        return found

    # ---- names -------------------------------------------------------------------------------------------------------

    def _one(self, section: Section, key: str, table: Table) -> str:
        name = section.take(key, str)
        self._known(section, key, (name,), table)
        return name

    def _maybe(self, section: Section, key: str, table: Table) -> str:
        return self._one(section, key, table) if key in section.data else ""

    def _named(self, section: Section, key: str, table: Table, default: list[str] | None = None) -> tuple[str, ...]:
        names = section.texts(key, default)
        if not names and key in section.data:
            section.fault((key,), "names no column")
        self._known(section, key, names, table)
        return names

    def _known(self, section: Section, key: str, names: Iterable[str], table: Table) -> None:
        for name in names if table.columns else ():
            if name and table.column(name) is None:
                hint = nearest(name, table.names) or _listed(table.names)
                section.fault((key,), f"tables.yaml declares no column {name!r} of {table.name}", hint)

    def _pauses(self) -> Iterable[Pause]:
        for index, text in enumerate(self._top.texts("pause", [])):
            pause = read_pause(text)
            if isinstance(pause, Pause):
                yield pause
            else:
                self._top.fault(("pause", index), f"{text!r} {pause}", "write it as 22:00-02:00 Europe/Berlin")


def _is_text(column: Column, least: int) -> bool:
    return column.type in ("char", "varchar", "text") and (column.size or least) >= least


def _listed(known: Iterable[str]) -> str:
    return f"there is: {', '.join(known)}"

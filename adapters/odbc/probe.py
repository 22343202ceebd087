"""``scoregate odbc probe CONNECTION``: what a database is, how its rows will be claimed, and what was tried in it.

What is tried is tried in a temporary table, in a transaction that is rolled back; nothing of the database is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from adapters.odbc.connecting import Link, open_link
from adapters.odbc.faults import DatabaseFault

if TYPE_CHECKING:
    from gateway.spi import Connection

WIDTH: Final = 14
_TABLE: Final = "scoregate probe"
_COLUMNS: Final = {"order": "integer", "Amount": "decimal(15,4)", "full name": "varchar(40)"}
_AMOUNT: Final = Decimal("12345678901.2345")
_NAME: Final = "Žofie O'Brien; -- 日本 😀"
_UNTESTED: Final = "written from its manual and never run by us: try an integration in mode test before it decides"


def probe(connection: Connection) -> Iterator[str]:
    """The lines to print; raises what ``open_link`` raises."""
    link = open_link(connection)
    try:
        yield from _known(link)
        yield from _tried(link)
    finally:
        link.close()


def reached(connection: Connection) -> str:
    """Which database answers, and as whom; raises what ``open_link`` raises."""
    link = open_link(connection)
    try:
        return _database(link)
    finally:
        link.close()


def _database(link: Link) -> str:
    facts = link.facts
    return f"{facts.dbms} {facts.version}: {facts.database or 'its default'}, as {facts.user or 'nobody'}"


def _known(link: Link) -> Iterator[str]:
    facts, dialect = link.facts, link.dialect
    yield _line("driver", f"{facts.driver} {facts.driver_version}, ODBC {facts.odbc}")
    yield _line("database", _database(link))
    if facts.read_only:
        yield _line("", "read-only: answers cannot be written here, look-ups can be made")
    yield _line("dialect", f"{dialect.name}, {dialect.status}")
    if dialect.status == "untested":
        yield _line("", _UNTESTED)
    yield _line("claims by", f"{dialect.claim}: {dialect.reason}")
    rows = "one row" if dialect.rows == 1 else f"{dialect.rows} rows"
    yield _line("limits", f"{dialect.parameters} parameters in a statement, {rows} in an INSERT")
    yield _line(
        "",
        f"decimals exact for {dialect.decimal_digits} digits, names of {facts.longest_name or 'any number of'} letters",
    )
    for number, note in enumerate(dialect.notes):
        yield _line("" if number else "to know", note)


def _tried(link: Link) -> Iterator[str]:
    if not link.dialect.temporary:
        yield _line("tried", f"connecting alone: how {link.dialect.name} makes a temporary table is not in our table")
        return
    for number, (what, trial) in enumerate(_TRIALS):
        try:
            found = trial(link)
        except DatabaseFault as fault:
            link.rollback()
            found = f"refused: {fault}"
        yield _line("" if number else "tried", f"{what}: {found}")
        if found.startswith("refused") and trial is _make:
            break
    link.rollback()


def _make(link: Link) -> str:
    quote = link.dialect.quote
    columns = ", ".join(f"{quote(name)} {kind}" for name, kind in _COLUMNS.items())
    link.execute(f"{link.dialect.temporary.format(table=quote(_TABLE))} ({columns})")
    return "made"


def _write(link: Link) -> str:
    names = ", ".join(map(link.dialect.quote, _COLUMNS))
    statement = f"INSERT INTO {link.dialect.quote(_TABLE)} ({names}) VALUES (?, ?, ?)"  # noqa: S608 # names of this file
    for number, name in enumerate((_NAME, "", None)):
        link.execute(statement, (number, _AMOUNT, name))
    return "written"


def _amount(link: Link) -> str:
    found = [row[0] for row in _read(link, "Amount")]
    return "exact" if {Decimal(str(value)) for value in found} == {_AMOUNT} else f"changed, {found[0]} of {_AMOUNT}"


def _texts(link: Link) -> str:
    found = [row[0] for row in _read(link, "full name")]
    if found[0] != _NAME:
        return "changed: the connection's or the database's code page lacks letters"
    return (
        "letter for letter, empty is not NULL"
        if found[1:] == ["", None]
        else f"letter for letter, empty is {found[1]!r}"
    )


def _read(link: Link, column: str) -> list[tuple[object, ...]]:
    quote = link.dialect.quote
    select = f"SELECT {quote(column)} FROM {quote(_TABLE)} ORDER BY {quote('order')}"  # noqa: S608 # names of this file
    return [tuple(row) for row in link.rows(select)]


def _claim(link: Link) -> str:
    dialect, quote = link.dialect, link.dialect.quote
    key, table = quote("order"), quote(_TABLE)
    select = f"SELECT {key} FROM {table}{dialect.hint} WHERE {key} >= ? ORDER BY {key}"  # noqa: S608 # names of this file
    found = link.rows(dialect.first(select, 2) + dialect.lock, (0,))
    same = link.execute(f"UPDATE {table} SET {key} = {key} WHERE {key} = ?", (1,))  # noqa: S608 # names of this file
    if len(found) != 2 or same != 1:
        return f"does not work: {len(found)} of 2 rows were locked, and an UPDATE of one row counted {same}"
    return "works"


def _clock(link: Link) -> str:
    dialect = link.dialect
    select = f"SELECT {dialect.now('timestamp')}, {dialect.later('timestamp', 60)} FROM {dialect.quote(_TABLE)}"  # noqa: S608
    now, later = link.rows(dialect.first(select, 1))[0]
    return f"{now}, and a lease of a minute ends {later}"


_TRIALS: Final[tuple[tuple[str, Callable[[Link], str]], ...]] = (
    ("a temporary table with blanks, a reserved word and capitals in its names", _make),
    ("three rows", _write),
    ("an amount of 15 digits", _amount),
    ("texts of several scripts", _texts),
    ("claiming two rows", _claim),
    ("its clock in UTC", _clock),
)


def _line(what: str, text: str) -> str:
    return f"{what:<{WIDTH}}{text}"

"""What a database says of a table: its columns in logical types, and its primary key.

ODBC's catalog functions tell it, or SELECTs of the dialect, where a driver's are not to be relied on.

Names are compared letter for letter first. Where a database folds names that nobody quoted, and the declared one is not
there, the one that differs in case alone is told as a hint by ``drift``; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Final, NamedTuple, TypeAlias

from adapters.odbc.connecting import Link
from adapters.odbc.dialects import Dialect
from adapters.odbc.faults import DatabaseFault, Verdict
from adapters.odbc.tables import SIZED, Column, Kind, Table

_KINDS: Final[Mapping[int, Kind]] = {
    1: "char", -8: "char", 12: "varchar", -9: "varchar", -1: "text", -10: "text",
    2: "decimal", 3: "decimal", 4: "integer", 5: "smallint", -6: "smallint", -5: "bigint",
    6: "double", 7: "real", 8: "double", -7: "boolean", 16: "boolean",
    9: "date", 91: "date", 10: "time", 92: "time", 11: "timestamp", 93: "timestamp",
    -2: "binary", -3: "binary", -4: "binary",
    -155: "timestamp-tz", 95: "timestamp-tz", 94: "time",
}  # fmt: skip
"""SQL type codes: ISO/IEC 9075-3 with those of ODBC 3, ODBC 2 and SQL Server."""
_NAMED: Final[Mapping[str, Kind]] = {
    "timestamptz": "timestamp-tz",
    "timestamp with time zone": "timestamp-tz",
    "datetimeoffset": "timestamp-tz",
    "numeric": "decimal",
    "decimal": "decimal",
    "number": "decimal",
    "bigint unsigned": "decimal",
    "int unsigned": "bigint",
    "bool": "boolean",
    "boolean": "boolean",
    "clob": "text",
    "text": "text",
    "longtext": "text",
    "mediumtext": "text",
    "tinytext": "text",
    "uuid": "char",
    "char": "char",
    "character": "char",
    "nchar": "char",
    "bpchar": "char",
}
"""Type names that say more than their code, as they stand before any size."""
_OF_MYSQL: Final[Mapping[str, Kind]] = {"timestamp": "timestamp-tz", "tinyint(1)": "boolean", "bit(1)": "boolean"}
_OF_DBMS: Final[Mapping[str, Mapping[str, Kind]]] = {"MariaDB": _OF_MYSQL, "MySQL": _OF_MYSQL}
_UUID_LETTERS: Final = 36
_UNSIGNED_DIGITS: Final = 20
_ANY_DIGITS: Final = (1000, 500)
"""What stands for a number of any size, before and behind its point."""
_SIZES: Final = re.compile(r"\(\s*(\d+)\s*(?:,\s*(-?\d+)\s*)?\)")


Owner: TypeAlias = tuple[str, ...]
"""What tells a table from others of its name: catalog and schema, as far as there are such."""


class Told(NamedTuple):
    """What a catalog says of a column: ``code`` is its SQL type code, 0 where none is told, ``text`` its type in the
    database's words: ``decimal(12,2)``.
    """

    owner: Owner
    name: str
    code: int
    text: str
    null: bool
    note: str
    size: int = 0
    scale: int = 0


def read_table(link: Link, name: str) -> Table | None:
    """The table, view or synonym as it is; None where there is none of that name.

    Raises DatabaseFault, and so where several schemas have one and none is named.
    """
    schema, _, bare = name.rpartition(".")
    with link.judged():
        told = _selected(link, bare, schema) if link.dialect.catalog else _listed(link, bare, schema)
        owners = sorted({one.owner for one in told}, key=str)
        if len(owners) > 1:
            names = ", ".join(".".join(filter(None, owner[-1:])) for owner in owners)
            raise DatabaseFault(
                Verdict.SETUP, "3F000", 0, f"{bare} is in several schemas ({names}): name the one meant"
            )
        if not told:
            return None
        key = _selected_key(link, bare, schema) if link.dialect.catalog else _listed_key(link, bare, owners[0])
        return Table(name, tuple(_column(link.dialect, one) for one in told), key)


def tables_with(link: Link, column: str, schema: str) -> list[tuple[Owner, str]]:
    """Owner and name of the tables with a column of this name; without a schema, of any that is looked in."""
    if link.dialect.catalog:
        rows = link.rows(link.dialect.catalog.holders, (column, schema or None))
        return [((owner,), name) for owner, name in rows]
    with link.judged(), closing(link.native.cursor()) as cursor:
        listed = cursor.columns(column=column, **place_of(link, schema)).fetchall()
    return sorted({(_owner(row), row[2]) for row in listed if row[3] == column})


# ---- by SELECTs in the database's own catalog ------------------------------------------------------------------------


def _selected(link: Link, bare: str, schema: str) -> list[Told]:
    asked = link.dialect.catalog.columns if link.dialect.catalog else ""
    rows = link.rows(asked, (bare, schema or None))
    return [Told((owner,), name, 0, text, not fixed, note or "") for owner, name, text, fixed, note in rows]


def _selected_key(link: Link, bare: str, schema: str) -> tuple[str, ...]:
    asked = link.dialect.catalog.key if link.dialect.catalog else ""
    return tuple(row[0] for row in link.rows(asked, (bare, schema or None)))


# ---- by the catalog functions of the driver --------------------------------------------------------------------------


def _listed(link: Link, bare: str, schema: str) -> list[Told]:
    """The rows of SQLColumns in their order; it takes ``_`` and ``%`` in a name for patterns, so they are compared."""
    with closing(link.native.cursor()) as cursor:
        rows = [row for row in cursor.columns(table=bare, **place_of(link, schema)).fetchall() if row[2] == bare]
    exact = _exact(link, bare, schema) if rows else {}
    return [_of_function(row, exact) for row in sorted(rows, key=lambda row: int(row[16]))]


def place_of(link: Link, schema: str) -> dict[str, str]:
    """A schema as the catalog functions take it; nothing where none is named."""
    return {"catalog" if link.dialect.schemas == "catalogs" else "schema": schema} if schema else {}


def _owner(row: Sequence[Any]) -> Owner:
    return row[0] or "", row[1] or ""


def _of_function(row: Sequence[Any], exact: Mapping[str, str]) -> Told:
    """Numbers may be texts, where a dialect reads everything as text."""
    text, note, room = exact.get(row[3], row[5] or ""), row[11] or "", (int(row[6] or 0), int(row[8] or 0))
    return Told(_owner(row), row[3], int(row[4]), text, int(row[10]) != 0, note, *room)


def _listed_key(link: Link, bare: str, owner: Owner) -> tuple[str, ...]:
    catalog, schema = (part or None for part in owner)
    with closing(link.native.cursor()) as cursor:
        rows = cursor.primaryKeys(table=bare, catalog=catalog, schema=schema).fetchall()
    return tuple(row[3] for row in sorted(rows, key=lambda row: int(row[4])) if row[2] == bare)


def _exact(link: Link, bare: str, schema: str) -> dict[str, str]:
    """The types by column in the words of the database, where its driver leaves out what matters."""
    if not link.dialect.types:
        return {}
    return {str(name): str(text) for name, text in link.rows(link.dialect.types, (bare, schema or None))}


# ---- what it means ---------------------------------------------------------------------------------------------------


def _column(dialect: Dialect, told: Told) -> Column:
    text = told.text.lower()
    kind = _kind(dialect, told.code, text)
    size, scale = _room(kind, text, told)
    if kind in SIZED and not size:
        kind = "text"
    return Column(told.name, kind, size, scale, null=told.null, note=told.note)


def _kind(dialect: Dialect, code: int, text: str) -> Kind:
    bare = " ".join(_SIZES.sub("", text).split())
    if dialect.catalog:
        return dialect.catalog.kinds.get(text) or dialect.catalog.kinds.get(bare, "text")
    own = _OF_DBMS.get(dialect.name, {})
    return own.get(text) or own.get(bare) or _NAMED.get(bare) or _KINDS.get(code, "text")


def _room(kind: Kind, text: str, told: Told) -> tuple[int, int]:
    """Size and scale: what stands in the type, else what the driver says, 0 where there is no end."""
    if kind not in (*SIZED, "binary"):
        return 0, 0
    if written := _SIZES.search(text):
        return _digits(int(written[1]), int(written[2] or 0))
    if text == "uuid":
        return _UUID_LETTERS, 0
    if kind == "decimal":
        known = (_UNSIGNED_DIGITS, 0) if "unsigned" in text else (told.size, told.scale)
        return known if told.code else _ANY_DIGITS
    return (0, 0) if kind == "binary" else (max(told.size, 0), 0)


def _digits(size: int, scale: int) -> tuple[int, int]:
    """As many as such a number has at most; a scale below 0, or above its digits, moves its point beyond them.

    >>> _digits(12, 2), _digits(4, -2), _digits(3, 5)
    ((12, 2), (6, 0), (5, 5))
    """
    return max(size - min(scale, 0), scale), max(scale, 0)

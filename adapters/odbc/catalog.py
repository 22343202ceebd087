"""What a database says of a table: its columns in logical types, and its primary key, by ODBC's catalog functions.

Names are compared letter for letter first. Where a database folds names that nobody quoted, and the declared one is not
there, the one that differs in case alone is told as a hint by ``drift``; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Final

from adapters.odbc.connecting import Link
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
_SIZES: Final = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_TYPE_MODIFIER: Final = 20
"""Where psqlodbc says what PostgreSQL keeps beside a type: -1 for one that was declared without a size."""


def read_table(link: Link, name: str) -> Table | None:
    """The table, view or synonym as it is; None where there is none of that name.

    Raises DatabaseFault, and so where several schemas have one and none is named.
    """
    schema, _, bare = name.rpartition(".")
    with link.judged():
        rows = _columns(link, bare, schema)
        owners = sorted({tuple(row[:2]) for row in rows}, key=str)
        if len(owners) > 1:
            names = ", ".join(".".join(filter(None, map(str, owner[-1:]))) for owner in owners)
            raise DatabaseFault(
                Verdict.SETUP, "3F000", 0, f"{bare} is in several schemas ({names}): name the one meant"
            )
        if not rows:
            return None
        exact = _exact(link, bare, schema)
        found = [_column(link, row, exact.get(row[3], row[5] or "")) for row in rows]
        return Table(name, tuple(found), _key(link, bare, owners[0]))


def _columns(link: Link, bare: str, schema: str) -> list[Sequence[Any]]:
    """The rows of SQLColumns in their order; it takes ``_`` and ``%`` in a name for patterns, so they are compared.

    Numbers may be texts, where a dialect reads everything as text.
    """
    place = {"catalog" if link.dialect.schemas == "catalogs" else "schema": schema} if schema else {}
    with closing(link.native.cursor()) as cursor:
        rows = cursor.columns(table=bare, **place).fetchall()
    return sorted((row for row in rows if row[2] == bare), key=lambda row: int(row[16]))


def _key(link: Link, bare: str, owner: Sequence[Any]) -> tuple[str, ...]:
    catalog, schema = (part or None for part in owner)
    with closing(link.native.cursor()) as cursor:
        rows = cursor.primaryKeys(table=bare, catalog=catalog, schema=schema).fetchall()
    return tuple(row[3] for row in sorted(rows, key=lambda row: int(row[4])) if row[2] == bare)


def _exact(link: Link, bare: str, schema: str) -> dict[str, str]:
    """The types by column in the words of the database, where its driver leaves out what matters."""
    if not link.dialect.types:
        return {}
    return {str(name): str(text) for name, text in link.rows(link.dialect.types, (bare, schema or None))}


def _column(link: Link, row: Sequence[Any], text: str) -> Column:
    """One row of SQLColumns; ``text`` is its type as the database writes it: ``decimal(12,2)``."""
    kind = _kind(link.dialect.name, int(row[4]), text.lower())
    size, scale = _room(kind, row, text.lower())
    if kind in SIZED and not size:
        kind = "text"
    return Column(row[3], kind, size, scale, null=int(row[10]) != 0, note=row[11] or "")


def _kind(dbms: str, code: int, text: str) -> Kind:
    bare = " ".join(_SIZES.sub("", text).split())
    own = _OF_DBMS.get(dbms, {})
    return own.get(text) or own.get(bare) or _NAMED.get(bare) or _KINDS.get(code, "text")


def _room(kind: Kind, row: Sequence[Any], text: str) -> tuple[int, int]:
    """Size and scale: what stands in the type, else what the driver says, 0 where there is no end."""
    if kind not in (*SIZED, "binary"):
        return 0, 0
    written = _SIZES.search(text)
    unsized = len(row) > _TYPE_MODIFIER and row[_TYPE_MODIFIER] == -1
    if written:
        return int(written[1]), int(written[2] or 0)
    if kind == "decimal":
        known = (_UNSIGNED_DIGITS, 0) if "unsigned" in text else (int(row[6]), int(row[8] or 0))
        return _ANY_DIGITS if unsized else known
    if text == "uuid":
        return _UUID_LETTERS, 0
    return (0, 0) if unsized or kind == "binary" else (max(int(row[6] or 0), 0), 0)

"""What a database says of its columns that no catalog function tells: the codes they may hold.

Codes stand in CHECK constraints and enumerations; each database is asked for them in its own words. A constraint counts
only where it is one list of texts for one column, and nothing more: what depends on other columns is no code list. What
comes out is a help for whoever drafts a mapping; nothing else relies on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from adapters.odbc.connecting import Link
from adapters.odbc.faults import DatabaseFault
from adapters.odbc.tables import Table

_CHECKS: Final[Mapping[str, str]] = {
    "PostgreSQL": "SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid"
    " JOIN pg_namespace n ON n.oid = t.relnamespace WHERE c.contype = 'c' AND t.relname = ?"
    " AND COALESCE(n.nspname = ?, pg_table_is_visible(t.oid))",
    "MariaDB": "SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS"
    " WHERE TABLE_NAME = ? AND CONSTRAINT_SCHEMA = COALESCE(?, DATABASE())",
    "SQLite": "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ? AND ? IS NULL",
}
_ENUMERATIONS: Final[Mapping[str, str]] = {
    "PostgreSQL": "SELECT a.attname, string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder)"
    " FROM pg_attribute a JOIN pg_enum e ON e.enumtypid = a.atttypid JOIN pg_class t ON t.oid = a.attrelid"
    " JOIN pg_namespace n ON n.oid = t.relnamespace WHERE t.relname = ?"
    " AND COALESCE(n.nspname = ?, pg_table_is_visible(t.oid)) GROUP BY a.attname",
    "MariaDB": "SELECT COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS WHERE DATA_TYPE = 'enum'"
    " AND TABLE_NAME = ? AND TABLE_SCHEMA = COALESCE(?, DATABASE())",
}
_NAME: Final = r'(?:"(?:[^"]|"")+"|`[^`]+`|[A-Za-z_][A-Za-z0-9_]*)'
_TEXT: Final = r"'(?:[^']|'')*'"
_CAST: Final = r"(?:::[a-z ]+(?:\(\d+\))?(?:\[\])?)?"
_CODE: Final = rf"\(*{_TEXT}{_CAST}\)?{_CAST}"
_LIST: Final = re.compile(
    rf"[\s(]*(?P<name>{_NAME})\)?{_CAST}\s*(?:IN\s*\(|=\s*ANY\s*\(+ARRAY\[|=\s*)"
    rf"(?P<codes>{_CODE}(?:\s*,\s*{_CODE})*)(?:[\s)\]]|::[a-z ]+(?:\[\])?)*",
    re.IGNORECASE,
)
_MOST: Final = 200
"""Codes of one column; more are no code list that somebody maps by hand."""


def with_codes(link: Link, table: Table) -> Table:
    """The table with the codes of its columns, as far as the database tells them."""
    schema, _, bare = table.name.rpartition(".")
    codes = _codes(link, (bare, schema or None))
    columns = (column._replace(codes=dict.fromkeys(codes.get(column.name, ()), "")) for column in table.columns)
    return table._replace(columns=tuple(columns))


def _codes(link: Link, place: tuple[str, str | None]) -> dict[str, tuple[str, ...]]:
    checks = (str(row[0]) for row in _rows(link, _CHECKS.get(link.dialect.name, ""), place))
    listed = dict(filter(None, map(listed_codes, constraints(checks))))
    listed |= {name: texts(text) for name, text in _pairs(link, _ENUMERATIONS, place)}
    return {name: codes for name, codes in listed.items() if 0 < len(codes) <= _MOST}


def _pairs(link: Link, sql: Mapping[str, str], place: tuple[str, str | None]) -> list[tuple[str, str]]:
    return [(str(name), str(text)) for name, text in _rows(link, sql.get(link.dialect.name, ""), place)]


def _rows(link: Link, sql: str, place: tuple[str, str | None]) -> list[tuple[object, ...]]:
    """What the database says; nothing where it is not asked, or lets this user not see it."""
    if not sql:
        return []
    try:
        return [tuple(row) for row in link.rows(sql, place)]
    except DatabaseFault:
        link.rollback()
        return []


def constraints(told: Iterable[str]) -> Iterator[str]:
    """The conditions in what a database tells: of a CREATE TABLE those behind each CHECK, else the text itself.

    >>> list(constraints(["CREATE TABLE t (a char(1) CHECK (a IN ('(', 'B')), b int)", "`c` in ('X')"]))
    ["a IN ('(', 'B')", "`c` in ('X')"]
    """
    for text in told:
        starts = [match.end() for match in re.finditer(r"\bCHECK\s*\(", text, re.IGNORECASE)]
        yield from (_closed(text[start:]) for start in starts)
        if not starts:
            yield text


def _closed(text: str) -> str:
    """Up to the parenthesis that closes what was opened before; those inside texts do not count."""
    depth = 1
    for match in re.finditer(rf"{_TEXT}|[()]", text):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if not depth:
            return text[: match.start()]
    return text


def listed_codes(condition: str) -> tuple[str, tuple[str, ...]] | None:
    """The column and its codes, where a condition is nothing but that.

    >>> listed_codes("((status)::text = ANY ((ARRAY['N'::character varying, 'it''s'::character varying])::text[]))")
    ('status', ('N', "it's"))
    >>> listed_codes("a IN ('X') OR b = 1") is None
    True
    """
    match = _LIST.fullmatch(condition)
    if match is None:
        return None
    name = match["name"]
    bare = name[1:-1].replace('""', '"') if name[0] in '"`' else name
    return bare, texts(match["codes"])


def texts(listed: str) -> tuple[str, ...]:
    """The texts in quotes."""
    return tuple(found[1:-1].replace("''", "'") for found in re.findall(_TEXT, listed))

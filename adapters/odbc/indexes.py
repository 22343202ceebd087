"""Whether a database finds what waits by an index: without one, each claim reads every row there ever was."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from adapters.odbc.catalog import place_of
from adapters.odbc.section import Wire

if TYPE_CHECKING:
    from adapters.odbc.connecting import Link

_INDEX, _PLACE, _COLUMN = 5, 7, 8
"""Columns of SQLStatistics."""


def lacking(wire: Wire, link: Link) -> str:
    """What the request table needs for its queue, as text; empty where it has it. Raises DatabaseFault."""
    needed = tuple(dict.fromkeys((wire.status, *wire.order)))
    if any(names[: len(needed)] == needed for names in read_indexes(link, wire.table.name)):
        return ""
    return f"{wire.table.name} has no index that begins with {', '.join(needed)}: each claim reads every row"


def read_indexes(link: Link, name: str) -> list[tuple[str, ...]]:
    """The columns of each index of a table, in order."""
    schema, _, bare = name.rpartition(".")
    found: dict[str, dict[int, str]] = {}
    for index, place, column in (_selected if link.dialect.catalog else _listed)(link, bare, schema):
        found.setdefault(str(index), {})[int(place)] = column
    return [tuple(columns[place] for place in sorted(columns)) for columns in found.values()]


def _selected(link: Link, bare: str, schema: str) -> list[Sequence[Any]]:
    asked = link.dialect.catalog.indexes if link.dialect.catalog else ""
    return link.rows(asked, (bare, schema or None))


def _listed(link: Link, bare: str, schema: str) -> list[Sequence[Any]]:
    with link.judged(), closing(link.native.cursor()) as cursor:
        rows = cursor.statistics(bare, unique=False, quick=True, **place_of(link, schema)).fetchall()
    return [(row[_INDEX], row[_PLACE], row[_COLUMN]) for row in rows if row[_INDEX] and row[_COLUMN]]

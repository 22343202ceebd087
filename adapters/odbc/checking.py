"""Holds the tables a database has against those an integration declares: before the first row, after every return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.odbc.catalog import read_table
from adapters.odbc.drift import differences
from adapters.odbc.section import QUERY, Wire
from contracts.errors import ConfigurationError

if TYPE_CHECKING:
    from adapters.odbc.connecting import Link


def check(wire: Wire, link: Link) -> None:
    """Raises ConfigurationError with the exact difference of every column that hurts; nothing is guessed."""
    found = []
    for name, table in wire.tables.found.items():
        if name != QUERY:
            drifts = differences(table, read_table(link, name), wire.touched.get(name, ()))
            found += [drift.fault(wire.tables) for drift in drifts if not drift.harmless]
    if found:
        raise ConfigurationError(found)

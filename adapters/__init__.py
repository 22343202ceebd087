"""The adapters, one protocol each, and the one table that names them. Nothing is imported until a name is asked for.

Third parties add theirs through the entry-point group ``scoregate.adapters``; a name that is taken twice is an error.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from contracts.errors import ConfigurationError, Fault, MissingLibrary
from contracts.source import nearest

if TYPE_CHECKING:
    from gateway.spi import Adapter

GROUP = "scoregate.adapters"


class Command(NamedTuple):
    """The word for the one argument of a command, and what the command does."""

    argument: str
    help: str


class Row(NamedTuple):
    """Where an adapter lives (``module:attribute``), and what to type when a library it needs is missing.

    ``commands`` are those it adds to the command line, by name.
    """

    target: str
    install: str
    commands: Mapping[str, Command] = MappingProxyType({})


BUILT_IN: Mapping[str, Row] = MappingProxyType(
    {
        "odbc": Row(
            "adapters.odbc:adapter",
            "pip install 'scoregate[odbc]'",
            {"probe": Command("CONNECTION", "Say what a database is, how its rows are claimed, and what works.")},
        ),
        "rest": Row("adapters.rest:adapter", "pip install scoregate"),
        "soap": Row("adapters.soap:adapter", "pip install 'scoregate[soap]'"),
    }
)


def registry(found: Iterable[EntryPoint] | None = None) -> Mapping[str, Row]:
    """Every adapter that can be asked for, in alphabetical order, read-only; ``found`` defaults to what is installed.

    Raises ConfigurationError naming both sides when two adapters claim one name.
    """
    rows = dict(BUILT_IN)
    faults = []
    for entry in entry_points(group=GROUP) if found is None else found:
        row = rows.get(entry.name)
        if row is None:
            package = entry.dist.name if entry.dist else entry.value.partition(".")[0]
            rows[entry.name] = Row(entry.value, f"pip install --force-reinstall {package}")
        elif row.target != entry.value:
            message = f"two adapters are named {entry.name!r}: {row.target} and {entry.value}"
            faults.append(Fault(f"entry point {GROUP}", 0, 0, message, "uninstall one of them"))
    if faults:
        raise ConfigurationError(faults)
    return MappingProxyType(dict(sorted(rows.items())))


def load(name: str, rows: Mapping[str, Row] | None = None) -> Adapter:
    """Import one adapter. Raises ConfigurationError for an unknown name, MissingLibrary where a library is missing."""
    rows = registry() if rows is None else rows
    if name not in rows:
        known = nearest(name, rows) or f"there are: {', '.join(rows)}"
        raise ConfigurationError([Fault("adapter", 0, 0, f"no adapter is named {name!r}", known)])
    module, _, attribute = rows[name].target.partition(":")
    try:
        adapter: Adapter = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as exc:
        raise MissingLibrary(exc.name or module, rows[name].install) from exc
    except AttributeError as exc:
        message = f"the adapter {name!r} is not at {rows[name].target}"
        raise ConfigurationError([Fault(f"entry point {GROUP}", 0, 0, message)]) from exc
    return adapter

"""Checks look-ups, and whatever else names a connection, against the home. Nothing is connected to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from contracts.errors import ConfigurationError, Fault, MissingLibrary, SetupError
from contracts.mapping.tree import Wired
from contracts.source import Path_, nearest
from gateway.connections import Connections
from gateway.integrations import Integration
from gateway.lookup_specs import LookupSpec
from gateway.spi import Adapter, ConnectingAdapter, Connection, LookupAdapter, PlannedSource

CONNECTION = "connection"
"""The key under which every adapter's section names the connection it uses."""
Named = Callable[..., Connection]
"""A connection by name and ``adapter``, as ``Connections`` gives it."""


def lookup_faults(
    integration: Integration, adapter: Callable[[str], Adapter], connections: Connections
) -> Iterator[Fault]:
    """Everything that is wrong with the look-ups of an integration, and with the connections it names."""
    checked = partial(_checked, adapter, connections)
    yield from _named(integration, ("wire",), integration.adapter, integration.wire, checked)
    for name, spec in integration.lookups.items():
        yield from _limit_faults(integration, name, spec)
        try:
            found = adapter(spec.adapter)
        except SetupError as exc:
            yield integration.fault(("lookups", name, "adapter"), exc.message)
            continue
        if not isinstance(found, LookupAdapter):
            yield integration.fault(("lookups", name, "adapter"), f"the adapter {spec.adapter!r} does no look-ups")
            continue
        yield from _source_faults(integration, name, spec, found, checked)


def _checked(adapters: Callable[[str], Adapter], connections: Connections, name: str, adapter: str) -> Connection:
    """A connection with nothing wrong that its adapter can tell of it; raises ConfigurationError with every fault."""
    connection = connections(name, adapter)
    try:
        found = adapters(adapter)
    except SetupError:
        return connection  # which is told where the adapter is named
    faults = list(found.connection_faults(connection)) if isinstance(found, ConnectingAdapter) else []
    if faults:
        raise ConfigurationError(faults)
    return connection


def _limit_faults(integration: Integration, name: str, spec: LookupSpec) -> Iterator[Fault]:
    """Look-ups of one submission are made side by side, so it is the longest that counts."""
    deadline = integration.limits.deadline
    if spec.timeout >= deadline:
        message = f"waits {spec.timeout:g}s for its source, and the integration has {deadline:g}s for everything"
        yield integration.fault(("lookups", name, "timeout"), message, "wait less, or raise limits.deadline")
    if not _read_paths(integration, name):
        message, hint = f"nothing reads what {name!r} finds", f"map a field from lookup.{name}, or leave it out"
        yield integration.fault(("lookups", name), f"{message}, and submissions wait for it", hint, "warning")


def _source_faults(
    integration: Integration, name: str, spec: LookupSpec, adapter: LookupAdapter, connections: Named
) -> Iterator[Fault]:
    place = ("lookups", name)
    wrong = list(_named(integration, place, spec.adapter, spec.section, connections))
    yield from wrong
    try:
        source = adapter.lookup(spec.section, partial(connections, adapter=spec.adapter))
    except (ConfigurationError, MissingLibrary) as exc:
        if not wrong:
            yield from (f if f.file else integration.fault(place, f.message, f.hint) for f in exc.faults)
        return
    planned = source.paths() if isinstance(source, PlannedSource) else None
    for field, path in _read_paths(integration, name).items() if planned is not None else ():
        if path not in (planned or ()):
            hint = nearest(path, planned or ()) or f"there is: {', '.join(sorted(planned or ()))}"
            yield integration.fault(("request", field, "from"), f"the look-up {name!r} does not give {path}", hint)


def _read_paths(integration: Integration, name: str) -> dict[str, str]:
    """Contract fields by what they read below ``lookup.<name>``."""
    read = (entry for entry in integration.request.tree.entries if isinstance(entry, Wired) and entry.lookup == name)
    return {entry.field.name: entry.path.open.removeprefix(f"lookup.{name}.") for entry in read}


def _named(
    integration: Integration, place: Path_, adapter: str, section: Mapping[str, Any], connections: Named
) -> Iterator[Fault]:
    name = section.get(CONNECTION)
    if not isinstance(name, str):
        return
    try:
        connections(name, adapter)
    except ConfigurationError as exc:
        for fault in exc.faults:
            there, severity = f"{fault.file} {fault.message}", _severity(place, fault)
            yield fault if fault.line else integration.fault((*place, CONNECTION), there, fault.hint, severity)


def _severity(place: Path_, fault: Fault) -> str:
    """An integration opens without the connection of its wire section; only who polls it needs one, and where a home
    has no connections at all nobody polls yet.
    """
    return "note" if place == ("wire",) and not Path(fault.file).exists() else "error"

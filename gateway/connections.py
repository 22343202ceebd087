"""Where legacy systems are reached: ``connections.yaml`` of the home, by name.

An integration, or a look-up, names a connection and nothing more. Hosts, users and passwords are the home's, so that
one folder runs unchanged against a sample database, a trial and the real one; nothing that lies here decides, and it
is in no digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contracts.errors import ConfigurationError, Fault, SetupError
from contracts.section import Section
from contracts.source import Source, nearest
from contracts.yaml_text import quote
from gateway.secret import is_reference, read_text
from gateway.spi import Connection

CONNECTIONS_FILE = "connections.yaml"


class Connections:
    """The connections of a home; the file is read when the first one is asked for.

    Called with a name, and the adapter that asks, it gives the connection; raises ConfigurationError where the file
    has none of that name, or keeps it for another adapter.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / CONNECTIONS_FILE
        self._found: Mapping[str, tuple[str, Connection]] | None = None

    def __call__(self, name: str, adapter: str) -> Connection:
        found = self._read() if self._found is None else self._found
        if name not in found:
            known = sorted(other for other, (kind, _) in found.items() if kind == adapter)
            hint = nearest(name, known) or (f"there are: {', '.join(known)}" if known else f"add it to {self._path}")
            raise ConfigurationError([Fault(str(self._path), 0, 0, f"has no {adapter} connection {name!r}", hint)])
        kind, connection = found[name]
        if kind != adapter:
            raise ConfigurationError([connection.fault(("adapter",), f"is for {kind!r}, and {adapter!r} asks for it")])
        return connection

    def named(self) -> Mapping[str, str]:
        """The adapter of every connection, by its name; raises ConfigurationError where the file is wrong."""
        found = self._read() if self._found is None else self._found
        return {name: adapter for name, (adapter, _) in found.items()}

    def _read(self) -> Mapping[str, tuple[str, Connection]]:
        if not self._path.exists():
            self._found = {}
            return self._found
        faults: list[Fault] = []
        source = Source.read(self._path)
        top = Section(source, faults, (), source.data, None)
        found = {name: _connection(name, top.section(name, None)) for name in _names(top)}
        if faults:
            raise ConfigurationError(faults)
        self._found = found
        return found


def _names(top: Section) -> list[str]:
    """What the connections are called; a name that is no text is a fault."""
    for name in top.data:
        if type(name) is not str:
            top.fault((str(name),), f"the name {name!r} must be a text", f"write {quote(str(name))}")
    return [name for name in top.data if type(name) is str]


def _connection(name: str, section: Section) -> tuple[str, Connection]:
    own: dict[str, Any] = {key: value for key, value in section.data.items() if key != "adapter"}

    def fault(below: tuple[str | int, ...], message: str, hint: str = "") -> Fault:
        return section.source.fault((*section.path, *below), message, hint)

    def secret(key: str) -> str:
        return _secret(own, key, name, fault)

    return section.take("adapter", str), Connection(name, own, secret, fault)


def _secret(own: Mapping[str, Any], key: str, name: str, fault: Any) -> str:
    reference = own.get(key)
    if not isinstance(reference, str) or not is_reference(reference):
        raise ConfigurationError([fault((key,), f"{key!r} must be given as env:NAME or file:PATH, not as itself")])
    try:
        return read_text(reference, f"{key} of the connection {name}")
    except SetupError as exc:
        raise ConfigurationError([fault((key,), exc.message)]) from exc

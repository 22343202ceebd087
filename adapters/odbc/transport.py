"""The odbc adapter as the gateway knows it; what talks to a database is loaded when that is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.odbc.codec import OdbcCodec
from adapters.odbc.keys import connection_faults
from adapters.odbc.lookup import lookup
from adapters.odbc.probe import probe, reached
from adapters.odbc.section import read_wire

if TYPE_CHECKING:
    from contracts.errors import Fault
    from gateway.spi import Connection, Connections, Described, Desk, LookupSource, Site, Sketch


class OdbcAdapter:
    """Rows of a table in, rows or columns of an answer out, through whatever has an ODBC driver."""

    name = "odbc"

    def wire(self, section: Mapping[str, Any], folder: Path) -> OdbcCodec:
        """Check ``wire:`` against tables.yaml; raises ConfigurationError with every fault."""
        return OdbcCodec(read_wire(section, folder))

    def command(self, name: str, argument: str, connections: Connections) -> Iterator[str]:
        """``probe CONNECTION``; the registry names the same."""
        return {"probe": probe}[name](connections(argument))

    def connection_faults(self, connection: Connection) -> Iterator[Fault]:
        """What is wrong with a section of ``connections.yaml``, without connecting."""
        return connection_faults(connection)

    def reach(self, connection: Connection) -> str:
        """Which database answers there, and as whom; raises what ``open_link`` raises."""
        return reached(connection)

    def draft(self, described: Described) -> Sketch:
        """What the tables of a database tell of an integration; ``choice`` names the one of the requests."""
        from adapters.odbc.drafting import sketch

        return sketch(described)

    def run(self, desk: Desk, site: Site) -> None:
        """Poll the request table until ``site`` says to end."""
        from adapters.odbc.polling import run

        run(desk, site)

    def lookup(self, section: Mapping[str, Any], connections: Connections) -> LookupSource:
        """A table or query that is asked by key; see ``lookup``."""
        return lookup(section, connections)


adapter = OdbcAdapter()

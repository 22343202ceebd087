"""The odbc adapter as the gateway knows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.odbc.codec import OdbcCodec
from adapters.odbc.section import read_wire


class OdbcAdapter:
    """Rows of a table in, rows or columns of an answer out, through whatever has an ODBC driver."""

    name = "odbc"

    def wire(self, section: Mapping[str, Any], folder: Path) -> OdbcCodec:
        """Check ``wire:`` against tables.yaml; raises ConfigurationError with every fault."""
        return OdbcCodec(read_wire(section, folder))


adapter = OdbcAdapter()

"""Optional libraries that load when something of them is first used."""

from __future__ import annotations

import importlib
from typing import Any

from contracts.errors import MissingLibrary

COLUMNS = "pip install 'scoregate[columns]'"
"""What to type when the libraries of the column engine are missing."""


class Lazy:
    """Stands for a module until it is needed; raises MissingLibrary, with the line to type, where there is none.

    ::

        if TYPE_CHECKING:
            import polars as pl
        else:
            pl = Lazy("polars", COLUMNS)
    """

    def __init__(self, library: str, install: str) -> None:
        self._library, self._install = library, install

    def __getattr__(self, name: str) -> Any:
        try:
            value = getattr(importlib.import_module(self._library), name)
        except ModuleNotFoundError as exc:
            raise MissingLibrary(self._library, self._install) from exc
        setattr(self, name, value)
        return value

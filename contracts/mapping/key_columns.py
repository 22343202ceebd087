"""The keys of a batch of messages: ``keys.py`` for columns. What is not plainly a key is left to the row engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.lazy import COLUMNS, Lazy
from contracts.mapping.conversions import LIMIT
from contracts.mapping.keys import LONGEST, KeyMap, Keys
from contracts.mapping.natives import Native, Natives, Wanted

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Lazy("polars", COLUMNS)

_PLAIN: Final = r"^[!-~](?:[ -~]*[!-~])?$"


class KeyColumns(NamedTuple):
    """The keys of n messages, '' where one has none; ``ok`` tells where they may be trusted."""

    keys: dict[str, pl.Series]
    ok: NDArray[np.bool_]


class ColumnKeys:
    """The key map of an integration for batches."""

    def __init__(self, keys: KeyMap) -> None:
        self._paths = {name: Wanted(path) for name, path in keys.paths.items()}
        self.wanted = tuple(self._paths.values())

    def read(self, natives: Natives) -> KeyColumns:
        found, ok = {}, np.ones(natives.size, np.bool_)
        for name in Keys._fields:
            if name not in self._paths:
                found[name] = pl.repeat("", natives.size, dtype=pl.String, eager=True)
                continue
            key = _key(natives.columns[self._paths[name]], LONGEST[name])
            found[name] = key.fill_null("")
            ok &= key.is_not_null().to_numpy()
            if name == "business":
                ok &= (found[name] != "").to_numpy()
        return KeyColumns(found, ok)


def _key(native: Native, longest: int) -> pl.Series:
    """The key in each row: '' where there is none, null where the row engine must look."""
    text = native.values.cast(pl.String)
    match native.kind:
        case "text":
            plain = text.str.contains(_PLAIN) & (text.str.len_bytes() <= longest)
        case "whole":
            plain = native.values.is_between(1 - LIMIT, LIMIT - 1)
        case _:
            plain = pl.repeat(False, len(text), dtype=pl.Boolean, eager=True)
    empty = native.values.is_null() | (text == "").fill_null(False)
    if native.odd is not None:
        empty = empty & ~native.odd
    known = text.zip_with(plain.fill_null(False), pl.Series([None], dtype=pl.String))
    return pl.repeat("", len(text), dtype=pl.String, eager=True).zip_with(empty, known)

"""The digests of a batch of records: the layout of ``digest.py``, laid out for all rows at once in numpy.

Every field becomes a block of bytes with one row per record, as wide as its longest value, and a mark of which bytes
count. What a value's bytes are is asked of ``Layout`` wherever there are few values; whole numbers are eight bytes big
end first on either side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.columns import ColumnRecords, States
from contracts.digest import Encode, Layout
from contracts.lazy import COLUMNS, Lazy
from contracts.types import Field, State

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Lazy("polars", COLUMNS)

Bytes = NDArray[np.uint8]
CHUNK: Final = 16_384
"""Records laid out at a time: a few megabytes, however many there are."""
WIDEST: Final = 512
"""Bytes of the longest text laid out in columns; records with longer ones are laid out singly."""
_FEW: Final = 256
_FIRST_DAY: Final = 719_163
"""The ordinal of 1970-01-01."""


class _Block(NamedTuple):
    """The bytes of one field, (n or 1, width), and how many of them count, one number for all rows or one per row."""

    content: Bytes
    used: int | NDArray[np.int64]


class _TooWide(Exception):
    """A text that is better laid out on its own."""


def digests(layout: Layout, records: ColumnRecords) -> list[bytes]:
    """The 32 bytes of each record, as ``layout.digest`` gives them one by one."""
    found: list[bytes] = []
    for start in range(0, records.frame.height, CHUNK):
        found += _some(layout, _slice(records, start))
    return found


def _slice(records: ColumnRecords, start: int) -> ColumnRecords:
    states = tuple(one if isinstance(one, int) else one[start : start + CHUNK] for one in records.states)
    return records._replace(frame=records.frame.slice(start, CHUNK), states=states)


def _some(layout: Layout, records: ColumnRecords) -> list[bytes]:
    try:
        blocks = list(_blocks(layout, records))
    except _TooWide:
        rows = range(records.frame.height)
        return [layout.digest(records.values(row), records.states_of(row)) for row in rows]
    found, start = [], layout.header
    for body in _joined(blocks, records.frame.height):
        hasher = start.copy()
        hasher.update(body)
        found.append(hasher.digest())
    return found


def _joined(blocks: Sequence[_Block], height: int) -> Iterator[memoryview]:
    """The bytes of each record, those that count of every field one after the other."""
    width = sum(block.content.shape[1] for block in blocks)
    content, counts = np.empty((height, width), np.uint8), np.ones((height, width), np.bool_)
    sizes, at = np.zeros(height, np.int64), 0
    for block in blocks:
        end = at + block.content.shape[1]
        content[:, at:end] = block.content
        if not isinstance(block.used, int):
            counts[:, at:end] = np.arange(end - at) < block.used[:, None]
        sizes += block.used
        at = end
    flat = memoryview((content if counts.all() else content[counts]).tobytes())
    ends = np.cumsum(sizes).tolist()
    for first, last in zip([0, *ends[:-1]], ends, strict=True):
        yield flat[first:last]


def _blocks(layout: Layout, records: ColumnRecords) -> Iterator[_Block]:
    for field, encode, states in zip(records.contract.fields, layout.encoders, records.states, strict=True):
        series = records.frame[field.name]
        if isinstance(states, int) and states != State.GIVEN:
            yield _Block(np.array([[states]], np.uint8), 1)
        elif field.type in ("integer", "decimal"):
            yield _whole(series.fill_null(0).to_numpy().astype(">i8"), states)
        elif field.type == "date":
            days = series.cast(pl.Int32).fill_null(0).to_numpy() + _FIRST_DAY
            yield _whole(days.astype(">i4"), states)
        else:
            yield _listed(field, encode, series, states)


def _whole(values: NDArray[Any], states: States) -> _Block:
    size = values.dtype.itemsize
    content = np.empty((len(values), 1 + size), np.uint8)
    content[:, 0] = states
    content[:, 1:] = values.view(np.uint8).reshape(len(values), size)
    if isinstance(states, int) or not states.any():
        return _Block(content, 1 + size)
    return _Block(content, np.where(states == State.GIVEN, 1 + size, 1))


def _listed(field: Field, encode: Encode, series: pl.Series, states: States) -> _Block:
    """Codes, truths and texts: the bytes of each value that occurs, and for every record its place among them."""
    if field.type == "string":
        known = series.drop_nulls().unique()
        if len(known) > _FEW and known.str.len_bytes().max() > WIDEST:  # type: ignore[operator]  # not empty
            raise _TooWide
        values: Sequence[Any] = known.to_list()
        places = series.replace_strict(known, np.arange(len(known)), default=None, return_dtype=pl.UInt32)
    else:
        values = field.codes if field.type == "code" else (False, True)
        places = series.cast(pl.UInt32)
    texts = [encode(value) for value in values] + [bytes([state]) for state in State]
    if max(map(len, texts)) > 8 * WIDEST:
        raise _TooWide
    at = places.fill_null(len(values)).to_numpy()
    if not isinstance(states, int):
        at = np.where(states == State.GIVEN, at, len(values) + states.astype(np.int64))
    sizes = np.array([len(text) for text in texts])
    table = np.frombuffer(b"".join(text.ljust(sizes.max(), b"\0") for text in texts), np.uint8).reshape(len(texts), -1)
    used = sizes[at]
    widest = int(used.max(initial=0))
    return _Block(table[:, :widest][at], widest if (used == widest).all() else used)

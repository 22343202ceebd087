"""The records of a file, part by part: JSON lines through the integration's own codec, Parquet as typed columns.

A part holds a bounded number of records and bytes, so memory does not grow with the file. What cannot be read as a
record spoils that record alone: it comes beside the others with its error.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.errors import CallerError, MalformedPayload, ScoregateError
from contracts.lazy import COLUMNS, Lazy
from contracts.mapping.natives import Natives, Wanted, from_trees
from contracts.mapping.tables import from_frame
from gateway.desks import OpenDesk
from gateway.spi import Asked, Tree

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq
else:
    pl, pa, pq = Lazy("polars", COLUMNS), Lazy("pyarrow", COLUMNS), Lazy("pyarrow.parquet", COLUMNS)

PART: Final = 8_192
"""Records in a part: few enough to stay near the processor, many enough that columns pay."""
BLOCK: Final = 512
"""Lines read in one go."""
PART_BYTES: Final = 64_000_000
PRINCIPAL: Final = "batch"
MAGIC: Final = b"PAR1"
_READ: Final = 1 << 20

Format = Literal["json", "parquet"]


Numbered = tuple[int, bytes]
"""A line's number, from 1, and what it holds."""


class Part(NamedTuple):
    """Some records of a file: ``numbers`` are their places in it, from 1, beside ``natives``; ``spoilt`` are the places
    and errors of those that could not be read."""

    numbers: NDArray[np.int64]
    natives: Natives
    spoilt: Sequence[tuple[int, ScoregateError]]


def opened(path: Path, desk: OpenDesk, wanted: Sequence[Wanted]) -> JsonLines | ParquetFile:
    """The file as parts; what begins like Parquet is Parquet, anything else JSON lines."""
    with path.open("rb") as stream:
        parquet = stream.read(len(MAGIC)) == MAGIC
    return ParquetFile(path, desk, wanted) if parquet else JsonLines(path, desk, wanted)


@contextmanager
def uncollected() -> Iterator[Callable[[], int]]:
    """The collector of cycles stands still, and goes through what is new when it is told to, between parts.

    The trees of a part hold no cycles and are freed as they are let go. Walking them meanwhile, and all there is after
    some thousands of them, takes a third of the time of reading.
    """
    enabled = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield gc.collect
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


class JsonLines:
    """One JSON object a line. Blank lines are passed over; a line longer than a message may be is not held."""

    format: Format = "json"

    def __init__(self, path: Path, desk: OpenDesk, wanted: Sequence[Wanted]) -> None:
        self._path, self._desk, self._wanted = path, desk, wanted
        self._unknown, self._limit = desk.integration.request.unknown, desk.integration.limits.bytes

    def lines(self, most: int = PART) -> Iterator[list[Numbered]]:
        """The lines as they are, so many at a time; of one that is too long enough for the desk to refuse it."""
        with self._path.open("rb") as stream:
            lines = _lines(stream, self._limit)
            while some := _some(lines, most):
                yield some

    def parts(self) -> Iterator[Part]:
        return map(self._part, self.lines())

    def _part(self, lines: list[Numbered]) -> Part:
        trees: list[Tree] = []
        kept: list[int] = []
        spoilt: list[tuple[int, ScoregateError]] = []
        for (number, _), read in zip(lines, self._read_all(lines), strict=True):
            if isinstance(read, CallerError):
                spoilt.append((number, read))
            else:
                trees.append(read)
                kept.append(number)
        natives = from_trees(trees, self._wanted, self._unknown)
        return Part(np.array(kept, np.int64), natives, spoilt)

    def _read_all(self, lines: Sequence[Numbered]) -> Iterator[Tree | CallerError]:
        """What each line holds; a line that is unlike the others costs its block the time of reading one by one."""
        for at in range(0, len(lines), BLOCK):
            block = lines[at : at + BLOCK]
            together = self._desk.read_many([content for _, content in block])
            yield from self._desk.side_by_side(self._read, block) if together is None else together

    def _read(self, line: Numbered) -> Tree | CallerError:
        try:
            return self._desk.read(Asked(line[1], {}, PRINCIPAL))
        except CallerError as error:
            return error


def _lines(stream: BinaryIO, limit: int) -> Iterator[Numbered]:
    """Number and content of each line that holds anything, cut off behind the first byte too many."""
    number = 0
    while line := stream.readline(limit + 2):
        number += 1
        rest = line
        while not rest.endswith(b"\n") and (rest := stream.readline(_READ)):
            pass
        content = line.rstrip(b"\r\n") if len(line) <= limit + 1 or line.endswith(b"\n") else line
        if content.strip():
            yield number, content[: limit + 1]


def _some(lines: Iterator[Numbered], most: int) -> list[Numbered]:
    """The next lines, as many as make a part."""
    taken, size = [], 0
    for line in lines:
        taken.append(line)
        size += len(line[1])
        if len(taken) == most or size > PART_BYTES:
            break
    return taken


class ParquetFile:
    """A Parquet file, read a part at a time."""

    format: Format = "parquet"

    def __init__(self, path: Path, desk: OpenDesk, wanted: Sequence[Wanted]) -> None:
        self._path, self._desk, self._wanted = path, desk, wanted

    def parts(self) -> Iterator[Part]:
        first, unknown = 1, self._desk.integration.request.unknown
        for batch in self._batches():
            natives = from_frame(pl.DataFrame(pl.from_arrow(batch)), self._wanted, unknown)
            yield Part(np.arange(first, first + natives.size, dtype=np.int64), self._gathered(natives), ())
            first += natives.size

    def _batches(self) -> Iterator[Any]:
        """Record batches; raises MalformedPayload where the file is damaged."""
        try:
            with pq.ParquetFile(self._path, pre_buffer=False) as file:
                yield from file.iter_batches(batch_size=PART)
        except (pa.ArrowException, OSError) as exc:
            message = f"{self._path.name} cannot be read as Parquet: {str(exc).splitlines()[0][:200]}"
            raise MalformedPayload(message, code="not_parquet") from exc

    def _gathered(self, natives: Natives) -> Natives:
        """The rows with what look-ups add to them, when they are read one by one."""
        return natives._replace(tree=lambda row: self._desk.gather(dict(natives.tree(row))))

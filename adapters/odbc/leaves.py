"""The columns of a draft as leaves: what each may hold, a text it takes, and a row made of such texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from adapters.odbc.codec import OdbcCodec
from adapters.odbc.rows import written
from adapters.odbc.tables import Column
from contracts.mapping.paths import Path
from gateway.spi import Leaf, NativeField


def asked(codec: OdbcCodec) -> Iterator[Leaf]:
    declared = codec.fields().request or {}
    for column, native in zip(codec.wire.row, declared.values(), strict=False):
        yield _leaf(column, native, "")


def told(codec: OdbcCodec) -> Iterator[Leaf]:
    """The answer's leaves; a list with one column is one of plain values."""
    wire, declared = codec.wire, codec.fields().answer or {}
    rest = iter(declared.items())
    for column in wire.answered:
        yield _leaf(column, next(rest)[1], "")
    for outlet in wire.lists.values():
        group = ""
        for column in outlet.columns:
            path, native = next(rest)
            group = path.partition("[]")[0] + "[]"
            if len(outlet.columns) > 1:
                yield _leaf(column, native, group)
        if len(outlet.columns) == 1:
            yield _leaf(outlet.columns[0], next(rest)[1], group)


def _leaf(column: Column, native: NativeField, group: str) -> Leaf:
    needed = not column.null
    return Leaf(native, group, needed, sample(column), _accepting(column), column.codes)


_FORMS: Final = {
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "time": r"[0-9]{2}:[0-9]{2}:[0-9]{2}",
    "timestamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z?",
    "timestamp-tz": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
    "boolean": "true|false",
    "real": r"-?[0-9]+(\.[0-9]+)?",
    "double": r"-?[0-9]+(\.[0-9]+)?",
    "binary": "([0-9a-f]{2})*",
}
_SAMPLES: Final = {
    "date": "2026-01-15", "time": "09:30:00", "timestamp": "2026-01-15T09:30:00",
    "timestamp-tz": "2026-01-15T09:30:00Z", "boolean": "false", "binary": "00",
}  # fmt: skip
_LARGEST: Final = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}


def sample(column: Column) -> str:
    """A text that the column may hold."""
    if column.codes:
        return next(iter(column.codes))
    if column.type == "decimal":
        return f"{0 if column.size == column.scale else 1}{'.' + '0' * column.scale if column.scale else ''}"
    return _SAMPLES.get(column.type, "1")


def _accepting(column: Column) -> Callable[[str], bool]:
    """Whether a text may stand in the column."""
    if column.codes:
        return lambda text: text in column.codes
    if column.type in ("char", "varchar", "text"):
        return lambda text: not column.size or len(text) <= column.size
    if column.type in _LARGEST:
        most = _LARGEST[column.type]
        return lambda text: bool(re.fullmatch("-?[0-9]{1,19}", text, re.ASCII)) and abs(int(text)) <= most
    if column.type == "decimal":
        whole, scale = column.size - column.scale, column.scale
        form = re.compile(rf"-?(0|[0-9]{{0,{whole}}})(\.[0-9]{{0,{scale}}})?" if scale else rf"-?[0-9]{{1,{whole}}}")
        return lambda text: form.fullmatch(text) is not None
    form = re.compile(_FORMS[column.type])
    return lambda text: form.fullmatch(text) is not None


def example(row: Iterable[Column], values: Mapping[str, str]) -> bytes:
    """A row with these texts, and legal ones where a column must hold something."""
    return written({column.name: _value(column, values) for column in row}) + b"\n"


def _value(column: Column, values: Mapping[str, str]) -> str | bool | None:
    wanted = values.get(_path(column))
    text = wanted if wanted is not None and _accepting(column)(wanted) else None if column.null else sample(column)
    return text == "true" if column.type == "boolean" and text is not None else text


def _path(column: Column) -> str:
    return str(Path((column.name,)))

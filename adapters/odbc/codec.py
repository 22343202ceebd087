"""One row in, the columns of one answer out. Pure: bytes to tree, tree to bytes; the bytes are JSON of columns.

A submission is the row as ``rows`` writes it, ``{"AMOUNT":"1234.50","KIND":"A","NOTE":null}``; beside it the tree has
``header.row``, the row's key and version. An answer is what is written where::

    {"columns":{"SCORE":586,"OUTCOME":"A"},"lists":{"REASONS":[{"CODE":"R05"}]}}

and a refusal is ``{"code":"invalid_record","text":"…"}``, for the columns of code and text. A column that the database
or its driver cannot give is submitted as ``{"unreadable":SQLSTATE}``, and its row is refused for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from adapters.odbc.faults import unread
from adapters.odbc.section import Outlet, Wire
from adapters.odbc.tables import Column
from contracts.errors import InternalFault, MalformedPayload
from contracts.mapping.paths import Path
from gateway.spi import BESIDE, Fields, NativeField, Refusal, Tree

ROW: Final = "row"
"""The one thing that comes beside a row: its key and version, ``header.row`` in the tree."""
UNREADABLE: Final = "unreadable"
_TYPES: Final = {
    "decimal": "decimal", "smallint": "integer", "integer": "integer", "bigint": "integer", "real": "number",
    "double": "number", "date": "date", "timestamp": "date-time", "timestamp-tz": "date-time", "boolean": "boolean",
}  # fmt: skip
_DIGITS: Final = {"smallint": 4, "integer": 9, "bigint": 18}
"""Digits that a whole number may have whatever they are."""


@dataclass(frozen=True, slots=True)
class OdbcCodec:
    """The codec of one integration; ``wire`` is what its section says."""

    wire: Wire

    def fields(self) -> Fields:
        wire = self.wire
        request = [_field((column.name,), column) for column in wire.row]
        request.append(NativeField(f"header.{ROW}", "string", 128))
        answer = [_field((column.name,), column) for column in wire.answered]
        answer += [leaf for name, outlet in wire.lists.items() for leaf in _listed(name, outlet)]
        return Fields({leaf.path: leaf for leaf in request}, {leaf.path: leaf for leaf in answer})

    def decode(self, raw: bytes, header: Mapping[str, str]) -> Tree:
        """The row as a tree; raises MalformedPayload for anything but one object of texts, true, false and null."""
        tree = _one_row(_parsed(raw))
        for name, value in tree.items():
            if name in BESIDE:
                raise MalformedPayload(f"{name!r} is a reserved name", code="reserved_name", path=name)
            if not (value is None or isinstance(value, str | bool)):
                whole = all(isinstance(one, dict) for one in tree.values())
                raise _no_value(value, self.wire.read_from.name if whole else self._spelled(name))
        tree["header"] = {ROW: header[ROW]} if ROW in header else {}
        return tree

    def encode(self, tree: Tree) -> bytes:
        lists = {name: _rows(self.wire.lists[name], value) for name, value in tree.items() if name in self.wire.lists}
        columns = {name: value for name, value in tree.items() if name not in lists}
        return _dumped({"columns": columns, "lists": lists} if lists else {"columns": columns})

    def refuse(self, refusal: Refusal) -> bytes:
        """Code and text. Our own faults say that they are ours, and nothing of what went wrong inside."""
        error = refusal.error
        if isinstance(error, InternalFault):
            text = "the fault is ours and is logged; set the row to wait again"
            return _dumped({"code": InternalFault.code, "text": text})
        told = [f"{p['path']}: {p['code']}, expected {p['expected']}" for p in refusal.problems]
        place = f"{error.path}: " if isinstance(error, MalformedPayload) and error.path else ""
        return _dumped({"code": error.detail_code, "text": "; ".join(told) or f"{place}{error.message}"})

    def native_path(self, path: str) -> str:
        """A column with its table; what names the row is its key."""
        if path == f"header.{ROW}":
            return ", ".join(map(self._spelled, self.wire.key))
        try:
            steps = Path.parse(path).steps
        except ValueError:
            return path
        return self._spelled(str(steps[0])) if len(steps) == 1 else path

    def _spelled(self, column: str) -> str:
        return f"{self.wire.read_from.name}.{column}"


def answer_of(payload: bytes) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """The columns and the lists of an encoded answer; numbers with a point stay exact."""
    found = _READ_OWN(payload.decode())
    return found["columns"], found.get("lists", {})


def refusal_of(payload: bytes) -> tuple[str, str]:
    """Code and text of an encoded refusal."""
    found = json.loads(payload)
    return found["code"], found["text"]


def _parsed(raw: bytes) -> Any:
    try:
        return _READ(raw.decode("utf-8"))
    except UnicodeDecodeError as exc:
        raise MalformedPayload(f"is not text at byte {exc.start}", code="not_text") from exc
    except (ValueError, RecursionError):
        raise MalformedPayload("is not a row as JSON", code="not_a_row") from None


def _one_row(found: Any) -> Tree:
    """A query may give any number of rows for one key; only one is an application."""
    if isinstance(found, list):
        code = "several_rows" if found else "no_row"
        raise MalformedPayload(f"the query gives {len(found)} rows for this key, expected one", code=code)
    if not isinstance(found, dict):
        raise MalformedPayload("is not a row as JSON", code="not_a_row")
    return found


def _no_value(value: Any, path: str) -> MalformedPayload:
    state = value.get(UNREADABLE) if isinstance(value, dict) else None
    if not isinstance(state, str):
        return MalformedPayload("a column holds one value", code="not_a_row", path=path)
    message = f"the database cannot give what it holds: {unread(state)}, SQLSTATE {state[:5]}"
    return MalformedPayload(message, code=UNREADABLE, path=path)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedPayload("a column occurs twice", code="duplicate_name")
    return found


def _dumped(tree: Mapping[str, Any]) -> bytes:
    return _WRITE(tree).encode()


def _exact(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no place in a column")


_READ: Final = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str).decode
_WRITE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_exact).encode
_READ_OWN: Final = json.JSONDecoder(parse_float=Decimal).decode
"""Made once: to make one costs as much as to read a row with it."""


def _rows(outlet: Outlet, elements: Sequence[Any]) -> list[Any]:
    """The rows of a list; one of plain values fills the only column there is."""
    only = outlet.columns[0].name
    return [one if isinstance(one, Mapping) else {only: one} for one in elements]


def _listed(name: str, outlet: Outlet) -> Iterable[NativeField]:
    for column in outlet.columns:
        leaf = _field((column.name,), column)
        yield leaf._replace(path=f"{Path((name,))}[].{leaf.path}", required=False, within=leaf.required)
    if len(outlet.columns) == 1:
        yield _field((name,), outlet.columns[0])._replace(path=f"{Path((name,))}[]", required=False)


def _field(steps: tuple[str, ...], column: Column) -> NativeField:
    return NativeField(
        str(Path(steps)),
        _TYPES.get(column.type, "string"),
        _room(column),
        required=not column.null,
        scale=column.scale if column.type == "decimal" else None,
        codes=tuple(column.codes),
        nil=column.null,
    )


def _room(column: Column) -> int | None:
    if column.type == "decimal":
        return column.size - column.scale
    if column.type in _DIGITS:
        return _DIGITS[column.type]
    if column.type == "binary":
        return 2 * column.size or None
    return column.size or None

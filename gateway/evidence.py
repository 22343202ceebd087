"""What is sealed with a decision beside the bytes and the answer: all that recomputing it needs, and what was computed.

The raw bytes alone do not make the tree: what the protocol carried beside them and what the look-ups found are part of
it. Numbers are unrounded, so that a recomputation can be compared to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic_core import to_json

from gateway.pipeline import Assessed, Line
from gateway.spi import Tree
from models.types import Scored

NUMBERS: Final = ("pd", "score", "score_min", "score_max", "base", "points", "information")
"""What of a scored record is sealed, unrounded."""
_DECIMAL: Final = "$decimal"


def beside(header: Mapping[str, str], tree: Tree) -> Tree:
    """What made the native tree besides the raw bytes, as JSON can hold it; ``read_beside`` reads it."""
    found = tree.get("lookup")
    return {"header": dict(header)} if found is None else {"header": dict(header), "lookup": _tagged(found)}


def read_beside(content: Mapping[str, Any]) -> tuple[dict[str, str], Tree | None]:
    """The header a codec was given, and what the look-ups found; None where none was made."""
    found = content.get("lookup")
    return dict(content["header"]), None if found is None else _untagged(found)


def encode_record(line: Line, assessed: Assessed, beside: Tree) -> bytes:
    """The record as it is sealed: values, states, origins and causes in contract order, as JSON, with the evidence."""
    record = assessed.record
    content = {
        "contract": record.contract,
        "values": record.values,
        "states": list(record.states),
        "origins": list(record.origins),
        "causes": {str(position): cause for position, cause in record.causes.items()},
        "digest": assessed.record_digest.hex(),
        "scored": numbers(assessed.scored),
        "beside": beside,
        "basis": line.basis,
    }
    return to_json(content)


def numbers(scored: Scored) -> dict[str, Any]:
    """The unrounded numbers of a scored record as plain floats; ``points`` in the bundle's group order."""
    found = {name: getattr(scored, name) for name in NUMBERS}
    found["points"] = scored.points.tolist()
    return found


def _tagged(value: Any) -> Any:
    """A tree without decimals: each becomes a mapping that no tree can hold, as names with ``$`` get a second one."""
    if isinstance(value, Decimal):
        return {_DECIMAL: str(value)}
    if isinstance(value, Mapping):
        return {f"${name}" if name.startswith("$") else name: _tagged(below) for name, below in value.items()}
    return [_tagged(below) for below in value] if isinstance(value, list) else value


def _untagged(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_DECIMAL}:
            return Decimal(value[_DECIMAL])
        return {name.removeprefix("$"): _untagged(below) for name, below in value.items()}
    return [_untagged(below) for below in value] if isinstance(value, list) else value

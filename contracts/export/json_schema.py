"""A contract as JSON Schema 2020-12.

A decimal is text with all its digits (``"1290.00"``), and its pattern holds for exactly the numbers of its range. The
other way, a number with ``multipleOf: 0.01``, is misjudged by every validator that reckons in binary fractions: 0.07
is no multiple of 0.01 there. Ranges of decimals and dates stand beside it for people (``x-minimum``). A field that may
be empty may be null or left out, which both mean ``blank``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from contracts.export import decimal_text
from contracts.export.shape import Group, Leaf, Many, Part, about, leaves, title, tree, unsaid
from contracts.odcs import Contract
from contracts.types import Field

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DATE: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
TIMESTAMP: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
_LARGEST: Final = 2**63 - 1


def export(contract: Contract) -> str:
    """The schema of one record, as a JSON document."""
    head = {"$schema": DIALECT, "$id": f"urn:scoregate:contract:{contract.name}:{contract.version}"}
    return json.dumps(head | schema(contract), indent=2, ensure_ascii=False) + "\n"


def schema(contract: Contract) -> dict[str, Any]:
    """The schema of one record, as it may stand inside another document."""
    root = tree(contract)
    body = _object(root, closed=contract.unknown_fields == "refuse")
    beyond = [
        f"{leaf.path}: {about(leaf.field)}" for leaf in leaves(root) if leaf.field.type == "date" and _bounded(leaf)
    ]
    notes = unsaid(contract, beyond=tuple(beyond))
    return (
        {"title": contract.ref, "$comment": title(contract)} | body | ({"x-not-checked-here": notes} if notes else {})
    )


def _bounded(leaf: Leaf) -> bool:
    return leaf.field.minimum is not None or leaf.field.maximum is not None


def _object(group: Group, *, closed: bool) -> dict[str, Any]:
    told = {"description": group.note} if group.note else {}
    required = [part.name for part in group.parts if not isinstance(part, Leaf) or part.field.required]
    return {
        "type": "object", **told,
        "properties": {part.name: _part(part, closed=closed) for part in group.parts},
        "required": required, "additionalProperties": not closed,
    }  # fmt: skip


def _part(part: Part, *, closed: bool) -> dict[str, Any]:
    match part:
        case Leaf():
            return _leaf(part)
        case Group():
            return _object(part, closed=closed)
        case Many(note=note, most=most, item=item):
            told = {"description": note} if note else {}
            return {"type": "array", **told, "maxItems": most, "items": _part(item, closed=closed)}


def _leaf(leaf: Leaf) -> dict[str, Any]:
    field = leaf.field
    body: dict[str, Any] = {"description": about(field)}
    body |= _coded(leaf) if field.type == "code" else _simple(field)
    return body | dict(_extra(field))


def _coded(leaf: Leaf) -> dict[str, Any]:
    """``enum`` has no room for what a code means, so that stands beside it."""
    empty = [] if leaf.field.required else [None]
    told = {code: label for code, label in leaf.labels.items() if label}
    meaning = {"x-enum-descriptions": told} if told else {}
    return {"type": ["string", "null"] if empty else "string", "enum": [*leaf.field.codes, *empty]} | meaning


def _simple(field: Field) -> dict[str, Any]:
    kind = {"integer": "integer", "boolean": "boolean"}.get(field.type, "string")
    facts = {key: value for key, value in _facts(field).items() if value is not None}
    return {"type": kind if field.required else [kind, "null"], **facts}


def _facts(field: Field) -> dict[str, Any]:
    match field.type:
        case "integer":
            return {"minimum": field.minimum, "maximum": field.maximum}
        case "decimal":
            low, high = (_number(field.minimum, -_LARGEST), _number(field.maximum, _LARGEST))
            return {"pattern": decimal_text.pattern(low, high, field.scale)}
        case "date":
            return {"format": "date", "pattern": DATE}
        case "timestamp":
            return {"format": "date-time", "pattern": TIMESTAMP}
        case "string":
            return {"minLength": field.min_length, "maxLength": field.max_length, "pattern": field.pattern}
    return {}


def _number(bound: int | date | None, unbounded: int) -> int:
    return bound if isinstance(bound, int) else unbounded


def _extra(field: Field) -> Iterator[tuple[str, Any]]:
    if field.unit:
        yield "x-unit", field.unit
    if field.type == "decimal":
        yield "x-decimals", field.scale
    if field.type in ("decimal", "date"):
        bounds = (("x-minimum", field.minimum), ("x-maximum", field.maximum))
        yield from ((word, field.text(bound)) for word, bound in bounds if bound is not None)
    for word in ("personal", "protected", "essential"):
        if getattr(field, word):
            yield f"x-{word}", True

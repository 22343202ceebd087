"""One ODCS property read as one field: type, scale, unit, range, codes, and what missing means."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from contracts.types import Field, FieldType, Value, day_of

PROPERTIES: Final[Mapping[str, tuple[str, ...] | type]] = {
    "unit": str,
    "blank": ("refer", "refuse"),
    "rejected": ("refuse", "refer", "impute"),
    "monotone": ("rising", "falling"),
    "reason": str,
    "protected": bool,
    "essential": bool,
    "meaning": int,
}
"""Our custom properties of a field: the legal values, or the type."""

MOST: Final = 10**9
"""Characters of a text."""
_TYPES: Final[Mapping[str, FieldType]] = {
    "integer": "integer", "number": "decimal", "string": "string", "boolean": "boolean", "date": "date",
    "timestamp": "timestamp",
}  # fmt: skip
_MONOTONE: Final[Mapping[str | None, Any]] = {None: 0, "rising": 1, "falling": -1}
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_DECIMALS: Final = {Decimal(1).scaleb(-scale): scale for scale in range(10)}


class FieldFault(ValueError):
    """A property that makes no field; ``place`` leads from the property to what is wrong."""

    def __init__(self, place: tuple[str | int, ...], message: str, hint: str = "") -> None:
        super().__init__(message)
        self.place, self.message, self.hint = place, message, hint


def read_field(name: str, node: Mapping[str, Any], own: Mapping[str, Any]) -> Field:
    """The field of one ODCS property and its scoregate properties; raises FieldFault at the first thing amiss."""
    options = node.get("logicalTypeOptions") or {}
    codes = tuple(_code(entry["value"], position) for position, entry in enumerate(node.get("enum") or []))
    kind = _type(node, codes)
    scale = _scale(options) if kind == "decimal" else 0
    return Field(
        name=name,
        type=kind,
        scale=scale,
        unit=own.get("unit"),
        required=bool(node.get("required", False)),
        minimum=_bound(kind, scale, options, "minimum", "exclusiveMinimum", 1),
        maximum=_bound(kind, scale, options, "maximum", "exclusiveMaximum", -1),
        min_length=_length(options, "minLength"),
        max_length=_length(options, "maxLength"),
        pattern=options.get("pattern"),
        codes=codes,
        blank=own.get("blank", "refer"),
        rejected=own.get("rejected", "refuse"),
        monotone=_MONOTONE[own.get("monotone")],
        reason_group=own.get("reason"),
        protected=own.get("protected", False),
        essential=own.get("essential", False),
        meaning=own.get("meaning", 1),
        personal=node.get("classification") == "personal",
        description=" ".join(str(node.get("description", "")).split()),
    )


def read_examples(field: Field, node: Mapping[str, Any]) -> tuple[Value, ...]:
    """The ``examples`` of a property as values of its field; empty text stands for 'nothing'."""
    return tuple(_example(field, given, position) for position, given in enumerate(node.get("examples") or []))


def _type(node: Mapping[str, Any], codes: tuple[str, ...]) -> FieldType:
    logical = str(node.get("logicalType", ""))
    if logical not in _TYPES:
        raise FieldFault(("logicalType",), f"a field is one of {', '.join(_TYPES)}, or an object or array of them")
    if not codes:
        return _TYPES[logical]
    if logical != "string":
        raise FieldFault(("enum",), "codes are texts: make the logicalType string")
    return "code"


def _code(value: object, position: int) -> str:
    if not isinstance(value, str):
        raise FieldFault(("enum", position), f"the code {value} is not text", "put quotes around it")
    return value


def _scale(options: Mapping[str, Any]) -> int:
    step = options.get("multipleOf")
    scale = _DECIMALS.get(Decimal(str(step))) if isinstance(step, int | float) else None
    if scale is None:
        raise FieldFault(("logicalTypeOptions",), "a number needs its decimals", "multipleOf: 0.01 means two")
    return scale


def _bound(
    kind: FieldType, scale: int, options: Mapping[str, Any], key: str, exclusive: str, inward: int
) -> int | date | None:
    """An inclusive bound; an exclusive one is the next value further in, as all our numbers have a smallest step.

    Of two the narrower counts.
    """
    ends: list[Any] = [
        _end(kind, scale, options[name], ("logicalTypeOptions", name), step)
        for name, step in ((key, 0), (exclusive, inward))
        if name in options
    ]
    return (max if inward > 0 else min)(ends, default=None)


def _end(kind: FieldType, scale: int, given: object, place: tuple[str | int, ...], step: int) -> int | date:
    if kind == "timestamp":
        raise FieldFault(place, "a timestamp has no bounds here")
    if kind != "date":
        return _number(given, scale, place) + step
    try:
        return _date(given, place) + timedelta(days=step)
    except OverflowError as exc:
        raise FieldFault(place, f"no day is beyond {given}", "leave the bound out") from exc


def _length(options: Mapping[str, Any], key: str) -> int | None:
    """JSON Schema takes 5.0 for a whole number."""
    given = options.get(key)
    if given is None:
        return None
    if not 0 <= given <= MOST:
        raise FieldFault(("logicalTypeOptions", key), f"a text has at most {MOST:,} characters")
    return int(given)


def _number(given: object, scale: int, place: tuple[str | int, ...]) -> int:
    """A YAML number as scaled integer; a binary fraction stands for its shortest spelling, as it was written."""
    if type(given) is int or (type(given) is float and math.isfinite(given)):
        scaled = Decimal(repr(given)).scaleb(scale)
        if scaled == int(scaled):
            return int(scaled)
    raise FieldFault(place, f"{given} is not a number with {scale} decimals")


def _date(given: object, place: tuple[str | int, ...]) -> date:
    found = day_of(given)
    if found is None:
        raise FieldFault(place, f"{given} is not a date like 2026-03-31")
    return found


def _example(field: Field, given: object, position: int) -> Value:
    place = ("examples", position)
    if given == "" and not field.required:
        return None
    if field.type == "date":
        return _date(given, place)
    if field.type in ("integer", "decimal"):
        return _number(given, field.scale, place)
    if field.type == "boolean":
        if not isinstance(given, bool):
            raise FieldFault(place, f"{given} is not true or false")
        return given
    if not isinstance(given, str) or (field.type == "timestamp" and not _TIMESTAMP.fullmatch(given)):
        wanted = "a time like 2026-03-31T12:00:00Z" if field.type == "timestamp" else "text"
        raise FieldFault(place, f"{given} is not {wanted}", "put quotes around it")
    return given

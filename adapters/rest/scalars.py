"""One value of a JSON Schema by its facets: types, code lists, bounds, lengths, patterns, multiples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from contracts.source import text_of
from gateway.spi import NativeField

Schema = Mapping[str, Any]
_KINDS: Final = frozenset({"string", "integer", "fraction", "boolean", "object", "array", "null"})
_NUMBER: Final = frozenset({"integer", "fraction"})
_FORMATS: Final = {"date": "date", "date-time": "date-time"}
_FACETS: Final = (
    "enum", "const", "maxLength", "minLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "format",
)  # fmt: skip


def kinds_of(option: Sequence[Schema]) -> frozenset[str]:
    """The types of value that all of the schemas allow; ``fraction`` is a number that is not whole.

    >>> sorted(kinds_of([{"type": ["number", "null"]}, {"enum": [1, "x"]}]))
    ['integer']
    """
    kinds = _KINDS
    for schema in option:
        kinds &= _typed(schema)
    values = _values(option)
    return kinds if values is None else kinds & {_kind(value) for value in values}


def _typed(schema: Schema) -> frozenset[str]:
    named = schema.get("type", [])
    listed = [named] if isinstance(named, str) else named
    kinds = frozenset(listed) - {"number"} | (_NUMBER if "number" in listed else frozenset())
    return kinds or _KINDS


def _values(option: Sequence[Schema]) -> list[Any] | None:
    """The only values that all of the schemas allow; None where they list none."""
    lists = [list(schema["enum"]) for schema in option if "enum" in schema]
    lists += [[schema["const"]] for schema in option if "const" in schema]
    return None if not lists else [value for value in lists[0] if all(_among(value, other) for other in lists[1:])]


def _among(value: Any, others: Sequence[Any]) -> bool:
    return any(_kind(value) == _kind(other) and value == other for other in others)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if value == int(value) else "fraction"
    kinds = {str: "string", dict: "object", list: "array", type(None): "null"}
    return kinds[type(value)]


def scalars(path: str, option: Sequence[Schema], *, circle: bool = False) -> list[NativeField]:
    """What a leaf may be where all of the schemas hold, one for each type of value; empty where they allow none."""
    kinds = frozenset({"object"}) if circle else kinds_of(option)
    if kinds == _KINDS and not any(word in schema for schema in option for word in _FACETS):
        return [NativeField(path, "any")]
    found = list(_each(path, option, kinds))
    return [leaf._replace(nil="null" in kinds) for leaf in found]


def _each(path: str, option: Sequence[Schema], kinds: frozenset[str]) -> Iterator[NativeField]:
    values = _values(option)
    if "string" in kinds:
        yield _text(path, option, values)
    if kinds & _NUMBER:
        yield _number(path, option, values, whole="fraction" not in kinds)
    if "boolean" in kinds:
        yield NativeField(path, "boolean", codes=_codes(values, ("boolean",)))
    for kind in ("object", "array"):
        if kind in kinds:
            yield NativeField(path, kind)


def _codes(values: Sequence[Any] | None, kinds: Sequence[str]) -> tuple[str, ...]:
    found = [value for value in values or () if _kind(value) in kinds]
    return tuple(text_of(int(value) if _kind(value) == "integer" else value) for value in found)


def _text(path: str, option: Sequence[Schema], values: Sequence[Any] | None) -> NativeField:
    codes = _codes(values, ("string",))
    longest = [int(schema["maxLength"]) for schema in option if "maxLength" in schema]
    longest += [max(map(len, codes))] if codes else []
    patterns = tuple(schema["pattern"] for schema in option if "pattern" in schema)
    formats = [_FORMATS[schema["format"]] for schema in option if schema.get("format") in _FORMATS]
    strange = next((pattern for pattern in patterns if not _readable(pattern)), None)
    return NativeField(
        path,
        formats[0] if formats else "string",
        min(longest, default=None),
        codes=codes,
        least=max((int(schema.get("minLength", 0)) for schema in option), default=0),
        texts=Patterns(patterns) if patterns and strange is None else None,
        rule=" and ".join(patterns),
        barred="" if strange is None else f"the pattern {strange} of its schema cannot be read here",
    )


def _readable(pattern: str) -> bool:
    try:
        return bool(re.compile(pattern))
    except (re.error, RecursionError, OverflowError):
        return False


@dataclass(frozen=True)
class Patterns:
    """Texts in which each pattern is found, as JSON Schema has it."""

    patterns: tuple[str, ...]

    @cached_property
    def _search(self) -> list[re.Pattern[str]]:
        return [re.compile(pattern) for pattern in self.patterns]

    def accepts(self, text: str) -> bool:
        return all(pattern.search(text) for pattern in self._search)


def _number(path: str, option: Sequence[Schema], values: Sequence[Any] | None, *, whole: bool) -> NativeField:
    steps = [_exact(schema["multipleOf"]) for schema in option if "multipleOf" in schema]
    scales = [scale for scale in map(_scale, steps) if scale is not None]
    low = [_exact(schema["minimum"]) for schema in option if "minimum" in schema]
    high = [_exact(schema["maximum"]) for schema in option if "maximum" in schema]
    limits = Limits(
        tuple(_exact(schema["exclusiveMinimum"]) for schema in option if "exclusiveMinimum" in schema),
        tuple(_exact(schema["exclusiveMaximum"]) for schema in option if "exclusiveMaximum" in schema),
        tuple(step for step in steps if _scale(step) is None),
    )
    highest = min([*high, *limits.below], default=None)
    return NativeField(
        path,
        "integer" if whole else "number",
        None if highest is None else len(str(int(abs(highest)))),
        scale=min(scales, default=None),
        codes=_codes(values, ("integer", "fraction")),
        low=max([*low, *limits.above], default=None),
        high=highest,
        texts=limits if any((limits.above, limits.below, limits.steps)) else None,
        rule=limits.rule,
    )


def _exact(number: float) -> Decimal:
    return Decimal(str(number))


def _scale(step: Decimal) -> int | None:
    """The decimal places of 1, 0.1, 0.01 …; None for any other step."""
    _, digits, exponent = step.normalize().as_tuple()
    return -exponent if digits == (1,) and isinstance(exponent, int) and exponent <= 0 else None


@dataclass(frozen=True)
class Limits:
    """Numbers above and below others, and multiples of others, each given as a text."""

    above: tuple[Decimal, ...] = ()
    below: tuple[Decimal, ...] = ()
    steps: tuple[Decimal, ...] = ()

    @property
    def rule(self) -> str:
        told = [f"> {bound}" for bound in self.above] + [f"< {bound}" for bound in self.below]
        return " and ".join(told + [f"multiples of {step}" for step in self.steps])

    def accepts(self, text: str) -> bool:
        number = Decimal(text)
        inside = all(number > bound for bound in self.above) and all(number < bound for bound in self.below)
        return inside and all(number % step == 0 for step in self.steps)

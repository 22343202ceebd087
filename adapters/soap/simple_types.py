"""Simple types of XML Schema (part 2): what kind of value they hold, and how much room a restriction leaves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final, TypeGuard

from adapters.soap.names import XSD, Node, children, qualified, resolve
from adapters.soap.types import ANY, Simple

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?")
_FINEST: Final = 18
"""Digits behind the point of the least number that counts where a type does not bound them."""
_TEXTS: Final = ("string", "normalizedString")
_TOKENS: Final = (
    "token", "language", "Name", "NCName", "NMTOKEN", "NMTOKENS", "ID", "IDREF", "IDREFS", "ENTITY", "QName", "anyURI",
    "NOTATION", "hexBinary", "base64Binary", "duration", "time", "gYear", "gYearMonth", "gMonth", "gMonthDay", "gDay",
    "float", "double",
)  # fmt: skip
_DIGITS: Final[Mapping[str, int | None]] = {
    "integer": None, "nonNegativeInteger": None, "positiveInteger": None, "nonPositiveInteger": None,
    "negativeInteger": None, "long": 18, "unsignedLong": 19, "int": 9, "unsignedInt": 9, "short": 4,
    "unsignedShort": 4, "byte": 2, "unsignedByte": 2,
}  # fmt: skip
"""Whole numbers, and how many digits of any value they are sure to hold."""
_UNSIGNED: Final = (
    "nonNegativeInteger", "positiveInteger", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte",
)  # fmt: skip

BUILT_IN: Final[Mapping[str, Simple]] = {
    qualified(XSD, name): simple
    for name, simple in (
        *((name, Simple()) for name in _TEXTS),
        *((name, Simple(verbatim=False)) for name in _TOKENS),
        *(
            (name, Simple("integer", digits, scale=0, verbatim=False, signed=name not in _UNSIGNED))
            for name, digits in _DIGITS.items()
        ),
        ("decimal", Simple("decimal", verbatim=False)),
        ("boolean", Simple("boolean", verbatim=False)),
        ("date", Simple("date", verbatim=False)),
        ("dateTime", Simple("date-time", verbatim=False)),
        ("anySimpleType", ANY),
        ("anyType", ANY),
    )
}


def narrowed(base: Simple, restriction: Node) -> Simple:
    """A base type with the facets of an ``xs:restriction``."""
    facets: dict[str, list[str]] = {}
    for node in children(restriction):
        facets.setdefault(node.tag.rpartition("}")[2], []).append(node.get("value", ""))
    found = base
    if facets.get("whiteSpace") == ["collapse"]:
        found = replace(found, verbatim=False)
    if "enumeration" in facets:
        codes = tuple(facets["enumeration"])
        longest = max(map(len, codes)) if found.kind == "string" else found.room
        found = replace(found, codes=codes, room=longest)
    return replace(
        found,
        room=_least(found.room, _room(found, facets)),
        scale=_scale(found, facets),
        signed=found.signed and not _is_unsigned(facets),
        least=max(found.least, _shortest(facets)),
        low=max(filter(_is_set, (found.low, _bound(found, facets, "min", 1))), default=None),
        high=min(filter(_is_set, (found.high, _bound(found, facets, "max", -1))), default=None),
        patterns=(*found.patterns, tuple(facets["pattern"])) if "pattern" in facets else found.patterns,
    )


def _is_set(bound: Decimal | None) -> TypeGuard[Decimal]:
    return bound is not None


def _bound(base: Simple, facets: Mapping[str, list[str]], end: str, inward: int) -> Decimal | None:
    """The last number within a bound; of one that is excluded, the next one of the type's digits."""
    if base.kind not in ("integer", "decimal"):
        return None
    for name, step in ((f"{end}Inclusive", 0), (f"{end}Exclusive", inward)):
        text = facets.get(name, [""])[0].strip()
        if _NUMBER.fullmatch(text):
            scale = 0 if base.kind == "integer" else _scale(base, facets)
            return Decimal(text) + Decimal(step).scaleb(-(_FINEST if scale is None else scale))
    return None


def _is_unsigned(facets: Mapping[str, list[str]]) -> bool:
    bounds = [*facets.get("minInclusive", ()), *facets.get("minExclusive", ())]
    return any(text and not text.startswith("-") for text in bounds)


def _shortest(facets: Mapping[str, list[str]]) -> int:
    """The fewest characters; a pattern may rule the empty text out, so it is not proven to be legal."""
    if "enumeration" in facets:
        return min(map(len, facets["enumeration"]))
    return _number(facets, "minLength") or _number(facets, "length") or int("pattern" in facets)


def _room(base: Simple, facets: Mapping[str, list[str]]) -> int | None:
    if base.kind not in ("integer", "decimal"):
        return _least(_number(facets, "maxLength"), _number(facets, "length"))
    digits = _number(facets, "totalDigits")
    scale = _number(facets, "fractionDigits") or 0
    return _least(None if digits is None else digits - scale, _whole(facets))


def _whole(facets: Mapping[str, list[str]]) -> int | None:
    """Digits before the point that numbers up to the maximum have; how far they go, the bounds say."""
    for name, less in (("maxInclusive", 0), ("maxExclusive", 1)):
        text = facets.get(name, [""])[0].strip()
        if _NUMBER.fullmatch(text) and not text.startswith("-"):
            return len(str(max(int(Decimal(text)) - (less if Decimal(text) == int(Decimal(text)) else 0), 0)))
    return None


def _scale(base: Simple, facets: Mapping[str, list[str]]) -> int | None:
    return _least(base.scale, _number(facets, "fractionDigits"))


def _number(facets: Mapping[str, list[str]], name: str) -> int | None:
    text = facets.get(name, [""])[0]
    return int(text) if text.isdigit() and len(text) < 10 else None


def _least(*numbers: int | None) -> int | None:
    return min((number for number in numbers if number is not None), default=None)


def read_simple(node: Node, named: Callable[[str], Simple]) -> Simple:
    """The type an ``xs:simpleType`` declares; ``named`` finds a type by its qualified name."""
    for child in children(node):
        kind = child.tag.rpartition("}")[2]
        if kind == "restriction":
            return narrowed(_base(child, "base", named), child)
        if kind == "list":
            return Simple(verbatim=False)
        if kind == "union":
            return _united([_base(child, "", named, name) for name in child.get("memberTypes", "").split()], child)
    return ANY


def _base(node: Node, attribute: str, named: Callable[[str], Simple], text: str = "") -> Simple:
    """The type a reference names, or that stands inline in its place."""
    text = text or node.get(attribute, "")
    if text:
        return named(resolve(node, text) or "")
    inline = children(node, qualified(XSD, "simpleType"))
    return read_simple(inline[0], named) if inline else ANY


def _united(members: list[Simple], node: Node) -> Simple:
    """A union holds what any member holds; where they differ in kind, it is a text."""
    if children(node) or not members or len({member.kind for member in members}) != 1:
        return Simple(verbatim=False)
    codes = tuple(code for member in members for code in member.codes) if all(m.codes for m in members) else ()
    rooms = [member.room for member in members]
    room = None if None in rooms else max(room or 0 for room in rooms)
    return Simple(members[0].kind, room, codes, verbatim=all(member.verbatim for member in members))

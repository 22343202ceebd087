"""The physical pass: whether the bytes still lie where a reader looks for them, as far as the contract declares them.

By name (JSON, tables) the order does not matter; in rows of a delimited file and in an XML sequence it does; in a
record of fixed layout every offset and every length matters, and a new field fits only where FILLER was.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from contracts.compare.changes import Effect, Finder, Found
from contracts.compare.pairs import Pairing
from contracts.wire import Part, Wire, is_picture, size

_SQL = re.compile(r"([A-Z]+(?: [A-Z]+)*)\s*(?:\(([0-9]{1,9})(?:\s*,\s*([0-9]{1,9}))?\))?")
_LADDERS: Final = (
    ("xs:byte", "xs:short", "xs:int", "xs:long", "xs:integer", "xs:decimal"),
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT"),
)
_ALIASES: Final = {"INT": "INTEGER", "CHARACTER": "CHAR", "CHARACTER VARYING": "VARCHAR", "NUMERIC": "DECIMAL"}

_HOW: Final = {
    "named": "by name", "delimited": "by their place in a row", "sequence": "in XML order", "positional": "by offset",
}  # fmt: skip


def physical(pairing: Pairing) -> Finder:
    """Every declared change of the bytes between two versions."""
    old, new = pairing.old.wire, pairing.new.wire
    was = {pair.path: pair.was for pair in pairing.pairs}
    before = {part.path: part for part in old.parts}
    common = [(before[was[part.path]], part) for part in new.parts if part.path in was]
    if old.record != new.record and new.kind != "positional":
        effect = Effect.OTHER if old.record and new.record else Effect.TEXT
        yield _found("", f"the record is named {new.record or 'nothing'}, was {old.record or 'nothing'}", effect)
    for one, other in common:
        yield from _part(one, other, new)
    yield from _layout(old, new, [(one, other) for one, other in common if not (one.filler and other.filler)])
    yield from _servers(old, new)


def _found(path: str, message: str, effect: Effect) -> Found:
    return Found("physical", path, message, effect)


def _part(old: Part, new: Part, wire: Wire) -> Finder:
    if old.name != new.name:
        one, other = old.name or old.path, new.name or new.path
        effect = Effect.TEXT if wire.kind == "positional" or one == other else Effect.OTHER
        yield _found(new.path, f"is written as {other}, was {one}", effect)
    if old.filler and new.filler:
        yield from _filler(new.path, size(old.type) or 0, size(new.type) or 0)
    elif old.type != new.type:
        known = bool(old.type and new.type)
        message = f"is declared as {new.type or 'nothing'}, was {old.type or 'nothing'}"
        yield _found(new.path, message, type_effect(old.type, new.type) if known else Effect.TEXT)


def _filler(path: str, old: int, new: int) -> Finder:
    """Nobody reads filler, so a reader loses nothing; but what old records hold where it was is anybody's guess."""
    if old != new:
        effect = Effect.NARROWER if new < old else Effect.HARMLESS
        yield _found(path, f"leaves {new} bytes unused, was {old}", effect)


def type_effect(old: str, new: str) -> Effect:
    """The effect of another declared type; what is neither a longer nor a shorter one of its kind is another layout.

    >>> type_effect("VARCHAR(20)", "varchar(40)").name, type_effect("PIC X(4)", "PIC X(5)").name
    ('WIDER', 'OTHER')
    """
    if old.upper() == new.upper():
        return Effect.TEXT
    if is_picture(old) or is_picture(new):
        return Effect.OTHER
    rungs = _rungs(old, new)
    if rungs:
        return Effect.WIDER if rungs[1] > rungs[0] else Effect.NARROWER
    one, other = _SQL.fullmatch(old.upper()), _SQL.fullmatch(new.upper())
    if not one or not other or _family(one) != _family(other) or not one[2] or not other[2]:
        return Effect.OTHER
    if bool(one[3]) != bool(other[3]) and _family(one) != "DECIMAL":
        return Effect.OTHER
    sizes = [(int(m[2]) - int(m[3] or 0), int(m[3] or 0)) for m in (one, other)]
    if all(a <= b for a, b in zip(*sizes, strict=True)):
        return Effect.WIDER
    return Effect.NARROWER if all(a >= b for a, b in zip(*sizes, strict=True)) else Effect.OTHER


def _family(match: re.Match[str]) -> str:
    return _ALIASES.get(match[1], match[1])


def _rungs(old: str, new: str) -> tuple[int, int] | None:
    """Places of two types on a ladder where each holds all that those before it hold."""
    names = [_ALIASES.get(name.upper(), name) for name in (old, new)]
    names = [name if name.startswith("xs:") else name.upper() for name in names]
    for ladder in _LADDERS:
        if names[0] in ladder and names[1] in ladder:
            return ladder.index(names[0]), ladder.index(names[1])
    return None


def _layout(old: Wire, new: Wire, common: list[tuple[Part, Part]]) -> Finder:
    if old.declared and old.kind != new.kind:
        yield _found("", f"fields are found {_HOW[new.kind]}, was {_HOW[old.kind]}", Effect.OTHER)
        return
    places = {part.path: at for at, part in enumerate(old.parts)}
    for (one, _), (other, part) in pairwise(common):
        if places[other.path] < places[one.path]:
            effect = Effect.TEXT if new.kind == "named" else Effect.OTHER
            yield _found(part.path, "stands elsewhere in the order", effect)
    if new.kind == "positional":
        yield from _offsets(old, new, common)
    elif new.kind == "delimited":
        yield from _columns(old, new, common)


def _offsets(old: Wire, new: Wire, common: list[tuple[Part, Part]]) -> Finder:
    before, after = old.offsets(), new.offsets()
    for one, other in common:
        was, now = before.get(one.path), after.get(other.path)
        if was and now and was[0] != now[0]:
            yield _found(other.path, f"begins at byte {now[0] + 1}, was {was[0] + 1}", Effect.OTHER)
    if old.length() != new.length() and None not in (old.length(), new.length()):
        yield _found("", f"a record has {new.length()} bytes, was {old.length()}", Effect.OTHER)


def _columns(old: Wire, new: Wire, common: list[tuple[Part, Part]]) -> Finder:
    if len(old.parts) != len(new.parts) or len(common) != len(new.parts):
        yield _found("", f"a row has {len(new.parts)} columns, was {len(old.parts)}", Effect.OTHER)


def _servers(old: Wire, new: Wire) -> Finder:
    for name in [*old.servers, *(name for name in new.servers if name not in old.servers)]:
        before, after = old.servers.get(name), new.servers.get(name)
        path = f"server {name}"
        if before is None or after is None:
            yield _found(path, "is added" if before is None else "is removed", Effect.TEXT)
            continue
        for fact in [*before, *(fact for fact in after if fact not in before)]:
            one, other = before.get(fact, ""), after.get(fact, "")
            if one.casefold() != other.casefold():
                message = f"{fact.replace('_', ' ')} is {other or 'not given'}, was {one or 'not given'}"
                yield _found(path, message, Effect.OTHER)

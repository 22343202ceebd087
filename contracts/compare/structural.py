"""The structural pass: which fields there are, of what type, range, length, pattern and codes, and which rules hold."""

from __future__ import annotations

import re

from contracts.compare.changes import Effect, Finder, Found, moved
from contracts.compare.pairs import Pair, Pairing, said
from contracts.expressions.tree import rename
from contracts.odcs import Contract, Rule
from contracts.types import Field

_ACCEPTS = {("integer", "decimal"), ("code", "string")}
"""Old and new type, where every old value is a new one too."""


def structural(pairing: Pairing) -> Finder:
    """Every structural change between two versions."""
    yield from _whole(pairing)
    yield from _removed(pairing)
    yield from _added(pairing)
    for pair in pairing.pairs:
        yield from _leaf(pair)
    yield from _groups(pairing)
    yield from _rules(pairing)


def _found(path: str, message: str, effect: Effect) -> Found:
    return Found("structural", path, message, effect)


def _whole(pairing: Pairing) -> Finder:
    old, new = pairing.old, pairing.new
    if old.kind != new.kind:
        yield _found("", f"is a contract of the kind {new.kind}, was {old.kind}", Effect.OTHER)
    if old.unknown_fields != new.unknown_fields:
        message = f"unknown data is {_policy(new.unknown_fields)}, was {_policy(old.unknown_fields)}"
        wider = Effect.WIDER if new.unknown_fields == "ignore" else Effect.NARROWER
        yield _found("", message, wider if new.incoming else Effect.HARMLESS)


def _policy(word: str) -> str:
    return {"refuse": "refused", "ignore": "ignored"}[word]


def _groups(pairing: Pairing) -> Finder:
    """Lists and objects that both versions have: how many elements there are, whether they may be left out."""
    old, new = pairing.old, pairing.new
    for path in (path for path in new.groups if path in old.groups):
        yield from _counted(f"{path}[]", "up to", old.lists.get(path), new.lists.get(path))
        (was, least), (now, fewest) = old.groups[path], new.groups[path]
        yield from _counted(f"{path}[]", "at least", least, fewest)
        if was != now:
            yield _found(path, *_required(required=now))


def _counted(path: str, words: str, old: int | None, new: int | None) -> Finder:
    if old is not None and new is not None and old != new:
        wider = (new > old) is (words == "up to")
        yield _found(path, f"holds {words} {new} elements, was {old}", Effect.WIDER if wider else Effect.NARROWER)


def _required(*, required: bool) -> tuple[str, Effect]:
    return ("is required now", Effect.NARROWER) if required else ("is no longer required", Effect.WIDER)


def _removed(pairing: Pairing) -> Finder:
    """In an open request, data of a removed field is ignored like any other nobody knows."""
    for path in pairing.removed:
        if _filler(pairing.old, path):
            continue
        if not pairing.new.incoming:
            effect = Effect.OTHER
        else:
            effect = Effect.WIDER if pairing.new.unknown_fields == "ignore" else Effect.NARROWER
        yield _found(path, "is removed", effect)


def _added(pairing: Pairing) -> Finder:
    """In an open request, an old record may hold anything under the new name; an open answer may always grow."""
    opened = pairing.old.unknown_fields == "ignore"
    for path in pairing.added:
        if _filler(pairing.new, path):
            continue
        required = pairing.new.paths[path].required
        message = f"is added{', and required' if required else ''}"
        if not pairing.new.incoming:
            grows = opened or pairing.new.wire.kind == "positional"  # there, the physical pass says whether it fits
            yield _found(path, message, Effect.HARMLESS if grows else Effect.WIDER)
        elif opened:
            yield _found(path, f"{message}, where old records may hold anything", Effect.NARROWER)
        else:
            yield _found(path, message, Effect.NARROWER if required else Effect.WIDER)


def _filler(contract: Contract, path: str) -> bool:
    return any(part.path == path and part.filler for part in contract.wire.parts)


def _leaf(pair: Pair) -> Finder:
    old, new = pair.old, pair.new
    if pair.renamed:
        yield _found(pair.path, f"is renamed, was {pair.was}", Effect.OTHER)
    if old.type != new.type:
        yield _found(pair.path, f"is {_a(new.type)}, was {_a(old.type)}", _type_effect(old.type, new.type))
    if old.required != new.required:
        yield _found(pair.path, *_required(required=new.required))
    if "string" in (old.type, new.type) and {old.type, new.type} <= {"string", "code"}:
        yield from _text(pair)
    if old.type == new.type or {old.type, new.type} <= {"integer", "decimal"}:
        yield from _range(pair)
    if old.type == new.type == "code":
        yield from _codes(pair)


def _a(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _type_effect(old: str, new: str) -> Effect:
    if (old, new) in _ACCEPTS:
        return Effect.WIDER
    return Effect.NARROWER if (new, old) in _ACCEPTS else Effect.OTHER


def _range(pair: Pair) -> Finder:
    for word in ("minimum", "maximum"):
        old, new = pair.bounds(word)
        if old != new:
            was, now = said(pair.old, getattr(pair.old, word)), said(pair.new, getattr(pair.new, word))
            effect = moved(old, new, upward=word == "maximum")
            yield _found(pair.path, f"the {word} is {now}, was {was}", effect)


def _text(pair: Pair) -> Finder:
    old, new = _lengths(pair.old), _lengths(pair.new)
    if old[0] != new[0]:
        effect = Effect.NARROWER if new[0] > old[0] else Effect.WIDER
        yield _found(pair.path, f"has at least {new[0]} characters, was {old[0]}", effect)
    if old[1] != new[1]:
        message = f"has at most {_most(new[1])} characters, was {_most(old[1])}"
        yield _found(pair.path, message, moved(old[1], new[1], upward=True))
    if pair.old.type != pair.new.type:
        yield from _formed(pair)
    elif pair.old.pattern != pair.new.pattern:
        yield _pattern(pair)


def _lengths(field: Field) -> tuple[int, int | None]:
    if field.codes:
        sizes = [len(code) for code in field.codes]
        return min(sizes), max(sizes)
    return field.min_length or 0, field.max_length


def _most(length: int | None) -> str:
    return "any number of" if length is None else str(length)


def _pattern(pair: Pair) -> Found:
    old, new = pair.old.pattern, pair.new.pattern
    if old is None:
        return _found(pair.path, f"has the form {new}, was free", Effect.NARROWER)
    if new is None:
        return _found(pair.path, f"has no form any more, was {old}", Effect.WIDER)
    return _found(pair.path, f"has the form {new}, was {old}", Effect.OTHER)


def _formed(pair: Pair) -> Finder:
    """Codes on one side, a form on the other: the codes that have not that form."""
    old, new = pair.old, pair.new
    risen = [str(pair.becomes.get(code, code)) for code in old.codes]
    for form, codes, effect in ((new.pattern, risen, Effect.NARROWER), (old.pattern, new.codes, Effect.WIDER)):
        if strange := [code for code in codes if form and not re.fullmatch(form, code)]:
            yield _found(pair.path, f"the code {strange[0]} has not the form {form}", effect)


def _codes(pair: Pair) -> Finder:
    for code in pair.old.codes:
        if code not in pair.new.codes:
            then = pair.becomes.get(code, code)
            message = f"the code {code} is gone" + (f", and becomes {then}" if then != code else "")
            yield _found(pair.path, message, Effect.NARROWER)
    for code in pair.new.codes:
        if code not in pair.old.codes:
            yield _found(pair.path, f"the code {code} is new", Effect.WIDER)


def _rules(pairing: Pairing) -> Finder:
    old, new = ({rule.id: rule for rule in c.rules} for c in (pairing.old, pairing.new))
    for name in [*old, *(name for name in new if name not in old)]:
        yield from _rule(f"rule {name}", old.get(name), new.get(name), pairing.names)


def _rule(path: str, old: Rule | None, new: Rule | None, names: dict[str, str]) -> Finder:
    if old is None or new is None:
        rule = old or new
        assert rule is not None  # noqa: S101 # the id is from one of the two
        effect = Effect.NARROWER if new else Effect.WIDER
        message = "is added" if new else "is removed"
        yield _found(path, f"{message} ({rule.severity})", effect if rule.severity == "error" else Effect.HARMLESS)
        return
    if old.severity != new.severity:
        effect = Effect.NARROWER if new.severity == "error" else Effect.WIDER
        yield _found(path, f"is {_a(new.severity)}, was {_a(old.severity)}", effect)
    if rename(old.expression, names) != new.expression:
        effect = Effect.OTHER if new.severity == "error" else Effect.HARMLESS
        yield _found(path, "says something else", effect)
    if old.message != new.message:
        yield _found(path, "is described in other words", Effect.TEXT)

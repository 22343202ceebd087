"""The semantic pass: what no structural tool sees. The same bytes, the same types, and something else is meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from contracts.compare.changes import Effect, Finder, Found
from contracts.compare.pairs import Pair, Pairing
from contracts.odcs import Kind
from contracts.upcast import Code, Lacking, Supplied, Taken

_REJECTED: Final = ("refuse", "refer", "impute")
_DIRECTION: Final = {1: "rising", -1: "falling", 0: "neither"}


def semantic(pairing: Pairing) -> Finder:
    """Every change of meaning between two versions, words for people last."""
    old, new = pairing.old, pairing.new
    for pair in pairing.pairs:
        yield from _numbers(pair)
        yield from _risen(pair)
        yield from _places(pair, new.kind)
        yield from _missing(pair)
        yield from _model(pair)
        yield from _labels(pair, old.labels.get(pair.was, {}), new.labels.get(pair.path, {}))
        if pair.old.description != pair.new.description:
            yield _found(pair.path, "is described in other words", Effect.TEXT)
        if old.examples.get(pair.was) != new.examples.get(pair.path):
            yield _found(pair.path, "has other examples", Effect.TEXT)
    if old.description != new.description:
        yield _found("", "is described in other words", Effect.TEXT)
    if old.status != new.status:
        yield _found("", f"the status is {new.status or 'not given'}, was {old.status or 'not given'}", Effect.TEXT)


def _found(path: str, message: str, effect: Effect) -> Found:
    return Found("semantic", path, message, effect)


def _numbers(pair: Pair) -> Finder:
    old, new = pair.old, pair.new
    if old.unit != new.unit:
        times = f" (an upcaster multiplies by {_times(pair)})" if pair.times != 1 else ""
        yield _found(pair.path, f"counts {new.unit or 'nothing'}, was {old.unit or 'nothing'}{times}", Effect.OTHER)
    if old.meaning != new.meaning:
        yield _found(pair.path, f"has the meaning {new.meaning}, was {old.meaning}", Effect.OTHER)
    if old.type == new.type == "decimal" and old.scale != new.scale:
        effect = Effect.WIDER if new.scale > old.scale else Effect.NARROWER
        yield _found(pair.path, f"has {new.scale} decimals, was {old.scale}", effect)


def _times(pair: Pair) -> str:
    """A factor ends after a few decimals: upcast_reading.py takes no other."""
    return f"{Decimal(pair.times.numerator) / Decimal(pair.times.denominator):f}"


def _risen(pair: Pair) -> Finder:
    """An upcaster that gives old records another value in the same words: the field means something else."""
    match pair.step:
        case Supplied(field=field, value=value):
            yield _found(pair.path, f"old records get {field.text(value)}, whatever they held", Effect.OTHER)
        case Lacking():
            yield _found(pair.path, "what old records held of it is lost", Effect.OTHER)
        case Taken(source=source) if source != pair.was:
            yield _found(pair.path, f"old records get what {source} held", Effect.OTHER)
        case Taken():
            yield from _converted(pair)


def _converted(pair: Pair) -> Finder:
    if pair.times != 1 and pair.old.unit == pair.new.unit:
        message = f"an upcaster multiplies by {_times(pair)}, while it counts {pair.new.unit or 'nothing'} as before"
        yield _found(pair.path, message, Effect.OTHER)
    known: tuple[Code, ...] = pair.new.codes or (True, False)
    for old, new in pair.becomes.items():
        if old != new and old in known:
            yield _found(pair.path, f"the code {old} of old records becomes {new}, and is a code still", Effect.OTHER)


def _places(pair: Pair, kind: Kind) -> Finder:
    """A model may read the place of a code in its list. Where codes are gone, that is a break already."""
    old, new = pair.old.codes, pair.new.codes
    if not pair.becomes and {*old} <= {*new} and new[: len(old)] != old:
        effect = Effect.OTHER if kind == "request" else Effect.TEXT
        yield _found(pair.path, "the codes known before stand in other places", effect)


def _missing(pair: Pair) -> Finder:
    """What a value that is not there, or cannot be used, leads to."""
    old, new = pair.old, pair.new
    if old.blank != new.blank:
        effect = Effect.NARROWER if new.blank == "refuse" else Effect.WIDER
        yield _found(pair.path, f"a blank leads to {new.blank}, was {old.blank}", effect)
    if old.rejected != new.rejected:
        effect = Effect.HARMLESS
        if "refuse" in (old.rejected, new.rejected):
            effect = Effect.NARROWER if new.rejected == "refuse" else Effect.WIDER
        yield _found(pair.path, f"an unusable value leads to {new.rejected}, was {old.rejected}", effect)
    if old.essential != new.essential:
        message = "may not be left out by an integration" if new.essential else "may be left out by an integration"
        yield _found(pair.path, message, Effect.NARROWER if new.essential else Effect.WIDER)


def _model(pair: Pair) -> Finder:
    """What the field is to the model: no record changes, unless the direction turns round."""
    old, new = pair.old, pair.new
    if old.monotone != new.monotone:
        message = f"monotone is {_DIRECTION[new.monotone]}, was {_DIRECTION[old.monotone]}"
        turned = old.monotone == -new.monotone
        yield _found(pair.path, message, Effect.OTHER if turned else Effect.HARMLESS)
    if old.reason_group != new.reason_group:
        message = f"belongs to the reason {new.reason_group or 'none'}, was {old.reason_group or 'none'}"
        yield _found(pair.path, message, Effect.HARMLESS)
    for word, before, after in (("protected", old.protected, new.protected), ("personal", old.personal, new.personal)):
        if before != after:
            yield _found(pair.path, f"is {word} now" if after else f"is no longer {word}", Effect.HARMLESS)


def _labels(pair: Pair, old: Mapping[str, str], new: Mapping[str, str]) -> Finder:
    """A label says what a code means. Other words mean something else, unless only their spelling differs."""
    for code in new:
        if code not in old or old[code] == new[code]:
            continue
        same = not old[code] or not new[code] or _bare(old[code]) == _bare(new[code])
        message = f"the code {code} means {new[code]!r}, was {old[code]!r}"
        yield _found(pair.path, message, Effect.TEXT if same else Effect.OTHER)


def _bare(label: str) -> str:
    return re.sub(r"\W+", " ", label).strip().casefold()

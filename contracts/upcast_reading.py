"""Reads the ``upcast`` of a contract against the version before, every fault at once.

A step is sound when every record that is legal before is legal after: no field is lost in silence, no essential or
required one goes empty, types meet, factors are exact, codes are all translated, no range or length is narrower, and
every rule that refuses is proved to be kept (contracts/implied.py) or was judged by a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any, Final

from contracts.errors import Fault
from contracts.expressions import Expr
from contracts.implied import implied
from contracts.mapping.chains import default_chain
from contracts.mapping.conversions import Unfit, compile_chain
from contracts.mapping.literals import CURE, misread
from contracts.odcs import Contract, Reading
from contracts.rows import value_checker
from contracts.source import Source, nearest
from contracts.types import Field, Value
from contracts.upcast import Code, Lacking, Step, Supplied, Taken, Upcast

NOT_CARRIED: Final = "not_carried"
_TOP: Final = ("from", "fields", "dropped", "judged")
_KEYS: Final = ("from", "multiply", "divide", "codes")
_FACTOR = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_NUMBERS: Final = ("integer", "decimal")
_CODED: Final = ("code", "boolean")
_STRICTER: Final[Mapping[str, tuple[Any, ...]]] = {
    "required": (False, True), "essential": (False, True), "blank": ("refer", "refuse"),
}  # fmt: skip
"""What a field asks for, the milder first."""


def read_upcast(reading: Reading, before: Contract) -> tuple[Upcast | None, list[Fault]]:
    """The step from ``before`` to the contract of ``reading``, and every fault that keeps it from being sound.

    None where a field's own line cannot be read; else a step with faults is what a comparison looks at.
    """
    return _Reader(reading, before).read()


class _Reader:
    """Reads one step; every fault is noted and reading goes on."""

    def __init__(self, reading: Reading, before: Contract) -> None:
        self.after, self.before = reading.contract, before
        self.source: Source = reading.source
        self.at = reading.places["upcast"]
        self.data = _at(reading.source.data, self.at)
        self.old = {field.name: field for field in before.fields}
        self.faults: list[Fault] = []

    def read(self) -> tuple[Upcast | None, list[Fault]]:
        for key in self.data:
            if key not in _TOP:
                self.fault((str(key),), f"unknown key {key!r}", nearest(str(key), _TOP) or f"known: {', '.join(_TOP)}")
        steps = self.data.get("fields", {})
        if not isinstance(steps, dict):
            self.fault(("fields",), "expected one line per field that is not simply taken over")
            steps = {}
        names = [field.name for field in self.after.fields]
        for name in steps:
            if name not in names:
                self.fault(("fields", str(name)), f"{self.after.ref} has no field {name!r}", nearest(str(name), names))
        entries = [self.entry(field, steps) for field in self.after.fields]
        self.lost(steps)
        sound = tuple(entry for entry in entries if entry is not None)
        if not self.faults:
            self.stricter(sound)
        step = Upcast(self.before.ref, self.after.ref, self.before.fields, sound)
        return step if len(sound) == len(entries) else None, self.faults

    def fault(self, below: tuple[str | int, ...], message: str, hint: str = "") -> None:
        self.faults.append(self.source.fault((*self.at, *below), message, hint))

    def entry(self, field: Field, steps: Mapping[Any, Any]) -> Step | None:
        below = ("fields", field.name)
        given = steps.get(field.name, {"from": field.name} if field.name in self.old else None)
        if given is None:
            hint = f"name the field it comes from, give {{value: …}}, or write {field.name}: not_carried"
            self.fault(("fields",), f"{self.before.ref} has no field {field.name!r}, and nothing says what it is", hint)
            return None
        if given == NOT_CARRIED:
            return self.lacking(field, below)
        if isinstance(given, str):
            given = {"from": given}
        if not isinstance(given, dict):
            self.fault(below, "expected the name of a field, not_carried, {from: …} or {value: …}")
            return None
        if "value" in given:
            return self.supplied(field, given, below)
        return self.taken(field, given, below)

    def lacking(self, field: Field, below: tuple[str, ...]) -> Lacking:
        word = "essential" if field.essential else "required" if field.required else ""
        if word:
            hint = "take it from another field, supply a value, or make it optional"
            self.fault(below, f"{field.name} is {word}, and records of {self.before.ref} would lose it", hint)
        return Lacking(field)

    def supplied(self, field: Field, given: Mapping[Any, Any], below: tuple[str, ...]) -> Supplied | None:
        for key in given.keys() - {"value"}:
            self.fault((*below, str(key)), f"{key!r} means nothing beside value")
        native = given["value"]
        if not isinstance(native, str | bool | int | float):
            self.fault((*below, "value"), "expected one text, number, true or false")
            return None
        as_text = field.type in ("string", "code")
        if as_text and (why := misread(self.source, (*self.at, *below, "value"), native)):
            self.fault((*below, "value"), why, CURE)
        try:
            value: Value = compile_chain(default_chain(field), field)(
                native if isinstance(native, bool | int) else str(native)
            )
        except Unfit as exc:
            self.fault((*below, "value"), f"{native!r} is no value of {field.name}", f"expected {exc.expected}")
            return None
        if problem := value_checker(field)(value):
            self.fault((*below, "value"), f"{native!r} is no value of {field.name}", f"expected {problem.expected}")
        return Supplied(field, value)

    def taken(self, field: Field, given: Mapping[Any, Any], below: tuple[str, ...]) -> Taken | None:
        for key in given:
            if key not in _KEYS:
                hint = nearest(str(key), _KEYS) or f"known: {', '.join(_KEYS)}, or value alone"
                self.fault((*below, str(key)), f"unknown key {key!r}", hint)
        source = self.old.get(str(given.get("from")))
        if source is None:
            name = str(given.get("from"))
            self.fault((*below, "from"), f"{self.before.ref} has no field {name!r}", nearest(name, self.old))
            return None
        entry = Taken(field, source.name, self.factor(field, source, given, below), self.codes(field, given, below))
        for message, hint in _misfits(entry, source):
            self.fault(below, f"{field.name}: {message}", hint)
        return entry

    def factor(self, field: Field, source: Field, given: Mapping[Any, Any], below: tuple[str, ...]) -> int:
        fraction = Fraction(10) ** (field.scale - source.scale)
        for key in ("multiply", "divide"):
            if key not in given:
                continue
            text = str(given[key])
            if not _FACTOR.fullmatch(text) or not Fraction(text):
                self.fault((*below, key), f"{given[key]!r} is not a number above zero", "for example 12 or 0.01")
            elif field.type not in _NUMBERS or source.type not in _NUMBERS:
                self.fault((*below, key), f"only a number can be converted; {source.name} is a {source.type}")
            else:
                fraction = fraction * Fraction(text) if key == "multiply" else fraction / Fraction(text)
        if fraction.denominator != 1:
            message = f"{field.name} would lose digits of {source.name}"
            self.fault(below, message, f"give {field.name} more decimals, or a unit that needs none")
            return 1
        return fraction.numerator

    def codes(self, field: Field, given: Mapping[Any, Any], below: tuple[str, ...]) -> tuple[tuple[Code, Code], ...]:
        """Every legal value of the source with what becomes of it; empty where all stay what they are."""
        source = self.old[str(given["from"])]
        listed = given.get("codes", {})
        if not isinstance(listed, dict) or (listed and not {field.type, source.type} <= {*_CODED}):
            self.fault((*below, "codes"), "codes lead from the codes of one field to those of another")
            return ()
        known: tuple[Code, ...] = source.codes or (True, False)
        legal: tuple[Code, ...] = field.codes or (True, False)
        for old in listed:
            if old not in known:
                hint = nearest(str(old), source.codes)
                self.fault((*below, "codes", str(old)), f"{source.name} has no code {old!r}", hint)
        for old in known if listed else ():
            new = listed.get(old, old)
            if new not in legal:
                place = (*below, "codes", str(old)) if old in listed else (*below, "codes")
                hint = nearest(str(new), field.codes) or f"known: {', '.join(map(str, legal))}"
                self.fault(place, f"{old!r} becomes {new!r}, which is no code of {field.name}", hint)
        return tuple((old, listed.get(old, old)) for old in known) if listed else ()

    def lost(self, steps: Mapping[Any, Any]) -> None:
        """Fields of the version before that nothing takes."""
        dropped = self.data.get("dropped", [])
        listed = dropped if isinstance(dropped, list) else []
        if not isinstance(dropped, list):
            self.fault(("dropped",), "expected a list of field names")
        read = {field.name for field in self.after.fields if field.name not in steps}
        for step in steps.values():
            read.add(str(step.get("from")) if isinstance(step, dict) else str(step))
        for at, name in enumerate(listed):
            if name not in self.old:
                self.fault(("dropped", at), f"{self.before.ref} has no field {name!r}", nearest(str(name), self.old))
            elif name in read:
                self.fault(("dropped", at), f"{name} is taken over, so it is not dropped")
        for name, field in self.old.items():
            if name not in read and name not in listed:
                word = "required " if field.required else ""
                hint = f"name it as the source of a field, or write dropped: [{name}]"
                self.fault((), f"the {word}field {name} of {self.before.ref} gets lost", hint)

    def stricter(self, entries: tuple[Step, ...]) -> None:
        """Rules that may refuse what was legal before, whatever their id, unless a person judged that they do not."""
        deciding = {rule.id: rule.expression for rule in self.after.rules if rule.severity == "error"}
        judged = self.judged(deciding)
        for name, expression in deciding.items():
            if name not in judged and not implied(expression, self.before.rules, self.before.fields, entries):
                message = f"the rule {name} may refuse a record that is legal in {self.before.ref}"
                hint = "let it warn, by severity: warning; or, if it was judged to refuse none, write judged: "
                self.fault((), message, f"{hint}[{name}]")

    def judged(self, deciding: Mapping[str, Expr]) -> set[str]:
        """Rules of which a person says what cannot be proved: that they refuse no record that was legal before."""
        listed = self.data.get("judged", [])
        if not isinstance(listed, list):
            self.fault(("judged",), "expected a list of the ids of rules")
            return set()
        for at, name in enumerate(listed):
            if name not in deciding:
                message = f"{self.after.ref} has no rule {name!r} that refuses"
                self.fault(("judged", at), message, nearest(str(name), deciding))
        return {str(name) for name in listed}


def _misfits(entry: Taken, source: Field) -> Iterator[tuple[str, str]]:
    """Why a legal value of ``source``, or one that is missing, would be illegal afterwards."""
    field = entry.field
    if not _meet(field, source, bool(entry.codes)):
        message = f"the type {source.type} of {source.name} cannot become {field.type}"
        yield message, "supply a value, or write not_carried and drop the other"
        return
    if source.protected and not field.protected:
        yield f"{source.name} is protected, and so is what is made of it", "mark it protected, or do not take it"
    for word, (mild, strict) in _STRICTER.items():
        if (getattr(source, word), getattr(field, word)) == (mild, strict):
            yield f"{word} is {_said(strict)} here, it was {_said(mild)} in {source.name}", "leave it as it was"
    if source.rejected != "refuse" and field.rejected == "refuse":
        yield f"rejected is refuse here, it was {source.rejected} in {source.name}", "leave it as it was"
    yield from _narrower(entry, source)


def _narrower(entry: Taken, source: Field) -> Iterator[tuple[str, str]]:
    field = entry.field
    hint = "a value that was legal would be refused: widen it"
    if field.type == "code" and not entry.codes:
        lost = [code for code in source.codes if code not in field.codes]
        if lost:
            yield f"has no code {', '.join(lost)}, which {source.name} had", "say under codes what becomes of it"
    if field.type == "string":
        longest = max(map(len, source.codes), default=source.max_length)
        shortest = min(map(len, source.codes), default=source.min_length or 0)
        if field.max_length is not None and (longest is None or longest > field.max_length):
            yield f"holds {field.max_length} characters, {source.name} had up to {longest or 'any number'}", hint
        if (field.min_length or 0) > shortest:
            yield f"needs {field.min_length} characters, {source.name} had as few as {shortest}", hint
        if field.pattern not in (None, source.pattern):
            yield f"has another pattern than {source.name}", "leave it as it was, or do without"
    for word, low in (("minimum", True), ("maximum", False)):
        bound, was = getattr(field, word), _times(getattr(source, word), entry.factor)
        if bound is not None and (was is None or (was < bound if low else was > bound)):
            old = "none" if was is None else field.text(was)
            yield f"the {word} is {field.text(bound)}, {source.name} allowed {old}", hint


def _meet(field: Field, source: Field, coded: bool) -> bool:
    if coded:
        return True
    pair = (source.type, field.type)
    return source.type == field.type or {*pair} <= {*_NUMBERS} or pair == ("code", "string")


def _times(bound: int | date | None, factor: int) -> Any:
    return bound * factor if isinstance(bound, int) else bound


def _said(word: object) -> str:
    return {True: "true", False: "false"}.get(word, str(word)) if isinstance(word, bool) else str(word)


def _at(data: Any, place: tuple[str | int, ...]) -> dict[str, Any]:
    for step in place:
        data = data[step]
    return dict(data)

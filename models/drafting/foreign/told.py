"""What a source tells of one field, in the words of no format, and the property a contract is drafted with from it.

What the source leaves open and a contract must state (a range, a length, decimals, a unit) is drafted wide or plain,
and asked. What a contract cannot state (a form no engine agrees on, steps of five) is left out of the field, and told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Final, Literal

from contracts.lint import LARGEST, readable
from contracts.odcs import Kind
from contracts.yaml_text import quote
from models.drafting import questions, words
from models.drafting.columns import MOST_DECIMALS
from models.drafting.contract_file import ESSENTIAL, ListOf, Property
from models.drafting.findings import Finding, Severity
from models.drafting.foreign.document import MAX_DIGITS
from models.drafting.foreign.patterns import holding, translated

Type = Literal["integer", "number", "string", "boolean", "date", "timestamp"]
WIDE: Final = 999_999_999
"""How far a number may reach, both ways, where the source does not say."""
LONG: Final = 255
LONGEST: Final = 4_000
"""Characters of a text: drafted where the source does not say, and the most any conversion reads."""
EXACT: Final = 10**15 - 1
"""Digits of a number with decimals that YAML readers keep."""
DECIMALS: Final = 2
_DAY: Final = date(2026, 3, 31)
_SAID: Final = "the source says so"
_TOLD: Final = 500
"""Characters of a description."""


@dataclass
class Told:
    """``native`` is the path of the value in a message, ``place`` where the source speaks of it. Bounds of numbers and
    dates; ``exclusive`` says which of (minimum, maximum) are themselves not legal. ``step`` is the smallest difference
    of two numbers. ``codes`` maps codes to what they mean, ``blank`` lists texts that stand for nothing.
    """

    native: str
    place: str
    type: Type
    required: bool = False
    description: str = ""
    minimum: Decimal | date | None = None
    maximum: Decimal | date | None = None
    exclusive: tuple[bool, bool] = (False, False)
    step: Decimal | None = None
    shortest: int | None = None
    longest: int | None = None
    pattern: str | None = None
    codes: dict[str, str] = field(default_factory=dict)
    blank: tuple[str, ...] = ()
    unit: str = ""
    protected: bool = False
    essential: bool = False
    inside: ListOf | None = None
    asked: list[Finding] = field(default_factory=list)
    """What the reader of the source has to say of it already; anchors are set when the name is known."""

    @property
    def texts(self) -> bool:
        """Whether it holds texts or codes."""
        return self.type == "string"

    def ask(self, severity: Severity, what: str, evidence: str, cure: str) -> None:
        self.asked.append(Finding(severity, what, evidence, cure, "contract", "name:"))

    def draft(self, name: str, kind: Kind) -> tuple[Property, list[Finding]]:
        """The property of this name, and what is open of it; raises Contradiction where no value could be legal."""
        drafting = _Drafting(self, name, kind)
        return drafting.property(), drafting.findings


class Contradiction(ValueError):
    """What the source says of a field no value can fulfil."""


class _Drafting:
    """One field being drafted; ``findings`` grow as questions arise."""

    def __init__(self, told: Told, name: str, kind: Kind) -> None:
        self.told, self.name, self.kind = told, name, kind
        self.anchor = f"name: {name}"
        self.findings: list[Finding] = []

    def property(self) -> Property:
        """The property; raises Contradiction where no value could be legal."""
        told = self.told
        with localcontext(prec=3 * MAX_DIGITS):
            options, examples = self._shape()
        self.findings += [Finding(f.severity, f.what, f.evidence, f.cure, "contract", self.anchor) for f in told.asked]
        return Property(
            self.name,
            self._description(),
            told.type,
            tuple(options),
            told.codes,
            required=told.required,
            examples=tuple(examples),
            own=dict(self._own()),
            inside=told.inside,
        )

    def _ask(self, severity: Severity, what: str, evidence: str, cure: str) -> None:
        self.findings.append(Finding(severity, what, evidence, cure, "contract", self.anchor))

    def _description(self) -> str:
        told = " ".join(self.told.description.split())[:_TOLD]
        native = "" if self.told.inside or self.told.native == self.name else f"({self.told.native})"
        return " ".join(filter(None, (told, native))) or self.name.replace("_", " ").capitalize()

    def _own(self) -> Iterator[tuple[str, str]]:
        told = self.told
        if told.type in ("integer", "number"):
            yield "unit", quote(self._unit())
        if self.kind == "answer":
            return
        if told.essential:
            yield from ESSENTIAL.items()
        kind, evidence = words.protected_kind(told.native.rpartition(".")[2], tuple(told.codes))
        if told.protected or kind:
            self.findings.append(questions.protected(self.name, kind or "what it names", evidence or _SAID))
            yield "protected", "true"
        elif self.kind == "request" and not told.essential:
            yield "rejected", "refer"

    def _unit(self) -> str:
        last = self.told.native.rpartition(".")[2]
        unit, word = words.unit(last)
        if self.told.unit:
            return self.told.unit
        if minor := words.says(last, words.MINOR):
            self._ask("must", f"is {self.name} in cents?", f"the name says {minor!r}", "write unit: currency if not")
            return "cents"
        if not word:
            self.findings.append(questions.unit_unknown(self.name, f"{self.told.place} tells none"))
        elif unit == "currency" and words.says(last, words.PER_TIME):
            self.findings.append(questions.per_what(self.name, f"the name says {word!r}"))
        else:
            self.findings.append(questions.unit_guessed(self.name, unit, word))
        return unit

    def _shape(self) -> tuple[list[str], list[str]]:
        """Options and examples."""
        told = self.told
        if told.codes:
            if not all(map(readable, told.codes)):
                raise Contradiction("one of its codes is too long for a message, or holds a control character")
            return [], [quote(code) for code in list(told.codes)[:3]]
        match told.type:
            case "integer" | "number":
                return self._number()
            case "string":
                return self._text()
            case "date":
                return self._date()
        return [], ["true", "false"] if told.type == "boolean" else ['"2026-03-31T12:00:00Z"']

    # ---- numbers -----------------------------------------------------------------------------------------------------

    def _number(self) -> tuple[list[str], list[str]]:
        scale = 0 if self.told.type == "integer" else self._scale()
        largest = EXACT if scale else LARGEST
        low, high = self._bounds(scale)
        if low > high:
            raise Contradiction("its minimum is above its maximum")
        kept = max(low, -largest), min(high, largest)
        if kept[0] > kept[1]:
            raise Contradiction(f"its range lies beyond the {len(str(largest))} digits a contract holds")
        if kept != (low, high):
            evidence = f"a contract holds {len(str(largest))} digits"
            self._ask("should", f"the range of {self.name} is cut", evidence, "narrow it to what can be")
        near = [value for value in (0, 10**scale) if kept[0] <= value <= kept[1]] or [kept[0]]
        step = [f"multipleOf: {Decimal(1).scaleb(-scale):f}"] if self.told.type == "number" else []
        bounds = [f"{key}: {_written(value, scale)}" for key, value in zip(("minimum", "maximum"), kept, strict=True)]
        return step + bounds, [_written(value, scale) for value in near]

    def _scale(self) -> int:
        told, step = self.told, self.told.step
        if step is None:
            bounds = [number for number in (told.minimum, told.maximum) if isinstance(number, Decimal)]
            self._ask("must", f"how many decimals has {self.name}?", "the source tells none", "correct multipleOf")
            return min(MOST_DECIMALS, max([DECIMALS, *map(_decimals, bounds)]))
        scale = min(MOST_DECIMALS, _decimals(step))
        if step != Decimal(1).scaleb(-scale):
            evidence = f"the source counts in steps of {step:f}, a contract in decimals"
            self._ask("should", f"{self.name} may lie between the steps", evidence, "leave it, or write codes")
        return scale

    def _bounds(self, scale: int) -> tuple[int, int]:
        told = self.told
        low = _scaled(told.minimum, scale, 1, told.exclusive[0])
        high = _scaled(told.maximum, scale, -1, told.exclusive[1])
        wide = WIDE * 10**scale
        drafted = (
            low if low is not None else min(-wide, high if high is not None else 0),
            high if high is not None else max(wide, low if low is not None else 0),
        )
        if None in (low, high):
            ends = [word for word, end in (("minimum", low), ("maximum", high)) if end is None]
            shown = " to ".join(_written(end, scale) for end in drafted)
            evidence = f"the source tells no {' and no '.join(ends)}; drafted {shown}"
            self._ask("must", f"what is the range of {self.name}?", evidence, f"correct {' and '.join(ends)}")
        return drafted

    # ---- texts and dates ---------------------------------------------------------------------------------------------

    def _text(self) -> tuple[list[str], list[str]]:
        told = self.told
        least, most = told.shortest or 0, min(told.longest if told.longest is not None else LONG, LONGEST)
        if told.longest is None:
            most = max(most, min(least, LONGEST))
            evidence = f"the source tells no length; drafted {most} characters"
            self._ask("must", f"how long may {self.name} be?", evidence, "correct maxLength")
        elif told.longest > LONGEST:
            self._ask("should", f"{self.name} is cut to {LONGEST}", "no conversion reads longer texts", "look at it")
        if least > most or most == 0:
            raise Contradiction(f"its text would have {least} to {most} characters")
        if word := words.says(told.native.rpartition(".")[2], words.IDENTIFYING):
            self.findings.append(questions.identifying(self.name, f"the name says {word!r}"))
        pattern, example = self._pattern(least, most)
        options = [f"minLength: {least}"] if told.shortest is not None else []
        options += [f"maxLength: {most}", *([f"pattern: {quote(pattern)}"] if pattern else [])]
        return options, [quote(example)]

    def _pattern(self, least: int, most: int) -> tuple[str | None, str]:
        """The pattern as far as a contract can state it, and a text that holds."""
        given = self.told.pattern
        pattern = translated(given) if given else None
        example = holding(pattern, least, most)
        if given and (pattern is None or example is None):
            why = "not one that every engine reads alike" if pattern is None else "not fulfilled by any text tried"
            evidence = f"the source's pattern is {why}: {given[:80]}"
            cure = "state it as ^…$ of plain characters, [sets] and counts"
            self._ask("must", f"the form of {self.name} is left out", evidence, cure)
            pattern, example = None, holding(None, least, most)
        return pattern, example or ""

    def _date(self) -> tuple[list[str], list[str]]:
        low, high = (bound if isinstance(bound, date) else None for bound in (self.told.minimum, self.told.maximum))
        if low and high and low > high:
            raise Contradiction("its first day is after its last")
        options = [f'{key}: "{day}"' for key, day in (("minimum", low), ("maximum", high)) if day]
        return options, [f'"{min(max(_DAY, low or _DAY), high or date.max)}"']


def narrower(plain: Decimal | None, beyond: Decimal | None, *, low: bool) -> tuple[Decimal | None, bool]:
    """The narrower of an inclusive and an exclusive bound, and whether it is the exclusive one."""
    strict = beyond is not None and (plain is None or (beyond >= plain if low else beyond <= plain))
    return (beyond if strict else plain), strict


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _scaled(bound: Decimal | date | None, scale: int, inward: int, exclusive: bool) -> int | None:
    """An inclusive bound in units of the scale; what lies between two of them is rounded inward."""
    if not isinstance(bound, Decimal):
        return None
    exact = bound.scaleb(scale)
    whole = int(exact.to_integral_value(ROUND_CEILING if inward > 0 else ROUND_FLOOR))
    return whole + inward if exclusive and whole == exact else whole


def _written(scaled: int, scale: int) -> str:
    return f"{Decimal(scaled).scaleb(-scale):f}"

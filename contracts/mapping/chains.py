"""Chains of conversions as data: how each step is written, and which steps may follow one another.

What each conversion takes and gives is written down in conversions.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from contracts.mapping.tree import Conversion
from contracts.source import nearest
from contracts.types import Field

_DATE_MARKS = {"YYYY": "(?P<y>[0-9]{4})", "MM": "(?P<m>[0-9]{2})", "DD": "(?P<d>[0-9]{2})"}
_FACTOR = r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?"
_ORDER = ("before the value is read", "once, after trim and upper and before multiply and divide")
_READS: dict[str, tuple[str, ...]] = {
    "integer": ("integer", "decimal"),
    "decimal": ("decimal", "integer"),
    "string": ("text",),
    "code": ("text",),
    "date": ("date",),
    "boolean": ("boolean",),
}
GRAMMAR = {
    "trim": ("", "trim"),
    "upper": ("", "upper"),
    "text": ("", "text"),
    "integer": ("|[1-9]|1[0-8]", "integer, or integer(n) with n from 1 to 18 digits"),
    "decimal": ("[0-9]", "decimal(s) with s from 0 to 9 decimal places"),
    "date": ("[YMD/.-]+", "date(F), for example date(YYYY-MM-DD) or date(DD.MM.YYYY)"),
    "boolean": ("", "boolean"),
    "multiply": (_FACTOR, "multiply(n) with a number n, for example multiply(10)"),
    "divide": (_FACTOR, "divide(n) with a number n, for example divide(12)"),
}


def read_conversion(text: str) -> Conversion:
    """Parse one step as written; raises ValueError that says what is allowed."""
    name, bracket, rest = text.partition("(")
    argument = rest[:-1] if rest.endswith(")") else ""
    if name not in GRAMMAR:
        known = nearest(name, GRAMMAR) or f"known: {', '.join(GRAMMAR)}"
        raise ValueError(f"there is no conversion {name!r}; {known}")
    pattern, usage = GRAMMAR[name]
    if (bracket and not (rest.endswith(")") and argument)) or not re.fullmatch(pattern, argument):
        raise ValueError(f"{text!r} is not a conversion; write {usage}")
    if name == "date":
        date_pattern(argument)
    return Conversion(name, argument)


def default_chain(field: Field) -> tuple[Conversion, ...]:
    """What a field without ``convert`` is read with."""
    chains = {
        "integer": Conversion("integer"),
        "decimal": Conversion("decimal", str(field.scale)),
        "date": Conversion("date", "YYYY-MM-DD"),
        "boolean": Conversion("boolean"),
    }
    return (chains.get(field.type, Conversion("text")),)


def chain_faults(chain: Sequence[Conversion], field: Field, coded: bool) -> list[str]:
    """What is wrong with a chain for a field, in words; empty when it can be compiled."""
    faults = [f"{step} must come {_ORDER[stage(step)]}" for step in _out_of_order(chain)]
    parse = next((step for step in chain if stage(step) == 1), None)
    if coded and (parse is None or parse.name != "text" or any(stage(step) == 2 for step in chain)):
        faults.append("codes are looked up by text; only trim, upper and text may stand before them")
    elif not coded and parse and parse.name not in _READS.get(field.type, ()):
        faults.append(f"{parse} gives no {field.type}; use {' or '.join(_READS.get(field.type, ()))}")
    elif not coded and parse and parse.name not in ("integer", "decimal") and any(stage(step) == 2 for step in chain):
        faults.append(f"{parse} gives no number to multiply or divide")
    zeros = [step for step in chain if stage(step) == 2 and not factor(step)]
    return faults + [f"{step} would make every value zero or none" for step in zeros]


def stage(step: Conversion) -> int:
    """0 cleans a text, 1 reads the value, 2 reckons with it."""
    return 0 if step.name in ("trim", "upper") else 2 if step.name in ("multiply", "divide") else 1


def factor(step: Conversion) -> Fraction:
    return Fraction(step.argument)


def date_pattern(form: str) -> str:
    """The regular expression of a date format; raises ValueError unless it has one year, month and day."""
    parts = re.findall(r"YYYY|MM|DD|[-/.]", form)
    if "".join(parts) != form or sorted(p for p in parts if p in _DATE_MARKS) != ["DD", "MM", "YYYY"]:
        raise ValueError(f"{form!r} is not a date format; write YYYY, MM and DD once each, joined by -, /, . or none")
    return "".join(_DATE_MARKS.get(part, re.escape(part)) for part in parts)


def _out_of_order(chain: Sequence[Conversion]) -> list[Conversion]:
    stages = [stage(step) for step in chain]
    late = [step for index, step in enumerate(chain) if stages[index] < max(stages[: index + 1])]
    second = [step for index, step in enumerate(chain) if stages[index] == 1 and 1 in stages[:index]]
    return late + [step for step in second if step not in late]

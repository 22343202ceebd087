"""Regular expressions of others as contracts take them, and a text that each holds for."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from contracts.lint import portable

_ATOM: Final = re.compile(r"(\[[^\]]*\]|.)([+*?]|\{[0-9]{1,3}(?:,[0-9]{0,3})?\})?", re.DOTALL)
_COUNT: Final = {"": (1, 1), "+": (1, 999), "*": (0, 999), "?": (0, 1)}
_CANDIDATES: Final = "Aa0Bb12- @#:_.,+/"
_CLASSES: Final = {"\\d": "0-9", "\\w": "A-Za-z0-9_", "\\-": "\\-", "\\.": "."}


def translated(pattern: str) -> str | None:
    """The same pattern in the part of the language that every engine reads alike; None where there is none.

    >>> translated("^\\\\d{5}(-\\\\d{4})?$"), translated("^\\\\d{5}$"), translated("^A\\\\.[\\\\d-]+$")
    (None, '^[0-9]{5}$', '^A[.][0-9-]+$')
    """
    rest, inside, found = pattern, False, ""
    while rest:
        step = rest[:2] if rest[0] == "\\" else rest[0]
        rest, escaped = rest[len(step) :], _CLASSES.get(step)
        if escaped is not None and step != "\\-":
            step = escaped if inside else f"[{escaped}]"
        inside = step == "[" or (inside and step != "]")
        found += step
    return found if portable(found) else None


class _Part(NamedTuple):
    letter: str
    least: int
    most: int


def holding(pattern: str | None, least: int, most: int) -> str | None:
    """A made-up text of so many characters that the pattern holds for; None where none was found.

    >>> holding("^[A-Z]{3}$", 0, 9), holding("^[a-z0-9_]+@[0-9.]+$", 6, 9), holding("^A$", 2, 9), holding(None, 3, 9)
    ('AAA', 'aaaa@0', None, 'AAA')
    """
    if pattern is None:
        return "A" * max(1, least) if most > 0 else None
    parts = [_part(found) for found in _ATOM.finditer(pattern[1:-1])]
    counts = [part.least for part in parts]
    for at, part in enumerate(parts):
        lacking = max(1, least) - sum(counts)
        counts[at] += max(0, min(lacking, part.most - part.least))
    text = "".join(part.letter * count for part, count in zip(parts, counts, strict=True))
    return text if max(1, least) <= len(text) <= most and re.fullmatch(pattern, text) else None


def _part(found: re.Match[str]) -> _Part:
    atom, count = found[1], found[2] or ""
    letter = next((letter for letter in _CANDIDATES + atom[1:-1] if re.fullmatch(atom, letter)), atom[:1])
    if count in _COUNT:
        return _Part(letter, *_COUNT[count])
    low, comma, high = count[1:-1].partition(",")
    return _Part(letter, int(low), int(high or 999) if comma else int(low))

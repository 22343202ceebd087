"""Native values as XML Schema writes them, and texts as XML does."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_IN_ATTRIBUTE: Final = _ESCAPES | {'"': "&quot;", "\n": "&#10;", "\t": "&#9;"}
IN_TEXT: Final = re.compile(f"[{''.join(_ESCAPES)}]")
"""What of a text must be written otherwise."""
_IN_QUOTES: Final = re.compile(f"[{''.join(_IN_ATTRIBUTE)}]")
_TEXT_TABLE: Final = str.maketrans(_ESCAPES)
_ATTRIBUTE_TABLE: Final = str.maketrans(_IN_ATTRIBUTE)


def text_of(value: Any) -> str:
    """A native value as XML Schema writes it (part 2, 3.2)."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def escaped(text: str) -> str:
    return text.translate(_TEXT_TABLE) if IN_TEXT.search(text) else text


def quoted(text: str) -> str:
    return text.translate(_ATTRIBUTE_TABLE) if _IN_QUOTES.search(text) else text


def is_blank(value: Any) -> bool:
    """Whether a value says nothing: None, or a group or list of such."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return value is None
    for inner in value:  # noqa: SIM110 # a generator costs as much as the work
        if not is_blank(inner):
            return False
    return True

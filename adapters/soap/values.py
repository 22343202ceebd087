"""Native values as XML Schema writes them, and texts as XML does."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_IN_ATTRIBUTE: Final = _ESCAPES | {'"': "&quot;", "\n": "&#10;", "\t": "&#9;"}
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
    return text.translate(_TEXT_TABLE)


def quoted(text: str) -> str:
    return text.translate(_ATTRIBUTE_TABLE)


def is_blank(value: Any) -> bool:
    """Whether a value says nothing: None, or a group or list of such."""
    if isinstance(value, Mapping):
        return all(map(is_blank, value.values()))
    return value is None or (isinstance(value, list) and all(map(is_blank, value)))

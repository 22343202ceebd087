"""Codes, constants and literals of a mapping as the legacy system writes them: 01 is a code, and not the number 1.

YAML makes 1 of an unquoted 01, 31 of 0x1F, 10 of 1_0 and true of TRUE, so each of them must stand in quotes.
"""

from __future__ import annotations

from typing import Any, Final

from contracts.source import Path_, Source, text_of

CURE: Final = "put quotes around it"


def misread(source: Source, at: Path_, given: Any, *, key: bool = False) -> str:
    """Why what YAML gives at ``at``, or for its key, is not the native text that is written there; empty where it is.

    >>> misread(Source.parse("codes: {approve: 01}", "x.yaml"), ("codes", "approve"), 1)
    "YAML makes '1' of 01"
    """
    if not isinstance(given, str | int):
        return f"{given!r} is no text, whole number, true or false"
    altered = source.altered(at, key=key)
    return f"YAML makes {text_of(given)!r} of {altered}" if altered else ""

"""Values as YAML text, for files that a person goes on editing: bare where it is safe, quoted whatever they hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")
"""What a YAML reader refuses, or takes for the end of a line."""
_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.@\[\]-]*(?:\([^(),\s]*\))?")
_IN_FLOW: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]*(?:\([^(),\s]*\))?")
_SPECIAL: Final = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def quote(text: str) -> str:
    """A text as YAML, on one line.

    >>> quote('say "no"'), quote(chr(0x85) + chr(0x2028))
    ('"say \\\\"no\\\\""', '"\\\\x85\\\\u2028"')
    """
    return _UNPRINTABLE.sub(_escaped, json.dumps(text, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def key(text: str) -> str:
    """A key of a block."""
    return text if _BARE.fullmatch(text) and text.lower() not in _SPECIAL else quote(text)


def flow(value: Any) -> str:
    """A value on one line.

    >>> flow({"from": "a.#text", "convert": ["decimal(2)"]}), flow({"N": "no"}), flow(True)
    ('{from: "a.#text", convert: [decimal(2)]}', '{"N": "no"}', 'true')
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(str(name))}: {flow(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _scalar(str(value))


def _scalar(text: str) -> str:
    return text if _IN_FLOW.fullmatch(text) and text.lower() not in _SPECIAL else quote(text)

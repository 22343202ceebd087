"""Sizes and counts as configuration writes them: a whole number and its unit, such as 64KB."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from contracts.section import Section


class _Form(NamedTuple):
    """How a measure is written, and what each of its units stands for."""

    pattern: re.Pattern[str]
    units: Mapping[str | None, int]


_SIZE: Final = _Form(
    re.compile(r"([1-9][0-9]{0,8})(B|KB|MB|KiB|MiB)?"),
    {None: 1, "B": 1, "KB": 1_000, "MB": 1_000_000, "KiB": 1 << 10, "MiB": 1 << 20},
)
_COUNT: Final = _Form(re.compile(r"([1-9][0-9]{0,5})()"), {"": 1})


def size(section: Section, key: str, default: str, usage: str) -> int:
    """The size under ``key`` in bytes; 0 where it is none, which is noted as a fault with its ``usage``."""
    return _measure(section, key, default, _SIZE, usage)


def count(section: Section, key: str, default: str, usage: str) -> int:
    """The same for a number of things."""
    return _measure(section, key, default, _COUNT, usage)


def _measure(section: Section, key: str, default: str, form: _Form, usage: str) -> int:
    given = section.data.get(key, default)
    match = form.pattern.fullmatch(str(given)) if isinstance(given, str | int) else None
    if not match:
        section.fault((key,), f"{given!r} is no {key}", f"write a number with its unit, {usage}")
        return 0
    return int(match.group(1)) * form.units[match.group(2)]

"""One mapping of a configuration file, read key by key, all its faults collected with their positions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from contracts.errors import Fault
from contracts.source import Source, nearest
from contracts.types import day_of

T = TypeVar("T")
LONGEST: Final = 80
"""So much of a file's name is told."""
_DURATION: Final = re.compile(r"([1-9][0-9]{0,5})(ms|s|m|h)", re.ASCII)
_THREE_NUMBERS: Final = re.compile(r"\d+\.\d+\.\d+")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}


class Section:
    """A mapping at ``path`` of ``source``; ``known`` are its legal keys, every other key is a fault with a hint.

    ``faults`` is shared by all sections of one file: readers go on after a fault, the caller raises them together.
    """

    def __init__(
        self, source: Source, faults: list[Fault], path: tuple[str | int, ...], data: Any, known: Sequence[str] | None
    ) -> None:
        self.source, self.faults, self.path = source, faults, path
        self.data: dict[str, Any] = data if isinstance(data, dict) else {}
        if not isinstance(data, dict):
            self.fault((), "expected a mapping")
        for key in self.data if known is not None else ():
            if key not in (known or ()):
                self.fault((key,), f"unknown key {key!r}", nearest(key, known or ()) or _listed(known or ()))

    def fault(self, below: tuple[str | int, ...], message: str, hint: str = "") -> None:
        self.faults.append(self.source.fault((*self.path, *below), message, hint))

    def section(self, key: str, known: Sequence[str] | None) -> Section:
        """The mapping under ``key``, empty when absent."""
        return Section(self.source, self.faults, (*self.path, key), self.data.get(key, {}), known)

    def sections(self, known: Sequence[str]) -> list[tuple[str, Section]]:
        """Every entry as a named mapping, in file order."""
        return [(str(key), self.section(key, known)) for key in self.data]

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        """The value under ``key``; without ``default`` it must be there. A whole number serves as a number."""
        value = self.data.get(key, default)
        if key not in self.data and default is None:
            self.fault((), f"{key!r} is missing: expected {_WORDS[kind]}")
        elif kind is float and type(value) is int:
            return cast(T, float(value))
        elif type(value) is not kind:
            self.fault((key,), f"{key!r} must be {_WORDS[kind]}")
        else:
            return value
        return kind() if default is None else default

    def matching(self, key: str, pattern: re.Pattern[str], expected: str, default: str | None = None) -> str:
        """A text that the pattern matches whole; ``expected`` says of what form that is."""
        value = self.take(key, str, default)
        if key in self.data and not pattern.fullmatch(value):
            self.fault((key,), f"{key!r} must be {expected}")
        return value

    def version(self, default: str | None = None) -> str:
        """The version of what the section describes."""
        return self.matching("version", _THREE_NUMBERS, "three numbers, as 1.0.0", default)

    def short(self, key: str, longest: int, default: str | None = None) -> str:
        """A text with content, of at most ``longest`` characters: what the answer contract has room for."""
        value = self.take(key, str, default)
        if key in self.data and not 0 < len(value.strip()) <= len(value) <= longest:
            self.fault((key,), f"{key!r} must have 1 to {longest} characters")
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A number between ``low`` and ``high``, both inclusive."""
        return self._within(key, self.take(key, float, default), low, high)

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        return int(self._within(key, self.take(key, int, default), low, high))

    def _within(self, key: str, value: float, low: float, high: float) -> float:
        if key in self.data and not low <= value <= high:
            self.fault((key,), f"{key!r} must lie between {low:g} and {high:g}")
        return value

    def duration(self, key: str, low: float, high: float, default: str) -> float:
        """Seconds of a time written with its unit, as ``500ms`` or ``2s``, between ``low`` and ``high`` seconds."""
        given = self.data.get(key, default)
        match = _DURATION.fullmatch(given) if isinstance(given, str) else None
        if match is None:
            self.fault((key,), f"{given!r} is no time", f"write a number with its unit, such as {default}")
            return low
        seconds = int(match[1]) * _SECONDS[match[2]]
        if not low <= seconds <= high:
            self.fault((key,), f"{key!r} must lie between {low:g}s and {high:g}s")
        return seconds

    def day(self, key: str, *, optional: bool = False) -> date | None:
        """A day written as 2031-12-31; None where there is none, with a fault unless it is ``optional``."""
        if optional and key not in self.data:
            return None
        text = self.take(key, str)
        found = day_of(text)
        if found is None and type(self.data.get(key)) is str:
            self.fault((key,), f"{key!r} must be a day, as 2031-12-31")
        return found

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        value = self.take(key, str, default)
        if key in self.data and value not in choices:
            self.fault((key,), f"{value!r} is not a legal {key!r}", nearest(value, choices) or _listed(choices))
        return value

    def file(self, key: str, folder: Path, default: str | None = None) -> str:
        """The name of a file in ``folder``; empty, with a fault, where there is none of it."""
        name, given = self.take(key, str, default), self.data.get(key, default)
        wrong = no_file(folder, name) if isinstance(given, str) else None
        if wrong is not None:
            self.fault((key,), *wrong)
        return name if wrong is None else ""

    def texts(self, key: str, default: list[str] | None = None) -> tuple[str, ...]:
        """A list of texts."""
        values = self.take(key, list, default)
        for index, value in enumerate(values):
            if type(value) is not str:
                self.fault((key, index), f"every item of {key!r} must be a text")
        return tuple(value for value in values if type(value) is str)

    def members(self, key: str, known: Sequence[str], default: list[str] | None = None) -> tuple[str, ...]:
        """A list of names, each of which must be known."""
        names = self.texts(key, default)
        for index, name in enumerate(names):
            if name not in known:
                self.fault((key, index), f"{name!r} is not known here", nearest(name, known))
        return names


def no_file(folder: Path, name: str) -> tuple[str, str] | None:
    """Message and hint where no file of ``folder`` has this name, which may be any text; None where one has."""
    shown = repr(name if len(name) <= LONGEST else f"{name[:LONGEST]}…")
    try:
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            return f"{shown} leads out of the integration's folder", "put a copy into the folder and name that"
        if (folder / name).is_file():
            return None
    except (OSError, RuntimeError, ValueError):  # too long, a circle of links, a NUL
        return f"{shown} cannot be the name of a file", "name a file of the integration's folder"
    alike = [path for path in sorted(folder.rglob("*")) if path.suffix == Path(name).suffix and path.is_file()]
    hint = nearest(name, [path.relative_to(folder).as_posix() for path in alike])
    return f"there is no file {shown} in the integration's folder", hint


def _listed(known: Sequence[str]) -> str:
    return f"known: {', '.join(known)}"

"""The keys of a message: which application it is about, which asking, and what to give back with the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from contracts.mapping.conversions import Unfit, describe, read_text
from contracts.mapping.paths import ABSENT, Path, getter
from contracts.mapping.request import NATIVE
from contracts.types import Problem

LONGEST: Final = {"business": 128, "request": 255, "correlation": 128}
"""Characters a key may have: the room the answer contract gives it."""

DERIVED: Final = "derived:"
"""Begins every request key that is made here, where a message carries none."""


class Keys(NamedTuple):
    """The keys a message carries. ``request`` is empty where the integration declares none or the message has none."""

    business: str
    request: str
    correlation: str


class KeyMap:
    """Reads the keys from a native tree. A business key must be there; the others may be absent, null or empty.
    A key that is there twice is nobody's: which asking this is cannot be told, and no other key is put in its place.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self.paths = dict(paths)
        self._getters = [(name, LONGEST[name], getter(path), _problem(name, path)) for name, path in paths.items()]
        self._correlation = getter(paths["correlation"]) if "correlation" in paths else _nowhere

    def read(self, tree: Mapping[str, Any]) -> tuple[Keys, list[Problem]]:
        found = dict.fromkeys(Keys._fields, "")
        problems: list[Problem] = []
        for name, longest, get, missing in self._getters:
            native = get(tree)
            if native is ABSENT and (several := len(self.paths[name].walk(tree).values)) > 1:
                problems.append(missing._replace(code="bad_key", seen=f"{several} values where one is expected"))
                continue
            if native is ABSENT or native is None or native == "":
                if name == "business":
                    seen = "nothing at the path" if native is ABSENT else describe(native)
                    problems.append(missing._replace(seen=seen))
                continue
            key = _key(native, longest)
            if key is None:
                problems.append(missing._replace(code="bad_key", seen=describe(native)))
            else:
                found[name] = key
        return Keys(**found), problems

    def correlation(self, tree: Mapping[str, Any]) -> str:
        """The correlation alone, also of a message that lacks its other keys; empty where it cannot be read."""
        native = self._correlation(tree)
        return (_key(native, LONGEST["correlation"]) or "") if isinstance(native, str) else ""


def _nowhere(_tree: Mapping[str, Any]) -> None:
    """An integration that declares no such key."""


def _key(native: Any, longest: int) -> str | None:
    try:
        key = read_text(native)
    except Unfit:
        return None
    return key if len(key) <= longest and key == key.strip() else None


def _problem(name: str, path: Path) -> Problem:
    expected = f"1 to {LONGEST[name]} characters without blanks at the ends and without control characters"
    return Problem("missing_key", f"keys.{name}", NATIVE + str(path), "", expected)

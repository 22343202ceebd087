"""A text that a pattern of XML Schema allows (part 2, appendix F): enough of the language for what code lists, keys and
numbers are written with. Whether a text is really legal, libxml2 says.
"""

from __future__ import annotations

import re
from typing import Final

_CLASSES: Final = {"d": "1", "w": "A", "s": " ", "i": "A", "c": "A", "D": "A", "W": "-", "S": "A", "I": "1", "C": " "}
_TYPICAL: Final = "A1a0 -._:/"
_COUNT: Final = re.compile(r"\{([0-9]{1,3})(?:,[0-9]*)?\}|[?*+]")
MOST: Final = 200


def matching(pattern: str) -> str:
    r"""The shortest text of the first way through a pattern; a guess where it uses more than is read here.

    >>> matching("[A-Z]{3}"), matching("MER-[0-9]{4}(-[a-z])?|X"), matching(r"\d+\.\d{2}")
    ('AAA', 'MER-0000', '1.11')
    """
    return _Reader(pattern).branches()[:MOST]


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._pattern, self._at = pattern, 0

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1 : self._at]

    def branches(self) -> str:
        """The text of the first of several branches; all of them are read."""
        first = self._branch()
        while self._peek() == "|":
            self._take()
            self._branch()
        return first

    def _branch(self) -> str:
        text = ""
        while self._peek() not in ("", "|", ")"):
            piece = self._atom()
            text += piece * self._times()
        return text[: MOST + 1]

    def _atom(self) -> str:
        mark = self._take()
        if mark == "(":
            inner = self.branches()
            self._take()
            return inner
        if mark == "[":
            return self._class()
        if mark == "\\":
            return self._escape()
        return "A" if mark == "." else mark

    def _escape(self) -> str:
        mark = self._take()
        if mark in ("p", "P"):
            end = self._pattern.find("}", self._at)
            name = self._pattern[self._at + 1 : end] if end >= 0 else ""
            self._at = end + 1 if end >= 0 else len(self._pattern)
            return "1" if name.startswith("N") else "a" if name == "Ll" else "A"
        return _CLASSES.get(mark, {"n": "\n", "r": "\r", "t": "\t"}.get(mark, mark))

    def _class(self) -> str:
        """The first character of a class; of one that excludes, the first usual one that is not in it."""
        without = self._peek() == "^"
        if without:
            self._take()
        listed = ""
        while self._peek() not in ("", "]"):
            mark = self._take()
            if mark == "[":
                self._class()
                continue
            one = self._escape() if mark == "\\" else mark
            listed += one
            if self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] not in ("]", "["):
                self._take()
                last = self._take()
                listed += "".join(sign for sign in _TYPICAL if one <= sign <= last) + last
        self._take()
        return next((sign for sign in _TYPICAL if sign not in listed), "~") if without else listed[:1]

    def _times(self) -> int:
        found = _COUNT.match(self._pattern, self._at)
        if not found:
            return 1
        self._at = found.end()
        if found[1]:
            return int(found[1])
        return 1 if found[0] == "+" else 0

"""Checks a body element against the schemas of its WSDL, and says every fault as a problem, at its XPath.

libxml2's messages quote what was sent. Of them only what the schema itself says is kept: no value of an application
gets into a fault, a log or the ledger's index.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from lxml import etree

from adapters.soap.names import Node, hardened, local
from contracts.errors import InvalidRecord
from contracts.mapping.request import NATIVE
from contracts.types import Problem

MOST: Final = 50
ENOUGH: Final = 4 * MOST
"""libxml2 tells up to three faults of one place."""
LARGE: Final = 16_384
CHUNK: Final = 2048
LONGEST: Final = 250
_STEP: Final = re.compile(r"/(?:(?P<star>\*)|(?P<name>[^/\[\]]+))(?:\[(?P<at>[0-9]+)\])?")
_KINDS: Final = (
    ("CVC_ENUMERATION", "unknown_code", "a text outside the code list", "of the set "),
    ("CVC_PATTERN", "wrong_value", "a text of another pattern", "accepted by the pattern "),
    ("CVC_MAXLENGTH", "too_long", "a longer text", "maximum length of "),
    ("CVC_MINLENGTH", "too_short", "a shorter text", "minimum length of "),
    ("CVC_LENGTH", "wrong_length", "a text of another length", "length of "),
    ("CVC_TOTALDIGITS", "too_large", "a number with more digits", "allowed maximum number of "),
    ("CVC_FRACTIONDIGITS", "excess_scale", "a number with more decimal places", "allowed maximum number of "),
    ("CVC_MAX", "out_of_range", "a larger number", "allowed "),
    ("CVC_MIN", "out_of_range", "a smaller number", "allowed "),
    ("CVC_DATATYPE", "wrong_value", "a value of another type", "of the atomic type "),
    ("CVC_ELT_3", "nil_forbidden", "an element that is nil", ""),
    ("CVC_COMPLEX_TYPE_4", "missing_attribute", "nothing", "The attribute "),
    ("CVC_COMPLEX_TYPE_3", "unknown_attribute", "an attribute", ""),
    ("ELEMENT_CONTENT", "wrong_element", "an element out of place, or none", "Expected is "),
)
"""Kind of libxml2's error, our code, what was seen, and behind which words of the message the schema speaks."""


class Checker:
    """The compiled schemas. libxml2 keeps the faults of a check in the schema, so one thread checks at a time."""

    def __init__(self, schema: etree.XMLSchema) -> None:
        self._schema, self._lock = schema, threading.Lock()

    def check(self, element: Node, size: int) -> None:
        """Raise InvalidRecord with every problem of a body element, at most ``MOST``; ``size`` is that of its message,
        in bytes.
        """
        log = self._log(element, size)
        if log is not None:
            raise InvalidRecord(_problems(element, log), "the message breaks the schema of its WSDL")

    def _log(self, element: Node, size: int) -> list[etree._LogEntry] | None:
        """What is wrong with an element, or with as much of its beginning as has more faults than are told; None where
        it is valid.

        For each fault libxml2 works out a path, by counting siblings: for all faults of a large message the cost would
        grow with its square.
        """
        with self._lock:
            beginning = self._beginning(element) if size > LARGE else None
            if beginning is not None and not self._schema.validate(beginning):
                found = list(self._schema.error_log)
                if len(found) > MOST:
                    return found
            return None if self._schema.validate(element) else list(self._schema.error_log)

    def _beginning(self, element: Node) -> Node | None:
        """The element up to where it has ``ENOUGH`` faults, found in one pass that knows no paths; None if it has not.

        What is cut off are faults, too, but behind all others.
        """
        text: bytes = etree.tostring(element, with_tail=False)
        parser = etree.XMLPullParser(events=(), schema=self._schema)
        for end in range(CHUNK, len(text) + CHUNK, CHUNK):
            parser.feed(text[end - CHUNK : end])
            if len(parser.feed_error_log) >= ENOUGH:
                return etree.fromstring(text[:end], hardened(recover=True))
        return None

    def faults(self, element: Node) -> list[str]:
        """What is wrong with an element of our own making, in libxml2's words; empty where nothing is."""
        with self._lock:
            valid = self._schema.validate(element)
            return [] if valid else [str(entry.message) for entry in self._schema.error_log]


def _problems(root: Node, log: list[etree._LogEntry]) -> Iterator[Problem]:
    """One problem per place: libxml2 says of a facet that is broken also that the value is none of its type."""
    seen: set[str] = set()
    places = Places(root)
    for entry in log:
        if entry.path in seen:
            continue
        if len(seen) == MOST:
            return
        seen.add(entry.path)
        code, told, mark = next(
            (row[1:] for row in _KINDS if row[0] in entry.type_name), ("wrong_value", "something else", "")
        )
        place = places.xpath(entry.path)
        rule = f"schema.{entry.type_name.removeprefix('SCHEMAV_').lower()}"[:80]
        yield Problem(code, rule, NATIVE + place, told, _expected(entry.message, mark))


def _expected(message: str, mark: str) -> str:
    """What the schema wants, in its own words; the value stands before them, so only the last mark counts."""
    _, found, rest = message.rpartition(mark) if mark else ("", "", "")
    words = " ".join(re.sub(r"\{[^{}]*:[^{}]*\}", "", rest).split()).rstrip(".") if found else ""
    return f"as the schema says: {words}"[:LONGEST] if words else "what the schema says"


class _Family(NamedTuple):
    """The children of one element: by their names as libxml2 spells them, and the position of each among its like."""

    spelled: Mapping[str, list[Node]]
    positions: Mapping[Node, str]


class Places:
    """Where things stand in one message; the children of an element are counted once, however many of them are told."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._families: dict[Node, _Family] = {}

    def xpath(self, path: str) -> str:
        """An XPath of libxml2, whose prefixes only its document knows, as one of local names:
        ``/Score/Loan[2]/Amount``.
        """
        steps, node = [f"/{local(self._root.tag)}"], self._root
        for step in list(_STEP.finditer(path))[1:]:
            at, name = int(step["at"] or 1) - 1, step["name"] or "*"
            if name.startswith("@"):
                steps.append(f"/{name.rpartition(':')[2]}")
                break
            family = self._family(node)
            found = family.spelled.get(name, [])
            if at >= len(found):
                break
            node = found[at]
            steps.append(f"/{local(node.tag)}{family.positions[node]}")
        return "".join(steps)[:LONGEST]

    def _family(self, parent: Node) -> _Family:
        if parent not in self._families:
            children = list(parent)
            spelled, alike = defaultdict(list, {"*": children}), defaultdict(list)
            for child in children:
                spelled[_spelled(child)].append(child)
                alike[child.tag].append(child)
            positions = {
                child: f"[{at}]" if len(same) > 1 else "" for same in alike.values() for at, child in enumerate(same, 1)
            }
            self._families[parent] = _Family(spelled, positions)
        return self._families[parent]


def _spelled(node: Node) -> str:
    return f"{node.prefix}:{local(node.tag)}" if node.prefix else str(node.tag)

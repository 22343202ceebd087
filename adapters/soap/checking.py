"""Checks a body element against the schemas of its WSDL, and says every fault as a problem, at its XPath.

libxml2's messages quote what was sent. Of them only what the schema itself says is kept: no value of an application
gets into a fault, a log or the ledger's index.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Final

from lxml import etree

from adapters.soap.names import Node, local
from contracts.errors import InvalidRecord
from contracts.mapping.request import NATIVE
from contracts.types import Problem

MOST: Final = 50
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

    def check(self, element: Node) -> None:
        """Raise InvalidRecord with every problem of a body element, at most ``MOST``."""
        with self._lock:
            if self._schema.validate(element):
                return
            log = list(self._schema.error_log)
        raise InvalidRecord(_problems(element, log), "the message breaks the schema of its WSDL")

    def faults(self, element: Node) -> list[str]:
        """What is wrong with an element of our own making, in libxml2's words; empty where nothing is."""
        with self._lock:
            valid = self._schema.validate(element)
            return [] if valid else [str(entry.message) for entry in self._schema.error_log]


def _problems(root: Node, log: list[etree._LogEntry]) -> Iterator[Problem]:
    """One problem per place: libxml2 says of a facet that is broken also that the value is none of its type."""
    seen: set[str] = set()
    for entry in log:
        if entry.path in seen or len(seen) >= MOST:
            continue
        seen.add(entry.path)
        code, told, mark = next(
            (row[1:] for row in _KINDS if row[0] in entry.type_name), ("wrong_value", "something else", "")
        )
        place = xpath(root, entry.path)
        rule = f"schema.{entry.type_name.removeprefix('SCHEMAV_').lower()}"[:80]
        yield Problem(code, rule, NATIVE + place, told, _expected(entry.message, mark))


def _expected(message: str, mark: str) -> str:
    """What the schema wants, in its own words; the value stands before them, so only the last mark counts."""
    _, found, rest = message.rpartition(mark) if mark else ("", "", "")
    words = " ".join(re.sub(r"\{[^{}]*:[^{}]*\}", "", rest).split()).rstrip(".") if found else ""
    return f"as the schema says: {words}"[:LONGEST] if words else "what the schema says"


def xpath(root: Node, path: str) -> str:
    """An XPath of libxml2, whose prefixes only its document knows, as one of local names: ``/Score/Loan[2]/Amount``."""
    steps, node = [f"/{local(root.tag)}"], root
    for step in list(_STEP.finditer(path))[1:]:
        at = int(step["at"] or 1) - 1
        if (step["name"] or "").startswith("@"):
            steps.append(f"/{step['name'].rpartition(':')[2]}")
            break
        found = [child for child in node if step["star"] or _spelled(child) == step["name"]]
        if at >= len(found):
            break
        node = found[at]
        steps.append(f"/{local(node.tag)}{_position(node)}")
    return "".join(steps)[:LONGEST]


def _spelled(node: Node) -> str:
    return f"{node.prefix}:{local(node.tag)}" if node.prefix else str(node.tag)


def _position(node: Node) -> str:
    """``[2]`` where an element has siblings of its name."""
    alike = [sibling for sibling in node.getparent() if sibling.tag == node.tag]
    return f"[{alike.index(node) + 1}]" if len(alike) > 1 else ""

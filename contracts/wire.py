"""What a contract declares of its bytes: names and types as the legacy side writes them, and where the bytes lie.

Plain ODCS: ``physicalName`` and ``physicalType`` of properties (``PIC S9(7)V99 COMP-3``, ``xs:decimal``,
``VARCHAR(20)``), ``physicalName`` of the object (record, element or table), ``format``, ``encoding`` and ``delimiter``
of servers. Other facts a reader depends on (record format, namespace, SOAP action) are scoregate properties of a
server.
A contract that declares none of it lives by names alone, as in JSON.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

Kind = Literal["named", "delimited", "sequence", "positional"]
"""How a reader finds a field: by its name, by its place in a row, by its place in an XML sequence, by its offset."""

FILLER: Final = "FILLER"
_FACTS: Final = ("format", "encoding", "delimiter")
_POSITIONAL: Final = ("fixed", "fixed-width", "fixed_width", "cobol", "copybook", "ebcdic")
_DELIMITED: Final = ("csv", "tsv", "psv", "delimited")
_PICTURE = re.compile(r"PIC(?:TURE)?(?:\s+IS)?\s+(?P<picture>[^\s]+)(?P<rest>.*)", re.IGNORECASE)
_MARK = re.compile(r"([^()])(?:\(([0-9]{1,9})\))?")
_BINARY = re.compile(r"\b(COMP|COMP-4|COMP-5|BINARY)(?![-\w])", re.IGNORECASE)
_PACKED = re.compile(r"\b(COMP-3|PACKED-DECIMAL)\b", re.IGNORECASE)


class Part(NamedTuple):
    """One leaf on the wire: its name there and its type as declared, both empty where nothing is declared."""

    path: str
    name: str
    type: str

    @property
    def filler(self) -> bool:
        """Whether it is room that nothing fills yet."""
        return self.name.upper() == FILLER


@dataclass(frozen=True, slots=True)
class Wire:
    """The declared bytes. ``record``: physical name of the object; ``servers``: facts by server name, then by fact."""

    record: str = ""
    parts: tuple[Part, ...] = ()
    servers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def declared(self) -> bool:
        """Whether anything is said of the bytes at all."""
        return bool(self.record or self.servers or any(part.name or part.type for part in self.parts))

    @property
    def kind(self) -> Kind:
        formats = {facts.get("format", "").lower() for facts in self.servers.values()}
        types = [part.type for part in self.parts]
        if any(map(is_picture, types)) or formats & {*_POSITIONAL}:
            return "positional"
        if formats & {*_DELIMITED}:
            return "delimited"
        return "sequence" if any(type_.startswith("xs:") for type_ in types) else "named"

    def offsets(self) -> dict[str, tuple[int, int]]:
        """Offset and length in bytes, from 0, of every leaf up to the first whose size is not known."""
        found: dict[str, tuple[int, int]] = {}
        at = 0
        for part in self.parts:
            length = size(part.type)
            if length is None:
                break
            found[part.path] = (at, length)
            at += length
        return found

    def length(self) -> int | None:
        """Bytes of a record; None where a size is not known."""
        sizes = [size(part.type) for part in self.parts]
        return None if None in sizes else sum(length or 0 for length in sizes)


def read_wire(data: Mapping[str, Any], table: Mapping[str, Any], leaves: Mapping[str, Mapping[str, Any]]) -> Wire:
    """The declarations of one contract file; ``leaves`` are its scalar properties by path, in file order."""
    parts = tuple(
        Part(path, str(node.get("physicalName", "")), " ".join(str(node.get("physicalType", "")).split()))
        for path, node in leaves.items()
    )
    servers = {str(node.get("server", at)): _facts(node) for at, node in enumerate(data.get("servers") or [])}
    return Wire(str(table.get("physicalName", "")), parts, servers)


def is_picture(declared: str) -> bool:
    """Whether a type is declared in COBOL."""
    return _PICTURE.match(declared) is not None


def size(declared: str) -> int | None:
    """Bytes of a COBOL picture or of ``CHAR(n)`` as IBM compilers lay them out; None for any other type.

    >>> size("PIC S9(7)V99 COMP-3"), size("PIC X(10)"), size("PIC S9(4) COMP")
    (5, 10, 2)
    """
    match = _PICTURE.match(declared)
    if not match:
        fixed = re.fullmatch(r"CHAR\(([0-9]{1,9})\)", declared, re.IGNORECASE)
        return int(fixed[1]) if fixed else None
    marks = _marks(match["picture"].upper())
    return None if marks is None else _bytes(marks, match["rest"].upper())


def _marks(picture: str) -> Counter[str] | None:
    """How often each mark stands in a picture; None for what is no picture, or counts with more than nine digits."""
    if _MARK.sub("", picture):
        return None
    marks: Counter[str] = Counter()
    for mark, times in _MARK.findall(picture):
        marks[mark] += int(times or 1)
    return marks


def _bytes(marks: Counter[str], rest: str) -> int:
    digits = marks["9"] + marks["Z"] + marks["*"]
    if _PACKED.search(rest):
        return digits // 2 + 1
    if _BINARY.search(rest):
        return 2 if digits <= 4 else 4 if digits <= 9 else 8
    characters = marks.total() - marks["S"] - marks["V"] - marks["P"]
    return characters * (2 if marks["N"] else 1) + ("SEPARATE" in rest and marks["S"] > 0)


def _facts(node: Mapping[str, Any]) -> dict[str, str]:
    found = {name: str(node[name]) for name in _FACTS if name in node}
    for entry in node.get("customProperties") or []:
        if entry.get("vendor") == "scoregate":
            found[str(entry["property"])] = str(entry["value"])
    return found

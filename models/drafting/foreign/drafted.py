"""A contract drafted from a source of others: its fields named, what an application needs added, the rest asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from contracts.errors import ConfigurationError, Fault
from contracts.odcs import Kind
from contracts.source import nearest
from contracts.types import ABOUT
from models.drafting import words
from models.drafting.contract_file import ListOf, Property, contract_lines
from models.drafting.draft import MOST_COLUMNS
from models.drafting.findings import Finding
from models.drafting.foreign import csv_columns, frictionless, json_schema
from models.drafting.foreign.application import application
from models.drafting.foreign.document import Document, read_document
from models.drafting.foreign.told import Contradiction

_SENTENCES: Final[Mapping[Kind, str]] = {
    "request": "What one application tells, so that it can be scored and decided.",
    "answer": "What a legacy system gets back about one application.",
    "outcome": "What became of a loan that was decided here, as far as it was observed.",
}


class Described(Protocol):
    """One value that a source describes: its path in a message, where the source says so, how it becomes a field."""

    @property
    def native(self) -> str: ...
    @property
    def place(self) -> str: ...
    @property
    def inside(self) -> ListOf | None: ...
    @property
    def texts(self) -> bool: ...
    @property
    def blank(self) -> Sequence[str]: ...
    def draft(self, name: str, kind: Kind) -> tuple[Property, list[Finding]]: ...


Found = tuple[Sequence[Described], list[Finding]]


def _of_document(fields: Callable[[Document, Kind], Found]) -> Callable[[Path, Kind], Found]:
    def read(path: Path, kind: Kind) -> Found:
        try:
            return fields(read_document(path), kind)
        except RecursionError as exc:
            message = "nests too deep once its references are resolved"
            raise ConfigurationError([Fault(str(path), 0, 0, message, "import the part of one record")]) from exc

    return read


SOURCES: Final[Mapping[str, Callable[[Path, Kind], Found]]] = {
    "jsonschema": _of_document(json_schema.fields),
    "csv": csv_columns.fields,
    "frictionless": _of_document(frictionless.fields),
}


@dataclass(frozen=True)
class ContractDraft:
    """``findings`` is what a person must decide or know."""

    name: str
    kind: Kind
    data: Path
    source: str
    properties: tuple[Property, ...]
    findings: tuple[Finding, ...]

    @property
    def text(self) -> str:
        """The contract, as ODCS."""
        told = [
            f"Drafted by `scoregate contract import` from {self.data.name} ({self.source}).",
            "Edit it until it says what you mean; from then on a change is a new version.",
            "Every field but product and currency is classified personal: loosen that only where it is not.",
        ]
        return "\n".join(contract_lines(self.name, self.kind, _SENTENCES[self.kind], told, self.properties)) + "\n"


def draft_contract(path: Path, source: str, name: str, kind: Kind = "request") -> ContractDraft:
    """Read a source of one of ``SOURCES``; raises ConfigurationError where it cannot be fields, with the way out."""
    if source not in SOURCES:
        hint = nearest(source, SOURCES) or f"there are: {', '.join(SOURCES)}"
        raise ConfigurationError([Fault("", 0, 0, f"there is no import from {source!r}", hint)])
    told, findings = SOURCES[source](path, kind)
    if not 0 < len(told) <= MOST_COLUMNS:
        many = f"more than {MOST_COLUMNS} values" if told else "no value"
        message = f"has {many} that could be fields"
        raise ConfigurationError([Fault(str(path), 0, 0, message, "import the part that describes one record")])
    properties: list[Property] = []
    for one, called in zip(told, _names(path, told, kind), strict=True):
        try:
            made, asked = one.draft(called, kind)
        except Contradiction as exc:
            raise ConfigurationError([Fault(str(path), 0, 0, f"{one.place}: {exc}", "correct it in the file")]) from exc
        properties.append(made)
        findings += asked
    if kind == "request":
        blank = dict.fromkeys(text for one in told for text in one.blank)
        properties, asked = application(properties, list(blank))
        findings += asked
    return ContractDraft(name, kind, path, source, tuple(properties), tuple(findings))


def _names(path: Path, told: Sequence[Described], kind: Kind) -> list[str]:
    """A name for each; raises ConfigurationError where two would be the same."""
    found = [_name(one, kind) for one in told]
    first: dict[tuple[str, str], Described] = {}
    faults = []
    for one, name in zip(told, found, strict=True):
        other = first.setdefault((one.inside.name if one.inside else "", name), one)
        if other is not one:
            message = f"{one.place}: {one.native!r} and {other.native!r} would both be named {name!r}"
            faults.append(Fault(str(path), 0, 0, message, "rename one of them in the source"))
    if faults:
        raise ConfigurationError(faults[:20])
    return found


def _name(one: Described, kind: Kind) -> str:
    """A path in small letters; in the element of a list, the path within it."""
    path = one.native.rpartition("[]")[2].removeprefix(".") if one.inside else one.native
    if one.inside and one.inside.alone:
        return one.inside.name
    reserved: tuple[str, ...] = () if kind == "answer" else words.SPOKEN
    if kind == "request" and not (one.texts and path in ABOUT):
        reserved = words.RESERVED
    return words.slug(path.replace(".", " "), [], reserved)

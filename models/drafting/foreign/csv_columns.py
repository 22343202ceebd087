"""Columns of a CSV as fields, looked at as `scoregate init` does, but with no target: nothing is learned from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from contracts.errors import ConfigurationError, Fault
from contracts.odcs import Kind
from contracts.types import day_of
from models.csv_file import read_csv
from models.drafting import questions, suspicion, words
from models.drafting.columns import Column, holds_nothing, identifies, look_at
from models.drafting.contract_file import ListOf, Property
from models.drafting.draft import MOST_COLUMNS, DraftField
from models.drafting.files import describe, property_of
from models.drafting.findings import Finding, left_out
from models.drafting.foreign.told import LONGEST, Told
from models.drafting.sniff import sniff

_ROOM: Final = (10, 20, 50, 100, 200, 500, 1000, 2000, LONGEST)
"""Characters drafted for texts: the first with as much room again as the longest seen."""


@dataclass(frozen=True)
class ToldColumn:
    """One column that becomes a field."""

    column: Column
    place: str
    inside: ListOf | None = None

    @property
    def native(self) -> str:
        return self.column.name

    @property
    def texts(self) -> bool:
        """Whether the column holds texts or codes."""
        return self.column.kind in ("text", "code")

    @property
    def blank(self) -> Sequence[str]:
        """Texts that stand for nothing here."""
        return [text for text in self.column.blanks if text]

    def draft(self, name: str, kind: Kind) -> tuple[Property, list[Finding]]:
        """The property of this name, and what is open of it."""
        column = self.column
        asked = [questions.identifying(name, why)] if (why := identifies(column)) else []
        if column.kind in ("text", "date"):
            made, findings = self._plain().draft(name, kind)
            return made, [*findings, *asked]
        codes = {code: code for code in column.codes} if self.texts else {}
        found = DraftField(column, name, words.unit(column.name)[0], codes)
        found.protected, evidence = words.protected_kind(column.name, () if column.is_number else tuple(column.codes))
        findings = [questions.protected(name, found.protected, evidence)] if found.protected else []
        findings += asked
        findings += questions.number(found) if column.is_number else ()
        made = property_of(found)
        own = {key: value for key, value in made.own.items() if kind == "request" or key != "rejected"}
        return replace(made, own=own), findings

    def _plain(self) -> Told:
        """A column of texts or dates. No text of it is shown: it may be somebody's."""
        column = self.column
        described = describe(DraftField(column, "", "", {}))
        if column.kind == "date":
            told = Told(column.name, self.place, "date", description=described)
            if not all(map(day_of, column.codes)):
                cure = "say so in the integration, as convert: [date(DD.MM.YYYY)]"
                told.ask("must", "its dates are not all written as 2026-03-31", self.place, cure)
            return told
        longest = max(map(len, column.codes))
        room = next((room for room in _ROOM if room >= 2 * longest), LONGEST)
        return Told(column.name, self.place, "string", description=described, longest=max(room, longest))


def fields(path: Path, kind: Kind) -> tuple[list[ToldColumn], list[Finding]]:
    """The columns that hold something; raises ConfigurationError for a file that is no CSV, or has too many."""
    dialect, told = sniff(path)
    names, rows, _ = read_csv(path, dialect)
    if len(names) > MOST_COLUMNS:
        message = f"has {len(names)} columns, at most {MOST_COLUMNS} are drafted"
        raise ConfigurationError([Fault(str(path), 1, 0, message, "drop some")])
    columns = [look_at(name, [row[at] for row in rows], dialect) for at, name in enumerate(names)]
    findings = [*told, *_missing(columns)]
    kept: list[ToldColumn] = []
    for column in columns:
        if idle := holds_nothing(column):
            findings.append(left_out("must", f"column {column.name!r}", *idle))
        else:
            kept.append(ToldColumn(column, f"column {column.name!r}"))
    if kind == "request":
        seen = "a file of loans has such a column, and no application knows it"
        findings.append(Finding("must", "which column says how the loan ended?", seen, "take it out"))
    full = [column.native for column in kept if not column.column.blanks]
    if full:
        seen = f"given in every row: {', '.join(full)}"
        findings.append(Finding("should", "which fields may not be left empty?", seen, "add required: true to those"))
    return kept, [replace(finding, file="", anchor="") for finding in findings]


def _missing(columns: Sequence[Column]) -> Iterator[Finding]:
    for column in columns:
        if column.is_number:
            yield from suspicion.missing_codes(column)
        elif column.kind == "code":
            yield from suspicion.unknown_codes(column)

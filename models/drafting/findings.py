"""What a draft had to guess, and what only a person can know: findings, ranked, each with the line to edit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Severity = Literal["must", "should", "note"]
INSIDE = ("from: ", "group: ")
"""Beginnings of anchors that may stand anywhere in a line."""
RANK: Mapping[Severity, int] = {"must": 0, "should": 1, "note": 2}
TITLES: Mapping[Severity, str] = {
    "must": "Decide before anybody relies on it",
    "should": "Look at it",
    "note": "Guessed, with the evidence",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One guess or open question. ``anchor`` is the beginning of the line to edit in ``file``: contract, spec, policy,
    integration; without it the finding speaks of the data."""

    severity: Severity
    what: str
    evidence: str
    cure: str
    file: str = ""
    anchor: str = ""


def left_out(severity: Severity, what: str, evidence: str, cure: str) -> Finding:
    """Part of the source that does not become a field."""
    return Finding(severity, f"the {what} is left out", evidence, cure)


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding and where its line stands, as ``path:line``."""

    finding: Finding
    where: str

    def __str__(self) -> str:
        f = self.finding
        return f"{self.where}: {f.severity}: {f.what} ({f.evidence}); {f.cure}"


def place(findings: Iterable[Finding], files: Mapping[str, Path], data: Path, root: Path) -> list[Placed]:
    """The findings ranked by severity, each with the line of the file below ``root`` that it is about."""
    lines = {name: (root / path).read_text(encoding="utf-8").splitlines() for name, path in files.items()}
    ranked = sorted(findings, key=lambda finding: RANK[finding.severity])
    return [Placed(finding, _where(finding, files, lines, data)) for finding in ranked]


def _where(finding: Finding, files: Mapping[str, Path], lines: Mapping[str, list[str]], data: Path) -> str:
    if not finding.file:
        return str(data)
    for number, line in enumerate(lines[finding.file], start=1):
        inside = finding.anchor.startswith(INSIDE) and finding.anchor in line
        if inside or line.lstrip(" -").startswith(finding.anchor):
            return f"{files[finding.file]}:{number}"
    return str(files[finding.file])


def report(model: str, data: Path, placed: Iterable[Placed], files: Mapping[str, Path]) -> str:
    """The findings as a page to read and to tick off."""
    placed = list(placed)
    lines = [
        f"# What was drafted for {model}, and what a person must decide",
        "",
        f"Drafted from {data.name} by `scoregate init`. Files:",
        "",
        *(f"- {name}: `{path}`" for name, path in files.items()),
        "",
    ]
    for severity, title in TITLES.items():
        chosen = [entry for entry in placed if entry.finding.severity == severity]
        lines += [f"## {title} ({len(chosen)})", ""]
        lines += [line for entry in chosen for line in _item(entry)] if chosen else ["Nothing."]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _item(entry: Placed) -> list[str]:
    f = entry.finding
    return [f"- [ ] **{f.what}**", f"  - seen: {f.evidence}", f"  - do: {f.cure}", f"  - where: `{entry.where}`"]

"""The examples an integration ships, run as its users would send them: every folder below ``examples`` is one case.

A case holds ``request.<ext>`` and ``answer.<ext>`` as they cross the wire and ``case.yaml``: what it shows, the headers
that came with it, the as-of time, and, where bytes cannot be the measure, ``compare: canonical`` with the paths to
``ignore`` and why. A refused application is a case like any other: its answer is the native refusal.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.parsers.expat import ExpatError

from contracts.errors import ConfigurationError, Fault, ScoregateError
from contracts.section import Section
from contracts.source import Source
from gateway.canonical import canonical, shown
from gateway.spi import Asked
from gateway.trace import answer_once

if TYPE_CHECKING:
    from gateway.installation import Installation
    from gateway.service import ServingDesk

KEYS = ("shows", "header", "as_of", "compare", "ignore", "because")


class Outcome(NamedTuple):
    """What a run printed, and whether every case passed."""

    lines: list[str]
    passed: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One example. ``ignore`` holds dotted paths that a canonical comparison leaves out."""

    folder: Path
    shows: str
    header: Mapping[str, str]
    as_of: datetime
    canonical: bool
    ignore: tuple[str, ...]

    @property
    def request(self) -> bytes:
        return _only(self.folder, "request").read_bytes()

    @property
    def answer(self) -> bytes:
        return _only(self.folder, "answer").read_bytes()


def cases(folder: Path) -> list[Case]:
    """The cases of one integration folder; raises ConfigurationError when there is none or one is incomplete."""
    return [read_case(path) for path in case_folders(folder)]


def case_folders(folder: Path) -> list[Path]:
    """The folder of each case of one integration folder; raises ConfigurationError when there is none."""
    found = sorted(path for path in (folder / "examples").glob("*") if path.is_dir())
    if not found:
        raise ConfigurationError([Fault(str(folder), 0, 0, "has no examples; add examples/<what it shows>/")])
    return found


def read_case(folder: Path, *, answered: bool = True) -> Case:
    """Read one case folder; raises ConfigurationError with every fault. Its answer is missed only where it is to be
    ``answered``."""
    source = Source.read(folder / "case.yaml")
    faults: list[Fault] = []
    section = Section(source, faults, (), source.data, KEYS)
    canonical = section.choice("compare", ("bytes", "canonical"), "bytes") == "canonical"
    header = {str(name).lower(): str(value) for name, value in section.section("header", None).data.items()}
    case = Case(
        folder=folder,
        shows=section.take("shows", str),
        header=header,
        as_of=_time(section),
        canonical=canonical,
        ignore=section.texts("ignore", []),
    )
    if case.ignore and not section.take("because", str, ""):
        section.fault(("ignore",), "something is left out of the comparison: say why under 'because'")
    faults += [fault for stem in ("request", "answer")[: 1 + answered] for fault in _missed(folder, stem)]
    if faults:
        raise ConfigurationError(faults)
    return case


def run(installation: Installation, folder: Path | None, *, renewing: bool = False) -> Outcome:
    """Run the cases of one integration folder, or of all integrations of the home; ``renewing`` writes their answers
    anew first."""
    desks = [desk for desk in installation.desks.values() if folder is None or _same(desk, folder)]
    if folder is not None and not desks:
        raise ConfigurationError([Fault(str(folder), 0, 0, "is not an integration of this home that loads; see lint")])
    renewed = [line for desk in desks for line in _renewed(desk)] if renewing else []
    results = [result for desk in desks for result in _run_desk(desk)]
    broken = [f"FAULT {line}" for line in installation.broken()] if folder is None else []
    failed = [line for line, passed in results if not passed] + broken
    lines = [*renewed, *(line for line, _ in results), *broken]
    lines.append(f"{len(results)} example(s), {len(failed)} failed")
    return Outcome(lines, not failed)


def _renewed(desk: ServingDesk) -> Iterator[str]:
    """What changed of each answer, line by line."""
    for folder in sorted(path for path in (desk.integration.folder / "examples").glob("*") if path.is_dir()):
        try:
            if difference := renew(desk, folder):
                yield f"renewed {desk.name}/{folder.name}\n{difference}"
        except ScoregateError as error:
            yield f"not renewed {desk.name}/{folder.name}\n{error.message}"


def _run_desk(desk: ServingDesk) -> Iterator[tuple[str, bool]]:
    try:
        found = case_folders(desk.integration.folder)
    except ConfigurationError as error:
        yield f"FAULT {error.message}", False
        return
    for folder in found:
        name = f"{desk.name}/{folder.name}"
        try:
            case = read_case(folder)
            difference = check(desk, case)
        except ScoregateError as error:
            difference = error.message
        yield (f"FAIL {name}\n{difference}", False) if difference else (f"ok   {name}: {case.shows}", True)


def check(desk: ServingDesk, case: Case) -> str:
    """Empty when the answer is as the case says, else the difference, line by line. Raises ScoregateError where the
    gateway gives no answer at all."""
    payload, _ = answer_once(desk, Asked(case.request, case.header, "example"), case.as_of, record=False)
    expected, seen = case.answer.rstrip(b"\r\n"), payload.rstrip(b"\r\n")
    if case.canonical:
        try:
            expected = canonical(expected, case.ignore)
        except (ValueError, ExpatError):
            return "  the case's answer is neither JSON nor XML, which compare: canonical needs; --renew writes it anew"
        seen = canonical(seen, case.ignore)
    return "" if expected == seen else _difference(expected, seen)


def renew(desk: ServingDesk, folder: Path) -> str:
    """Write the answer as the gateway gives it now, ignored paths left out; how it differs from what was there, line by
    line, empty where it does not. The case need not have an answer yet."""
    case = read_case(folder, answered=False)
    payload, refused = answer_once(desk, Asked(case.request, case.header, "example"), case.as_of, record=False)
    kept = sorted(folder.glob("answer.*"))
    difference = check(desk, case) if kept else "  there was no answer"
    if not difference:
        return ""
    target = kept[0] if kept else folder / f"answer{_only(folder, 'request').suffix}"
    target.write_bytes(shown(payload, case.ignore) if case.canonical else payload)
    note = "\nnote: the answer is a refusal; where it should be a decision, correct the request"
    return difference + note * refused


def _difference(expected: bytes, seen: bytes) -> str:
    before, after = (text.decode("utf-8", errors="replace").splitlines() for text in (expected, seen))
    return "\n".join(difflib.unified_diff(before, after, "expected", "seen", lineterm="", n=1))


def _only(folder: Path, stem: str) -> Path:
    if faults := _missed(folder, stem):
        raise ConfigurationError(faults)
    return next(folder.glob(f"{stem}.*"))


def _missed(folder: Path, stem: str) -> list[Fault]:
    """A fault where the folder does not hold exactly one such file."""
    count = len(list(folder.glob(f"{stem}.*")))
    return [] if count == 1 else [Fault(str(folder), 0, 0, f"holds {count} files named {stem}.*, expected one")]


def _time(section: Section) -> datetime:
    text = section.take("as_of", str)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        section.fault(("as_of",), "is not a time", "write it as 2026-01-15T09:00:00Z")
        return datetime(2000, 1, 1, tzinfo=UTC)


def _same(desk: ServingDesk, folder: Path) -> bool:
    return desk.integration.folder.resolve() == folder.resolve()

"""`scoregate contract import`: a contract drafted from what somebody else describes the data with, and what is open."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from contracts.errors import ConfigurationError, Fault
from contracts.lint import faults
from contracts.odcs import KINDS, Kind, read_odcs
from contracts.source import nearest
from contracts.store import SUFFIX, ContractStore
from gateway.drafting.command import ranked
from models.drafting.contract_file import VERSION
from models.drafting.findings import place
from models.drafting.foreign.drafted import draft_contract
from models.drafting.words import NO_NAMES, slug

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Asked(NamedTuple):
    """What the command line says. Without ``name`` the file's own counts, without ``out`` the home's place for it."""

    file: Path
    source: str
    name: str | None
    kind: str
    out: Path | None


def import_contract(home: Path, asked: Asked, console: Console) -> None:
    """Draft, write, print what a person must decide, and lint.

    Raises ConfigurationError where nothing can be drafted, and where the draft has faults all the same.
    """
    name = asked.name if asked.name is not None else slug(asked.file.name.partition(".")[0], [])
    _check(name, asked)
    target = asked.out or home / "contracts" / name / f"{VERSION}{SUFFIX}"
    ref = f"{name}@{VERSION}"
    if target.exists() or (asked.out is None and ref in ContractStore(home).refs()):
        message = f"{ref} is there already" if asked.out is None else "is there already"
        raise _refused(message, "draft under another --name, or into another file (--out)", str(target))
    draft = draft_contract(asked.file, asked.source, name, _kind(asked.kind))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(draft.text, encoding="utf-8")
    placed = place(draft.findings, {"contract": target}, asked.file, Path())
    _show(console, [f"contract     {target}", *ranked(placed, "must", "should", "note"), ""])
    _lint(target)
    _show(console, [f"It lints as it is. Next: scoregate contract show {ref if asked.out is None else target}"])


def _show(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(line, markup=False)


def _lint(target: Path) -> None:
    """Raise ConfigurationError where a draft has faults all the same; the file stays, for a person to mend."""
    found = [fault for fault in faults(read_odcs(target)) if fault.severity == "error"]
    if found:
        raise ConfigurationError(found)


def _check(name: str, asked: Asked) -> None:
    if not _NAME.fullmatch(name) or name in NO_NAMES:
        raise _refused(f"--name {name[:80]!r} is no name to use here", "small letters, digits and '_', at most 64")
    if asked.kind not in KINDS:
        hint = nearest(asked.kind, KINDS) or f"there are: {', '.join(KINDS)}"
        raise _refused(f"there is no kind {asked.kind!r}", hint)


def _kind(word: str) -> Kind:
    return next(kind for kind in KINDS if kind == word)


def _refused(message: str, hint: str, file: str = "") -> ConfigurationError:
    return ConfigurationError([Fault(file, 0, 0, message, hint)])

"""Contracts and comparisons of them, as a person reads them in a terminal and a machine as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from contracts.compare import Change, Comparison, compare
from contracts.errors import ConfigurationError, Fault
from contracts.lint import faults as contract_faults
from contracts.odcs import Contract, Reading, read_odcs
from contracts.rows import expectation
from contracts.source import nearest
from contracts.store import SUFFIX, ContractStore
from contracts.types import Field
from contracts.upcast import Upcast
from contracts.upcast_reading import read_upcast
from gateway import show

PASSES: Final = {
    "structural": "fields, types, ranges, codes, rules",
    "physical": "where the bytes lie, as far as declared",
    "semantic": "what values mean",
}
_STEP_STYLE: Final = {"major": "bold red", "minor": "green", "patch": "dim", "none": "dim"}


def found(store: ContractStore, ref: str) -> Contract:
    """The contract of a reference or of a file; raises ConfigurationError with every fault."""
    return _read(ref).contract if _is_file(ref) else store.get(ref)


def _is_file(ref: str) -> bool:
    return ref.endswith((SUFFIX, ".yaml", ".yml")) or "/" in ref


def _read(file: str) -> Reading:
    reading = read_odcs(Path(file))
    wrong = [fault for fault in contract_faults(reading) if fault.severity == "error"]
    if wrong:
        raise ConfigurationError(wrong)
    return reading


# ---- lint ------------------------------------------------------------------------------------------------------------


def all_faults(store: ContractStore, names: Sequence[str] | None, today: date) -> list[Fault]:
    """Every fault of the named contracts, or of all: of each file, of the versions together, of their dates."""
    refs = [ref for name in names or store.refs() for ref in _refs(store, name)]
    faults = [fault for ref in refs for fault in store.faults(ref)]
    for name in dict.fromkeys(ref.partition("@")[0] for ref in refs):
        faults += store.history(name)
    broken = any(fault.severity == "error" for fault in faults)
    return list(dict.fromkeys([*faults, *([] if broken else _dates(store, refs, today))]))


def _refs(store: ContractStore, name: str) -> Sequence[str]:
    known = store.versions(name) if "@" not in name else [name]
    unknown = not known or known[0] not in store.refs()
    if unknown:
        hint = nearest(name, store.refs()) or f"there are: {', '.join(store.refs())}"
        raise ConfigurationError([Fault("", 0, 0, f"there is no contract {name!r}", hint)])
    return known


def _dates(store: ContractStore, refs: Sequence[str], today: date) -> list[Fault]:
    """Dates that have come are notes here: only an integration that speaks the version has to act."""
    lives = [store.lifecycle(ref) for ref in refs]
    warned = [(life, warning) for life in lives if (warning := life.warning(today))]
    return [Fault(str(store.path(life.ref)), 0, 0, told[1], life.cure, "note") for life, told in warned]


# ---- diff ------------------------------------------------------------------------------------------------------------


def compared(store: ContractStore, old: str, new: str) -> Comparison:
    """Two versions of one contract compared, each a reference or a file; raises ConfigurationError."""
    before, after = found(store, old), found(store, new)
    if before.name != after.name:
        message = f"{before.name} and {after.name} are two contracts, not two versions of one"
        raise ConfigurationError([Fault("", 0, 0, message, "compare versions that share an id")])
    step, sound = _step(store, old, new, before, after)
    return replace(compare(before, after, step), upcast=sound)


def _step(store: ContractStore, old: str, new: str, before: Contract, after: Contract) -> tuple[Upcast | None, bool]:
    """What the newer one says of how the older becomes it, None where it says nothing, and whether that is sound."""
    if _is_file(new):
        reading = _read(new)
        step, wrong = read_upcast(reading, before) if reading.contract.made_from == before.ref else (None, [])
        return step, step is not None and not wrong
    try:
        step = None if _is_file(old) else store.upcast(before.ref, after.ref)
    except ConfigurationError:
        step = None
    return step, step is not None


def comparison_tree(comparison: Comparison) -> dict[str, Any]:
    """A comparison as plain data."""
    return {
        "old": comparison.old.ref,
        "new": comparison.new.ref,
        "kind": comparison.new.kind,
        "changes": [
            {"pass": c.part, "path": c.path, "change": c.message, "breaks": c.breaks, "step": c.step}
            for c in comparison.changes
        ],
        "breaks": sorted({c.breaks for c in comparison.changes} - {"neither"}),
        "needed_step": comparison.needed,
        "smallest_version": comparison.smallest,
        "version_step": comparison.taken,
        "hidden_break": comparison.hidden,
        "upcast": comparison.upcast,
    }


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Print every change, pass by pass, then what it means for the version number."""
    for name, about in PASSES.items():
        changes = [change for change in comparison.changes if change.part == name]
        if changes:
            show.heading(console, name, about)
            console.print(show.table(("field", "change", "breaks", "step"), [_row(change) for change in changes]))
    console.print(_verdict(comparison))


def _row(change: Change) -> tuple[Any, ...]:
    style = _STEP_STYLE[change.step]
    breaks = Text(change.breaks, style if change.breaks != "neither" else "dim")
    return change.path or "(the whole)", change.message, breaks, Text(change.step, style)


def _verdict(comparison: Comparison) -> Text:
    old, new = comparison.old, comparison.new
    pair = f"{old.ref} → {new.version}: "
    if not comparison.changes:
        return Text(f"{pair}nothing changed", "bold")
    count = len(comparison.changes)
    broken = sum(change.breaks != "neither" for change in comparison.changes)
    told = f"{pair}{count} change{'s' * (count != 1)}, {broken} breaking; the smallest legal version is "
    if comparison.backwards:
        return Text(f"{pair}{new.version} is the earlier one; name the later one last", "bold red")
    if comparison.hidden:
        return Text.assemble(told, (comparison.smallest, "bold red"), f", so {new.version} hides what changed")
    line = Text.assemble(told, (comparison.smallest, "bold green"))
    if broken and new.incoming:
        way = "an upcaster brings old records up" if comparison.upcast else "no upcaster brings old records up"
        line.append(f"; {way}", "green" if comparison.upcast else "yellow")
    return line


# ---- show ------------------------------------------------------------------------------------------------------------


def described(contract: Contract) -> dict[str, Any]:
    """A contract as plain data: what ``show`` prints."""
    return {
        "contract": contract.ref,
        "kind": contract.kind,
        "status": contract.status,
        "description": contract.description,
        "digest": contract.digest,
        "made_from": contract.made_from,
        "fields": [_field(contract, path, field) for path, field in contract.paths.items()],
        "rules": [{"id": r.id, "severity": r.severity, "says": r.message} for r in contract.rules],
    }


def _field(contract: Contract, path: str, field: Field) -> dict[str, Any]:
    return {
        "field": path,
        "type": field.type,
        "holds": expectation(field),
        "marks": _marks(field),
        "blank": "refuse" if field.required else field.blank,
        "rejected": field.rejected,
        "codes": dict(contract.labels.get(path, {})),
        "description": field.description,
    }


def _marks(field: Field) -> list[str]:
    """What is special about a field, in words."""
    words = ("essential", "required", "protected", "personal")
    marks = [word for word in words if getattr(field, word)]
    return marks + {0: [], 1: ["rising"], -1: ["falling"]}[field.monotone]


def show_contract(console: Console, contract: Contract, store: ContractStore, today: date) -> None:
    """Print fields, codes, rules and versions as tables."""
    title = f"{contract.ref}, {contract.kind}, {contract.status}, sha256 {contract.digest[:16]}…"
    show.heading(console, "contract", title)
    console.print(Text(f"  {contract.description}"), soft_wrap=True)
    tree = described(contract)
    incoming = contract.incoming
    columns = ("field", "holds", *(("blank", "rejected") if incoming else ()), "marks")
    rows = [
        (f["field"], _holds(f), *((f["blank"], f["rejected"]) if incoming else ()), ", ".join(f["marks"]))
        for f in tree["fields"]
    ]
    console.print(show.table(columns, rows))
    coded = [(f["field"], code, label) for f in tree["fields"] for code, label in f["codes"].items()]
    if coded:
        show.heading(console, "codes")
        named = ["", *(name for name, _, _ in coded)]
        once = [("" if name == before else name, *rest) for before, (name, *rest) in zip(named, coded, strict=False)]
        console.print(show.table(("field", "code", "means"), once))
    if contract.rules:
        show.heading(console, "rules", "an error refuses the record, a warning is only told")
        console.print(show.table(("rule", "severity", "says"), [tuple(r.values()) for r in tree["rules"]]))
    _show_versions(console, contract, store, today)


def _holds(field: dict[str, Any]) -> str:
    return f"a code, {len(field['codes'])} of them" if field["type"] == "code" else str(field["holds"])


def _show_versions(console: Console, contract: Contract, store: ContractStore, today: date) -> None:
    versions = store.versions(contract.name)
    if not versions:
        return
    show.heading(console, "versions")
    rows = []
    for ref in versions:
        life, one = store.lifecycle(ref), store.get(ref)
        left = life.days_left(today)
        ends = f"{life.sunset} ({left} days)" if left is not None else ""
        made = one.made_from.partition("@")[2]
        rows.append((one.version, life.state(today), life.deprecated or "", ends, f"from {made}" if made else ""))
    console.print(show.table(("version", "status", "deprecated", "sunset", "upcast"), rows))

"""Where contracts are found: those of a home first, then those published with the product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Final

from contracts.compare import compare
from contracts.errors import ConfigurationError, Fault
from contracts.lifecycle import FILE as LIFECYCLE
from contracts.lifecycle import Lifecycle, read_lifecycles
from contracts.lint import faults
from contracts.odcs import Contract, Kind, Reading, read_odcs
from contracts.source import nearest
from contracts.types import ABOUT
from contracts.upcast import Upcast, compose
from contracts.upcast_reading import read_upcast

CATALOG: Final = Path(__file__).parent / "catalog"
SUFFIX: Final = ".odcs.yaml"


class ContractStore:
    """Contracts by reference: ``loan_application@1.0.0`` is ``<home>/contracts/loan_application/1.0.0.odcs.yaml``.

    Nothing is read before it is asked for. ``home`` is None where only the published contracts count. A published
    reference may not be redefined: a file of the home in its place must be the same to the byte. ``catalogue`` stands
    in for the published contracts where others count than today's.
    """

    def __init__(self, home: Path | None = None, catalogue: Path = CATALOG) -> None:
        self._folder = home / "contracts" if home else None
        self._published = _files(catalogue)
        self._own = _files(self._folder) if self._folder else {}
        self._loaded: dict[str, Contract] = {}
        self._steps: dict[str, Upcast] = {}

    def refs(self) -> tuple[str, ...]:
        """Every contract there is, by reference, the versions of one in their order."""
        return tuple(sorted({*self._published, *self._own}, key=version_key))

    def versions(self, name: str) -> tuple[str, ...]:
        """References of all versions of one contract, the oldest first."""
        return tuple(ref for ref in self.refs() if ref.partition("@")[0] == name)

    def get(self, ref: str, kind: Kind | None = None) -> Contract:
        """The contract; raises ConfigurationError with every fault of its file, or when there is no such contract.

        With a ``kind`` it must be of that kind, and one of requests must say what a decision would be about.
        """
        if ref not in self._loaded:
            self._loaded[ref] = self._load(ref)
        if kind and (unfit := self._unfit(self._loaded[ref], kind)):
            raise ConfigurationError([unfit])
        return self._loaded[ref]

    def _unfit(self, contract: Contract, kind: Kind) -> Fault | None:
        if contract.kind != kind:
            right = [ref for ref in self.refs() if self._kind(ref) == kind]
            hint = nearest(contract.ref, right) or f"of that kind there are: {', '.join(right) or 'none'}"
            message = f"{contract.ref} is a contract of the kind {contract.kind}, here the kind {kind} is needed"
            return Fault("", 0, 0, message, hint)
        required = {field.name for field in contract.fields if field.required and field.type in ("string", "code")}
        lacking = [name for name in ABOUT if name not in required] if kind == "request" else []
        if not lacking:
            return None
        message = f"{contract.ref} has no required text {lacking[0]!r}, so no decision could say what it is about"
        return Fault("", 0, 0, message, f"every application needs {' and '.join(ABOUT)}")

    def _kind(self, ref: str) -> Kind | None:
        """None for a contract with faults, which is told where somebody asks for it."""
        try:
            return self.get(ref).kind
        except ConfigurationError:
            return None

    def lifecycle(self, ref: str) -> Lifecycle:
        """How long a version lives; raises ConfigurationError for an unknown one, or a faulty ``lifecycle.yaml``."""
        contract = self.get(ref)
        versions = self.versions(contract.name)
        numbers = {other.partition("@")[2]: other for other in versions}
        dates: dict[str, tuple[date | None, date | None]] = {}
        for root in (CATALOG, self._folder):
            dates |= read_lifecycles(root / contract.name, numbers) if root else {}
        successor = versions[-1] if versions[-1] != ref else ""
        return Lifecycle(ref, contract.status, *dates.get(contract.version, (None, None)), successor=successor)

    def upcast(self, before: str, after: str) -> Upcast | None:
        """The way from records of one version to records of a later one, as one step; None where they are the same.

        Raises ConfigurationError where there is no unbroken chain of upcasters between the two.
        """
        found: Upcast | None = None
        for ref in self.chain(before, after)[1:]:
            self.get(ref)
            found = compose(found, self._steps[ref]) if found else self._steps[ref]
        return found

    def chain(self, before: str, after: str) -> tuple[str, ...]:
        """Every version on the way, both ends included; raises ConfigurationError where the way is broken."""
        way = [self.get(after)]
        while way[-1].ref != before:
            if not way[-1].made_from:
                self.get(before)
                raise ConfigurationError([self._gap(before, after, way[-1])])
            way.append(self.get(way[-1].made_from))
        return tuple(contract.ref for contract in reversed(way))

    def _gap(self, before: str, after: str, end: Contract) -> Fault:
        name = before.partition("@")[0]
        message = f"no chain of upcasters leads from {before} to {after}"
        if name != end.name:
            return Fault("", 0, 0, message, f"{end.name} is another contract")
        if version_key(before) > version_key(after):
            return Fault("", 0, 0, message, f"{before} is the later one")
        later = next((ref for ref in self.versions(name) if version_key(ref) > version_key(before)), after)
        hint = f"{later} says nothing of how a record of {before} becomes one of it: give it an upcast from there"
        return Fault("", 0, 0, message, hint)

    def lint(self) -> list[Fault]:
        """Every fault of every contract of the home, warnings too, and of files that stand where none is read."""
        found = _strays(self._folder, set(self._own.values())) if self._folder else []
        for ref in sorted(self._own, key=version_key):
            found += self.faults(ref)
        for name in sorted({ref.partition("@")[0] for ref in self._own}):
            found += self.history(name)
        return found

    def faults(self, ref: str) -> list[Fault]:
        """Every fault of one contract's file, warnings too; the reference is one of ``refs``."""
        try:
            reading = read_odcs(self._own.get(ref) or self._published[ref])
        except ConfigurationError as exc:
            return list(exc.faults)
        return [*self._faults(ref, reading), *self._step(reading)]

    def history(self, name: str) -> list[Fault]:
        """What is wrong with the versions of one contract together: hidden breaks, broken chains, impossible dates."""
        versions = self.versions(name)
        try:
            contracts = [self.get(ref) for ref in versions]
            self.lifecycle(versions[-1])
        except ConfigurationError as exc:
            # A fault of a contract's own file is told with that file.
            return [fault for fault in exc.faults if fault.file.endswith(LIFECYCLE)]
        found = [self._hidden(old, new) for old, new in pairwise(contracts)]
        newest = contracts[-1]
        stranded = contracts[:-1] if newest.incoming else []
        return [fault for fault in [*found, *(self._stranded(one, newest) for one in stranded)] if fault]

    def _hidden(self, old: Contract, new: Contract) -> Fault | None:
        step = self.upcast(old.ref, new.ref) if new.made_from == old.ref else None
        comparison = compare(old, new, step)
        if not comparison.hidden:
            return None
        message = f"the changes since {old.version} take a {comparison.needed} step, to {comparison.smallest}"
        hint = f"scoregate contract diff {old.ref} {new.ref}"
        return Fault(str(self.path(new.ref)), 0, 0, message, hint)

    def _stranded(self, contract: Contract, newest: Contract) -> Fault | None:
        try:
            self.chain(contract.ref, newest.ref)
        except ConfigurationError as exc:
            return exc.faults[0]._replace(file=str(self.path(contract.ref)))
        return None

    def path(self, ref: str) -> Path:
        """Where a contract's file stands; the reference is one of ``refs``."""
        return self._own.get(ref) or self._published[ref]

    def _load(self, ref: str) -> Contract:
        path = self._own.get(ref) or self._published.get(ref)
        if path is None:
            hint = nearest(ref, self.refs()) or f"there are: {', '.join(self.refs())}"
            raise ConfigurationError([Fault("", 0, 0, f"there is no contract {ref!r}", hint)])
        reading = read_odcs(path)
        found = self._faults(ref, reading)
        found += self._step(reading)
        if any(fault.severity == "error" for fault in found):
            raise ConfigurationError(found)
        return reading.contract

    def _step(self, reading: Reading) -> Sequence[Fault]:
        """Reads the upcaster of a contract, which needs the version before."""
        contract, before = reading.contract, reading.contract.made_from
        if "upcast" not in reading.places:
            return []
        place = (*reading.places["upcast"], "from")
        if message := self._no_origin(contract):
            there = [ref.partition("@")[2] for ref in self.versions(contract.name)]
            hint = nearest(before.partition("@")[2], there) or f"there are: {', '.join(there)}"
            return [reading.source.fault(place, message, hint)]
        try:
            step, found = read_upcast(reading, self.get(before))
        except ConfigurationError:
            message = f"{before}, which this version is made from, has faults of its own"
            return [reading.source.fault(place, message, "mend that one first")]
        if step and not found:
            self._steps[contract.ref] = step
        return found

    def _no_origin(self, contract: Contract) -> str:
        """Why an upcaster cannot begin where it says, in words."""
        before = contract.made_from
        if not contract.incoming:
            return "an answer is not upcast: an integration is answered in the version it names"
        if not before:
            return "an upcast says which version it starts from"
        if version_key(before) >= version_key(contract.ref):
            return f"{before} is not earlier than {contract.ref}, so the chain would never end"
        return "" if before in self.refs() else f"there is no contract {before!r} to start from"

    def _faults(self, ref: str, reading: Reading) -> list[Fault]:
        found = []
        if reading.contract.ref != ref:
            message = f"describes {reading.contract.ref}, but stands where {ref} belongs"
            found.append(reading.source.fault(("version",), message))
        published = self._published.get(ref)
        if published and published.read_bytes() != reading.contract.content:
            message = f"{ref} is published and may not be redefined"
            found.append(reading.source.fault((), message, "give it a version or a name of its own"))
        return found + faults(reading)


def version_key(ref: str) -> tuple[str, tuple[int, ...]]:
    """Puts references in order: by name, then by version, whose three numbers count as numbers."""
    name, _, version = ref.partition("@")
    return name, tuple(int(part) if part.isascii() and part.isdigit() else -1 for part in version.split("."))


def _files(folder: Path) -> Mapping[str, Path]:
    found = sorted(folder.glob(f"*/*{SUFFIX}"))
    return {f"{path.parent.name}@{path.name.removesuffix(SUFFIX)}": path for path in found}


def _strays(folder: Path, read: set[Path]) -> list[Fault]:
    return [
        Fault(str(path), 0, 0, "is not read", f"contracts stand at contracts/<name>/<version>{SUFFIX}")
        for path in sorted(folder.rglob("*.y*ml"))
        if path not in read and not (path.name == LIFECYCLE and path.parent.parent == folder)
    ]

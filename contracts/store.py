"""Where contracts are found: those of a home first, then those published with the product."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from contracts.errors import ConfigurationError, Fault
from contracts.lint import faults
from contracts.odcs import Contract, Reading, read_odcs
from contracts.source import nearest

CATALOG: Final = Path(__file__).parent / "catalog"
SUFFIX: Final = ".odcs.yaml"


class ContractStore:
    """Contracts by reference: ``loan_application@1.0.0`` is ``<home>/contracts/loan_application/1.0.0.odcs.yaml``.

    Nothing is read before it is asked for. ``home`` is None where only the published contracts count. A published
    reference may not be redefined: a file of the home in its place must be the same to the byte.
    """

    def __init__(self, home: Path | None = None) -> None:
        self._folder = home / "contracts" if home else None
        self._published = _files(CATALOG)
        self._own = _files(self._folder) if self._folder else {}
        self._loaded: dict[str, Contract] = {}

    def refs(self) -> tuple[str, ...]:
        """Every contract there is, by reference."""
        return tuple(sorted({*self._published, *self._own}))

    def get(self, ref: str) -> Contract:
        """The contract; raises ConfigurationError with every fault of its file, or when there is no such contract."""
        if ref not in self._loaded:
            self._loaded[ref] = self._load(ref)
        return self._loaded[ref]

    def lint(self) -> list[Fault]:
        """Every fault of every contract of the home, warnings too, and of files that stand where none is read."""
        found = _strays(self._folder, set(self._own.values())) if self._folder else []
        for ref in sorted(self._own):
            try:
                found += self._faults(ref, read_odcs(self._own[ref]))
            except ConfigurationError as exc:
                found += exc.faults
        return found

    def _load(self, ref: str) -> Contract:
        path = self._own.get(ref) or self._published.get(ref)
        if path is None:
            hint = nearest(ref, self.refs()) or f"there are: {', '.join(self.refs())}"
            raise ConfigurationError([Fault("", 0, 0, f"there is no contract {ref!r}", hint)])
        reading = read_odcs(path)
        found = self._faults(ref, reading)
        if any(fault.severity == "error" for fault in found):
            raise ConfigurationError(found)
        return reading.contract

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


def _files(folder: Path) -> Mapping[str, Path]:
    found = sorted(folder.glob(f"*/*{SUFFIX}"))
    return {f"{path.parent.name}@{path.name.removesuffix(SUFFIX)}": path for path in found}


def _strays(folder: Path, read: set[Path]) -> list[Fault]:
    return [
        Fault(str(path), 0, 0, "is not read", f"contracts stand at contracts/<name>/<version>{SUFFIX}")
        for path in sorted(folder.rglob("*.y*ml"))
        if path not in read
    ]

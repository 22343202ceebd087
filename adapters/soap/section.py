"""Reads the adapter's own section of integration.yaml: which WSDL, which operations, how a refusal is told.

::

    wire:
      wsdl: CreditDecision.wsdl
      operations: [ScoreApplication]                     # asks for a decision; several where they do so alike
      port: CreditDecisionSoap                           # only where the ports of the WSDL differ
      fetch: {operation: FetchDecision, key: Reference}  # optional: asks for a decision made before
      headers: [TransactionId]                           # header blocks a mapping reads and the WSDL does not describe
      fault: {name: ApplicationFault, map: {Code: code, Message: {from: message, fit: chars(80)}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from contracts.errors import ConfigurationError, Fault
from contracts.mapping.answer import AnswerMap
from contracts.mapping.answer_reading import AnswerReader
from contracts.mapping.paths import Path as TreePath
from contracts.odcs import Contract, read_odcs
from contracts.section import Section
from contracts.source import Source

REFUSAL: Final = Path(__file__).parent / "refusal.odcs.yaml"
_FILE: Final = "integration.yaml"
_KEYS: Final = ("wsdl", "operations", "port", "fetch", "headers", "fault")


class Fetch(NamedTuple):
    """The operation that asks for a decision made before, and where its key lies in the message."""

    operation: str
    key: TreePath


class Wire(NamedTuple):
    """The section as read; ``fault`` names the fault a refusal is told by, ``fault_map`` how, both or neither.

    ``others`` are operations that ask in the same words as ``operation``; ``headers`` are local names.
    """

    section: Section
    wsdl: str
    operation: str
    others: tuple[str, ...]
    port: str
    fetch: Fetch | None
    fault: str
    fault_map: AnswerMap | None
    headers: tuple[str, ...]

    def faulty(self, below: tuple[str | int, ...], message: str, hint: str = "") -> None:
        self.section.fault(below, message, hint)

    def finish(self) -> None:
        """Raise ConfigurationError with every fault noted so far, if there is any."""
        if self.section.faults:
            raise ConfigurationError(self.section.faults)


def read_wire(given: Mapping[str, Any], folder: Path) -> Wire:
    """Read the section; faults are noted, and raised by ``Wire.finish``."""
    faults: list[Fault] = []
    source = Source.around(folder / _FILE, "wire", given)
    section = Section(source, faults, ("wire",), source.data["wire"], _KEYS)
    wsdl = section.file("wsdl", folder)
    operations = section.texts("operations")
    if not operations and "operations" in section.data:
        section.fault(("operations",), "expected an operation that is scored")
    fault, fault_map = _refusal(section)
    port = section.take("port", str, "")
    first, *others = operations or [""]
    headers = section.texts("headers", [])
    return Wire(section, wsdl, first, tuple(others), port, _fetch(section), fault, fault_map, headers)


def _fetch(section: Section) -> Fetch | None:
    if "fetch" not in section.data:
        return None
    fetch = section.section("fetch", ("operation", "key"))
    operation, key = fetch.take("operation", str), fetch.take("key", str)
    try:
        return Fetch(operation, TreePath.parse(key or "-"))
    except ValueError as exc:
        fetch.fault(("key",), f"{key!r} is not a path: {exc}")
        return None


def _refusal(section: Section) -> tuple[str, AnswerMap | None]:
    if "fault" not in section.data:
        return "", None
    fault = section.section("fault", ("name", "map"))
    name, contract = fault.take("name", str), refusal_contract()
    tree, faults = AnswerReader(section.source, ("wire", "fault", "map"), contract).read(fault.data.get("map"))
    section.faults.extend(faults)
    return name, AnswerMap(tree, contract) if tree else None


def refusal_contract() -> Contract:
    """What a refusal says, as the contract a declared fault is mapped from."""
    reading = read_odcs(REFUSAL, known=True)
    if reading.contract is None:
        raise ConfigurationError(reading.faults)
    return reading.contract

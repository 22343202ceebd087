"""Contracts for those who do not speak ODCS: each module here prints one other language, from the same fields.

What a format cannot say, such as a rule across fields, stands in the export as a comment: the gateway checks it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from contracts.errors import ConfigurationError, Fault
from contracts.odcs import Contract
from contracts.source import nearest

TARGETS: Final = {
    "jsonschema": "contracts.export.json_schema",
    "openapi": "contracts.export.openapi",
    "xsd": "contracts.export.xsd",
}
"""Name of a target and the module whose ``export(contract)`` prints it."""


def export(contract: Contract, target: str) -> str:
    """The contract in another language; raises ConfigurationError for a target there is not."""
    if target not in TARGETS:
        hint = nearest(target, TARGETS) or f"there are: {', '.join(TARGETS)}"
        raise ConfigurationError([Fault("", 0, 0, f"there is no export to {target!r}", hint)])
    printed: str = import_module(TARGETS[target]).export(contract)
    return printed

"""Contracts for those who do not speak ODCS: each module here prints one other language, from the same fields.

What a format cannot say, such as a rule across fields, stands in the export as a comment: the gateway checks it.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Final

from contracts.errors import ConfigurationError, Fault
from contracts.export.sql_dialects import DIALECTS
from contracts.odcs import Contract
from contracts.source import nearest

TARGETS: Final = {
    "ddl": "contracts.export.ddl",
    "jsonschema": "contracts.export.json_schema",
    "openapi": "contracts.export.openapi",
    "pydantic": "contracts.export.pydantic_module",
    "xsd": "contracts.export.xsd",
}
"""Name of a target and the module whose ``export(contract)`` prints it; that of ``ddl`` takes a dialect, too."""


def export(contract: Contract, target: str, dialect: str | None = None) -> str:
    """The contract in another language; raises ConfigurationError for a target or a dialect there is not."""
    _known(target, TARGETS, "export to")
    if dialect is not None:
        _known(target, ("ddl",), "dialect of")
        _known(dialect, DIALECTS, "dialect")
    chosen = {"dialect": dialect} if dialect else {}
    printed: str = import_module(TARGETS[target]).export(contract, **chosen)
    return printed


def _known(word: str, words: Collection[str], what: str) -> None:
    if word not in words:
        hint = nearest(word, words) or f"there are: {', '.join(words)}"
        raise ConfigurationError([Fault("", 0, 0, f"there is no {what} {word!r}", hint)])

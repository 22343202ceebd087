"""A contract as component schemas of an OpenAPI 3.1 document, which speaks JSON Schema 2020-12.

The document has no paths: it describes what is exchanged, not where. Import it, or refer to its components. What a
running gateway serves under ``/openapi.json`` are the addresses of its integrations, in their own formats.
"""

from __future__ import annotations

import json
from typing import Any

from contracts.export import json_schema
from contracts.odcs import Contract


def export(contract: Contract) -> str:
    """The document, as JSON."""
    return json.dumps(document(contract), indent=2, ensure_ascii=False) + "\n"


def document(contract: Contract) -> dict[str, Any]:
    """The document as plain data; its one component is named as the contract is, ``LoanApplication``."""
    return {
        "openapi": "3.1.0",
        "info": {"title": contract.name, "version": contract.version, "description": contract.description},
        "paths": {},
        "components": {"schemas": {component(contract): json_schema.schema(contract)}},
    }


def component(contract: Contract) -> str:
    """The name of a contract's component schema.

    >>> component(Contract("loan_application", "1.0.0"))
    'LoanApplication'
    """
    return "".join(word.capitalize() for word in contract.name.split("_"))

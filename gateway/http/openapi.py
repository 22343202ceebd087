"""The OpenAPI 3.1 document, put together from the operation objects the adapters' routes carry."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gateway.http import problems
from gateway.spi import Route

VERSION = "3.1.0"
_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}, {"basic": []}]
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The API key of a principal."},
    "basic": {"type": "http", "scheme": "basic", "description": "User name and password of a principal."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, in a header."},
}


def document(routes: Iterable[Route], version: str) -> bytes:
    """The document as JSON; ``version`` is the product's. Operations bring their schemas under ``components``;
    routes without one are described in a language of their own."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {"Problem": problems.SCHEMA}
    for route in (one for one in routes if one.openapi):
        operation = dict(route.openapi)
        schemas.update(operation.pop("components", {}).get("schemas", {}))
        paths.setdefault(route.path, {})[route.method.lower()] = {**operation, "security": _SECURITY}
    whole = {
        "openapi": VERSION,
        "info": {
            "title": "Scoregate",
            "version": version,
            "description": "Credit scores with their reasons, one address per integration.",
        },
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SCHEMES},
    }
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()

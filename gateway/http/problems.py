"""Refusals of what reaches no adapter, as RFC 9457 problem documents: what is no HTTP, unknown paths, wrong methods."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.spi import Response

MEDIA_TYPE = "application/problem+json"
_TEXTS: Mapping[int, tuple[str, str, str]] = {
    400: ("not_http", "The request cannot be read", "what was sent is not HTTP/1.1, or can be read in two ways"),
    404: ("not_found", "Not found", "there is nothing at this address; /openapi.json lists what there is"),
    405: ("method_not_allowed", "Method not allowed", "this address does not answer this method; see Allow"),
    431: ("headers_too_large", "The request cannot be read", "the request line and headers are too large"),
    500: ("internal_fault", "Our fault", "the fault is ours and is logged; send the same request again later"),
}

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "A refusal, RFC 9457. `code` is stable; `errors` lists every problem at once.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "code": {"type": "string"},
        "decision_id": {"type": "string", "description": "The decision this key stands for."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "rule", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the request body (RFC 6901)."},
                    "header": {"type": "string", "description": "The header at fault, when it is not the body."},
                    "code": {"type": "string"},
                    "rule": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


def problem(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """The refusal for a status of the table; any other status is written as our own fault."""
    code, title, detail = _TEXTS.get(status, _TEXTS[500])
    kind = f"urn:scoregate:problem:{code}"
    found = {"type": kind, "title": title, "status": status, "detail": detail, "code": code}
    body = json.dumps(found, separators=(",", ":")).encode()
    shown = [("Content-Type", MEDIA_TYPE), ("Cache-Control", "no-store"), *(headers or {}).items()]
    return Response(status, shown, body)

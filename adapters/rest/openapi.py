"""What the OpenAPI document says about one integration: its operation objects, with their schemas beside them.

An operation carries its schemas under ``components``, which gateway/http moves into the document, and may refer to
``#/components/schemas/Problem``, which gateway/http defines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.rest import schema
from adapters.rest.batch import APPLICATION, ITEM_KEY, KEY, MOST_ITEMS
from adapters.rest.codec import BARE_KEY, CORRELATION, MAX_KEY, QUOTED_KEY, RestCodec
from contracts.mapping.paths import Path
from gateway.spi import BESIDE, Fields

_CORRELATION = {
    "name": "X-Correlation-ID",
    "in": "header",
    "required": False,
    "description": "Comes back in the answer and stands in our log; one is made up when it is missing.",
    "schema": {"type": "string", "pattern": f"^{CORRELATION}$"},
}
_ANSWER_HEADERS = {
    "X-Correlation-ID": {"schema": {"type": "string"}},
    "X-Decision-ID": {"schema": {"type": "string"}, "description": "Names the decision for good."},
    "Idempotency-Replayed": {
        "schema": {"type": "string", "const": "true"},
        "description": "Present when this answer was given before, to the same request key.",
    },
    "Deprecation": {
        "schema": {"type": "string", "pattern": "^@[0-9]+$"},
        "description": "From when on the version of the contract spoken here is deprecated (RFC 9745).",
    },
    "Sunset": {
        "schema": {"type": "string"},
        "description": "Until when that version is supported, as an HTTP date (RFC 8594).",
    },
}
_REFUSALS = {
    "400": "The request cannot be read: not JSON, a bad header, nesting too deep …",
    "401": "The caller is unknown.",
    "403": "The caller may not do this.",
    "404": "There is no such decision.",
    "408": "The body did not arrive in time.",
    "409": "The business key stands for another application, and this integration allows no second one.",
    "410": "The decision asked for has expired.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "422": "The application breaks its contract, or the Idempotency-Key stands for another application.",
    "429": "Too many attempts of this caller failed; Retry-After says when the next is looked at.",
    "431": "Too many headers.",
    "500": "Our fault.",
    "503": "Unavailable for now; Retry-After says when to ask again.",
}
_SCORE = ("400", "401", "403", "408", "409", "410", "413", "415", "422", "429", "431", "500", "503")
_BATCH = ("400", "401", "403", "408", "413", "415", "429", "431", "500", "503")
_READ = ("400", "401", "403", "404", "429", "431", "500", "503")


def score(integration: str, codec: RestCodec, described: Fields) -> dict[str, Any]:
    """The operation object of ``POST /v1/<integration>/score``; ``described`` is what the mapping reads and writes."""
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": codec.key_required,
        "description": "Your name for this one asking. Asked again with the same application, the stored answer comes "
        "back; with another application, 422. A quoted string; a bare token is accepted.",
        "schema": {"type": "string", "pattern": f"^(?:{QUOTED_KEY}|{BARE_KEY})$"},
        "example": '"8e03978e-40d5-43e8-bc93-6894a57f9324"',
    }
    body: dict[str, Any] = {"schema": {"$ref": _component(integration, "application")}}
    if codec.examples:
        body["examples"] = {name: {"value": value} for name, value in codec.examples}
    return {
        "operationId": f"score_{integration}",
        "summary": f"Score one application of {integration}",
        "tags": [integration],
        "parameters": [key, _CORRELATION],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": _responses(integration, "The decision, with its reasons and what was imputed.", _SCORE),
        "components": {"schemas": _schemas(integration, codec, described)},
    }


def batch(integration: str, codec: RestCodec, described: Fields) -> dict[str, Any]:
    """The operation object of ``POST /v1/<integration>/batch``."""
    key = {"type": "string", "pattern": f"^{ITEM_KEY}$", "description": "What Idempotency-Key is to a single asking."}
    judged_alone = {"description": "Whatever else is sent is refused in its own outcome, and in no other."}
    item = _object(
        {KEY: key, APPLICATION: {"anyOf": [{"$ref": _component(integration, "application")}, judged_alone]}},
        [KEY, APPLICATION] if codec.key_required else [APPLICATION],
    ) | {"additionalProperties": False}
    items = {"type": "array", "minItems": 1, "maxItems": MOST_ITEMS, "items": item}
    sent: dict[str, Any] = {"schema": {**_object({"items": items}, ["items"]), "additionalProperties": False}}
    if codec.examples:
        some = [{KEY: name, APPLICATION: value} for name, value in codec.examples[:3]]
        sent["examples"] = {"several": {"value": {"items": some}}}
    responses = _responses(integration, "", _BATCH)
    responses["200"] = {
        "description": "One outcome for each item, in their order; each has an answer or a problem.",
        "headers": {"X-Correlation-ID": _ANSWER_HEADERS["X-Correlation-ID"]},
        "content": {"application/json": {"schema": {"$ref": _component(integration, "outcomes")}}},
    }
    schemas = _schemas(integration, codec, described)
    schemas[_name(integration, "outcomes")] = _outcomes(integration)
    return {
        "operationId": f"batch_{integration}",
        "summary": f"Score up to {MOST_ITEMS} applications of {integration}",
        "description": "A fault of the envelope refuses the whole; what is wrong with an application is that item's "
        "alone. A batch sent again is safe: items with the same key and application get their stored answer. Pointers "
        "in an item's problem count from its application.",
        "tags": [integration],
        "parameters": [_CORRELATION],
        "requestBody": {"required": True, "content": {"application/json": sent}},
        "responses": responses,
        "components": {"schemas": schemas},
    }


def _outcomes(integration: str) -> dict[str, Any]:
    properties = {
        "pointer": {"type": "string", "description": "JSON pointer to the application in the request."},
        "status": {"type": "integer", "description": "The HTTP status this application would get alone."},
        "decision_id": {"type": "string"},
        "repeated": {"type": "boolean", "description": "This answer was given before, to the same request key."},
        "answer": {"$ref": _component(integration, "answer")},
        "retry_after": {"type": "integer", "description": "Seconds; with status 503 only."},
        "problem": {"$ref": "#/components/schemas/Problem"},
    }
    outcome = _object(properties, ["pointer", "status"])
    return _object({"items": {"type": "array", "items": outcome}}, ["items"])


def _object(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": dict(properties)}


def read(integration: str, codec: RestCodec, described: Fields) -> dict[str, Any]:
    """The operation object of ``GET /v1/<integration>/decisions/{key}``."""
    key = {
        "name": "key",
        "in": "path",
        "required": True,
        "description": "A request key, a decision id, or a business key, which stands for its newest decision.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
    }
    return {
        "operationId": f"read_{integration}",
        "summary": f"Read a decision of {integration} again",
        "tags": [integration],
        "parameters": [key, _CORRELATION],
        "responses": _responses(integration, "The stored answer, byte for byte.", _READ),
        "components": {"schemas": _schemas(integration, codec, described)},
    }


def _component(integration: str, part: str) -> str:
    return f"#/components/schemas/{_name(integration, part)}"


def _name(integration: str, part: str) -> str:
    return f"{integration}.{part}"


def _schemas(integration: str, codec: RestCodec, described: Fields) -> dict[str, Any]:
    sides = (
        ("application", codec.request_schema, described.request),
        ("answer", codec.answer_schema, described.answer),
    )
    return {
        _name(integration, part): schema.relocated(given, _component(integration, part))
        if given is not None
        else schema.derived({path: field for path, field in (known or {}).items() if _in_body(path)})
        for part, given, known in sides
    }


def _in_body(path: str) -> bool:
    return Path.parse(path).steps[0] not in BESIDE


def _responses(integration: str, description: str, refusals: tuple[str, ...]) -> dict[str, Any]:
    answered: Mapping[str, Any] = {
        "description": description,
        "headers": _ANSWER_HEADERS,
        "content": {"application/json": {"schema": {"$ref": _component(integration, "answer")}}},
    }
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"200": answered, **{code: {"description": _REFUSALS[code], "content": problem} for code in refusals}}

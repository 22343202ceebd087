"""The rest adapter: reads its section of integration.yaml, and says which addresses an integration answers on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from adapters.rest import batch, faults, openapi, schema
from adapters.rest.codec import HEADERS, KEY_HEADER, MAX_KEY, RestCodec, check_correlation
from contracts.errors import ConfigurationError, Fault, MalformedPayload, NotFound, ScoregateError, UpstreamError
from contracts.section import no_file
from contracts.source import Source, nearest
from gateway.spi import Answer, Asked, Desk, Lifecycle, Request, Response, Route

WIRE_KEYS = ("schema", "answer_schema", "idempotency_key")
"""``schema``, ``answer_schema``: JSON Schema files of the folder. ``idempotency_key``: required or optional."""

_REPLAYED = ("Idempotency-Replayed", "true")


class RestAdapter:
    """``POST /v1/<integration>/score`` and ``…/batch``, ``GET /v1/<integration>/decisions/<key>``, in JSON."""

    name = "rest"

    def wire(self, section: Mapping[str, Any], folder: Path) -> RestCodec:
        """Check ``wire:`` and read the schemas it names; raises ConfigurationError with every fault."""
        found: list[Fault] = []
        for key in section:
            if key not in WIRE_KEYS:
                hint = nearest(str(key), WIRE_KEYS) or f"known: {', '.join(WIRE_KEYS)}"
                found.append(_fault(folder, str(key), f"unknown key {key!r}", hint))
        required = section.get("idempotency_key", "optional")
        if required not in ("required", "optional"):
            found.append(_fault(folder, "idempotency_key", "expected required or optional"))
        schemas = {key: _schema(section, key, folder, found) for key in ("schema", "answer_schema")}
        if found:
            raise ConfigurationError(found)
        return RestCodec(schemas["schema"], schemas["answer_schema"], required == "required", _examples(folder))

    def routes(self, desk: Desk) -> Sequence[Route]:
        codec = desk.codec
        if not isinstance(codec, RestCodec):
            raise TypeError(f"the rest adapter was given a desk of {type(codec).__name__}")

        told = lifecycle_headers(desk.lifecycle)

        def refuse(error: ScoregateError, _request: Request) -> Response:
            headers = [*faults.headers_of(error), *told]
            return Response(faults.status_of(error), headers, codec.refuse(desk.refusal(error)))

        async def score(request: Request) -> Response:
            header = {name: request.headers[name] for name in HEADERS if name in request.headers}
            asked = Asked(request.body, header, request.principal, request.correlation)
            return _answered(await desk.decide(asked), told)

        async def score_many(request: Request) -> Response:
            header = {name: request.headers[name] for name in HEADERS if name in request.headers}
            try:
                batch.check_header(header)
                items = await asyncio.to_thread(batch.read, request.body)
            except MalformedPayload as error:
                await desk.refuse(Asked(request.body, header, request.principal, request.correlation), error)
                raise
            beside = {name: value for name, value in header.items() if name != KEY_HEADER}
            who = request.principal, request.correlation
            asked = [Asked(one.application, beside | one.header(), *who) for one in items]
            return _answered_all(desk, codec, await desk.decide_batch(asked), told)

        async def read(request: Request) -> Response:
            check_correlation(request.headers)
            key = request.parameters["key"]
            if not 0 < len(key) <= MAX_KEY or not key.isprintable():
                raise NotFound("no decision stands under this key; check how it is written into the address")
            return _answered(await desk.find(key, request.principal), told)

        base, described = f"/v1/{desk.name}", desk.fields()
        parts = (openapi.score, openapi.batch, openapi.read)
        said = {part.__name__: part(desk.name, codec, described) for part in parts}
        return (
            Route("POST", f"{base}/score", desk.name, "score", score, refuse, said["score"]),
            Route("POST", f"{base}/batch", desk.name, "batch", score_many, refuse, said["batch"]),
            Route("GET", f"{base}/decisions/{{key}}", desk.name, "read", read, refuse, said["read"]),
        )


def lifecycle_headers(lifecycle: Lifecycle | None) -> list[tuple[str, str]]:
    """``Deprecation`` (RFC 9745, seconds as a structured-field date) and ``Sunset`` (RFC 8594, the last second of the
    last day), in UTC; both may lie ahead.
    """
    headers = []
    if lifecycle and lifecycle.deprecated:
        begins = datetime.combine(lifecycle.deprecated, time(), UTC)
        headers.append(("Deprecation", f"@{int(begins.timestamp())}"))
    if lifecycle and lifecycle.sunset:
        ends = datetime.combine(lifecycle.sunset, time(23, 59, 59), UTC)
        headers.append(("Sunset", format_datetime(ends, usegmt=True)))
    return headers


def _answered(answer: Answer, told: Sequence[tuple[str, str]]) -> Response:
    headers = [
        ("Content-Type", "application/json"),
        ("Cache-Control", "no-store"),
        ("X-Decision-ID", answer.decision_id),
        *told,
    ]
    if answer.repeated:
        headers.append(_REPLAYED)
    return Response(200, headers, answer.payload)


def _answered_all(
    desk: Desk, codec: RestCodec, outcomes: Sequence[Answer | ScoregateError], told: Sequence[tuple[str, str]]
) -> Response:
    """The outcomes of a batch; where nothing could be decided at all, the refusal a single asking would get."""
    first = outcomes[0]
    if isinstance(first, UpstreamError) and all(isinstance(one, UpstreamError) for one in outcomes):
        raise first
    refusals = [desk.refusal(one) if isinstance(one, ScoregateError) else None for one in outcomes]
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *told]
    return Response(200, headers, batch.write(codec, list(zip(outcomes, refusals, strict=True))))


def _schema(section: Mapping[str, Any], key: str, folder: Path, found: list[Fault]) -> dict[str, Any] | None:
    name = section.get(key)
    if name is None:
        return None
    if not isinstance(name, str):
        found.append(_fault(folder, key, "must be a text, the name of a file in the integration's folder"))
        return None
    wrong = no_file(folder, name)
    if wrong is not None:
        found.append(_fault(folder, key, *wrong))
        return None
    try:
        return schema.load(folder / name)
    except ConfigurationError as error:
        found.extend(error.faults)
        return None


def _fault(folder: Path, key: str, message: str, hint: str = "") -> Fault:
    """A fault at ``wire.<key>`` of the folder's integration.yaml, with its line where the file can be read."""
    file = folder / "integration.yaml"
    try:
        return Source.read(file).fault(("wire", key), f"wire.{key}: {message}", hint)
    except ConfigurationError:
        return Fault(str(file), 0, 0, f"wire.{key}: {message}", hint)


def _examples(folder: Path) -> tuple[tuple[str, Any], ...]:
    """Requests of the folder's examples that are JSON; broken ones are there on purpose and are left out."""
    found = []
    for path in sorted(folder.glob("examples/*/request.json")):
        try:
            found.append((path.parent.name, json.loads(path.read_bytes())))
        except (OSError, ValueError, RecursionError):
            continue
    return tuple(found)


adapter = RestAdapter()

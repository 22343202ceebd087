"""The soap adapter: reads its section of integration.yaml, and says which addresses an integration answers on.

``POST /soap/<integration>`` takes every operation, in SOAP 1.1 and 1.2; ``GET /soap/<integration>?wsdl`` gives the
WSDL, ``?xsd=<name>`` and ``?wsdl=<name>`` what it imports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapters.soap import addressing, envelope, faults
from adapters.soap.codec import HEADERS, TYPE_HEADER, SoapCodec
from adapters.soap.envelope import Message, version_of
from adapters.soap.published import published
from adapters.soap.section import read_wire
from adapters.soap.service import serve
from contracts.errors import AccessDenied, CallerError, NotFound, ScoregateError
from gateway.spi import Answer, Asked, Described, Desk, Request, Response, Route, Sketch


class SoapAdapter:
    """SOAP over HTTP, contract first: the legacy system's own WSDL is served."""

    name = "soap"

    def wire(self, section: Mapping[str, Any], folder: Path) -> SoapCodec:
        """Check ``wire:``, the WSDL and its schemas; raises ConfigurationError with every fault."""
        return SoapCodec(serve(read_wire(section, folder), folder))

    def closed(self) -> SoapCodec:
        """The codec of an integration that is switched off."""
        return SoapCodec(None)

    def draft(self, described: Described) -> Sketch:
        """What a WSDL tells of an integration that is to be drafted; ``choice`` names the operation."""
        from adapters.soap.drafting import sketch

        return sketch(Path(described.source), described.choice)

    def routes(self, desk: Desk) -> Sequence[Route]:
        codec = desk.codec
        if not isinstance(codec, SoapCodec):
            raise TypeError(f"the soap adapter was given a desk of {type(codec).__name__}")
        path = f"/soap/{desk.name}"
        counter = _Counter(desk, codec, path)
        return (
            Route("POST", path, desk.name, "score", counter.take, counter.refuse, {}, or_else="read"),
            Route("GET", path, desk.name, "score", counter.describe, counter.refuse, {}, or_else="read"),
        )


class _Counter:
    """What answers at one integration's address."""

    def __init__(self, desk: Desk, codec: SoapCodec, path: str) -> None:
        self._desk, self._codec = desk, codec
        files = published(codec.service.wsdl, desk.public_url + path) if codec.service else {}
        self._files: Mapping[tuple[str, str], bytes] = files

    async def take(self, request: Request) -> Response:
        """Decide, or find what was decided."""
        desk, codec = self._desk, self._codec
        if codec.service is None:  # raises: this desk is closed
            return _answered(await desk.decide(Asked(request.body, {}, request.principal)), None)
        header = {name: request.headers[name] for name in HEADERS if name in request.headers}
        asked = Asked(request.body, header, request.principal, request.correlation)
        try:
            message = codec.message(request.body, header)
        except CallerError:
            return _answered(await desk.decide(asked), None)  # raises the same, once it is recorded
        fetched = codec.service.fetched
        if fetched is not None and message.root == fetched.input.root:
            await self._require("read", asked, request)
            found = await desk.find(codec.wanted_key(message, header), request.principal)
            again = found._replace(payload=codec.renamed(found.payload, message))
            return _answered(again, message, fetched.answer_action)
        await self._require("score", asked, request)
        answer = await desk.decide(asked)
        operation = codec.service.operations[message.root]
        if operation.output is None:
            return Response(202, [("X-Decision-ID", answer.decision_id)], b"")
        named = answer._replace(payload=codec.renamed(answer.payload, message))
        return _answered(named, message, operation.answer_action)

    async def _require(self, operation: str, asked: Asked, request: Request) -> None:
        """Raise AccessDenied, once it is recorded: only the body said what is asked of this address."""
        if operation not in request.operations:
            denied = AccessDenied(f"may not {operation} {self._desk.name}", known=True)
            await self._desk.refuse(asked, denied)
            raise denied

    async def describe(self, request: Request) -> Response:
        """The WSDL or one of its files; names are compared exactly."""
        for kind in ("wsdl", "xsd"):
            for name, value in request.parameters.items():
                content = self._files.get((kind, value)) if name.lower() == kind else None
                if content is not None:
                    return Response(200, [("Content-Type", "text/xml; charset=utf-8")], content)
        if not request.parameters:
            raise NotFound("this address is called with POST; its description is at ?wsdl", code="method_not_allowed")
        raise NotFound("there is no such file here; the description is at ?wsdl")

    def refuse(self, error: ScoregateError, request: Request) -> Response:
        """An error as a Fault in the caller's version; what is one-way is told by the status alone (BP 1.1 R2714)."""
        version = version_of(request.headers.get(TYPE_HEADER, ""), request.body)
        status, headers = faults.status_of(error, version), faults.headers_of(error, version)
        message = self._message(request)
        if message is not None and self._codec.is_one_way(message):
            return Response(status, [header for header in headers if header[0] != "Content-Type"], b"")
        refusal, related = self._desk.refusal(error), ""
        if message is not None:
            declared = self._codec.declared_action(refusal, message)
            action = addressing.fault_action(message.addressing, error.detail_code, declared)
            related = addressing.answer_headers(message.addressing, action)
        return Response(status, headers, self._codec.fault(refusal, version, related).encode())

    def _message(self, request: Request) -> Message | None:
        """The message, where it can be read that far."""
        if self._codec.service is None or not request.body:
            return None
        try:
            return self._codec.message(request.body, request.headers)
        except ScoregateError:
            return None


def _answered(answer: Answer, message: Message | None, action: str = "") -> Response:
    version = message.version if message else envelope.V11
    headers = [
        ("Content-Type", f"{version.media_type}; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("X-Decision-ID", answer.decision_id),
    ]
    if answer.repeated:
        headers.append(("Idempotency-Replayed", "true"))
    related = addressing.answer_headers(message.addressing, action) if message else ""
    return Response(200, headers, envelope.wrapped(answer.payload, version, related))


adapter = SoapAdapter()

"""Reading a request within its bounds, and writing a response: the ASGI messages both doors speak."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from contracts.errors import MalformedPayload
from gateway.http.unpacking import Unpacking
from gateway.spi import Response

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_HEADERS = 100
DRAIN_BYTES = 64_000_000
DRAIN_SECONDS = 5.0
_CLOSE = (b"connection", b"close")
_ONCE = (
    b"authorization",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"host",
    b"idempotency-key",
    b"soapaction",
    b"webhook-id",
    b"webhook-signature",
    b"webhook-timestamp",
    b"x-api-key",
    b"x-correlation-id",
)
"""Headers that mean one thing; sent twice, any reading of them would be a guess."""
_CODINGS = (("content-encoding", ("identity", "gzip", "x-gzip")), ("transfer-encoding", ("chunked",)))
"""The only codings of a body that are read; see ``unpacking`` for what keeps a packed one in bounds."""


class Disconnected(Exception):
    """The caller went away before the body was whole; nobody is left to answer."""


def _unheld(_size: int) -> None:
    """Where nobody counts."""


def read_headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; raises MalformedPayload for too many, or for a repeated one that must be single."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
    if len(headers) != len(raw):
        names = [name for name, _ in raw]
        for name in _ONCE:
            if names.count(name) > 1:
                text = name.decode()
                raise MalformedPayload(f"the header {text} is sent twice", code="bad_header", path=f"header:{text}")
    if len(raw) > MAX_HEADERS:
        raise MalformedPayload(f"more than {MAX_HEADERS} headers", code="headers_too_large")
    return headers


async def read_body(
    receive: Receive, headers: Mapping[str, str], limit: int, hold: Callable[[int], None] = _unheld
) -> bytes:
    """The whole body; raises MalformedPayload ``too_large`` as soon as ``limit`` bytes cannot hold it.

    ``hold`` is told of every further part's bytes, and may raise UpstreamError where there is no room for them.
    """
    for name, known in _CODINGS:
        if headers.get(name, known[0]).lower() not in known:
            text = f"the header {name} may only be {' or '.join(known[:2])}; send the body as it is"
            raise MalformedPayload(text, code="unsupported_media_type", path=f"header:{name}")
    declared = headers.get("content-length", "")
    if len(declared) > 18 or (declared and int(declared) > limit):
        raise _too_large(limit)
    message = await receive()
    if headers.get("content-encoding", "identity").lower() != "identity":
        return await _read_parts(message, receive, limit, hold, Unpacking(limit))
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        return body
    return await _read_parts(message, receive, limit, hold)


async def _read_parts(
    message: Message, receive: Receive, limit: int, hold: Callable[[int], None], packed: Unpacking | None = None
) -> bytes:
    parts, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        clear = part if packed is None else packed.take(part)
        hold(len(clear))
        parts.append(clear)
        if not message.get("more_body", False):
            if packed is not None:
                packed.finish()
            return b"".join(parts)
        message = await receive()


def _too_large(limit: int) -> MalformedPayload:
    return MalformedPayload(f"the body is larger than {limit} bytes, this integration's limit", code="too_large")


async def respond(send: Send, response: Response, correlation: str) -> None:
    """Send a response whole."""
    await send(_start(response, correlation))
    await send({"type": "http.response.body", "body": response.body})


async def respond_and_close(send: Send, response: Response, correlation: str) -> None:
    """Send a response to a caller whose request never came in whole, and close the connection."""
    start = _start(response, correlation)
    start["headers"].append(_CLOSE)
    await send(start)
    await send({"type": "http.response.body", "body": response.body})


async def respond_and_drain(send: Send, receive: Receive, response: Response, correlation: str) -> None:
    """Send a response while the caller is still sending, then take in the rest, bounded, and close the connection.

    Closing at once would reset the connection, and the caller would lose the answer that says what is wrong.
    """
    start = _start(response, correlation)
    start["headers"].append(_CLOSE)
    await send(start)
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await _drain(receive)
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})


async def _drain(receive: Receive) -> None:
    size = 0
    while size <= DRAIN_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


def _start(response: Response, correlation: str) -> Message:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    headers.append((b"content-length", b"%d" % len(response.body)))
    headers.append((b"x-correlation-id", correlation.encode("latin-1")))
    return {"type": "http.response.start", "status": response.status, "headers": headers}

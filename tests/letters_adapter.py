"""A real adapter whose messages carry their own credentials: a letter ends with its sender, a number and a seal.

``POST /letters/<integration>`` takes lines of text; the last is ``sealed-by <user> <number> <seconds> <hex>``, the seal
being HMAC-SHA256 over everything before it. It proves the seam that WS-Security and signed messages use.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memory_adapter import LinesCodec

from contracts.errors import AccessDenied, MalformedPayload, ScoregateError
from gateway.spi import Asked, Desk, Evidence, Request, Response, Route, Signed


def seal(text: bytes, user: str, number: int, at: float, secret: bytes) -> bytes:
    head = text + b"sealed-by %b %d %d " % (user.encode(), number, int(at))
    return head + hmac.new(secret, head, hashlib.sha256).hexdigest().encode()


class LettersAdapter:
    name = "letters"

    def wire(self, section: Mapping[str, Any], folder: Path) -> LinesCodec:
        return LinesCodec()

    def routes(self, desk: Desk) -> Sequence[Route]:
        def refuse(error: ScoregateError, _request: Request) -> Response:
            known = isinstance(error, AccessDenied) and error.known
            status = 403 if known else 401 if isinstance(error, AccessDenied) else 400
            return Response(status, [], desk.codec.refuse(desk.refusal(error)))

        async def take(request: Request) -> Response:
            letter, _, _ = request.body.rpartition(b"sealed-by ")
            answer = await desk.decide(Asked(letter, {}, request.principal))
            return Response(200, [], answer.payload)

        return [Route("POST", f"/letters/{desk.name}", desk.name, "score", take, refuse, {})]

    def credentials(self, request: Request, body: bytes) -> Evidence | None:
        _, mark, end = body.rpartition(b"sealed-by ")
        if not mark:
            return None
        try:
            user, number, at, sealed = end.decode("ascii").split(" ")
            when = float(int(at))
        except ValueError:
            raise MalformedPayload("the seal cannot be read", code="bad_seal") from None
        signed = body[: len(body) - len(sealed)]

        def holds(secret: bytes) -> bool:
            return hmac.compare_digest(hmac.new(secret, signed, hashlib.sha256).hexdigest(), sealed)

        return Signed(when, number.encode(), holds, user)

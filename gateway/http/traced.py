"""A door whose exchanges are traced. It says what the log says, and of the address only its pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contracts.errors import ScoregateError
from gateway.access.layer import Access
from gateway.http.body import Receive, Scope, Send
from gateway.http.door import Door, Mounted
from gateway.http.journal import Journal, Visit
from gateway.http.room import Room
from gateway.http.watch import Watch
from gateway.spi import Request, Response
from gateway.watching.tracing import Tracing

if TYPE_CHECKING:
    from opentelemetry.trace import Span

CARRIED = (b"traceparent", b"tracestate")


class TracedDoor(Door):
    """The ASGI endpoint of one mounted route, with a span around every exchange."""

    def __init__(
        self, mounted: Mounted, access: Access, journal: Journal, watch: Watch, room: Room, tracing: Tracing
    ) -> None:
        super().__init__(mounted, access, journal, watch, room)
        self._tracing = tracing
        route = mounted.route
        self._name = f"{route.method} {route.path}"
        self._attributes = {
            "http.request.method": route.method,
            "http.route": route.path,
            "scoregate.integration": route.integration,
            "scoregate.operation": route.operation,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        carried = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in CARRIED}
        with self._tracing.exchange(self._name, carried, self._attributes) as span:

            async def watched(message: Any) -> None:
                if message["type"] == "http.response.start":
                    _note(span, message)
                await send(message)

            await super().__call__(scope, receive, watched)

    def _refuse(self, error: ScoregateError, request: Request, visit: Visit) -> Response:
        """A caller's fault is none of the span, whatever status its protocol gives it."""
        response = super()._refuse(error, request, visit)
        if response.status >= 500 and not visit.callers:
            self._tracing.failed()
        return response


def _note(span: Span, start: Any) -> None:
    span.set_attribute("http.response.status_code", start["status"])
    for name, value in start["headers"]:
        if name.lower() == b"x-correlation-id":
            span.set_attribute("scoregate.correlation", value.decode("latin-1"))

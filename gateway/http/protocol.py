"""Uvicorn's HTTP protocol with the bounds it lacks: how large a request's head may be, how long it and the reading of
the answer may take, and which connections give way when there are too many. Offers of other protocols are not taken.

llhttp, the parser below, bounds none of it; without them one caller could fill memory, or hold connections for nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.http.offers import UnmovedParser

MAX_HEAD_BYTES = 64 * 1024
MAX_FRAMING = 8
"""Bytes on the wire per byte of body: one byte in a chunk of its own takes six. Beyond that, and ``MAX_HEAD_BYTES``,
what comes is extensions of chunks or trailers, and the connection is given up."""
HEAD_SECONDS = 10.0
WRITE_SECONDS = 30.0
"""How long a caller may leave an answer unread that does not fit into the socket's buffer."""
LAST_REQUEST_SECONDS = 0.5
"""What a connection with nothing under way is given to ask once more when the server stops: a request may be on its
way, or a health check that must hear of it."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s"
)
_BODY = (
    b'{"type":"urn:scoregate:problem:headers_too_large","title":"The request cannot be read","status":431,'
    b'"detail":"the request line and headers are too large","code":"headers_too_large"}'
)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. ``_in_head`` is true while a request line or headers are due."""

    head_seconds = HEAD_SECONDS
    write_seconds = WRITE_SECONDS
    _half_open: ClassVar[dict[BoundedProtocol, None]] = {}
    """Connections of this process whose head is due, oldest first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parser = UnmovedParser(self)
        self._in_head = True
        self._last = False
        self._head_bytes = self._framing = self._messages = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    @classmethod
    def give_way(cls) -> bool:
        """Close the connection that has kept its head from us for longest; false if all have asked something."""
        oldest = next(iter(cls._half_open), None)
        if oldest is None:
            return False
        oldest._stop_timer()
        oldest.transport.abort()
        return True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._messages
        super().data_received(data)
        if not self._in_head and self._messages == before:
            self._framing += len(data)
            if self._framing > MAX_HEAD_BYTES:
                self.transport.abort()
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE % (len(_BODY), _BODY))
                self.transport.close()
            elif self._head_timer is None:
                self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers, which come after the body, are dropped: nothing said so late may stand beside what was checked."""
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._framing -= len(body) * MAX_FRAMING
        super().on_body(body)

    def on_message_begin(self) -> None:
        self._messages += 1
        self._framing = 0
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._in_head = False
        if self._head_timer is not None:
            self._stop_timer()
        super().on_headers_complete()
        if self._last:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def shutdown(self) -> None:
        """The server stops: a request under way, or only just sent, is answered; then the connection closes."""
        if self._at_rest():
            self._last = True
            self.loop.call_later(LAST_REQUEST_SECONDS, self._part)
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        super().resume_writing()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)
        self._half_open[self] = None

    def _give_up(self) -> None:
        self._stop_timer()
        if self._in_head and not self.transport.is_closing():
            self.transport.close()

    def _at_rest(self) -> bool:
        """Whether no request is under way: the connection is new, or between two requests."""
        return self.cycle is None or self.cycle.response_complete

    def _part(self) -> None:
        if self._at_rest():
            self.transport.close()

    def _stop_timer(self) -> None:
        self._half_open.pop(self, None)
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

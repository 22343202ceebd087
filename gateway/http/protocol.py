"""Uvicorn's HTTP protocol with the bounds it lacks: how large a request's head may be, how long it and the reading of
the answer may take, and which connections give way when there are too many. Offers of other protocols are not taken.

llhttp, the parser below, bounds none of it; without them one caller could fill memory, or hold connections for nothing.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.http import problems
from gateway.http.journal import Reason
from gateway.http.offers import UnmovedParser
from gateway.spi import Response

MAX_HEAD_BYTES = 64 * 1024
MAX_FRAMING = 8
"""Bytes on the wire per byte of body: one byte in a chunk of its own takes six. Beyond that, and ``MAX_HEAD_BYTES``,
what comes is extensions of chunks or trailers, and the connection is given up."""
HEAD_SECONDS = 10.0
GRACE_SECONDS = 1.0
"""What a head may take before its connection gives way first of all; until then last: it is on its way."""
MAX_PIPELINED = 32
"""Requests of one connection that may wait for the answer to an earlier one. Two hundred kilobytes, which are read at
once, hold ten thousand, and uvicorn makes two kilobytes of each."""
WRITE_SECONDS = 30.0
"""How long a caller may leave an answer unread that does not fit into the socket's buffer."""
LAST_REQUEST_SECONDS = 0.5
"""What a connection with nothing under way is given to ask once more when the server stops: a request may be on its
way, or a health check that must hear of it."""


def unheard(_reason: Reason) -> None:
    """Where nobody counts."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. ``_in_head`` is true while a request line or headers are due.

    While it waits for its caller it stands in a queue, longest first: ``_heads`` where a head is due, ``_idle`` between
    two requests, ``_bodies`` where the rest of a body is due. ``_queue`` is where it stands, None while we are at work.
    """

    head_seconds = HEAD_SECONDS
    grace_seconds = GRACE_SECONDS
    write_seconds = WRITE_SECONDS
    _heads: ClassVar[dict[BoundedProtocol, None]] = {}
    _idle: ClassVar[dict[BoundedProtocol, None]] = {}
    _bodies: ClassVar[dict[BoundedProtocol, None]] = {}

    def __init__(self, turned_away: Callable[[Reason], None], *args: Any) -> None:
        super().__init__(*args)
        self._turned_away = turned_away
        self.parser = UnmovedParser(self)
        self._in_head = True
        self._last = self._deaf = False
        self._head_bytes = self._framing = self._messages = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._queue: dict[BoundedProtocol, None] | None = None

    @classmethod
    def can_give_way(cls) -> bool:
        """Whether any connection of this process waits for its caller."""
        return bool(cls._heads or cls._idle or cls._bodies)

    @classmethod
    def give_way(cls) -> None:
        """Close the connection that keeps us waiting for longest: for a head beyond its grace, else between requests,
        else for a body, else for a head.
        """
        overdue = any(one._is_overdue() for one in itertools.islice(cls._heads, 1))
        longest = next(iter((cls._heads if overdue else cls._idle or cls._bodies) or cls._heads))
        longest._stand(None)
        longest._give_up("crowded")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._stand_in_place()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stand(None)
        self._stop_write_timer()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        self._bound_closing()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        before = self._messages
        super().data_received(data)
        if not self._in_head and self._messages == before:
            self._framing += len(data)
            if self._framing > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._give_up("framing")
        if self._in_head and not self._deaf:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(431, "headers_too_large")
        self._stand_in_place(heard=True)

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
        if len(self.pipeline) >= MAX_PIPELINED:
            self._end_behind_the_others("pipelined")
            raise HttpParserError("more requests than may wait")
        self._in_head = False
        super().on_headers_complete()
        if self._last:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._bound_closing()
        else:
            self._stand_in_place()

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 # we tell it in our own words
        if not self._deaf:
            self._refuse(400, "not_http")

    def shutdown(self) -> None:
        """The server stops: a request under way, or only just sent, is answered; then the connection closes."""
        if self._at_rest():
            self._last = True
            self.loop.call_later(LAST_REQUEST_SECONDS, self._part)
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_write_timer()

    def resume_writing(self) -> None:
        if not self.transport.is_closing():
            self._stop_write_timer()
        super().resume_writing()

    def _stand_in_place(self, *, heard: bool = False) -> None:
        """Stand where this connection waits by now. Who was heard between two requests and asked nothing (an empty
        line, the rest of a body nobody reads) is about to ask: he has the time of a head for it.
        """
        if self.transport.is_closing():
            self._stand(None)
        elif self._at_rest():
            self._stand(self._heads if self._in_head or heard or self._queue is self._heads else self._idle)
        else:
            self._stand(self._bodies if self.cycle.more_body and not self.pipeline else None)

    def _stand(self, queue: dict[BoundedProtocol, None] | None) -> None:
        if queue is self._queue:
            return
        if self._queue is not None:
            del self._queue[self]
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if queue is not None:
            queue[self] = None
        if queue is self._heads:
            self._head_timer = self.loop.call_later(self.head_seconds, self._be_late)
        self._queue = queue

    def _at_rest(self) -> bool:
        """Whether no request is under way: the connection is new, or between two requests."""
        return self.cycle is None or self.cycle.response_complete

    def _refuse(self, status: int, reason: Reason) -> None:
        """Refuse what is being read and read no more; it is told where the next answer is for that."""
        if self._is_next():
            self._turned_away(reason)
            self.transport.write(_raw(problems.problem(status)))
            self._close()
        else:
            self._end_behind_the_others(reason)

    def _end_behind_the_others(self, reason: Reason) -> None:
        """Read no more; the requests before get their answers, and the connection ends behind the last."""
        self._turned_away(reason)
        self._deaf = True
        if self._at_rest():
            self._close()
        self.cycle.keep_alive = False

    def _give_up(self, reason: Reason) -> None:
        self._turned_away(reason)
        self.transport.abort()

    def _is_next(self) -> bool:
        """Whether the next answer is for the request that is being read."""
        return self._at_rest() if self._in_head else not self.pipeline and not self.cycle.response_started

    def _part(self) -> None:
        if self._at_rest():
            self._close()

    def _is_overdue(self) -> bool:
        """Whether the head is due for longer than its grace."""
        timer = self._head_timer
        return timer is not None and timer.when() - self.head_seconds + self.grace_seconds < self.loop.time()

    def _be_late(self) -> None:
        self._turned_away("head_late")
        self._close()

    def _close(self) -> None:
        self.transport.close()
        self._bound_closing()

    def _bound_closing(self) -> None:
        """A connection closes once what is written was read; a caller who reads nothing would hold it for ever."""
        self._stand(None)
        if self.transport.get_write_buffer_size():
            self._start_write_timer()

    def _start_write_timer(self) -> None:
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.write_seconds, self._give_up, "unread")

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def _raw(response: Response) -> bytes:
    """A refusal as it goes over the wire, behind which the connection closes."""
    headers = [*response.headers, ("Content-Length", str(len(response.body))), ("Connection", "close")]
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}\r\n{lines}\r\n".encode() + response.body

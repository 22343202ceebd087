"""Running the application: one uvicorn in this process, on uvloop and httptools, until it is told to stop."""

from __future__ import annotations

import logging
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn

from contracts.errors import SetupError
from gateway.http.accept import Acceptor, Board, Connections
from gateway.http.journal import Reason
from gateway.http.protocol import BoundedProtocol, unheard

BACKLOG = 2048
DRAIN_SECONDS = 20
"""What requests under way may still take after SIGTERM."""
KEEP_ALIVE_SECONDS = 75
"""How long a connection may lie idle: longer than the 60 s after which the usual proxies and pools give theirs up, so
that it is they who close it, and never we while their next request is on its way."""
MAX_CONNECTIONS = 10_000
SPARE_DESCRIPTORS = 256
"""What the ledger, the log and look-ups need of the process's file descriptors."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises SetupError, in one line, when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except (OSError, OverflowError, UnicodeError) as exc:
        sock.close()
        reason = getattr(exc, "strerror", None) or str(exc)
        raise SetupError(f"cannot listen on {host} port {port}: {reason}; choose another with --port") from exc
    return sock


def serve(
    app: Any,
    sock: socket.socket,
    *,
    started: Callable[[], None] = lambda: None,
    stopping: Callable[[], None] = lambda: None,
    turned_away: Callable[[Reason], None] = unheard,
    board: Board | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT: accept no more, answer what is under way, close the application, return.

    ``started`` is called once, in the event loop, when the first request can be taken; ``stopping`` when a signal says
    to end, while connections are still taken. ``turned_away`` hears of what does not get as far as ``app``. ``board``
    is shared with other processes that listen on the same socket.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # its texts quote what it was sent
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    _Server(config, sock, started, stopping, turned_away, board).run(sockets=[])


def most_connections() -> int:
    """What this process may hold, after its soft limit of file descriptors was raised to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    except (OSError, ValueError):
        pass  # some systems name an infinite limit they do not grant
    return MAX_CONNECTIONS if soft < 0 else max(16, min(MAX_CONNECTIONS, soft - SPARE_DESCRIPTORS))


class _Server(uvicorn.Server):
    """Uvicorn's server with our own way of taking connections; it returns after a signal instead of dying of it."""

    def __init__(
        self,
        config: uvicorn.Config,
        sock: socket.socket,
        started: Callable[[], None],
        stopping: Callable[[], None],
        turned_away: Callable[[Reason], None],
        board: Board | None,
    ) -> None:
        super().__init__(config)
        self._sock, self._started, self._stopping, self._board = sock, started, stopping, board
        self._turned_away = turned_away
        self._acceptor: Acceptor | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started:
            return
        connections = self.server_state.connections = Connections(self._board)
        self._acceptor = Acceptor(self._sock, self._connection, connections, most_connections(), self._board)
        self._started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.opened()
        await super().shutdown(sockets)

    def _connection(self) -> BoundedProtocol:
        return BoundedProtocol(self._turned_away, self.config, self.server_state, self.lifespan.state)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

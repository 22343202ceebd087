"""Running the application: one uvicorn in this process, on uvloop and httptools, until it is told to stop."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from contracts.errors import SetupError
from gateway.http.protocol import BoundedProtocol

BACKLOG = 2048
DRAIN_SECONDS = 20
"""What requests under way may still take after SIGTERM."""
MAX_CONNECTIONS = 10_000


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


def serve(app: Any, sock: socket.socket, *, started: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT: accept no more, answer what is under way, close the application, return.

    ``started`` is called once, when the first request can be taken.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
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
        backlog=BACKLOG,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    _Server(config, started).run(sockets=[sock])


class _Server(uvicorn.Server):
    """Uvicorn's server, which says when it serves, and returns after a signal instead of dying of it."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

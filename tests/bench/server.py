"""The real gateway with one more address: ``/noop`` reads the body and returns as many bytes as an answer has.

Run as ``python server.py HOME PORT ANSWER_BYTES``. The no-op is a raw ASGI function in the same process and server,
without authentication, log or middleware: the yardstick every served request is held against.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gateway import settings
from gateway.bootstrap import install
from gateway.doors import application
from gateway.http import server

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def with_noop(app: Any, size: int) -> Any:
    body = b"x" * size
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(size).encode())],
    }
    end = {"type": "http.response.body", "body": body}

    async def serve(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/noop":
            await app(scope, receive, send)
            return
        read = b""
        more = True
        while more:
            message = await receive()
            read += message.get("body", b"")
            more = message.get("more_body", False)
        await send(start)
        await send(end)

    return serve


def main() -> None:
    home, port, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    configured = settings.load(home=home, port=port, log_level="warning")
    installation = install(configured, with_ledger=True)
    for desk in installation.desks.values():
        desk.warm()
    app = application(installation)
    server.serve(with_noop(app, size), server.bind(configured.host, configured.port))


if __name__ == "__main__":
    main()

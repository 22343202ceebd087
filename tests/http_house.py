"""The gateway of ``http_parts`` as a process of its own: prints its port when it serves. ``--slow`` says when it
is asked, and answers late.
"""

from __future__ import annotations

import sys

from fakes import MemoryDesk
from http_parts import house

from adapters.rest.codec import RestCodec
from gateway.http import server
from gateway.http.protocol import BoundedProtocol
from gateway.spi import Answer, Asked

DESK = ("juniper-api", RestCodec())


class SlowDesk(MemoryDesk):
    async def decide(self, asked: Asked) -> Answer:
        print("asked", flush=True)
        return await super().decide(asked)


def main() -> None:
    desk = SlowDesk(*DESK, delay=1.0) if "--slow" in sys.argv else MemoryDesk(*DESK)
    at = house(desk, max_bytes=100_000, read_seconds=0.5)
    BoundedProtocol.head_seconds = 0.6
    sock = server.bind("127.0.0.1", 0)
    port = sock.getsockname()[1]
    server.serve(at.app, sock, started=lambda: print(port, flush=True), turned_away=at.app.turned_away)
    print(*at.closed, flush=True)


if __name__ == "__main__":
    main()

"""One worker process of several. Its one argument, from the supervisor: settings, number, and what it inherits."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import Any

from gateway.launch import plainly, prepare


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until it serves, Ctrl-C ends it without a traceback
    prepare(os.environ)
    plainly(lambda: work(json.loads(sys.argv[1])))


def work(job: dict[str, Any]) -> None:
    """Serve on the inherited socket, say so once it does, and end when the supervisor ends."""
    from gateway.bootstrap import serve_on
    from gateway.http.accept import Board
    from gateway.settings import Settings
    from gateway.stopping import end_with

    for name in ("board", "told", "life", "listen"):
        os.set_inheritable(job[name], False)
    sock = socket.socket(fileno=job["listen"])

    def started() -> None:
        end_with(job["life"])
        os.write(job["told"], b"1")
        os.close(job["told"])

    board = Board(job["board"], job["place"])
    serve_on(sock, Settings(**job["settings"]), worker=job["number"], board=board, started=started)


if __name__ == "__main__":
    main()

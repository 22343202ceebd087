"""Ends a wait that a database would never end: a server that hangs, a firewall that forgot the connection.

A statement's own time limit is kept by the server, so it fails with the server. Here the socket is shut down, whoever
waits on it in the driver gets an error at once, and the connection counts as lost.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_LOOKS_S: Final = 1.0
_OPENING: Final = threading.Lock()
_OPEN: Final = Path("/proc/self/fd")


class Watch:
    """Over the sockets of one connection. ``waiting`` is entered around each call of the driver."""

    def __init__(self, sockets: list[socket.socket], longest_s: float) -> None:
        self._sockets, self._longest_s = sockets, longest_s
        self._until = math.inf
        self._ended = threading.Event()
        if sockets:
            threading.Thread(target=self._look, name="odbc-watch", daemon=True).start()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        self._until = time.monotonic() + self._longest_s
        try:
            yield
        finally:
            self._until = math.inf

    def end(self) -> None:
        self._ended.set()
        for sock in self._sockets:
            sock.close()  # our own handle; the driver closes its own

    def _look(self) -> None:
        while not self._ended.wait(min(_LOOKS_S, self._longest_s / 2)):
            if time.monotonic() > self._until:
                for sock in self._sockets:
                    with suppress(OSError):
                        sock.shutdown(socket.SHUT_RDWR)
                return


@contextmanager
def opened_sockets() -> Iterator[list[socket.socket]]:
    """The network sockets that this process opens in the block, as handles of our own; none where no /proc tells.

    One block at a time, so that two connections are not taken for each other's; and none that came in meanwhile, as a
    gateway that serves is called while it connects: what a caller has open is not ours to hold, nor to shut down.
    """
    found: list[socket.socket] = []
    with _OPENING:
        before = _sockets()
        yield found
        there = _sockets()
        opened = [sock for name, descriptor in there.items() if name not in before for sock in _network(descriptor)]
        entrances = _entrances(there.values()) if opened else set()
        for sock in opened:
            if _port(sock) in entrances:
                sock.close()
            else:
                found.append(sock)


def _entrances(descriptors: Iterable[int]) -> set[int]:
    """The ports that are listened on."""
    found = set()
    for descriptor in descriptors:
        for sock in _network(descriptor):
            with sock, suppress(OSError):
                if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    found.add(_port(sock))
    return found


def _port(sock: socket.socket) -> int:
    with suppress(OSError):
        return int(sock.getsockname()[1])
    return -1


def _sockets() -> dict[str, int]:
    """The descriptors of this process's sockets by what they stand for, as a number that became free is given again: to
    begin with, that of this very listing.
    """
    found = {}
    with suppress(OSError):
        for entry in _OPEN.iterdir():
            with suppress(OSError):
                if (name := str(entry.readlink())).startswith("socket:"):
                    found[name] = int(entry.name)
    return found


def _network(descriptor: int) -> Iterator[socket.socket]:
    with suppress(OSError):
        sock = socket.socket(fileno=os.dup(descriptor))
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            yield sock
        else:
            sock.close()

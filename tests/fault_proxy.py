"""A proxy between a client and a server that does to a connection what networks do: cut, stall, half a reply."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

CHUNK = 4096


class Plan(NamedTuple):
    """What becomes of a connection: it is cut when so many bytes have gone the one way or the other.

    Both None: nothing happens. A cut in the midst of a reply is half a reply.
    """

    asked: int | None = None
    answered: int | None = None


class FaultProxy:
    """Listens on a free port of loopback. ``plan`` is for connections to come; ``stalled`` holds back every byte."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.plan = Plan()
        self.refusing = False
        self._flowing = threading.Event()
        self._flowing.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Every connection, now."""
        for pair in self._pairs[:]:
            self.cuts += 1
            self._close(pair)

    def stall(self) -> None:
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    def close(self) -> None:
        self.flow()
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    if self.refusing:
                        raise OSError
                    server = socket.create_connection(("127.0.0.1", self._target), timeout=10)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                pair = (client, server)
                self._pairs.append(pair)
                for ends, limit in ((pair, self.plan.asked), (pair[::-1], self.plan.answered)):
                    threading.Thread(target=self._carry, args=(pair, *ends, limit), daemon=True).start()

    def _carry(
        self, pair: tuple[socket.socket, socket.socket], source: socket.socket, sink: socket.socket, limit: int | None
    ) -> None:
        left = limit
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self._flowing.wait()
                sink.sendall(data if left is None else data[:left])
                if left is not None and (left := left - len(data)) <= 0:
                    self.cuts += 1
                    break
        self._close(pair)

    def _close(self, pair: tuple[socket.socket, socket.socket]) -> None:
        if pair in self._pairs:
            self._pairs.remove(pair)
        for sock in pair:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


@contextmanager
def proxied(target: int) -> Iterator[FaultProxy]:
    proxy = FaultProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()

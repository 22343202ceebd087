"""Taking connections from a socket that several processes listen on, so that each of them gets its share.

All workers inherit one listening socket. The other way, a socket each with SO_REUSEPORT, was rejected: the kernel then
deals connections out by a hash of the addresses, so that the eight a legacy system keeps open fall 6 to 2 as readily as
4 to 4 and stay so for hours, and what waits in the queue of a worker that stops is reset. With one queue nothing is
lost while any worker lives. Left alone, though, whoever wakes first takes all there is; so a worker takes one at a
time, and while another holds fewer connections it leaves the next one to that one for a moment.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import socket
import tempfile
from collections.abc import Callable
from typing import Any

from gateway.http.protocol import BoundedProtocol

COURTESY_SECONDS = 0.002
"""How long a connection is left to a worker that holds fewer; one that is too busy to take it loses it then."""
CROWDED_SECONDS = 0.05
"""Pause of a process that can take no more connections; they wait in the kernel's queue."""
LAST_CALL = 512
"""Connections taken from the queue at the end, so that closing it resets nobody who was let in by the kernel."""
PLACES = 512
ABSENT = -1
_INT_BYTES = 4


class Board:
    """How many connections each worker holds, in memory that all of them share; every worker writes its own place."""

    def __init__(self, descriptor: int, place: int = 0) -> None:
        self.descriptor, self.place = descriptor, place
        self._counts = memoryview(mmap.mmap(descriptor, PLACES * _INT_BYTES)).cast("i")

    @classmethod
    def fresh(cls) -> Board:
        """A new board on which nobody is present."""
        with tempfile.TemporaryFile() as file:
            file.truncate(PLACES * _INT_BYTES)
            board = cls(os.dup(file.fileno()))
        for place in range(PLACES):
            board.write(ABSENT, place)
        return board

    def write(self, count: int, place: int | None = None) -> None:
        self._counts[self.place if place is None else place] = count

    def counts(self) -> list[int]:
        """What the workers that are present hold."""
        return [count for count in self._counts if count != ABSENT]

    def least(self) -> int:
        """The fewest connections any worker holds that is present."""
        return min(self.counts(), default=0)


class Connections(set[Any]):
    """The open connections of one process; their number stands on the board, if there is one."""

    def __init__(self, board: Board | None) -> None:
        super().__init__()
        self._board = board
        self.publish()

    def add(self, connection: Any) -> None:
        super().add(connection)
        self.publish()

    def discard(self, connection: Any) -> None:
        super().discard(connection)
        self.publish()

    def publish(self) -> None:
        if self._board is not None:
            self._board.write(len(self))


class Acceptor:
    """Takes connections one by one; ``most`` is how many this process may hold.

    At that number one that waits for its caller gives way to the new one, longest first: whoever opens connections only
    to keep them open, or asks now and then to the same end, displaces himself; a request that is in whole stays. Where
    all are at work, the new one waits.
    """

    def __init__(
        self,
        sock: socket.socket,
        protocol: Callable[[], BoundedProtocol],
        connections: Connections,
        most: int,
        board: Board | None,
    ) -> None:
        self._sock, self._protocol, self._connections = sock, protocol, connections
        self._most, self._board = most, board
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[Any]] = set()
        sock.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Take what waits, then listen no more."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._sock)
        for _ in range(LAST_CALL):
            if not self._take():
                break
        self._sock.close()

    async def opened(self) -> None:
        """Wait until every connection taken has its protocol."""
        if self._opening:
            await asyncio.wait(self._opening)

    def _listen(self) -> None:
        self._pause = None
        if self._sock.fileno() >= 0:
            self._loop.add_reader(self._sock, self._ready)

    def _ready(self) -> None:
        if self._board is not None and self._board.least() < len(self._connections):
            self._rest(COURTESY_SECONDS, self._after_courtesy)
        else:
            self._take_with_room()

    def _rest(self, seconds: float, then: Callable[[], None]) -> None:
        self._loop.remove_reader(self._sock)
        self._pause = self._loop.call_later(seconds, then)

    def _after_courtesy(self) -> None:
        self._listen()
        self._take_with_room()

    def _take_with_room(self) -> None:
        full = len(self._connections) + len(self._opening) >= self._most
        if full and not BoundedProtocol.can_give_way():
            self._rest(CROWDED_SECONDS, self._listen)
        elif self._take() and full:
            BoundedProtocol.give_way()

    def _take(self) -> bool:
        """Take one connection; false when there was none, or no room for it."""
        try:
            connection, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError:  # no file descriptors are left: what waits goes on waiting
            self._rest(CROWDED_SECONDS, self._listen)
            return False
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return True

    async def _open(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:
            connection.close()  # gone before it was opened

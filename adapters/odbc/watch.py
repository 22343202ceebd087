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
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

_LOOKS_S: Final = 1.0
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


class Target(NamedTuple):
    """Where a connection goes: the addresses of its server and its port, each empty where that is not known."""

    addresses: frozenset[str] = frozenset()
    port: int = 0

    def takes(self, peer: tuple[str, int]) -> bool:
        """Whether a socket with that at its other end may be one of this target's; none where nothing is known."""
        if self == UNKNOWN:
            return False
        return peer[1] == (self.port or peer[1]) and (not self.addresses or peer[0] in self.addresses)

    def meets(self, other: Target) -> bool:
        """Whether a socket may be one of either's."""
        if UNKNOWN in (self, other):
            return self == other
        ports, addresses = {self.port, other.port}, (self.addresses, other.addresses)
        return (0 in ports or len(ports) == 1) and (not all(addresses) or bool(addresses[0] & addresses[1]))


UNKNOWN: Final = Target()


def target_of(server: str, port: int) -> Target:
    """A server by name or address; what cannot be found of it is not known."""
    try:
        found = socket.getaddrinfo(server, None, type=socket.SOCK_STREAM) if server else []
    except (OSError, UnicodeError):
        found = []
    return Target(frozenset(_address(str(one[4][0])) for one in found), port)


class _Opening(NamedTuple):
    """A connection that is being made; ``taken`` are sockets that others found to be theirs meanwhile, by name."""

    target: Target
    taken: set[str]


_CHANGED: Final = threading.Condition()
_RUNNING: Final[list[_Opening]] = []


@contextmanager
def opened_sockets(target: Target = UNKNOWN) -> Iterator[list[socket.socket]]:
    """The network sockets that this process opens to a target in the block, as handles of our own; none where no /proc
    tells. Where no socket goes to the target, or nothing is known of it, all that nobody else is known to have opened.

    Blocks whose sockets could be taken for one another's wait for each other: a server that hangs holds up no other.
    What came in meanwhile is never ours, as a gateway that serves is called while it connects: what a caller has open
    is not ours to hold, nor to shut down.
    """
    found: list[socket.socket] = []
    opened: dict[socket.socket, str] = {}
    own = _begun(target)
    try:
        before = _sockets()
        yield found
        there = _sockets()
        new = {name: descriptor for name, descriptor in there.items() if name not in before}
        opened = {sock: name for name, descriptor in new.items() for sock in _network(descriptor)}
        found += _ours(own, opened, _entrances(there.values()) if opened else set())
        for sock in opened.keys() - found:
            sock.close()
    finally:
        _ended(own, [opened[sock] for sock in found])


def _begun(target: Target) -> _Opening:
    with _CHANGED:
        _CHANGED.wait_for(lambda: not any(target.meets(other.target) for other in _RUNNING))
        own = _Opening(target, set())
        _RUNNING.append(own)
    return own


def _ended(own: _Opening, names: Iterable[str]) -> None:
    with _CHANGED:
        _RUNNING[:] = [other for other in _RUNNING if other is not own]
        for other in _RUNNING:
            other.taken.update(names)
        _CHANGED.notify_all()


def _ours(own: _Opening, opened: Mapping[socket.socket, str], entrances: Collection[int]) -> list[socket.socket]:
    """Those that go to the target; else those that go to nobody else's."""
    with _CHANGED:
        others, taken = [other.target for other in _RUNNING if other is not own], frozenset(own.taken)
    out = [sock for sock, name in opened.items() if name not in taken and _port(sock) not in entrances]
    to_target = [sock for sock in out if own.target.takes(_peer(sock))]
    return to_target or [sock for sock in out if not any(other.takes(_peer(sock)) for other in others)]


def _peer(sock: socket.socket) -> tuple[str, int]:
    with suppress(OSError):
        address, port = sock.getpeername()[:2]
        return _address(address), int(port)
    return "", -1


def _address(text: str) -> str:
    """An address in one spelling, whatever family of sockets it is used in."""
    found = ip_address(text.partition("%")[0])
    return str(getattr(found, "ipv4_mapped", None) or found)


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

"""Room for bodies: how many bytes of them one process holds at a time, whoever sends them on however many connections.

A limit per message bounds one caller; ten thousand connections with ten megabytes each would still fill any machine,
and a signed message is read whole before anybody knows whose it is. What comes in one piece from the socket is not
counted: it is small, and on the hot path.
"""

from __future__ import annotations

from contracts.errors import UpstreamError

MOST_HELD = 64_000_000
"""What is made of a message while it is read takes some four times its bytes."""
_RETRY_AFTER_S = 5


class Room:
    """Not for several threads: the event loop's only. ``largest`` is how long one message may be; two always fit."""

    def __init__(self, largest: int) -> None:
        self._free = max(MOST_HELD, 2 * largest)

    def take(self, size: int) -> None:
        """Raises UpstreamError where there is no room for so many bytes more."""
        if size > self._free:
            message = "too many large messages at once; send this one again later"
            raise UpstreamError(message, code="busy", retry_after=_RETRY_AFTER_S)
        self._free -= size

    def give_back(self, size: int) -> None:
        self._free += size

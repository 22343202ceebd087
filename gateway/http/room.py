"""Room for bodies: how many bytes of them one process holds at a time, whoever sends them on however many connections.

A limit per message bounds one caller; ten thousand connections with ten megabytes each would still fill any machine,
and a signed message is read whole before anybody knows whose it is. What comes in one piece from the socket is not
counted: it is small, and on the hot path.
"""

from __future__ import annotations

from contracts.errors import UpstreamError

MOST_HELD = 64_000_000
"""What is made of a message while it is read takes some four times its bytes."""
STRANGERS_PART = 4
"""One part of so many is what callers not yet known may hold together."""
_RETRY_AFTER_S = 5


class Room:
    """Not for several threads: the event loop's only. ``largest`` is how long one message may be; two always fit.

    Callers not yet known (a signature needs the body it signs) share a quarter: whoever sends bodies in nobody's name
    leaves the rest to those we know. One message of the largest fits into theirs, too.
    """

    def __init__(self, largest: int) -> None:
        self._free = max(MOST_HELD, 2 * largest)
        self._free_to_strangers = max(self._free // STRANGERS_PART, largest)

    def take(self, size: int, *, stranger: bool) -> None:
        """Raises UpstreamError where there is no room for so many bytes more."""
        if size > self._free or (stranger and size > self._free_to_strangers):
            message = "too many large messages at once; send this one again later"
            raise UpstreamError(message, code="busy", retry_after=_RETRY_AFTER_S)
        self._free -= size
        if stranger:
            self._free_to_strangers -= size

    def give_back(self, size: int) -> None:
        """What a known caller took, or ``know`` was told of."""
        self._free += size

    def know(self, size: int) -> None:
        """What a stranger took counts as a known caller's from now on."""
        self._free_to_strangers += size

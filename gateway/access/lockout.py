"""Lock-out of those who guess passwords: the law, and the counts of this process.

* What cannot be guessed is never locked out, and its failures count nowhere: an API key, a signature, a certificate.
* A wrong password, or one for a user that does not exist, counts against its network (one IPv4 address, one IPv6 /64)
  and against the user name. A caller that came in from that network within the last day is counted apart, by name and
  network, and nothing else holds for it: whatever its neighbours behind the same proxy do, and whoever uses its name
  elsewhere.
* From the eleventh failure on a network, or a caller on a network of its own, is locked: for one second, then two, then
  four, at most 15 minutes. A user name is only slowed down: from everywhere else together one password of it is checked
  every five seconds, so nobody is kept out for good. While a lock holds no password is checked and nothing counts. An
  hour after the last lock all is forgotten.
* A password this process saw to be right from the same address within the last minutes is still known to be.

Workers share the counts through the ledger, a few times a second; between two looks each counts for itself. Both tables
are bounded: at ``MOST_SUBJECTS`` the ones that ended first make room.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, ip_address
from typing import Literal, NamedTuple

FREE = 10
"""Failures before the first lock."""
LONGEST = 900.0
PACE = 5.0
"""Seconds between two passwords of a name that failed too often, from networks it is not known at."""
SKEW = 60.0
"""Seconds by which the clocks of workers on several machines may differ."""
FORGET = 3600.0
"""Seconds after the end of the last lock until the count starts anew."""
MOST_SUBJECTS = 10_000


class Count(NamedTuple):
    """Failures so far, and until when nothing is checked, in seconds since 1970."""

    failures: int
    until: float


NONE = Count(0, 0.0)
Kind = Literal["network", "user", "caller"]
"""What is counted: a network, a user name wherever it is used, a caller on a network of its own."""


def counted(before: Count, more: int, now: float, longest: float = LONGEST) -> Count:
    """The count after ``more`` further failures; raising them one by one gives the same lock."""
    failures = (0 if now > before.until + FORGET else before.failures) + more
    seconds = min(2.0 ** min(failures - FREE - 1, 20), longest) if failures > FREE else 0.0
    return Count(failures, max(until(before, now), now + seconds))


def until(count: Count, now: float) -> float:
    """When its lock ends. One that ends later than any lock can was made before the clock was set back: it is over."""
    return count.until if count.until <= now + LONGEST + SKEW else 0.0


def subject(kind: Kind, *values: str) -> bytes:
    """How a count is filed: the kind's first letter and a digest, so that the table tells no name."""
    text = "\0".join((kind, *values))
    return kind[:1].encode() + hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:15]


def longest(filed: bytes) -> float:
    """How long a lock of what is filed so may hold, in seconds."""
    return PACE if filed[:1] == b"u" else LONGEST


def network(address: str) -> str:
    """What counts as one address: an IPv6 caller owns all of its /64, so that is one."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else parsed)


class Lockout:
    """The counts of this process over those the workers share. ``clock`` gives seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._shared: Mapping[bytes, Count] = {}
        self._own: dict[bytes, Count] = {}
        self._unsent: dict[bytes, int] = {}

    def seconds_left(self, *subjects: bytes) -> int:
        """Whole seconds until an attempt of these is looked at again; 0 when it is now."""
        now = self._clock()
        last = max(until(self._count(one), now) for one in subjects)
        return int(min(last - now, LONGEST - 1)) + 1 if last > now else 0

    def failed(self, *subjects: bytes) -> None:
        """Count one failure of each, at once here, and for the other workers with the next exchange."""
        now = self._clock()
        for one in subjects:
            self._make_room()
            self._own[one] = counted(self._count(one), 1, now, longest(one))
            self._unsent[one] = self._unsent.get(one, 0) + 1

    def unsent(self) -> dict[bytes, int]:
        """What the other workers do not know yet; it counts as sent from now on."""
        unsent, self._unsent = self._unsent, {}
        return unsent

    def unsend(self, counts: Mapping[bytes, int]) -> None:
        """Take back what could not be sent."""
        for one, count in counts.items():
            self._unsent[one] = self._unsent.get(one, 0) + count

    def share(self, counts: Mapping[bytes, Count]) -> None:
        """What all workers know together, those of this process included that were sent."""
        self._shared = counts
        self._own = {one: count for one, count in self._own.items() if one in self._unsent}

    def _count(self, one: bytes) -> Count:
        return self._own.get(one) or self._shared.get(one) or NONE

    def _make_room(self) -> None:
        if len(self._own) < MOST_SUBJECTS:
            return
        for gone in sorted(self._own, key=lambda one: self._own[one].until)[: MOST_SUBJECTS // 10]:
            del self._own[gone]
            self._unsent.pop(gone, None)

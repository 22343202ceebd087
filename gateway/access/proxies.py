"""Where a request comes from: its connection's address, or behind a proxy we trust what that proxy says.

``X-Forwarded-For`` is read from its end, for as long as the hop behind it is trusted: what a caller writes into it
stands before what the first trusted proxy adds, and is never reached. Who is not trusted is not heard.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

FORWARDED = b"x-forwarded-for"
MOST_HOPS = 16
MOST_BYTES = 4096
"""Bytes of the header's end that are looked at."""
LONGEST = 64
"""Characters of one hop: an IPv6 address in brackets with its zone and port."""
Network = IPv4Network | IPv6Network


def trusted(texts: Sequence[str]) -> tuple[Network, ...]:
    """The networks of a setting; raises ValueError for what is none, and for one that everybody is in."""
    found = tuple(map(_network, texts))
    if any(network.prefixlen == 0 for network in found):
        raise ValueError("trusts everybody, so anybody could say to be anybody; name your proxies alone")
    return found


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError("expected addresses or networks like 10.0.0.7 or 10.1.0.0/16, separated by commas") from None


class Proxies:
    """The proxies of one installation; none are trusted by default."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = networks

    def origin(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The address a request comes from: of the last hop that is no trusted proxy, else of the first of them.

        ``peer`` is the other end of the connection; ``headers`` are those of the request, names in lower case. A hop
        that is no address ends the reading.
        """
        if not self._networks or not self._trusts(_address(peer)):
            return peer
        found = peer
        for hop in _hops(headers):
            address = _address(hop)
            if address is None:
                return found
            found = str(address)
            if not self._trusts(address):
                return found
        return found

    def _trusts(self, address: IPv4Address | IPv6Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _hops(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """The hops of all lines of the header together, the nearest first."""
    whole = b",".join(value for name, value in headers if name == FORWARDED)
    return whole[-MOST_BYTES:].decode("latin-1").split(",")[: -MOST_HOPS - 1 : -1]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address of a hop, with or without a port; None for what is none."""
    text = text.strip(" \t")
    if len(text) > LONGEST:
        return None
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found

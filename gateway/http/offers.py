"""Reading a request that offers another protocol (``Upgrade: h2c``, as Java's client does by itself) as if it did not.

No other protocol is spoken here, and an offer that is not taken up changes nothing (RFC 9110, 7.8): the request has its
body, and is answered in HTTP/1.1. llhttp takes every offer for accepted: it stops behind the head, and would read the
body as the next request. So the head is read once more without the offer, and the body after it as its length says.
"""

from __future__ import annotations

from array import array
from typing import Any

import httptools

_OFFER = b"upgrade"


class UnmovedParser(httptools.HttpRequestParser):
    """llhttp for one connection that stays in HTTP/1.1.

    While ``should_upgrade()`` is true, ``protocol`` is told of a head that will come again: it must start nothing then.
    ``protocol.url`` and ``protocol.headers`` hold what was read of it. Raises HttpParserError for what is not HTTP, and
    for CONNECT, behind which anything may follow.
    """

    def __init__(self, protocol: Any) -> None:
        super().__init__(protocol)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it: a late request is ignored
        self._protocol = protocol

    def feed_data(self, data: bytes | bytearray | memoryview | array[int]) -> None:
        rest = memoryview(data)
        while True:
            try:
                return super().feed_data(rest)
            except httptools.HttpParserUpgrade as offer:
                rest = rest[offer.args[0] :]
            super().feed_data(self._head_without_offer())

    def _head_without_offer(self) -> bytes:
        if self.get_method() == b"CONNECT":
            raise httptools.HttpParserError("a tunnel was asked for, and this is no proxy")
        target, version = self._protocol.url, self.get_http_version().encode()
        kept = [b"%s: %s\r\n" % header for header in self._protocol.headers if header[0] != _OFFER]
        return b"%s %s HTTP/%s\r\n%s\r\n" % (self.get_method(), target, version, b"".join(kept))

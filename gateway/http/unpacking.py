"""A gzip body, unpacked within bounds: the one place for it, before any adapter sees a byte.

A kilobyte of gzip may hold a megabyte. So what comes out is counted as it comes, against the size an integration takes
and against what went in, and nothing beyond either is ever made.
"""

from __future__ import annotations

import zlib

from contracts.errors import MalformedPayload

RATIO = 100
"""Bytes out per byte in. Messages of credit applications pack 5 to 30 times; gzip itself can pack 1,032 times."""
FREE_BYTES = 64 * 1024
"""Up to here the ratio says nothing: small messages may be very alike."""
_GZIP = 16 + zlib.MAX_WBITS


class Unpacking:
    """Takes the parts of one gzip member (RFC 1952); ``limit`` is the most bytes it may hold."""

    def __init__(self, limit: int) -> None:
        self._limit, self._taken, self._made = limit, 0, 0
        self._inflate = zlib.decompressobj(_GZIP)

    def take(self, part: bytes) -> bytes:
        """What a part holds; raises MalformedPayload ``too_large`` or ``not_gzip``."""
        if self._inflate.eof and part:
            raise _broken("goes on behind its end")
        self._taken += len(part)
        bound = self._bound()
        try:
            made = self._inflate.decompress(part, max(1, bound - self._made + 1))
        except zlib.error as exc:
            raise _broken("is not gzip, or damaged") from exc
        self._made += len(made)
        if self._made > bound:
            told = f"unpacked, the body is larger than {self._limit} bytes or {RATIO} times what was sent"
            raise MalformedPayload(told, code="too_large")
        if self._inflate.unused_data:
            raise _broken("goes on behind its end")
        return made

    def finish(self) -> None:
        """Raise MalformedPayload where the body ends before gzip does."""
        if not self._inflate.eof:
            raise _broken("ends before its end")

    def _bound(self) -> int:
        return min(self._limit, max(FREE_BYTES, RATIO * self._taken))


def _broken(told: str) -> MalformedPayload:
    return MalformedPayload(f"the body is sent as gzip, but {told}", code="not_gzip", path="header:content-encoding")

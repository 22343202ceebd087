"""Packed bodies: what was packed is read as if it were plain, and a bomb is refused before it is made."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib

import pytest
from http_parts import Reply, ask, headers, house
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import MalformedPayload
from gateway.http.unpacking import FREE_BYTES, RATIO, Unpacking


def post(body: list[bytes], **bounds: int) -> Reply:
    at = house(**bounds)
    reply = asyncio.run(ask(at.app, sent=headers(content_encoding="gzip"), body=body))
    assert at.desk.refused or reply.status == 200
    return reply


def cut(packed: bytes, size: int) -> list[bytes]:
    return [packed[at : at + size] for at in range(0, len(packed), size)]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_packed_body_is_read_in_whatever_parts_it_comes(size: int) -> None:
    assert post(cut(gzip.compress(b'{"income": 5}'), size)).status == 200


BROKEN = {
    "not packed at all": b'{"income": 5}',
    "zlib without gzip": zlib.compress(b"{}"),
    "cut off": gzip.compress(b"{}" * 500)[:-1],
    "a wrong checksum": gzip.compress(b"{}")[:-8] + b"\0" * 8,
    "a length that lies": gzip.compress(b"{}")[:-4] + b"\xff\xff\xff\x7f",
    "something behind its end": gzip.compress(b"{}") + b"x",
    "two members": gzip.compress(b"{") + gzip.compress(b"}"),
    "nothing": b"",
}


@pytest.mark.parametrize("packed", BROKEN.values(), ids=BROKEN)
def test_what_is_no_gzip_is_refused(packed: bytes) -> None:
    for size in (1, len(packed) or 1):
        reply = post(cut(packed, size) or [b""])
        assert (reply.status, reply.json["code"]) == (400, "not_gzip")


def test_a_body_larger_than_the_limit_is_refused_however_small_it_was_packed() -> None:
    assert post([gzip.compress(b" " * 2_001)], max_bytes=2_000).status == 413
    assert post([gzip.compress(b" " * 1_998 + b"{}")], max_bytes=2_000).status == 200


def test_a_bomb_is_refused_by_its_ratio_and_never_made() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    reply = post([bomb], max_bytes=100_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (reply.status, reply.json["code"]) == (413, "too_large")
    assert peak < RATIO * len(bomb) + 10_000_000


@given(st.binary(max_size=3_000), st.integers(1, 4_000))
def test_what_comes_out_is_what_went_in(content: bytes, size: int) -> None:
    unpacking = Unpacking(FREE_BYTES)
    assert b"".join(map(unpacking.take, cut(gzip.compress(content), size))) == content
    unpacking.finish()


@given(st.binary(max_size=500), st.integers(1, 500))
def test_arbitrary_bytes_raise_only_our_errors(content: bytes, size: int) -> None:
    unpacking = Unpacking(FREE_BYTES)
    with pytest.raises(MalformedPayload):
        for part in cut(content, size):
            unpacking.take(part)
        unpacking.finish()

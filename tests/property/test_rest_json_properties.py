"""Whatever bytes come, only our refusals come out; whatever is written reads back as it was."""

from __future__ import annotations

import copy
import json
import random
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters.rest import strict_json
from adapters.rest.codec import RestCodec, read_key
from contracts.errors import MalformedPayload

CODEC = RestCodec()
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
NAME = TEXT.filter(lambda name: name not in ("header", "lookup"))
NUMBER = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12)
LEAF = st.none() | st.booleans() | st.integers(-(10**37), 10**37) | NUMBER | TEXT
TREE = st.dictionaries(
    NAME,
    st.recursive(LEAF, lambda below: st.lists(below, max_size=4) | st.dictionaries(NAME, below, max_size=4)),
    max_size=5,
)
FRAGMENTS = st.lists(
    st.sampled_from(b'{ } [ ] " \\ , : 1 e9 - . NaN true "a": \xff \\ud800 \\u0000 \xef\xbb\xbf "header":'.split()),
    max_size=80,
).map(b"".join)


@given(st.binary(max_size=300) | FRAGMENTS)
def test_arbitrary_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        tree = CODEC.decode(raw, {})
    except MalformedPayload as refusal:
        assert refusal.detail_code
    else:
        assert isinstance(tree, dict)


@given(st.dictionaries(st.sampled_from(["idempotency-key", "x-correlation-id", "content-type"]), st.text(max_size=300)))
def test_arbitrary_headers_are_read_or_refused(header: dict[str, str]) -> None:
    try:
        found = CODEC.decode(b"{}", header)["header"]
    except MalformedPayload as refusal:
        assert refusal.path.startswith("header:")
    else:
        assert all(value.isascii() and value.isprintable() for value in found.values())


PIECES = st.lists(
    st.sampled_from(
        [b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"1", b"\n", b'"a":1', b'{"b":2}', b"{}", b'"header":']
    ),
    max_size=8,
).map(b"".join)
LINE = (
    st.dictionaries(NAME, LEAF, max_size=3).map(strict_json.write)
    | PIECES.map(lambda inside: b"{" + inside + b"}")
    | FRAGMENTS
)


@given(st.lists(LINE, min_size=1, max_size=4))
def test_many_texts_read_in_one_go_are_what_each_is_by_itself(raws: list[bytes]) -> None:
    together = CODEC.decode_many(raws)
    if together is not None:
        assert _comparable(together) == _comparable([CODEC.decode(raw, {}) for raw in raws])


@given(TREE)
def test_what_is_written_reads_back(tree: dict[str, Any]) -> None:
    assert _comparable(strict_json.read(strict_json.write(tree))) == _comparable(tree)


@given(TREE)
def test_foreign_writers_are_read_alike(tree: dict[str, Any]) -> None:
    """Python's own writer stands in for the caller's, with escapes and white space of its own."""
    written = json.dumps(tree, indent=1, default=float).encode()
    theirs = json.loads(written, parse_float=Decimal)
    assert strict_json.read(written) == theirs


@given(TREE, st.randoms(use_true_random=False))
def test_the_order_of_members_is_irrelevant(tree: dict[str, Any], shuffler: random.Random) -> None:
    items = list(tree.items())
    shuffler.shuffle(items)
    assert CODEC.decode(strict_json.write(dict(items)), {}) == CODEC.decode(strict_json.write(tree), {})


@given(TREE)
def test_the_same_tree_gives_the_same_bytes(tree: dict[str, Any]) -> None:
    assert strict_json.write(copy.deepcopy(tree)) == strict_json.write(tree)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=255))
def test_every_printable_key_can_be_quoted(key: str) -> None:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    assert read_key(f'"{escaped}"') == key


def _comparable(node: Any) -> Any:
    """Decimals by their digits; whole ones read back as integers."""
    if isinstance(node, dict):
        return {key: _comparable(below) for key, below in node.items()}
    if isinstance(node, list):
        return [_comparable(below) for below in node]
    if isinstance(node, Decimal):
        return format(node, "f")
    return node

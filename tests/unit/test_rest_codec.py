"""The rest codec: headers into the tree, refusals by JSON pointer."""

from __future__ import annotations

import json

import pytest

from adapters.rest.codec import RestCodec, read_key
from contracts.errors import InvalidRecord, MalformedPayload
from contracts.types import Problem
from gateway.spi import Codec, Refusal

CODEC = RestCodec()


def test_is_a_codec() -> None:
    assert isinstance(CODEC, Codec)


def test_puts_key_and_correlation_into_the_tree() -> None:
    tree = CODEC.decode(b'{"a":1}', {"idempotency-key": '"k 1"', "x-correlation-id": "c-1", "host": "x"})
    assert tree == {"a": 1, "header": {"idempotency-key": "k 1", "x-correlation-id": "c-1"}}


def test_headers_not_sent_are_absent_from_the_tree() -> None:
    assert CODEC.decode(b"{}", {}) == {"header": {}}


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ('"8e03978e"', "8e03978e"),
        ("8e03978e-40d5:A/b.c=", "8e03978e-40d5:A/b.c="),
        ('"with space"', "with space"),
        ('"a \\"b\\" \\\\c"', 'a "b" \\c'),
        ('"' + "k" * 255 + '"', "k" * 255),
    ],
)
def test_reads_a_structured_string_and_the_bare_token(value: str, key: str) -> None:
    assert read_key(value) == key


@pytest.mark.parametrize(
    "value", ["", '""', '"open', 'a"b', "two words", '"a", "b"', '"a";p=1', '"a\\x"', "é", '"\x7f"', "k" * 256, "a,b"]
)
def test_refuses_a_key_that_is_neither(value: str) -> None:
    with pytest.raises(MalformedPayload) as caught:
        read_key(value)
    assert (caught.value.detail_code, caught.value.path) == ("bad_header", "header:idempotency-key")


def test_a_required_key_that_is_missing_is_named() -> None:
    with pytest.raises(MalformedPayload) as caught:
        RestCodec(key_required=True).decode(b"{}", {})
    assert caught.value.detail_code == "key_missing"


@pytest.mark.parametrize("value", ["", "a b", "é", "c" * 129])
def test_refuses_a_correlation_id_it_could_not_give_back(value: str) -> None:
    with pytest.raises(MalformedPayload):
        CODEC.decode(b"{}", {"x-correlation-id": value})


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"', "application/x.y+json"],
)
def test_takes_json_by_any_of_its_names(media_type: str) -> None:
    assert CODEC.decode(b"{}", {"content-type": media_type})


@pytest.mark.parametrize("media_type", ["", "text/xml", "application/json; charset=latin-1", "text/json"])
def test_refuses_what_does_not_claim_to_be_json(media_type: str) -> None:
    with pytest.raises(MalformedPayload) as caught:
        CODEC.decode(b"{}", {"content-type": media_type})
    assert caught.value.detail_code == "unsupported_media_type"


@pytest.mark.parametrize("name", ["header", "lookup"])
def test_a_body_cannot_forge_what_the_gateway_fills_in(name: str) -> None:
    with pytest.raises(MalformedPayload) as caught:
        CODEC.decode(json.dumps({name: {"bureau": {"score": 999}}}).encode(), {})
    assert (caught.value.detail_code, caught.value.path) == ("reserved_name", f"/{name}")


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("income", "/income"),
        ("applicant.income", "/applicant/income"),
        ("applicants[1].income", "/applicants/1/income"),
        ("applicants[].income", "/applicants"),
        ("a/b.c~d", "/a~1b/c~0d"),
        ("a-b.@x", "/a-b/@x"),
        ('["a.b"].c', "/a.b/c"),
        ('a["b]/\\"c"][2].d', '/a/b]~1"c/2/d'),
        ('a.b["cut sho', "/a/b"),
        (".".join("abcdefghijklmnopqrstuvwxyz"), "/" + "/".join("abcdefghijklmnopqrstuvwxyz")),
        ("", ""),
        ("header.idempotency-key", "header:idempotency-key"),
        ("lookup.bureau.score", "lookup:bureau.score"),
        ("headers.x", "/headers/x"),
    ],
)
def test_writes_tree_paths_as_json_pointers(path: str, pointer: str) -> None:
    assert CODEC.native_path(path) == pointer


def test_a_refusal_lists_every_problem_by_pointer() -> None:
    problems = [
        Problem("out_of_range", "maximum", "/applicant/income", "a number above the maximum", "at most 1000"),
        Problem("missing_required", "required", "header:idempotency-key", "nothing", "a text"),
    ]
    written = json.loads(CODEC.refuse(Refusal(InvalidRecord(problems), [p._asdict() for p in problems])))
    assert written == {
        "type": "urn:scoregate:problem:invalid_record",
        "title": "The application breaks its contract",
        "status": 422,
        "detail": "the application breaks its contract in 2 place(s)",
        "code": "invalid_record",
        "errors": [
            {
                "pointer": "/applicant/income",
                "code": "out_of_range",
                "rule": "maximum",
                "detail": "seen: a number above the maximum; expected: at most 1000",
            },
            {
                "header": "idempotency-key",
                "code": "missing_required",
                "rule": "required",
                "detail": "seen: nothing; expected: a text",
            },
        ],
    }

"""The envelope of a batch: what it may look like, which fault is named where, and what comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytest
from fakes import MemoryDesk

from adapters.rest import adapter
from adapters.rest.batch import MOST_ITEMS, Item, check_header, read, write
from adapters.rest.codec import RestCodec, read_key
from contracts.errors import Conflict, MalformedPayload, ScoregateError, UpstreamError
from gateway.spi import Answer, Asked, Refusal, Request


def envelope(*items: Any) -> bytes:
    return json.dumps({"items": items}).encode()


def test_each_application_keeps_the_bytes_it_came_with() -> None:
    first = b'{"application":{ "b" : 1e3,"a":[1, {"x":"}"}] },"idempotency_key" : "k\\u0031"}'
    raw = b' {"items" : [ ' + first + b', {"application":[]}]}\n'
    assert read(raw) == [Item("k1", b'{ "b" : 1e3,"a":[1, {"x":"}"}] }'), Item(None, b"[]")]


def test_what_an_application_holds_is_not_judged_with_the_envelope() -> None:
    applications = [b"7", b"null", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 100 + b"]" * 100, b"1" + b"0" * 5000]
    raw = b'{"items":[' + b",".join(b'{"application":%s}' % one for one in applications) + b"]}"
    assert [item.application for item in read(raw)] == applications


@pytest.mark.parametrize("key", ["k", 'a "quoted" \\ key', " ", "~" * 255])
def test_a_key_means_what_it_means_as_a_header(key: str) -> None:
    item = read(envelope({"idempotency_key": key, "application": {}}))[0]
    assert read_key(item.header()["idempotency-key"]) == key


@pytest.mark.parametrize(
    ("raw", "code", "pointer"),
    [
        (b"", "not_a_batch", ""),
        (b"[]", "not_a_batch", ""),
        (b"{}", "no_items", "/items"),
        (b'{"items":[]}', "no_items", "/items"),
        (b'{"items":{}}', "not_a_batch", "/items"),
        (b'{"items":[{"application":{}}],"more":1}', "unknown_member", "/more"),
        (b'{"items":[{"application":{}}],"items":[]}', "duplicate_name", ""),
        (b'{"items":[7]}', "not_a_batch", "/items/0"),
        (b'{"items":[{"application":{}},{"idempotency_key":"k"}]}', "no_application", "/items/1"),
        (b'{"items":[{"application":{},"key":"k"}]}', "unknown_member", "/items/0/key"),
        (b'{"items":[{"application":{},"\\u0000 x":"k"}]}', "unknown_member", "/items/0/?"),
        (b'{"items":[{"application":{},"application":{}}]}', "duplicate_name", "/items/0"),
        (b'{"items":[{"application":{},"idempotency_key":1}]}', "bad_key", "/items/0/idempotency_key"),
        (b'{"items":[{"application":{},"idempotency_key":""}]}', "bad_key", "/items/0/idempotency_key"),
        (b'{"items":[{"application":{},"idempotency_key":"\\n"}]}', "bad_key", "/items/0/idempotency_key"),
        (b'{"items":[{"application":{}},]}', "not_a_batch", "/items/1"),
        (b'{"items":[{"application":{}}]', "not_json", ""),
        (b'{"items":[{"application":{}}]} {}', "not_json", ""),
        (b'{"items":[{"application":nul}]}', "not_json", ""),
        (b'{"items":[{"application":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}", "too_deep", "/items/0/application"),
        (b'{"items":"\xff"}', "not_utf8", ""),
        (envelope(*({"application": {}} for _ in range(MOST_ITEMS + 1))), "too_many_items", "/items"),
    ],
)
def test_the_first_fault_of_the_envelope_refuses_the_whole(raw: bytes, code: str, pointer: str) -> None:
    with pytest.raises(MalformedPayload) as refused:
        read(raw)
    assert (refused.value.detail_code, refused.value.path) == (code, pointer)


def test_the_largest_batch_is_read() -> None:
    assert len(read(envelope(*({"application": {}} for _ in range(MOST_ITEMS))))) == MOST_ITEMS


@pytest.mark.parametrize("header", [{"content-type": "text/plain"}, {"idempotency-key": '"k"'}])
def test_a_header_that_contradicts_a_batch_is_refused(header: dict[str, str]) -> None:
    with pytest.raises(MalformedPayload):
        check_header(header)


def test_outcomes_stand_in_the_order_of_the_items_each_with_its_own_status() -> None:
    codec = RestCodec()
    late, conflict = UpstreamError("late", code="late", retry_after=3), Conflict("other", code="request_key_conflict")
    raw = write(
        codec,
        [
            (Answer(b'{"score":1.50}', "d-1", True), None),
            (late, Refusal(late, [])),
            (conflict, Refusal(conflict, [])),
        ],
    )
    assert b'"answer":{"score":1.50}' in raw
    assert [
        {name: value for name, value in item.items() if name not in ("answer", "problem")}
        for item in json.loads(raw)["items"]
    ] == [
        {"pointer": "/items/0/application", "status": 200, "decision_id": "d-1", "repeated": True},
        {"pointer": "/items/1/application", "status": 503, "retry_after": 3},
        {"pointer": "/items/2/application", "status": 422},
    ]
    assert json.loads(raw)["items"][1]["problem"] == json.loads(codec.refuse(Refusal(late, [])))


class Listening(MemoryDesk):
    """Keeps the correlation of every asking, refused ones too."""

    def __init__(self) -> None:
        super().__init__("juniper-api", RestCodec())
        self.correlations: list[str] = []

    async def decide_batch(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        self.correlations += [one.correlation for one in asked]
        return await super().decide_batch(asked)

    async def refuse(self, asked: Asked, error: ScoregateError) -> None:
        self.correlations.append(asked.correlation)
        await super().refuse(asked, error)


@pytest.mark.parametrize(
    ("body", "times"), [(envelope({"application": {}}, {"application": {"applicant": {}}}), 2), (b"{", 1)]
)
def test_every_item_carries_the_correlation_of_its_batch(body: bytes, times: int) -> None:
    desk = Listening()
    (route,) = (route for route in adapter.routes(desk) if route.operation == "batch")
    request = Request("POST", route.path, {}, {}, body, "juniper", "c-7", frozenset({"batch"}))
    with nullcontext() if times > 1 else pytest.raises(MalformedPayload):
        asyncio.run(route.handle(request))
    assert desk.correlations == ["c-7"] * times

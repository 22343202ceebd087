"""The door of one address: who calls, how much, how long; what it answers and what it writes down."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fakes import MemoryDesk
from http_parts import ELSEWHERE_KEY, KEY, READ_ONLY_KEY, SCORE, House, Reply, ask, headers, house

from adapters.rest.codec import RestCodec
from contracts.errors import DecisionExpired, InternalFault, UpstreamError
from gateway.spi import Tree
from gateway.watching.catalog import LATE, LOG_UNWRITTEN, REQUESTS, UNAUTHENTICATED


def exchange(at: House, *args: Any, **kwargs: Any) -> Reply:
    return asyncio.run(ask(at.app, *args, **kwargs))


def judging(judge: Any) -> House:
    return house(MemoryDesk("juniper-api", RestCodec(), judge))


def raising(error: Exception) -> House:
    def judge(tree: Tree) -> Tree:
        raise error

    return judging(judge)


def test_an_application_is_answered_with_its_decision() -> None:
    reply = exchange(house(), sent=headers(idempotency_key='"k-1"', x_correlation_id="c-1"))
    assert reply.status == 200
    assert reply.body == b'{"score":612,"pd":0.020400}'
    assert reply.headers == {
        "content-type": "application/json",
        "cache-control": "no-store",
        "x-decision-id": "decision-0",
        "content-length": "27",
        "x-correlation-id": "c-1",
    }


def test_a_repeat_gets_the_stored_answer_and_says_so() -> None:
    at = house()
    first, second = (exchange(at, sent=headers(idempotency_key="k")) for _ in range(2))
    assert second.body == first.body
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["x-decision-id"] == first.headers["x-decision-id"]
    assert "idempotency-replayed" not in first.headers


def test_a_key_used_for_another_application_is_unprocessable() -> None:
    at = house()
    exchange(at, sent=headers(idempotency_key="k"), body=b'{"a":1}')
    reply = exchange(at, sent=headers(idempotency_key="k"), body=b'{"a":2}')
    assert (reply.status, reply.json["code"]) == (422, "request_key_conflict")


def test_a_correlation_id_is_made_up_where_none_came() -> None:
    first, second = (exchange(house()).headers["x-correlation-id"] for _ in range(2))
    assert len(first) == 32
    assert first != second


@pytest.mark.parametrize(
    "sent",
    [
        headers(None),
        headers(KEY + "x"),
        headers(""),
        headers(None, authorization=f"Basic {KEY}"),
        headers(None, authorization=KEY),
        headers(None, x_api_key="é"),
        headers(KEY, x_api_key="another"),
    ],
)
def test_unknown_callers_all_get_the_same_refusal(sent: list[tuple[bytes, bytes]]) -> None:
    at = house()
    reply = exchange(at, sent=sent)
    assert reply.status == 401
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json["detail"] == "access denied: check the credentials and what they are allowed to do"
    assert at.desk.refused == []
    assert at.counted()[(UNAUTHENTICATED,)] == 1


@pytest.mark.parametrize("sent", [headers(None, x_api_key=KEY), headers(None, authorization=f"bearer {KEY}")])
def test_the_key_may_come_in_either_header(sent: list[tuple[bytes, bytes]]) -> None:
    assert exchange(house(), sent=sent).status == 200


@pytest.mark.parametrize("key", [READ_ONLY_KEY, ELSEWHERE_KEY])
def test_known_callers_may_do_only_what_they_may(key: str) -> None:
    at = house()
    reply = exchange(at, sent=headers(key))
    assert reply.status == 403
    assert "juniper" not in reply.body.decode()
    assert [code for _, code in at.desk.refused] == ["access_denied"]


def test_the_integration_can_narrow_who_is_welcome() -> None:
    assert exchange(house(principals=frozenset({"other"}))).status == 403
    assert exchange(house(principals=frozenset({"juniper"}))).status == 200


def test_adapters_never_see_the_key() -> None:
    seen: list[dict[str, str]] = []
    desk = MemoryDesk("juniper-api", RestCodec())
    original = desk.decide

    async def decide(asked: Any) -> Any:
        seen.append(dict(asked.header))
        return await original(asked)

    desk.decide = decide  # type: ignore[method-assign]
    exchange(house(desk), sent=headers(idempotency_key="k", x_unrelated="u"))
    assert seen == [{"content-type": "application/json", "idempotency-key": "k"}]


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_beyond_the_limit_is_refused_while_it_arrives(declared: bool) -> None:
    at = house(max_bytes=1000)
    taken: list[int] = []

    def parts() -> Any:
        for number in range(200):
            taken.append(number)
            yield b"x" * 100

    sent = headers(content_length="20000") if declared else headers()
    reply = exchange(at, sent=sent, body=parts())
    assert (reply.status, reply.json["code"]) == (413, "too_large")
    assert reply.headers["connection"] == "close"
    assert at.desk.refused == [("juniper", "too_large")]


def test_a_body_of_exactly_the_limit_is_taken() -> None:
    body = b'{"a":"' + b"x" * 92 + b'"}'
    assert exchange(house(max_bytes=100), body=body).status == 200
    assert exchange(house(max_bytes=99), body=body).status == 413
    assert exchange(house(max_bytes=100), body=[body[:50], body[50:]]).status == 200


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    async def run() -> Reply:
        at = house(read_seconds=0.05)
        return await ask(at.app, body=[b"{", asyncio.sleep(30), b"}"])

    reply = asyncio.run(run())
    assert (reply.status, reply.json["code"]) == (408, "body_timeout")
    assert reply.headers["connection"] == "close"


def test_bodies_in_nobodys_name_leave_room_for_those_of_known_callers() -> None:
    unsigned = headers(None, webhook_id="a", webhook_timestamp="1", webhook_signature="v1,x")
    large, body = b"x" * 9_100_000, [b'{"a":"', b"x" * 1_000_000, b'"}']

    async def run() -> tuple[list[int], int, int]:
        at, hold = house(max_bytes=10_000_000), asyncio.Event()
        flood = [asyncio.create_task(ask(at.app, sent=unsigned, body=[large, hold.wait(), b"x"])) for _ in range(7)]
        await asyncio.sleep(0.01)
        known = await ask(at.app, body=body)
        hold.set()
        refused = [reply.status for reply in await asyncio.gather(*flood)]
        return refused, known.status, (await ask(at.app, sent=unsigned, body=[large, b"x"])).status

    assert asyncio.run(run()) == ([401, *[503] * 6], 200, 401)


def test_an_answer_that_does_not_come_is_given_up() -> None:
    at = house(MemoryDesk("juniper-api", RestCodec(), delay=30), deadline=0.05, guard_seconds=0.0)
    reply = exchange(at)
    assert (reply.status, reply.json["code"]) == (503, "late")
    assert reply.headers["retry-after"] == "1"
    assert at.counted()[(LATE, "juniper-api")] == 1
    assert [line["correlation"] for line in at.lines() if line["event"] == "late"] == [
        reply.headers["x-correlation-id"]
    ]


def test_a_server_that_stops_is_not_mistaken_for_a_late_answer() -> None:
    async def run() -> None:
        at = house(MemoryDesk("juniper-api", RestCodec(), delay=30))
        task = asyncio.ensure_future(ask(at.app))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_a_caller_that_goes_away_is_not_answered() -> None:
    at = house()

    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "method": "POST", "path": SCORE, "query_string": b"", "headers": headers()}

    async def run() -> None:
        await at.app(scope, gone, send)

    asyncio.run(run())
    assert at.lines()[-1]["status"] == 499


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UpstreamError("the queue is full", code="busy", retry_after=3), 503),
        (DecisionExpired("expired", decision_id="d"), 410),
        (InternalFault("secret 123"), 500),
        (ValueError("secret 123"), 500),
    ],
)
def test_whatever_is_raised_inside_becomes_a_refusal(error: Exception, status: int) -> None:
    at = raising(error)
    reply = exchange(at)
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert "secret" not in reply.body.decode()
    assert "secret" not in at.log.getvalue().decode()


def test_a_fault_of_ours_is_written_down_with_its_place_and_without_its_text() -> None:
    at = raising(ZeroDivisionError("income was 1234"))
    exchange(at)
    fault = next(line for line in at.lines() if line["event"] == "fault")
    assert fault["kind"] == "InternalFault from ZeroDivisionError"
    assert "test_http_door.py" in fault["where"]
    assert "1234" not in json.dumps(fault)


@pytest.mark.parametrize("name", ["authorization", "idempotency-key", "x-correlation-id", "content-type", "x-api-key"])
def test_a_header_that_means_one_thing_may_not_come_twice(name: str) -> None:
    twice = [(name.encode(), b"a"), (name.encode(), b"b")]
    reply = exchange(house(), sent=[*(h for h in headers() if h[0] != name.encode()), *twice])
    assert (reply.status, reply.json["errors"][0]["header"]) == (400, name)


def test_a_flood_of_headers_is_refused() -> None:
    flood = [(f"x-{number}".encode(), b"v") for number in range(200)]
    assert exchange(house(), sent=[*headers(), *flood]).status == 431


def test_a_log_line_names_the_exchange_and_nothing_of_the_application() -> None:
    at = house()
    exchange(at, sent=headers(x_correlation_id='a"b'), body=b'{"applicant":{"income":"very personal"}}')
    line = at.lines()[-1]
    assert line.pop("ms") >= 0
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "warning",
        "event": "request",
        "worker": 1,
        "integration": "juniper-api",
        "operation": "score",
        "principal": "juniper",
        "mode": "test",
        "status": 422,
        "code": "invalid_record",
        "cause": "",
        "correlation": 'a"b',
    }
    assert b"personal" not in at.log.getvalue()


def test_unknown_callers_are_counted_not_written_down() -> None:
    at = house(level="info")
    exchange(at, sent=headers(None))
    assert at.lines() == []
    assert at.counted()[(REQUESTS, "juniper-api", "", "401", "caller")] == 1


def test_a_log_that_cannot_be_written_stops_no_answer() -> None:
    at = house()
    at.log.close()
    assert exchange(at).status == 200
    at.journal.flush()
    assert at.counted()[(LOG_UNWRITTEN,)] == 1


def test_a_decision_is_read_again_by_its_key_slashes_and_all() -> None:
    at = house()
    first = exchange(at, sent=headers(idempotency_key='"2024/08 15"'))
    reply = exchange(at, "GET", "/v1/juniper-api/decisions/2024/08 15", headers(READ_ONLY_KEY))
    assert (reply.status, reply.body) == (200, first.body)


@pytest.mark.parametrize("key", ["", "unknown", "..", "a\x00b", "k" * 300])
def test_a_key_nothing_stands_under_is_not_found(key: str) -> None:
    reply = exchange(house(), "GET", f"/v1/juniper-api/decisions/{key}")
    assert (reply.status, reply.json["code"]) == (404, "not_found")


@pytest.mark.parametrize(("method", "path"), [("POST", SCORE), ("GET", "/v1/juniper-api/decisions/k")])
def test_a_correlation_id_that_cannot_be_given_back_is_refused(method: str, path: str) -> None:
    reply = exchange(house(), method, path, headers(x_correlation_id="two words"))
    assert (reply.status, reply.json["errors"][0]["header"]) == (400, "x-correlation-id")
    assert len(reply.headers["x-correlation-id"]) == 32


def test_too_many_query_parameters_are_refused() -> None:
    assert exchange(house(), query=b"&".join([b"a=1"] * 40)).status == 400
    assert exchange(house(), query=b"a=1&a=2").status == 200

"""The cold routes, refusals of addresses nobody owns, and the OpenAPI document."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from fakes import MemoryDesk
from http_parts import SCORE, House, Reply, ask, headers, house
from jsonschema import Draft202012Validator

from adapters.rest import adapter
from adapters.rest.codec import RestCodec
from gateway.http.app import Readiness


def get(at: House, path: str, method: str = "GET", **kwargs: Any) -> Reply:
    return asyncio.run(ask(at.app, method, path, headers(None), **kwargs))


def test_is_alive() -> None:
    assert get(house(), "/healthz").json == {"status": "alive"}


def test_is_ready_although_one_integration_is_not() -> None:
    reply = get(house(), "/readyz")
    assert reply.status == 200
    broken = {"state": "unavailable", "cause": "configuration_error"}
    assert reply.json == {"ready": True, "integrations": {"juniper-api": {"state": "ready"}, "broken": broken}}


def test_says_when_it_is_not_ready() -> None:
    reply = get(house(cause="disk_full"), "/readyz")
    assert (reply.status, reply.json["ready"], reply.json["cause"]) == (503, False, "disk_full")
    assert reply.headers["cache-control"] == "no-store"


def test_is_ready_with_a_warning_where_decisions_are_made_though_something_is_wrong() -> None:
    found = Readiness("", {}, warnings=["principals_unread"]).document()
    assert found == {"ready": True, "warnings": ["principals_unread"], "integrations": {}}


def test_counts_what_it_answered() -> None:
    at = house()
    get(at, SCORE, "POST")
    asyncio.run(ask(at.app))
    text = get(at, "/metrics").body.decode()
    assert 'scoregate_http_requests_total{blame="",integration="juniper-api",mode="test",status="200"} 1.0' in text
    assert "scoregate_http_unauthenticated_total 1.0" in text


@pytest.mark.parametrize(
    "path",
    [
        "/", "/v1", "/v1/", "/v1//juniper-api/score", "//v1/juniper-api/score", "/v1/juniper-api/score/",
        "/v1/../v1/juniper-api/score", "/v1/unknown/score", "/docs", "/redoc", "/v1/juniper-api/decisions",
        "/V1/juniper-api/score", "/v1/juniper-api/score\x00", "/v1/{integration}/score",
    ],
)  # fmt: skip
def test_addresses_that_are_none_are_not_found(path: str) -> None:
    reply = get(house(), path)
    assert (reply.status, reply.headers["content-type"]) == (404, "application/problem+json")
    assert reply.json["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", SCORE, "POST"),
        ("OPTIONS", SCORE, "POST"),
        ("DELETE", "/v1/juniper-api/decisions/k", "GET, HEAD"),
        ("POST", "/healthz", "GET"),
    ],
)
def test_wrong_methods_are_told_the_right_ones(method: str, path: str, allowed: str) -> None:
    reply = get(house(), path, method)
    assert (reply.status, reply.headers["allow"]) == (405, allowed)
    assert reply.json["code"] == "method_not_allowed"


def test_requests_that_reach_no_integration_are_counted_and_not_written_down() -> None:
    at = house()
    before = get(at, "/metrics").body.decode()
    for path in ("/nowhere", "/v1", SCORE):
        get(at, path)
    after = get(at, "/metrics").body.decode()
    for reason, count in (("not_found", 2), ("method_not_allowed", 1), ("head_late", 0)):
        assert f'scoregate_http_turned_away_total{{reason="{reason}"}} 0.0' in before
        assert f'scoregate_http_turned_away_total{{reason="{reason}"}} {count}.0' in after
    assert at.lines() == []


def test_closes_once_after_the_last_request() -> None:
    at = house()
    events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    said: list[str] = []

    async def receive() -> dict[str, str]:
        return next(events)

    async def send(message: Any) -> None:
        said.append(message["type"])

    async def run() -> None:
        await at.app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)

    asyncio.run(run())
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert at.closed == ["closed"]


def test_the_document_describes_every_address_and_needs_a_key() -> None:
    document = get(house(), "/openapi.json").json
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == "1.2.3"
    assert {(path, method) for path, item in document["paths"].items() for method in item} == {
        (SCORE, "post"),
        ("/v1/juniper-api/batch", "post"),
        ("/v1/juniper-api/decisions/{key}", "get"),
    }
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["security"] == [{"bearer": []}, {"apiKey": []}, {"basic": []}]
            assert "components" not in operation
    operation = document["paths"][SCORE]["post"]
    assert {"200", "400", "401", "409", "413", "415", "422", "503"} <= set(operation["responses"])


def test_every_reference_of_the_document_leads_somewhere(tmp_path: Path) -> None:
    for document in (get(house(), "/openapi.json").json, with_schema(tmp_path)):
        references = list(_references(document))
        assert references
        for reference in references:
            node = document
            for step in reference.removeprefix("#/").split("/"):
                node = node[step]


def test_without_a_schema_the_document_is_derived_through_the_mapping() -> None:
    schemas = get(house(), "/openapi.json").json["components"]["schemas"]
    assert schemas["juniper-api.application"] == {
        "type": "object",
        "required": ["applicant"],
        "properties": {
            "applicant": {
                "type": "object",
                "required": ["income"],
                "properties": {"income": {"type": "integer"}},
            }
        },
    }
    assert schemas["juniper-api.answer"] == {"type": "object", "properties": {"score": {"type": "integer"}}}


def test_with_a_schema_the_document_shows_it_and_the_examples(tmp_path: Path) -> None:
    document = with_schema(tmp_path)
    assert document["components"]["schemas"]["juniper-api.application"]["required"] == ["income"]
    content = document["paths"][SCORE]["post"]["requestBody"]["content"]["application/json"]
    assert content["examples"] == {"score__complete": {"value": {"income": 1}}}


def test_every_schema_of_the_document_is_valid_and_refusals_fit_theirs(tmp_path: Path) -> None:
    document = with_schema(tmp_path)
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    problem = Draft202012Validator(document["components"]["schemas"]["Problem"])
    refused = [
        get(house(), SCORE, "POST"),
        get(house(), "/nowhere"),
        asyncio.run(ask(house().app, body=b'{"applicant":{"income":"x"}}')),
        asyncio.run(ask(house().app, body=b"{", sent=headers(idempotency_key='"'))),
    ]
    for reply in refused:
        problem.validate(reply.json)
        assert reply.json["status"] == reply.status


def with_schema(folder: Path) -> Any:
    schema = {"type": "object", "required": ["income"], "properties": {"income": {"$ref": "#/$defs/money"}}}
    text = json.dumps({**schema, "$defs": {"money": {"type": "integer"}}})
    (folder / "application.schema.json").write_text(text, encoding="utf-8")
    case = folder / "examples" / "score__complete"
    case.mkdir(parents=True, exist_ok=True)
    (case / "request.json").write_text('{"income":1}', encoding="utf-8")
    broken = folder / "examples" / "score__broken"
    broken.mkdir(exist_ok=True)
    (broken / "request.json").write_text("{", encoding="utf-8")
    codec = adapter.wire({"schema": "application.schema.json"}, folder)
    assert isinstance(codec, RestCodec)
    return get(house(MemoryDesk("juniper-api", codec)), "/openapi.json").json


def _references(node: Any) -> Any:
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in members:
        if key == "$ref":
            yield child
        yield from _references(child)

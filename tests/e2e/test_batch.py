"""The batch form of REST on a real gateway: ordered, mixed, retried, bounded, and beside single askings."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from live_gateway import ROOT, Caller, Live, copied, serving, until

from gateway import settings
from gateway.access import principals
from gateway.clock import utc_now
from gateway.ledger import Kind
from gateway.opening import open_ledger

EXAMPLES = ROOT / "fixtures/integrations/juniper-api/examples"
GOOD = json.loads((EXAMPLES / "01-complete__approves/request.json").read_bytes())
SMALLER = GOOD["loan"] | {"amountCents": GOOD["loan"]["amountCents"] - 100}
BATCH, SCORE = "/v1/juniper-api/batch", "/v1/juniper-api/score"


@pytest.fixture(scope="module")
def caller(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Caller:
    home = copied(built_home, tmp_path_factory.mktemp("batch") / "home").home
    file = home / "integrations/juniper-api/integration.yaml"
    text = file.read_text()
    assert "\nlimits: {" in text
    file.write_text(text.replace("\nlimits: {", "\nlimits: {batch_bytes: 2MB, "))
    operations = ["score", "batch", "read"]
    return Caller(home, principals.replace(home / "principals.yaml", "juniper", ["juniper-api"], operations))


@pytest.fixture(scope="module")
def live(caller: Caller) -> Iterator[Live]:
    with serving(caller) as live:
        yield live


def application(name: str, **changes: Any) -> dict[str, Any]:
    return GOOD | {"applicationId": name} | changes


def item(name: str, **changes: Any) -> dict[str, Any]:
    return {"idempotency_key": f"key-{name}", "application": application(name, **changes)}


def send(live: Live, items: list[dict[str, Any]]) -> httpx.Response:
    return live.client.post(BATCH, content=json.dumps({"items": items}).encode(), timeout=60)


def outcomes(live: Live, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    response = send(live, items)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["items"]
    assert [one["pointer"] for one in found] == [f"/items/{n}/application" for n in range(len(items))]
    return found


def entries(caller: Caller, kind: Kind) -> int:
    ledger = open_ledger(settings.load(home=caller.home), utc_now)
    try:
        return sum(entry.kind is kind for entry in ledger.list(limit=1_000_000))
    finally:
        ledger.close()


def test_a_thousand_applications_are_answered_in_order_and_a_retry_decides_nothing_again(
    caller: Caller, live: Live
) -> None:
    items = [item(f"large-{number}") for number in range(1000)]
    first = outcomes(live, items)
    assert {one["status"] for one in first} == {200}
    assert [one["answer"]["applicationId"] for one in first] == [f"large-{number}" for number in range(1000)]
    assert not any(one["repeated"] for one in first)
    decided = entries(caller, Kind.DECISION)
    again = outcomes(live, items)
    assert all(one["repeated"] for one in again)
    assert [one["answer"] for one in again] == [one["answer"] for one in first]
    assert entries(caller, Kind.DECISION) == decided


def test_sigterm_amid_a_batch_ends_it_in_order_and_a_retry_repeats_what_was_decided(caller: Caller, live: Live) -> None:
    items = [item(f"cut-{number}") for number in range(1000)]
    with serving(caller) as ending, ThreadPoolExecutor(1) as beside:
        sent = beside.submit(outcomes, ending, items)
        until(lambda: live.client.get("/v1/juniper-api/decisions/key-cut-0").status_code == 200)
        ending.process.send_signal(signal.SIGTERM)
        assert ending.process.wait(timeout=30) == 0
        first = sent.result()
    decided = {one["answer"]["applicationId"]: one["answer"] for one in first if one["status"] == 200}
    assert decided
    again = outcomes(live, items)
    assert {one["status"] for one in again} == {200}
    assert all(one["repeated"] for one in again if one["answer"]["applicationId"] in decided)
    assert decided.items() <= {one["answer"]["applicationId"]: one["answer"] for one in again}.items()


def test_one_bad_application_spoils_one_and_gets_what_it_would_get_alone(caller: Caller, live: Live) -> None:
    foreign = application("mixed-1", loan=GOOD["loan"] | {"currency": "USD"})
    alone = live.client.post(SCORE, content=json.dumps(foreign).encode())
    refused = entries(caller, Kind.REFUSAL)
    found = outcomes(
        live,
        [
            item("mixed-0"),
            {"application": foreign},
            {"application": [GOOD]},
            item("mixed-0"),
            {"idempotency_key": "key-mixed-0", "application": application("x", loan=SMALLER)},
            {"application": application("mixed-5")},
        ],
    )
    assert [one["status"] for one in found] == [200, 422, 400, 200, 422, 200]
    assert found[1]["problem"] == alone.json()
    assert found[2]["problem"]["code"] == "not_an_object"
    assert (found[3]["repeated"], found[3]["answer"]) == (True, found[0]["answer"])
    assert found[4]["problem"]["code"] == "request_key_conflict"
    assert entries(caller, Kind.REFUSAL) == refused + 3


def test_an_answer_is_byte_for_byte_the_one_found_by_its_key(live: Live) -> None:
    response = send(live, [item("bytes")])
    found = live.client.get("/v1/juniper-api/decisions/key-bytes")
    assert found.content in response.content


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"items":[{"application":{}},{"application":{},"note":"x"}]}', 400, "unknown_member"),
        (b'{"items":[]}', 400, "no_items"),
        (json.dumps({"items": [{"application": {}}] * 1001}).encode(), 400, "too_many_items"),
        (b'{"items":[{"application":"' + b"x" * 2_000_000 + b'"}]}', 413, "too_large"),
    ],
    ids=["member", "empty", "too many", "too large"],
)
def test_a_faulty_envelope_is_refused_whole_and_recorded(
    caller: Caller, live: Live, body: bytes, status: int, code: str
) -> None:
    refused = entries(caller, Kind.REFUSAL)
    response = live.client.post(BATCH, content=body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert entries(caller, Kind.REFUSAL) == refused + 1


def test_an_application_larger_than_the_integration_allows_spoils_itself_alone(live: Live) -> None:
    found = outcomes(live, [{"application": application("x" * 70_000)}, item("beside-a-large-one")])
    assert [one["status"] for one in found] == [413, 200]


def test_a_caller_that_may_only_score_sends_no_batches(caller: Caller) -> None:
    key = principals.replace(caller.home / "principals.yaml", "juniper", ["juniper-api"], ["score", "read"])
    with serving(caller._replace(key=key)) as live:
        assert send(live, [item("not-allowed")]).status_code == 403

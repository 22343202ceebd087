"""Who may call, as a running gateway sees it: real processes, real sockets, callers that mean harm."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from access_parts import basic
from command_line import here
from live_gateway import EXAMPLE, SCORE, Caller, Live, copied, serving, until

from gateway.access import principals
from gateway.access.issue import issue
from gateway.access.store import SharedAccess
from gateway.ledger.connect import connect

INTEGRATION = "integrations/juniper-api/integration.yaml"
WRONG = 2000
BODY = EXAMPLE.read_bytes()


class House(NamedTuple):
    caller: Caller
    live: Live


@pytest.fixture(scope="module")
def house(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway whose integration lists nobody, so that principals.yaml alone says who may call."""
    caller = copied(built_home, tmp_path_factory.mktemp("access") / "home")
    file = caller.home / INTEGRATION
    file.write_text(file.read_text(encoding="utf-8").replace("access: {principals: [juniper]}", ""), encoding="utf-8")
    with serving(caller) as live:
        yield House(caller, live)


def file_of(caller: Caller) -> Path:
    return caller.home / "principals.yaml"


def events(caller: Caller, **filters: Any) -> list[Any]:
    store = SharedAccess(connect(caller.home / "state" / "ledger.db"))
    try:
        return [one.written for one in store.events(limit=1000, **filters)]
    finally:
        store.close()


def post(house: House, **headers: str) -> httpx.Response:
    base = str(house.live.client.base_url)
    return httpx.post(base + SCORE, content=BODY, headers={"Content-Type": "application/json", **headers})


def soon(house: House, status: int, **headers: str) -> None:
    """The answer becomes this one without a restart."""
    until(lambda: post(house, **headers).status_code == status)


def test_callers_come_and_go_while_the_gateway_serves(house: House) -> None:
    file = file_of(house.caller)
    key = principals.add(file, "newcomer", ["*"], ["score"])
    soon(house, 200, authorization=f"Bearer {key}")
    second, held = principals.new_key()
    principals.rotate(file, "newcomer", held)
    soon(house, 200, authorization=f"Bearer {second}")
    assert post(house, authorization=f"Bearer {key}").status_code == 200
    principals.finish(file, "newcomer", "api_key")
    soon(house, 401, authorization=f"Bearer {key}")
    assert post(house, authorization=f"Bearer {second}").status_code == 200


def test_a_faulty_file_changes_nothing_and_is_logged(house: House) -> None:
    file = file_of(house.caller)
    good = file.read_text(encoding="utf-8")
    file.write_text("principals: [oops]\n", encoding="utf-8")
    until(lambda: any(line["event"] == "fault" for line in log(house)))
    assert post(house, authorization=f"Bearer {house.caller.key}").status_code == 200
    file.write_text(good, encoding="utf-8")
    faults = [line for line in log(house) if line["event"] == "fault"]
    assert [line["kind"] for line in faults] == ["ConfigurationError"]


def test_a_password_is_slow_once_and_quick_from_then_on(house: House) -> None:
    began = time.process_time()
    issued = issue("password", "erp")
    slow = time.process_time() - began
    principals.insert(file_of(house.caller), "erp", ["*"], ["score"], "test", issued.credential)
    header = basic("erp", issued.shown)
    soon(house, 200, authorization=header)
    before = worked(house)
    assert {post(house, authorization=header).status_code for _ in range(20)} == {200}
    assert worked(house) - before < 20 * slow / 2


def worked(house: House) -> float:
    """Processor seconds the gateway has used."""
    user, system = Path(f"/proc/{house.live.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_a_caller_that_may_not_is_refused_and_audited(house: House) -> None:
    key = principals.add(file_of(house.caller), "elsewhere", ["other-api"], ["score"])
    soon(house, 403, authorization=f"Bearer {key}")
    problem = post(house, authorization=f"Bearer {key}").json()
    assert problem["detail"] == "access denied: check the credentials and what they are allowed to do"
    until(lambda: bool(events(house.caller, principal="elsewhere", event="refused")))
    causes = {one.line.cause for one in events(house.caller, principal="elsewhere", event="refused")}
    assert causes == {"may not score juniper-api"}


HOSTILE = [
    'a"b\\c',
    '{"level":"info","event":"forged"}',
    "a\tred",
    "x" * 4000,
    "two words",
    "%0d%0aSet-Cookie:%20a=b",
    "\u00e9",
]


@pytest.mark.parametrize("correlation", HOSTILE)
def test_a_hostile_correlation_id_forges_no_line_and_no_header(house: House, correlation: str) -> None:
    headers = {"authorization": f"Bearer {house.caller.key}", "x-correlation-id": correlation.encode("latin-1")}
    response = httpx.post(str(house.live.client.base_url) + SCORE, content=BODY, headers=headers)  # type: ignore[arg-type]
    given_back = response.headers["x-correlation-id"]
    assert response.status_code == (200 if given_back == correlation else 400)
    assert "set-cookie" not in response.headers
    until(lambda: log(house)[-1].get("correlation") == given_back)
    assert log(house)[-1]["event"] == "request"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer " + "k" * 30_000},
        {"authorization": "Bearer \u00e9\u00e8"},
        {"authorization": "Basic " + "A" * 30_000},
        {"authorization": "Basic =", "x-api-key": "k"},
        {"x-api-key": "k", "webhook-signature": "v1,k"},
        {"webhook-signature": "v1," * 300, "webhook-id": "i", "webhook-timestamp": "1"},
        {"webhook-signature": "v1,x", "webhook-id": "\u00e9", "webhook-timestamp": "\u00b9"},
    ],
)
def test_credentials_of_every_bad_shape_are_one_refusal(house: House, headers: dict[str, str]) -> None:
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    response = httpx.post(str(house.live.client.base_url) + SCORE, content=BODY, headers=sent)  # type: ignore[arg-type]
    assert response.status_code == 401
    assert response.json()["detail"] == "access denied: check the credentials and what they are allowed to do"


def test_thousands_of_wrong_keys_are_one_line_and_lock_nobody_out(house: House) -> None:
    base = str(house.live.client.base_url)
    with httpx.Client(base_url=base, headers={"Content-Type": "application/json"}) as guesser:
        seen = {guesser.post(SCORE, content=BODY, headers={"X-API-Key": f"sg_{n}"}).status_code for n in range(WRONG)}
    assert seen == {401}
    assert post(house, authorization=f"Bearer {house.caller.key}").status_code == 200
    until(lambda: sum(one.times for one in guesses(house)) >= WRONG)
    assert len(guesses(house)) <= 4
    assert b"sg_" not in house.caller.log.read_bytes()


def guesses(house: House) -> list[Any]:
    return [one for one in events(house.caller, event="refused") if one.line.cause == "nobody has this api_key"]


def log(house: House) -> list[dict[str, Any]]:
    return [json.loads(line) for line in house.caller.log.read_bytes().splitlines()]


def test_who_came_in_and_who_decided_live_with_a_demonstration_is_listed(built_home: Path, tmp_path: Path) -> None:
    """Allowed by name for one caller: another is refused, and the audit tells both when the gateway has ended."""
    caller = copied(built_home, tmp_path / "home")
    file = caller.home / INTEGRATION
    text = file.read_text(encoding="utf-8").replace("access: {principals: [juniper]}", "")
    file.write_text(text.replace("mode: test", "mode: live"), encoding="utf-8")
    keys = {name: principals.add(file_of(caller), name, ["*"], ["score"], "live") for name in ("erp", "crm")}
    with serving(caller, SCOREGATE_ALLOW_DEMONSTRATION="juniper-api/erp") as live:
        house = House(caller, live)
        answers = [post(house, authorization=f"Bearer {keys['erp']}") for _ in range(3)]
        refused = post(house, authorization=f"Bearer {keys['crm']}")
    assert {answer.json()["evidence"]["mode"] for answer in answers} == {"live"}
    assert refused.status_code == 403
    overrides = listed(caller, "--event", "demonstration_override")
    assert [(one["principal"], one["integration"], one["times"]) for one in overrides] == [("erp", "juniper-api", 3)]
    admitted = {one["principal"]: (one["address"], one["times"]) for one in listed(caller, "--event", "admitted")}
    assert admitted == {"erp": ("127.0.0.1", 3), "crm": ("127.0.0.1", 1)}
    (row,) = listed(caller, "--event", "refused")
    assert (row["principal"], row["integration"], row["address"]) == ("crm", "juniper-api", "127.0.0.1")
    assert "demonstration" in row["cause"]
    shown = here(caller.home, "audit", "list", "--principal", "erp").stdout
    assert "admitted  3 x erp api_key from 127.0.0.1" in shown


def listed(caller: Caller, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(here(caller.home, "audit", "list", "--json", *words).stdout)
    return found

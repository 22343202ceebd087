"""The gateway as its users meet it: one real process on a copy of the demonstration's home, killed, misled, starved."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from live_gateway import COMMAND, ENVIRONMENT, EXAMPLE, SCORE, Caller, Live, copied, free_port, serving, until

from gateway import settings
from gateway.access import principals
from gateway.clock import utc_now
from gateway.ledger import Filters, Kind, Ledger
from gateway.opening import open_ledger
from models.archive import canonical

ROOT = Path(__file__).parents[2]
DECISIONS = "/v1/juniper-api/decisions"
POLICY = Path("policies/consumer-instalment.policy.yaml")
BUNDLE = Path("bundles/credit_risk/1.0.0")
INTEGRATION = Path("integrations/juniper-api/integration.yaml")
PERSON, INCOME = "JN-PRIVATE-4711", 23457
ROOM = 60_000
"""Bytes the ledger's log may still grow by until the disk is said to be full: a few decisions."""


@pytest.fixture
def caller(built_home: Path, tmp_path: Path) -> Caller:
    return copied(built_home, tmp_path / "home")


def application(number: int | None = None, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(EXAMPLE.read_bytes())
    body["applicationId"] = PERSON if number is None else f"JN-{number}"
    body["applicant"]["annualNetIncome"] = INCOME
    return body | changes


@contextmanager
def ledger_of(home: Path) -> Iterator[Ledger]:
    ledger = open_ledger(settings.load(home=home), utc_now)
    try:
        yield ledger
    finally:
        ledger.close()


# What a kill leaves


class Sent(NamedTuple):
    headers: dict[str, str]
    body: bytes
    found_by: str


def sent(number: int) -> Sent:
    """Every third asking carries no request key: it is found by the business key then."""
    headers = {} if number % 3 == 0 else {"Idempotency-Key": f'"key-{number}"'}
    body = json.dumps(application(number)).encode()
    return Sent(headers, body, f"key-{number}" if headers else f"JN-{number}")


class Load:
    """Several callers that ask without end until the gateway is gone; what was answered, and what was under way."""

    def __init__(self, live: Live, first: int, callers: int = 6) -> None:
        self.answered: dict[int, bytes] = {}
        self.cut_off: list[int] = []
        self.refused: list[str] = []
        self._live = live
        numbers = [range(first + lane, first + 100_000, callers) for lane in range(callers)]
        self._threads = [threading.Thread(target=self._call, args=(lane,)) for lane in numbers]
        for thread in self._threads:
            thread.start()

    def _call(self, numbers: range) -> None:
        with httpx.Client(base_url=self._live.client.base_url, headers=self._live.client.headers) as client:
            for number in numbers:
                one = sent(number)
                try:
                    response = client.post(SCORE, content=one.body, headers=one.headers)
                except httpx.TransportError:
                    self.cut_off.append(number)
                    return
                if response.status_code != 200:
                    self.refused.append(response.text)
                    return
                self.answered[number] = response.content

    def kill_after(self, answers: int) -> None:
        while len(self.answered) < answers and any(thread.is_alive() for thread in self._threads):
            time.sleep(0.005)
        self._live.process.kill()
        assert self._live.process.wait() == -signal.SIGKILL
        for thread in self._threads:
            thread.join()


def test_a_kill_under_load_loses_nothing_answered_and_decides_nothing_twice(caller: Caller) -> None:
    answered: dict[int, bytes] = {}
    cut_off: list[int] = []
    for first in (0, 100_000):
        with serving(caller) as live:
            load = Load(live, first)
            load.kill_after(150)
        assert not load.refused
        answered |= load.answered
        cut_off += load.cut_off
    with serving(caller) as live:
        for number, answer in answered.items():
            assert_stands(live.client, sent(number), answer)
        for number in cut_off:
            one = sent(number)
            response = live.client.post(SCORE, content=one.body, headers=one.headers)
            assert response.status_code == 200
            assert_stands(live.client, one, response.content)
    with ledger_of(caller.home) as ledger:
        assert ledger.verify_chain() == ()
        decided = [entry for entry in ledger.list(limit=1_000_000) if entry.kind is Kind.DECISION]
        assert len(decided) == len(answered) + len(cut_off)
        assert not [entry.decision_id for entry in decided if entry.about]


def assert_stands(client: httpx.Client, one: Sent, answer: bytes) -> None:
    found = client.get(f"{DECISIONS}/{one.found_by}")
    assert (found.status_code, found.content) == (200, answer)
    again = client.post(SCORE, content=one.body, headers=one.headers)
    assert (again.status_code, again.content) == (200, answer)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Deprecation"].startswith("@")  # Juniper speaks 1.0.0
    assert again.headers["Sunset"].endswith(" GMT")


# What callers send wrong


def text(**changes: Any) -> bytes:
    return json.dumps(application(**changes)).encode()


def with_income(value: str) -> bytes:
    return text().replace(f'"annualNetIncome": {INCOME}'.encode(), f'"annualNetIncome": {value}'.encode())


def applicant(**changes: Any) -> bytes:
    return text(applicant=application()["applicant"] | changes)


BAD = {
    "not JSON": (text()[:-1], 400, "not_json"),
    "empty": (b"", 400, "not_json"),
    "a text for a number": (text(loan=application()["loan"] | {"months": PERSON}), 422, "invalid_record"),
    "an object for a number": (text(loan=application()["loan"] | {"months": {"in": INCOME}}), 422, "invalid_record"),
    "a number for a text": (text(loan=application()["loan"] | {"currency": INCOME}), 422, "invalid_record"),
    "a number for an object": (text(loan=INCOME), 422, "invalid_record"),
    "an array for an object": (text(applicant=[INCOME]), 422, "invalid_record"),
    "NaN": (with_income("NaN"), 400, "not_a_number"),
    "Infinity": (with_income("-Infinity"), 400, "not_a_number"),
    "1e400": (text().replace(b'"months": 60', b'"months": 1e400'), 422, "invalid_record"),
    "4,001 digits": (text(loan=application()["loan"] | {"amountCents": 10**4000}), 422, "invalid_record"),
    "a duplicate key": (text()[:-1] + f', "applicationId": "{PERSON}"}}'.encode(), 400, "duplicate_name"),
    "an unknown field": (applicant(nickname=PERSON), 422, "invalid_record"),
    "10 MB": (text()[:-1] + b" " * 10_000_000 + b"}", 413, "too_large"),
    "deep nesting": (text()[:-1] + b', "more": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", 400, "too_deep"),
    "broken UTF-8": (text().replace(PERSON.encode(), PERSON.encode() + b"\xc3\x28"), 400, "not_utf8"),
    "U+0000": (text(applicationId=PERSON + "\0"), 422, "invalid_record"),
    "half a surrogate": (text().replace(PERSON.encode(), PERSON.encode() + b"\\ud800"), 400, "not_text"),
    "two applicants": (f"[{text().decode()},{text().decode()}]".encode(), 400, "not_an_object"),
    "two applicants in one": (text(applicants=[application()["applicant"]] * 2), 422, "invalid_record"),
    "another currency": (text(loan=application()["loan"] | {"currency": "USD"}), 422, "invalid_record"),
    "no application id": (text(applicationId=""), 422, "invalid_record"),
    "an application id of 100,000 characters": (text(applicationId=PERSON * 4000), 422, "invalid_record"),
}


class House(NamedTuple):
    caller: Caller
    live: Live


@pytest.fixture(scope="module")
def house(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One gateway for everything that must not bring it down."""
    caller = copied(built_home, tmp_path_factory.mktemp("bad") / "home")
    with serving(caller) as live:
        yield House(caller, live)


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code), problem
    return problem


@pytest.mark.parametrize(("body", "status", "code"), BAD.values(), ids=BAD)
def test_a_bad_input_is_refused_with_its_problems_and_recorded(
    house: House, body: bytes, status: int, code: str
) -> None:
    response = house.live.client.post(SCORE, content=body)
    problem = assert_problem(response, status, code)
    assert status != 422 or all(error["pointer"] and error["code"] for error in problem["errors"])
    assert PERSON not in response.text
    assert str(INCOME) not in response.text
    with ledger_of(house.caller.home) as ledger:
        newest = ledger.list(limit=1)[0]
        payload = ledger.open_payload(newest.decision_id)
    assert (newest.kind, newest.outcome, newest.principal) == (Kind.REFUSAL, code, "juniper")
    assert payload.raw == (b"" if code == "too_large" else body)
    assert payload.answer == response.content


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Bearer sg_wrong"}, {"Authorization": ""}, {"Authorization": "Basic eDp5"}]
)
def test_an_unknown_caller_is_refused_in_general_terms_and_only_counted(house: House, headers: dict[str, str]) -> None:
    with ledger_of(house.caller.home) as ledger:
        before = ledger.status().entries
        problem = assert_problem(house.live.client.post(SCORE, content=text(), headers=headers), 401, "access_denied")
        assert_problem(house.live.client.get(f"{DECISIONS}/{PERSON}", headers=headers), 401, "access_denied")
        assert ledger.status().entries == before
    assert "key" not in problem["detail"]


def test_nothing_personal_is_logged(house: House) -> None:
    lines = len(house.caller.log.read_text().splitlines())
    client, key = house.live.client, {"Idempotency-Key": f'"{PERSON}"'}
    for body, _, _ in BAD.values():
        client.post(SCORE, content=body)
    assert client.post(SCORE, content=text(), headers=key).status_code == 200
    assert_problem(client.post(SCORE, content=applicant(age=50), headers=key), 422, "request_key_conflict")
    assert client.get(f"{DECISIONS}/{PERSON}").status_code == 200
    client.post(SCORE, content=text(), params={"id": PERSON}, headers={"X-Nickname": PERSON})
    client.post(SCORE, content=text(), headers={"Idempotency-Key": f'"{PERSON}'})
    client.get(f"/v1/{PERSON}/score")
    until(lambda: len(house.caller.log.read_text().splitlines()) >= lines + len(BAD) + 5)
    logged = house.caller.log.read_text()
    assert not re.search(rf"{PERSON}|{INCOME}|\bfault\b|Traceback", logged)


def test_a_gateway_that_was_sent_rubbish_still_decides_and_its_chain_verifies(house: House) -> None:
    response = house.live.client.post(SCORE, content=json.dumps(application(1)).encode())
    assert response.json()["decision"]["result"] == "APPROVED"
    with ledger_of(house.caller.home) as ledger:
        assert ledger.verify_chain() == ()
        assert not ledger.list(Filters(kind=Kind.FAULT))


# What keeps the gateway from starting


STARVED = "import os, resource, sys; n = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)); "
STARVED += "os.execv(sys.argv[2], sys.argv[2:])"


def start_refused(home: Path, port: int | None = None, *, largest_file: int | None = None) -> str:
    """What a start that must fail says: no traceback, exit code 2."""
    starved = [] if largest_file is None else [sys.executable, "-c", STARVED, str(largest_file)]
    command = [*starved, *COMMAND, str(home), "serve", "--port", str(port or free_port())]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("scoregate: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def rewrite(path: Path, old: str, new: str) -> None:
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new), encoding="utf-8")


def bundle_rewritten(home: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """A manifest changed with its policy in step: no digest gives it away, only what it says."""
    manifest = home / BUNDLE / "bundle.json"
    before = hashlib.sha256(manifest.read_bytes()).hexdigest()
    parts = json.loads(manifest.read_bytes())
    change(parts)
    manifest.write_bytes(canonical(parts))
    rewrite(home / POLICY, before, hashlib.sha256(manifest.read_bytes()).hexdigest())


def tables_altered(home: Path) -> None:
    content = bytearray((home / BUNDLE / "tables.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (home / BUNDLE / "tables.npz").write_bytes(content)


def contract_redefined(home: Path) -> None:
    target = home / "contracts/loan_application/1.0.0.odcs.yaml"
    target.parent.mkdir(parents=True)
    shutil.copy(ROOT / "contracts/catalog/loan_application/1.0.0.odcs.yaml", target)
    with target.open("a", encoding="utf-8") as file:
        file.write("\n# one line more\n")


def contract_broken(home: Path) -> None:
    target = home / "contracts/other/1.0.0.odcs.yaml"
    target.parent.mkdir(parents=True)
    target.write_text("apiVersion: v3.0.2\n", encoding="utf-8")


UNFIT: dict[str, tuple[Callable[[Path], object], str]] = {
    "tables of the bundle": (tables_altered, r"tables\.npz"),
    "manifest of the bundle": (
        lambda home: rewrite(home / BUNDLE / "bundle.json", '"1.0.0"', '"1.0.1"'),
        r"policy\.yaml.*names the bundle credit_risk",
    ),
    "features of the bundle": (
        lambda home: bundle_rewritten(home, lambda parts: parts["features"].pop()),
        r"bundle\.json.*features",
    ),
    "fields of the bundle": (
        lambda home: bundle_rewritten(home, lambda parts: parts["positions"].reverse()),
        r"credit_risk@1\.0\.0.*position",
    ),
    "contract of the bundle": (
        lambda home: bundle_rewritten(home, lambda parts: parts.update(contract="loan_application@9.0.0")),
        r"credit_risk@1\.0\.0.*loan_application@9\.0\.0",
    ),
    "name in the policy": (
        lambda home: rewrite(home / POLICY, "name: credit_risk", "name: fraud"),
        r"policy\.yaml.*fraud",
    ),
    "the contract": (contract_redefined, r"loan_application/1\.0\.0\.odcs\.yaml.*may not be redefined"),
    "a contract no integration reads": (contract_broken, r"other/1\.0\.0\.odcs\.yaml"),
}


@pytest.fixture(scope="module")
def refusals(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each unfit home says when it is started; all at once, for each takes a second."""
    folder = tmp_path_factory.mktemp("unfit")

    def refusal(number: int, spoil: Callable[[Path], object]) -> str:
        home = copied(built_home, folder / str(number)).home
        spoil(home)
        said = start_refused(home)
        assert not (home / "state").exists()
        return said

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        asked = {name: pool.submit(refusal, number, spoil) for number, (name, (spoil, _)) in enumerate(UNFIT.items())}
    return {name: future.result() for name, future in asked.items()}


@pytest.mark.parametrize("name", UNFIT)
def test_what_does_not_fit_together_refuses_the_start_and_is_named(refusals: dict[str, str], name: str) -> None:
    assert all(": error: " in line for line in refusals[name].splitlines())
    assert re.search(UNFIT[name][1], refusals[name])


def test_a_state_directory_that_cannot_be_written_is_one_clear_line(caller: Caller) -> None:
    (caller.home / "state").write_text("in the way")
    said = start_refused(caller.home)
    assert re.fullmatch(r"scoregate: .*/state.*; make the state directory writable\n", said)


def test_a_port_in_use_is_one_clear_line(caller: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = start_refused(caller.home, port)
    assert re.fullmatch(rf"scoregate: .* port {port}: Address already in use; .*\n", said)


def test_a_disk_that_is_full_at_the_start_is_one_clear_line_and_harms_nothing(caller: Caller) -> None:
    for largest_file in (0, 20, 30_000):
        said = start_refused(caller.home, largest_file=largest_file)
        assert re.fullmatch(r"scoregate: .*/state.*\n", said)
    with serving(caller) as live:
        assert live.client.post(SCORE, content=text()).status_code == 200


# What may go wrong while it serves


def test_a_disk_that_fills_up_is_a_native_refusal_until_there_is_room(caller: Caller) -> None:
    with serving(caller) as live:
        first = live.client.post(SCORE, content=json.dumps(application(0)).encode())
        everything = resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE)
        largest = (caller.home / "state" / "ledger.db-wal").stat().st_size + ROOM
        resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE, (largest, everything[1]))
        statuses: Counter[int] = Counter()
        for number in range(1, 100):
            response = live.client.post(SCORE, content=json.dumps(application(number)).encode())
            statuses[response.status_code] += 1
            if statuses[503] == 3:
                break
        assert_problem(response, 503, "unavailable")
        assert int(response.headers["Retry-After"]) >= 1
        assert_problem(live.client.post(SCORE, content=b"{"), 503, "unavailable")
        assert live.client.get(f"{DECISIONS}/JN-0").content == first.content
        resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE, everything)
        again = live.client.post(SCORE, content=json.dumps(application(number)).encode())
        assert again.status_code == 200
        assert_problem(live.client.post(SCORE, content=b"{"), 400, "not_json")
    with ledger_of(caller.home) as ledger:
        assert ledger.verify_chain() == ()
        decided = [entry for entry in ledger.list(limit=1000) if entry.kind is Kind.DECISION]
    assert set(statuses) == {200, 503}
    assert len(decided) == 1 + statuses[200] + 1
    assert "Traceback" not in caller.log.read_text()


def test_a_faulty_integration_is_switched_off_alone_and_says_so(caller: Caller) -> None:
    twin = caller.home / "integrations" / "juniper-twin"
    shutil.copytree(caller.home / INTEGRATION.parent, twin)
    rewrite(twin / "integration.yaml", "integration: juniper-api", "integration: juniper-twin")
    rewrite(twin / "integration.yaml", "currency: loan.currency", "curency: loan.currency")
    key = principals.replace(caller.home / "principals.yaml", "juniper", ["*"], ["score", "read"])
    with serving(caller._replace(key=key)) as live:
        ready = live.client.get("/readyz")
        assert ready.status_code == 200
        off = {"state": "unavailable", "cause": "configuration_error"}
        assert ready.json()["integrations"] == {"juniper-api": {"state": "ready"}, "juniper-twin": off}
        for response in (
            live.client.post("/v1/juniper-twin/score", content=text()),
            live.client.get("/v1/juniper-twin/decisions/x"),
        ):
            assert_problem(response, 503, "integration_unavailable")
            assert int(response.headers["Retry-After"]) >= 1
        assert live.client.post(SCORE, content=text()).status_code == 200
    command = [*COMMAND, str(caller.home), "lint"]
    lint = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert lint.returncode == 1
    assert re.search(r"juniper-twin/integration\.yaml:\d+:\d+: error: .*curency", lint.stdout)

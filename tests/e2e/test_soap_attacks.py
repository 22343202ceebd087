"""The attacks on a SOAP endpoint, against the real gateway: each is answered by a Fault, and it goes on serving."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
import soap_attacks
from live_gateway import COMMAND, ENVIRONMENT, Caller, serving, until
from lxml import etree
from soap_attacks import ELEVEN, GOOD, HEADERS, TWELVE, Attack

from gateway.access import principals

PATH = "/soap/meridian-los"
SPACES = {"1.1": ELEVEN, "1.2": TWELVE}
SHOWN = {"must_understand": "MustUnderstand", "version_mismatch": "VersionMismatch"}
"""Codes that SOAP itself has; the others stand in the detail."""


class Served(NamedTuple):
    client: httpx.Client
    log: Path
    reader: dict[str, str]
    scorer: dict[str, str]
    home: Path

    def post(self, content: bytes, said: dict[str, str]) -> httpx.Response:
        return self.client.post(PATH, content=content, headers=said)


@pytest.fixture(scope="module")
def served(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Meridian alone, taking messages large enough for every attack to be read."""
    home = tmp_path_factory.mktemp("attacks") / "home"
    shutil.copytree(built_home, home, ignore=shutil.ignore_patterns("state", "principals.yaml"))
    for folder in (home / "integrations").iterdir():
        if folder.name != "meridian-los":
            shutil.rmtree(folder)
    file = home / "integrations/meridian-los/integration.yaml"
    text = file.read_text().replace("bytes: 64KB", "bytes: 3MB").replace("[meridian]}", "[meridian, reader, scorer]}")
    file.write_text(text)
    caller = Caller(home, principals.add(home / "principals.yaml", "meridian", ["*"], ["score", "read"]))
    one_way(home)
    reader, scorer = (
        {"authorization": f"Bearer {principals.add(home / 'principals.yaml', name, ['*'], [operation])}"}
        for name, operation in (("reader", "read"), ("scorer", "score"))
    )
    with serving(caller) as live:
        yield Served(live.client, caller.log, reader, scorer, home)


def one_way(home: Path) -> None:
    """Another Meridian, whose WSDL gives the operation no answer."""
    folder = Path(shutil.copytree(home / "integrations/meridian-los", home / "integrations/meridian-oneway"))
    file, wsdl = folder / "integration.yaml", folder / "CreditDecision.wsdl"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("  fetch:")]
    file.write_text("\n".join(lines).replace("integration: meridian-los", "integration: meridian-oneway"))
    text = wsdl.read_text().replace('<wsdl:output message="tns:ScoreApplicationResponse"/>', "", 1)
    wsdl.write_text(text.replace('<wsdl:output><soap:body use="literal"/></wsdl:output>', "", 1))


def codes(response: httpx.Response, version: str) -> set[str]:
    """Every code a Fault of this version says; empty where the answer is none."""
    root = etree.fromstring(response.content)
    if root.find(f"{{{SPACES[version]}}}Body/{{{SPACES[version]}}}Fault") is None:
        return set()
    found = root.iter("faultcode", f"{{{TWELVE}}}Value", "{*}Code")
    return {(node.text or "").strip().rpartition(":")[2] for node in found}


def test_every_attack_is_a_fault_in_its_callers_version_and_the_service_goes_on(served: Served) -> None:
    wrong = []
    for attack in [*soap_attacks.small(), *soap_attacks.huge()]:
        for version in HEADERS:
            answer = served.post(attack.in_version(version), HEADERS[version])
            told = codes(answer, version)
            if answer.status_code not in (400, 500) or SHOWN.get(attack.code, attack.code) not in told:
                wrong.append((attack.name, version, answer.status_code, answer.text[:300]))
    assert not wrong
    assert served.post(GOOD.encode(), HEADERS["1.1"]).status_code == 200


def test_no_attack_is_counted_or_logged_as_a_fault_of_ours(served: Served) -> None:
    served.post(b"<broken", HEADERS["1.1"])
    text = served.client.get("/metrics").text
    assert 'blame="caller"' in text
    assert 'blame="gateway"' not in text
    assert '"level":"error"' not in served.log.read_text()


@pytest.mark.parametrize("version", HEADERS)
def test_a_packed_message_is_decided_and_a_bomb_is_a_fault(served: Served, version: str) -> None:
    packed = HEADERS[version] | {"content-encoding": "gzip"}
    good = Attack("", GOOD.encode()).in_version(version)
    assert served.post(gzip.compress(good), packed).content == served.post(good, HEADERS[version]).content
    bomb = served.post(gzip.compress(b" " * 5_000_000), packed)
    assert (bomb.status_code, "too_large" in codes(bomb, version)) == (413, True)


def test_a_body_that_does_not_come_is_given_up_with_a_fault(served: Served) -> None:
    url = served.client.base_url
    said = "".join(f"{name}: {value}\r\n" for name, value in HEADERS["1.2"].items())
    key = served.client.headers["authorization"]
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n{said}Content-Length: 999\r\n\r\n<x"
    with socket.create_connection((urlsplit(str(url)).hostname, url.port), timeout=30) as connection:
        connection.sendall(head.encode())
        got = b""
        while part := connection.recv(65536):
            got += part
    head_of_answer, _, body = got.partition(b"\r\n\r\n")
    assert head_of_answer.startswith(b"HTTP/1.1 408")
    assert b"soap:Sender" in body and b"body_timeout" in body and TWELVE.encode() in body


def test_other_ways_to_ask_are_refused_with_what_is_allowed(served: Served) -> None:
    bare = served.client.get(PATH)
    assert (bare.status_code, bare.headers["allow"], "method_not_allowed" in codes(bare, "1.1")) == (
        405, "GET, POST", True,
    )  # fmt: skip
    for method in ("PUT", "DELETE", "PATCH"):
        for version, said in HEADERS.items():
            other = served.client.request(method, PATH, headers=said)
            assert (other.status_code, other.headers["allow"]) == (405, "GET, HEAD, POST")
            assert "method_not_allowed" in codes(other, version)


@pytest.mark.parametrize("version", HEADERS)
def test_another_media_type_is_a_fault_with_status_415(served: Served, version: str) -> None:
    other = served.post(GOOD.encode(), HEADERS[version] | {"content-type": "application/json"})
    assert (other.status_code, "unsupported_media_type" in codes(other, "1.1")) == (415, True)


FETCH_ACTION = '"urn:meridian:los:credit-decision:v3/FetchDecision"'
FETCH = (
    f'<e:Envelope xmlns:e="{ELEVEN}"><e:Body><m:FetchDecision xmlns:m="urn:meridian:los:credit-decision:v3">'
    "<m:Reference>MER-2026-000101</m:Reference></m:FetchDecision></e:Body></e:Envelope>"
)


def test_who_may_only_read_fetches_decisions_and_descriptions_and_makes_none(served: Served) -> None:
    made = served.post(GOOD.encode(), HEADERS["1.1"])
    fetching = {"content-type": "text/xml", "soapaction": FETCH_ACTION}
    found = served.post(FETCH.encode(), fetching | served.reader)
    assert (found.status_code, found.headers["x-decision-id"]) == (200, made.headers["x-decision-id"])
    assert served.client.get(PATH, params="wsdl", headers=served.reader).status_code == 200
    for asked in (GOOD, GOOD.replace("000101", "000999")):
        denied = served.post(asked.encode(), HEADERS["1.1"] | served.reader)
        assert (denied.status_code, "access_denied" in codes(denied, "1.1")) == (403, True)
    never = served.post(FETCH.replace("000101", "000999").encode(), fetching)
    assert "not_found" in codes(never, "1.1")


def refused(served: Served, principal: str) -> list[dict[str, str]]:
    """The lines of the audit about what this caller may not do, once there are any."""
    command = [*COMMAND, str(served.home), "audit", "list", "--event", "refused", "--principal", principal, "--json"]
    found: list[dict[str, str]] = []
    until(lambda: bool(found.extend(json.loads(subprocess.check_output(command, env=ENVIRONMENT))) or found))
    return found


@pytest.mark.parametrize("version", HEADERS)
def test_who_may_only_score_fetches_no_decision_whosever_it_is(served: Served, version: str) -> None:
    served.post(GOOD.encode(), HEADERS["1.1"])
    fetching = {"content-type": HEADERS[version]["content-type"].partition(";")[0], "soapaction": FETCH_ACTION}
    for asked in (FETCH, FETCH.replace("000101", "000999")):
        denied = served.post(Attack("", asked.encode()).in_version(version), fetching | served.scorer)
        assert (denied.status_code, "access_denied" in codes(denied, version)) == (403, True)
        assert "x-decision-id" not in denied.headers
    assert served.client.get(PATH, params="wsdl", headers=served.scorer).status_code == 200
    assert served.post(GOOD.encode(), HEADERS["1.1"] | served.scorer).status_code == 200


def test_what_a_caller_may_not_ask_for_over_soap_is_audited(served: Served) -> None:
    fetching = {"content-type": "text/xml", "soapaction": FETCH_ACTION}
    served.post(FETCH.encode(), fetching | served.scorer)
    served.post(GOOD.encode(), HEADERS["1.1"] | served.reader)
    for principal, operation in (("scorer", "read"), ("reader", "score")):
        lines = refused(served, principal)
        assert {(line["cause"], line["integration"]) for line in lines} == {
            (f"may not {operation} meridian-los", "meridian-los"),
        }  # fmt: skip


def test_a_one_way_message_is_decided_and_recorded_and_gets_no_answer(served: Served) -> None:
    taken = served.client.post("/soap/meridian-oneway", content=GOOD, headers=HEADERS["1.1"])
    assert (taken.status_code, taken.content) == (202, b"")
    refused = served.client.post("/soap/meridian-oneway", content=GOOD.replace(">60<", ">x<"), headers=HEADERS["1.1"])
    assert (refused.status_code, refused.content) == (500, b"")
    command = [*COMMAND, str(served.home), "decisions", "show", taken.headers["x-decision-id"]]
    shown = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert "meridian-oneway" in shown.stdout

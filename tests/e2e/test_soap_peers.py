"""One gateway and every SOAP client there is for it here: what each makes of Meridian, and of services in other styles.

==========  ========  ==============================================================================================
client      versions  what it cannot, so what is not asked of it
==========  ========  ==============================================================================================
zeep        1.1 1.2   takes the version from the binding: 1.2 is asked of a twin whose WSDL binds 1.2
suds        1.1       knows no 1.2; a WSDL that binds 1.2 alone it calls in 1.1
node soap   1.1 1.2   ignores the namespace of an rpc body; reads decimals as binary numbers, 0.844770 as 0.84477
PHP         1.1 1.2   nothing
gSOAP (C)   1.1 1.2   a program for one WSDL, made for Meridian's; keeps no bytes, so its repeats are compared as read
==========  ========  ==============================================================================================
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import soap_programs
import soap_styles
from live_gateway import COMMAND, ENVIRONMENT, ROOT, Caller, serving
from lxml import etree
from soap_peers import Call, Client, Outcome, Service, plain, with_suds, with_zeep

from gateway.access import principals
from gateway.access.issue import issue

PEERS = [("zeep", "1.1"), ("zeep", "1.2"), ("suds", "1.1"), ("node", "1.1"), ("node", "1.2"), ("php", "1.1"),
         ("php", "1.2"), ("gsoap", "1.1"), ("gsoap", "1.2")]  # fmt: skip
SPACES = {"1.1": "http://schemas.xmlsoap.org/soap/envelope/", "1.2": "http://www.w3.org/2003/05/soap-envelope"}
FIXTURES = ROOT / "fixtures" / "integrations"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
SAME = {"approve": "01", "decline": "02", "nil": "04"}
"""Meridian's and Juniper's example of this number is one application."""
OUTCOMES = {"APPROVED": "A", "REVIEW": "R", "DECLINED": "D"}


class Served(NamedTuple):
    home: Path
    http: httpx.Client
    password: str

    def service(self, name: str, style: str = "document", port: str = "") -> Service:
        return Service(f"{self.http.base_url}/soap/{name}?wsdl".replace("//soap", "/soap"), "meridian", self.password,
                       style, port)  # fmt: skip


@pytest.fixture(scope="module")
def served(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("peers") / "home"
    shutil.copytree(built_home, home, ignore=shutil.ignore_patterns("state", "principals.yaml"))
    folder = Path(shutil.copytree(home / "integrations" / "meridian-los", home / "integrations" / "meridian-twelve"))
    for file, before, after in (
        ("CreditDecision.wsdl", "schemas.xmlsoap.org/wsdl/soap/", "schemas.xmlsoap.org/wsdl/soap12/"),
        ("integration.yaml", "integration: meridian-los", "integration: meridian-twelve"),
    ):
        (folder / file).write_text((folder / file).read_text().replace(before, after))
    for style in soap_styles.STYLES:
        soap_styles.write(home, style)
    issued = issue("password", "meridian")
    principals.insert(home / "principals.yaml", "meridian", ["*"], ["score", "read"], "test", issued.credential)
    key = principals.add(home / "principals.yaml", "juniper", ["juniper-api"], ["score"])
    with serving(Caller(home, key)) as live:
        yield Served(home, live.client, issued.shown)


def client_of(name: str, served: Served) -> Client:
    if name in ("zeep", "suds"):
        return {"zeep": with_zeep, "suds": with_suds}[name]
    made: dict[str, Callable[[], Client]] = {
        "node": soap_programs.node, "php": soap_programs.php,
        "gsoap": lambda: soap_programs.gsoap(served.service("meridian-los")),
    }  # fmt: skip
    return made[name]()


def tree_of(element: Any) -> Any:
    """An element of an example as the arguments of a call."""
    attributes = {f"@{name}": value for name, value in element.attrib.items() if name != NIL}
    if element.get(NIL):
        return None
    if not len(element):
        return {**attributes, "#text": element.text} if attributes and element.text else attributes or element.text
    return attributes | {etree.QName(child).localname: tree_of(child) for child in element}


def example(number: str) -> Any:
    [file] = FIXTURES.glob(f"meridian-los/examples/{number}-*/request.xml")
    return tree_of(etree.parse(file).getroot()[-1][0])


def application(number: str, reference: str) -> Any:
    return example(number) | {"Application": {"Reference": reference}}


def decision(outcome: Outcome) -> Any:
    """What was decided, whether the client takes the one element off or not; None for a fault."""
    found = plain(outcome.answer)
    return found.get("Decision", found) if found else None


@pytest.fixture(scope="module", params=PEERS, ids="-".join)
def told(request: pytest.FixtureRequest, served: Served) -> dict[str, Outcome]:
    """What one client, started once, makes of every call."""
    name, version = request.param
    ours = f"{name}{version}"
    first = f"urn:uuid:{ours}"
    calls = {
        "approve": Call("ScoreApplication", application("01", f"{ours}-1"), first),
        "repeat": Call("ScoreApplication", application("01", f"{ours}-1"), first),
        "conflict": Call("ScoreApplication", application("02", f"{ours}-1"), first),
        "decline": Call("ScoreApplication", application("02", f"{ours}-2")),
        "nil": Call("ScoreApplication", application("04", f"{ours}-4")),
        "joint": Call("ScoreApplication", application("08", f"{ours}-8")),
        "fetched": Call("FetchDecision", {"Reference": f"{ours}-1"}),
        "unknown": Call("FetchDecision", {"Reference": f"{ours}-9"}),
    }
    twin = (name, version) == ("zeep", "1.2")
    service = served.service("meridian-twelve" if twin else "meridian-los")
    found = dict(zip(calls, client_of(name, served)(service, version, list(calls.values())), strict=True))
    assert all(SPACES[version] in outcome.raw for outcome in found.values() if name != "gsoap")
    return found


@pytest.fixture(scope="module")
def by_rest(served: Served) -> dict[str, Any]:
    """The decisions of the same applications, asked for as Juniper does, in Meridian's words."""
    found = {}
    for name, number in SAME.items():
        [file] = FIXTURES.glob(f"juniper-api/examples/{number}-*/request.json")
        answer = served.http.post("/v1/juniper-api/score", content=file.read_bytes()).raise_for_status()
        made = answer.json()["decision"]
        reasons = [{"Code": one["code"], "Text": one["message"][:10]} for one in made["reasons"]]
        estimated = [{key.title(): one[key] for key in ("field", "state", "low", "high")} for one in made["estimated"]]
        found[name] = plain({
            "Code": OUTCOMES[made["result"]], "Score": made["creditScore"],
            "ScoreRange": {"low": made["creditScoreLow"], "high": made["creditScoreHigh"]},
            "Probability": Decimal(str(made["defaultProbability"])).normalize(), "Estimated": estimated, "Mode": "test",
            "Reasons": {"Reason": reasons},
        })  # fmt: skip
    return found


@pytest.mark.parametrize("case", SAME)
def test_every_client_gets_the_decision_rest_gives_to_the_last_digit(
    told: dict[str, Outcome], by_rest: dict[str, Any], case: str
) -> None:
    found = decision(told[case])
    found["Probability"] = str(Decimal(found["Probability"]).normalize())
    assert {key: found[key] for key in by_rest[case]} == by_rest[case]


def test_a_decline_fills_four_reason_slots_and_an_approval_none(told: dict[str, Outcome]) -> None:
    assert len(decision(told["decline"])["Reasons"]["Reason"]) == 4
    assert (decision(told["approve"])["Code"], decision(told["decline"])["Code"]) == ("A", "D")


def test_an_income_that_is_nil_is_scored_as_blank(told: dict[str, Outcome]) -> None:
    assert {one["Field"]: one["State"] for one in decision(told["nil"])["Estimated"]}["monthly_income"] == "blank"


def test_the_same_message_sent_again_gets_the_same_bytes(told: dict[str, Outcome]) -> None:
    assert told["repeat"] == told["approve"]
    assert told["approve"].raw


def test_a_decision_made_before_is_fetched_by_its_reference(told: dict[str, Outcome]) -> None:
    assert decision(told["fetched"]) == decision(told["approve"])


@pytest.mark.parametrize(
    ("case", "code", "text"),
    [
        ("joint", "invalid_record", "breaks its contract in 1 place"),
        ("conflict", "request_key_conflict", "request key"),
        ("unknown", "not_found", "no decision stands under this key"),
    ],
)
def test_a_refusal_is_the_fault_the_wsdl_declares(told: dict[str, Outcome], case: str, code: str, text: str) -> None:
    fault = plain(told[case].detail)["ApplicationFault"]
    assert fault["Code"] == code
    assert text in told[case].fault == fault["Message"]
    if case == "joint":
        assert fault["Problem"]["Code"] == "joint_application_unsupported"
        assert fault["Problem"]["Path"] == "/ScoreApplication/CoApplicant"


BARE = {
    "@currency": "EUR", "@kind": "30", "@home": "R", "@records": "Y", "Reference": "", "Amount": "10000.00",
    "Price": "13450.00", "Months": 48, "Income": "12000.00", "Outgoings": "850.00", "Assets": "0.00", "Years": 1,
}  # fmt: skip
STYLED = [
    (style, name, version)
    for style in soap_styles.STYLES
    for name, version in PEERS
    if name != "gsoap" and (style, name) != ("rpc-other-namespace", "node")
    and (name != "zeep" or version in {"only-twelve": "1.2", "two-ports": "1.1 1.2"}.get(style, "1.1"))
]  # fmt: skip


@pytest.mark.parametrize(("style", "name", "version"), STYLED, ids=map("-".join, STYLED))
def test_every_style_of_wsdl_is_called_by_every_client_that_knows_it(
    served: Served, by_rest: dict[str, Any], style: str, name: str, version: str
) -> None:
    rpc, reference = style.startswith("rpc"), f"{style}-{name}{version}"
    port = {"1.1": "soapPort", "1.2": "soap12Port"}[version] if (style, name) == ("two-ports", "zeep") else ""
    asked = [BARE | {"Reference": reference}, BARE | {"Reference": f"{reference}-x", "@currency": "USD"}]
    calls = [Call("Assess", {"application": tree} if rpc else tree) for tree in asked[: 1 if style == "one-way" else 2]]
    found = client_of(name, served)(served.service(style, "rpc" if rpc else "bare", port), version, calls)
    if style == "one-way":
        assert (found[0].answer, found[0].fault, found[0].raw) == (None, "", "")
        return
    answer = plain(found[0].answer)
    answer = answer.get("decision", answer)
    expected = by_rest["decline"]
    assert (answer["code"], answer["Reference"]) == ("decline", reference)
    assert (answer["Score"], answer["Reason"]) == (
        expected["Score"], [{"Code": one["Code"]} for one in expected["Reasons"]["Reason"]],
    )  # fmt: skip
    assert Decimal(answer["Probability"]) == Decimal(expected["Probability"])
    refusal = plain(found[1].detail)["Refusal"]
    assert (refusal["Code"], refusal["Problem"]["Code"]) == ("invalid_record", "untrained_currency")
    assert found[1].fault == refusal["Message"]


def test_what_was_sent_one_way_was_decided(served: Served) -> None:
    with_zeep(served.service("one-way", "bare"), "1.1", [Call("Assess", BARE | {"Reference": "sent-and-gone"})])
    command = [*COMMAND, str(served.home), "decisions", "list", "--integration", "one-way", "--json"]
    listed = json.loads(subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True).stdout)
    assert {one["outcome"] for one in listed} == {"decline"}

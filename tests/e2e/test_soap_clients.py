"""A gateway behind a public address: zeep reads the served WSDL and calls it, in SOAP 1.1 and 1.2.

What every client makes of every kind of answer is in test_soap_peers.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import requests
import zeep
from live_gateway import Caller, serving
from zeep.wsa import WsAddressingPlugin

from gateway.access import principals

NAMES = {"1.1": "meridian-los", "1.2": "meridian-twelve"}
APPLICATION: dict[str, Any] = {
    "Loan": {"Amount": {"_value_1": Decimal("10000.00"), "currency": "EUR"}, "PurchasePrice": 10700, "TermMonths": 60},
    "Applicant": {
        "Age": 43,
        "MaritalStatus": "S",
        "Income": {"Annual": 21600, "proven": True},
        "MonthlyOutgoings": 750,
        "Assets": 40000,
        "Residence": {"status": "O"},
        "Employment": {"Kind": "10", "Years": 19},
        "AdverseRecords": "N",
    },
}


class Served(NamedTuple):
    base: str
    key: str

    def session(self) -> requests.Session:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {self.key}"
        return session


@pytest.fixture(scope="module")
def served(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Meridian as it is, and once more with its binding in SOAP 1.2; a third one whose WSDL is broken."""
    home = tmp_path_factory.mktemp("soap") / "home"
    shutil.copytree(built_home, home, ignore=shutil.ignore_patterns("state", "principals.yaml"))
    twin(home, "meridian-twelve", "http://schemas.xmlsoap.org/wsdl/soap/", "http://schemas.xmlsoap.org/wsdl/soap12/")
    twin(home, "meridian-broken", "</wsdl:definitions>", "")
    key = principals.add(home / "principals.yaml", "meridian", ["*"], ["score", "read"])
    with serving(Caller(home, key), SCOREGATE_PUBLIC_URL="http://scores.example:1234/bank") as live:
        yield Served(str(live.client.base_url).rstrip("/"), key)


def twin(home: Path, name: str, before: str, after: str) -> None:
    folder = Path(shutil.copytree(home / "integrations" / "meridian-los", home / "integrations" / name))
    wsdl, file = folder / "CreditDecision.wsdl", folder / "integration.yaml"
    wsdl.write_text(wsdl.read_text().replace(before, after))
    file.write_text(file.read_text().replace("integration: meridian-los", f"integration: {name}"))


@pytest.fixture(params=["1.1", "1.2"])
def client(request: pytest.FixtureRequest, served: Served) -> Iterator[zeep.Client]:
    """A client made from the WSDL as it is served. The public URL it names is led to this machine."""
    path = f"{served.base}/soap/{NAMES[request.param]}"
    with served.session() as session:
        transport = LocalTransport(served, session=session)
        made = zeep.Client(f"{path}?wsdl", transport=transport, plugins=[WsAddressingPlugin()])
        yield made


class LocalTransport(zeep.Transport):
    """Leads the public URL, which the WSDL names, to the gateway of the test."""

    def __init__(self, served: Served, **more: Any) -> None:
        super().__init__(**more)
        self.served = served

    def _here(self, address: str) -> str:
        return address.replace("http://scores.example:1234/bank", self.served.base)

    def load(self, url: str) -> bytes:
        return bytes(super().load(self._here(url)))

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> requests.Response:
        return super().post(self._here(address), message, headers)


def ask(client: zeep.Client, reference: str, **changes: Any) -> Any:
    application = APPLICATION | {"Applicant": APPLICATION["Applicant"] | changes}
    return client.service.ScoreApplication(Application={"Reference": reference}, **application)


def test_a_generated_client_gets_its_decision_and_fetches_it_again(client: zeep.Client) -> None:
    reference = f"Z-{client.wsdl.location[-20:-5]}"
    decision = ask(client, reference)
    assert (decision.Code, decision.Score, decision.Reference) == ("A", 586, reference)
    assert (decision.ScoreRange.low, decision.ScoreRange.high) == (575, 588)
    assert [(one.Field, one.State) for one in decision.Estimated] == [("debt", "not_carried")]
    assert client.service.FetchDecision(Reference=reference) == decision


def test_the_wsdl_names_the_public_address_whatever_the_request_says_of_its_host(served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.key}", "Host": "evil.example"}
    wsdl = httpx.get(f"{served.base}/soap/meridian-los?wsdl", headers=headers).text
    public = "http://scores.example:1234/bank/soap/meridian-los"
    assert f'<soap:address location="{public}"/>' in wsdl
    assert f'schemaLocation="{public}?xsd=schema/CreditDecision.xsd"' in wsdl
    assert "evil.example" not in wsdl
    for name in ("schema/Types.xsd/", "../meridian-los/schema/Types.xsd", "integration.yaml"):
        found = httpx.get(f"{served.base}/soap/meridian-los", params={"xsd": name}, headers=headers)
        assert (found.status_code, b"Fault" in found.content) == (500, True)


def test_a_broken_wsdl_switches_off_its_own_integration_alone(served: Served) -> None:
    states = httpx.get(f"{served.base}/readyz").json()["integrations"]
    assert {name: state["state"] for name, state in states.items() if name.startswith("meridian")} == {
        "meridian-los": "ready", "meridian-twelve": "ready", "meridian-broken": "unavailable",
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {served.key}", "Content-Type": "application/soap+xml"}
    answer = httpx.post(f"{served.base}/soap/meridian-broken", headers=headers, content=b"<x/>")
    assert answer.status_code == 500
    assert answer.headers["retry-after"] == "300"
    assert "<soap:Value>soap:Receiver</soap:Value>" in answer.text
    assert ">300</sg:RetryAfter>" in answer.text

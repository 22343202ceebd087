"""From a WSDL to an answering endpoint, by commands only: draft, decide, test, let somebody in, serve, call."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
from command_line import here
from live_gateway import Caller, serving
from lxml import etree

ROOT = Path(__file__).parents[2]
WSDL = ROOT / "tests" / "wsdls" / "kontor" / "KreditService.wsdl"
NAME = "kontor-erp"


def run(home: Path, *words: str | Path) -> str:
    done = here(home, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_drafted_integration_answers_the_system_it_was_drafted_for(built_home: Path, tmp_path: Path) -> None:
    """The ERP speaks rpc/literal, names its fields in its own short way, and its answer has room for two reasons."""
    home = tmp_path / "home"
    shutil.copytree(built_home, home, ignore=shutil.ignore_patterns("state", "principals.yaml", "juniper-*"))
    policy = home / "policies" / "consumer-instalment.policy.yaml"  # it carries little: more goes to a person
    policy.write_text(policy.read_text().replace("max_refer_share: 0.5", "max_refer_share: 0.7"))
    said = run(home, "new", "integration", NAME, "--wsdl", WSDL, "--contract", "loan_application@1.0.0")
    assert "mapped       10 of 14 fields of the contract" in said
    assert "lint         0 error(s)" in said
    assert "printQueue: is made up" in said
    folder = home / "integrations" / NAME
    file = folder / "integration.yaml"
    file.write_text(file.read_text().replace("printQueue: {constant: 1}", "printQueue: {constant: 47}"))
    assert ">47<" in run(home, "test", folder, "--renew")
    key = run(home, "principal", "add", "kontor", "--integration", NAME).strip()

    request = (folder / "examples" / "01-drafted__is_answered" / "request.xml").read_bytes()
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
    with serving(Caller(home, key)) as live:
        answered = live.client.post(f"/soap/{NAME}", content=request, headers=headers)
        assert answered.status_code == 200, answered.text
        again = live.client.post(f"/soap/{NAME}", content=request, headers=headers)
        wsdl = live.client.get(f"/soap/{NAME}?wsdl")
    assert told(answered)["verdict"] in ("ACCEPT", "MANUAL", "REJECT")
    assert told(answered)["printQueue"] == "47"
    assert 0 <= int(told(answered)["scoreVal"]) <= 999
    assert told(again) == told(answered)
    assert f'location="{live.client.base_url}/soap/{NAME}"' in wsdl.text


def told(answer: httpx.Response) -> dict[str, str]:
    """The parts of the rpc response, by name."""
    root = etree.fromstring(answer.content)
    return {part.tag: part.text for part in root[-1][0]}

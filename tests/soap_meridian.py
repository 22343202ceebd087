"""What the tests of the soap adapter share: Meridian's codec, one request of its own, and what changes in both."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from adapters.soap import adapter
from adapters.soap.codec import SoapCodec
from contracts.source import Source

MERIDIAN = Path(__file__).parents[1] / "fixtures" / "integrations" / "meridian-los"
REQUEST = (MERIDIAN / "examples/01-complete__approves/request.xml").read_text()
SPACE = "urn:meridian:los:credit-decision:v3"
ACTION = f"{SPACE}/ScoreApplication"
S11, S12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
TYPES = {S11: "text/xml; charset=utf-8", S12: "application/soap+xml; charset=utf-8"}
SAID = {"content-type": TYPES[S11], "soapaction": f'"{ACTION}"'}
ANSWER: dict[str, Any] = {
    "Decision": {
        "Number": "d1", "Reference": "MER-2026-000101", "Code": "A", "Score": 586,
        "ScoreRange": {"@low": 500, "@high": 600}, "Probability": "0.03", "Reasons": {"Reason": []},
        "DecidedAt": "2026-01-15T09:30:00Z", "ValidUntil": "2026-01-15T09:30:00Z", "NoticeDueBy": "2026-01-15",
        "Mode": "test",
    }
}  # fmt: skip


def made(folder: Path = MERIDIAN) -> SoapCodec:
    return adapter.wire(Source.read(folder / "integration.yaml").data["wire"], folder)


def changed(folder: Path, *changes: tuple[str, str]) -> SoapCodec:
    """Meridian's WSDL with some things changed."""
    copy = Path(shutil.copytree(MERIDIAN, folder / "meridian-los"))
    text = (copy / "CreditDecision.wsdl").read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (copy / "CreditDecision.wsdl").write_text(text)
    return made(copy)


def with_header(blocks: str, version: str = S11) -> str:
    text = REQUEST.replace("<soapenv:Body>", f"<soapenv:Header>{blocks}</soapenv:Header><soapenv:Body>")
    return text.replace(S11, version)

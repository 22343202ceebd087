"""Several operations that ask alike are scored by one mapping, and each is answered in its own words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fakes import MemoryDesk
from lxml import etree
from soap_meridian import ANSWER, MERIDIAN, REQUEST, SAID, SPACE

from adapters.soap import adapter
from adapters.soap.codec import SoapCodec
from contracts.errors import ConfigurationError, MalformedPayload
from contracts.source import Source
from gateway.spi import Request, Response

OPERATION = """
    <wsdl:operation name="Rescore">
      <wsdl:input message="tns:RescoreRequest"/><wsdl:output message="tns:RescoreResponse"/>{}
    </wsdl:operation>"""
MESSAGES = """<wsdl:message name="RescoreRequest"><wsdl:part name="p" element="tns:Rescore"/></wsdl:message>
  <wsdl:message name="RescoreResponse"><wsdl:part name="p" element="tns:RescoreResponse"/></wsdl:message>
  <wsdl:portType """
FAULT = '<wsdl:fault name="ApplicationFault" message="tns:ApplicationFault"/>'
BOUND = f"""
    <wsdl:operation name="Rescore"><soap:operation soapAction="{SPACE}/Rescore"/>
      <wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output>
    </wsdl:operation>"""


def codec(folder: Path, *, needs: str = "t:Person", fault: str = FAULT) -> SoapCodec:
    """Meridian's service with a second operation that asks for a decision; ``needs`` is the type of its applicant."""
    for file in MERIDIAN.rglob("*.[wx]s*"):
        copy = folder / file.relative_to(MERIDIAN)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(file.read_text())
    wsdl, schema = folder / "CreditDecision.wsdl", folder / "schema" / "CreditDecision.xsd"
    text = wsdl.read_text().replace("<wsdl:portType ", MESSAGES, 1)
    text = text.replace("</wsdl:portType>", f"{OPERATION.format(fault)}</wsdl:portType>")
    wsdl.write_text(text.replace("</wsdl:binding>", f"{BOUND}</wsdl:binding>"))
    root = etree.parse(schema).getroot()
    for name in ("ScoreApplication", "ScoreApplicationResponse"):
        [element] = root.xpath(f"*[@name='{name}']")
        again = etree.fromstring(etree.tostring(element))
        again.set("name", name.replace("ScoreApplication", "Rescore"))
        for applicant in again.xpath(".//*[@name='Applicant']"):
            applicant.set("type", needs)
        root.append(again)
    schema.write_bytes(etree.tostring(root))
    wire: dict[str, Any] = Source.read(MERIDIAN / "integration.yaml").data["wire"]
    return adapter.wire(wire | {"operations": ["ScoreApplication", "Rescore"]}, folder)


RESCORE = REQUEST.replace(":ScoreApplication", ":Rescore")


def post(made: SoapCodec, text: str, action: str) -> Response:
    desk = MemoryDesk("meridian-los", made, lambda _tree: ANSWER)
    request = Request("POST", "/soap/meridian-los", {}, SAID | {"soapaction": action}, text.encode(), "meridian")
    return asyncio.run(adapter.routes(desk)[0].handle(request))  # type: ignore[arg-type]


def test_each_operation_is_answered_in_its_own_element(tmp_path: Path) -> None:
    made = codec(tmp_path)
    for text, name in ((REQUEST, "ScoreApplication"), (RESCORE, "Rescore")):
        body = etree.fromstring(post(made, text, f"{SPACE}/{name}").body)[-1]
        assert body[0].tag == f"{{{SPACE}}}{name}Response"
        assert body[0].findtext("{*}Decision/{*}Score") == "586"


def test_both_are_read_into_the_same_tree(tmp_path: Path) -> None:
    made = codec(tmp_path)
    said = {"content-type": SAID["content-type"]}
    assert made.decode(RESCORE.encode(), said) == made.decode(REQUEST.encode(), said)
    assert made.native_path("Loan.Amount") == "/*/Loan/Amount"


def test_the_action_of_the_other_operation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedPayload, match="Rescore"):
        codec(tmp_path).decode(RESCORE.encode(), SAID)


def test_an_operation_that_asks_otherwise_is_refused_before_serving(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Rescore is asked otherwise than ScoreApplication"):
        codec(tmp_path, needs="t:Loan")


def test_one_that_tells_refusals_otherwise_is_refused_as_well(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Rescore declares its fault otherwise"):
        codec(tmp_path, fault="")

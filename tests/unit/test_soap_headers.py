"""Header blocks a WSDL describes: those of a request are understood, those of an answer are written as mapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from soap_meridian import ANSWER, S11, S12, SAID, changed, made, with_header

from adapters.soap.codec import SoapCodec
from adapters.soap.envelope import V12, wrapped
from contracts.errors import ConfigurationError, Fault, InternalFault
from contracts.store import ContractStore
from gateway.integrations import read_integration
from gateway.lint_wire import wire_faults

SPACE = "urn:meridian:session"
SCHEMA = f"""<xsd:schema targetNamespace="{SPACE}" elementFormDefault="qualified">
  <xsd:element name="Session"><xsd:complexType><xsd:sequence>
    <xsd:element name="Id" type="xsd:string"/>
    <xsd:element name="Mode" minOccurs="0"><xsd:simpleType><xsd:restriction base="xsd:string">
      <xsd:enumeration value="test"/><xsd:enumeration value="live"/></xsd:restriction></xsd:simpleType></xsd:element>
  </xsd:sequence></xsd:complexType></xsd:element>
  <xsd:element name="Trace" type="xsd:string"/></xsd:schema></wsdl:types>
  <wsdl:message name="Headers"><wsdl:part name="session" element="s:Session"/>
    <wsdl:part name="trace" element="s:Trace"/></wsdl:message>"""
BODY = '<soap:body use="literal"/>'
HEADERS = """<soap:header message="tns:Headers" part="session" use="literal"{0}/>
  <soap:header message="tns:Headers" part="trace" use="literal"/>"""


def described(folder: Path, required: str = "", *, fetched: bool = True) -> SoapCodec:
    """Meridian's service with two headers described both ways, for the operation that fetches only if that is said."""
    with_them = BODY + HEADERS.format(required)
    fetch = f'FetchDecision"/>\n      <wsdl:input>{with_them}</wsdl:input>\n      <wsdl:output>'
    return changed(
        folder,
        ("</wsdl:types>", SCHEMA),
        ('xmlns:tns="', f'xmlns:s="{SPACE}" xmlns:tns="'),
        (BODY, with_them),
        *([] if fetched else [(f"{fetch}{with_them}", f"{fetch}{BODY}")]),
    )


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> SoapCodec:
    return described(tmp_path_factory.mktemp("headers"))


def answer(codec: SoapCodec, **header: Any) -> bytes:
    return codec.encode({**ANSWER, "header": header})


def test_a_described_header_that_must_be_understood_is_and_can_be_mapped(codec: SoapCodec) -> None:
    block = f'<s:Session xmlns:s="{SPACE}" soapenv:mustUnderstand="1"><s:Id>S-1</s:Id></s:Session>'
    tree = codec.decode(with_header(block).encode(), SAID)
    assert tree["header"]["Session"]["Id"] == "S-1"


def test_an_answer_carries_the_headers_that_are_mapped_in_either_version(codec: SoapCodec) -> None:
    stored = answer(codec, Trace="d-1", Session={"Id": "S-1", "Mode": "test"})
    for space, message in ((S11, stored), (S12, wrapped(stored, V12, '<w:Action xmlns:w="urn:w">a</w:Action>'))):
        root = etree.fromstring(message)
        header, body = root
        assert [child.tag for child in root] == [f"{{{space}}}Header", f"{{{space}}}Body"]
        told = {etree.QName(block).localname: " ".join(block.itertext()) for block in header}
        assert told | {"Action": "a"} == {"Session": "S-1 test", "Trace": "d-1", "Action": "a"}
        assert etree.QName(body[0]).localname == "ScoreApplicationResponse"


def test_without_anything_to_say_there_is_no_header(codec: SoapCodec) -> None:
    assert b"Header" not in answer(codec, Trace=None, Session={"Id": None})
    assert b"Header" not in codec.encode(ANSWER)


def test_a_header_is_checked_by_its_schema_as_the_body_is(codec: SoapCodec) -> None:
    with pytest.raises(InternalFault, match="Mode"):
        answer(codec, Session={"Id": "S-1", "Mode": "trial"})


def test_a_text_that_looks_like_a_body_stays_where_it_is(codec: SoapCodec) -> None:
    root = etree.fromstring(wrapped(answer(codec, Trace="</soap:Header><soap:Body>&"), V12))
    assert root[0][0].text == "</soap:Header><soap:Body>&"


def test_a_fetched_decision_has_the_headers_of_the_first_answer(codec: SoapCodec, tmp_path: Path) -> None:
    stored = answer(codec, Trace="d-1")
    fetch = f'<e:Envelope xmlns:e="{S11}"><e:Body><m:FetchDecision xmlns:m="urn:meridian:los:credit-decision:v3">'
    fetch += "<m:Reference>r</m:Reference></m:FetchDecision></e:Body></e:Envelope>"
    again = codec.renamed(stored, codec.message(fetch.encode(), {"content-type": "text/xml"}))
    assert b"d-1" in again and b"FetchDecisionResponse" in again
    bare = described(tmp_path, fetched=False)
    again = bare.renamed(stored, bare.message(fetch.encode(), {"content-type": "text/xml"}))
    assert b"Header" not in again and b"FetchDecisionResponse" in again


def linted(folder: Path, codec: SoapCodec, *lines: str) -> list[str]:
    """Errors about the answer, with these lines in its map."""
    file = folder / "meridian-los" / "integration.yaml"
    more = "".join(f"  {line}\n" for line in lines)
    file.write_text(file.read_text().replace("  Decision.Mode: mode\n", f"  Decision.Mode: mode\n{more}"))
    integration = read_integration(file.parent, ContractStore())
    found = wire_faults(integration, codec.fields())
    return [fault.message for fault in found if fault.severity == "error"]


KEY = "request: header.MessageID"


def keyed(folder: Path, path: str, headers: str = "") -> list[Fault]:
    """Faults of Meridian's own mapping with this path to the request key."""
    codec = described(folder)
    file = folder / "meridian-los" / "integration.yaml"
    text = file.read_text().replace(KEY, f"request: {path}").replace("correlation: header.MessageID", "")
    file.write_text(text.replace("  fetch:", f"  headers: [{headers}]\n  fetch:") if headers else text)
    integration = read_integration(file.parent, ContractStore())
    codec = made(file.parent) if headers else codec
    return [fault for fault in wire_faults(integration, codec.fields()) if fault.severity == "error"]


def test_a_misspelled_header_is_a_fault_and_no_derived_key(tmp_path: Path) -> None:
    [fault] = keyed(tmp_path, "header.MesageID")
    assert fault.message == "the wire schema has no header.MesageID"
    assert (fault.hint, fault.line > 1) == ("did you mean 'header.MessageID'?", True)


@pytest.mark.parametrize("path", ["header.MessageID", "header.x-correlation-id", "header.Trace", "header.Session.Id"])
def test_headers_of_addressing_and_those_the_wsdl_describes_are_known(tmp_path: Path, path: str) -> None:
    assert not keyed(tmp_path, path)


def test_a_header_the_wsdl_does_not_describe_is_named_by_the_integration(tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    (tmp_path / "with").mkdir()
    assert keyed(tmp_path / "without", "header.TransactionId")
    assert not keyed(tmp_path / "with", "header.TransactionId", "TransactionId")


def test_lint_wants_a_header_that_is_required(tmp_path: Path) -> None:
    codec = described(tmp_path, ' wsdl:required="true"')
    told = "the answer's wire schema requires header.Session.Id, and nothing writes it"
    assert linted(tmp_path, codec) == [told]
    assert linted(tmp_path, codec, "header.Session.Id: decision_id") == []


def test_lint_knows_the_headers_of_an_answer(tmp_path: Path) -> None:
    codec = described(tmp_path)
    assert linted(tmp_path, codec, "header.Trace: decision_id", "header.Session.Id: business_key") == []
    [told] = linted(tmp_path, codec, "header.Trcae: decision_id")
    assert "header.Trcae is not in the answer's wire schema" in told


def test_a_header_that_names_no_element_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"CreditDecision.wsdl:[0-9]+:.*a soap:header names one part"):
        changed(tmp_path, (BODY, f'{BODY}<soap:header message="tns:ApplicationFault" part="nobody" use="literal"/>'))

"""The ways a WSDL may be written: each is read into the operations, messages and files that it means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from soap_wired import DOCUMENT, HEAD, PORT_TYPE, RPC, SECTION, SERVICE, TYPES, asked, binding, read, wired

from adapters.soap.codec import SoapCodec
from adapters.soap.published import published
from contracts.errors import ConfigurationError, InternalFault, InvalidRecord, MalformedPayload

BARE = '<t:Score xmlns:t="urn:t">12.50</t:Score>'


def test_a_bare_document_may_be_a_single_value(tmp_path: Path) -> None:
    codec = wired(tmp_path, TYPES, DOCUMENT, PORT_TYPE, binding(), SERVICE)
    assert read(codec, BARE) == {"#text": "12.50"}
    assert (asked(codec), set(codec.fields().answer or ())) == ({"#text"}, {"#text"})
    answer = etree.fromstring(codec.encode({"#text": 612}))[0][0]
    assert (answer.tag, answer.text) == ("{urn:t}ScoreResponse", "612")


OPEN = """<w:types><x:schema targetNamespace="urn:t" elementFormDefault="qualified">
  <x:element name="Score" type="x:decimal"/>
  <x:element name="ScoreResponse"><x:complexType><x:sequence>
    <x:element name="Code" type="x:string"/>
    <x:element name="Extension" minOccurs="0"><x:complexType><x:sequence>
      <x:any namespace="%s" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
    </x:sequence></x:complexType></x:element>
  </x:sequence></x:complexType></x:element></x:schema></w:types>"""
MODEL = {"@version": "1.0.0", "#text": "a & b"}
EXTRA = {"Code": "A", "Extension": {"Model": MODEL, "Cause": ["x", None, "y"], "No": None}}
IN_TARGET = [("{urn:t}Model", {"version": "1.0.0"}, "a & b"), ("{urn:t}Cause", {}, "x"), ("{urn:t}Cause", {}, "y")]


WILDCARDS = [("##targetNamespace", "urn:t"), ("urn:x urn:y", "urn:x"), ("##any", "")]


@pytest.mark.parametrize(("wildcard", "space"), WILDCARDS)
def test_what_a_wildcard_lets_in_is_written_behind_what_is_declared(tmp_path: Path, wildcard: str, space: str) -> None:
    codec = wired(tmp_path, OPEN % wildcard, DOCUMENT, PORT_TYPE, binding(), SERVICE)
    inside = etree.fromstring(codec.encode(EXTRA))[0][0][1]
    expected = [(name.replace("{urn:t}", f"{{{space}}}" if space else ""), *rest) for name, *rest in IN_TARGET]
    assert [(node.tag, dict(node.attrib), node.text) for node in inside] == expected


def test_a_name_in_a_wildcard_may_bring_its_own_namespace(tmp_path: Path) -> None:
    codec = wired(tmp_path, OPEN % "##other", DOCUMENT, PORT_TYPE, binding(), SERVICE)
    model = etree.fromstring(codec.encode({"Code": "A", "Extension": {"{urn:o}Model": {"Name": "m"}}}))[0][0][1][0]
    assert (model.tag, model[0].tag, model[0].text) == ("{urn:o}Model", "{urn:o}Name", "m")
    with pytest.raises(InternalFault, match="breaks the schema"):
        codec.encode({"Code": "A", "Extension": {"Model": "m"}})
    with pytest.raises(InternalFault, match="no name of an XML element"):
        codec.encode({"Code": "A", "Extension": {"{urn:o}a b": "m"}})


def test_an_rpc_message_is_named_as_its_operation_and_its_accessors_have_no_namespace(tmp_path: Path) -> None:
    codec = wired(tmp_path, RPC, PORT_TYPE, binding("rpc", body=' namespace="urn:rpc"'), SERVICE)
    message = '<r:Score xmlns:r="urn:rpc"><amount>10.5</amount><term>12</term></r:Score>'
    assert read(codec, message) == {"amount": "10.5", "term": "12"}
    assert asked(codec) == {"amount", "term"}
    answer = etree.fromstring(codec.encode({"score": 612}))[0][0]
    assert (answer.tag, answer[0].tag, answer[0].text) == ("{urn:rpc}ScoreResponse", "score", "612")
    for wrong in ("<r:amount>1</r:amount><term>12</term>", "<term>12</term><amount>1</amount>", "<amount>1</amount>"):
        with pytest.raises(InvalidRecord):
            read(codec, f'<r:Score xmlns:r="urn:rpc">{wrong}</r:Score>')
    with pytest.raises(MalformedPayload):
        read(codec, "<Score><amount>10.5</amount><term>12</term></Score>")


BY_TYPE = """<w:types><x:schema elementFormDefault="unqualified"><x:complexType name="Loan"><x:sequence>
  <x:element name="Amount" type="x:decimal"/></x:sequence></x:complexType></x:schema></w:types>
<w:message name="In"><w:part name="loan" type="Loan"/></w:message>"""


def test_an_rpc_accessor_may_be_of_a_type_without_a_namespace(tmp_path: Path) -> None:
    answer = RPC.partition("\n")[2]
    codec = wired(tmp_path, BY_TYPE, answer, PORT_TYPE, binding("rpc", body=' namespace="urn:rpc"'), SERVICE)
    message = '<r:Score xmlns:r="urn:rpc"><loan><Amount>{}</Amount></loan></r:Score>'
    assert read(codec, message.format("10.5")) == {"loan": {"Amount": "10.5"}}
    with pytest.raises(InvalidRecord):
        read(codec, message.format("much"))


def test_an_rpc_accessor_of_a_type_nobody_declares_is_refused_by_its_name(tmp_path: Path) -> None:
    unknown = BY_TYPE.replace('type="Loan"', 'type="Lean"')
    with pytest.raises(ConfigurationError, match="Lean"):
        wired(
            tmp_path, unknown, RPC.partition("\n")[2], PORT_TYPE, binding("rpc", body=' namespace="urn:rpc"'), SERVICE
        )


def test_a_wsdl_may_import_its_abstract_part_and_schemas_include_and_import_others(tmp_path: Path) -> None:
    schema = '<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" {}>{}</x:schema>'
    codec = wired(
        tmp_path,
        '<w:import namespace="urn:t" location="abstract.wsdl"/>',
        binding(),
        SERVICE,
        abstract_wsdl=HEAD + '<w:types><x:schema><x:import namespace="urn:t" schemaLocation="main.xsd"/></x:schema>'
        f"</w:types>{DOCUMENT}{PORT_TYPE}</w:definitions>",
        main_xsd=schema.format(
            'targetNamespace="urn:t" xmlns:t="urn:t" xmlns:o="urn:o" elementFormDefault="qualified"',
            '<x:include schemaLocation="part.xsd"/><x:import namespace="urn:o" schemaLocation="other.xsd"/>'
            '<x:element name="Score"><x:complexType><x:sequence><x:element name="A" type="t:Amount"/>'
            '<x:element ref="o:B"/></x:sequence></x:complexType></x:element>'
            '<x:element name="ScoreResponse" type="x:int"/>',
        ),
        part_xsd=schema.format("", '<x:simpleType name="Amount"><x:restriction base="x:decimal">'
                                   '<x:totalDigits value="4"/></x:restriction></x:simpleType>'),
        other_xsd=schema.format('targetNamespace="urn:o"', '<x:element name="B" type="x:date"/>'),
    )  # fmt: skip
    message = '<t:Score xmlns:t="urn:t"><t:A>{}</t:A><o:B xmlns:o="urn:o">2026-01-15</o:B></t:Score>'
    assert read(codec, message.format("99.5")) == {"A": "99.5", "B": "2026-01-15"}
    with pytest.raises(InvalidRecord):
        read(codec, message.format("99999"))
    files = published(codec.served.wsdl, "https://public.example/soap/x")
    assert {key for key in files if key != ("wsdl", "")} == {
        ("wsdl", "a.wsdl"), ("wsdl", "abstract.wsdl"), ("xsd", "main.xsd"), ("xsd", "part.xsd"), ("xsd", "other.xsd"),
    }  # fmt: skip
    assert b'location="https://public.example/soap/x?wsdl=abstract.wsdl"' in files["wsdl", ""]
    assert b'schemaLocation="https://public.example/soap/x?xsd=part.xsd"' in files["xsd", "main.xsd"]


PORTS = """<w:service name="S"><w:port name="One" binding="t:B"><s:address location="http://old/"/></w:port>
<w:port name="Two" binding="t:C"><s12:address location="http://old/"/></w:port></w:service>"""


def test_ports_that_agree_are_one_service_with_the_actions_of_both(tmp_path: Path) -> None:
    twelve = binding(name="C", s="s12", action="urn:twelve")
    codec = wired(tmp_path, TYPES, DOCUMENT, PORT_TYPE, binding(), twelve, PORTS)
    assert read(codec, BARE) == read(codec, BARE, "urn:twelve") == {"#text": "12.50"}
    with pytest.raises(MalformedPayload):
        read(codec, BARE, "urn:third")
    text = published(codec.served.wsdl, "https://public.example/")["wsdl", ""]
    assert text.count(b'location="https://public.example/"') == 2


def test_of_ports_that_differ_one_must_be_named(tmp_path: Path) -> None:
    other = binding("rpc", name="C", body=' namespace="urn:rpc"').replace('type="t:P"', 'type="t:Q"')
    messages = DOCUMENT + RPC.replace('"In"', '"RpcIn"').replace('"Out"', '"RpcOut"')
    types = PORT_TYPE + PORT_TYPE.replace('"P"', '"Q"').replace("t:In", "t:RpcIn").replace("t:Out", "t:RpcOut")
    sections = (TYPES, messages, types, binding(), other, PORTS.replace("s12:", "s:"))
    with pytest.raises(ConfigurationError, match=r"a\.wsdl:\d+:1: error: two bindings .*wire\.port"):
        wired(tmp_path, *sections)
    codec = wired(tmp_path, *sections, section=SECTION | {"port": "Two"})
    assert read(codec, '<r:Score xmlns:r="urn:rpc"><amount>1</amount><term>2</term></r:Score>')["term"] == "2"


def test_a_wsdl_without_a_service_serves_its_bindings(tmp_path: Path) -> None:
    assert read(wired(tmp_path, TYPES, DOCUMENT, PORT_TYPE, binding()), BARE) == {"#text": "12.50"}


def test_only_a_wsdl_whose_sections_are_out_of_order_is_put_in_order(tmp_path: Path) -> None:
    mixed = wired(tmp_path, SERVICE, binding(), PORT_TYPE, "<!-- messages -->", DOCUMENT, TYPES)
    names = [etree.QName(node).localname for node in served(mixed) if isinstance(node.tag, str)]
    assert names == ["types", "message", "message", "portType", "binding", "service"]
    assert read(mixed, BARE) == {"#text": "12.50"}
    sorted_ = wired(tmp_path, TYPES, DOCUMENT, PORT_TYPE, binding(), SERVICE.replace("http://old/", "https://new/"))
    written = etree.fromstring((tmp_path / "a.wsdl").read_bytes())
    assert etree.tostring(served(sorted_), method="c14n") == etree.tostring(written, method="c14n")


def served(codec: SoapCodec) -> Any:
    return etree.fromstring(published(codec.served.wsdl, "https://new/")["wsdl", ""])


UNSERVED: list[tuple[str, str, str]] = [
    ("encoded", binding("rpc", body=' namespace="u"').replace("literal", "encoded"), "only literal (BP 1.1 R2706)"),
    ("a message by no name", binding().replace("t:P", "t:Nobody"), "there is no portType 't:Nobody'"),
    ("an operation by no name", binding().replace('name="Score"', 'name="Scores"'), "has no operation 'Scores'"),
    ("a prefix nobody declared", binding().replace("t:P", "zz:P"), "there is no portType 'zz:P'"),
    ("mail", binding().replace("soap/http", "soap/smtp"), "is not HTTP"),
]


@pytest.mark.parametrize(("binding_", "told"), [row[1:] for row in UNSERVED], ids=[row[0] for row in UNSERVED])
def test_a_binding_that_cannot_be_served_is_told_at_its_line(tmp_path: Path, binding_: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        wired(tmp_path, TYPES, DOCUMENT, PORT_TYPE, binding_, SERVICE)
    text = (tmp_path / "a.wsdl").read_text().splitlines()
    line = 1 + next(at for at, row in enumerate(text) if row.startswith("<w:binding"))
    assert f"a.wsdl:{line}:1: error:" in str(caught.value)
    assert told in str(caught.value)


def test_a_wsdl_that_includes_itself_and_one_of_many_files_come_to_an_end(tmp_path: Path) -> None:
    circle = wired(
        tmp_path, '<w:import namespace="urn:t" location="b.wsdl"/>', TYPES, DOCUMENT, PORT_TYPE, binding(), SERVICE,
        b_wsdl=HEAD + '<w:import namespace="urn:t" location="a.wsdl"/></w:definitions>',
    )  # fmt: skip
    assert read(circle, BARE) == {"#text": "12.50"}
    for at in range(300):
        following = f'<w:import namespace="urn:t" location="n{at + 1}.wsdl"/>'
        (tmp_path / f"n{at}.wsdl").write_text(f"{HEAD}{following}</w:definitions>")
    with pytest.raises(ConfigurationError, match="more than 200 files"):
        wired(tmp_path, '<w:import namespace="urn:t" location="n0.wsdl"/>', TYPES, DOCUMENT, PORT_TYPE, binding())


GROUP = """<w:types><x:schema targetNamespace="urn:t" xmlns:t="urn:t" elementFormDefault="qualified">
  <x:element name="Security" abstract="true"/>
  <x:element name="House" substitutionGroup="t:Security"><x:complexType><x:sequence>
    <x:element name="Insured" type="x:boolean"/></x:sequence></x:complexType></x:element>
  <x:element name="Cash" type="x:decimal" substitutionGroup="t:Security"/>
  <x:element name="Gold" type="x:decimal" substitutionGroup="t:Cash"/>
  <x:complexType name="Secured"><x:sequence><x:element ref="t:Security"/></x:sequence></x:complexType>
  <x:element name="Score" type="t:Secured"/><x:element name="ScoreResponse" type="t:Secured"/>
  </x:schema></w:types>"""


def test_what_stands_for_an_element_of_a_substitution_group_has_its_own_type(tmp_path: Path) -> None:
    codec = wired(tmp_path, GROUP, DOCUMENT, PORT_TYPE, binding(), SERVICE)
    assert asked(codec) == {"House.Insured", "Cash", "Gold"}
    message = '<t:Score xmlns:t="urn:t">{}</t:Score>'
    assert read(codec, message.format("<t:House><t:Insured>1</t:Insured></t:House>")) == {"House": {"Insured": True}}
    assert read(codec, message.format("<t:Gold> 12.5 </t:Gold>")) == {"Gold": "12.5"}
    assert etree.fromstring(codec.encode({"Cash": "7"}))[0][0][0].tag == "{urn:t}Cash"
    with pytest.raises(InvalidRecord):
        read(codec, message.format("<t:Security/>"))


def test_a_text_of_any_type_is_read(tmp_path: Path) -> None:
    types = TYPES.replace(
        '<x:element name="Score" type="x:decimal"/>',
        '<x:element name="Score"><x:complexType><x:sequence><x:element name="Note" type="x:anyType"/>'
        "</x:sequence></x:complexType></x:element>",
    )
    codec = wired(tmp_path, types, DOCUMENT, PORT_TYPE, binding(), SERVICE)
    message = '<t:Score xmlns:t="urn:t"><t:Note{}>{}</t:Note></t:Score>'
    assert read(codec, message.format("", "a text")) == {"Note": "a text"}
    assert read(codec, message.format(' kind="k"', "<a>1</a>")) == {"Note": {"@kind": "k", "a": "1"}}

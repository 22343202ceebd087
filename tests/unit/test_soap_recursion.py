"""Types that hold each other have a path for every order they may come in: how many are followed is bounded."""

from __future__ import annotations

from pathlib import Path

import pytest
from soap_wired import DOCUMENT, PORT_TYPE, RPC, SERVICE, binding, read, wired

from adapters.soap.codec import SoapCodec
from adapters.soap.drafting import sketch
from contracts.errors import ConfigurationError

TYPES = """<w:types><x:schema targetNamespace="urn:t" elementFormDefault="qualified" xmlns:t="urn:t">
{}
  <x:element name="Score" type="t:T0"/><x:element name="ScoreResponse" type="x:int"/>
  <x:element name="Find"><x:complexType><x:sequence><x:element name="Inside" type="t:T0"/></x:sequence></x:complexType>
  </x:element></x:schema></w:types>"""
TYPE = '<x:complexType name="T{}"><x:sequence>{}<x:element name="V" type="x:int"/></x:sequence></x:complexType>'
MANY = 12


def kinds(many: int) -> str:
    """So many types, each of which may hold each other one."""
    held = '<x:element name="E{0}" type="t:T{0}" minOccurs="0"/>'
    return "\n".join(
        TYPE.format(at, "".join(held.format(other) for other in range(many) if other != at)) for at in range(many)
    )


def served(folder: Path, many: int) -> SoapCodec:
    return wired(folder, TYPES.format(kinds(many)), DOCUMENT, PORT_TYPE, binding(), SERVICE)


def test_a_few_types_that_hold_each_other_are_served(tmp_path: Path) -> None:
    codec = served(tmp_path, 4)
    assert "E1.E2.E3.V" in (codec.fields().request or {})
    assert read(codec, '<t:Score xmlns:t="urn:t"><t:E3><t:V>1</t:V></t:E3><t:V>2</t:V></t:Score>') == {
        "E3": {"V": "1"}, "V": "2",
    }  # fmt: skip


def test_more_paths_than_can_be_followed_are_a_fault_that_names_the_types(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        served(tmp_path, MANY)
    (fault,) = caught.value.faults
    assert "more than 20000 paths lead into the element Score, most through the types T" in fault.message
    assert "leave out of this copy of the schema" in fault.hint
    named = fault.message.partition("types ")[2].partition(",")[0]
    assert f'name="{named}"' in (tmp_path / "a.wsdl").read_text().splitlines()[fault.line - 1]


def test_drafting_from_such_a_schema_comes_to_the_same_end(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        served(tmp_path, MANY)
    with pytest.raises(ConfigurationError, match="paths lead into the element Score"):
        sketch(tmp_path / "a.wsdl", "")


def test_another_operation_of_such_types_leaves_the_one_that_is_drafted_alone(tmp_path: Path) -> None:
    messages = RPC.replace('<w:part name="amount" type="x:decimal"/><w:part name="term" type="x:int"/>',
                           '<w:part name="p" element="t:ScoreResponse"/>')  # fmt: skip
    messages = messages.replace('name="score" type="x:int"', 'name="p" element="t:ScoreResponse"')
    found = '<w:message name="Find"><w:part name="p" element="t:Find"/></w:message>'
    operation = '<w:operation name="Find"><w:input message="t:Find"/><w:output message="t:Out"/></w:operation>'
    bound = '<w:operation name="Find"><s:operation soapAction="urn:find"/><w:input><s:body use="literal"/></w:input>'
    bound += '<w:output><s:body use="literal"/></w:output></w:operation></w:binding>'
    port_type = PORT_TYPE.replace("</w:portType>", f"{operation}</w:portType>")
    binding_ = binding().replace("</w:binding>", bound)
    wired(tmp_path, TYPES.format(kinds(MANY)), messages + found, port_type, binding_, SERVICE)
    assert [leaf.native.path for leaf in sketch(tmp_path / "a.wsdl", "Score").request] == ["#text"]

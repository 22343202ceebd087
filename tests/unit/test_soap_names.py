"""Names of several namespaces that share their local part: none is ever read, or written, as another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from soap_wired import DOCUMENT, PORT_TYPE, SERVICE, asked, binding, read, wired

from adapters.soap.codec import SoapCodec
from adapters.soap.drafting import sketch

OTHER = """<x:schema targetNamespace="http://other.example/o" xmlns:o="http://other.example/o">
  <x:element name="Income" type="x:decimal"/><x:attribute name="currency" type="x:string"/></x:schema>"""
OWN = """<w:types>{other}<x:schema targetNamespace="urn:t" elementFormDefault="qualified"
    xmlns:o="http://other.example/o"><x:import namespace="http://other.example/o"/>
  <x:element name="Score"><x:complexType>{asked}</x:complexType></x:element>
  <x:element name="ScoreResponse"><x:complexType>{answered}</x:complexType></x:element></x:schema></w:types>"""
ANSWERED = '<x:sequence><x:element name="Code" type="x:string"/></x:sequence>'
MESSAGE = '<t:Score xmlns:t="urn:t" xmlns:o="http://other.example/o" xmlns:p="urn:p"{}>{}</t:Score>'
BOTH = """<x:sequence><x:element name="Income" type="x:decimal" minOccurs="0"/><x:element ref="o:Income"/></x:sequence>
  <x:attribute name="currency" type="x:string"/><x:attribute ref="o:currency"/>"""
HERS = "{http://other.example/o}"
OPEN = """<x:sequence><x:element name="Income" type="x:decimal"/>
    <x:any namespace="{}" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>{}</x:sequence>
  <x:attribute name="currency" type="x:string"/><x:anyAttribute namespace="##any" processContents="lax"/>"""


def codec(folder: Path, request: str, answered: str = ANSWERED) -> SoapCodec:
    types = OWN.format(other=OTHER, asked=request, answered=answered)
    return wired(folder, types, DOCUMENT, PORT_TYPE, binding(), SERVICE)


def tree(codec: SoapCodec, inside: str, attributes: str = "") -> dict[str, Any]:
    return read(codec, MESSAGE.format(attributes, inside))


def test_declared_names_that_share_their_local_part_lie_each_under_its_whole_name(tmp_path: Path) -> None:
    made = codec(tmp_path, BOTH)
    said = tree(
        made, "<t:Income>100</t:Income><o:Income>999999</o:Income>", ' currency="EUR" o:currency="USD"'
    )  # fmt: skip
    assert said == {
        "{urn:t}Income": "100", f"{HERS}Income": "999999", "@{}currency": "EUR", f"@{HERS}currency": "USD",
    }  # fmt: skip
    assert tree(made, "<o:Income>7</o:Income>") == {f"{HERS}Income": "7"}


def test_such_a_name_is_declared_mapped_and_told_like_any_other(tmp_path: Path) -> None:
    made = codec(tmp_path, BOTH)
    assert asked(made) == {
        "{urn:t}Income", f'["{HERS}Income"]', "@{}currency", f'["@{HERS}currency"]',
    }  # fmt: skip
    assert made.native_path(f'["{HERS}Income"]') == "/Score/Income"
    assert made.native_path(f'Job[1]["{HERS}Income"].@unit') == "/Score/Job[2]/Income/@unit"


def test_answers_write_each_of_them_under_its_own_name(tmp_path: Path) -> None:
    made = codec(tmp_path, "", BOTH)
    body = etree.fromstring(made.encode({f"{HERS}Income": "1", "{urn:t}Income": "2", f"@{HERS}currency": "E"}))[0][0]
    assert [(child.tag, child.text) for child in body] == [("{urn:t}Income", "2"), (f"{HERS}Income", "1")]
    assert dict(body.attrib) == {f"{HERS}currency": "E"}


def test_a_draft_finds_them_under_the_same_paths(tmp_path: Path) -> None:
    made = codec(tmp_path, BOTH)
    drafted = sketch(tmp_path / "a.wsdl", "")
    assert {leaf.native.path for leaf in drafted.request} == asked(made)
    message = drafted.example({f'["{HERS}Income"]': "5", "{urn:t}Income": "6"})
    said = made.decode(message, {"content-type": "text/xml"})
    assert (said[f"{HERS}Income"], said["{urn:t}Income"]) == ("5", "6")


@pytest.mark.parametrize("stranger", ["<o:Income>9</o:Income>", "<p:Income>9</p:Income>", "<Income>9</Income>"])
def test_what_a_wildcard_lets_in_is_never_the_declared_value(tmp_path: Path, stranger: str) -> None:
    said = tree(codec(tmp_path, OPEN.format("##any", "")), f"<t:Income>100</t:Income>{stranger}<p:Note>n</p:Note>")
    assert (said.pop("Income"), said.pop("Note")) == ("100", "n")
    ((key, value),) = said.items()
    assert (key.rpartition("}")[2], key[0], value) == ("Income", "{", "9")


def test_a_declared_element_that_a_wildcard_lets_in_again_is_a_list_and_not_the_last(tmp_path: Path) -> None:
    said = tree(codec(tmp_path, OPEN.format("##any", "")), "<t:Income>100</t:Income><t:Income>999999</t:Income>")
    assert said == {"Income": ["100", "999999"]}


@pytest.mark.parametrize("inside", ["<p:Item>9</p:Item>", "<Item>9</Item>"])
def test_a_stranger_before_a_repeated_element_is_no_element_of_its_list(tmp_path: Path, inside: str) -> None:
    item = '<x:element name="Item" type="x:string" maxOccurs="unbounded"/>'
    made = codec(tmp_path, OPEN.format("##other" if "p:" in inside else "##local", item))
    said = tree(made, f"<t:Income>1</t:Income>{inside}<t:Item>a</t:Item><t:Item>b</t:Item>")
    assert said["Item"] == ["a", "b"]


def test_an_attribute_a_wildcard_lets_in_is_never_the_declared_one(tmp_path: Path) -> None:
    made = codec(tmp_path, OPEN.format("##other", ""))
    income = "<t:Income>1</t:Income>"
    for order in (' currency="EUR" o:currency="USD"', ' o:currency="USD" currency="EUR"'):
        assert tree(made, income, order) == {"Income": "1", "@currency": "EUR", f"@{HERS}currency": "USD"}
    assert tree(made, income, ' o:currency="USD"') == {"Income": "1", f"@{HERS}currency": "USD"}
    assert tree(made, income, ' o:unit="a" p:unit="b" p:kind="c"') == {
        "Income": "1", f"@{HERS}unit": "a", "@{urn:p}unit": "b", "@kind": "c",
    }  # fmt: skip


def test_attributes_within_what_no_type_is_known_of_are_told_apart_as_well(tmp_path: Path) -> None:
    inside = '<t:Income>1</t:Income><p:Extra unit="a" o:unit="b" kind="c">x</p:Extra>'
    extra = tree(codec(tmp_path, OPEN.format("##other", "")), inside)["Extra"]
    assert extra == {"@{}unit": "a", f"@{HERS}unit": "b", "@kind": "c", "#text": "x"}


DERIVED = """<w:types>{}<x:schema targetNamespace="urn:t" elementFormDefault="qualified" xmlns:t="urn:t"
    xmlns:o="http://other.example/o"><x:import namespace="http://other.example/o"/>
  <x:complexType name="Job"><x:sequence><x:element name="Income" type="x:decimal"/></x:sequence></x:complexType>
  <x:complexType name="Two"><x:complexContent><x:extension base="t:Job"><x:sequence><x:element ref="o:Income"/>
    </x:sequence></x:extension></x:complexContent></x:complexType>
  <x:element name="Score"><x:complexType><x:sequence><x:element name="Job" type="t:Job"/></x:sequence></x:complexType>
  </x:element><x:element name="ScoreResponse" type="x:int"/></x:schema></w:types>"""


def test_a_name_has_one_key_in_all_types_an_element_may_be_of(tmp_path: Path) -> None:
    made = wired(tmp_path, DERIVED.format(OTHER), DOCUMENT, PORT_TYPE, binding(), SERVICE)
    assert tree(made, "<t:Job><t:Income>1</t:Income></t:Job>") == {"Job": {"{urn:t}Income": "1"}}
    named = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="t:Two"'
    said = tree(made, f"<t:Job {named}><t:Income>1</t:Income><o:Income>2</o:Income></t:Job>")["Job"]
    assert said == {"@xsi:type": "Two", "{urn:t}Income": "1", f"{HERS}Income": "2"}
    assert {"Job.{urn:t}Income", f'Job["{HERS}Income"]'} < asked(made)

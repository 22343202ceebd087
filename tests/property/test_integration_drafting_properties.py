"""Whatever schema a WSDL has: the draft lints without error, its example and its answers are valid by that schema."""

from __future__ import annotations

import tempfile
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from adapters.soap import adapter
from adapters.soap.codec import SoapCodec
from contracts.odcs import Contract
from contracts.store import ContractStore
from gateway.connections import Connections
from gateway.drafting.integration import Asked, Grounds, compose
from gateway.drafting.integration_file import text
from gateway.integrations import read_integration
from gateway.lint_wire import wire_faults
from gateway.spi import Described

STORE = ContractStore()
REQUEST, ANSWER = STORE.get("loan_application@1.0.0"), STORE.get("loan_decision@1.0.0")
NAMES = (
    "Currency", "LoanAmt", "AmountCents", "TermMonths", "AnnualIncome", "Income", "Assets", "EmpYrs", "Kind", "Status",
    "Age", "Reference", "Number", "RequestId", "Score", "Code", "Decision", "Outcome", "Reason", "Reasons", "Text",
    "Estimated", "State", "ValidUntil", "DecidedAt", "Applicant", "CoApplicant", "header", "lookup", "Flag", "x-y.z",
    "Probability", "ReasonCode1", "ReasonCode2", "Mode", "Residence", "true", "Nr",
)  # fmt: skip
TYPES = (
    "xs:string", "xs:token", "xs:decimal", "xs:int", "xs:long", "xs:boolean", "xs:date", "xs:dateTime", "xs:byte",
    "xs:positiveInteger", "xs:gYear", "xs:base64Binary", "xs:anyURI", "t:Short", "t:Plate", "t:Yes", "t:Money",
    "t:Points", "t:Outcome", "t:Range", "t:Either",
)  # fmt: skip
SIMPLE = """
<xs:simpleType name="Short"><xs:restriction base="xs:string"><xs:minLength value="1"/><xs:maxLength value="12"/>
</xs:restriction></xs:simpleType>
<xs:simpleType name="Plate"><xs:restriction base="xs:token"><xs:pattern value="[A-Z]{2}-\\d{1,4}|none"/>
</xs:restriction></xs:simpleType>
<xs:simpleType name="Yes"><xs:restriction base="xs:string"><xs:enumeration value="Y"/><xs:enumeration value="N"/>
</xs:restriction></xs:simpleType>
<xs:simpleType name="Money"><xs:restriction base="xs:decimal"><xs:totalDigits value="9"/><xs:fractionDigits value="2"/>
</xs:restriction></xs:simpleType>
<xs:simpleType name="Points"><xs:restriction base="xs:integer"><xs:minInclusive value="300"/>
<xs:maxInclusive value="999"/></xs:restriction></xs:simpleType>
<xs:simpleType name="Outcome"><xs:restriction base="xs:token"><xs:enumeration value="OK"/><xs:enumeration value="NOK"/>
<xs:enumeration value="PENDING"/></xs:restriction></xs:simpleType>
<xs:simpleType name="Range"><xs:restriction base="t:Points"><xs:minExclusive value="310"/></xs:restriction>
</xs:simpleType>
<xs:simpleType name="Either"><xs:union memberTypes="t:Yes t:Points"/></xs:simpleType>
<xs:complexType name="Job" abstract="true"><xs:sequence><xs:element name="EmpYrs" type="xs:int"/></xs:sequence>
</xs:complexType>
<xs:complexType name="Employee"><xs:complexContent><xs:extension base="t:Job"><xs:sequence>
<xs:element name="Income" type="t:Money"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
<xs:complexType name="Freelancer"><xs:complexContent><xs:extension base="t:Employee"><xs:sequence>
<xs:element name="Number" type="t:Short" maxOccurs="3"/></xs:sequence></xs:extension></xs:complexContent>
</xs:complexType>
<xs:complexType name="Sum"><xs:simpleContent><xs:extension base="t:Money"/></xs:simpleContent></xs:complexType>
<xs:complexType name="ForeignSum"><xs:simpleContent><xs:extension base="t:Sum">
<xs:attribute name="Currency" type="t:Short" use="required"/></xs:extension></xs:simpleContent></xs:complexType>
<xs:complexType name="Node"><xs:sequence><xs:element name="Next" type="t:Node" minOccurs="0"/></xs:sequence>
</xs:complexType>
<xs:complexType name="Leaf"><xs:complexContent><xs:extension base="t:Node"><xs:sequence>
<xs:element name="Age" type="xs:int"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
"""
WSDL = """<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:t="urn:t" targetNamespace="urn:t"
 xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<types><xs:schema targetNamespace="urn:t" elementFormDefault="{form}">{simple}{asked}{told}</xs:schema></types>
<message name="a"><part name="p" element="t:Ask"/></message>
<message name="b"><part name="p" element="t:Tell"/></message>
<portType name="p"><operation name="Decide"><input message="t:a"/><output message="t:b"/></operation></portType>
<binding name="b" type="t:p"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
<operation name="Decide"><soap:operation soapAction=""/><input><soap:body use="literal"/></input>
<output><soap:body use="literal"/></output></operation></binding></definitions>"""

DERIVED = ("t:Job", "t:Sum", "t:Node")
"""Types of which a message may name another one; answers name none."""
ASKED = ("sequence", "sequence", "choice")
MANY = ("", "", "", ' minOccurs="0"', ' minOccurs="0" maxOccurs="3"', ' minOccurs="0" maxOccurs="unbounded"')


@st.composite
def element(draw: st.DrawFn, name: str, depth: int, models: tuple[str, ...]) -> str:
    many = draw(st.sampled_from(MANY))
    nil = draw(st.sampled_from(("", "", ' nillable="true"')))
    if depth and draw(st.booleans()):
        return f'<xs:element name="{name}"{many}>{draw(group(depth - 1, models))}</xs:element>'
    types = TYPES + DERIVED if models == ASKED else TYPES
    return f'<xs:element name="{name}" type="{draw(st.sampled_from(types))}"{many}{nil}/>'


@st.composite
def group(draw: st.DrawFn, depth: int, models: tuple[str, ...] = ("sequence",)) -> str:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    model = draw(st.sampled_from(models))
    children = "".join(draw(element(name, depth, models)) for name in names)
    attributes = "".join(
        f'<xs:attribute name="{name}" type="{draw(st.sampled_from(TYPES))}" use="{use}"/>'
        for name, use in draw(
            st.dictionaries(st.sampled_from(NAMES[:20]), st.sampled_from(("required", "optional")), max_size=2)
        ).items()
    )
    return f"<xs:complexType><xs:{model}>{children}</xs:{model}>{attributes}</xs:complexType>"


def decision(contract: Contract, at: int) -> dict[str, Any]:
    """A decision as the answer contract's own examples have it; the other one has empty lists."""
    tree: dict[str, Any] = {}
    for path, field in contract.paths.items():
        values = contract.examples[path]
        value: Any = values[at % len(values)]
        if field.type == "decimal" and isinstance(value, int):
            value = Decimal(value).scaleb(-field.scale)
        if field.type == "timestamp":
            value = datetime.fromisoformat(str(value))
        top, bracket, below = path.partition("[]")
        if not bracket:
            tree[top] = "" if value is None and field.type == "string" else value
        elif not below:
            tree[top] = [value] if at == 0 else []
        else:
            rows = tree.setdefault(top, [{}] if at == 0 else [])
            for row in rows:
                row[below[1:]] = "" if value is None else value
    return tree


@settings(max_examples=40, deadline=None)
@given(asked=group(2, ASKED), told=group(2), form=st.sampled_from(("qualified", "unqualified")))
def test_any_draft_lints_and_its_messages_are_valid(asked: str, told: str, form: str) -> None:
    ask, tell = (f'<xs:element name="{name}">{body}</xs:element>' for name, body in (("Ask", asked), ("Tell", told)))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "any-system"
        folder.mkdir()
        wsdl = folder / "any.wsdl"
        wsdl.write_text(WSDL.format(form=form, simple=SIMPLE, asked=ask, told=tell))
        sketch = adapter.draft(Described(str(wsdl), "", "", partial(Connections(folder), adapter="soap")))
        grounds = Grounds("consumer-instalment", REQUEST, ANSWER, False)
        draft, values = compose(Asked("any-system", "soap", str(wsdl)), grounds, sketch)
        if draft.answer_lines == []:
            return
        (folder / "integration.yaml").write_text(text(draft))
        integration = read_integration(folder, STORE)
        codec = adapter.wire(integration.wire, folder)
        assert isinstance(codec, SoapCodec)
        assert [fault for fault in wire_faults(integration, codec.fields()) if fault.severity == "error"] == []
        note("\n".join((ask, tell, text(draft), sketch.example(values).decode())))
        codec.decode(sketch.example(values), sketch.header)  # raises where it is invalid
        for at in (0, 1):
            codec.encode(integration.answer_map.write(decision(ANSWER, at)))  # raises where the answer is invalid

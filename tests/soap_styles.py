"""Small services in the styles Meridian's WSDL does not show: one application, one decision, told in other WSDLs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

SPACE = "urn:example:score"
SCHEMA = f"""<xs:schema targetNamespace="{SPACE}" elementFormDefault="qualified" xmlns="{SPACE}"
    xmlns:xs="http://www.w3.org/2001/XMLSchema">{{}}</xs:schema>"""
APPLICATION = """
  <xs:simpleType name="Money"><xs:restriction base="xs:decimal"><xs:fractionDigits value="2"/></xs:restriction>
  </xs:simpleType>
  <xs:complexType name="Application">
    <xs:sequence>
      <xs:element name="Reference" type="xs:string"/>
      <xs:element name="Amount" type="Money"/>
      <xs:element name="Price" type="Money"/>
      <xs:element name="Months" type="xs:int"/>
      <xs:element name="Income" type="Money" nillable="true"/>
      <xs:element name="Outgoings" type="Money"/>
      <xs:element name="Assets" type="Money"/>
      <xs:element name="Years" type="xs:int"/>
    </xs:sequence>
    <xs:attribute name="currency" type="xs:string" use="required"/>
    <xs:attribute name="kind" type="xs:string" use="required"/>
    <xs:attribute name="home" type="xs:string" use="required"/>
    <xs:attribute name="records" type="xs:string" use="required"/>
  </xs:complexType>"""
DECISION = """
  <xs:complexType name="Decision">
    <xs:sequence>
      <xs:element name="Reference" type="xs:string"/>
      <xs:element name="Score" type="xs:int"/>
      <xs:element name="Probability" type="xs:decimal"/>
      <xs:element name="Reason" minOccurs="0" maxOccurs="unbounded">
        <xs:complexType><xs:sequence><xs:element name="Code" type="xs:string"/></xs:sequence></xs:complexType>
      </xs:element>
    </xs:sequence>
    <xs:attribute name="code" type="xs:string" use="required"/>
  </xs:complexType>"""
ELEMENTS = """
  <xs:element name="NewApplication" type="Application"/>
  <xs:element name="ItsDecision" type="Decision"/>"""
HEAD = f"""<w:definitions targetNamespace="{SPACE}" xmlns:s="{SPACE}" xmlns:w="http://schemas.xmlsoap.org/wsdl/"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/">"""
MESSAGES = """
  <w:message name="In"><w:part name="application" {}="s:{}"/></w:message>
  <w:message name="Out"><w:part name="decision" {}="s:{}"/></w:message>"""
PORT_TYPE = """
  <w:portType name="Score"><w:operation name="Assess">
    <w:input message="s:In"/>{}
  </w:operation></w:portType>"""
OUTPUT = '<w:output message="s:Out"/>'
BINDING = """
  <w:binding name="{0}Binding" type="s:Score"><{0}:binding style="{1}" transport="http://schemas.xmlsoap.org/soap/http"/>
    <w:operation name="Assess"><{0}:operation soapAction="urn:assess"/>
      <w:input><{0}:body use="literal"{2}/></w:input>{3}
    </w:operation>
  </w:binding>"""
SERVICE = """
  <w:service name="ScoreService">{}</w:service>
</w:definitions>"""
PORT = """
    <w:port name="{0}Port" binding="s:{0}Binding"><{0}:address location="https://elsewhere.example/score"/></w:port>"""


def _bindings(*prefixes: str, style: str = "document", space: str = "", answered: bool = True) -> str:
    """The bindings and the service; ``prefixes`` are soap and soap12, a port each; ``space`` is that of rpc bodies."""
    space = f' namespace="{space}"' if space else ""
    made = []
    for prefix in prefixes:
        output = f'<w:output><{prefix}:body use="literal"{space}/></w:output>' if answered else ""
        made.append(BINDING.format(prefix, style, space, output))
    return "".join([*made, SERVICE.format("".join(map(PORT.format, prefixes)))])


def _one_file(*prefixes: str, style: str = "document", space: str = "", answered: bool = True) -> dict[str, str]:
    types = f"<w:types>{SCHEMA.format(APPLICATION + DECISION + ELEMENTS)}</w:types>"
    named = ("type", "Application", "type", "Decision")
    messages = MESSAGES.format(*(named if style == "rpc" else ("element", "NewApplication", "element", "ItsDecision")))
    parts = (HEAD, types, messages, PORT_TYPE.format(OUTPUT if answered else ""))
    return {"Score.wsdl": "".join([*parts, _bindings(*prefixes, style=style, space=space, answered=answered)])}


def _spread() -> dict[str, str]:
    """A WSDL that imports one, which imports a schema two folders down, which includes others beside and above it."""
    element = ("element", "NewApplication", "element", "ItsDecision")
    imported = f'<xs:import namespace="{SPACE}" schemaLocation="types/Elements.xsd"/>'
    includes = '<xs:include schemaLocation="parts/Application.xsd"/><xs:include schemaLocation="../../Decision.xsd"/>'
    schema = f"<w:types><xs:schema>{imported}</xs:schema></w:types>"
    abstract = (HEAD, schema, MESSAGES.format(*element), PORT_TYPE.format(OUTPUT), "</w:definitions>")
    return {
        "Score.wsdl": f'{HEAD}<w:import namespace="{SPACE}" location="abstract/Score.wsdl"/>{_bindings("soap")}',
        "abstract/Score.wsdl": "".join(abstract),
        "abstract/types/Elements.xsd": SCHEMA.format(includes + ELEMENTS),
        "abstract/types/parts/Application.xsd": SCHEMA.format(APPLICATION),
        "Decision.xsd": SCHEMA.format(DECISION),
    }


STYLES: dict[str, Callable[[], dict[str, str]]] = {
    "bare": lambda: _one_file("soap"),
    "rpc": lambda: _one_file("soap", style="rpc", space=SPACE),
    "rpc-other-namespace": lambda: _one_file("soap", style="rpc", space=f"{SPACE}:rpc"),
    "only-twelve": lambda: _one_file("soap12"),
    "two-ports": lambda: _one_file("soap", "soap12"),
    "one-way": lambda: _one_file("soap", answered=False),
    "spread": _spread,
}
INTEGRATION = """
integration: {name}
adapter: soap
contract: loan_application@1.0.0
answer: loan_decision@1.0.0
product: consumer-instalment
mode: test
wire: {{wsdl: Score.wsdl, operations: [Assess]}}
keys: {{business: {at}Reference, request: header.MessageID, correlation: header.MessageID}}
resubmission: supersede
request:
  currency: "{at}@currency"
  loan_amount: {{from: {at}Amount, convert: [decimal(2)]}}
  purchase_price: {{from: {at}Price, convert: [decimal(2)]}}
  term_months: {{from: {at}Months, convert: [integer]}}
  monthly_income: {{from: {at}Income, convert: [decimal(2), divide(12)], missing: {{nil: blank}}}}
  monthly_expenses: {{from: {at}Outgoings, convert: [decimal(2)]}}
  assets: {{from: {at}Assets, convert: [decimal(2)]}}
  debt: not_carried
  employment_years: {{from: {at}Years, convert: [integer]}}
  employment_type: {{from: "{at}@kind", codes: {{"10": fixed, "20": part_time, "30": freelance, "90": other}}}}
  home_ownership: {{from: "{at}@home", codes: {{O: owner, R: rent, P: parents, V: private, N: ignored, X: other}}}}
  credit_records: {{from: "{at}@records", codes: {{N: "no", Y: "yes"}}}}
  age_years: not_carried
  marital_status: not_carried
{answer}lookups: {{}}
limits: {{deadline: 5s, bytes: 64KB}}
access: {{principals: [meridian]}}
"""
ANSWER = """answer_map:
  {at}Reference: business_key
  {at}Score: {{from: score, fit: integer(4)}}
  {at}Probability: pd
  {at}Reason[]: {{each: reasons, Code: code}}
  "{at}@code": outcome
"""


def write(home: Path, name: str) -> None:
    """The folder of one integration in this style."""
    folder = home / "integrations" / name
    for file, text in STYLES[name]().items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    asked, answered = ("application.", "decision.") if name.startswith("rpc") else ("", "")
    answer = "" if name == "one-way" else ANSWER.format(at=answered)  # nothing is answered, so nothing is mapped
    (folder / "integration.yaml").write_text(INTEGRATION.format(name=name, at=asked, answer=answer))

"""What holds of every message: what was rendered is read, and what lint lets through is valid against the schema."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from contract_records import XML_TEXT, as_python, contracts, rows, sound
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from adapters.soap import adapter
from adapters.soap.simple_types import BUILT_IN, narrowed
from adapters.soap.types import Complex, Element, fields
from adapters.soap.writing import writer
from contracts.mapping.answer import AnswerMap
from contracts.mapping.paths import Path as TreePath
from contracts.mapping.room import doubt, misfit
from contracts.mapping.tree import AnswerTree, Written
from contracts.odcs import Contract
from contracts.store import ContractStore
from contracts.types import Field
from gateway.integrations import read_integration

MERIDIAN = Path(__file__).parents[2] / "fixtures" / "integrations" / "meridian-los"
INTEGRATION = read_integration(MERIDIAN, ContractStore())
ANSWER = ContractStore().get(INTEGRATION.answer)
CODEC = adapter.wire(INTEGRATION.wire, MERIDIAN)
XSD = "http://www.w3.org/2001/XMLSchema"
NAMESPACES = 'xmlns:m="urn:meridian:los:credit-decision:v3" xmlns:t="urn:meridian:los:types:v3"'


def values(field: Field) -> st.SearchStrategy[Any]:
    """Legal values of a decision's field, and None where it need not be there."""
    found: st.SearchStrategy[Any]
    match field.type:
        case "code":
            found = st.sampled_from(field.codes)
        case "boolean":
            found = st.booleans()
        case "integer" | "decimal":
            assert isinstance(field.minimum, int) and isinstance(field.maximum, int)
            found = st.integers(field.minimum, field.maximum)
            if field.type == "decimal":
                found = found.map(lambda number: Decimal(number).scaleb(-field.scale))
        case "date":
            found = st.dates()
        case "timestamp":
            found = st.datetimes(timezones=st.just(UTC))
        case _ if field.pattern:
            found = st.from_regex(field.pattern, fullmatch=True).filter(lambda text: "\n" not in text)
        case _:
            found = st.text(XML_TEXT, min_size=field.min_length or 0, max_size=min(field.max_length or 300, 300))
    return found if field.required else st.none() | found


def decisions() -> st.SearchStrategy[dict[str, Any]]:
    """A legal decision; its lists have none to all of the elements the contract allows."""
    parts: dict[str, Any] = {}
    for path, field in ANSWER.paths.items():
        top, listed, below = path.partition("[]")
        if listed and below:
            parts.setdefault(top, {})[below[1:]] = values(field)
        else:
            parts[top] = st.lists(values(field), max_size=ANSWER.lists[top]) if listed else values(field)
    return st.fixed_dictionaries({
        name: st.lists(st.fixed_dictionaries(part), max_size=ANSWER.lists[name]) if isinstance(part, dict) else part
        for name, part in parts.items()
    })  # fmt: skip


AMOUNTS = st.none() | st.decimals(0, 99_999_999, places=2)
RECORD = st.fixed_dictionaries({
    "Reference": st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=32),
    "Amount": st.decimals(1, 99_999_999, places=2), "Annual": AMOUNTS, "Assets": AMOUNTS,
    "TermMonths": st.integers(-9999, 9999), "Age": st.none() | st.integers(0, 9999),
    "Status": st.none() | st.sampled_from("ORPVNX"), "MaritalStatus": st.none() | st.sampled_from("SMWLD"),
})  # fmt: skip


def rendered(record: dict[str, Any]) -> bytes:
    """A request as another program writes it."""

    def leaf(name: str) -> str:
        value = record[name]
        return "" if value is None else f"<t:{name}>{value}</t:{name}>"

    annual = '<t:Annual xsi:nil="true"/>' if record["Annual"] is None else leaf("Annual")
    residence = "" if record["Status"] is None else f"<t:Residence status={quoteattr(record['Status'])}/>"
    return (
        f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" {NAMESPACES}'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Body><m:ScoreApplication>'
        f"<m:Application><m:Reference>{escape(record['Reference'])}</m:Reference></m:Application>"
        f'<m:Loan><t:Amount currency="EUR">{record["Amount"]}</t:Amount>{leaf("TermMonths")}</m:Loan>'
        f"<m:Applicant>{leaf('Age')}{leaf('MaritalStatus')}<t:Income>{annual}</t:Income>{leaf('Assets')}{residence}"
        "</m:Applicant></m:ScoreApplication></e:Body></e:Envelope>"
    ).encode()


@given(RECORD)
def test_what_was_rendered_is_read(record: dict[str, Any]) -> None:
    tree = CODEC.decode(rendered(record), {})
    person, loan = tree["Applicant"], tree["Loan"]
    read = {
        "Reference": tree["Application"]["Reference"], "Amount": Decimal(loan["Amount"]["#text"]),
        "TermMonths": int(loan["TermMonths"]), "Annual": person["Income"]["Annual"], "Assets": person.get("Assets"),
        "Age": person.get("Age"), "Status": person.get("Residence", {}).get("@status"),
        "MaritalStatus": person.get("MaritalStatus"),
    }  # fmt: skip
    for name in ("Annual", "Assets"):
        read[name] = None if read[name] is None else Decimal(read[name])
    read["Age"] = None if read["Age"] is None else int(read["Age"])
    assert read == record


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(decisions())
def test_every_decision_of_a_mapping_that_lints_is_valid_against_the_schema(decision: dict[str, Any]) -> None:
    CODEC.encode(INTEGRATION.answer_map.write(decision))  # raises InternalFault where it is not


BASES = ["string", "token", "decimal", "integer", "nonNegativeInteger", "short", "boolean", "date"]


@st.composite
def facets(draw: st.DrawFn) -> str:
    """A simple type as a schema declares it."""
    base = draw(st.sampled_from(BASES))
    told: dict[str, Any] = {}
    if base in ("string", "token"):
        told = draw(st.fixed_dictionaries({}, optional={
            "minLength": st.integers(0, 2), "maxLength": st.integers(2, 40),
        }))  # fmt: skip
    elif base == "decimal":
        told = draw(st.fixed_dictionaries({}, optional={
            "totalDigits": st.integers(9, 30), "fractionDigits": st.integers(0, 9), "minInclusive": st.integers(0, 0),
        }))  # fmt: skip
    elif base == "integer":
        told = draw(st.fixed_dictionaries({}, optional={
            "maxInclusive": st.integers(1, 10**20), "minExclusive": st.integers(-9, 0),
        }))  # fmt: skip
    inside = "".join(f'<xs:{name} value="{value}"/>' for name, value in told.items())
    return f'<xs:restriction xmlns:xs="{XSD}" base="xs:{base}">{inside}</xs:restriction>'


@given(contracts(), facets(), st.booleans(), st.booleans(), st.data())
def test_what_is_said_to_fit_is_valid_against_the_schema(
    asked: Contract, restriction: str, optional: bool, nillable: bool, data: st.DataObject
) -> None:
    field = asked.fields[0]
    contract = Contract("answer", "1.0.0", "answer", fields=(field,), paths={field.name: field})
    source = TreePath.parse(field.name)
    answer = AnswerMap(AnswerTree(contract.ref, (Written(source, source),)), contract)
    node = etree.fromstring(restriction)
    simple = narrowed(BUILT_IN[f"{{{XSD}}}{node.get('base').partition(':')[2]}"], node)
    root = Element("root", Complex(children=[Element(field.name, simple, low=0 if optional else 1, nillable=nillable)]))
    native = fields(root)[field.name]
    leaf = answer.native_fields()[field.name]
    assume(not misfit(leaf, native) and not doubt(leaf, native))
    row = data.draw(rows(contract))
    assume(sound(contract, row))
    assume(all(text == " ".join(text.split()) for text in row.values() if isinstance(text, str)))
    declared = f'name="{field.name}" minOccurs="{0 if optional else 1}" nillable="{str(nillable).lower()}"'
    schema = etree.XMLSchema(etree.fromstring(
        f'<xs:schema xmlns:xs="{XSD}"><xs:element name="root"><xs:complexType><xs:sequence><xs:element {declared}>'
        f"<xs:simpleType>{restriction}</xs:simpleType></xs:element></xs:sequence></xs:complexType></xs:element></xs:schema>"
    ))  # fmt: skip
    written = writer(root)(answer.write(as_python(contract, row)))
    assert schema.validate(etree.fromstring(written)), (written, schema.error_log)

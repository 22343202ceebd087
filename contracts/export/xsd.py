"""A contract as XML Schema 1.0.

Elements stand in contract order. A field that may be empty may be left out or be ``xsi:nil``, which both mean
``blank``. The namespace holds the major version only: within it, every message stays legal. XML cannot hold control
characters, whatever a schema says.
"""

from __future__ import annotations

from datetime import date
from typing import Final
from xml.etree import ElementTree as ET

from contracts.export.json_schema import DATE, TIMESTAMP
from contracts.export.shape import Group, Leaf, Many, Part, about, title, tree, unsaid
from contracts.odcs import Contract
from contracts.types import Field

XSD: Final = "http://www.w3.org/2001/XMLSchema"
ITEM: Final = "item"
"""The element of every list's entries."""
_BASES: Final = {
    "integer": "xs:long", "decimal": "xs:decimal", "string": "xs:string", "code": "xs:string", "date": "xs:date",
    "boolean": "xs:boolean", "timestamp": "xs:dateTime",
}  # fmt: skip


def namespace(contract: Contract) -> str:
    """The target namespace: name and major version.

    >>> namespace(Contract("loan_application", "2.1.0"))
    'urn:scoregate:loan_application:2'
    """
    return f"urn:scoregate:{contract.name}:{contract.version.partition('.')[0]}"


def export(contract: Contract) -> str:
    """The schema document; its one global element is named as the contract is."""
    space, root = namespace(contract), tree(contract)
    top = ET.Element(
        "xs:schema",
        {
            "xmlns:xs": XSD, "xmlns": space, "targetNamespace": space, "elementFormDefault": "qualified",
            "version": contract.version,
        },
    )  # fmt: skip
    notes = [title(contract), *(f"Not checked here: {note}" for note in unsaid(contract))]
    _document(top, *notes)
    element = _add(top, "element", name=contract.name)
    _document(element, root.note)
    _object(element, root, open_=contract.unknown_fields == "ignore")
    ET.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(top, encoding="unicode") + "\n"


def _add(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, f"xs:{tag}", attributes)


def _document(parent: ET.Element, *texts: str) -> None:
    told = [text for text in texts if text]
    note = _add(parent, "annotation") if told else parent
    for text in told:
        _add(note, "documentation").text = text


def _object(element: ET.Element, group: Group, *, open_: bool) -> None:
    sequence = _add(_add(element, "complexType"), "sequence")
    for part in group.parts:
        _part(sequence, part, open_=open_)
    if open_:
        _add(sequence, "any", namespace="##other", processContents="lax", minOccurs="0", maxOccurs="unbounded")


def _part(sequence: ET.Element, part: Part, *, open_: bool) -> None:
    match part:
        case Leaf(field=field):
            empty = {} if field.required else {"minOccurs": "0", "nillable": "true"}
            _leaf(_add(sequence, "element", name=part.name, **empty), part)
        case Group(note=note):
            element = _add(sequence, "element", name=part.name)
            _document(element, note)
            _object(element, part, open_=open_)
        case Many(note=note, most=most, item=item):
            element = _add(sequence, "element", name=part.name)
            _document(element, note)
            entries = _add(_add(element, "complexType"), "sequence")
            entry = _add(entries, "element", name=ITEM, minOccurs="0", maxOccurs=str(most))
            _leaf(entry, item) if isinstance(item, Leaf) else _object(entry, item, open_=open_)


def _leaf(element: ET.Element, leaf: Leaf) -> None:
    field = leaf.field
    _document(element, about(field))
    restriction = _add(_add(element, "simpleType"), "restriction", base=_BASES[field.type])
    for facet, value in _facets(field):
        _add(restriction, facet, value=value)
    for code in field.codes:
        _document(_add(restriction, "enumeration", value=code), leaf.labels.get(code, ""))


def _facets(field: Field) -> list[tuple[str, str]]:
    """Facets with a value, in the order a person reads them."""
    low, high = (None if bound is None else _bound(field, bound) for bound in (field.minimum, field.maximum))
    digits = str(field.scale) if field.type == "decimal" else None
    length = [("minLength", field.min_length), ("maxLength", field.max_length)] if field.type == "string" else []
    found = [
        ("totalDigits", _total_digits(field)), ("fractionDigits", digits), ("minInclusive", low),
        ("maxInclusive", high), *length, ("pattern", _pattern(field)),
    ]  # fmt: skip
    return [(name, str(value)) for name, value in found if value is not None]


def _bound(field: Field, bound: int | date) -> str:
    return field.text(bound)


def _total_digits(field: Field) -> int | None:
    bounds = [bound for bound in (field.minimum, field.maximum) if isinstance(bound, int)]
    if field.type != "decimal" or len(bounds) < 2:
        return None
    return max(*(len(str(abs(bound))) for bound in bounds), field.scale, 1)


def _pattern(field: Field) -> str | None:
    """A pattern of XML Schema holds for the whole text by itself."""
    known = {"date": DATE, "timestamp": TIMESTAMP, "string": field.pattern}.get(field.type)
    return known.removeprefix("^").removesuffix("$") if known else None

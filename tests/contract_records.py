"""Records of a contract as others write them, as JSON and as XML, and random contracts and values to try exports on."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any
from xml.sax.saxutils import escape

from hypothesis import strategies as st

from contracts.export.shape import Group, Leaf, Many, Part, tree
from contracts.odcs import Contract
from contracts.rows import RowEngine
from contracts.types import Field, State, Value

Row = dict[str, Value]
"""Leaf path to value; None is blank. Every list has one element."""

XML_TEXT = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")


def examples(contract: Contract) -> list[Row]:
    """The contract's own examples, the n-th of all fields together; every list holds one element."""
    count = max(len(values) for values in contract.examples.values())
    return [
        {path: values[at] if at < len(values) else None for path, values in contract.examples.items()}
        for at in range(count)
    ]


def as_json(contract: Contract, row: Row) -> dict[str, Any]:
    return {part.name: _json(part, row) for part in tree(contract).parts}


def _json(part: Part, row: Row) -> Any:
    match part:
        case Leaf(path=path, field=field):
            value = row[path]
            return field.text(value) if field.type in ("decimal", "date") and value is not None else value
        case Group(parts=parts):
            return {below.name: _json(below, row) for below in parts}
        case Many(item=item):
            return [_json(item, row)]


def as_python(contract: Contract, row: Row) -> dict[str, Any]:
    """What ``as_json`` holds, with decimals, dates and times as Python has them."""
    return {part.name: _python(part, row) for part in tree(contract).parts}


def _python(part: Part, row: Row) -> Any:
    from decimal import Decimal

    match part:
        case Leaf(path=path, field=field):
            value = row[path]
            if field.type == "decimal" and value is not None:
                return Decimal(field.text(value))
            if field.type == "timestamp" and value is not None:
                return datetime.fromisoformat(str(value)).astimezone(UTC)
            return value
        case Group(parts=parts):
            return {below.name: _python(below, row) for below in parts}
        case Many(item=item):
            return [_python(item, row)]


def as_xml(contract: Contract, row: Row, namespace: str, *, nil: bool = False) -> str:
    """A blank is left out or, with ``nil``, written as nil."""
    body = "".join(_xml(part, row, nil) for part in tree(contract).parts)
    xsi = "http://www.w3.org/2001/XMLSchema-instance"
    return f'<{contract.name} xmlns="{namespace}" xmlns:xsi="{xsi}">{body}</{contract.name}>'


def _xml(part: Part, row: Row, nil: bool, name: str = "") -> str:
    name = name or part.name
    match part:
        case Leaf(path=path, field=field):
            if row[path] is None:
                return f'<{name} xsi:nil="true"/>' if nil else ""
            return f"<{name}>{escape(field.text(row[path]))}</{name}>"
        case Group(parts=parts):
            return f"<{name}>{''.join(_xml(below, row, nil) for below in parts)}</{name}>"
        case Many(item=item):
            return f"<{name}>{_xml(item, row, nil, 'item')}</{name}>"


def sound(contract: Contract, row: Row) -> bool:
    """Whether the row engine finds no fault in any field; rules across fields are left out, as no export has them."""
    values = [row[field.name] for field in contract.fields]
    states = bytearray(State.BLANK if value is None else State.GIVEN for value in values)
    engine = RowEngine(Contract(contract.name, contract.version, fields=contract.fields))
    return engine.check(values, states) == ((), ())


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """A request contract of one to five fields of every type, with every kind of bound."""
    fields = [draw(_fields(f"f{number}")) for number in range(draw(st.integers(1, 5)))]
    paths = {field.name: field for field in fields}
    return Contract("made_up", "3.1.4", fields=tuple(fields), paths=paths)


@st.composite
def _fields(draw: st.DrawFn, name: str) -> Field:
    kind = draw(st.sampled_from(["integer", "decimal", "decimal", "string", "code", "date", "boolean"]))
    required = draw(st.booleans())
    if kind in ("integer", "decimal"):
        low, high = sorted(
            draw(st.lists(st.integers(-(2**63 - 1), 2**63 - 1) | st.integers(-2000, 2000), min_size=2, max_size=2))
        )
        scale = draw(st.integers(0, 9)) if kind == "decimal" else 0
        return Field(name, kind, scale=scale, unit="units", required=required, minimum=low, maximum=high)
    if kind == "date":
        first, last = sorted(draw(st.lists(st.dates(date(1000, 1, 1)), min_size=2, max_size=2)))
        return Field(name, kind, required=required, minimum=first, maximum=last)
    if kind == "string":
        most = draw(st.integers(0, 6))
        pattern = draw(st.sampled_from([None, "^[A-Za-z0-9 ]*$", "^[a-z0-9_.-]{2,5}$", "^A[0-9]+@?$"]))
        least = draw(st.none() | st.integers(0, most))
        return Field(name, kind, required=required, min_length=least, max_length=most, pattern=pattern)
    codes = tuple(draw(st.lists(st.text(XML_TEXT, min_size=1, max_size=3), min_size=1, max_size=4, unique=True)))
    return Field(name, kind, required=required, codes=codes if kind == "code" else ())


@st.composite
def rows(draw: st.DrawFn, contract: Contract) -> Row:
    """A record of values of the right types: about half of them legal, blanks in fields that must not be among them."""
    return {field.name: draw(st.none() | _values(field) | _values(field)) for field in contract.fields}


def _values(field: Field) -> st.SearchStrategy[Any]:
    low, high = field.minimum, field.maximum
    match field.type:
        case "code":
            return st.sampled_from(field.codes) | st.text(XML_TEXT, min_size=1, max_size=3)
        case "boolean":
            return st.booleans()
        case "integer" | "decimal":
            assert isinstance(low, int) and isinstance(high, int)
            near = [max(-(2**63), low - 1), low, high, min(2**63, high + 1)]
            return st.integers(low, high) | st.sampled_from(near) | st.integers(-(2**63), 2**63)
        case "date":
            assert isinstance(low, date) and isinstance(high, date)
            return st.dates(low, high) | st.dates(date(1000, 1, 1))
    fitting = [st.from_regex(field.pattern, fullmatch=True).filter(_one_line)] if field.pattern else []
    return st.one_of(*fitting, st.text(XML_TEXT, max_size=7), st.text("aA0", max_size=7))


def _one_line(text: str) -> bool:
    return not re.search(r"[\r\n]", text)

"""A record that the row engine takes is taken by every export, and the other way round, field by field."""

from __future__ import annotations

import json

from contract_records import Row, as_json, as_xml, contracts, rows, sound
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema.validators import Draft202012Validator
from lxml import etree

from contracts.export import export
from contracts.export.xsd import namespace
from contracts.odcs import Contract

MADE = st.builds(lambda contract: contract, contracts()).flatmap(lambda c: st.tuples(st.just(c), rows(c)))
SOME = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def inside(contract: Contract, row: Row) -> bool:
    """Whether each date lies in its range, which JSON Schema cannot say."""
    dates = [(f, row[f.name]) for f in contract.fields if f.type == "date" and row[f.name] is not None]
    return all(f.minimum <= value <= f.maximum for f, value in dates)  # type: ignore[operator]  # of dates


@SOME
@given(MADE)
def test_a_json_schema_judges_as_the_row_engine_does(made: tuple[Contract, Row]) -> None:
    contract, row = made
    validator = Draft202012Validator(json.loads(export(contract, "jsonschema")))
    legal = validator.is_valid(as_json(contract, row))
    assert (legal and inside(contract, row)) is sound(contract, row)


@SOME
@given(MADE, st.booleans())
def test_an_xml_schema_judges_as_the_row_engine_does(made: tuple[Contract, Row], nil: bool) -> None:
    contract, row = made
    schema = etree.XMLSchema(etree.fromstring(export(contract, "xsd").encode()))
    message = etree.fromstring(as_xml(contract, row, namespace(contract), nil=nil).encode())
    assert schema.validate(message) is sound(contract, row), schema.error_log

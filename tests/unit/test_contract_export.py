"""Every published contract in other languages, judged by those languages' own tools on the contract's own examples."""

from __future__ import annotations

import json
from typing import Any

import pytest
from contract_records import as_json, as_xml, examples
from jsonschema.validators import Draft202012Validator
from lxml import etree
from typer.testing import CliRunner, Result

from contracts.errors import ConfigurationError
from contracts.export import TARGETS, decimal_text, export
from contracts.export.openapi import component
from contracts.export.xsd import namespace
from contracts.odcs import Contract
from contracts.store import ContractStore
from gateway.cli import app

STORE = ContractStore()
REFS = STORE.refs()
APPLICATION = "loan_application@2.0.0"


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["--home", "build/none", "contract", "export", *words])


def json_schema(contract: Contract) -> Draft202012Validator:
    schema = json.loads(export(contract, "jsonschema"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def xml_schema(contract: Contract) -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(export(contract, "xsd").encode()))


def changed(tree: dict[str, Any], **values: Any) -> dict[str, Any]:
    return tree | values


@pytest.mark.parametrize("ref", REFS)
def test_a_json_schema_takes_every_example(ref: str) -> None:
    contract = STORE.get(ref)
    validator = json_schema(contract)
    for row in examples(contract):
        assert not list(validator.iter_errors(as_json(contract, row)))


@pytest.mark.parametrize("ref", REFS)
def test_an_xml_schema_takes_every_example_with_blanks_left_out_or_nil(ref: str) -> None:
    contract = STORE.get(ref)
    schema = xml_schema(contract)
    for row in examples(contract):
        for nil in (False, True):
            schema.assertValid(etree.fromstring(as_xml(contract, row, namespace(contract), nil=nil)))


@pytest.mark.parametrize("ref", REFS)
def test_an_openapi_document_is_one_and_holds_the_json_schema(ref: str) -> None:
    import schemathesis
    from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

    document = json.loads(export(STORE.get(ref), "openapi"))
    assert OPENAPI_31_VALIDATOR.is_valid(document)
    assert schemathesis.openapi.from_dict(document).specification.version == "3.1.0"
    whole = json.loads(export(STORE.get(ref), "jsonschema"))
    assert document["components"]["schemas"][component(STORE.get(ref))] == {
        key: value for key, value in whole.items() if key not in ("$schema", "$id")
    }


@pytest.mark.parametrize(
    "change",
    [
        {"loan_amount": 8000.0}, {"loan_amount": "8000"}, {"loan_amount": "8000.000"}, {"loan_amount": "0.99"},
        {"loan_amount": "10000000.01"}, {"loan_amount": None}, {"currency": "eur"}, {"term_months": 0},
        {"term_months": "60"}, {"employment_type": "part_time"}, {"surprise": 1},
    ],
)  # fmt: skip
def test_a_json_schema_takes_nothing_the_contract_refuses(change: dict[str, Any]) -> None:
    contract = STORE.get(APPLICATION)
    tree = as_json(contract, examples(contract)[0])
    assert not json_schema(contract).is_valid(tree | change)


def test_a_field_that_may_be_empty_may_be_left_out_and_one_that_may_not_may_not() -> None:
    contract = STORE.get(APPLICATION)
    tree, validator = as_json(contract, examples(contract)[0]), json_schema(contract)
    optional = {field.name for field in contract.fields if not field.required}
    for name in tree:
        rest = {key: value for key, value in tree.items() if key != name}
        assert validator.is_valid(rest) is (name in optional), name


def test_what_no_schema_can_say_is_listed_in_it() -> None:
    listed = json.loads(export(STORE.get(APPLICATION), "jsonschema"))["x-not-checked-here"]
    assert listed[0].startswith("rule loan_within_price (error): A loan is not larger than")
    assert "Not checked here: rule loan_within_price (error)" in export(STORE.get(APPLICATION), "xsd")


def test_unit_decimals_codes_and_who_may_see_it_stand_beside_a_field() -> None:
    fields = json.loads(export(STORE.get(APPLICATION), "jsonschema"))["properties"]
    assert (fields["debt"]["x-unit"], fields["debt"]["x-decimals"], fields["debt"]["x-personal"]) == (
        "currency",
        2,
        True,
    )
    assert fields["home_ownership"]["x-enum-descriptions"]["rent"] == "Rents"
    assert fields["age_years"]["x-protected"] is True


def test_the_namespace_of_an_xml_schema_holds_the_major_version_only() -> None:
    spaces = [namespace(STORE.get(f"loan_application@{version}")) for version in ("1.0.0", "1.1.0", "2.0.0")]
    assert spaces == [
        "urn:scoregate:loan_application:1",
        "urn:scoregate:loan_application:1",
        "urn:scoregate:loan_application:2",
    ]


@pytest.mark.parametrize(
    ("low", "high", "scale"), [(100, 99999, 2), (-1205, 1098, 1), (0, 10**6, 6), (-9, -1, 2), (7, 7, 3)]
)
def test_a_pattern_of_decimals_holds_for_exactly_its_range(low: int, high: int, scale: int) -> None:
    import re
    from decimal import Decimal

    pattern = re.compile(decimal_text.pattern(low, high, scale))
    near = [*range(low - 1200, low + 1200), *range(high - 1200, high + 1200)]
    wrong = [n for n in near if bool(pattern.search(f"{Decimal(n).scaleb(-scale):f}")) is not (low <= n <= high)]
    assert not wrong


@pytest.mark.parametrize("target", TARGETS)
def test_the_command_prints_the_export(target: str) -> None:
    done = run(APPLICATION, "--to", target)
    assert done.exit_code == 0, done.output
    assert done.stdout == export(STORE.get(APPLICATION), target)


def test_an_unknown_target_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'jsonschema'"):
        export(STORE.get(APPLICATION), "jsonshema")

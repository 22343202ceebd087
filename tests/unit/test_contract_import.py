"""Contracts drafted from what others describe their data with: what becomes of it, and what a person is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import own_data
import pytest
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Declared
from typer.testing import CliRunner

from contracts.errors import ConfigurationError
from contracts.export import export
from contracts.odcs import Contract, Kind
from contracts.store import ContractStore
from contracts.types import Field
from gateway.cli import app
from models.drafting.findings import Finding
from models.drafting.foreign.drafted import draft_contract

PUBLISHED = ContractStore()


def imported(folder: Path, source: str, content: Any, kind: Kind = "request") -> tuple[Contract, list[Finding]]:
    """The drafted contract, read and linted as any other, and what is asked."""
    file = folder / ("source.csv" if source == "csv" else "source.json")
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    draft = draft_contract(file, source, "sample", kind)
    target = folder / "contracts/sample/1.0.0.odcs.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(draft.text, encoding="utf-8")
    store = ContractStore(folder)
    assert store.lint() == []
    return store.get("sample@1.0.0", kind), list(draft.findings)


def record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def of(folder: Path, **schema: Any) -> tuple[Field, list[str]]:
    """One property drafted: its field, and what is asked of it."""
    contract, findings = imported(folder, "jsonschema", record(thing=schema))
    return contract.paths["thing"], [f"{f.severity}: {f.what}" for f in findings if f.anchor == "name: thing"]


# ---- round trip ------------------------------------------------------------------------------------------------------

LOST = {"blank", "rejected", "monotone", "reason_group", "meaning", "personal", "description"}
"""What JSON Schema has no word for; besides, rules, the upcaster, the wire, examples and the labels of the whole."""


@pytest.mark.parametrize("ref", PUBLISHED.refs())
def test_what_is_exported_as_json_schema_comes_back_but_for_what_it_cannot_say(ref: str, tmp_path: Path) -> None:
    ours = PUBLISHED.get(ref)
    theirs, _ = imported(tmp_path, "jsonschema", json.loads(export(ours, "jsonschema")), ours.kind)
    assert list(theirs.paths) == list(ours.paths)
    assert (theirs.lists, theirs.labels, theirs.unknown_fields) == (ours.lists, ours.labels, "refuse")
    for path, field in ours.paths.items():
        kept = {word: getattr(theirs.paths[path], word) for word in LOST}
        assert replace(field, **kept) == theirs.paths[path]


def test_an_export_whose_pattern_was_changed_by_hand_is_asked_about(tmp_path: Path) -> None:
    schema = json.loads(export(PUBLISHED.get("loan_application@2.0.0"), "jsonschema"))
    schema["properties"]["loan_amount"]["pattern"] = "^[0-9]{1,9}\\.[0-9]{2}$"
    _, findings = imported(tmp_path, "jsonschema", schema)
    assert [f.anchor for f in findings if f.what == "its range is told two ways"] == ["name: loan_amount"]


# ---- made by pydantic ------------------------------------------------------------------------------------------------


class Housing(Enum):
    OWNER = "owner"
    RENT = "rent"


class Applicant(BaseModel):
    net_income: Decimal = Declared(ge=0, le=1_000_000, decimal_places=2, max_digits=9, description="After tax.")
    housing: Housing | None = None
    dependents: int = Declared(ge=0, lt=20)
    postcode: str = Declared(pattern=r"^\d{5}$")


class Loan(BaseModel):
    model_config = ConfigDict(extra="forbid")
    currency: Literal["EUR"]
    amount: float = Declared(gt=0, le=50_000, multiple_of=0.01)
    months: int = Declared(ge=6, le=84)
    applicant: Applicant
    co_applicants: list[Applicant] = []


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_a_schema_made_by_pydantic_becomes_an_application(mode: Any, tmp_path: Path) -> None:
    contract, findings = imported(tmp_path, "jsonschema", Loan.model_json_schema(mode=mode))
    fields = contract.paths
    assert list(fields) == [
        "product", "currency", "amount", "months", "applicant_net_income", "applicant_housing", "applicant_dependents",
        "applicant_postcode",
    ]  # fmt: skip
    amount, months, housing = fields["amount"], fields["months"], fields["applicant_housing"]
    assert (amount.type, amount.scale, amount.minimum, amount.maximum) == ("decimal", 2, 1, 5_000_000)
    assert (months.type, months.minimum, months.maximum, months.required) == ("integer", 6, 84, True)
    assert (housing.codes, housing.required) == (("owner", "rent"), False)
    assert fields["applicant_net_income"].type == ("decimal" if mode == "validation" else "string")
    assert fields["applicant_dependents"].maximum == 19
    assert fields["applicant_postcode"].pattern == "^[0-9]{5}$"
    assert fields["applicant_postcode"].protected
    assert fields["currency"].codes == ("EUR",)
    asked = {finding.what: finding.anchor for finding in findings}
    assert "the value 'co_applicants' is left out" in asked
    if mode == "validation":  # pydantic takes a decimal as number or as any text
        assert asked["is it a number?"] == "name: applicant_net_income"


# ---- JSON Schema, word by word ---------------------------------------------------------------------------------------


def test_numbers_take_scale_and_range_from_the_schema_and_the_rest_is_asked(tmp_path: Path) -> None:
    field, asked = of(tmp_path, type="number", multipleOf=0.001, minimum=0.0005, exclusiveMaximum=2)
    assert (field.scale, field.minimum, field.maximum) == (3, 1, 1999)
    assert asked == ["must: what is the unit of thing?"]
    field, asked = of(tmp_path, type="number", minimum=0)
    assert (field.scale, field.minimum, field.maximum) == (2, 0, 99_999_999_900)
    assert asked[:2] == ["must: how many decimals has thing?", "must: what is the range of thing?"]
    field, asked = of(tmp_path, type="number", multipleOf=0.05, minimum=0, maximum=1)
    assert field.scale == 2
    assert "should: thing may lie between the steps" in asked


@pytest.mark.parametrize(
    ("schema", "kind", "codes"),
    [
        ({"enum": ["a", "b", None]}, "code", ("a", "b")),
        ({"const": "a"}, "code", ("a",)),
        ({"type": "integer", "enum": [1, 2]}, "code", ("1", "2")),
        ({"oneOf": [{"const": "a", "title": "An A"}, {"const": "b"}]}, "code", ("a", "b")),
        ({"anyOf": [{"$ref": "#/$defs/x"}, {"type": "null"}]}, "code", ("p", "q")),
        ({"allOf": [{"$ref": "#/$defs/x"}], "description": "An X."}, "code", ("p", "q")),
        ({"type": "string", "format": "date"}, "date", ()),
        ({"type": "string", "format": "date-time"}, "date", ()),
        ({"type": "string", "format": "decimal"}, "decimal", ()),
        ({"type": ["boolean", "null"]}, "boolean", ()),
        ({"type": "string", "maxLength": 5}, "string", ()),
        ({"type": ["integer", "number"]}, "decimal", ()),
    ],
)
def test_a_type_may_be_said_in_many_ways(schema: Any, kind: str, codes: tuple[str, ...], tmp_path: Path) -> None:
    whole = {**record(thing=schema), "$defs": {"x": {"enum": ["p", "q"]}}}
    contract, _ = imported(tmp_path, "jsonschema", whole)
    assert (contract.paths["thing"].type, contract.paths["thing"].codes) == (kind, codes)


def test_labels_come_from_titles_and_draft_07_is_read_too(tmp_path: Path) -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **record(job={"oneOf": [{"const": "a", "title": "An A"}, {"const": "b"}]}, home={"$ref": "#/definitions/h"}),
        "definitions": {"h": {"type": "string", "minLength": 1, "maxLength": 3}},
        "required": ["home"],
    }
    contract, _ = imported(tmp_path, "jsonschema", schema)
    assert contract.labels["job"] == {"a": "An A", "b": ""}
    home = contract.paths["home"]
    assert (home.required, home.min_length, home.max_length) == (True, 1, 3)


@pytest.mark.parametrize(
    ("schema", "asked"),
    [
        ({"type": "string"}, "must: how long may thing be?"),
        ({"type": "string", "maxLength": 9, "pattern": "^(a|b)+$"}, "must: the form of thing is left out"),
        ({"type": "string", "maxLength": 1, "pattern": "^aa$"}, "must: the form of thing is left out"),
        ({"type": "string", "maxLength": 9_999}, "should: thing is cut to 4000"),
        ({"type": "integer", "enum": [1, 2]}, "should: its codes are numbers in the source, and texts here"),
        ({"enum": ["", "a"]}, "should: an empty text stands among the codes"),
        ({"type": "string", "format": "date-time"}, "must: only its day is drafted"),
        ({"type": "boolean", "default": False}, "should: a default is left out: what is not sent stays blank"),
        ({"type": "integer", "minimum": 0, "maximum": 10**30}, "should: the range of thing is cut"),
    ],
)
def test_what_a_contract_cannot_say_or_the_schema_does_not_is_asked(schema: Any, asked: str, tmp_path: Path) -> None:
    assert asked in of(tmp_path, **schema)[1]


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        ({"type": "array", "items": {"type": "string"}}, "the value 'other' is left out"),
        ({"type": "object"}, "the value 'other' is left out"),
        ({}, "the value 'other' is left out"),
        ({**record(x={"type": "boolean"}), "if": {}}, "a condition of other is left out"),
        ({**record(x={"type": "boolean"}), "anyOf": [{"required": ["x"]}, {}]}, "a condition of other is left out"),
    ],
)
def test_what_no_field_can_hold_is_left_out_and_said_first(schema: Any, what: str, tmp_path: Path) -> None:
    contract, findings = imported(tmp_path, "jsonschema", record(thing={"type": "boolean"}, other=schema))
    assert [f.severity for f in findings if f.what == what] == ["must"]
    assert "thing" in contract.paths
    assert "other" not in contract.paths


def test_what_only_a_person_can_decide_is_always_asked(tmp_path: Path) -> None:
    schema = record(netIncome={"type": "integer"}, sex={"enum": ["m", "f"]}, debtCents={"type": "integer"})
    contract, findings = imported(tmp_path, "jsonschema", schema)
    musts = [finding.what for finding in findings if finding.severity == "must"]
    assert {
        "product is added: every application tells it", "currency is added: every application tells it",
        "in which currency are all amounts?", "is net_income per month or per year?", "is debt_cents in cents?",
        "may any field move the probability of default one way only?", "which texts stand for nothing?",
        "what follows when a value is unusable, or left empty and not learned?",
    } <= set(musts)  # fmt: skip
    assert contract.paths["sex"].protected
    assert contract.paths["net_income"].rejected == "refer"
    assert contract.paths["net_income"].monotone == 0
    assert [f.name for f in contract.fields if f.essential] == ["product", "currency"]


# ---- Frictionless ----------------------------------------------------------------------------------------------------

TABLE = {
    "missingValues": ["", {"value": "-99", "label": "refused to say"}],
    "fields": [
        {"name": "Loan ID", "type": "string", "constraints": {"required": True, "unique": True, "maxLength": 12}},
        {"name": "amount", "type": "number", "decimalChar": ",", "groupChar": ".",
         "constraints": {"minimum": "0.50", "maximum": 9000}},
        {"name": "purpose", "type": "string", "categories": [{"value": "c", "label": "A car"}, {"value": "h"}]},
        {"name": "since", "type": "date", "format": "%d.%m.%Y", "constraints": {"minimum": "2001-01-01"}},
        {"name": "built", "type": "year"},
        {"name": "insured", "type": "boolean", "trueValues": ["J"], "falseValues": ["N"]},
        {"name": "code", "type": "string", "constraints": {"pattern": "[A-Z]{2}", "maxLength": 2}},
        {"name": "place", "type": "geopoint"},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "descriptor",
    [TABLE, {"name": "loans", "schema": TABLE}, {"resources": [{"name": "notes"}, {"name": "loans", "schema": TABLE}]}],
    ids=["table schema", "resource", "package"],
)
def test_a_frictionless_descriptor_becomes_an_application(descriptor: Any, tmp_path: Path) -> None:
    contract, findings = imported(tmp_path, "frictionless", descriptor)
    fields, asked = contract.paths, {finding.what: finding for finding in findings}
    assert list(fields) == [
        "product", "currency", "loan_id", "amount", "purpose", "since", "built", "insured", "code"
    ]  # fmt: skip
    assert (fields["loan_id"].required, fields["loan_id"].max_length) == (True, 12)
    assert (fields["amount"].scale, fields["amount"].minimum, fields["amount"].maximum) == (2, 50, 900_000)
    assert contract.labels["purpose"] == {"c": "A car", "h": ""}
    assert str(fields["since"].minimum) == "2001-01-01"
    assert (fields["built"].type, fields["insured"].type) == ("integer", "boolean")
    assert fields["code"].pattern == "^[A-Z]{2}$"
    assert "'-99' is 'refused to say'" in asked["what do the texts that stand for nothing mean?"].evidence
    assert "'-99'" in asked["which texts stand for nothing?"].evidence
    assert {
        "numbers are written with ',' and '.'", "dates are written as %d.%m.%Y",
        "true and false are written as J, N", "the field 'place' is left out", "it is unique in the source",
    } <= set(asked)  # fmt: skip


@pytest.mark.parametrize(
    ("type_", "constraints", "ends", "asked"),
    [
        ("integer", {"minimum": 1, "exclusiveMinimum": 5, "maximum": 9}, (6, 9), []),
        ("integer", {"minimum": 7, "exclusiveMinimum": 5, "maximum": 9, "exclusiveMaximum": 9}, (7, 8), []),
        ("date", {"exclusiveMinimum": "2001-01-01", "maximum": "2009-01-01"}, ("2001-01-02", "2009-01-01"), []),
        ("date", {"minimum": "2001-01-01", "exclusiveMaximum": "2009-01-01"}, ("2001-01-01", "2008-12-31"), []),
        ("date", {"minimum": "0001-01-01", "exclusiveMaximum": "0001-01-01"}, ("0001-01-01", "None"),
         ["must: its exclusiveMaximum is left out"]),
        ("date", {"minimum": "01.02.2001", "exclusiveMaximum": 2009}, ("None", "None"),
         ["must: its minimum is left out", "must: its exclusiveMaximum is left out"]),
    ],
)  # fmt: skip
def test_no_bound_of_a_table_is_left_out_in_silence(
    type_: str, constraints: dict[str, Any], ends: tuple[Any, Any], asked: list[str], tmp_path: Path
) -> None:
    table = {"fields": [{"name": "x", "type": type_, "constraints": constraints}]}
    contract, findings = imported(tmp_path, "frictionless", table)
    kind = str if type_ == "date" else int
    assert (kind(contract.paths["x"].minimum), kind(contract.paths["x"].maximum)) == ends
    assert [f"{f.severity}: {f.what}" for f in findings if "left out" in f.what] == asked


def test_whole_numbers_written_in_groups_are_asked_about(tmp_path: Path) -> None:
    field = {"name": "x", "type": "integer", "groupChar": ".", "constraints": {"minimum": 1, "maximum": 9}}
    _, findings = imported(tmp_path, "frictionless", {"fields": [field]})
    assert "numbers are written with '.' and '.'" in [finding.what for finding in findings]


# ---- CSV -------------------------------------------------------------------------------------------------------------


def test_a_csv_becomes_an_application_by_the_same_profile_as_init(tmp_path: Path) -> None:
    data = own_data.columns()
    rows = len(data["debt"])
    data |= {
        "since": [f"20{row % 20 + 10}-03-0{row % 9 + 1}" for row in range(rows)],
        "remark": [f"word {row}" for row in range(rows)],
        "empty": [""] * rows,
        "age": [str(20 + row % 50) for row in range(rows)],
        "savings": ["-1" if row % 9 == 0 else str(100 + row) for row in range(rows)],
    }
    contract, findings = imported(tmp_path, "csv", own_data.write(tmp_path / "own.csv", data).read_text())
    fields, asked = contract.paths, [finding.what for finding in findings]
    assert list(fields) == [
        "product", "currency", "monthly_income", "debt", "channel", "instalments", "outcome", "since", "remark", "age",
        "savings",
    ]  # fmt: skip
    income = fields["monthly_income"]
    assert (income.type, income.scale, income.unit, income.minimum) == ("decimal", 2, "currency", 0)
    assert fields["channel"].codes == ("branch", "web", "broker")
    assert (fields["since"].type, fields["remark"].type, fields["age"].protected) == ("date", "string", True)
    assert fields["savings"].minimum == 0
    assert "the column 'empty' is left out" in asked
    assert "which column says how the loan ended?" in asked
    assert "word" not in Path(tmp_path / "contracts/sample/1.0.0.odcs.yaml").read_text()


# ---- the command -----------------------------------------------------------------------------------------------------


def run(home: Path, *words: str) -> Any:
    return CliRunner().invoke(app, ["--home", str(home), "contract", "import", *words], env={"COLUMNS": "120"})


def test_the_command_writes_into_the_home_and_lists_what_is_open(tmp_path: Path) -> None:
    source = tmp_path / "loan.schema.json"
    source.write_text(json.dumps(record(amount={"type": "integer", "minimum": 1, "maximum": 9})), encoding="utf-8")
    done = run(tmp_path, str(source), "--from", "jsonschema")
    target = tmp_path / "contracts/loan/1.0.0.odcs.yaml"
    assert done.exit_code == 0, done.output
    lines = target.read_text(encoding="utf-8").splitlines()
    at = lines.index("      - name: amount") + 1
    assert f"{target}:{at}: note: amount is in currency (the name says 'amount')" in done.output
    assert "Decide before anybody relies on it (6)" in done.output
    assert ContractStore(tmp_path).lint() == []


def test_a_draft_that_does_not_lint_is_not_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "sample.csv"
    source.write_text("a,b\n-0.04,1\n-0.02,2\n", encoding="utf-8")
    monkeypatch.setattr("models.drafting.draft.DraftField.low", property(lambda self: "9" * 12))
    done = run(tmp_path / "home", str(source), "--from", "csv")
    assert "the minimum is above the maximum" in str(done.exception)
    assert "lints" not in done.output
    monkeypatch.undo()
    done = run(tmp_path / "other", str(source), "--from", "csv")
    assert done.exit_code == 0, done.output
    assert "It lints as it is" in done.output


def test_nothing_is_overwritten_and_no_published_contract_redefined(tmp_path: Path) -> None:
    source = tmp_path / "loan.json"
    source.write_text(json.dumps(record(amount={"type": "integer"})), encoding="utf-8")
    out = tmp_path / "out.yaml"
    assert run(tmp_path, str(source), "--from", "jsonschema", "--out", str(out)).exit_code == 0
    for words in (("--out", str(out)), ("--name", "loan_application")):
        done = run(tmp_path, str(source), "--from", "jsonschema", *words)
        assert isinstance(done.exception, ConfigurationError)
        assert "is there already (draft under another --name" in str(done.exception)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--from", "jsonshema"), "did you mean 'jsonschema'"),
        (("--from", "csv", "--kind", "reqest"), "did you mean 'request'"),
        (("--from", "csv", "--name", "No Name"), "is no name to use here"),
        (("--from", "jsonschema"), "nowhere.json: error: cannot be read"),
    ],
)
def test_a_wrong_call_says_what_is_right(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    done = run(tmp_path, str(tmp_path / "nowhere.json"), *words)
    assert isinstance(done.exception, ConfigurationError)
    assert says in str(done.exception)

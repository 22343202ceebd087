"""Faults of contract files: each named with its place, all at once, and nothing wrong gets into the engine."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from contracts.errors import ConfigurationError
from contracts.store import ContractStore
from contracts.types import Field

SAMPLE = """\
apiVersion: v3.2.0
kind: DataContract
id: sample
version: 1.0.0
status: active
customProperties:
  - {vendor: scoregate, property: kind, value: request}
  - {vendor: other-tool, property: kind, value: whatever}
schema:
  - name: sample
    quality:
      - id: within_price
        type: custom
        engine: scoregate
        implementation: amount <= price
        severity: error
        description: A loan is not larger than the price.
      - {type: text, description: A note for people.}
    properties:
      - name: amount
        logicalType: number
        logicalTypeOptions: {multipleOf: 0.01, exclusiveMinimum: 0.99, exclusiveMaximum: 1000}
        required: true
        examples: [100.50, 100]
        customProperties:
          - {vendor: scoregate, property: unit, value: currency}
      - name: price
        logicalType: number
        logicalTypeOptions: {multipleOf: 0.01, minimum: 1, maximum: 1000}
        examples: [100.50, ""]
        customProperties:
          - {vendor: scoregate, property: unit, value: currency}
          - {vendor: scoregate, property: monotone, value: falling}
      - name: home
        logicalType: string
        enum: [{value: owner}, {value: rent, label: Rents}]
        examples: [owner, rent]
      - name: since
        logicalType: date
        logicalTypeOptions: {minimum: "2000-01-01", exclusiveMaximum: "2030-01-01"}
        examples: ["2020-02-29", "2029-12-31"]
      - name: note
        description: Anything
          worth knowing.
        logicalType: string
        logicalTypeOptions: {maxLength: 9, pattern: "^[A-Z0-9]+$"}
        classification: personal
        examples: [A1, B2]
      - name: age
        logicalType: integer
        logicalTypeOptions: {minimum: 0, maximum: 130}
        examples: [30, 40]
        customProperties:
          - {vendor: scoregate, property: unit, value: years}
          - {vendor: scoregate, property: protected, value: true}
"""


def home_with(tmp_path: Path, text: str, place: str = "sample/1.0.0.odcs.yaml") -> ContractStore:
    file = tmp_path / "contracts" / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return ContractStore(tmp_path)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_a_contract_is_read_as_it_is_written(tmp_path: Path) -> None:
    store = home_with(tmp_path, SAMPLE)
    assert store.lint() == []
    contract = store.get("sample@1.0.0")
    assert (contract.ref, contract.kind, contract.unknown_fields) == ("sample@1.0.0", "request", "refuse")
    assert contract.index == {"amount": 0, "price": 1, "home": 2, "since": 3, "note": 4, "age": 5}
    amount, price, home, since, note, age = contract.fields
    assert amount == Field(
        "amount", "decimal", scale=2, unit="currency", required=True, minimum=100, maximum=99_999
    )  # fmt: skip
    assert (price.maximum, price.monotone, home.codes) == (100_000, -1, ("owner", "rent"))
    assert (str(since.minimum), str(since.maximum)) == ("2000-01-01", "2029-12-31")
    assert (note.personal, note.description, age.protected) == (True, "Anything worth knowing.", True)
    assert contract.examples["price"] == (10050, None)
    assert [(rule.id, rule.severity) for rule in contract.rules] == [("within_price", "error")]
    assert contract.content == SAMPLE.encode()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id: sample\n", "id: Sample\n", "is the contract's name"),
        ("version: 1.0.0", "version: '1.0'", "a version is three numbers"),
        ("apiVersion: v3.2.0", "apiVersion: v2.2.2", "ODCS v2.2.2 is not read here (use v3.2.0)"),
        ("value: request}", "value: reply}", "kind is one of request, answer"),
        ("property: kind, value: request", "property: knid, value: request", "no property 'knid'"),
        ("property: unit, value: years", "property: unti, value: years", "did you mean 'unit'?"),
        ("property: protected, value: true", "property: protected, value: 'yes'", "protected is true or false"),
        ("value: falling", "value: down", "monotone is one of rising, falling"),
        ("logicalType: date", "logicalType: time", "a field is one of integer, number"),
        ("multipleOf: 0.01, minimum: 1, max", "multipleOf: 0.05, minimum: 1, max", "a number needs its decimals"),
        ("minimum: 1, maximum: 1000", "minimum: 0.001, maximum: 1000", "0.001 is not a number with 2 decimals"),
        ('minimum: "2000-01-01"', 'minimum: "2000-02-30"', "2000-02-30 is not a date"),
        ("examples: [A1, B2]", "examples: [A1, 2]", "2 is not text"),
        ("examples: [30, 40]", "examples: [30, forty]", "forty is not a number with 0 decimals"),
        ("- name: home", "- name: amount", "the field amount is described twice"),
        ("- name: home", "- name: Home", "a field name has small letters"),
        ("{value: owner}", "{value: 1}", "the code 1 is not text (put quotes around it)"),
        ("severity: error", "severity: fatal", "a rule's severity is error or warning"),
        ("id: within_price", "name: within_price", "a rule needs an id of its own"),
        ("amount <= price", "amount <= price)", "unmatched ')'"),
        ("amount <= price", "amount <= prize", "within_price: there is no field 'prize'; did you mean 'price'?"),
        ("amount <= price", "amount / price <= 1", "within_price: a rule cannot divide"),
        ("amount <= price", "amount < price", "within_price: example 1 of the fields breaks this rule"),
        ("amount <= price", "age > 17", "within_price: reads the protected field age"),
        ("description: A loan is not larger than the price.", "name: x", "a rule says in its description"),
        ("minimum: 1, maximum: 1000", "minimum: 1000, maximum: 1", "price: the minimum is above the maximum"),
        ("minimum: 1, maximum: 1000", "minimum: 1", "price: a number needs a minimum and a maximum"),
        ("maximum: 1000}", "maximum: 1000000000000000000}", "price: the range does not fit into 64 bits"),
        ("{vendor: scoregate, property: unit, value: years}", "{property: x, value: 1}", "age: a number needs a unit"),
        ("maxLength: 9, ", "", "note: a text needs a maxLength"),
        ("maxLength: 9, ", "minLength: 9, maxLength: 8, ", "note: the minLength is above the maxLength"),
        ("{value: owner}, {value: rent,", "{value: owner}, {value: owner,", "home: codes differ from each other"),
        ("^[A-Z0-9]+$", "[A-Z0-9]+", "note: the pattern is not one that every engine reads alike"),
        ("^[A-Z0-9]+$", "^\\\\d+$", "note: the pattern is not one that every engine reads alike"),
        ("^[A-Z0-9]+$", "^[Z-A]+$", "note: the pattern is not one that every engine reads alike"),
        ("^[A-Z0-9]+$", "^[A-Z]++$", "note: the pattern is not one that every engine reads alike"),
        ("^[A-Z0-9]+$", "^[A--Z]+$", "note: the pattern is not one that every engine reads alike"),
        ("^[A-Z0-9]+$", "^A.$", "note: the pattern is not one that every engine reads alike"),
        ("^[A-Z0-9]+$", "^(A|B)+$", "note: the pattern is not one that every engine reads alike"),
        ("examples: [A1, B2]", "examples: [a1, B2]", "note: the example a1 is text of 2 characters; expected text"),
        ("        examples: [30, 40]\n", "", "age: has no example"),
        ("examples: [owner, rent]", "examples: ['', '']", "home: has no example"),
        (
            "property: protected, value: true}",
            "property: protected, value: true}\n          - {vendor: scoregate, property: reason, value: age}",
            "age: a protected field has neither a direction nor a reason",
        ),
        (
            "property: protected, value: true}",
            "property: protected, value: true}\n          - {vendor: scoregate, property: rejected, value: refer}",
            "age: a protected field may not lead to a referral",
        ),
        (
            "property: monotone, value: falling}",
            "property: essential, value: true}\n          - {vendor: scoregate, property: blank, value: refuse}\n"
            "          - {vendor: scoregate, property: rejected, value: refer}",
            "price: an essential field cannot do without a value",
        ),
        (
            "property: monotone, value: falling",
            "property: essential, value: true",
            "price: an essential field cannot do without a value",
        ),
        ("- name: home", "- name: product", "product: no application is decided without it"),
        ("- name: note", "- name: currency", "currency: no application is decided without it"),
        ("maximum: 130", "maximum: 130.5", "130.5 is not a number with 0 decimals"),
        ("maximum: 130", f"maximum: 1{'0' * 400}", "a number has more than 100 digits"),
        ("maximum: 130", f"maximum: 0x{'f' * 5000}", "a number has more than 100 digits"),
        ("[30, 40]", f"[1{'0' * 400}]", "a number has more than 100 digits"),
        ("maximum: 130", f"maximum: 1{'0' * 99}", "age: the range does not fit into 64 bits"),
        ("maximum: 130", "maximum: 1e400", "inf is not a number with 0 decimals"),
        ("maxLength: 9, ", f"maxLength: 1{'0' * 30}, ", "a text has at most 1,000,000,000 characters"),
        ("^[A-Z0-9]+$", f"^{'[A-Za-z0-9]{999}' * 400}$", "note: the pattern is not one that every engine reads alike"),
        ('exclusiveMaximum: "2030-01-01"', 'exclusiveMaximum: "0001-01-01"', "no day is beyond 0001-01-01"),
        ('minimum: "2000-01-01"', 'exclusiveMinimum: "9999-12-31"', "no day is beyond 9999-12-31"),
        ("{value: owner}", '{value: "a\\tb"}', "home: codes have at most 4,000 characters, and none that is a control"),
        ("{value: owner}", f"{{value: {'o' * 4001}}}", "home: codes have at most 4,000 characters"),
        ("logicalType: date\n", "logicalType: timestamp\n", "a timestamp has no bounds here"),
        ("status: active", "statsu: active", "breaks the ODCS schema"),
        ("required: true", "required: maybe", "breaks the ODCS schema"),
        ("status: active", "1: active", "breaks the ODCS schema"),
    ],
)  # fmt: skip
def test_a_fault_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = SAMPLE.replace(old, new, 1)
    assert text != SAMPLE
    store = home_with(tmp_path, text)
    faults = store.lint()
    assert message in "\n".join(map(str, faults))
    with pytest.raises(ConfigurationError) as caught:
        store.get("sample@1.0.0")
    assert list(caught.value.faults) == faults
    assert all(fault.file.endswith("contracts/sample/1.0.0.odcs.yaml") for fault in faults)


@pytest.mark.parametrize(
    ("old", "new", "name", "ends"),
    [
        ("minimum: 0, maximum: 130", "minimum: 0, exclusiveMinimum: 17, maximum: 130", "age", (18, 130)),
        ("minimum: 0, maximum: 130", "minimum: 18, exclusiveMinimum: 0, maximum: 130", "age", (18, 130)),
        ("minimum: 0, maximum: 130", "minimum: 0, maximum: 130, exclusiveMaximum: 121", "age", (0, 120)),
        ("minimum: 0, maximum: 130", "minimum: 0, maximum: 120, exclusiveMaximum: 121", "age", (0, 120)),
        ('minimum: "2000-01-01"', 'minimum: "2000-01-01", exclusiveMinimum: "2001-12-31"', "since",
         (date(2002, 1, 1), date(2029, 12, 31))),
    ],
)  # fmt: skip
def test_of_an_inclusive_and_an_exclusive_bound_the_narrower_counts(
    tmp_path: Path, old: str, new: str, name: str, ends: tuple[object, object]
) -> None:
    contract = home_with(tmp_path, SAMPLE.replace(old, new, 1)).get("sample@1.0.0")
    field = contract.paths[name]
    assert (field.minimum, field.maximum) == ends


def test_a_length_may_be_written_with_a_point_as_json_schema_allows(tmp_path: Path) -> None:
    contract = home_with(tmp_path, SAMPLE.replace("maxLength: 9", "maxLength: 9.0")).get("sample@1.0.0")
    assert repr(contract.paths["note"].max_length) == "9"


def test_a_fault_says_where_it_stands(tmp_path: Path) -> None:
    text = SAMPLE.replace("value: falling", "value: down").replace("amount <= price", "amount <= prize")
    rule, monotone = home_with(tmp_path, text).lint()
    assert (rule.line, rule.column) == (line_of(text, "implementation:"), 9)
    assert (monotone.line, monotone.column) == (line_of(text, "property: monotone"), 13)


def test_every_fault_of_a_contract_is_told_at_once(tmp_path: Path) -> None:
    text = SAMPLE.replace("maxLength: 9, ", "").replace("value: falling", "value: down").replace("[30, 40]", "[300]")
    assert len(home_with(tmp_path, text).lint()) == 3


@pytest.mark.parametrize("text", ["", "- 1", "just text", "schema: []", "schema: 7\nid: [x]"])
def test_a_file_that_is_no_contract_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"contract|ODCS"):
        home_with(tmp_path, text).get("sample@1.0.0")


def test_a_request_holds_no_lists_and_every_list_of_an_answer_says_how_long_it_may_be(tmp_path: Path) -> None:
    items = """\
      - name: notes
        logicalType: array
        items: {logicalType: string, logicalTypeOptions: {maxLength: 3}, examples: [abc]}
"""
    as_request = [fault.message for fault in home_with(tmp_path, SAMPLE + items).lint()]
    assert any("one value per field" in message for message in as_request)
    assert any("needs a maxItems" in message for message in as_request)
    sized = items.replace("array\n", "array\n        logicalTypeOptions: {maxItems: 4}\n")
    answer = home_with(tmp_path, (SAMPLE + sized).replace("value: request", "value: answer")).get("sample@1.0.0")
    assert answer.lists == {"notes": 4}
    assert answer.paths["notes[]"].max_length == 3


def test_only_an_answer_holds_times(tmp_path: Path) -> None:
    times = """\
      - name: as_of
        logicalType: timestamp
        examples: ["2026-03-31T12:00:00Z", EXAMPLE]
"""
    good = SAMPLE + times.replace("EXAMPLE", '"2026-03-31T12:00:01Z"')
    assert [fault.message for fault in home_with(tmp_path, good).lint()] == ["as_of: a request holds dates, not times"]
    as_answer = good.replace("value: request", "value: answer")
    assert home_with(tmp_path, as_answer).get("sample@1.0.0").paths["as_of"].type == "timestamp"
    bad = SAMPLE + times.replace("EXAMPLE", '"2026-03-31 12:00"')
    found = [fault.message for fault in home_with(tmp_path, bad).lint()]
    assert found == [
        "as_of: a request holds dates, not times",
        "2026-03-31 12:00 is not a time like 2026-03-31T12:00:00Z",
    ]


def test_a_list_of_lists_is_refused(tmp_path: Path) -> None:
    nested = """\
      - name: notes
        logicalType: array
        logicalTypeOptions: {maxItems: 2}
        items: {logicalType: array, items: {logicalType: string}}
"""
    assert "list of lists" in str(home_with(tmp_path, SAMPLE + nested).lint()[0])

"""Sources no contract can be drafted from: a typed error that says where, what was seen, and what the way out is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ConfigurationError
from contracts.source import MAX_BYTES
from models.drafting.foreign.drafted import draft_contract


def refusal(folder: Path, source: str, content: Any, name: str = "source.json") -> str:
    """What is said of a source; a text is written as it is, bytes too, anything else as JSON."""
    file = folder / name
    raw = content if isinstance(content, str | bytes) else json.dumps(content)
    file.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    with pytest.raises(ConfigurationError) as caught:
        draft_contract(file, source, "sample")
    assert all(str(file) == fault.file and fault.hint for fault in caught.value.faults), caught.value
    return str(caught.value).replace(str(file), "FILE")


def of(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"thing": schema}, **more}


RECURSIVE = of({"$ref": "#/$defs/node"}, **{"$defs": {"node": of({"$ref": "#/$defs/node"})}})
DOUBLING = {
    "$defs": {
        f"d{level}": {"properties": {name: {"$ref": f"#/$defs/d{level + 1}"} for name in "abcdef"}} for level in range(9)
    } | {"d9": {"type": "array"}}
}  # fmt: skip
CHAIN = {"$defs": {f"d{at}": {"$ref": f"#/$defs/d{at + 1}"} for at in range(60)} | {"d60": {"type": "boolean"}}}

SCHEMAS: list[tuple[str, Any, str]] = [
    ("a union", of({"anyOf": [{"type": "integer"}, {"type": "string"}]}),
     "FILE: error: #/properties/thing/anyOf: is a union of integer, string (say it as one type, or give each kind"),
    ("a union of types", of({"type": ["string", "boolean", "null"]}), "#/properties/thing: is a union of string, boolean"),
    ("a union of objects", of({"oneOf": [of({}), {"properties": {"x": {}}}]}), "#/properties/thing/oneOf: is a union of object"),
    ("a circle", RECURSIVE, "$ref leads in a circle, through #/$defs/node (a record has a fixed number of fields"),
    ("a circle to the root", of({"$ref": "#"}), "$ref leads in a circle, through #"),
    ("a remote reference", of({"$ref": "https://example.org/x.json"}),
     "#/properties/thing: $ref points out of the file, which is never followed: https://example.org/x.json (copy what"),
    ("a reference to a file", of({"$ref": "/etc/passwd"}), "$ref points out of the file, which is never followed"),
    ("a reference to nothing", of({"$ref": "#/$defs/no"}), "$ref points at nothing: #/$defs/no (write it as a JSON pointer"),
    ("an anchor", of({"$ref": "#no"}), "$ref points at nothing: #no"),
    ("a dynamic reference", of({"$dynamicRef": "#x"}), "refers dynamically, which is not followed"),
    ("a bomb of references", of({"$ref": "#/$defs/d0"}, **DOUBLING), "unfolds to more than 50,000 schemas"),
    ("a chain of references", of({"$ref": "#/$defs/d0"}, **CHAIN), "lies behind more than 40 references"),
    ("two names alike", {"properties": {"netIncome": {"type": "boolean"}, "net_income": {"type": "boolean"}}},
     "#/properties/net_income: 'net_income' and 'netIncome' would both be named 'net_income' (rename one"),
    ("a nested name alike", {"properties": {"a": of({"type": "boolean"}), "aThing": {"type": "boolean"}}},
     "'aThing' and 'a.thing' would both be named 'a_thing'"),
    ("two meanings", of({"allOf": [{"type": "string"}, {"type": "integer"}]}), "is told two ways of type: integer and string (keep one)"),
    ("no range", of({"type": "integer", "minimum": 5, "maximum": 4}), "#/properties/thing: its minimum is above its maximum"),
    ("beyond 64 bits", of({"type": "integer", "minimum": 10**30, "maximum": 10**31}), "lies beyond the 19 digits"),
    ("no text", of({"type": "string", "maxLength": 0}), "#/properties/thing: its text would have 0 to 0 characters"),
    ("no code", of({"enum": [""]}), "lists values that are neither texts nor numbers"),
    ("objects as codes", of({"enum": [{}, "a"]}), "lists values that are neither texts nor numbers"),
    ("nothing legal", of(False), "#/properties/thing: is false, which describes no value (take it out)"),
    ("draft-04", of({}, **{"$schema": "http://json-schema.org/draft-04/schema#"}),
     "#/$schema: names a dialect not read here: http://json-schema.org/draft-04/schema (use https://json-schema.org/draft/2020"),
    ("no schema", {"properties": {"thing": {"type": 7}}}, "#/properties/thing/type: is not a valid JSON Schema: 7 is not"),
    ("a list of records", {"type": "array", "items": of({})}, "describes a list of records (import the schema of one"),
    ("no properties", {"openapi": "3.1.0", "paths": {}}, "describes no object with properties"),
    ("nothing that could be a field", of({"type": "array"}), "has no value that could be fields (import the part"),
    ("more fields than a record has", {"properties": {f"f{at}": {"type": "boolean"} for at in range(501)}}, "has more than 500 values"),
    ("no object", [1], "is not a JSON Schema: expected an object"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "says"), [case[1:] for case in SCHEMAS], ids=[case[0] for case in SCHEMAS])
def test_a_schema_that_cannot_be_fields_is_refused(schema: Any, says: str, tmp_path: Path) -> None:
    assert says in refusal(tmp_path, "jsonschema", schema)


LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\n"
DOCUMENTS: list[tuple[str, str, str | bytes, str]] = [
    ("a YAML bomb", "s.yaml", LAUGHS, "FILE:1:4: error: anchors and aliases are not allowed"),
    ("deep YAML", "s.yaml", "[" * 60 + "]" * 60, "nests deeper than 40 levels"),
    ("deep JSON", "s.json", "[" * 60 + "]" * 60, "nests deeper than 40 levels"),
    ("bottomless JSON", "s.json", "[" * 100_000, "nests deeper than 40 levels"),
    ("a name twice", "s.json", '{"type": "object", "type": "array"}', "the name 'type' occurs twice in one object"),
    ("a name twice in YAML", "s.yaml", "type: object\ntype: array\n", "FILE:2:1: error: found duplicate key"),
    ("oversize", "s.json", " " * (MAX_BYTES + 1), "is larger than 1,000,000 bytes"),
    ("no JSON", "s.json", '{"type": }', "FILE:1:10: error: is not JSON: Expecting value (YAML needs the ending .yaml)"),
    ("no UTF-8", "s.json", b'{"title": "\xe9"}', "is not UTF-8 at byte 11"),
    ("half a character", "s.json", '{"title": "\\ud800"}', "holds half of a surrogate pair"),
    ("not a number", "s.json", '{"maximum": NaN}', "holds a number that is none"),
    ("a number without end", "s.json", '{"maximum": 1e999999}', "holds a number that is none, or is beyond 40 digits"),
    ("thousands of digits", "s.json", '{"maximum": ' + "9" * 5000 + "}", "holds a number of 5,000 digits"),
    ("nothing", "s.json", "", "is not JSON"),
]


@pytest.mark.parametrize(("name", "content", "says"), [c[1:] for c in DOCUMENTS], ids=[c[0] for c in DOCUMENTS])
def test_a_file_beyond_bounds_or_form_is_refused(name: str, content: str | bytes, says: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    for source in ("jsonschema", "frictionless"):
        with pytest.raises(ConfigurationError) as caught:
            draft_contract(file, source, "sample")
        assert says in str(caught.value).replace(str(file), "FILE")


def test_a_yaml_schema_names_the_line(tmp_path: Path) -> None:
    text = "type: object\nproperties:\n  thing:\n    anyOf: [{type: integer}, {type: string}]\n"
    assert "FILE:4:5: error: #/properties/thing/anyOf: is a union" in refusal(
        tmp_path, "jsonschema", text, "source.yaml"
    )


FIELD = {"name": "x", "type": "boolean"}
DESCRIPTORS: list[tuple[str, Any, str]] = [
    ("no fields", {"name": "x"}, "describes no fields (import a Table Schema, or a resource or package"),
    ("another file", {"schema": "schema.json"}, "#/schema: names a schema in another file, which is not followed: schema.json"),
    ("two tables", {"resources": [{"name": "a", "schema": {}}, {"name": "b", "schema": {}}]},
     "#/resources: holds 2 resources with a schema: a, b (put the schema of one table into a file of its own)"),
    ("no table", {"resources": [{"name": "a"}]}, "#/resources: holds 0 resources with a schema: none"),
    ("no name", {"fields": [{"type": "string"}]}, "#/fields/0: is no field: it has no name"),
    ("no such type", {"fields": [{"name": "x", "type": "money"}]}, "has the type 'money', which there is not (there are: "),
    ("no number", {"fields": [{"name": "x", "type": "integer", "constraints": {"minimum": "few"}}]},
     "#/fields/0/constraints/minimum: is no number"),
    ("no exclusive number", {"fields": [{"name": "x", "type": "number", "constraints": {"exclusiveMaximum": "few"}}]},
     "#/fields/0/constraints/exclusiveMaximum: is no number"),
    ("a code no message carries", {"fields": [{"name": "x", "type": "string", "constraints": {"enum": ["a\tb"]}}]},
     "one of its codes is too long for a message, or holds a control character"),
    ("no constraints", {"fields": [{"name": "x", "type": "integer", "constraints": ["minimum"]}]}, "#/fields/0/constraints: is no object"),
    ("no codes", {"fields": [{"name": "x", "type": "string", "constraints": {"enum": []}}]}, "#/fields/0: lists no values"),
    ("two names alike", {"fields": [FIELD, FIELD | {"name": "X"}]}, "#/fields/1: 'X' and 'x' would both be named 'x'"),
]  # fmt: skip


@pytest.mark.parametrize(("descriptor", "says"), [c[1:] for c in DESCRIPTORS], ids=[c[0] for c in DESCRIPTORS])
def test_a_descriptor_that_cannot_be_fields_is_refused(descriptor: Any, says: str, tmp_path: Path) -> None:
    assert says in refusal(tmp_path, "frictionless", descriptor)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("a,a\n1,2\n3,4\n", "the column 'a' occurs more than once"),
        ("net income,net_income\n1,2\n3,4\n", "'net_income' and 'net income' would both be named 'net_income'"),
        ("a,b\n,\n,\n", "has no value that could be fields"),
        (b"PK\x03\x04", "is not text but a spreadsheet or an archive"),
        (",".join(f"c{at}" for at in range(501)) + "\n" + ",".join("1" * 501) + "\n", "has 501 columns"),
    ],
)
def test_a_csv_that_cannot_be_fields_is_refused(content: str | bytes, says: str, tmp_path: Path) -> None:
    assert says in refusal(tmp_path, "csv", content, "own.csv")

"""The section ``wire:`` and the JSON Schemas it names: what they declare, and how they are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.rest import adapter, schema
from contracts.errors import ConfigurationError
from gateway.spi import NativeField, RoutedAdapter

SCHEMA: dict[str, Any] = {
    "$schema": schema.DIALECT,
    "$id": "https://example.test/application",
    "type": "object",
    "required": ["reference", "applicant"],
    "properties": {
        "reference": {"type": "string", "maxLength": 20},
        "applicant": {"$ref": "#/$defs/person"},
        "items": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "number"}}}},
        "signed": {"type": ["string", "null"], "format": "date"},
        "kind": {"enum": ["new", "renewal"]},
        "free": {},
    },
    "$defs": {
        "person": {
            "type": "object",
            "required": ["income"],
            "properties": {
                "income": {"type": "integer", "maximum": 999_999},
                "partner": {"$ref": "#/$defs/person"},
                "home": {"anyOf": [{"properties": {"owned": {"type": "boolean"}}}, {"type": "string"}]},
            },
        }
    },
}


def folder_with(tmp_path: Path, content: Any, wire: str = "{schema: application.schema.json}") -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "application.schema.json").write_text(text, encoding="utf-8")
    (tmp_path / "integration.yaml").write_text(f"integration: x\nadapter: rest\nwire: {wire}\n", encoding="utf-8")
    return tmp_path


def faults_of(section: dict[str, Any], folder: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        adapter.wire(section, folder)
    return [str(fault) for fault in caught.value.faults]


def test_is_a_routed_adapter() -> None:
    assert isinstance(adapter, RoutedAdapter)


def test_an_empty_section_leaves_paths_open(tmp_path: Path) -> None:
    fields = adapter.wire({}, tmp_path).fields()
    assert fields.request is None
    assert fields.answer is None


def test_a_schema_lists_its_leaves_with_type_and_room(tmp_path: Path) -> None:
    fields = adapter.wire({"schema": "application.schema.json"}, folder_with(tmp_path, SCHEMA)).fields().request
    assert fields is not None
    leaves = {path: (field.type, field.room, field.required) for path, field in fields.items()}
    assert leaves == {
        "reference": ("string", 20, True),
        "applicant": ("group", None, True),
        "applicant.income": ("integer", 6, True),
        "applicant.partner": ("object", None, False),
        "applicant.home": ("string", None, False),
        "applicant.home.owned": ("boolean", None, False),
        "items[].price": ("number", None, False),
        "signed": ("date", None, False),
        "kind": ("string", 7, False),
        "free": ("any", None, False),
        "header.idempotency-key": ("string", 255, False),
        "header.x-correlation-id": ("string", 128, False),
    }


def nested(depth: int) -> str:
    return '{"type": "object", "properties": {"a": ' * depth + '{"type": "string"}' + "}}" * depth


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ('{"a":\n 1,}', ":2:"),
        ([], "expected an object"),
        ({"type": "strange"}, "is not a valid JSON Schema"),
        ({"type": "array"}, "describes no object"),
        ({"$schema": 5, "type": "object"}, "another dialect"),
        ('{"type": "object", "maximum": 1e400}', "1e400 is no number that JSON Schema can reckon with"),
        ('{"type": "object", "maximum": NaN}', "NaN is no number that JSON Schema can reckon with"),
        (f'{"{"}"type": "object", "not": {"[" * 900}{"]" * 900}{"}"}', "not a valid JSON Schema"),
        (nested(300), "nests too deep (flatten it)"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}, "another dialect"),
        ({"type": "object", "properties": {"a": {"$ref": "https://example.test/x.json"}}}, "points outside the file"),
        ({"type": "object", "properties": {"a": {"$ref": "other.json#/a"}}}, "points outside the file"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}}, "points at nothing"),
    ],
)
def test_a_schema_that_cannot_be_used_is_named(tmp_path: Path, content: Any, message: str) -> None:
    found = faults_of({"schema": "application.schema.json"}, folder_with(tmp_path, content))
    assert len(found) == 1
    assert "application.schema.json" in found[0]
    assert message in found[0]


def test_every_fault_of_the_section_comes_at_once_with_its_line(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, SCHEMA, "{shema: x, schema: applicaton.schema.json, idempotency_key: maybe}")
    section = {"shema": "x", "schema": "applicaton.schema.json", "idempotency_key": "maybe"}
    found = faults_of({**section, "answer_schema": "../x.json"}, folder)
    assert len(found) == 4
    assert any("integration.yaml:3:8" in line and "did you mean 'schema'?" in line for line in found)
    assert any("did you mean 'application.schema.json'?" in line for line in found)
    assert any("expected required or optional" in line for line in found)
    assert any("in the integration's folder" in line for line in found)


@pytest.mark.parametrize("key", ["schema", "answer_schema"])
@pytest.mark.parametrize("name", ["a\0b", "a" * 300])
def test_what_can_be_no_name_of_a_file_is_told_at_its_line(tmp_path: Path, key: str, name: str) -> None:
    folder = folder_with(tmp_path, SCHEMA, f"{{{key}: {json.dumps(name)}}}")
    [found] = faults_of({key: name}, folder)
    assert "integration.yaml:3:" in found
    assert "cannot be the name of a file" in found


def test_relocated_schemas_point_into_the_new_document() -> None:
    moved = schema.relocated(SCHEMA, "#/components/schemas/x.application")
    assert "$id" not in moved
    assert moved["properties"]["applicant"] == {"$ref": "#/components/schemas/x.application/$defs/person"}
    assert SCHEMA["properties"]["applicant"] == {"$ref": "#/$defs/person"}


def test_a_schema_is_derived_from_what_a_mapping_reads() -> None:
    found = [
        NativeField("applicant.income", "decimal", 9, True),
        NativeField("applicant.home", "code", 8),
        NativeField("items[].price", "integer"),
        NativeField("tags[]", "string"),
        NativeField("signed", "date-time"),
        NativeField("free", "any"),
        NativeField('["a.b"][0]["[]"]', "integer"),
    ]
    assert schema.derived({field.path: field for field in found}) == {
        "type": "object",
        "required": ["applicant"],
        "properties": {
            "applicant": {
                "type": "object",
                "required": ["income"],
                "properties": {"income": {"type": "number"}, "home": {"type": "string", "maxLength": 8}},
            },
            "items": {
                "type": "array",
                "items": {"type": "object", "properties": {"price": {"type": "integer"}}},
            },
            "tags": {"type": "array", "items": {"type": "string"}},
            "signed": {"type": "string", "format": "date-time"},
            "free": {},
            "a.b": {"type": "array", "items": {"type": "object", "properties": {"[]": {"type": "integer"}}}},
        },
    }

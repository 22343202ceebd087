"""An answer in JSON against the schema its folder ships: what lint says of it, and what the last look holds back."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.rest.codec import RestCodec
from contracts.errors import InternalFault
from contracts.store import ContractStore
from gateway.integrations import read_integration
from gateway.lint_wire import answer_faults

FOLDER = Path(__file__).parents[2] / "fixtures" / "integrations" / "juniper-api"
SCHEMA = json.loads((FOLDER / "decision.schema.json").read_bytes())
JUNIPER = read_integration(FOLDER, ContractStore())


def changed(path: str, part: Any) -> dict[str, Any]:
    """Juniper's schema with one part replaced, named as ``decision.reasons[].code``."""
    schema: dict[str, Any] = copy.deepcopy(SCHEMA)
    *above, last = path.replace("[]", ".items").split(".")
    node = schema
    for step in above:
        node = node[step] if step == "items" else node["properties"][step]
    node.setdefault("properties", {})[last] = part
    return schema


def lint(schema: dict[str, Any]) -> list[str]:
    declared = RestCodec(None, schema).fields().answer
    assert declared is not None
    return [f"{fault.severity}: {fault.message}" for fault in answer_faults(JUNIPER, declared)]


def told(path: str, part: Any) -> list[str]:
    return lint(changed(path, part))


def test_juniper_s_own_schema_fits() -> None:
    assert lint(SCHEMA) == []


TEXT = {"type": "string"}
WRONG: list[tuple[str, Any, str]] = [
    ("decision.id", {"type": "string", "minLength": 40},
     "error: decision.id may be 32 characters long, the wire schema wants 40"),
    ("decision.id", {"type": "string", "pattern": "^[0-9]+$"}, "error: decision.id may be written as"),
    ("decision.id", {"type": "string", "pattern": "("}, "error: decision.id cannot be written: the pattern ( of"),
    ("decision.result", {"const": "OK"}, "the wire schema takes only 'OK'"),
    ("decision.result", {"enum": [1, 2, 3]}, "error: decision.result is written as a text, the wire schema wants a"),
    ("decision.result", False, "error: decision.result cannot be written: the schema allows no value here"),
    ("decision.replaces", {"enum": ["x"]}, "error: decision.replaces is not bound to a code list"),
    ("decision.creditScore", TEXT, "error: decision.creditScore is written as a number, the wire schema wants a text"),
    ("decision.creditScore", {"type": "integer", "minimum": 600, "maximum": 999},
     "warning: decision.creditScore may be 0 to 999, the wire schema takes 600 to 999"),
    ("decision.creditScore", {"type": "integer", "minimum": 1000}, "error: decision.creditScore may be 0 to 999"),
    ("decision.creditScore", {"type": "integer", "exclusiveMinimum": 0},
     "warning: decision.creditScore may be written as '0', the wire schema takes only numbers like > 0"),
    ("decision.creditScore", {"allOf": [{"type": "integer"}, {"maximum": 500}, {"maximum": 900}]},
     "warning: decision.creditScore may be 0 to 999, the wire schema takes 500 and less"),
    ("decision.defaultProbability", {"type": "number", "multipleOf": 0.01},
     "error: decision.defaultProbability has 6 digits behind the point, the wire schema takes 2"),
    ("decision.reasons[].code", {"type": "string", "pattern": "^[0-9]{2}$"},
     "error: decision.reasons[].code may be written as 'R03', 'R02B', the wire schema takes only texts like"),
    ("decision.estimated[].cause", {"enum": ["channel", "version", "source_down", "lookup", "upcast"]},
     "error: decision.estimated[].cause may be written as '', the wire schema takes only"),
    ("decision.reviewCauses", {"type": "array", "maxItems": 1, "items": TEXT},
     "error: decision.reviewCauses[] may come 8 times, the wire schema takes 1"),
    ("decision.reviewCauses", {"type": "array", "minItems": 1, "items": TEXT},
     "error: decision.reviewCauses[] may come no times, the wire schema wants 1"),
    ("decision.audit", {}, ""),
    ("evidence.mode", {"not": {"const": "live"}},
     "warning: evidence.mode is not proven to fit: not at evidence.mode of the schema"),
    ("evidence.mode", {"oneOf": [{"type": "string"}, {"maxLength": 9}]},
     "warning: evidence.mode is not proven to fit: oneOf between values of one type at evidence.mode"),
    ("evidence.mode", {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "integer"}]},
     "error: evidence.mode may need 4 characters, there is room for 3"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "part", "message"), WRONG, ids=[f"{path}: {part}" for path, part, _ in WRONG])
def test_what_the_answers_do_not_keep_is_said(path: str, part: Any, message: str) -> None:
    found = told(path, part)
    assert len(found) == bool(message)
    assert not message or message in found[0]


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("decision.creditScore", {"type": ["integer", "null"], "minimum": 0, "maximum": 999}),
        ("decision.creditScore", {"anyOf": [{"type": "string", "maxLength": 1}, {"type": "number"}]}),
        ("decision.creditScore", {"type": "number", "multipleOf": 1, "exclusiveMaximum": 1000}),
        ("decision.defaultProbability", {"type": "number", "multipleOf": 0.000001}),
        ("decision.result", {"enum": ["APPROVED", "REVIEW", "DECLINED", None, 7]}),
        ("decision.decidedAt", {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T.*Z$", "maxLength": 20}),
    ],
)
def test_what_is_proven_to_fit_is_not_complained_of(path: str, part: Any) -> None:
    assert told(path, part) == []


def test_a_position_that_a_decision_does_not_fill_is_null_and_must_be_allowed(tmp_path: Path) -> None:
    text = (FOLDER / "integration.yaml").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "each: reasons" in line)
    folder = tmp_path / "juniper-api"
    folder.mkdir()
    (folder / "integration.yaml").write_text(text.replace(line, "  decision.top: reasons[0].text"), encoding="utf-8")
    integration = read_integration(folder, ContractStore())
    for part, wrong in (({"type": "string"}, True), ({"type": ["string", "null"]}, False)):
        declared = RestCodec(None, changed("decision.top", part)).fields().answer
        found = [
            fault.message for fault in answer_faults(integration, declared or {}) if "decision.top" in fault.message
        ]
        message = "decision.top may be missing from a decision and is null then, the wire schema takes no null"
        assert found == ([message] if wrong else [])


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"required": ["gone"]}, "error: the answer's wire schema requires evidence.gone, and nothing writes it"),
        ({"additionalProperties": False, "properties": {}}, "error: evidence.mode is not in the answer's wire schema"),
        (
            {"properties": {}, "patternProperties": {"^m": {"type": "string"}}},
            "warning: evidence.mode is not proven to fit: patternProperties at evidence of the schema",
        ),
        ({"type": "array"}, "error: evidence.mode cannot be written: the schema allows no value here"),
    ],
)
def test_a_group_says_what_must_be_in_it_and_what_may(part: dict[str, Any], message: str) -> None:
    assert message in "\n".join(lint(changed("evidence", {**SCHEMA["properties"]["evidence"], **part})))


def test_a_list_that_must_be_there_is_written_or_missed() -> None:
    schema = changed("audit", {"type": "array", "items": TEXT})
    assert lint(schema | {"required": ["audit"]}) == [
        "error: the answer's wire schema requires audit, and nothing writes it"
    ]


@pytest.mark.parametrize(
    ("path", "part", "message"),
    [
        ("score", {"type": "integer", "minimum": 600}, "the answer breaks its schema at score: 600 and more"),
        ("score", {"type": "integer", "exclusiveMinimum": 523}, "the answer breaks its schema at score: > 523"),
        ("score", {"anyOf": [{"type": "string"}, {"maximum": 5}]}, "the answer breaks its schema at score: 5 and less"),
        ("pd", {"multipleOf": 0.05}, "the answer breaks its schema at pd: multiples of 0.05"),
        ("text", {"type": "string", "pattern": "^[0-9]$"}, r"the answer breaks its schema at text: \^\[0-9\]\$"),
        ("text", {"not": {"const": "SECRET"}}, "the answer breaks its schema at /text: not"),
        ("text", {"not": {"pattern": "("}}, "the answer cannot be held against its schema: error"),
    ],
)
def test_an_answer_that_breaks_its_schema_is_held_back_as_our_own_fault(path: str, part: Any, message: str) -> None:
    codec = RestCodec(None, {"type": "object", "properties": {path: part}})
    with pytest.raises(InternalFault, match=message) as caught:
        codec.encode({"score": 523, "pd": Decimal("0.07"), "text": "SECRET"})
    assert "SECRET" not in str(caught.value)


def test_a_leaf_too_deep_to_be_mapped_is_no_hindrance() -> None:
    part: dict[str, Any] = {"type": "integer", "minimum": 1}
    for name in ("x y", "a.b", "", *"abcdefghijklmnopqrstuvw"):
        part = {"type": "object", "properties": {name: part}}
    assert RestCodec(None, part).encode({"w": {}}) == b'{"w":{}}'


def test_an_answer_within_its_schema_leaves_with_all_its_digits() -> None:
    part = {"type": ["number", "null"], "minimum": 0, "maximum": 1, "multipleOf": 0.01}
    codec = RestCodec(None, {"type": "object", "properties": {"pd": part}, "minProperties": 1})
    assert codec.encode({"pd": Decimal("0.07")}) == b'{"pd":0.07}'
    assert codec.encode({"pd": None}) == b'{"pd":null}'

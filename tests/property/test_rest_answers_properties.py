"""What lint passes, a foreign validator accepts: answers of JSON against the schema that a legacy system keeps."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from hypothesis import event, given, settings
from hypothesis import strategies as st
from jsonschema.validators import Draft202012Validator

from adapters.rest.codec import RestCodec
from contracts.errors import InternalFault
from contracts.mapping.answer import AnswerMap
from contracts.source import Source
from contracts.store import ContractStore
from gateway.integrations import Integration, read_integration
from gateway.lint_wire import answer_faults

FOLDER: Final = Path(__file__).parents[2] / "fixtures" / "integrations" / "juniper-api"
SCHEMA: Final = json.loads((FOLDER / "decision.schema.json").read_bytes())
STORE: Final = ContractStore()
JUNIPER: Final = read_integration(FOLDER, STORE)
MORE: Final = """\
answer_map:
  decision.id: {from: decision_id, fit: chars(32)}
  decision.result: {from: outcome, codes: {approve: 1, refer: 2, decline: "3"}}
  decision.reviewCauses: {from: refer_causes, most: 2}
  decision.creditScore: score
  decision.defaultProbability: pd
  decision.reasons[0].message: reasons[0].text
  decision.reasons[1].message: {constant: none}
  decision.estimated[]: {each: imputations, cause: cause, low: {constant: 7}, high: {constant: true}}
  decision.decidedAt: {from: as_of, fit: date(YYYY-MM-DD)}
  evidence.mode: mode
"""
MAPS: Final = (JUNIPER.answer_map, AnswerMap.parse(Source.parse(MORE, "x"), ("answer_map",), STORE.get(JUNIPER.answer)))

FACETS: Final[tuple[dict[str, Any], ...]] = (
    {"maxLength": 1}, {"maxLength": 10}, {"maxLength": 32}, {"maxLength": 80}, {"maxLength": 200}, {"minLength": 1},
    {"minLength": 10}, {"pattern": "^[a-z2-7]+$"}, {"pattern": "^R"}, {"pattern": "^[0-9]{4}-"},
    {"minimum": 0}, {"minimum": 0.5}, {"minimum": 600}, {"maximum": 999}, {"maximum": 0.5}, {"maximum": 1},
    {"exclusiveMinimum": 0}, {"exclusiveMaximum": 1000}, {"multipleOf": 1}, {"multipleOf": 0.01},
    {"multipleOf": 0.000001}, {"multipleOf": 5}, {"multipleOf": 0.05}, {"const": "OK"}, {"const": 7}, {"const": True},
    {"enum": ["APPROVED", "REVIEW", "DECLINED", 7]}, {"enum": [1, 2, "3"]}, {"enum": ["1", "2", "3"]},
    {"enum": ["channel", "version", "source_down", "lookup", "upcast"]}, {"enum": ["", "channel", None]},
    {"enum": ["channel", "version", "source_down", "lookup", "upcast", ""]}, {"enum": ["test", "live"]},
    {"format": "date"}, {"format": "date-time"}, {"not": {"const": "live"}}, {"if": {"const": "x"}, "then": False},
    {"$ref": "#/$defs/short"}, {"$ref": "#/$defs/number"}, {},
)  # fmt: skip
TYPES: Final = ("string", "integer", "number", "boolean", "null", "object", "array")
GROUPS: Final[tuple[dict[str, Any], ...]] = (
    {"additionalProperties": False}, {"additionalProperties": {"type": "string"}}, {"type": "object"},
    {"type": ["object", "null"]}, {"minProperties": 3}, {"patternProperties": {"^c": {"type": "string"}}},
    {"type": "string"}, {"not": {"required": ["code"]}}, {"required": ["gone"]},
)  # fmt: skip
LISTS: Final[tuple[dict[str, Any], ...]] = (
    {"maxItems": 1}, {"maxItems": 2}, {"maxItems": 5}, {"maxItems": 64}, {"minItems": 1}, {"minItems": 2},
    {"uniqueItems": True}, {"prefixItems": [{"type": "string"}]}, {"type": "string"},
)  # fmt: skip
types = st.none() | st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True) | st.sampled_from(TYPES)


@st.composite
def leaves(draw: st.DrawFn, depth: int = 1) -> Any:
    """A schema of one value, which may fit what is written, or not."""
    schema: dict[str, Any] = {}
    if (kind := draw(types)) is not None:
        schema["type"] = kind
    for facet in draw(st.lists(st.sampled_from(FACETS), max_size=2)):
        schema |= facet
    if depth and draw(st.booleans()):
        word = draw(st.sampled_from(("anyOf", "oneOf", "allOf")))
        schema[word] = draw(st.lists(leaves(depth - 1), min_size=1, max_size=3))
    return schema if schema or draw(st.booleans()) else draw(st.booleans())


def places(node: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    """Every part of Juniper's schema, with what it is."""
    if "properties" in node:
        below = [p for name, child in node["properties"].items() for p in places(child, (*path, "properties", name))]
        return [(path, "group"), *below]
    if "items" in node:
        return [(path, "list"), *places(node["items"], (*path, "items"))]
    return [(path, "leaf")]


PLACES: Final = places(SCHEMA)
LOOSE: Final = copy.deepcopy(SCHEMA)
"""The same where the second map writes something else than Juniper wants."""
LOOSE["required"] = []
for one in (("decision", "result"), ("decision", "decidedAt"), ("decision", "defaultProbability")):
    LOOSE["properties"][one[0]]["properties"][one[1]] = {}
LOOSE["properties"]["decision"]["properties"]["estimated"]["items"]["properties"] |= {"low": {}, "high": {}}
LOOSE["properties"]["decision"]["properties"]["reasons"]["items"]["properties"]["message"] = {}


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    """Juniper's own schema, changed in a few places."""
    schema: dict[str, Any] = copy.deepcopy(draw(st.sampled_from((SCHEMA, LOOSE))))
    schema["$defs"] = {"short": {"type": "string", "maxLength": 10}, "number": {"type": ["number", "null"]}}
    for path, kind in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=2)):
        node, last = schema, None
        for step in path[:-1]:
            node = node[step]
        last = path[-1] if path else None
        part = node[last] if last else node
        if not isinstance(part, dict):
            continue
        if kind == "leaf":
            made = draw(leaves())
            node[last] = {**part, **made} if draw(st.booleans()) and isinstance(made, dict) else made
        else:
            part |= draw(st.sampled_from(GROUPS if kind == "group" else LISTS))
            names = sorted(part.get("properties", ()))
            if names and draw(st.booleans()):
                part["required"] = draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
    return schema


short = st.text("ab", min_size=1, max_size=4)
codes = {name: field.codes for name, field in STORE.get(JUNIPER.answer).paths.items()}
reasons = st.fixed_dictionaries(
    {"group": short, "code": st.sampled_from(["R03", "R02B", "7"]), "text": st.text("x", min_size=1, max_size=200),
     "points": st.integers(-99999, 99999).map(lambda n: Decimal(n).scaleb(-2)),
     "state": st.sampled_from(codes["reasons[].state"])}
)  # fmt: skip
imputations = st.fixed_dictionaries(
    {"field": short, "state": st.sampled_from(codes["imputations[].state"]), "origin": st.just("wire"),
     "cause": st.sampled_from((*codes["imputations[].cause"], "")), "low": st.sampled_from(["", "0.00"]),
     "high": st.sampled_from(["", "9" * 64])}
)  # fmt: skip
scores = st.sampled_from([0, 1, 5, 523, 600, 999])
decisions = st.fixed_dictionaries(
    {
        "decision_id": st.just("a2" * 16), "business_key": st.sampled_from(["A", "A" * 128]), "request_key": short,
        "correlation_id": st.just(""), "mode": st.sampled_from(codes["mode"]), "product": short,
        "currency": st.just("EUR"), "outcome": st.sampled_from(codes["outcome"]),
        "refer_causes": st.lists(st.sampled_from(codes["refer_causes[]"]), unique=True),
        "pd": st.integers(0, 10**6).map(lambda n: Decimal(n).scaleb(-6)), "score": scores, "score_min": scores,
        "score_max": scores, "reasons": st.lists(reasons, max_size=5), "imputations": st.lists(imputations, max_size=3),
        "information_not_available": st.integers(-99999, 99999).map(lambda n: Decimal(n).scaleb(-2)),
        "contract": st.just(f"c@1.0.0#{'0' * 64}"), "bundle": st.just(f"b@1.0.0#{'0' * 64}"),
        "policy": st.just(f"p@1.0.0#{'0' * 64}"), "integration": st.just(f"i#{'0' * 64}"),
        "as_of": st.just(datetime(2026, 3, 31, tzinfo=UTC)), "valid_until": st.just(datetime(2026, 4, 30, tzinfo=UTC)),
        "supersedes": st.sampled_from(["", "b3" * 16]), "decided_by": short, "notice_due_by": st.just(date(2026, 4, 3)),
    }
)  # fmt: skip


def with_map(answer_map: AnswerMap) -> Integration:
    from dataclasses import replace

    return replace(JUNIPER, answer_map=answer_map)


@settings(max_examples=200, deadline=None)
@given(schema=schemas(), some=st.lists(decisions, min_size=1, max_size=4), answer_map=st.sampled_from(MAPS))
def test_an_answer_that_lint_passes_leaves_legal_or_not_at_all(
    schema: dict[str, Any], some: list[dict[str, Any]], answer_map: AnswerMap
) -> None:
    codec = RestCodec(None, schema)
    declared = codec.fields().answer
    assert declared is not None
    faults = list(answer_faults(with_map(answer_map), declared))
    if any(fault.severity == "error" for fault in faults):
        event("refused by lint")
        return
    judge = Draft202012Validator(json.loads(json.dumps(schema), parse_float=Decimal))
    for decision in some:
        try:
            written = codec.encode(answer_map.write(decision))
        except InternalFault:
            event("held back")
            continue
        judge.validate(json.loads(written, parse_float=Decimal))
        event("accepted")


@settings(max_examples=20, deadline=None)
@given(decisions)
def test_juniper_s_own_answers_are_legal_and_none_is_held_back(decision: dict[str, Any]) -> None:
    written = RestCodec(None, SCHEMA).encode(JUNIPER.answer_map.write(decision))
    Draft202012Validator(SCHEMA).validate(json.loads(written))

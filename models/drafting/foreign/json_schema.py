"""JSON Schema (2020-12, 2019-09, draft-07, draft-06) as fields: nested objects become paths, the rest is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from jsonschema.exceptions import SchemaError
from jsonschema.validators import Draft202012Validator, validator_for

from contracts.export import decimal_text
from contracts.odcs import Kind
from contracts.types import day_of
from models.drafting.columns import MOST_DECIMALS
from models.drafting.contract_file import ListOf
from models.drafting.draft import MOST_COLUMNS
from models.drafting.findings import Finding, left_out
from models.drafting.foreign.document import Document, number_of, pointer, whole
from models.drafting.foreign.told import Told, Type, narrower
from models.drafting.foreign.unfolding import ONE_TYPE, TEXT_TOO, Node, Unfolding, is_decimal_text
from models.drafting.words import slug

DIALECTS: Final = tuple(
    f"{scheme}://json-schema.org/{name}"
    for scheme, name in (
        ("https", "draft/2020-12/schema"), ("https", "draft/2019-09/schema"), ("http", "draft-07/schema"),
        ("http", "draft-06/schema"),
    )
)  # fmt: skip
LONGEST_LIST: Final = 100
_CONDITIONS: Final = ("if", "not", "dependentSchemas", "dependentRequired", "dependencies", "patternProperties",
                      "propertyNames", "minProperties", "unevaluatedProperties")  # fmt: skip
_TYPES: Final[Mapping[str, Type]] = {
    "integer": "integer", "number": "number", "string": "string", "boolean": "boolean",
}  # fmt: skip
_SIZES: Final = {"uuid": 36, "ipv4": 15, "ipv6": 45, "time": 20, "email": 254, "hostname": 253}
"""Characters that texts of these formats have at most."""
_RULE: Final = "write it as a rule under quality: it is not drafted"


def fields(document: Document, kind: Kind) -> tuple[list[Told], list[Finding]]:
    """Every value the schema describes; raises ConfigurationError for a schema that is none or cannot be fields."""
    _check(document)
    reader = _Reader(document, kind)
    root = reader.unfold.node(document.data, ())
    if "array" in _types(root):
        document.refuse((), "describes a list of records", "import the schema of one record: what stands under items")
    if not root.schema.get("properties"):
        document.refuse((), "describes no object with properties", "import the schema of one record")
    told = list(islice(reader.members(root, (), True, None), MOST_COLUMNS + 1))
    return told, reader.findings


def _check(document: Document) -> None:
    schema = document.data
    if not isinstance(schema, dict):
        document.refuse((), "is not a JSON Schema: expected an object", "import the schema of one record")
    dialect = str(schema.get("$schema", DIALECTS[0])).removesuffix("#")
    if dialect not in DIALECTS:
        document.refuse(("$schema",), f"names a dialect not read here: {dialect[:80]}", f"use {DIALECTS[0]}")
    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as exc:
        message = f"is not a valid JSON Schema: {exc.message[:200]}"
        document.refuse(tuple(exc.absolute_path), message, "correct it in the file")


class _Reader:
    """Walks a schema; what does not become a field goes to ``findings``."""

    def __init__(self, document: Document, kind: Kind) -> None:
        self.document, self.kind = document, kind
        self.unfold = Unfolding(document)
        self.findings: list[Finding] = []

    def members(self, node: Node, path: tuple[str, ...], required: bool, inside: ListOf | None) -> Iterator[Told]:
        """The values of an object; ``required``: whether the object itself must be there."""
        self._conditions(node, path)
        wanted = node.schema.get("required", ())
        for name, child in node.schema.get("properties", {}).items():
            found = self.unfold.node(child, node.below("properties", name), node.trail)
            needed = required and name in wanted and not found.nullable
            yield from self._value(found, (*path, name), needed, inside)

    def _conditions(self, node: Node, path: tuple[str, ...]) -> None:
        where = f"of {'.'.join(path)}" if path else "of the record"
        for word in _CONDITIONS:
            if word in node.schema:
                seen = f"{pointer(node.steps)} has {word}"
                self.findings.append(Finding("must", f"a condition {where} is left out", seen, _RULE))
        if isinstance(node.schema.get("additionalProperties", False), Mapping):
            seen = "additionalProperties describes values without names"
            self.findings.append(left_out("must", f"rest {where}", seen, "name what may come"))

    def _value(self, node: Node, path: tuple[str, ...], required: bool, inside: ListOf | None) -> Iterator[Told]:
        types = _types(node)
        if "null" in types:
            node, required = node._replace(nullable=True), False
        kinds = [word for word in types if word != "null"]
        if "integer" in kinds and "number" in kinds:
            kinds.remove("integer")
        if sorted(kinds) == ["number", "string"] and not {"enum", "pattern", "format", "maxLength"} & set(node.schema):
            kinds, node = ["number"], node._replace(schema={**node.schema, TEXT_TOO: True})
        if len(kinds) > 1:
            self.document.refuse(node.steps, f"is a union of {', '.join(kinds)}", ONE_TYPE)
        if kinds == ["object"] and node.schema.get("properties"):
            yield from self.members(node, path, required, inside)
        elif kinds == ["array"]:
            yield from self._elements(node, path, inside)
        elif kinds in ([], ["object"]):
            what = "an object without properties" if kinds else "anything at all"
            self._leave(path, f"the source says {what}", "say what it holds")
        else:
            yield self._leaf(node, kinds[0], path, required, inside)

    def _leave(self, path: tuple[str, ...], evidence: str, cure: str) -> None:
        self.findings.append(left_out("must", f"value {'.'.join(path)!r}", evidence, cure))

    def _elements(self, node: Node, path: tuple[str, ...], inside: ListOf | None) -> Iterator[Told]:
        items = node.schema.get("items")
        if self.kind != "answer":
            cure = "say in the integration which element counts (primary, sum, min …), and draft that one"
            return self._leave(path, "it is a list, and a field holds one value", cure)
        if inside or not isinstance(items, Mapping):
            return self._leave(path, "it is a list in a list, or of nothing in particular", "flatten it")
        element = self.unfold.node(items, node.below("items"), node.trail)
        most, name = whole(node.schema.get("maxItems")), slug("_".join(path), [], reserved=())
        if most is None:
            what, seen = f"how many elements has {name}?", f"the source tells no maxItems; drafted {LONGEST_LIST}"
            self.findings.append(Finding("must", what, seen, "correct maxItems", "contract", f"name: {name}"))
        alone = not element.schema.get("properties")
        many = ListOf(name, LONGEST_LIST if most is None else most, str(node.schema.get("description", "")), alone)
        where = (*path[:-1], f"{path[-1]}[]")
        yield from self._value(element, where, True, many) if alone else self.members(element, where, True, many)

    # ---- leaves ------------------------------------------------------------------------------------------------------

    def _leaf(self, node: Node, kind: str, path: tuple[str, ...], required: bool, inside: ListOf | None) -> Told:
        schema = node.schema
        described = schema.get("description") or schema.get("title") or ""
        told = Told(".".join(path), pointer(node.steps), _TYPES[kind], required, str(described), inside=inside)
        told.unit = schema["x-unit"] if isinstance(schema.get("x-unit"), str) else ""
        told.protected, told.essential = schema.get("x-protected") is True, schema.get("x-essential") is True
        if "default" in schema and schema["default"] is not None:
            seen = f"{told.place} has a default"
            told.ask("should", "a default is left out: what is not sent stays blank", seen, "keep it so")
        if schema.get(TEXT_TOO) is True:
            told.ask("must", "is it a number?", f"{told.place} takes a number or any text", "make it a string if not")
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        if values is not None and kind != "boolean":
            self._codes(told, node, values)
        elif kind == "string":
            self._text(told, schema)
        elif kind != "boolean":
            _number(told, schema)
        return told

    def _codes(self, told: Told, node: Node, values: list[Any]) -> None:
        labels = node.schema.get("x-enum-descriptions")
        means = labels if isinstance(labels, Mapping) else {}
        given = [value for value in values if value is not None and value != ""]
        if any(isinstance(value, list | dict | bool) for value in given) or not given:
            self.document.refuse(node.steps, "lists values that are neither texts nor numbers", "write codes as texts")
        told.required = told.required and None not in values
        told.codes = {str(value): str(means.get(str(value), "")) for value in given}
        told.type = "string"
        if "" in values:
            told.ask("should", "an empty text stands among the codes", told.place, "it counts as blank, not as a code")
        if not all(isinstance(value, str) for value in given):
            cure = "the integration maps them: codes: {1: …}"
            told.ask("should", "its codes are numbers in the source, and texts here", told.place, cure)

    def _text(self, told: Told, schema: Mapping[str, Any]) -> None:
        form = schema.get("format")
        if is_decimal_text(schema) or isinstance(schema.get("x-decimals"), int):
            told.type = "number"
            _decimal(told, schema)
        elif form == "date":
            told.type = "date"
            told.minimum, told.maximum = day_of(schema.get("x-minimum")), day_of(schema.get("x-maximum"))
        elif form == "date-time" and self.kind == "answer":
            told.type = "timestamp"
        elif form == "date-time":
            told.type = "date"
            seen = "it is a point in time, and a record holds dates"
            told.ask("must", "only its day is drafted", seen, "send the day, in the time zone that counts")
        else:
            told.shortest = whole(schema.get("minLength"))
            told.longest = whole(schema.get("maxLength", _SIZES.get(str(form))))
            told.pattern = schema.get("pattern")


def _types(node: Node) -> list[str]:
    """The JSON types a node allows; of one that says none, those its other words speak of."""
    schema = node.schema
    given = schema.get("type")
    if given is not None:
        return [given] if isinstance(given, str) else list(given)
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    if values:
        texts = ["string"] if any(not isinstance(value, bool | None) for value in values) else []
        return texts + ["boolean"] * any(isinstance(value, bool) for value in values) + ["null"] * (None in values)
    spoken = {
        "object": ("properties",), "array": ("items", "maxItems"), "string": ("maxLength", "minLength", "pattern"),
        "number": ("multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    }  # fmt: skip
    return [kind for kind, words in spoken.items() if any(word in schema for word in words)]


def _number(told: Told, schema: Mapping[str, Any]) -> None:
    given = [number_of(schema.get(word)) for word in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")]
    (told.minimum, low), (told.maximum, high) = narrower(*given[:2], low=True), narrower(*given[2:], low=False)
    told.exclusive = (low, high)
    step = number_of(schema.get("multipleOf"))
    if told.type == "number":
        told.step = step
    elif step is not None and step != 1:
        seen = f"the source counts in steps of {step:f}"
        told.ask("should", "it may lie between the steps", seen, "leave it, or write codes")


def _decimal(told: Told, schema: Mapping[str, Any]) -> None:
    """A decimal as text. Our own export says beside the pattern what it stands for."""
    scale = schema.get("x-decimals")
    told.minimum, told.maximum = number_of(schema.get("x-minimum")), number_of(schema.get("x-maximum"))
    if type(scale) is int and 0 <= scale <= MOST_DECIMALS:
        told.step = Decimal(1).scaleb(-scale)
        if told.minimum is not None and told.maximum is not None and told.minimum <= told.maximum:
            _held_against(told, schema, int(told.minimum.scaleb(scale)), int(told.maximum.scaleb(scale)), scale)
    elif schema.get("format") != "decimal":
        told.ask("should", "is it a number?", f"{told.place} is text of digits and a point", "make it a string if not")


def _held_against(told: Told, schema: Mapping[str, Any], low: int, high: int, scale: int) -> None:
    if schema.get("pattern") != decimal_text.pattern(low, high, scale):
        seen = f"{told.place} has x-minimum and x-maximum, and a pattern that says something else"
        told.ask("must", "its range is told two ways", seen, "keep the range, or correct it by the pattern")

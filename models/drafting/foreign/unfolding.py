"""JSON Schema with its references, unions and intersections resolved, one node at a time.

References are followed within the file only, never round in a circle and never to another place on disk or network. Of
``anyOf`` and ``oneOf`` those are understood that say one thing in several ways: a value or null, a list of constants
with their titles, a decimal as number or text. Every other union is refused: a field holds one kind of value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from models.drafting.foreign.document import Document, Steps

MOST_NODES: Final = 50_000
"""Schemas and members a file may unfold to: small files of references can unfold to gigabytes."""
MOST_REFERENCES: Final = 40
"""References on the way to one value."""
_ANNOTATIONS: Final = (
    "title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "$comment",
    "$schema", "$id", "$defs", "definitions", "$anchor", "additionalProperties", "discriminator",
)  # fmt: skip
"""Keywords of which the outer one counts, where two schemas meet."""
_STRICTER: Final = {
    "minimum": max, "exclusiveMinimum": max, "minLength": max, "minItems": max, "maximum": min,
    "exclusiveMaximum": min, "maxLength": min, "maxItems": min,
}  # fmt: skip
_CONDITION: Final = frozenset(("required", "not", "title", "description", "if"))
"""What a choice holds that says which fields go together, and not what they are."""
TEXT_TOO: Final = "x-text-too"
"""Marks a number that may also come as a text, of which the schema says nothing more."""
ONE_TYPE: Final = "say it as one type, or give each kind of value a name of its own"

Schema = Mapping[str, Any]


class Node(NamedTuple):
    """One schema without references. ``steps`` is where it was met, ``trail`` the references that led there."""

    schema: Schema
    steps: Steps
    trail: tuple[str, ...] = ()
    nullable: bool = False

    def below(self, *steps: str | int) -> Steps:
        return (*self.steps, *steps)


class Unfolding:
    """Resolves the nodes of one document; raises ConfigurationError at the first that cannot be one thing."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._left = MOST_NODES

    def node(self, schema: Any, steps: Steps, trail: tuple[str, ...] = ()) -> Node:
        self._left -= 1 + _size(schema)
        if self._left < 0:
            self._document.refuse((), f"unfolds to more than {MOST_NODES:,} schemas", "import the part of one record")
        if not isinstance(schema, Mapping):
            hint = "name the type it has" if schema is True else "take it out"
            self._document.refuse(steps, f"is {str(schema).lower()}, which describes no value", hint)
        node = Node({k: v for k, v in schema.items() if k not in ("$ref", "allOf", "anyOf", "oneOf")}, steps, trail)
        if "$dynamicRef" in schema or "$recursiveRef" in schema:
            self._document.refuse(steps, "refers dynamically, which is not followed", "use $ref to a place in the file")
        if "$ref" in schema:
            node = self._joined(self._referred(schema["$ref"], steps, trail), node)
        for at, part in enumerate(schema.get("allOf", ())):
            node = self._joined(self.node(part, (*steps, "allOf", at), node.trail), node)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                node = self._joined(self._union(schema[word], (*steps, word), node.trail), node)
        return node

    def _referred(self, reference: str, steps: Steps, trail: tuple[str, ...]) -> Node:
        refuse = self._document.refuse
        if not reference.startswith("#"):
            message = f"$ref points out of the file, which is never followed: {reference[:100]}"
            refuse(steps, message, "copy what it points at under $defs")
        if reference in trail:
            hint = "a record has a fixed number of fields: write out as many levels as there are"
            refuse(steps, f"$ref leads in a circle, through {reference[:100]}", hint)
        if len(trail) >= MOST_REFERENCES:
            refuse(steps, f"lies behind more than {MOST_REFERENCES} references", "write it out where it is used")
        found: Any = self._document.data
        for step in reference[1:].split("/")[1:]:
            key = step.replace("%25", "%").replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, Mapping) else _item(found, key)
        if found is None or (len(reference) > 1 and reference[1] != "/"):
            refuse(steps, f"$ref points at nothing: {reference[:100]}", "write it as a JSON pointer, #/$defs/…")
        return self.node(found, steps, (*trail, reference))

    # ---- unions ------------------------------------------------------------------------------------------------------

    def _union(self, choices: Iterable[Any], steps: Steps, trail: tuple[str, ...]) -> Node:
        nodes = [self.node(choice, (*steps, at), trail) for at, choice in enumerate(choices)]
        given = [node for node in nodes if not _is_null(node.schema)]
        nullable = len(given) < len(nodes) or any(node.nullable for node in given)
        if len(given) == 1:
            return given[0]._replace(nullable=nullable)
        if given and all(_CONDITION.issuperset(node.schema) for node in given):
            return Node({"if": True}, steps, trail)
        if given and all(_values(node.schema) is not None for node in given):
            return Node(_constants(given), steps, trail, nullable)
        if decimal := _decimal(given):
            return decimal._replace(nullable=nullable)
        shown = ", ".join(dict.fromkeys(_shown(node.schema) for node in given)) or "nothing"
        return self._document.refuse(steps, f"is a union of {shown}", ONE_TYPE)

    # ---- intersections -----------------------------------------------------------------------------------------------

    def _joined(self, inner: Node, outer: Node) -> Node:
        """Both at once; of what is for people only, what the outer one says."""
        found = dict(inner.schema)
        for key, value in outer.schema.items():
            found[key] = self._both(key, found[key], value, outer.steps) if key in found else value
        trail = tuple(dict.fromkeys((*inner.trail, *outer.trail)))
        return Node(found, outer.steps, trail, inner.nullable or outer.nullable)

    def _both(self, key: str, inner: Any, outer: Any, steps: Steps) -> Any:
        if key in _ANNOTATIONS or key.startswith("x-") or inner == outer:
            return outer
        if key in _STRICTER:
            return _STRICTER[key](inner, outer)
        if key == "required":
            return [*inner, *outer]
        if key == "properties":
            return {**inner, **{name: _meet(inner.get(name), found) for name, found in outer.items()}}
        if key in ("type", "enum"):
            ours = outer if isinstance(outer, list) else [outer]
            both = [word for word in ours if word in (inner if isinstance(inner, list) else [inner])]
            if both:
                return both
        message = f"is told two ways of {key}: {str(inner)[:60]} and {str(outer)[:60]}"
        return self._document.refuse(steps, message, "keep one")


def _size(schema: Any) -> int:
    """How much there is to copy of one schema."""
    parts = schema.values() if isinstance(schema, Mapping) else ()
    return sum(len(part) for part in parts if isinstance(part, Mapping | list))


def _meet(inner: Any, outer: Any) -> Any:
    return outer if inner in (None, outer) else {"allOf": [inner, outer]}


def _item(found: Any, key: str) -> Any:
    if isinstance(found, list) and key.isascii() and key.isdigit() and int(key[:6]) < len(found):
        return found[int(key[:6])]
    return None


def _is_null(schema: Schema) -> bool:
    return schema.get("type") in ("null", ["null"]) or schema.get("enum") == [None] or schema.get("const", 0) is None


def _values(schema: Schema) -> list[Any] | None:
    """The values of a node that lists them."""
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if "enum" in schema else None


def _constants(nodes: list[Node]) -> dict[str, Any]:
    labels: dict[str, str] = {}
    values: list[Any] = []
    for node in nodes:
        found = _values(node.schema) or []
        values += found
        told = node.schema.get("title") or node.schema.get("description")
        if len(found) == 1 and told:
            labels[str(found[0])] = str(told)
    return {"enum": values, "x-enum-descriptions": labels}


def _decimal(nodes: list[Node]) -> Node | None:
    """A number that may also be sent as text, as pydantic and others write a decimal."""
    numbers = [node for node in nodes if node.schema.get("type") == "number"]
    texts = [node for node in nodes if node.schema.get("type") == "string" and _any_number(node.schema)]
    if len(numbers) != 1 or len(texts) != 1 or len(nodes) != 2:
        return None
    return numbers[0]._replace(schema={**numbers[0].schema, TEXT_TOO: not is_decimal_text(texts[0].schema)})


def _any_number(schema: Schema) -> bool:
    return is_decimal_text(schema) or not {"enum", "const", "format", "pattern", "maxLength", "minLength"} & set(schema)


def is_decimal_text(schema: Schema) -> bool:
    """Whether a text is a decimal with its digits: so says its format, or a pattern of digits and a point."""
    pattern = str(schema.get("pattern", ""))
    digits = "\\d" in pattern or "[0-9]" in pattern
    letters = set(pattern.replace("\\d", "").replace("\\.", ".")) - set("^$()?:!+-*.[]{},|0123456789\\")
    return schema.get("format") == "decimal" or (digits and not letters and "." in pattern)


def _shown(schema: Schema) -> str:
    kinds = schema.get("type", "an object" if "properties" in schema else "anything")
    return kinds if isinstance(kinds, str) else " or ".join(map(str, kinds))

"""Frictionless descriptors (Table Schema, Data Resource, Data Package; versions 1 and 2) as fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from contracts.odcs import Kind
from contracts.types import day_of
from models.drafting.findings import Finding, Severity, left_out
from models.drafting.foreign.document import Document, Steps, number_of, pointer, whole
from models.drafting.foreign.told import Told, Type, narrower

_TYPES: Final[Mapping[str, Type]] = {
    "string": "string", "number": "number", "integer": "integer", "boolean": "boolean", "date": "date",
    "year": "integer",
}  # fmt: skip
_NO_VALUE: Final = {
    "object": "an object", "array": "a list", "list": "a list", "any": "anything at all", "time": "a time of day",
    "duration": "a duration", "geopoint": "a place", "geojson": "a shape on the map", "yearmonth": "a month of a year",
}  # fmt: skip
_TABLE: Final = "each row is checked alone, so this is not drafted"


def fields(document: Document, kind: Kind) -> tuple[list[Told], list[Finding]]:
    """Every field of the one schema there is; raises ConfigurationError where there is none, or more than one."""
    schema, steps = _schema(document)
    reader = _Reader(document, kind, schema)
    told = [
        found for at, field in enumerate(schema["fields"]) if (found := reader.field(field, (*steps, "fields", at)))
    ]
    return told, reader.findings


def _schema(document: Document) -> tuple[Mapping[str, Any], Steps]:
    node: Any = document.data
    steps: Steps = ()
    if isinstance(node, Mapping) and isinstance(node.get("resources"), list):
        node, steps = _resource(document, node["resources"])
    if isinstance(node, Mapping) and "fields" not in node and "schema" in node:
        node, steps = node["schema"], (*steps, "schema")
    if isinstance(node, str):
        message = f"names a schema in another file, which is not followed: {node[:100]}"
        document.refuse(steps, message, "import that file")
    if not isinstance(node, Mapping) or not isinstance(node.get("fields"), list):
        document.refuse(steps, "describes no fields", "import a Table Schema, or a resource or package that holds one")
    return node, steps


def _resource(document: Document, resources: list[Any]) -> tuple[Any, Steps]:
    """The one resource of a package that has a schema."""
    found = [at for at, one in enumerate(resources) if isinstance(one, Mapping) and "schema" in one]
    if len(found) != 1:
        names = ", ".join(str(resources[at].get("name"))[:40] for at in found) or "none"
        message = f"holds {len(found)} resources with a schema: {names}"
        document.refuse(("resources",), message, "put the schema of one table into a file of its own")
    return resources[found[0]], ("resources", found[0])


class _Reader:
    def __init__(self, document: Document, kind: Kind, schema: Mapping[str, Any]) -> None:
        self.document, self.kind = document, kind
        self.missing = schema.get("missingValues")
        self.findings = list(_of_table(schema))

    def field(self, node: Any, steps: Steps) -> Told | None:
        """One field; None where a record has no place for it, which is told."""
        if not isinstance(node, Mapping) or not isinstance(node.get("name"), str) or not node["name"].strip():
            self.document.refuse(steps, "is no field: it has no name", "give it one")
        name, type_ = node["name"], str(node.get("type") or "any")
        if type_ in _NO_VALUE:
            evidence = f"the source says it is {_NO_VALUE[type_]}"
            self.findings.append(left_out("must", f"field {name!r}", evidence, "say what it holds, as one value"))
            return None
        if type_ != "datetime" and type_ not in _TYPES:
            known = ", ".join((*_TYPES, "datetime", *_NO_VALUE))
            self.document.refuse(steps, f"has the type {str(type_)[:40]!r}, which there is not", f"there are: {known}")
        told = Told(name, pointer(steps), _TYPES.get(type_, "date"))
        told.description = str(node.get("description") or node.get("title") or "")
        self._constraints(told, node, steps)
        _written(told, node)
        if type_ == "datetime" and self.kind == "answer" and not told.codes:
            told.type = "timestamp"
        elif type_ == "datetime" and not told.codes:
            seen = "it is a point in time, and a record holds dates"
            told.ask("must", "only its day is drafted", seen, "send the day, in the time zone that counts")
        elif type_ == "year":
            told.unit = told.unit or "calendar year"
        told.blank = tuple(_literals(node.get("missingValues", self.missing)))
        return told

    def _constraints(self, told: Told, node: Mapping[str, Any], steps: Steps) -> None:
        rules = node.get("constraints") or {}
        if not isinstance(rules, Mapping):
            self.document.refuse((*steps, "constraints"), "is no object", "write it as name and value")
        told.required = rules.get("required") is True
        if rules.get("unique") is True:
            told.ask("note", "it is unique in the source", told.place, _TABLE)
        if "jsonSchema" in rules:
            told.ask("must", "a constraint is left out", f"{told.place} has jsonSchema", "import it as jsonschema")
        values = rules.get("enum")
        categories = _labelled(node.get("categories"))
        if told.type != "boolean" and (categories or isinstance(values, list)):
            self._codes(told, values if isinstance(values, list) else list(categories), categories, steps)
            return
        told.shortest, told.longest = whole(rules.get("minLength")), whole(rules.get("maxLength"))
        told.pattern = _anchored(rules.get("pattern"))
        self._bounds(told, rules, steps)

    def _codes(self, told: Told, values: list[Any], labels: Mapping[str, str], steps: Steps) -> None:
        given = [str(value) for value in values if value not in (None, "")]
        if any(isinstance(value, list | dict) for value in values) or not given:
            self.document.refuse(steps, "lists no values that could be codes", "write codes as texts")
        if told.type != "string":
            cure = "the integration maps them: codes: {1: …}"
            told.ask("should", "its codes are numbers in the source, and texts here", told.place, cure)
        told.type, told.codes = "string", {code: labels.get(code, "") for code in given}

    def _bounds(self, told: Told, rules: Mapping[str, Any], steps: Steps) -> None:
        if told.type == "date":
            told.minimum, told.maximum = (
                _day(told, rules, "minimum", "Minimum"),
                _day(told, rules, "maximum", "Maximum"),
            )
        if told.type not in ("integer", "number"):
            return
        words = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
        for word in (word for word in words if word in rules and number_of(rules[word]) is None):
            self.document.refuse((*steps, "constraints", word), "is no number", "write it with a decimal point")
        ends = [number_of(rules.get(word)) for word in words]
        (told.minimum, low), (told.maximum, high) = narrower(*ends[:2], low=True), narrower(*ends[2:], low=False)
        told.exclusive = (low, high)


def _day(told: Told, rules: Mapping[str, Any], word: str, last: str) -> date | None:
    """The narrower of both bounds on one side, as the first or last day that is legal; what is no day is told."""
    inward, found = (1 if word == "minimum" else -1), []
    for key, step in ((word, 0), (f"exclusive{last}", inward)):
        if key in rules and (day := _moved(day_of(rules[key]), step)):
            found.append(day)
        elif key in rules:
            cure = "write it as a day, as 2026-03-31"
            told.ask("must", f"its {key} is left out", f"{told.place} has one that is no day of ISO 8601", cure)
    return (max if inward > 0 else min)(found, default=None)


def _moved(day: date | None, days: int) -> date | None:
    """None where there is no such day."""
    try:
        return day + timedelta(days=days) if day else None
    except OverflowError:
        return None


def _of_table(schema: Mapping[str, Any]) -> Iterator[Finding]:
    """What is said of all rows together."""
    for word in ("primaryKey", "uniqueKeys", "foreignKeys"):
        if schema.get(word):
            yield Finding("note", f"{word} is left out", f"the schema has {word}", _TABLE)
    labelled = {literal: label for literal, label in _labelled(schema.get("missingValues")).items() if label}
    if labelled:
        seen = ", ".join(f"{literal!r} is {label!r}" for literal, label in labelled.items())[:300]
        cure = "say of each under missing: of the integration: blank, rejected or not_carried"
        yield Finding("must", "what do the texts that stand for nothing mean?", seen, cure)


def _literals(values: object) -> list[str]:
    return [literal for literal in _labelled(values) if literal]


def _labelled(values: object) -> dict[str, str]:
    """Values with their labels, written as texts or as ``{value, label}``."""
    found: dict[str, str] = {}
    for entry in values if isinstance(values, list) else ():
        value, label = (entry.get("value"), entry.get("label")) if isinstance(entry, Mapping) else (entry, None)
        if isinstance(value, str | int | Decimal | float) and not isinstance(value, bool):
            found[str(value)] = str(label or "")
    return found


def _written(told: Told, node: Mapping[str, Any]) -> None:
    """How the table writes its values: what the integration has to undo."""
    ways: list[tuple[Severity, str, str]] = []
    mark = node.get("decimalChar", ".") if told.type == "number" else "."
    group, form = node.get("groupChar", ""), node.get("format", "default")
    if told.type in ("number", "integer") and (mark != "." or group):
        ways.append(("must", f"numbers are written with {mark!r} and {group!r}", "send them with a decimal point"))
    if node.get("bareNumber") is False:
        ways.append(("must", "numbers have signs around them", "send them bare"))
    if told.type == "date" and form != "default":
        cure = "say so in the integration, as convert: [date(DD.MM.YYYY)]"
        ways.append(("must", f"dates are written as {str(form)[:40]}", cure))
    words = [*_texts(node.get("trueValues")), *_texts(node.get("falseValues"))]
    if told.type == "boolean" and words:
        cure = "say so in the integration under codes"
        ways.append(("must", f"true and false are written as {', '.join(words)[:80]}", cure))
    for severity, what, cure in ways:
        told.ask(severity, what, told.place, cure)


def _texts(values: object) -> list[str]:
    return [str(value) for value in values] if isinstance(values, list) else []


def _anchored(pattern: object) -> str | None:
    """A pattern of a Table Schema holds for the whole text, whether it says so or not."""
    if not isinstance(pattern, str):
        return None
    return f"^{pattern.removeprefix('^').removesuffix('$')}$"

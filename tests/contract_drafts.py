"""Small contracts of every kind of wire, and drafts of them to change: what the comparison is judged on."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from contracts.compare import Comparison, compare
from contracts.odcs import Contract, Reading, read_odcs
from contracts.upcast_reading import read_upcast

Tree = dict[str, Any]


def own(**values: Any) -> list[Tree]:
    return [{"vendor": "scoregate", "property": key, "value": value} for key, value in values.items()]


def number(name: str, low: float, high: float, unit: str, step: float | None = None, **more: Any) -> Tree:
    options = {"minimum": low, "maximum": high} | ({"multipleOf": step} if step else {})
    properties = own(unit=unit, **more.pop("own", {}))
    kind = "number" if step else "integer"
    return {"name": name, "logicalType": kind, "logicalTypeOptions": options, "customProperties": properties, **more}


def text(name: str, **more: Any) -> Tree:
    options = {key: more.pop(key) for key in ("minLength", "maxLength", "pattern") if key in more}
    return {"name": name, "logicalType": "string", "logicalTypeOptions": options, "customProperties": [], **more}


def coded(name: str, **codes: str) -> Tree:
    enum = [{"value": value, "label": label} for value, label in codes.items()]
    return {"name": name, "logicalType": "string", "enum": enum, "customProperties": []}


def contract(kind: str, fields: list[Tree], **more: Any) -> Tree:
    table: Tree = {"name": "c", "logicalType": "object", "properties": fields, "quality": more.pop("rules", [])}
    if "record" in more:
        table["physicalName"] = more.pop("record")
    return {
        "apiVersion": "v3.2.0", "kind": "DataContract", "id": "c", "version": "1.0.0", "status": "active",
        "description": {"purpose": "To try things out."}, "customProperties": own(kind=kind, **more.pop("head", {})),
        "schema": [table], **more,
    }  # fmt: skip


def rule(name: str, expression: str, severity: str = "error") -> Tree:
    return {
        "id": name, "type": "custom", "engine": "scoregate", "implementation": expression, "severity": severity,
        "description": "It holds.",
    }  # fmt: skip


def server(**facts: Any) -> Tree:
    """A server with facts of ODCS and, under ``own``, of ours."""
    properties = own(**facts.pop("own", {}))
    return {"server": "main", "type": "custom", **facts, "customProperties": properties}


def wired(field: Tree, type_: str, name: str = "") -> Tree:
    return field | {"physicalType": type_} | ({"physicalName": name} if name else {})


AMOUNT = number("amount", 0, 1000, "currency", 0.01, required=True, own={"monotone": "rising", "reason": "loan"})
MONTHS = number("months", 1, 480, "months")
INCOME = number("income", 0, 100000, "currency", 0.01, own={"rejected": "refer", "monotone": "falling"})
JOB = coded("job", fixed="Permanent employment", other="Anything else")
SCORE = number("score", 0, 999, "points", required=True)
OUTCOME = coded("outcome", approve="Grant it", refer="Ask a person", decline="Do not") | {"required": True}
REQUEST = [
    AMOUNT, MONTHS, INCOME, JOB, text("town", maxLength=20),
    text("zip", minLength=5, maxLength=5, pattern="^[0-9]+$"),
    {"name": "since", "logicalType": "date", "logicalTypeOptions": {"minimum": "2000-01-01"}, "customProperties": []},
    {"name": "resident", "logicalType": "boolean", "customProperties": []},
]  # fmt: skip
ANSWER = [
    SCORE, OUTCOME, number("pd", 0, 1, "probability", 0.001), text("text", maxLength=80),
    text("key", maxLength=12, pattern="^[A-Z]+$"),
    {
        "name": "reasons", "logicalType": "array", "logicalTypeOptions": {"maxItems": 4}, "customProperties": [],
        "items": {"logicalType": "object", "properties": [text("code", maxLength=4), text("words", maxLength=60)]},
    },
]  # fmt: skip
LISTING = [*ANSWER[:-1], ANSWER[-1] | {"logicalTypeOptions": {"minItems": 1, "maxItems": 4}, "required": True}]
RULES = [rule("affordable", "amount <= 10 * income"), rule("hint", "months <= 120", "warning")]
COPYBOOK = [
    wired(AMOUNT, "PIC S9(7)V99 COMP-3", "LN-AMT"), wired(MONTHS, "PIC 9(3)", "LN-MON"),
    wired(JOB, "PIC X(1)", "LN-JOB"), wired(text("filler", maxLength=10), "PIC X(10)", "FILLER"),
]  # fmt: skip
MAINFRAME = server(format="fixed-width", encoding="cp037", own={"recfm": "FB"})
SEQUENCE = [wired(AMOUNT, "xs:decimal", "Amount"), wired(MONTHS, "xs:int", "Months"), wired(JOB, "xs:string", "Job")]
SOAP = server(own={"namespace": "urn:loans:1", "soap_action": "score"})
TABLE = [wired(AMOUNT, "DECIMAL(9,2)", "AMT"), wired(MONTHS, "INTEGER", "MON"), wired(JOB, "VARCHAR(8)", "JOB")]

BASES: dict[str, Tree] = {
    "request": contract("request", REQUEST, rules=RULES),
    "open request": contract("request", REQUEST, rules=RULES, head={"unknown": "ignore"}),
    "answer": contract("answer", ANSWER, rules=[rule("fair", "score >= 0"), rule("told", "pd <= 1", "warning")]),
    "open answer": contract("answer", ANSWER, head={"unknown": "ignore"}),
    "listing answer": contract("answer", LISTING),
    "copybook request": contract("request", COPYBOOK, record="LN-REC", servers=[MAINFRAME]),
    "copybook answer": contract(
        "answer",
        [wired(SCORE, "PIC 9(3)", "SCORE"), wired(OUTCOME, "PIC X(1)", "OUTC"), COPYBOOK[3]],
        servers=[MAINFRAME],
    ),
    "xml request": contract("request", SEQUENCE, record="Application", servers=[SOAP]),
    "xml answer": contract(
        "answer", [wired(SCORE, "xs:int", "Score"), wired(OUTCOME, "xs:string", "Outcome")], servers=[SOAP]
    ),
    "csv request": contract(
        "request", [AMOUNT, MONTHS, JOB], servers=[server(format="csv", delimiter=";", encoding="UTF-8")]
    ),
    "csv answer": contract("answer", [SCORE, OUTCOME], servers=[server(format="csv", delimiter=";")]),
    "table request": contract("request", TABLE, record="APPLICATIONS", servers=[server()]),
    "table answer": contract(
        "answer", [wired(SCORE, "SMALLINT", "SCORE"), wired(OUTCOME, "VARCHAR(8)", "OUTC")], servers=[server()]
    ),
}


class Draft:
    """A contract to change, with short words for what is usually changed."""

    def __init__(self, tree: Tree) -> None:
        self.tree = copy.deepcopy(tree)

    @property
    def table(self) -> Tree:
        table: Tree = self.tree["schema"][0]
        return table

    @property
    def fields(self) -> list[Tree]:
        fields: list[Tree] = self.table["properties"]
        return fields

    def field(self, name: str) -> Tree:
        return next(field for field in self.fields if field["name"] == name)

    def set(self, name: str, **values: Any) -> None:
        """Set plain keys of a field; None takes one away."""
        field = self.field(name)
        field |= values
        for key in [key for key, value in field.items() if value is None]:
            del field[key]

    def options(self, name: str, **values: Any) -> None:
        field = self.field(name)
        found = field.get("logicalTypeOptions", {}) | values
        field["logicalTypeOptions"] = {key: value for key, value in found.items() if value is not None}

    def own(self, name: str, **values: Any) -> None:
        """Set scoregate properties of a field, or of the contract where ``name`` is empty; None takes one away."""
        node = self.field(name) if name else self.tree
        kept = [entry for entry in node["customProperties"] if entry["property"] not in values]
        node["customProperties"] = kept + own(**{key: value for key, value in values.items() if value is not None})

    def codes(self, name: str, **labels: str | None) -> None:
        """Add codes or change their labels; None takes one away."""
        known = {entry["value"]: entry["label"] for entry in self.field(name)["enum"]} | labels
        self.field(name)["enum"] = [{"value": code, "label": label} for code, label in known.items() if label]

    def add(self, field: Tree, at: int | None = None) -> None:
        self.fields.insert(len(self.fields) if at is None else at, copy.deepcopy(field))

    def drop(self, name: str) -> None:
        self.fields.remove(self.field(name))

    def move(self, name: str, at: int) -> None:
        field = self.field(name)
        self.drop(name)
        self.fields.insert(at, field)

    def server(self, **facts: Any) -> None:
        node = self.tree["servers"][0]
        mine = facts.pop("own", {})
        node |= facts
        node["customProperties"] = [e for e in node["customProperties"] if e["property"] not in mine] + own(**mine)

    def rules(self, *rules: Tree) -> None:
        self.table["quality"] = list(rules)


Edit = Callable[[Draft], Any]


def read(tree: Tree) -> Reading:
    """What the product reads from a file of this content."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "c.odcs.yaml"
        file.write_text(json.dumps(tree), encoding="utf-8")
        reading = read_odcs(file)
    assert not reading.faults, reading.faults
    return reading


def parsed(tree: Tree) -> Contract:
    """A contract as the product reads it from a file."""
    return read(tree).contract


@cache
def base(name: str) -> Contract:
    return parsed(BASES[name])


def edited(name: str, edit: Edit) -> Contract:
    draft = Draft(BASES[name])
    edit(draft)
    return parsed(draft.tree)


def risen(name: str, edit: Edit, **steps: Any) -> Comparison:
    """The base against the edited draft as its version 1.0.1, which is made from it by these steps."""
    draft = Draft(BASES[name])
    edit(draft)
    draft.tree["version"] = "1.0.1"
    dropped = steps.pop("dropped", [])
    draft.own("", upcast={"from": "1.0.0", "fields": steps} | ({"dropped": dropped} if dropped else {}))
    reading = read(draft.tree)
    step, faults = read_upcast(reading, base(name))
    assert step, faults
    return compare(base(name), reading.contract, step)

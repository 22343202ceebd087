"""Whatever a source says, it is refused with its faults, or the contract drafted from it lints without error."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from contracts.errors import ConfigurationError
from contracts.odcs import KINDS, Kind
from contracts.rows import RowEngine
from contracts.store import ContractStore
from contracts.types import State
from models.drafting.foreign.drafted import draft_contract

KIND = st.sampled_from(KINDS)
UNSHRUNK = [Phase.explicit, Phase.reuse, Phase.generate]
"""A failing source is shown as it was found: to shrink it takes minutes."""
WORDS = st.text(max_size=6) | st.sampled_from(
    [
        "age",
        "Net Income",
        "netIncome",
        "product",
        "currency",
        "id",
        "no",
        "class",
        "Straße",
        "a.b",
        "rate",
        "FALSE",
        "min",
    ]
)
NUMBERS = st.one_of(
    st.integers(-3, 3), st.integers(), st.floats(-1e6, 1e6), st.sampled_from([0.01, 0.07, 1e-9, 1e12, 1e30, 2**63])
)
PATTERNS = st.sampled_from(
    ["^[A-Z]{3}$", "\\\\d+", "^\\\\d{2}-\\\\w*$", "^(a|b)$", "^$", "[a-c]", "^[0-9.-]+$", "(", "^[^a]$", "^A{2,}$"]
).map(lambda pattern: pattern.replace("\\\\", "\\"))
BOUNDS = {
    "minimum": NUMBERS, "maximum": NUMBERS, "exclusiveMinimum": NUMBERS, "exclusiveMaximum": NUMBERS,
    "minLength": st.integers(0, 9), "maxLength": st.integers(0, 9999), "pattern": PATTERNS,
}  # fmt: skip
LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["integer", "number", "string", "boolean", "null"])
        | st.lists(st.sampled_from(["integer", "number", "string", "null"]), min_size=1, unique=True),
        "enum": st.lists(WORDS | st.none() | NUMBERS, min_size=1, max_size=3),
        "const": WORDS,
        "format": st.sampled_from(["date", "date-time", "decimal", "uuid", "email"]),
        "multipleOf": st.sampled_from([0.01, 1, 5, 0.05, 1e-12, 2.5]),
        "description": WORDS,
        "default": WORDS,
        "x-decimals": st.integers(-1, 12),
        "x-minimum": NUMBERS | WORDS,
        "x-maximum": NUMBERS | WORDS,
        "x-unit": WORDS,
        "x-protected": st.booleans(),
        "$ref": st.sampled_from(["#/$defs/x", "#/$defs/y", "#", "https://example.org"]),
    }
    | BOUNDS,
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.dictionaries(WORDS, inner, max_size=3)
    required = {"required": st.lists(WORDS, max_size=2, unique=True)}
    choices, most = st.lists(inner, min_size=1, max_size=3), {"maxItems": st.integers(0, 3)}
    return st.one_of(
        st.fixed_dictionaries({"type": st.just("object"), "properties": names}, optional=required),
        st.builds(lambda of, word: {word: of}, choices, st.sampled_from(["anyOf", "oneOf", "allOf"])),
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional=most),
    )


SCHEMAS = st.fixed_dictionaries(
    {
        "properties": st.dictionaries(WORDS, st.recursive(LEAVES, objects, max_leaves=4), min_size=1, max_size=4),
        "$defs": st.fixed_dictionaries({"x": LEAVES, "y": st.recursive(LEAVES, objects, max_leaves=3)}),
    },
    optional={"required": st.lists(WORDS, max_size=3, unique=True)},
)
FIELDS = st.fixed_dictionaries(
    {
        "name": WORDS,
        "type": st.sampled_from(["string", "number", "integer", "boolean", "date", "datetime", "year", "any", "list"]),
    },
    optional={
        "constraints": st.fixed_dictionaries(
            {}, optional={"required": st.booleans(), "enum": st.lists(WORDS | NUMBERS, max_size=3)} | BOUNDS
        ),
        "categories": st.lists(WORDS | st.fixed_dictionaries({"value": WORDS, "label": WORDS}), max_size=3),
        "missingValues": st.lists(WORDS, max_size=2),
        "decimalChar": st.sampled_from([",", "."]),
        "title": WORDS,
    },
)
CELLS = st.sampled_from(
    [
        "",
        "NA",
        "0",
        "1",
        "-1",
        "7",
        "999",
        "1.5",
        "1,5",
        "-0.04",
        "912345678.123456789",
        "912345678901.123456789",
        "2024-03-31",
        "31.12.2024",
        "x",
        "y z",
        "é",
        "true",
    ]
)


def drafts_cleanly(source: str, content: str, kind: Kind) -> bool:
    """Whether it was drafted; what was drafted is linted and can check a record."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "source.csv" if source == "csv" else "source.json")
        file.write_text(content, encoding="utf-8")
        try:
            draft = draft_contract(file, source, "sample", kind)
        except ConfigurationError as exc:
            assert all(fault.file == str(file) and fault.message for fault in exc.faults)
            return False
        target = Path(folder, "contracts", "sample", "1.0.0.odcs.yaml")
        target.parent.mkdir(parents=True)
        target.write_text(draft.text, encoding="utf-8")
        store = ContractStore(Path(folder))
        assert store.lint() == [], draft.text
        contract = store.get("sample@1.0.0", kind)
    states = bytearray([State.NOT_CARRIED]) * len(contract.fields)
    RowEngine(contract).check([None] * len(contract.fields), states)
    return True


@settings(max_examples=150, phases=UNSHRUNK)
@given(SCHEMAS, KIND)
def test_any_json_schema_is_refused_or_becomes_a_contract_that_lints(schema: Any, kind: Kind) -> None:
    drafts_cleanly("jsonschema", json.dumps(schema), kind)


@settings(max_examples=60, phases=UNSHRUNK)
@given(st.lists(FIELDS, min_size=1, max_size=4), KIND)
def test_any_table_schema_is_refused_or_becomes_a_contract_that_lints(fields: Any, kind: Kind) -> None:
    drafts_cleanly("frictionless", json.dumps({"fields": fields}), kind)


@settings(max_examples=50, phases=UNSHRUNK)
@given(st.lists(WORDS, min_size=1, max_size=3), st.data(), KIND)
def test_any_csv_is_refused_or_becomes_a_contract_that_lints(names: list[str], data: st.DataObject, kind: Kind) -> None:
    rows = data.draw(st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), min_size=1, max_size=8))
    out = io.StringIO(newline="")
    csv.writer(out).writerows([names, *rows])
    drafts_cleanly("csv", out.getvalue(), kind)


@settings(max_examples=30, phases=UNSHRUNK)
@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_anything_at_all_is_refused_or_drafted(text: str) -> None:
    for source in ("jsonschema", "frictionless", "csv"):
        drafts_cleanly(source, text, "request")

"""What is wrong with a contract that is valid ODCS: everything at once, each fault with file, line and column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from pydantic_core import SchemaError, SchemaValidator, core_schema

from contracts.errors import Fault
from contracts.expressions import check, names, row_printer
from contracts.mapping.conversions import MAX_TEXT, Unfit, read_text
from contracts.odcs import Contract, Reading, Rule
from contracts.rows import value_checker
from contracts.types import ABOUT, Field, State, Value

LARGEST: Final = 2**63 - 1
"""Numbers are 64-bit integers in the record digest and in columns."""
_PATTERN = re.compile(
    r"\^(?:(?:[A-Za-z0-9 @#:_,/-]|\[(?!-)(?:[A-Za-z0-9 @#:_.,+/]|-(?!-))+\])"
    r"(?:[+*?]|\{[0-9]{1,3}(?:,[0-9]{0,3})?\})?)+\$"
)
"""The part of regular expressions that Python, Rust and ECMA-262 read alike."""


def faults(reading: Reading) -> list[Fault]:
    """Every fault of one contract, in the order of its file: what the reader noted, and what the engine cannot mean."""
    found = [*reading.faults, *_found(reading)]
    return sorted(found, key=lambda fault: (fault.line, fault.column))


def _found(reading: Reading) -> Iterator[Fault]:
    contract = reading.contract
    if not contract.paths and not reading.faults:
        yield reading.source.fault(("schema",), "describes no field")
    for path, field in contract.paths.items():
        place = reading.places[path]
        for message in _field_faults(contract, path, field):
            yield reading.source.fault(place, f"{path}: {message}")
    for rule in contract.rules:
        place = reading.places[f"rule {rule.id}"]
        for message in _rule_faults(contract, rule):
            yield reading.source.fault((*place, "implementation"), f"{rule.id}: {message}")


def _field_faults(contract: Contract, path: str, field: Field) -> Iterator[str]:
    unusable = [*_range_faults(field), *_text_faults(field)]
    yield from unusable
    yield from _meaning_faults(field)
    if contract.incoming and path != field.name:
        yield f"{_one(contract)} has one value per field: lists and objects belong in the integration's mapping"
    if contract.incoming and field.type == "timestamp":
        yield f"{_one(contract)} holds dates, not times"
    if contract.kind == "request" and path in ABOUT and not (field.required and field.essential):
        yield "no application is decided without it: make it required and essential"
    if path in contract.examples:  # else they could not be read, which the reader has told
        yield from _example_faults(contract.examples[path], None if unusable else field)


def _one(contract: Contract) -> str:
    return f"an {contract.kind}" if contract.kind[0] in "ao" else f"a {contract.kind}"


def _range_faults(field: Field) -> Iterator[str]:
    low, high = field.minimum, field.maximum
    if field.type in ("integer", "decimal"):
        if field.unit is None:
            yield "a number needs a unit"
        if low is None or high is None:
            yield "a number needs a minimum and a maximum, so that everyone knows how much room it takes"
        elif isinstance(low, int) and isinstance(high, int) and not -LARGEST <= low <= high <= LARGEST:
            yield "the minimum is above the maximum" if low > high else "the range does not fit into 64 bits"
    elif isinstance(low, date) and isinstance(high, date) and low > high:
        yield "the minimum is above the maximum"


def _text_faults(field: Field) -> Iterator[str]:
    if field.min_length is not None and field.max_length is not None and field.min_length > field.max_length:
        yield "the minLength is above the maxLength"
    if field.type == "string" and field.max_length is None:
        yield "a text needs a maxLength, so that everyone knows how much room it takes"
    if len(set(field.codes)) != len(field.codes) or "" in field.codes:
        yield "codes differ from each other, and none is empty"
    elif not all(map(readable, field.codes)):
        yield f"codes have at most {MAX_TEXT:,} characters, and none that is a control character"
    if field.pattern is not None and not portable(field.pattern):
        yield "the pattern is not one that every engine reads alike: ^…$ with plain characters, [sets], few counts only"


def readable(code: str) -> bool:
    """Whether any message can carry the code."""
    try:
        return read_text(code) == code
    except Unfit:
        return False


def portable(pattern: str) -> bool:
    """Whether Python, Rust and ECMA-262 read the pattern alike."""
    if not _PATTERN.fullmatch(pattern):
        return False
    try:
        re.compile(pattern)
        SchemaValidator(core_schema.str_schema(pattern=pattern))
    except (re.error, SchemaError):  # a set that ends before it begins, counts of counts beyond what Rust compiles
        return False
    return True


def _meaning_faults(field: Field) -> Iterator[str]:
    if field.protected and (field.monotone or field.reason_group):
        yield "a protected field has neither a direction nor a reason: no score depends on it"
    if field.protected and field.rejected != "refuse":
        yield "a protected field may not lead to a referral; a value of it that cannot be used is refused"
    if field.monotone and field.type not in ("integer", "decimal"):
        yield "only a number can move the probability of default up or down"
    if field.essential and (field.blank, field.rejected) != ("refuse", "refuse"):
        yield "an essential field cannot do without a value: blank and rejected are both refuse"


def _example_faults(examples: Sequence[Value], field: Field | None) -> Iterator[str]:
    """``field`` is None where it is itself too wrong to judge an example."""
    if all(example is None for example in examples):
        yield "has no example"
    legal = value_checker(field) if field else None
    for example in examples:
        if field and legal and example is not None and (problem := legal(example)):
            yield f"the example {field.text(example)} is {problem.seen}; expected {problem.expected}"


def _rule_faults(contract: Contract, rule: Rule) -> Iterator[str]:
    fields = {field.name: field for field in contract.fields}
    found = check(rule.expression, fields, purpose="rule")
    yield from found
    if not rule.message:
        yield "a rule says in its description what it expects"
    protected = sorted(name for name in names(rule.expression) if name in fields and fields[name].protected)
    if rule.severity == "error" and protected:
        yield f"reads the protected field {protected[0]}: such a rule may warn, but not decide"
    if not found:
        yield from _broken_examples(contract, rule)


def _broken_examples(contract: Contract, rule: Rule) -> Iterator[str]:
    """The n-th examples of all fields are one record; a field with fewer examples is blank in the others."""
    printed = row_printer(rule.expression, contract.fields)
    columns = [contract.examples.get(field.name, ()) for field in contract.fields]
    for row in range(max(map(len, columns), default=0)):
        values = [column[row] if row < len(column) else None for column in columns]
        states = bytes(State.BLANK if value is None else State.GIVEN for value in values)
        if printed(values, states) is False:
            yield f"example {row + 1} of the fields breaks this rule"

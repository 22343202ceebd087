"""A draft as files: contract and training spec, with comments where a person has to decide."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.yaml_text import quote
from models.drafting import words
from models.drafting.columns import Column
from models.drafting.contract_file import Property, contract_lines, currency_field, head_field
from models.drafting.draft import Draft, DraftField
from models.drafting.features import DraftFeature, features_of
from models.kinds import DEFAULT

APPROVE_SHARE = 0.5
DECLINE_SHARE = 0.25
"""The shares of the file that the drafted cut-offs would approve and decline."""


def contract_text(draft: Draft) -> str:
    """The contract, as ODCS. No extreme value of a column stands in it, only bounds with room and the bulk."""
    told = [
        f"Drafted by `scoregate init` from {draft.data.name}.",
        "Edit it until it decides; from then on a change is a new version.",
        "Every field but product and currency is classified personal: loosen that only where it is not.",
    ]
    purpose = f"What one application for {draft.product} tells, so that it can be scored and decided."
    properties = [
        head_field("product", "The kind of loan.", (), (draft.product,), draft.product),
        currency_field(draft.currency),
        *map(property_of, draft.fields),
    ]
    return "\n".join(contract_lines(draft.contract, "request", purpose, told, properties)) + "\n"


def property_of(field: DraftField) -> Property:
    """The field of the contract that one column becomes."""
    column = field.column
    options: tuple[str, ...] = ()
    if column.is_number:
        step = (f"multipleOf: {10.0**-column.scale:.{column.scale}f}",) if column.scale else ()
        options = (*step, f"minimum: {field.low}", f"maximum: {field.high}")
    own = {"unit": field.unit} if column.is_number else {}
    own |= {"protected": "true"} if field.protected else {"rejected": "refer"}
    return Property(
        field.name,
        describe(field),
        _logical(column),
        options,
        {code: native for native, code in field.codes.items()},
        {code: f"{column.codes[native]:,} rows" for native, code in field.codes.items()},
        examples=tuple(_examples(field)),
        own=own,
    )


def _logical(column: Column) -> str:
    return {"integer": "integer", "decimal": "number", "boolean": "boolean"}.get(column.kind, "string")


def describe(field: DraftField) -> str:
    """How often the column was given, and where the bulk of its values lies."""
    column = field.column
    parts = [f"Column {column.name}: given in {column.given:,} of {len(column.cells):,} rows"]
    if column.is_number:
        low, high = (column.text(column.quantile(share)) for share in (0.05, 0.95))
        parts.append(f"nine in ten between {low} and {high}")
    if column.kind == "boolean":
        parts += [f"{code} in {count:,}" for code, count in column.codes.items()]
    return ", ".join(parts) + "."


def _examples(field: DraftField) -> list[str]:
    column = field.column
    if column.is_number:
        return [column.text(column.quantile(share)) for share in (0.5, 0.25, 0.75)]
    if column.kind == "boolean":
        return ["false", "true", "false"]
    codes = [quote(code) for code in field.codes.values()]
    return [codes[0], codes[1 % len(codes)], codes[2 % len(codes)]]


def mapping_lines(draft: Draft) -> Iterator[str]:
    """``request:`` of spec and integration alike: contract field from column, with codes and literals."""
    yield f"  currency: {{constant: {draft.currency}}}"
    for field in draft.fields:
        yield f"  {field.name}: {{{', '.join(_mapping_parts(field))}}}"


def _mapping_parts(field: DraftField) -> Iterator[str]:
    column = field.column
    yield words.source(column.name)
    reads = {"integer": "integer", "decimal": f"decimal({column.scale})", "boolean": "boolean"}.get(column.kind, "text")
    yield f"convert: [{'trim, ' if column.trimmed else ''}{reads}]"
    if field.codes:
        yield "codes: {" + ", ".join(f"{quote(native)}: {quote(code)}" for native, code in field.codes.items()) + "}"
    literals = [literal for literal in column.blanks if literal]
    if literals:
        yield "missing: {" + ", ".join(f"{quote(literal)}: blank" for literal in literals) + "}"


def spec_text(draft: Draft, cut_offs: tuple[int, int]) -> str:
    """The training spec; ``cut_offs`` (approve, decline) are what the card measures by."""
    lines = [
        *_spec_head(draft),
        "request: # contract field <- column of the CSV",
        *mapping_lines(draft),
        "groups: # the texts go to applicants: write them anew",
        *(_group_line(place, field) for place, field in enumerate(draft.features, start=1)),
        "features: # monotone is left open: a direction is a decision, not a finding",
        *(_feature_line(feature) for feature in features_of(draft.fields)),
        f"model: {_model(draft)}",
        "scale: {score: 600, odds: 50, pdo: 20}",
        "prior: sample # or {bad_rate: 0.05}: the population's, when the sample's differs",
        "baseline: all",
        f"protected: [{', '.join(field.name for field in draft.fields if field.protected)}]",
        f"unconditioned: [{', '.join(field.name for field in draft.features if field.proxy)}]",
        f"card: {{cut_offs: {{approve: {cut_offs[0]}, decline: {cut_offs[1]}}}, folds: 5, repeats: 1}}",
        "seed: 0",
    ]
    return "\n".join(lines) + "\n"


def _model(draft: Draft) -> str:
    """Few small trees for the default kind, as files are seldom large; other kinds as they come."""
    if draft.kind != DEFAULT:
        return f"{{kind: {draft.kind}}}"
    leaf = min(max(20, len(draft.bad) // 50), 40)
    return f"{{trees: 200, leaves: 4, learning_rate: 0.08, min_samples_leaf: {leaf}, l2: 3.0, bins: 255}}"


def _spec_head(draft: Draft) -> list[str]:
    target, csv = draft.target, draft.dialect
    good = ", ".join(map(quote, target.good))
    return [
        f"# Drafted by `scoregate init` from {draft.data.name}. What a person must decide stands in init.report.md.",
        f"contract: {draft.contract}@1.0.0",
        f"name: {draft.model}",
        "version: 0.1.0 # a changed spec makes another bundle: count up",
        f"product: {draft.product}",
        f"currencies: [{draft.currency}]",
        "use: demonstration # in mode live it is refused until a person writes production",
        "provenance:",
        f"  source: {quote(f'{draft.data.name}, drafted by scoregate init; say where the file is from')}",
        "  assumptions:",
        f"    - {quote(f'all amounts are in {draft.currency}')}",
        f"    - {quote(f'{target.bad} in the column {target.column} means a bad loan')}",
        "  limits:",
        '    - "drafted by a machine; nobody has decided yet what init.report.md asks"',
        '    - "nothing is known about applicants who were turned away"',
        f"csv: {{delimiter: {quote(csv.delimiter)}, encoding: {csv.encoding}, decimal: {quote(csv.decimal)}}}",
        f"target: {{column: {quote(target.column)}, bad: {quote(target.bad)}, good: [{good}]}}",
    ]


def _feature_line(feature: DraftFeature) -> str:
    note = f" # {feature.note}" if feature.note else ""
    return f"  {feature.name}: {{expression: {quote(feature.expression)}, group: {feature.group}}}{note}"


def _group_line(place: int, field: DraftField) -> str:
    subject = field.name.replace("_", " ")
    text = quote(f"Unfavourable: {subject}")
    return f"  {field.name}: {{code: R{place:02}, text: {text}, subject: {quote(subject)}}}"

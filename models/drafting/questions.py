"""What no file can tell and a person has to decide: currency, units, codes in disguise, and what the model may do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.drafting import words
from models.drafting.columns import Column
from models.drafting.findings import Finding

if TYPE_CHECKING:
    from models.drafting.draft import DraftField

FEW_NUMBERS = 10
"""Different whole numbers up to which they may be codes in disguise."""
COMMON_GREATEST = 0.05
"""Share of rows with the greatest number from which it does not look like the thin end of a count."""


def open_questions(fields: Sequence[DraftField], currency: str) -> Iterator[Finding]:
    """The questions these fields leave open, and those that every draft does."""
    yield from _currency(fields, currency)
    for field in fields:
        if field.column.is_number:
            yield from number(field)
    yield from ALWAYS


def _currency(fields: Sequence[DraftField], currency: str) -> Iterator[Finding]:
    amounts = [field.name for field in fields if field.column.is_number and field.unit == "currency"]
    said = {word: field.name for field in [*fields][::-1] for text in _texts(field) for word in words.currencies(text)}
    if not amounts and not said:
        return
    seen = [f"{name} speaks of {word}" for word, name in said.items()] or ["no cell says so"]
    named = f"; amounts by their names: {', '.join(amounts)}" if amounts else ""
    cure = "draft again with --currency if it is another, and check that they come in units, not cents or thousands"
    yield Finding("must", f"are all amounts in {currency}?", ", ".join(seen) + named, cure, "spec", "currencies:")


def _texts(field: DraftField) -> tuple[str, ...]:
    return (field.column.name, *field.codes)


def number(field: DraftField) -> Iterator[Finding]:
    """What the numbers of a column leave open: unit, period, whether they are codes."""
    column, anchor = field.column, f"name: {field.name}"
    _, word = words.unit(column.name)
    if disguised := _disguised(column):
        what = f"are the numbers of {field.name} amounts, or codes?"
        cure = f"if they are codes, draft again with --codes {column.name}"
        yield Finding("should" if field.unit == "count" else "must", what, disguised, cure, "contract", anchor)
    if field.unit == "unknown" and not disguised:
        low, high = (column.text(column.quantile(share)) for share in (0.05, 0.95))
        yield unit_unknown(field.name, f"nine in ten between {low} and {high}")
    elif words.says(column.name, words.PER_TIME) and field.unit == "currency":
        yield per_what(field.name, f"the median is {column.text(column.quantile(0.5))}")
    elif word:
        yield unit_guessed(field.name, field.unit, word)


def unit_unknown(name: str, seen: str) -> Finding:
    evidence = f"{seen}; the name tells no unit"
    return Finding("must", f"what is the unit of {name}?", evidence, "write it", "contract", f"name: {name}")


def protected(name: str, kind: str, evidence: str) -> Finding:
    what = f"{name} is protected: it tells {kind}"
    cure = "take it back only if it does not; no feature, rule or imputation may read it"
    return Finding("should", what, evidence, cure, "contract", f"name: {name}")


def identifying(name: str, seen: str) -> Finding:
    cure = "keep it only if the contract needs it: keys have a place of their own in the integration"
    return Finding("should", f"does {name} tell who somebody is?", seen, cure, "contract", f"name: {name}")


def per_what(name: str, seen: str) -> Finding:
    cure = "say it in the description; a system that sends the other needs divide(12)"
    return Finding("must", f"is {name} per month or per year?", seen, cure, "contract", f"name: {name}")


def unit_guessed(name: str, unit: str, word: str) -> Finding:
    what = f"{name} is in {unit}"
    return Finding("note", what, f"the name says {word!r}", "correct it if not so", "contract", f"name: {name}")


def _disguised(column: Column) -> str:
    """Why whole numbers look like codes: few, without a gap, and the greatest common. Counts thin out upwards."""
    if column.kind != "integer":
        return ""
    values, counts = np.unique(column.known, return_counts=True)
    share = counts[-1] / column.given
    gapless = values[-1] - values[0] + 1 == len(values)
    if len(values) > FEW_NUMBERS or not gapless or share < COMMON_GREATEST:
        return ""
    return f"it holds nothing but {values[0]:.0f} to {values[-1]:.0f}, and {share:.0%} of rows the greatest"


ALWAYS = (
    Finding(
        "must", "may any feature move the probability of default one way only?", "see the trend beside each feature",
        "add monotone: 1 or -1 where reason and law want it, not because the trend says so", "spec", "features:",
    ),
    Finding(
        "must", "what may an applicant be told?", "the reason texts are made of column names",
        "write them anew; they go to applicants as principal reasons", "spec", "groups:",
    ),
    Finding(
        "must", "may the model be used?", "drafts are marked for demonstration",
        "after the decisions above: use: production", "spec", "use:",
    ),
    Finding(
        "must", "may a machine decline by itself?", "the draft lets a person decide every decline",
        "automatic_decline: true where law allows it (Article 22 GDPR)", "policy", "automatic_decline:",
    ),
    Finding(
        "must", "are the cut-offs yours?", "they approve and decline fixed shares of this very file",
        "set them by what a bad loan costs, here and in the spec's card", "policy", "cut_offs:",
    ),
)  # fmt: skip

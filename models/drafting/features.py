"""The features of a draft: numbers as they are, an indicator per frequent code, and a ratio where names allow it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from models.drafting import words
from models.drafting.findings import Finding

if TYPE_CHECKING:
    from models.drafting.draft import DraftField

TREND = 0.03
"""How far from .5 the AUC of a bare number must lie for its trend to be worth a word."""
RARE = 0.02
"""Share of rows that a code needs for a feature of its own."""
FEWEST = 30
MOST_INDICATORS = 8
"""Codes of one field, the most frequent first, that get a feature of their own."""
BADS_PER_FEATURE = 10
"""Events per variable below which logistic coefficients were found unreliable (Peduzzi et al. 1996)."""


class DraftFeature(NamedTuple):
    """One feature and the comment beside it."""

    name: str
    expression: str
    group: str
    note: str = ""


def features_of(fields: Sequence[DraftField]) -> list[DraftFeature]:
    """The features of these fields; those that are none, or whose codes are all rare, give none."""
    taken = {field.name for field in fields}
    found: list[DraftFeature] = []
    for field in (field for field in fields if field.feature):
        if field.column.kind == "code":
            found += _indicators(field, taken)
        else:
            found.append(DraftFeature(field.name, field.name, field.name, _note(field)))
    return [*found, *_ratios(fields, taken)]


def about_features(fields: Sequence[DraftField], bads: int) -> Iterator[Finding]:
    """What has to be said of them: codes too rare to learn from, and too few bad loans for so many features."""
    made = features_of(fields)
    for field in fields:
        if field.feature and field.name not in {feature.group for feature in made}:
            evidence = f"no code but the most frequent has {FEWEST} rows"
            what, cure = f"{field.name} gives no feature", "join its codes, or leave it out"
            yield Finding("should", what, evidence, cure, "contract", f"name: {field.name}")
    if bads < BADS_PER_FEATURE * len(made):
        evidence = f"{bads:,} bad loans for {len(made)} features, where {BADS_PER_FEATURE} for each are a rule of thumb"
        cure = "drop features that say little, or join codes; expect scores to move with every retraining"
        yield Finding("should", "many features for few bad loans", evidence, cure, "spec", "features:")


def _indicators(field: DraftField, taken: set[str]) -> Iterator[DraftFeature]:
    """One feature per frequent code but the first, which the others are held against; one for all others together
    where each of them alone is rare."""
    counts = field.column.codes
    enough = max(FEWEST, RARE * len(field.column.cells))
    first, *others = counts
    frequent = [code for code in others if counts[code] >= enough][:MOST_INDICATORS]
    for native in frequent:
        code = field.codes[native]
        yield DraftFeature(_named(field, code, taken), f"{field.name} == '{code}'", field.name, _note(field))
    if not frequent and min(counts[first], sum(counts[code] for code in others)) >= enough:
        code = field.codes[first]
        yield DraftFeature(_named(field, f"not_{code}", taken), f"{field.name} != '{code}'", field.name, _note(field))


def _named(field: DraftField, code: str, taken: set[str]) -> str:
    name = words.apart(words.shortened(f"{field.name}_{code}", words.LONGEST_NAME), taken)
    taken.add(name)
    return name


def _note(field: DraftField) -> str:
    notes = [f"proxy: {field.proxy}"] if field.proxy else []
    if abs(field.trend - 0.5) > TREND:
        word, sign = ("more", 1) if field.trend > 0.5 else ("fewer", -1)
        notes.append(f"monotone: {sign}? {word} bad loans as it grows, AUC {field.trend:.2f}")
    return "; ".join(notes)


def _ratios(fields: Sequence[DraftField], taken: set[str]) -> Iterator[DraftFeature]:
    """The loan in units of income, where names leave no doubt which columns these are."""
    numbers = [field for field in fields if field.feature and field.column.is_number and field.unit == "currency"]
    amounts, incomes = (
        [field.name for field in numbers if words.says(field.column.name, spoken)]
        for spoken in (words.AMOUNT, words.INCOME)
    )
    if len(amounts) == len(incomes) == 1 and "loan_to_income" not in taken:
        expression = f"{amounts[0]} / max({incomes[0]}, 1)"
        yield DraftFeature("loan_to_income", expression, incomes[0], "guessed from the names of both columns")

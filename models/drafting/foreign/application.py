"""What a drafted application needs besides its fields, and what every import leaves open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from contracts.types import ABOUT
from models.drafting import words
from models.drafting.contract_file import ESSENTIAL, Property, currency_field, head_field
from models.drafting.findings import Finding, Severity


def application(properties: Sequence[Property], blank: Sequence[str]) -> tuple[list[Property], list[Finding]]:
    """The properties with product and currency, which no application can do without, and the open questions.

    ``blank`` lists texts that the source says stand for nothing.
    """
    given = {one.name: one for one in properties}
    kept = [one for one in properties if one.name not in ABOUT]
    product = _demanded(given["product"]) if "product" in given else _product()
    currency = _demanded(given["currency"]) if "currency" in given else currency_field("EUR")
    return [product, currency, *kept], [*_about(given, kept), *_afterwards(kept), *_always(kept, blank)]


def _demanded(one: Property) -> Property:
    return replace(one, required=True, personal=False, own=ESSENTIAL)


def _product() -> Property:
    return head_field("product", "The kind of loan.", ("minLength: 1, maxLength: 64",), (), "consumer-loan")


def _about(given: dict[str, Property], kept: Sequence[Property]) -> Iterator[Finding]:
    for name in ABOUT:
        if name not in given:
            like = [one.name for one in kept if words.says(one.name, (name,))]
            seen = f"the source has no field of this name{'; is it ' + ' or '.join(like) + '?' if like else ''}"
            cure = "map it in the integration, or let it be a constant there"
            yield _of(name, "must", f"{name} is added: every application tells it", seen, cure)
        elif not given[name].required:
            yield _of(name, "should", f"{name} is drafted as required", "the source lets it be left out", "keep it so")
    amounts = [one.name for one in kept if one.own.get("unit", "").strip('"') == "currency"]
    if amounts:
        cure = "check that they come in units of it, not cents or thousands"
        seen = f"amounts by their names: {', '.join(amounts)}"
        yield _of("currency", "must", "in which currency are all amounts?", seen, cure)


def _of(name: str, severity: Severity, what: str, evidence: str, cure: str) -> Finding:
    return Finding(severity, what, evidence, cure, "contract", f"name: {name}")


def _afterwards(kept: Sequence[Property]) -> Iterator[Finding]:
    for one in kept:
        if word := words.says(one.name, words.AFTERWARDS):
            seen = f"the name says {word!r}, which comes after the loan"
            yield _of(one.name, "must", f"is {one.name} known when somebody applies?", seen, "take it out if not")


def _always(kept: Sequence[Property], blank: Sequence[str]) -> Iterator[Finding]:
    """What no source of any format says."""
    numbers = [one.name for one in kept if "unit" in one.own and "protected" not in one.own]
    if numbers:
        yield Finding(
            "must", "may any field move the probability of default one way only?", f"numbers: {', '.join(numbers)}",
            "add {vendor: scoregate, property: monotone, value: rising} or falling where reason and law want it",
        )  # fmt: skip
    yield Finding(
        "must", "what follows when a value is unusable, or left empty and not learned?",
        "every field is drafted with rejected: refer and, by default, blank: refer",
        "per field: rejected: refuse, refer or impute; blank: refuse where no application may lack it",
    )  # fmt: skip
    said = f"the source says {', '.join(map(repr, blank))[:200]} do; " if blank else ""
    yield Finding(
        "must", "which texts stand for nothing?", f"{said}for the contract only null and what is left out are blank",
        'say so under missing: {"99999999": rejected, "NA": blank} where the field is mapped',
    )  # fmt: skip
    yield Finding(
        "should", "which fields share a reason, and which are essential?",
        "none has a reason group, and only product and currency are essential",
        "add {vendor: scoregate, property: reason, value: income}; essential where no integration may leave it out",
    )  # fmt: skip

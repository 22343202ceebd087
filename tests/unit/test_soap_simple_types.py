"""What a simple type leaves room for, as lint sees it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from lxml import etree

from adapters.soap.simple_types import BUILT_IN, narrowed
from adapters.soap.types import Element, fields
from contracts.mapping.room import doubt, misfit
from gateway.spi import NativeField

XSD = "http://www.w3.org/2001/XMLSchema"


def native(base: str, facets: str) -> NativeField:
    node = etree.fromstring(f'<xs:restriction xmlns:xs="{XSD}">{facets}</xs:restriction>')
    return fields(Element("a", narrowed(BUILT_IN[f"{{{XSD}}}{base}"], node)))[""]


def facet(**values: str) -> str:
    return "".join(f'<xs:{name} value="{value}"/>' for name, value in values.items())


SCORE = NativeField("score", "integer", 3, True, signed=False, low=Decimal(0), high=Decimal(999))


@pytest.mark.parametrize(
    ("base", "facets", "room", "low", "high"),
    [
        ("int", facet(minInclusive="300", maxInclusive="850"), 3, 300, 850),
        ("integer", facet(minExclusive="299", maxExclusive="851"), 3, 300, 850),
        ("integer", facet(maxExclusive="1000"), 3, None, 999),
        ("decimal", facet(maxInclusive="999.99", fractionDigits="2"), 3, None, Decimal("999.99")),
        ("decimal", facet(minExclusive="0", fractionDigits="2"), None, Decimal("0.01"), None),
        ("nonNegativeInteger", facet(totalDigits="3"), 3, None, None),
    ],
)
def test_a_bounded_number_has_the_digits_of_its_bound(
    base: str, facets: str, room: int | None, low: object, high: object
) -> None:
    found = native(base, facets)
    assert (found.room, found.low, found.high) == (room, low, high)


def test_a_score_may_leave_the_bounds_of_300_to_850_and_never_meets_those_of_1000_to_1200() -> None:
    usual = native("int", facet(minInclusive="300", maxInclusive="850"))
    assert not misfit(SCORE, usual)
    assert doubt(SCORE, usual) == "score may be 0 to 999, the wire schema takes 300 to 850"
    strange = native("int", facet(minInclusive="1000", maxInclusive="1200"))
    assert misfit(SCORE, strange) == "score may be 0 to 999, the wire schema takes 1000 to 1200"


def test_a_pattern_is_held_against_what_is_written() -> None:
    plate = native("string", facet(pattern="[A-Z]{2}-[0-9]{1,4}"))
    number = NativeField("number", "string", 7, True, least=1, samples=("0f3a", "91bc"))
    assert "takes only texts like [A-Z]{2}-[0-9]{1,4}" in misfit(number, plate)
    assert not misfit(number._replace(samples=("AB-12",)), plate)
    assert "'x'" in doubt(number._replace(samples=("AB-12", "x")), plate)
    code = NativeField("code", "any", 1, True, codes=("A", "7"), least=1)
    assert "'7'" in misfit(code, native("string", facet(pattern="[A-Z]")))


def test_every_pattern_of_a_type_and_one_of_each_step_must_be_met() -> None:
    step = etree.fromstring(f'<xs:restriction xmlns:xs="{XSD}">{facet(pattern="[0-9]+")}</xs:restriction>')
    first = f"{facet(pattern='1.*')}{facet(pattern='2.*')}"
    node = etree.fromstring(f'<xs:restriction xmlns:xs="{XSD}">{first}</xs:restriction>')
    found = fields(Element("a", narrowed(narrowed(BUILT_IN[f"{{{XSD}}}string"], node), step)))[""]
    assert found.texts is not None
    assert [found.texts.accepts(text) for text in ("12", "21", "31", "1a")] == [True, True, False, False]
    assert found.rule == "1.* or 2.* and [0-9]+"

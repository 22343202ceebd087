"""Language tags in one spelling, and texts by language."""

from __future__ import annotations

import pytest

from contracts.errors import Fault
from contracts.language import DEFAULT, language_tag, nearest_language, read_texts
from contracts.section import Section
from contracts.source import Source


def read(text: str) -> tuple[dict[str, str], list[Fault]]:
    faults: list[Fault] = []
    source = Source.parse(f"text: {text}\n", "x.yaml")
    return dict(read_texts(Section(source, faults, (), source.data, None), "text", 20)), faults


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("de", "de"), ("DE", "de"), ("de-at", "de-AT"), ("ZH-hant-hk", "zh-Hant-HK"), ("es-419", "es-419")],
)
def test_a_tag_has_one_spelling(written: str, canonical: str) -> None:
    assert language_tag(written) == canonical
    assert language_tag(canonical) == canonical


@pytest.mark.parametrize("text", ["", "d", "german", "de_AT", "de-", "de-AT-1996", "x-klingon", "de AT", "dé"])
def test_what_is_no_tag_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it as de, de-AT"):
        language_tag(text)


def test_one_text_is_english_and_several_go_by_their_tags() -> None:
    assert read("Assets too low") == ({DEFAULT: "Assets too low"}, [])
    assert read("{en: Low, DE-at: Gering}") == ({"en": "Low", "de-AT": "Gering"}, [])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "no text in any language"),
        ("{english: Low}", "'english' is no language tag"),
        ("{de-AT: Gering, de-at: Zu gering}", "de-AT is there already"),
        ("{de: ''}", "must have 1 to 20 characters"),
        (f"{{de: {'x' * 21}}}", "must have 1 to 20 characters"),
        ("{de: 7}", "must be a text"),
        ("7", "must be a text"),
    ],
)
def test_a_faulty_text_is_named(text: str, says: str) -> None:
    _, faults = read(text)
    assert any(says in fault.message and fault.line == 1 for fault in faults), faults


def test_the_hint_for_an_unknown_language_is_one_of_its_kin_before_its_looks() -> None:
    assert nearest_language("de-AT", ["de", "en"]) == "did you mean 'de'?"
    assert nearest_language("de", ["de-CH", "en"]) == "did you mean 'de-CH'?"
    assert nearest_language("deu", ["de", "en"]) == "did you mean 'de'?"
    assert nearest_language("fr", ["en", "de"]) == "there are: de, en"

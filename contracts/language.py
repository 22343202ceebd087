"""Languages by their BCP 47 tags, each in its one canonical spelling, and texts kept by language.

A tag is a language, maybe a script and a region, as ``de``, ``de-AT``, ``pt-BR`` or ``zh-Hant-HK`` (RFC 5646, 2.1).
Variants and extensions are not taken: no text for applicants needs them, and each would be one more way to miss one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from contracts.section import Section
from contracts.source import nearest

Texts = Mapping[str, str]
"""One text by language tag."""
DEFAULT: Final = "en"
"""The language of a text that names none."""
_TAG: Final = re.compile(r"(?P<language>[A-Za-z]{2,3})(-(?P<script>[A-Za-z]{4}))?(-(?P<region>[A-Za-z]{2}|[0-9]{3}))?")


def language_tag(text: str) -> str:
    """The canonical spelling of a tag (RFC 5646, 2.1.1); raises ValueError, saying what was expected.

    >>> language_tag("DE-at"), language_tag("zh-hant")
    ('de-AT', 'zh-Hant')
    """
    match = _TAG.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no language tag; write it as de, de-AT or zh-Hant (BCP 47)")
    parts = (match["language"].lower(), (match["script"] or "").title(), (match["region"] or "").upper())
    return "-".join(filter(None, parts))


def read_language(section: Section, key: str) -> str:
    """The language under ``key``, ``DEFAULT`` where there is none; faults go to the section."""
    given = section.take(key, str, DEFAULT)
    try:
        return language_tag(given)
    except ValueError as exc:
        section.fault((key,), str(exc))
        return DEFAULT


def read_texts(section: Section, key: str, longest: int, default: str | None = None) -> Texts:
    """The texts under ``key``: one text, in ``DEFAULT``, or one for each language tag; faults go to the section."""
    if not isinstance(section.data.get(key), dict):
        return {DEFAULT: section.short(key, longest, default)}
    below, found = section.section(key, None), dict[str, str]()
    if not below.data:
        section.fault((key,), f"{key!r} has no text in any language")
    for name in map(str, below.data):
        text = below.short(name, longest)
        try:
            tag = language_tag(name)
        except ValueError as exc:
            below.fault((name,), str(exc))
            continue
        if tag in found:
            below.fault((name,), f"{tag} is there already")
        found[tag] = text
    return found


def nearest_language(tag: str, known: Iterable[str]) -> str:
    """The hint for a language that is not known: one of the same primary language, the nearest, or all there are."""
    listed = sorted(known)
    kin = [other for other in listed if other.partition("-")[0] == tag.partition("-")[0]]
    if kin:
        return f"did you mean {kin[0]!r}?"
    return nearest(tag, listed) or f"there are: {', '.join(listed) or 'none'}"

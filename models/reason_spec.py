"""The reasons of a training spec: baseline, groups, and their words in every language the bundle is to speak.

::

    reasons: {name, version, phrases}      name and version of the reason map; those of the bundle where left out
    baseline: all                          or {above_cut_off: {band: 20, at_least: 100}}, in published score points
    groups: {<name>: {code, text, subject}}

``text`` and ``subject`` are one English text each, or one for each language tag. ``subject`` is what the group is
about, as in "Unable to verify <subject>"; those phrases are known in English, German and Spanish, and ``phrases`` gives
them in other languages or in other words: ``{fr: {incomplete: "… {subject} …", unverified: "… {subject} …"}}``.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from contracts.language import Texts, language_tag, read_texts
from contracts.section import Section
from models.reason_map import ALL, JUST, Baseline, CutOffs, Group, ReasonMap, Wording
from models.scale import HIGHEST, LOWEST

LONGEST: Final = 200
"""Characters the answer contract has room for in the text of a reason."""
LONGEST_CODE: Final = 15
"""One less than there is room for: a code takes a B or a U at its end."""
LONGEST_SUBJECT: Final = 160
FEWEST: Final = 100
"""Applicants a chosen baseline needs at least, where the spec says nothing else."""
BROADEST: Final = 1000
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_SUBJECT: Final = "{subject}"


class Phrases(NamedTuple):
    """What is said of a subject that was not provided, and of one that could not be verified."""

    incomplete: str
    unverified: str


PHRASES: Final = {
    "en": Phrases("Application incomplete: {subject} not provided", "Unable to verify {subject}"),
    "de": Phrases("Antrag unvollständig, nicht angegeben: {subject}", "Nicht überprüfbar: {subject}"),
    "es": Phrases("Solicitud incompleta, no consta: {subject}", "No se ha podido verificar: {subject}"),
}
"""After "Credit application incomplete" and "Unable to verify …" of the sample form C-1, 12 CFR 1002, Appendix C."""


class BaselineSpec(NamedTuple):
    """The baseline, and the fewest applicants that may make it."""

    baseline: Baseline
    fewest: int


def read_cut_offs(top: Section) -> CutOffs:
    """``cut_offs`` of a policy or of a spec's card, of published scores; faults go to the section."""
    section = top.section("cut_offs", ("approve", "decline"))
    approve, decline = (section.whole(name, LOWEST, HIGHEST + 1) for name in ("approve", "decline"))
    if decline > approve:
        section.fault(("decline",), "'decline' lies above 'approve'")
    return CutOffs(approve, decline)


def read_baseline(top: Section) -> BaselineSpec:
    """``baseline`` of a spec; faults go to the section."""
    if isinstance(top.data.get("baseline", "all"), dict):
        section = top.section("baseline", ("above_cut_off",)).section("above_cut_off", ("band", "at_least"))
        if "above_cut_off" not in top.data["baseline"]:
            top.fault(("baseline",), "says not whom to compare with", "all, or {above_cut_off: {band: 20}}")
        band = section.whole("band", 1, BROADEST, JUST)
        return BaselineSpec(Baseline(band), section.whole("at_least", 30, 1_000_000, FEWEST))
    if top.take("baseline", str, "all") != "all":
        hint = "all, or {above_cut_off: {band: 20}}: those who score up to 20 points above card: cut_offs: approve"
        top.fault(("baseline",), f"{top.data['baseline']!r} is no baseline", hint)
    return BaselineSpec(ALL, FEWEST)


def read_reason_map(top: Section, name: str, version: str, cut_offs: CutOffs, baseline: Baseline) -> ReasonMap:
    """The reason map a spec makes; ``name`` and ``version`` are the bundle's. Faults go to the section."""
    section = top.section("reasons", ("name", "version", "phrases"))
    name, version = section.take("name", str, name), section.version(version)
    if "name" in section.data and not _NAME.fullmatch(name):
        section.fault(("name",), "a reason map is named in small letters, digits and '_', starting with a letter")
    phrases = PHRASES | _phrases(section)
    entries = top.section("groups", None).sections(("code", "text", "subject"))
    groups = tuple(_group(name, entry, phrases) for name, entry in entries)
    _check(top, groups)
    return ReasonMap(name, version, cut_offs, baseline, groups)


def _phrases(section: Section) -> dict[str, Phrases]:
    found = {}
    for name, entry in section.section("phrases", None).sections(Phrases._fields):
        phrases = Phrases(*(entry.short(kind, LONGEST) for kind in Phrases._fields))
        for kind, phrase in zip(Phrases._fields, phrases, strict=True):
            if phrase and phrase.count(_SUBJECT) != 1:
                entry.fault((kind,), f"must say {_SUBJECT} once, where the subject goes")
        try:
            found[language_tag(name)] = phrases
        except ValueError as exc:
            entry.fault((), str(exc))
    return found


def _group(name: str, section: Section, phrases: dict[str, Phrases]) -> Group:
    code, texts = section.short("code", LONGEST_CODE), read_texts(section, "text", LONGEST)
    subjects: Texts = read_texts(section, "subject", LONGEST_SUBJECT, name.replace("_", " "))
    wordings = {tag: _wording(section, tag, text, subjects, phrases) for tag, text in texts.items()}
    return Group(name, code, wordings)


def _wording(section: Section, tag: str, text: str, subjects: Texts, phrases: dict[str, Phrases]) -> Wording:
    spoken = phrases.get(tag) or phrases.get(tag.partition("-")[0])
    if tag not in subjects:
        section.fault(("subject",), f"has no text in {tag!r}, as 'text' has", f"subject: {{{tag}: …}}")
    elif spoken is None:
        hint = f'reasons: {{phrases: {{{tag}: {{incomplete: "… {_SUBJECT} …", unverified: "… {_SUBJECT} …"}}}}}}'
        section.fault(("text", tag), f"the phrases for what is missing are not known in {tag!r}", hint)
    else:
        made = Wording(text, *(phrase.replace(_SUBJECT, subjects[tag]) for phrase in spoken))
        if max(len(made.incomplete), len(made.unverified)) > LONGEST:
            section.fault(("subject",), f"in {tag!r} makes a reason of more than {LONGEST} characters")
        return made
    return Wording(text, "", "")


def _check(top: Section, groups: tuple[Group, ...]) -> None:
    codes = [group.code for group in groups]
    spoken = {tag: group.name for group in groups for tag in group.wordings}
    for group in groups:
        if codes.count(group.code) > 1:
            top.fault(("groups", group.name, "code"), f"the code {group.code!r} names more than one group")
        for tag in sorted(spoken.keys() - group.wordings.keys()):
            hint = "a bundle says all its reasons in a language, or none"
            top.fault(("groups", group.name, "text"), f"has no text in {tag!r}, as {spoken[tag]} has", hint)

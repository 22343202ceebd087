"""Reason texts in the language of an integration, against the room that its answers give them."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.errors import Fault
from contracts.mapping.tree import Each, Written
from contracts.source import Path_
from gateway.integrations import Integration
from models.bundle import Bundle
from models.policy import Policy


def text_faults(integration: Integration, policy: Policy, bundle: Bundle) -> Iterator[Fault]:
    """A note for each place in the answer that has no room for every text it can be given, and cuts some of them.

    The bundle's reason map and the policy's knock-outs must have texts in the integration's language.
    """
    texts = [*_texts(policy, bundle, integration.language)]
    longest = max(texts, key=len, default="")
    for place, size in _rooms(integration):
        cut = [text for text in texts if len(text) > size]
        if cut:
            what = f"{len(cut)} of {len(texts)} reason texts in {integration.language!r} are cut to {size} characters"
            merged = len(cut) - len({text[:size] for text in cut})
            message = f"{what}: {longest!r} becomes {longest[:size]!r}"
            message += f"; {merged} of them read like another one then" if merged else ""
            hint = f"give it room for {len(longest)} characters, or write shorter texts in another version of the map"
            yield integration.fault(place, message, hint, "note")


def _texts(policy: Policy, bundle: Bundle, language: str) -> Iterator[str]:
    for group in bundle.groups:
        wording = group.wordings[language]
        yield from (wording.text, wording.incomplete, wording.unverified)
    yield from (rule.texts[language] for rule in policy.knock_outs)


def _rooms(integration: Integration) -> Iterator[tuple[Path_, int]]:
    """Where the answer map writes a reason's text and cuts it, and to how many characters."""
    for entry in integration.answer_map.tree.entries:
        at: Path_ = ("answer_map", str(entry.target))
        if isinstance(entry, Written) and str(entry.source).startswith("reasons"):
            yield from _room(entry, at)
        elif isinstance(entry, Each) and str(entry.source) == "reasons":
            for leaf in entry.entries:
                yield from _room(leaf, (*at, str(leaf.target))) if isinstance(leaf, Written) else ()


def _room(leaf: Written, at: Path_) -> Iterator[tuple[Path_, int]]:
    if leaf.source.steps[-1] == "text" and leaf.fit and leaf.fit.name == "chars":
        yield at, leaf.fit.size

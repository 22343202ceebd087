"""Guesses the keys of a drafted integration: which leaf names the application, and which this one asking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from gateway.drafting.lines import Line, Open
from gateway.drafting.similarity import Name
from gateway.drafting.vocabulary import APPLYING, ASKING, NAMING
from gateway.spi import Leaf

TEXTS: Final = ("string", "integer", "any")
_CURE: Final = "name what every application has and no two share"


class Drafted(NamedTuple):
    """The lines of ``keys:``, and the leaves they read."""

    lines: list[Line]
    business: Leaf | None
    read: list[str]


def draft_keys(rest: Sequence[Leaf], beside: Mapping[str, str], *, keyed: bool = False) -> Drafted:
    """Keys from leaves nothing else reads; ``beside`` are those the protocol carries beside its messages.

    ``keyed``: those name this asking whatever is in the message; else a leaf that does comes first.
    """
    usable = [leaf for leaf in rest if leaf.native.type in TEXTS and "[]" not in leaf.native.path and not leaf.codes]
    asking = _best({leaf.native.path: _names_asking(leaf) for leaf in usable})
    business = _best({leaf.native.path: _names_application(leaf) for leaf in usable if leaf.native.path != asking})
    business = business or (asking if keyed else "")
    asking = "" if keyed else asking
    lines = list(_lines(business, asking, beside, keyed=keyed))
    leaf = next((leaf for leaf in usable if leaf.native.path == business), None)
    return Drafted(lines, leaf, [path for path in (business, asking) if path])


def _best(scores: Mapping[str, float]) -> str:
    """The first of the highest score, where any is high enough."""
    found = max(scores, key=lambda path: scores[path], default="")
    return found if found and scores[found] >= 0.5 else ""


def _names_application(leaf: Leaf) -> float:
    own, around = _said(leaf)
    naming = 0.5 if own & {*NAMING} else 0.0
    about = 0.3 if own & {*APPLYING} else 0.2 if around & {*APPLYING} else 0.0
    return (naming + about + (0.15 if leaf.native.required else 0.0)) if naming else 0.0


def _names_asking(leaf: Leaf) -> float:
    own, _ = _said(leaf)
    return 0.6 if own & {*NAMING} and own & {*ASKING} and not own & {"application", "loan", "case"} else 0.0


def _said(leaf: Leaf) -> tuple[set[str], set[str]]:
    name = Name.of(leaf.native.path)
    return {word.text for word in name.own}, {word.text for word in name.around}


def _lines(business: str, asking: str, beside: Mapping[str, str], *, keyed: bool) -> Iterator[Line]:
    if business:
        guess = Open("should", "is guessed", _CURE)
        yield Line("business", business, None, "names the application", (guess,))
    else:
        made = asking or beside.get("request", "header.x-correlation-id")
        yield Line("business", made, None, "nothing names the application", (Open("must", "is a makeshift", _CURE),))
    request = asking or beside.get("request", "")
    if request:
        why = "names this asking" if asking or keyed else "without it the same application is the same asking"
        yield Line("request", request, None, why)
    if beside.get("correlation"):
        yield Line("correlation", beside["correlation"])

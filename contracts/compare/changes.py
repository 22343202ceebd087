"""The words of a comparison: what changed, which pass found it, whom it breaks, and which version step it takes.

A change is judged by what it does to the set of legal records. Who writes them decides whether that breaks somebody:

* A *request* is written by legacy systems, and so is an *outcome*: what makes it narrower, so that a record that was
  legal is refused, breaks requests or outcomes (BACKWARD).
* An *answer* is written by us: what makes it wider, so that an old reader meets what it cannot hold, breaks answers
  (FORWARD).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, Literal, NamedTuple

from contracts.odcs import Kind

Pass = Literal["structural", "physical", "semantic"]
Breaks = Literal["requests", "answers", "outcomes", "neither"]
Step = Literal["major", "minor", "patch", "none"]
STEPS: Final[tuple[Step, ...]] = ("none", "patch", "minor", "major")


class Effect(Enum):
    """What a change does to the legal records."""

    NARROWER = "some records that were legal are not any more"
    WIDER = "some records are legal that were not before"
    OTHER = "the same bytes or values mean something else"
    HARMLESS = "every record stays what it is, and so does every reader"
    TEXT = "words for people only"


class Change(NamedTuple):
    """One change of one leaf, rule (``rule <id>``), server (``server <name>``) or, with an empty path, of the whole."""

    part: Pass
    path: str
    message: str
    breaks: Breaks
    step: Step


class Found(NamedTuple):
    """A change before it is known who writes the records."""

    part: Pass
    path: str
    message: str
    effect: Effect


_BROKEN: Final[Mapping[Kind, Breaks]] = {"request": "requests", "answer": "answers", "outcome": "outcomes"}


def judge(found: Found, kind: Kind) -> Change:
    """Whom a change breaks in a contract of this kind, and the step it takes."""
    breaking = {Effect.OTHER, Effect.WIDER if kind == "answer" else Effect.NARROWER}
    breaks = _BROKEN[kind] if found.effect in breaking else "neither"
    step: Step = "major" if found.effect in breaking else "patch" if found.effect is Effect.TEXT else "minor"
    return Change(found.part, found.path, found.message, breaks, step)


def moved(old: Any, new: Any, *, upward: bool) -> Effect:
    """The effect of a bound that moved; ``upward``: more is legal as it grows. None is no bound at all."""
    wider = new is None or (old is not None and (new > old) is upward)
    return Effect.WIDER if wider else Effect.NARROWER


Finder = Iterator[Found]

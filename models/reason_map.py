"""The reason map of a bundle: which reasons there are, in which languages, whom they compare with, for which cut-offs.

It lies in the bundle as ``reasons.json`` and has a name and a version of its own; its digest is the SHA-256 of that
file. What it says to applicants holds only for the baseline and the cut-offs it was made for: another baseline, other
cut-offs or other words are another version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from contracts.language import DEFAULT
from models.archive import canonical

JUST = 20
"""Points above the cut-off within which an applicant was just approved, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class CutOffs:
    """Published scores: ``approve`` and above is approved, below ``decline`` declined, between them referred."""

    approve: int
    decline: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """Whom contributions compare with: all training applicants, or those whose published score lies ``band`` points or
    less above the approve cut-off, that cut-off included, ``cut_off + band`` not."""

    band: int | None = None

    @property
    def all(self) -> bool:
        return self.band is None

    def told(self, approve: int) -> str:
        """In words."""
        if self.band is None:
            return "all training applicants"
        return f"training applicants who score {approve} to {approve + self.band - 1}"


ALL = Baseline()


@dataclass(frozen=True, slots=True)
class Wording:
    """What an answer says, in one language, where a group is principal: as such, where a field of it was left blank
    (``incomplete``), and where one was rejected (``unverified``)."""

    text: str
    incomplete: str
    unverified: str


@dataclass(frozen=True, slots=True)
class Group:
    """A reason group: its name, the stable code of its reason, its wording by language tag."""

    name: str
    code: str
    wordings: Mapping[str, Wording]


@dataclass(frozen=True)
class ReasonMap:
    """A reason map; ``cut_offs`` is None only where an early bundle does not tell them."""

    name: str
    version: str
    cut_offs: CutOffs | None
    baseline: Baseline
    groups: tuple[Group, ...]

    @property
    def ref(self) -> str:
        return f"{self.name}@{self.version}"

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages in which every group has its wording."""
        spoken = [set(group.wordings) for group in self.groups]
        return tuple(sorted(set.intersection(*spoken))) if spoken else ()

    @cached_property
    def content(self) -> bytes:
        """The file: canonical JSON."""
        return canonical(asdict(self))

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @classmethod
    def parse(cls, content: bytes) -> ReasonMap:
        """Raises KeyError, TypeError, ValueError or AttributeError for what is no reason map."""
        parts = json.loads(content)
        cut_offs = parts["cut_offs"]
        found = cls(
            name=parts["name"],
            version=parts["version"],
            cut_offs=None if cut_offs is None else CutOffs(**cut_offs),
            baseline=Baseline(**parts["baseline"]),
            groups=tuple(
                Group(g["name"], g["code"], {tag: Wording(**words) for tag, words in g["wordings"].items()})
                for g in parts["groups"]
            ),
        )
        if found.content != content:
            raise ValueError("the reason map is not in canonical form, or holds what does not belong")
        return found


def first_format(parts: Mapping[str, Any], card: Mapping[str, Any]) -> ReasonMap:
    """The reason map of a bundle in the first format, which had English texts only and no version of their own."""
    groups: Sequence[Mapping[str, Any]] = parts["groups"]
    words = ("text", "incomplete", "unverified")
    cut_offs = card.get("cut_offs")
    return ReasonMap(
        parts["name"],
        parts["version"],
        CutOffs(**cut_offs) if cut_offs else None,
        Baseline(JUST) if parts["baseline"] == "just_approved" else ALL,
        tuple(Group(g["name"], g["code"], {DEFAULT: Wording(*(g[w] for w in words))}) for g in groups),
    )

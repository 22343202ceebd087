"""Which leaf of the newer version was which leaf of the older one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from contracts.odcs import Contract
from contracts.types import Field
from contracts.upcast import Code, Step, Taken, Upcast


@dataclass(frozen=True, slots=True)
class Pair:
    """A leaf of both versions. ``factor`` and ``becomes`` are what an upcaster does to its values and codes, if any.

    ``step`` is where an upcaster takes the leaf from, which need not be the leaf it was.
    """

    path: str
    was: str
    old: Field
    new: Field
    factor: int | None = None
    becomes: Mapping[Code, Code] = field(default_factory=dict)
    step: Step | None = None

    @property
    def renamed(self) -> bool:
        return self.path != self.was

    @property
    def times(self) -> Fraction:
        """What an upcaster multiplies the number by that a person reads: not the digits that the scale adds."""
        scales = Fraction(10) ** (self.old.scale - self.new.scale)
        return self.factor * scales if self.factor is not None else Fraction(1)

    def bounds(self, word: str) -> tuple[Any, Any]:
        """``minimum`` or ``maximum`` of both, comparable: in the newer one's units, or the finer one's decimals."""
        old, new = getattr(self.old, word), getattr(self.new, word)
        if self.factor is not None and (self.times == 1 or self.old.unit != self.new.unit):
            return _times(old, self.factor), new
        scale = max(self.old.scale, self.new.scale)
        return _times(old, 10 ** (scale - self.old.scale)), _times(new, 10 ** (scale - self.new.scale))


@dataclass(frozen=True, slots=True)
class Pairing:
    """All leaves of two versions: those in both, those that went, those that came."""

    old: Contract
    new: Contract
    pairs: tuple[Pair, ...]
    removed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def names(self) -> dict[str, str]:
        """Old name to new name of what was renamed."""
        return {pair.was: pair.path for pair in self.pairs if pair.renamed}


def pair_up(old: Contract, new: Contract, upcast: Upcast | None = None) -> Pairing:
    """Match by path; an upcaster between the two also says what was renamed."""
    was = {path: path for path in new.paths if path in old.paths}
    steps = {entry.field.name: entry for entry in upcast.entries} if upcast else {}
    for name, entry in steps.items():
        if (
            isinstance(entry, Taken)
            and name not in old.paths
            and entry.source not in new.paths
            and entry.source not in was.values()
        ):
            was[name] = entry.source
    pairs = tuple(
        _pair(path, was[path], old.paths[was[path]], field, steps.get(path))
        for path, field in new.paths.items()
        if path in was
    )
    removed = tuple(path for path in old.paths if path not in was.values())
    return Pairing(old, new, pairs, removed, tuple(path for path in new.paths if path not in was))


def _pair(path: str, was: str, old: Field, new: Field, step: Step | None) -> Pair:
    if not isinstance(step, Taken) or step.source != was:
        return Pair(path, was, old, new, step=step)
    return Pair(path, was, old, new, step.factor, dict(step.codes), step)


def _times(bound: int | date | None, factor: int) -> int | date | None:
    return bound * factor if isinstance(bound, int) else bound


def said(field: Field, bound: int | date | None) -> str:
    """A bound as a person writes it."""
    return "none" if bound is None else field.text(bound)

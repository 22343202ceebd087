"""Two versions of one contract compared: every change, whom it breaks, and the smallest version that may carry it.

Three passes look at the same pair of versions: structural (fields, types, ranges, codes, rules), physical (order,
offset, length, picture, code page, element order, as far as declared) and semantic (unit, meaning of codes, what
missing means, direction, decimals). The rules are those of schema registries, taken to what we promise: requests are
BACKWARD_TRANSITIVE, answers FORWARD. See ``contracts/compare/changes.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.compare.changes import STEPS, Breaks, Change, Effect, Found, Pass, Step, judge
from contracts.compare.pairs import pair_up
from contracts.compare.physical import physical
from contracts.compare.semantic import semantic
from contracts.compare.structural import structural
from contracts.odcs import Contract
from contracts.upcast import Upcast


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from ``old`` to ``new``. ``upcast``: whether a chain of upcasters leads from one to the other."""

    old: Contract
    new: Contract
    changes: tuple[Change, ...]
    upcast: bool

    @property
    def needed(self) -> Step:
        """The smallest step of the version number that may carry all changes."""
        return max((change.step for change in self.changes), key=STEPS.index, default="none")

    @property
    def taken(self) -> Step:
        """The step the version numbers take; ``none`` where they stay or go back."""
        old, new = _numbers(self.old), _numbers(self.new)
        if new <= old:
            return "none"
        return "major" if new[0] > old[0] else "minor" if new[1] > old[1] else "patch"

    @property
    def backwards(self) -> bool:
        """Whether ``new`` is the earlier version of the two."""
        return _numbers(self.new) < _numbers(self.old)

    @property
    def smallest(self) -> str:
        """The smallest legal version of the newer contract."""
        major, minor, patch = _numbers(self.old)
        match self.needed:
            case "major":
                return f"{major + 1}.0.0"
            case "minor":
                return f"{major}.{minor + 1}.0"
            case "patch":
                return f"{major}.{minor}.{patch + 1}"
        return self.old.version

    @property
    def hidden(self) -> bool:
        """Whether the version number hides what the step would have to say."""
        return STEPS.index(self.taken) < STEPS.index(self.needed)


def compare(old: Contract, new: Contract, upcast: Upcast | None = None) -> Comparison:
    """Every change between two versions; an upcaster from one to the other tells renames from removals."""
    pairing = pair_up(old, new, upcast)
    found = (found for look in (structural, physical, semantic) for found in look(pairing))
    return Comparison(old, new, tuple(judge(one, new.kind) for one in found), upcast is not None)


def _numbers(contract: Contract) -> tuple[int, int, int]:
    major, minor, patch = (int(part) for part in contract.version.split("."))
    return major, minor, patch


__all__ = ["Breaks", "Change", "Comparison", "Effect", "Found", "Pass", "Step", "compare"]

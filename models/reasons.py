"""Principal reasons: the groups that pulled a score down, in order, and never one that rests on an invented value.

Texts name principal reasons in the manner of 12 CFR 1002.9(b)(2) and the sample forms in Appendix C to Part 1002. The
official commentary to that section finds more than four reasons of little help: four are the default, five the most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from contracts.types import State
from models.types import Reason

MOST_REASONS = 5
_WORD = tuple(state.word for state in State)
# A group that touches several fields takes the state that says least: an unknown field outweighs an unusable one.
WEIGHT = (0, 1, 3, 2)


class ReasonGroup(NamedTuple):
    """One group in one language; ``fields`` are the positions in the contract of the fields its features read."""

    name: str
    code: str
    text: str
    incomplete: str
    unverified: str
    fields: tuple[int, ...]


class Ranked(NamedTuple):
    """The reasons that may be given, and whether a principal one rests on a field that was not carried."""

    reasons: tuple[Reason, ...]
    not_carried: bool


class Ranker:
    """The groups of one bundle, in the bundle's order, which also decides between groups of equal points."""

    def __init__(self, groups: Sequence[ReasonGroup]) -> None:
        self.groups = tuple(groups)
        self._touched: dict[int, list[int]] = {}
        for index, group in enumerate(self.groups):
            for field in group.fields:
                self._touched.setdefault(field, []).append(index)

    def states(self, states: bytes, positions: Sequence[int]) -> list[int]:
        """State per group, where the fields at ``positions`` are those not given."""
        found = [0] * len(self.groups)
        for position in positions:
            for index in self._touched.get(position, ()):
                if WEIGHT[states[position]] > WEIGHT[found[index]]:
                    found[index] = states[position]
        return found

    def rank(self, points: Sequence[int], information: int, states: Sequence[int] | None, most: int) -> Ranked:
        """Reasons from published points per group, in hundredths, negative when adverse.

        The principal reasons are the first ``most`` adverse lines in order of points; ``information``, what imputation
        leaves unexplained, is a line of its own and counts with the least known of the groups. ``states`` is None where
        every field was given.
        """
        adverse = [(p, index) for index, p in enumerate(points) if p < 0]
        if states is None:
            adverse.sort()
            return Ranked(tuple(self.reason(index, p, 0) for p, index in adverse[:most]), False)
        worst = max(range(len(states)), key=lambda index: (WEIGHT[states[index]], -index), default=0)
        if information < 0:
            adverse.append((information, len(points)))
        adverse.sort()
        principal = [(p, worst if index == len(points) else index, index) for p, index in adverse[:most]]
        own = {index for _, group, index in principal if group == index}
        return Ranked(
            tuple(
                self.reason(group, p, states[group])
                for p, group, index in principal
                if states[group] != State.NOT_CARRIED and (group == index or (group not in own and states[group]))
            ),
            any(states[group] == State.NOT_CARRIED for _, group, _ in principal),
        )

    def reason(self, index: int, points: int, state: int) -> Reason:
        """The reason a group gives in a state, with its points in hundredths."""
        group = self.groups[index]
        text = (group.text, group.incomplete, "", group.unverified)[state]
        code = group.code + ("", "B", "", "U")[state]
        return Reason(group.name, code, text, Decimal(points).scaleb(-2), _WORD[state])


def in_hundredths(parts: Sequence[float], total: int) -> list[int]:
    """Parts in whole hundredths that sum to ``total`` hundredths exactly: floored, the rest to the largest remainders.

    Ties go to the earlier part. Where ``total`` is not the parts' own sum rounded, every part bears its share of that.

    >>> in_hundredths([1.234, 2.345, 3.421], 700)
    [123, 235, 342]
    """
    scaled = [part * 100.0 for part in parts]
    whole = [math.floor(part) for part in scaled]
    missing = total - sum(whole)
    if missing:
        rest = [low - exact for low, exact in zip(whole, scaled, strict=True)]
        every, extra = divmod(missing, len(parts))
        for index in sorted(range(len(parts)), key=rest.__getitem__)[:extra]:
            whole[index] += 1
        if every:
            whole = [part + every for part in whole]
    return whole

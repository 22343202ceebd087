"""From a scored record to a verdict: outcome, refer causes, reasons, what was imputed. Pure, and compiled per policy.

The rules, in the order in which they are applied (DESIGN.md 4 and 5):

1. A knock-out that is true of the given values declines with the policy's own reason, whatever the score.
2. Cut-offs compare the published score. Between them, the record is referred.
3. It is also referred when a rejected or unsupported blank field stands in the way of approval, when what is not known
   could turn the outcome more often than the policy tolerates, when a refer rule is true, and when a decline would rest
   on a factor that was not carried.
4. Where no machine may decline, a decline becomes a referral.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.errors import InvalidRecord
from contracts.types import Field, Origin, Problem, Record, State, Value
from models.reasons import MOST_REASONS, Ranker, in_hundredths
from models.scale import HIGHEST, LOWEST
from models.types import REFER_CAUSES, Imputation, Outcome, Reason, Scored

Rule = Callable[[tuple[Value, ...], bytes], bool | None]
"""A compiled expression: true, false, or None where a field it reads is not given."""

MOST_REMEMBERED = 4096
"""Sets of states whose fields and groups are kept: the records of one integration mostly share a few."""
_ORDER = {cause: place for place, cause in enumerate(REFER_CAUSES)}
_STATE = tuple(state.word for state in State)
_ORIGIN = tuple(origin.word for origin in Origin)


class Verdict(NamedTuple):
    """What a policy makes of one scored record. Published numbers: pd six decimals, points two, scores whole."""

    outcome: Outcome
    refer_causes: tuple[str, ...]
    reasons: tuple[Reason, ...]
    imputations: tuple[Imputation, ...]
    pd: Decimal
    score: int
    score_min: int
    score_max: int
    information_not_available: Decimal


class Watched(NamedTuple):
    """What becomes of a field that is not given: positions in the contract, and in the bundle (-1 where unread).

    ``counts``: the bundle or a rule of the policy reads it, so leaving it blank must not help.
    """

    field: Field
    position: int
    bundle_position: int
    supported: bool
    counts: bool


class Told(NamedTuple):
    """What the states of a record say: the fields that are not given, those of them that the bundle reads, and the
    state of each reason group; None where they touch no group."""

    odd: list[Watched]
    read: list[Watched]
    groups: list[int] | None


class Judge:
    """One policy bound to one contract and one bundle. ``judge`` is a function of its arguments only."""

    def __init__(
        self,
        *,
        approve: int,
        decline: int,
        knock_outs: Sequence[tuple[Rule, Reason]],
        refer_rules: Sequence[Rule],
        flip_tolerance: float,
        most_reasons: int,
        automatic_decline: bool,
        reasons: Ranker,
        watched: Sequence[Watched],
    ) -> None:
        self._approve, self._decline = approve, decline
        self._knock_outs, self._refer_rules = tuple(knock_outs), tuple(refer_rules)
        self._flip_tolerance, self._most = flip_tolerance, most_reasons
        self._automatic = automatic_decline
        self.ranker = reasons
        self.knock_out_reasons = tuple(reason for _, reason in knock_outs)
        self._watched = tuple(watched)
        self.width = len(self._watched)
        self._read = tuple(w for w in watched if w.bundle_position >= 0)
        self._told = lru_cache(MOST_REMEMBERED)(self._find_told)

    def _find_told(self, states: bytes) -> Told:
        odd = [w for w in self._watched if states[w.position]]
        groups = self.ranker.states(states, [w.position for w in odd])
        return Told(odd, [w for w in odd if w.bundle_position >= 0], groups if any(groups) else None)

    def judge(self, record: Record, scored: Scored) -> Verdict:
        """The verdict on a record; raises InvalidRecord where the contract refuses a blank the bundle cannot score."""
        states = record.states
        score = _published(scored.score)
        odd, _, groups = self._told(states)
        point: Outcome = self.outcome(score)
        parts = in_hundredths([scored.base, *scored.points.tolist(), scored.information], round(scored.score * 100.0))
        knocked = tuple(reason for rule, reason in self._knock_outs if rule(record.values, states))
        causes = self._field_causes(states, odd, point) if odd else set()
        outcome: Outcome = "decline"
        reasons = knocked[:MOST_REASONS]
        if knocked:
            causes = set()
        else:
            outcome, reasons = self._by_score(record, scored, point, parts, groups, causes)
        if outcome == "decline" and not self._automatic:
            outcome, causes = "refer", {"human_decision_required"}
        return Verdict(
            outcome,
            tuple(sorted(causes, key=_ORDER.__getitem__)),
            reasons,
            self.imputations(record, scored) if odd or any(record.origins) else (),
            Decimal(f"{scored.pd:.6f}"),
            score,
            _published(scored.score_min),
            _published(scored.score_max),
            Decimal(parts[-1]).scaleb(-2),
        )

    def outcome(self, score: int) -> Outcome:
        """What the cut-offs alone say of a published score."""
        return "approve" if score >= self._approve else "decline" if score < self._decline else "refer"

    def point_and_flips(self, score: float, draws: NDArray[np.float64] | None) -> tuple[Outcome, float]:
        """Point outcome of an unrounded score and the share of draws, (n_draws,), whose outcome differs from it."""
        published = _published(score)
        point = self.outcome(published)
        if draws is None:
            return point, 0.0
        flipped = self.outcomes(draws) != (published >= self._approve) - (published < self._decline)
        return point, int(np.count_nonzero(flipped)) / len(draws)

    def outcomes(self, scores: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.int64]:
        """What the cut-offs alone say of scores, as they are published: 1 approve, 0 refer, -1 decline."""
        published = np.clip(np.rint(scores), LOWEST, HIGHEST)
        return (published >= self._approve).astype(np.int64) - (published < self._decline)

    def _by_score(
        self,
        record: Record,
        scored: Scored,
        point: Outcome,
        parts: list[int],
        groups: list[int] | None,
        causes: set[str],
    ) -> tuple[Outcome, tuple[Reason, ...]]:
        """Outcome and reasons where no knock-out applies; adds to ``causes``."""
        if point == "refer":
            causes.add("between_cut_offs")
        if scored.draw_scores is not None:
            _, flips = self.point_and_flips(scored.score, scored.draw_scores)
            if flips > self._flip_tolerance:
                causes.add("flip_tolerance_exceeded")
        for rule in self._refer_rules:
            if rule(record.values, record.states):
                causes.add("refer_rule")
                break
        if point == "approve" and not causes:
            return "approve", ()
        ranked = self.ranker.rank(parts[1:-1], parts[-1], groups, self._most)
        if point == "decline" and ranked.not_carried:
            causes.add("principal_factor_not_carried")
        return ("refer" if causes else point), ranked.reasons

    def _field_causes(self, states: bytes, odd: list[Watched], point: Outcome) -> set[str]:
        """Causes that follow from fields alone: what was rejected or left blank without support is never approved."""
        causes: set[str] = set()
        refused: list[Problem] = []
        for w in odd:
            state = states[w.position]
            if state == State.REJECTED:
                if w.field.rejected != "impute":
                    causes.add("rejected_field")
                elif point == "approve":
                    causes.add("rejected_field_cannot_approve")
            elif state == State.BLANK and w.counts and not w.supported:
                causes.add("unsupported_blank")
                if w.field.blank == "refuse":
                    refused.append(_unscorable(w.field))
        if refused:
            raise InvalidRecord(refused)
        return causes

    def imputations(self, record: Record, scored: Scored) -> tuple[Imputation, ...]:
        """What the bundle reads of a record and the caller did not send as such."""
        listed = []
        for w in self._read if any(record.origins) else self._told(record.states).read:
            state, origin = record.states[w.position], record.origins[w.position]
            low, high = scored.imputed.get(w.bundle_position, ("", ""))
            if w.bundle_position in scored.imputed:
                cause = record.causes.get(w.position, "")
                listed.append(Imputation(w.field.name, _STATE[state], "imputed", cause, low, high))
            elif state or origin:
                word = _ORIGIN[origin]
                cause = "" if state or not origin else word
                listed.append(Imputation(w.field.name, _STATE[state], word, cause, "", ""))
        return tuple(listed)


def _published(score: float) -> int:
    """A score as an answer has room for it: whole, half to even, 0 to 999."""
    return min(max(round(score), LOWEST), HIGHEST)


def watched_fields(
    fields: Sequence[Field], read: Sequence[str], supported: Mapping[str, bool], ruled: Collection[str] = ()
) -> list[Watched]:
    """Every field of a contract, ``read`` by the bundle or by rules (``ruled``) or not: a rejected one is never
    approved, whoever reads it."""
    position = {name: index for index, name in enumerate(read)}
    return [
        Watched(
            field,
            index,
            position.get(field.name, -1),
            supported.get(field.name, False),
            field.name in position or field.name in ruled,
        )
        for index, field in enumerate(fields)
    ]


def _unscorable(field: Field) -> Problem:
    return Problem("blank_not_supported", "blank", field.name, "nothing", "a value: the model never learned this blank")

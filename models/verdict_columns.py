"""Verdicts on a batch: the rules of ``verdict.py`` in the same order, on columns.

What a policy, a reason map and a watched field are is said there and in ``policy.py``; here they are only applied to
many records at a time. Numbers are published to the same digit (``verdict_kernel``, ``millionths``).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.columns import ColumnRecords, States
from contracts.expressions import Expr, row_printer
from contracts.expressions.columns import column_printer
from contracts.lazy import COLUMNS, Lazy
from contracts.odcs import Contract
from contracts.types import Field, State
from models.bundle import Bundle
from models.kernel import ScoredColumns
from models.policy import Policy, watched_in
from models.reasons import MOST_REASONS, WEIGHT
from models.scale import HIGHEST, LOWEST
from models.types import REFER_CAUSES, Reason
from models.verdict_kernel import hundredths, rank

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Lazy("polars", COLUMNS)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

OUTCOMES: Final = ("decline", "refer", "approve")
"""What ``VerdictColumns.outcome`` counts: from worst to best."""
_DECLINE, _REFER, _APPROVE = range(3)
_CAUSE: Final = {cause: 1 << place for place, cause in enumerate(REFER_CAUSES)}
_UNSURE: Final = 1e-6


class VerdictColumns(NamedTuple):
    """n verdicts. ``causes`` has a bit per place in ``REFER_CAUSES``; ``pd`` is in millionths, points in hundredths.

    ``reasons`` (n, 5) are places in ``ColumnJudge.catalogue`` or -1, ``points`` (n, 5) theirs. Where ``refused`` is
    true the contract refuses a blank that the bundle cannot score, and there is no verdict: the row judge says why.
    """

    outcome: Ints
    causes: Ints
    reasons: Ints
    points: Ints
    pd: Ints
    score: Ints
    score_min: Ints
    score_max: Ints
    information: Ints
    refused: Bools


class ColumnJudge:
    """A policy bound to a contract and a bundle, for batches."""

    def __init__(self, policy: Policy, contract: Contract, bundle: Bundle) -> None:
        self._policy, self._judge = policy, policy.bound
        self._map = self._judge.ranker
        self._watched = watched_in(contract, bundle, policy)
        self._knock_outs = [_Rule(rule.when, contract) for rule in policy.knock_outs]
        self._refer_rules = [_Rule(rule.when, contract) for rule in policy.refer_rules]
        self._groups = len(self._map.groups)
        by_state = [self._map.reason(group, 0, state) for group in range(self._groups) for state in range(len(State))]
        self.catalogue: tuple[Reason, ...] = (*by_state, *self._judge.knock_out_reasons)
        """Every reason there can be, without points: four states of each group, then the knock-outs."""

    def judge(self, records: ColumnRecords, scored: ScoredColumns, base: float) -> VerdictColumns:
        """Verdicts on records and their scores; ``base`` are the score points of the baseline."""
        n = records.frame.height
        raw, information = scored.summary[:, 1], np.ascontiguousarray(scored.summary[:, 4])
        score = published(raw)
        point = self._judge.outcomes(score) + _REFER
        odd, causes, refused = self._field_causes(records, point)
        parts = np.empty((n, self._groups + 2), np.int64)
        totals = np.rint(raw * 100.0).astype(np.int64)
        hundredths(base, scored.points, information, totals, parts)
        ranked = np.empty((n, self._policy.most_reasons + 1, 2), np.int64)
        states = self._group_states(records)
        rank(parts, odd, states, np.array(WEIGHT, np.uint8), self._policy.most_reasons, ranked)
        causes = causes | np.where(point == _REFER, _CAUSE["between_cut_offs"], 0)
        causes |= np.where(self._flips(scored, raw), _CAUSE["flip_tolerance_exceeded"], 0)
        for rule in self._refer_rules:
            causes |= np.where(rule.holds(records), _CAUSE["refer_rule"], 0)
        approved = (point == _APPROVE) & (causes == 0)
        unfounded = (point == _DECLINE) & (ranked[:, -1, 0] == 1)
        causes |= np.where(unfounded, _CAUSE["principal_factor_not_carried"], 0)
        outcome = np.where(causes != 0, _REFER, point)
        reasons, points = self._reasons(ranked, states, odd, ~approved)
        outcome, causes = self._knocked(records, outcome, causes, reasons, points)
        return VerdictColumns(
            outcome,
            causes,
            reasons,
            points,
            millionths(scored.summary[:, 0]),
            score,
            published(scored.summary[:, 2]),
            published(scored.summary[:, 3]),
            parts[:, -1],
            refused,
        )

    def _field_causes(self, records: ColumnRecords, point: Ints) -> tuple[Bools, Ints, Bools]:
        """Where some field is not given, what follows from that alone, and where the contract refuses to go on."""
        odd, refused = np.zeros(len(point), np.bool_), np.zeros(len(point), np.bool_)
        causes = np.zeros(len(point), np.int64)
        for watched in self._watched:
            states = records.states[watched.position]
            if isinstance(states, int) and states == State.GIVEN:
                continue
            odd |= np.not_equal(states, State.GIVEN)
            rejected = np.equal(states, State.REJECTED)
            if watched.field.rejected != "impute":
                causes |= np.where(rejected, _CAUSE["rejected_field"], 0)
            else:
                causes |= np.where(rejected & (point == _APPROVE), _CAUSE["rejected_field_cannot_approve"], 0)
            if watched.counts and not watched.supported:
                blank = np.equal(states, State.BLANK)
                causes |= np.where(blank, _CAUSE["unsupported_blank"], 0)
                if watched.field.blank == "refuse":
                    refused |= blank
        return odd, causes, refused

    def _flips(self, scored: ScoredColumns, raw: Floats) -> Bools:
        """Where the outcomes of more draws than the policy tolerates differ from that of the score."""
        found = np.zeros(len(raw), np.bool_)
        drawn = np.flatnonzero(scored.draw_row >= 0)
        if len(drawn):
            outcomes = self._judge.outcomes(scored.draw_scores[scored.draw_row[drawn]])
            differ = outcomes != self._judge.outcomes(raw[drawn])[:, None]
            found[drawn] = differ.sum(axis=1) / outcomes.shape[1] > self._policy.flip_tolerance
        return found

    def _group_states(self, records: ColumnRecords) -> NDArray[np.uint8]:
        """The state of each group, (n, G): of the fields its features read, the one that says least."""
        found = np.zeros((records.frame.height, self._groups), np.uint8)
        weight = np.array(WEIGHT, np.uint8)
        for index, group in enumerate(self._map.groups):
            for position in group.fields:
                states: States = records.states[position]
                if isinstance(states, int) and states == State.GIVEN:
                    continue
                column = found[:, index]
                found[:, index] = np.where(weight[states] > weight[column], states, column)
        return found

    def _reasons(self, ranked: Ints, states: NDArray[np.uint8], odd: Bools, told: Bools) -> tuple[Ints, Ints]:
        """Places in the catalogue and points, (n, 5), where reasons are told."""
        n, most = ranked.shape[0], ranked.shape[1] - 1
        reasons, points = np.full((n, MOST_REASONS), -1, np.int64), np.zeros((n, MOST_REASONS), np.int64)
        group = ranked[:, :most, 0]
        state = np.take_along_axis(states, np.maximum(group, 0), axis=1) * odd[:, None]
        shown = (group >= 0) & told[:, None]
        reasons[:, :most] = np.where(shown, group * len(State) + state, -1)
        points[:, :most] = np.where(shown, ranked[:, :most, 1], 0)
        return reasons, points

    def _knocked(
        self, records: ColumnRecords, outcome: Ints, causes: Ints, reasons: Ints, points: Ints
    ) -> tuple[Ints, Ints]:
        """Apply the knock-outs, whose reasons come alone, and the policy's word on automatic declines."""
        count = np.zeros(len(outcome), np.int64)
        for place, rule in enumerate(self._knock_outs):
            rows = np.flatnonzero(rule.holds(records))
            fresh = rows[count[rows] == 0]
            reasons[fresh], points[fresh] = -1, 0
            room = rows[count[rows] < MOST_REASONS]
            reasons[room, count[room]] = self._groups * len(State) + place
            count[rows] += 1
        knocked = count > 0
        outcome, causes = np.where(knocked, _DECLINE, outcome), np.where(knocked, 0, causes)
        if not self._policy.automatic_decline:
            declined = outcome == _DECLINE
            outcome = np.where(declined, _REFER, outcome)
            causes = np.where(declined, _CAUSE["human_decision_required"], causes)
        return outcome, causes


class _Rule:
    """A policy's rule over columns, or by row where no column holds its numbers."""

    def __init__(self, when: Expr, contract: Contract) -> None:
        self._printed = column_printer(when, contract.fields, _column)
        self._by_row = row_printer(when, contract.fields)

    def holds(self, records: ColumnRecords) -> Bools:
        """Where the rule is true; unknown is not."""
        if self._printed is None:
            rows = range(records.frame.height)
            return np.array([bool(self._by_row(records.values(k), records.states_of(k))) for k in rows], np.bool_)
        held = records.frame.select(self._printed.fill_null(False)).to_series().to_numpy()
        return np.broadcast_to(held, records.frame.height)


def _column(field: Field) -> pl.Expr:
    return pl.col(field.name)


def published(scores: Floats) -> Ints:
    """Scores as an answer has room for them: whole, half to even, 0 to 999."""
    return np.clip(np.rint(scores), LOWEST, HIGHEST).astype(np.int64)


def millionths(pd: Floats) -> Ints:
    """Probabilities in whole millionths, rounded half to even on their exact value, as ``f"{pd:.6f}"`` does.

    A product in floating point is off by less than 2e-10; what lies so near to a half is rounded by the long way.
    """
    scaled = pd * 1e6
    found = np.rint(scaled).astype(np.int64)
    for row in np.flatnonzero(np.abs(scaled - np.floor(scaled) - 0.5) < _UNSURE):
        found[row] = int(Decimal(f"{pd[row]:.6f}").scaleb(6))
    return found


def refer_causes(mask: int) -> tuple[str, ...]:
    """The causes a number of ``VerdictColumns.causes`` stands for, in the order of an answer."""
    return tuple(cause for cause, bit in _CAUSE.items() if mask & bit)

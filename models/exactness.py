"""How exact a compiled model is: its probabilities against the estimator's, its contributions against brute force.

Brute force goes through all 2^F coalitions of features, each evaluated on the estimator's own trees and weights, walked
node by node: nothing of it passes the bins, cuts and cells that are examined.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, floor, log10
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError
from models.estimators import Member
from models.game_tables import Compiled
from models.games import ISOTONIC, MARGIN, PROBABILITY, RAREST
from models.kernel import attribute
from models.member_games import compile_members

Floats = NDArray[np.float64]
TOLERANCE = 1e-9
"""Largest difference between a compiled model's probability and its estimator's; beyond it the model is refused."""
APPLICANTS = 3
MOST_FEATURES = 14
MOST_ROWS = 1 << 15
MOST_BASELINE = 16
MOST_WALKED = 50
"""Applicants whose margins are made as served where trees are walked or networks asked; all others' are made against
one applicant, which takes a hundredth of the time."""


class Exactness(NamedTuple):
    """Largest differences found: of probabilities over ``rows`` applicants; of contributions, in log-odds, over
    ``applicants`` against ``baseline`` others, or None where there are too many features to go through them all.
    ``held``: applicants whose probability is held within RAREST."""

    rows: int
    probability: float
    held: int
    applicants: int
    baseline: int
    contribution: float | None


def measure(members: Sequence[Member], compiled: Compiled, features: Floats, chances: Floats) -> Exactness:
    """Compare with ``chances`` (n,), the estimator's probabilities of the training applicants ``features`` (n, F).

    Raises ConfigurationError where they differ: a model that cannot be reproduced is not served.
    """
    held = chances if members[0].link == MARGIN else np.clip(chances, RAREST, 1 - RAREST)
    off = _walked_off(members, compiled, features, held) if compiled.slow else None
    worst = _furthest(compiled, features, held) if off is None else off
    if not worst <= TOLERANCE:
        message = f"compiled, the model gives other probabilities: by up to {worst:.1e}, allowed is {TOLERANCE:.0e}"
        hint = "an isotonic calibrator with steps this steep cannot be reproduced; calibrate with sigmoid"
        raise ConfigurationError(f"{message}; {hint}")
    count = int((held != chances).sum())
    applicants, baseline = _chosen(features)
    difference = None
    if len(baseline):
        difference = contribution_difference(members, applicants, baseline)
    return Exactness(len(features), _one_digit(worst), count, len(applicants), len(baseline), difference)


def _walked_off(members: Sequence[Member], compiled: Compiled, features: Floats, held: Floats) -> float:
    some = np.linspace(0, len(features) - 1, min(len(features), MOST_WALKED)).astype(np.int64)
    alone = compile_members(members, features[[np.abs(held - 0.5).argmin()]])
    return max(_furthest(alone, features, held), _furthest(compiled, features[some], held[some]))


def _furthest(compiled: Compiled, features: Floats, held: Floats) -> float:
    return float(np.abs(1 / (1 + np.exp(-margins(compiled, features))) - held).max())


def margins(compiled: Compiled, features: Floats) -> Floats:
    """Log-odds (n,) of feature rows (n, F)."""
    margin: Floats = compiled.tables.base_value() + contributions(compiled, features).sum(axis=1)
    return margin


def contributions(compiled: Compiled, features: Floats, *, path_dependent: bool = False) -> Floats:
    """Contributions (n, F) to the log-odds of bad."""
    columns = np.ascontiguousarray(features.T)
    out = np.empty_like(columns)
    attribute(columns, compiled.grid(path_dependent=path_dependent), out)
    return out.T


def _chosen(features: Floats) -> tuple[Floats, Floats]:
    """Applicants and baseline of the brute force, spread evenly over the rows."""
    n, width = features.shape
    rows = 0 if width > MOST_FEATURES else min(MOST_BASELINE, MOST_ROWS >> width)
    spread = np.linspace(0, n - 1, APPLICANTS + rows).astype(np.int64)
    return features[spread[:APPLICANTS]], features[spread[APPLICANTS:]]


def contribution_difference(members: Sequence[Member], applicants: Floats, baseline: Floats) -> float:
    """Largest difference, in log-odds, between compiled contributions and brute force against this baseline."""
    compiled = compile_members(members, baseline)
    direct = compiled.route == "path_dependent"
    found = contributions(compiled, applicants)
    wanted = [brute_force(members, x, baseline, path_dependent=direct) for x in applicants]
    return _one_digit(float(np.abs(found - np.array(wanted)).max()))


def brute_force(
    members: Sequence[Member], applicant: Floats, baseline: Floats, *, path_dependent: bool = False
) -> Floats:
    """Contributions (F,) of one applicant (F,) by all coalitions, carried through the curves along their chords."""
    count = len(applicant)
    masks = np.arange(1 << count)
    joined = (masks[:, None] >> np.arange(count)) & 1 == 1
    total, start, end = np.zeros(count), 0.0, 0.0
    for member in members:
        if path_dependent:
            worth = _expected(member, applicant, joined)
        else:
            rows = np.where(joined[:, None, :], applicant, baseline[None, :, :]).reshape(-1, count)
            worth = member_sum(member, rows).reshape(len(masks), -1).mean(axis=1)
        own, low, high = _shapley(worth, count), _curve(member, worth[0]), _curve(member, worth[-1])
        total += own * _slope(high - low, worth[-1] - worth[0]) / len(members)
        start, end = start + low / len(members), end + high / len(members)
    if members[0].link == MARGIN:
        return total
    low, high = (float(np.clip(p, RAREST, 1 - RAREST)) for p in (start, end))
    return total * _slope(np.log(high / (1 - high)) - np.log(low / (1 - low)), end - start)


def _slope(rise: float, run: float) -> float:
    return float(rise / run) if run else 0.0


def _shapley(worth: Floats, count: int) -> Floats:
    masks = np.arange(1 << count)
    sizes = np.array([int(m).bit_count() for m in masks])
    out = np.empty(count)
    for f in range(count):
        without = masks[(masks >> f) & 1 == 0]
        weights = np.array([1 / (count * comb(count - 1, int(s))) for s in sizes[without]])
        out[f] = (weights * (worth[without | 1 << f] - worth[without])).sum()
    return out


def member_sum(member: Member, rows: Floats) -> Floats:
    """A member's sum (n,) on feature rows (n, F), walked tree by tree."""
    seen = member.columns.values(rows, single=member.single)
    total = np.full(len(rows), member.init)
    if member.network is not None:
        total += member.network.sums(seen)
    if member.weights is not None:
        total += (seen * member.weights).sum(axis=1)
    for nodes in member.trees:
        total += nodes["value"][_landed(nodes, seen)]
    return total


def _landed(nodes: NDArray[Any], seen: Floats) -> NDArray[np.int64]:
    at = np.zeros(len(seen), np.int64)
    while not (done := nodes["is_leaf"][at] == 1).all():
        node = nodes[at]
        value = seen[np.arange(len(seen)), np.where(done, 0, node["feature_idx"])]
        left = np.where(np.isnan(value), node["missing_go_to_left"] == 1, value <= node["num_threshold"])
        at = np.where(done, at, np.where(left, node["left"], node["right"]))
    return at


def _expected(member: Member, applicant: Floats, joined: NDArray[np.bool_]) -> Floats:
    """Path-dependent worth of every coalition (2^F,): at a split on a feature outside, the mean by training shares."""
    seen = member.columns.values(applicant[None, :], single=member.single)[0]
    sources = member.columns.sources

    def below(nodes: NDArray[Any], index: int) -> Floats:
        node = nodes[index]
        if node["is_leaf"]:
            return np.full(len(joined), float(node["value"]))
        column, sides = int(node["feature_idx"]), (int(node["left"]), int(node["right"]))
        left, right = (below(nodes, side) for side in sides)
        share = float(nodes[sides[0]]["count"]) / float(node["count"])
        value = seen[column]
        goes = bool(node["missing_go_to_left"]) if np.isnan(value) else bool(value <= node["num_threshold"])
        mean = share * left + (1 - share) * right
        return np.where(joined[:, sources[column]], left if goes else right, mean)

    return np.asarray(member.init + sum(below(nodes, 0) for nodes in member.trees))


def _curve(member: Member, x: float) -> float:
    if member.link in (MARGIN, PROBABILITY):
        return float(x)
    if member.link == ISOTONIC:
        return float(np.interp(x, member.knots[:, 0], member.knots[:, 1]))
    a, b = member.curve
    return float(1 / (1 + np.exp(a * x + b)))


def _one_digit(value: float) -> float:
    """Rounded up to one digit: measured, not pretended."""
    if value == 0.0:
        return 0.0
    place = 10.0 ** floor(log10(value))
    return float(f"{np.ceil(value / place) * place:.0e}")

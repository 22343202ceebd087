"""Leaf games: the kernel's second form of a model, for what does not fit into tables of feature pairs.

A model is one or more *members* (a calibrated ensemble has one per fold), each a sum of terms whose Shapley values are
exact:

* a feature's own term: a slope times the feature, and a step per bin (bins as in ``models/tables.py``);
* a leaf of a tree: a game over the d features on its path. What a record contributes depends only on which of the d
  conditions it meets, so the leaf keeps d numbers for each of the 2^d answers, compiled against the whole baseline.
  The path-dependent values (``direct``) are worked out per record: v(S) is the value times the cover ratios of the
  conditions outside S, as in TreeSHAP;
* trees whose leaves are too many to keep games of: walked per record (models/walks.py);
* a neural network, asked about every coalition per record (models/coalitions.py).

Members that give log-odds are done. Where a member gives a probability, or its margin passes a calibrator, or the mean
of several is taken, the contributions are carried through the curve along its chord: each is multiplied by the curve's
rise between baseline and record over the run (the Aumann-Shapley value of the curve on the straight way). They keep
their signs and proportions, and sum to the log-odds exactly.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.coalitions import Coalitions, ask
from models.compilation import compiled, part
from models.walks import Walks, walk

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MARGIN, PROBABILITY, SIGMOID, ISOTONIC = 0, 1, 2, 3
"""How a member's sum becomes a probability: it is log-odds, it is one, or it passes a calibrator."""
RAREST = 1e-6
"""No probability is nearer to 0 or 1 than the last published digit: log-odds have no infinities."""
_FLAT = 1e-12


class Games(NamedTuple):
    """K members over F features with B bins in all; feature f's bins begin at ``starts[f] + 2 f``.

    ``links`` (K,); ``curve`` (K, 2): a and b of a sigmoid 1 / (1 + exp(a x + b)); ``knots`` (N, 2): x and y of
    isotonic curves, member k's at ``knot_start[k]:knot_start[k + 1]``. ``slopes`` (K, F), ``steps`` (K, B).
    ``member_start`` (K + 1,) leaves, ``side_start`` (L + 1,) sides of a leaf; per side ``side_feature`` and where in
    ``words`` the bits of the bins inside begin; ``cell_start`` (L + 1,) contributions, in ``cells``, at mask * d.
    ``values`` (L,) and ``covers``, per side, are those of the path-dependent form, ``quadrature`` (Q, 2) the nodes and
    weights it is integrated with. ``base`` (K,): a member's sum at the baseline; ``start``: the mean of their
    probabilities. ``walks``: None where no trees are walked; ``coalitions``: None where no network is asked.
    """

    links: Ints
    curve: Floats
    knot_start: Ints
    knots: Floats
    slopes: Floats
    steps: Floats
    member_start: Ints
    side_start: Ints
    side_feature: Ints
    side_word: Ints
    words: Ints
    cell_start: Ints
    cells: Floats
    values: Floats
    covers: Floats
    quadrature: Floats
    base: Floats
    start: float
    direct: bool
    walks: Walks | None
    coalitions: Coalitions | None


@part
def play(features: Floats, bins: Ints, starts: Ints, games: Games, out: Floats) -> None:
    """Contributions (F, m) to the log-odds of bad, of features (F, m) that lie in ``bins`` (F, m)."""
    count, m = features.shape
    members = games.links.shape[0]
    own, room = np.empty((m, count)), np.empty((2, count))
    for k in range(members):
        for r in range(m):
            _member(k, r, features, bins, starts, games, room, own[r])
        walk(k, bins, games.walks, games.direct, own)
        ask(k, features, bins, starts, games.coalitions, own)
        for r in range(m):
            ratio = 1.0 if games.links[k] == MARGIN else _chord(k, _total(own[r]), games) / members
            for f in range(count):
                out[f, r] += own[r, f] * ratio
    if games.links[0] != MARGIN:
        for r in range(m):
            ratio = _logit_chord(games.start, _total(out[:, r]))
            for f in range(count):
                out[f, r] *= ratio


@part
def _member(
    k: int, r: int, features: Floats, bins: Ints, starts: Ints, games: Games, room: Floats, own: Floats
) -> None:
    """Contributions of record r to member k's sum, shape (F,), without its walked trees."""
    for f in range(features.shape[0]):
        x = features[f, r]
        own[f] = games.steps[k, starts[f] + 2 * f + bins[f, r]]
        if not math.isnan(x):
            own[f] += games.slopes[k, f] * x
    for leaf in range(games.member_start[k], games.member_start[k + 1]):
        if games.direct:
            _worked_out(leaf, r, bins, games, room, own)
        else:
            _looked_up(leaf, r, bins, games, own)


@part
def _total(parts: Floats) -> float:
    total = 0.0
    for f in range(parts.shape[0]):
        total += parts[f]
    return total


@part
def _meets(side: int, r: int, bins: Ints, games: Games) -> int:
    b = bins[games.side_feature[side], r]
    met: int = (games.words[games.side_word[side] + (b >> 6)] >> (b & 63)) & 1
    return met


@part
def _looked_up(leaf: int, r: int, bins: Ints, games: Games, own: Floats) -> None:
    first, last = games.side_start[leaf], games.side_start[leaf + 1]
    mask = 0
    for s in range(first, last):
        mask |= _meets(s, r, bins, games) << (s - first)
    at = games.cell_start[leaf] + mask * (last - first) - first
    for s in range(first, last):
        own[games.side_feature[s]] += games.cells[at + s]


@part
def _worked_out(leaf: int, r: int, bins: Ints, games: Games, room: Floats, own: Floats) -> None:
    """Path-dependent: (1_i - p_i) times the mean over all orders of the product of the others.

    That mean is the integral from 0 to 1 of the product of t 1_j + (1 - t) p_j over j other than i, a polynomial, which
    Gauss-Legendre quadrature gives exactly: all terms are positive, and no digits cancel.
    """
    first, d = games.side_start[leaf], games.side_start[leaf + 1] - games.side_start[leaf]
    gains, factors = room[0], room[1]
    for j in range(d):
        gains[j] = _meets(first + j, r, bins, games) - games.covers[first + j]
    for q in range(games.quadrature.shape[0]):
        t, product = games.quadrature[q, 0], games.quadrature[q, 1] * games.values[leaf]
        for j in range(d):
            factors[j] = games.covers[first + j] + t * gains[j]
            product *= factors[j]
        for i in range(d):
            own[games.side_feature[first + i]] += gains[i] * product / factors[i]


@part
def _chord(k: int, gain: float, games: Games) -> float:
    """Rise over run of member k's curve, from its base to ``gain`` beyond it."""
    if games.links[k] == PROBABILITY:
        return 1.0
    x: float = games.base[k]
    if games.links[k] == SIGMOID:
        return _sigmoid_chord(games.curve[k, 0], games.curve[k, 1], x, gain)
    knots = games.knots[games.knot_start[k] : games.knot_start[k + 1]]
    if abs(gain) < _FLAT:
        return 0.0
    return (interpolated(knots, x + gain) - interpolated(knots, x)) / gain


@part
def _sigmoid_chord(a: float, b: float, x: float, gain: float) -> float:
    """Of 1 / (1 + exp(a x + b)); written so that a small gain loses no digits and a large one does not overflow."""
    p, up = 1.0 / (1.0 + math.exp(a * x + b)), -a * gain
    if up == 0.0:
        return -a * p * (1.0 - p)
    if up > 0.0:
        rise = -math.expm1(-up)
        return p * (1.0 - p) * rise / (math.exp(-up) + p * rise) / gain
    rise = math.expm1(up)
    return p * (1.0 - p) * rise / (1.0 + p * rise) / gain


@compiled
def interpolated(knots: Floats, x: float) -> float:
    """An isotonic curve: linear between its knots (N, 2), level beyond them; on a knot, that knot's own value."""
    last = knots.shape[0] - 1
    x = min(max(x, knots[0, 0]), knots[last, 0])
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) >> 1
        if knots[middle, 0] < x:
            low = middle
        else:
            high = middle
    run = knots[high, 0] - knots[low, 0]
    part = (x - knots[low, 0]) / run if run > 0.0 else 0.0
    value: float = knots[low, 1] + part * (knots[high, 1] - knots[low, 1])
    return value


@part
def _logit_chord(start: float, gain: float) -> float:
    """Rise over run of the log-odds, from the probability ``start`` to ``gain`` beyond it, held within RAREST."""
    if gain == 0.0:
        return 1.0 / (start * (1.0 - start))
    end = min(max(start + gain, RAREST), 1.0 - RAREST)
    held = end - start if end != start + gain else gain
    return (math.log1p(held / start) - math.log1p(-held / (1.0 - start))) / gain

"""Networks, asked about every coalition of features: the kernel's form for what has no paths and no weights to take
apart.

The game of record x and one applicant b of the baseline: a coalition's worth is the network's answer where its features
are x's and the others b's. A feature in which the two are alike adds nothing to any coalition, so only the d others are
joined, in all 2^d ways; the Shapley values of the games with all applicants are averaged. These are the values that
shap's Exact explainer gives over a masker of the same applicants (Lundberg and Lee, A unified approach to interpreting
model predictions, NeurIPS 2017); tests hold them equal.

The first layer adds up over features, so a coalition's first layer is that of the coalition with one feature less plus
what the feature adds: of each answer, only the layers behind it are worked out anew. Sums run in a fixed order.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compilation import compiled, part
from models.network import IDENTITY, LOGISTIC, RELU, TANH

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Coalitions(NamedTuple):
    """K networks over F features with B bins in all, and n applicants ``rows`` (n, F), in the bins ``row_bins`` (n, F).

    U units in the first layers: network k's at ``unit_start[k]:unit_start[k + 1]``. A unit takes its ``offsets`` (U,)
    and of every feature f the step of its bin, ``steps`` (B, U), f's bins from ``starts[f] + 2 f`` on, and, if it is
    known, its value times ``slopes`` (F, U). L further layers: network k's at ``layer_start[k]:layer_start[k + 1]``;
    ``widths`` (L, 2): in and out, ``weights`` from ``weight_start[layer]`` on, row by row, ``biases`` from
    ``bias_start[layer]`` on. ``activations``, ``answers`` (K,) as in models/network.py.

    ``first`` (n, U): what the units take of ``rows``. ``used``: the P features that any unit reads; ``sizes`` (2^P,):
    of each set, how many are in it; ``shares`` (P + 1, P + 1): by d and the size s of a coalition without the feature,
    s! (d - s - 1)! / d!.
    """

    unit_start: Ints
    offsets: Floats
    steps: Floats
    slopes: Floats
    layer_start: Ints
    widths: Ints
    weight_start: Ints
    weights: Floats
    bias_start: Ints
    biases: Floats
    activations: Ints
    answers: Ints
    rows: Floats
    row_bins: Ints
    first: Floats
    used: Ints
    sizes: Ints
    shares: Floats


@compiled
def ask(k: int, features: Floats, bins: Ints, starts: Ints, asked: Coalitions | None, own: Floats) -> None:
    """Add network k to the contributions ``own`` (m, F) of records (F, m) in bins (F, m); compiled away for None.

    Equal records, as draws of one field often are, are asked about once.
    """
    if asked is not None:
        alike, sums = _first_alike(features), np.zeros(own.shape)
        most, units = asked.used.shape[0], asked.unit_start[k + 1] - asked.unit_start[k]
        terms, rises, levels = np.empty((most, units)), np.empty((most, units)), np.empty((most + 1, units))
        worth, places = np.empty(asked.sizes.shape[0]), np.empty(most, np.int64)
        room = np.empty((2, _widest(asked)))
        for r in range(features.shape[1]):
            if alike[r] != r:
                continue
            for p in range(most):
                f = asked.used[p]
                _term(k, starts[f] + 2 * f + bins[f, r], f, features[f, r], asked, terms[p])
            for b in range(asked.rows.shape[0]):
                apart = _apart(k, r, b, features, starts, asked, terms, places, rises)
                _answers(k, b, apart, asked, rises, levels, room, worth)
                _share(apart, asked.sizes, asked.shares[apart], worth, places, sums[r])
        for r in range(own.shape[0]):
            for f in range(own.shape[1]):
                own[r, f] += sums[alike[r], f] / asked.rows.shape[0]


@part
def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


@part
def _first_alike(features: Floats) -> Ints:
    """For each record, (m,), the first one with the same features."""
    first = np.empty(features.shape[1], np.int64)
    for r in range(features.shape[1]):
        first[r] = r
        for other in range(r):
            alike = first[other] == other
            for f in range(features.shape[0]):
                if not alike:
                    break
                alike = _same(features[f, other], features[f, r])
            if alike:
                first[r] = other
                break
    return first


@part
def _widest(asked: Coalitions) -> int:
    most = 1
    for layer in range(asked.widths.shape[0]):
        most = max(most, asked.widths[layer, 0])
    return most


@part
def _term(k: int, step: int, f: int, value: float, asked: Coalitions, out: Floats) -> None:
    """What the units of network k take of feature f."""
    start = asked.unit_start[k]
    known = 0.0 if math.isnan(value) else value
    for u in range(out.shape[0]):
        out[u] = asked.steps[step, start + u] + asked.slopes[f, start + u] * known


@part
def _apart(
    k: int,
    r: int,
    b: int,
    features: Floats,
    starts: Ints,
    asked: Coalitions,
    terms: Floats,
    places: Ints,
    rises: Floats,
) -> int:
    """How many features of record and applicant differ; which, and what the units rise by from his to the record's."""
    apart = 0
    for p in range(asked.used.shape[0]):
        f = asked.used[p]
        if not _same(features[f, r], asked.rows[b, f]):
            places[apart] = f
            _term(k, starts[f] + 2 * f + asked.row_bins[b, f], f, asked.rows[b, f], asked, rises[apart])
            for u in range(rises.shape[1]):
                rises[apart, u] = terms[p, u] - rises[apart, u]
            apart += 1
    return apart


@part
def _answers(
    k: int, b: int, apart: int, asked: Coalitions, rises: Floats, levels: Floats, room: Floats, worth: Floats
) -> None:
    """The worth of all 2^apart coalitions, by their sets of bits.

    A network of one hidden layer, as most are, is worked out without a call for each: its arrays would take longer to
    hand over than to read.
    """
    first, last, at = asked.unit_start[k], asked.unit_start[k + 1], asked.layer_start[k]
    for u in range(last - first):
        levels[0, u] = asked.first[b, first + u]
    if asked.layer_start[k + 1] - at == 1 and asked.activations[k] == RELU:
        weights = asked.weights[asked.weight_start[at] : asked.weight_start[at] + last - first]
        _shallow(apart, asked.sizes, rises, levels, weights, asked.biases[asked.bias_start[at]], worth)
        if asked.answers[k] == LOGISTIC:
            for coalition in range(1 << apart):
                worth[coalition] = _logistic(worth[coalition])
    else:
        for coalition in range(1 << apart):
            _join(coalition, asked.sizes, rises, levels)
            worth[coalition] = _answer(k, levels[asked.sizes[coalition]], asked, room)


@part
def _shallow(
    apart: int, sizes: Ints, rises: Floats, levels: Floats, weights: Floats, bias: float, worth: Floats
) -> None:
    """Of one hidden layer of rectified units."""
    for coalition in range(1 << apart):
        _join(coalition, sizes, rises, levels)
        worth[coalition] = bias + _rectified(levels[sizes[coalition]], weights)


@part
def _rectified(units: Floats, weights: Floats) -> float:
    """In four sums, so that they need not wait for one another."""
    a, b, c, d, whole = 0.0, 0.0, 0.0, 0.0, units.shape[0] - units.shape[0] % 4
    for u in range(0, whole, 4):
        a += weights[u] * units[u] if units[u] > 0.0 else 0.0
        b += weights[u + 1] * units[u + 1] if units[u + 1] > 0.0 else 0.0
        c += weights[u + 2] * units[u + 2] if units[u + 2] > 0.0 else 0.0
        d += weights[u + 3] * units[u + 3] if units[u + 3] > 0.0 else 0.0
    for u in range(whole, units.shape[0]):
        a += weights[u] * units[u] if units[u] > 0.0 else 0.0
    return (a + b) + (c + d)


@part
def _join(coalition: int, sizes: Ints, rises: Floats, levels: Floats) -> None:
    """The units of a coalition, at its size in ``levels``.

    In ascending order a set comes right after those that extend the one without its lowest bit, whose units therefore
    still stand at one size less.
    """
    if coalition:
        size = sizes[coalition]
        units, before, rise = levels[size], levels[size - 1], rises[sizes[(coalition & -coalition) - 1]]
        for u in range(units.shape[0]):
            units[u] = before[u] + rise[u]


@part
def _answer(k: int, units: Floats, asked: Coalitions, room: Floats) -> float:
    """Network k's answer where its first layer takes ``units``."""
    _activate(asked.activations[k], units, room[0])
    last, turn = asked.layer_start[k + 1] - 1, 0
    for layer in range(asked.layer_start[k], last):
        width = asked.widths[layer, 1]
        _dense(layer, asked, room[turn], room[1 - turn])
        turn = 1 - turn
        _activate(asked.activations[k], room[turn, :width], room[turn])
    at, total = asked.weight_start[last], asked.biases[asked.bias_start[last]]
    for i in range(asked.widths[last, 0]):
        total += room[turn, i] * asked.weights[at + i]
    return _logistic(total) if asked.answers[k] == LOGISTIC else total


@part
def _dense(layer: int, asked: Coalitions, seen: Floats, out: Floats) -> None:
    at, width = asked.weight_start[layer], asked.widths[layer, 1]
    for j in range(width):
        out[j] = asked.biases[asked.bias_start[layer] + j]
    for i in range(asked.widths[layer, 0]):
        value, row = seen[i], at + i * width
        for j in range(width):
            out[j] += value * asked.weights[row + j]


@part
def _activate(kind: int, units: Floats, out: Floats) -> None:
    if kind == RELU:
        for u in range(units.shape[0]):
            out[u] = max(units[u], 0.0)
    elif kind == IDENTITY:
        for u in range(units.shape[0]):
            out[u] = units[u]
    elif kind == TANH:
        for u in range(units.shape[0]):
            out[u] = math.tanh(units[u])
    else:
        for u in range(units.shape[0]):
            out[u] = _logistic(units[u])


@part
def _logistic(x: float) -> float:
    odds = math.exp(-abs(x))
    return (odds if x < 0.0 else 1.0) / (1.0 + odds)


@part
def _share(apart: int, sizes: Ints, shares: Floats, worth: Floats, places: Ints, sums: Floats) -> None:
    """Add the Shapley values of one applicant's game; ``shares`` (d,) by the size of a coalition.

    A coalition's worth counts by the share of one size less for each feature in it, and against each outside by its
    own. Taking the latter for all features first, those of one feature are the sum over the sets that hold it, and all
    these sums are made by folding the upper half onto the lower, bit by bit. What is in ``worth`` is spent.
    """
    against = 0.0
    for coalition in range(1 << apart):
        size = sizes[coalition]
        outside = worth[coalition] * shares[size] if size < apart else 0.0
        inside = worth[coalition] * shares[size - 1] if size > 0 else 0.0
        against += outside
        worth[coalition] = inside + outside
    for p in range(apart - 1, -1, -1):
        half, total = 1 << p, 0.0
        lower, upper = worth[:half], worth[half : 2 * half]
        for i in range(half):
            total += upper[i]
            lower[i] += upper[i]
        sums[places[p]] += total - against

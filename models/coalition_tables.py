"""Networks as a bundle stores them: among the arrays of its leaf games, under names that begin with ``ask_``.

With them lie the features of the applicants a record is compared with, without anything that names them: a network's
answers cannot be summed up over a baseline beforehand, as those of trees can.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

from models.coalitions import Coalitions
from models.network import ACTIVATIONS, IDENTITY, LOGISTIC
from models.runs import are_starts
from models.stored_arrays import StoredArrays

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_JOINED = 20
"""Features a coalition may be made of, whatever a bundle says: 2^20 answers to one applicant."""


@dataclass(frozen=True)
class CoalitionTables(StoredArrays):
    """``models.coalitions.Coalitions`` as stored. ``compared``, shape (2,): the applicants ``rows``, and those of the
    whole baseline, of which they are all or an evenly spread part."""

    prefix = "ask_"

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
    compared: Ints

    def used(self, starts: Ints) -> Ints:
        """The features that move any unit, (P,)."""
        return used_features(self.steps, self.slopes, starts)

    def coalitions(self, starts: Ints) -> Coalitions:
        """As the kernel reads it; ``starts`` (F + 1,): of the features' cuts."""
        arrays = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "compared"}
        used = self.used(starts)
        first = self.offsets + np.zeros((len(self.rows), 1))
        for f in range(len(self.slopes)):
            first += self.steps[starts[f] + 2 * f + self.row_bins[:, f]]
            first += self.slopes[f] * np.where(np.isnan(self.rows[:, f]), 0.0, self.rows[:, f])[:, None]
        sizes = np.array([coalition.bit_count() for coalition in range(1 << len(used))], np.int64)
        return Coalitions(**arrays, first=first, used=used, sizes=sizes, shares=shares(len(used)))

    def fit(self, members: int, bins: Ints) -> bool:
        """Whether all that the kernel indexes without a bounds check lies inside; ``bins`` (F,): of each feature."""
        return _typed(self) and _shaped(self, members, bins) and _layered(self)


def used_features(steps: Floats, slopes: Floats, starts: Ints) -> Ints:
    """The features that move any unit, (P,)."""
    found = []
    for f in range(len(slopes)):
        own = steps[starts[f] + 2 * f : starts[f + 1] + 2 * f + 2]
        if slopes[f].any() or (own != own[0]).any():
            found.append(f)
    return np.array(found, np.int64)


def shares(most: int) -> Floats:
    """``Coalitions.shares`` for up to so many features."""
    out = np.zeros((most + 1, most + 1))
    for d in range(1, most + 1):
        for s in range(d):
            out[d, s] = factorial(s) * factorial(d - s - 1) / factorial(d)
    return out


_REAL = ("offsets", "steps", "slopes", "weights", "biases", "rows")
_SQUARE = ("steps", "slopes", "widths", "rows", "row_bins")


def _typed(t: CoalitionTables) -> bool:
    names = t.__dataclass_fields__
    return (
        all(getattr(t, name).dtype == (np.float64 if name in _REAL else np.int64) for name in names)
        and all(getattr(t, name).flags.c_contiguous for name in names)
        and all(getattr(t, name).ndim == (2 if name in _SQUARE else 1) for name in names)
    )


def _shaped(t: CoalitionTables, members: int, bins: Ints) -> bool:
    """First layers and applicants fit to the features and their bins."""
    units, features = len(t.offsets), len(bins)
    return bool(
        are_starts(t.unit_start, members, units)
        and (np.diff(t.unit_start) > 0).all()
        and t.slopes.shape == (features, units)
        and t.steps.shape == (int(bins.sum()), units)
        and len(t.rows)
        and t.rows.shape == t.row_bins.shape == (len(t.rows), features)
        and ((t.row_bins >= 0) & (t.row_bins < bins)).all()
        and t.compared.shape == (2,)
        and t.compared[0] == len(t.rows) <= t.compared[1]
        and len(t.used(np.concatenate([[0], np.cumsum(bins - 2)]))) <= MOST_JOINED
    )


def _layered(t: CoalitionTables) -> bool:
    """Each network's further layers: the first takes its units, each what the one before gives, the last gives one."""
    layers = len(t.widths)
    if not (
        are_starts(t.layer_start, len(t.unit_start) - 1, layers)
        and (np.diff(t.layer_start) > 0).all()
        and t.widths.shape == (layers, 2)
        and (t.widths > 0).all()
        and are_starts(t.weight_start, layers, len(t.weights))
        and are_starts(t.bias_start, layers, len(t.biases))
        and (np.diff(t.weight_start) == t.widths[:, 0] * t.widths[:, 1]).all()
        and (np.diff(t.bias_start) == t.widths[:, 1]).all()
        and t.activations.shape == t.answers.shape == (len(t.unit_start) - 1,)
        and np.isin(t.activations, tuple(ACTIVATIONS.values())).all()
        and np.isin(t.answers, (IDENTITY, LOGISTIC)).all()
    ):
        return False
    heads, tails = t.layer_start[:-1], t.layer_start[1:] - 1
    inner = np.setdiff1d(np.arange(layers), heads)
    return bool(
        (t.widths[heads, 0] == np.diff(t.unit_start)).all()
        and (t.widths[tails, 1] == 1).all()
        and (t.widths[inner, 0] == t.widths[inner - 1, 1]).all()
    )

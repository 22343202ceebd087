"""Networks laid out to be asked, with the baseline or the part of it that a record can be compared with in time.

Counted, not timed: the same data give the same bundle. The count is the most a record can take, with every feature
other than every applicant's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError
from models.coalition_tables import CoalitionTables, used_features
from models.network import IDENTITY, LOGISTIC, RELU, TANH, Network
from models.runs import starts_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_STEPS = 20_000_000
"""Multiplications a record may take, each with its addition: some 10 ms, and that for each draw of a number that did
not arrive."""
FEWEST = 100
"""Of a baseline that has more, so many applicants at least must be compared with; else the model is refused."""
_ACTIVATION = {IDENTITY: 0, RELU: 1, LOGISTIC: 16, TANH: 16}
"""What one unit's takes, in steps."""
_CALLED = 100
"""What an answer takes, in steps, where it is not that of one hidden layer of rectified units."""


class Layout(NamedTuple):
    """Networks without a baseline; arrays as in ``models.coalitions.Coalitions``. ``used``: the features they read."""

    networks: tuple[Network, ...]
    unit_start: Ints
    offsets: Floats
    steps: Floats
    slopes: Floats
    used: Ints

    @property
    def evaluations(self) -> int:
        """Coalitions that are asked about, of a record and one applicant."""
        return 1 << len(self.used)

    @property
    def per_applicant(self) -> int:
        """Steps, at most, of a record and one applicant."""
        return self.evaluations * sum(map(_steps, self.networks))


def _steps(network: Network) -> int:
    """Of one answer: the first layer is added to, the others are worked out."""
    units = sum(len(biases) for biases in network.biases[:-1])
    inner = sum(weights.size for weights in network.weights[1:])
    plain = len(network.weights) == 2 and network.activation == RELU
    called = 0 if plain else _CALLED
    return called + len(network.biases[0]) + inner + units * _ACTIVATION[network.activation]


def lay_out(networks: Sequence[Network], terms: Sequence[tuple[Floats, Floats]], starts: Ints) -> Layout:
    """``terms``: of each network's first layer, slopes (F, U) and steps (B, U); ``starts`` (F + 1,) of the cuts."""
    slopes = np.ascontiguousarray(np.concatenate([own for own, _ in terms], axis=1))
    steps = np.ascontiguousarray(np.concatenate([own for _, own in terms], axis=1))
    return Layout(
        networks=tuple(networks),
        unit_start=starts_of([network.weights[0].shape[1] for network in networks]),
        offsets=np.concatenate([network.biases[0] for network in networks]),
        steps=steps,
        slopes=slopes,
        used=used_features(steps, slopes, starts),
    )


def compared(layout: Layout, sums: Floats, *, more: int = 1) -> Ints:
    """Rows of a baseline that records are compared with, ascending; ``sums`` (n,): what the networks give them.

    All, or, in the order of those sums, every second, every fourth and so on, within ``more`` times MOST_STEPS. Raises
    ConfigurationError where there is no time for FEWEST of them.
    """
    order, step = np.argsort(sums, kind="stable"), 1
    while layout.per_applicant * len(order[step // 2 :: step]) > more * MOST_STEPS:
        step *= 2
        if len(order[step // 2 :: step]) < FEWEST:
            raise ConfigurationError(_too_many(layout, min(FEWEST, len(order))))
    return np.sort(order[step // 2 :: step])


def _too_many(layout: Layout, applicants: int) -> str:
    used, evaluations = len(layout.used), layout.evaluations * applicants
    return (
        f"the network reads {used} features: compared with only {applicants} applicants, a record takes 2^{used} × "
        f"{applicants} = {evaluations:,} evaluations, which are {layout.per_applicant * applicants:,} steps, allowed "
        f"are {MOST_STEPS:,}; and as many for each draw of a field that did not arrive; give it fewer features (each "
        "halves them), fewer units or layers, or choose a kind of model that is made of trees or weights (model: kind)"
    )


def tables(layout: Layout, rows: Floats, row_bins: Ints, asked: int) -> CoalitionTables:
    """To be stored, with these applicants (n, F), their bins, and how many there would be to compare with."""
    inner = [(w, b) for network in layout.networks for w, b in _further(network)]
    counts: list[Any] = [len(_further(network)) for network in layout.networks]
    return CoalitionTables(
        unit_start=layout.unit_start,
        offsets=layout.offsets,
        steps=layout.steps,
        slopes=layout.slopes,
        layer_start=starts_of(counts),
        widths=np.array([w.shape for w, _ in inner], np.int64),
        weight_start=starts_of([w.size for w, _ in inner]),
        weights=np.concatenate([w.ravel() for w, _ in inner]),
        bias_start=starts_of([len(b) for _, b in inner]),
        biases=np.concatenate([b for _, b in inner]),
        activations=np.array([network.activation for network in layout.networks], np.int64),
        answers=np.array([network.answer for network in layout.networks], np.int64),
        rows=np.ascontiguousarray(rows),
        row_bins=np.ascontiguousarray(row_bins),
        compared=np.array([len(rows), asked], np.int64),
    )


def _further(network: Network) -> list[tuple[Floats, Floats]]:
    return list(zip(network.weights[1:], network.biases[1:], strict=True))

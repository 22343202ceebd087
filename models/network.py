"""A neural network as a member's sum: dense layers over the columns a pipeline makes of the features.

Worked out here layer by layer with numpy, to train and as referee; the kernel has its own way (models/coalitions.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
IDENTITY, RELU, LOGISTIC, TANH = range(4)
ACTIVATIONS = {"identity": IDENTITY, "relu": RELU, "logistic": LOGISTIC, "tanh": TANH}
"""scikit-learn's names."""


def logistic(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    odds = np.exp(-np.abs(x))
    return np.where(x < 0, odds, 1.0) / (1.0 + odds)


_APPLIED: dict[int, Callable[[Floats], Floats]] = {
    IDENTITY: lambda x: x,
    RELU: lambda x: np.maximum(x, 0.0),
    LOGISTIC: logistic,
    TANH: np.tanh,
}


@dataclass(frozen=True)
class Network:
    """``weights``: of each layer (in, out), the last one's out is 1; ``biases``: (out,). ``activation`` follows every
    layer but the last, ``answer`` (IDENTITY or LOGISTIC) the last."""

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    activation: int
    answer: int = IDENTITY

    def sums(self, columns: Floats) -> Floats:
        """What it answers, (n,), to columns (n, C)."""
        seen = columns
        for weights, biases in zip(self.weights[:-1], self.biases[:-1], strict=True):
            seen = _APPLIED[self.activation](seen @ weights + biases)
        return _APPLIED[self.answer](seen @ self.weights[-1] + self.biases[-1])[:, 0]

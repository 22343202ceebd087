"""Runs of different lengths end to end in one array: where each starts, and behind that where the last one ends."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def starts_of(lengths: Any) -> Ints:
    """Where each of the n runs starts and the last one ends, (n + 1,); ``lengths`` (n,) in elements.

    >>> starts_of([2, 0, 3]).tolist()
    [0, 2, 2, 5]
    """
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.asarray(lengths, np.int64))])


def are_starts(starts: Ints, count: int, total: int) -> bool:
    """Whether these are the starts of ``count`` runs that fill ``total`` elements.

    >>> are_starts(starts_of([2, 0, 3]), 3, 5), are_starts(starts_of([2, 0, 3]), 3, 4)
    (True, False)
    """
    return len(starts) == count + 1 and bool(starts[0] == 0 and starts[-1] == total and (np.diff(starts) >= 0).all())

"""The patterns of a baseline, or of the part of it that a record can be compared with in time.

Where a whole baseline has too many patterns, an evenly spread part stands for it: of its applicants, in the order of
what the trees give them, every second, every fourth and so on. Counted, not timed: the same data give the same bundle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError
from models.training_clock import seconds
from models.walk_layout import Layout
from models.walk_tables import WalkTables
from models.walks import FEATURE, Walks, count_patterns, walk

Ints = NDArray[np.int64]
MOST_PATTERNS = 6_000_000
"""Patterns that a record is compared with (48 MB): some 10 ms, and that for each draw where a field is drawn."""
FEWEST = 100
"""Of a baseline that has more, so many applicants at least must be compared with; else the model is refused."""
_TIMED = 200_000
"""Patterns that the time in a refusal is measured with."""


def compared(layout: Layout, bins: Ints, *, more: int = 1) -> tuple[Ints, WalkTables]:
    """Rows of a baseline in bins (n, F) that records are compared with, ascending, and their patterns.

    Raises ConfigurationError where there is no time for FEWEST of them; ``more`` times MOST_PATTERNS.
    """
    order, step = np.argsort(layout.sums(bins).sum(axis=1), kind="stable"), 1
    while True:
        rows = np.sort(order[step // 2 :: step])
        found = patterns(layout, bins[rows], len(bins), more * MOST_PATTERNS)
        if isinstance(found, WalkTables):
            return rows, found
        if len(order[step :: 2 * step]) < FEWEST:
            raise ConfigurationError(_too_many(layout, bins[rows]))
        step *= 2


def patterns(layout: Layout, bins: Ints, asked: int, most: int) -> WalkTables | int:
    """Of applicants in these bins, (n, F), out of ``asked``; how many there are, where there are more than ``most``."""
    starts, room = np.zeros(len(layout.nodes) + 1, np.int64), np.empty(most, np.int64)
    columns = np.ascontiguousarray(bins.T)
    total = int(count_patterns(layout.walks(len(bins)), columns, most, room, starts))
    if total > most:
        return total
    arrays = {name: getattr(layout, name) for name in Layout.__dataclass_fields__}
    counts = np.array([len(bins), asked], np.int64)
    return WalkTables(**arrays, pattern_start=starts, patterns=room[:total].copy(), compared=counts)


def _too_many(layout: Layout, bins: Ints) -> str:
    trees, leaves = len(layout.tree_start) - 1, int((layout.nodes[:, FEATURE] < 0).sum())
    columns, nowhere = np.ascontiguousarray(bins.T), np.zeros(len(layout.nodes) + 1, np.int64)
    total = int(count_patterns(layout.walks(len(bins)), columns, 1 << 62, np.empty(0, np.int64), nowhere))
    return (
        f"the {trees:,} trees have {leaves:,} leaves: compared with only {len(bins)} applicants, a record takes "
        f"{total:,} steps, allowed are {MOST_PATTERNS:,}; {_microseconds(layout, columns, total):,.0f} µs as measured "
        "here, and as long for each draw of a field that did not arrive; fit fewer trees, or let their leaves hold "
        "more (model: depth, trees, min_samples_leaf)"
    )


def _microseconds(layout: Layout, columns: Ints, total: int) -> float:
    """Of ``total`` patterns, measured on the first of them."""
    starts, room = np.zeros(len(layout.nodes) + 1, np.int64), np.empty(_TIMED, np.int64)
    walks = layout.walks(columns.shape[1])
    count_patterns(walks, columns, _TIMED, room, starts)
    starts = np.minimum(np.maximum.accumulate(starts), _TIMED)
    bare, some = _seconds(walks, columns), _seconds(walks._replace(pattern_start=starts, patterns=room), columns)
    return 1e6 * (bare + max(0.0, some - bare) * total / max(1, int(starts[-1])))


def _seconds(walks: Walks, columns: Ints) -> float:
    """For one record, the best of three."""
    record = np.ascontiguousarray(columns[:, :1])

    def explain() -> None:
        for k in range(len(walks.member_start) - 1):
            walk(k, record, walks, False, np.zeros((1, len(record))))

    explain()
    return min(seconds(explain) for _ in range(3))

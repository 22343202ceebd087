"""The points scale, and how published points are rounded.

score = offset + factor * ln(odds good : bad), factor = points_to_double / ln 2. The default gives 600 points at odds
of 50 : 1 and doubles the odds every 20 points: factor 28.8539, offset 487.123.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal


@dataclass(frozen=True, slots=True)
class Scale:
    """Log-odds to points. ``points_to_double``: points that double the odds good : bad.

    >>> scale = Scale()
    >>> round(scale.factor, 4), round(scale.offset, 3), round(scale.score(1 / 51), 6)
    (28.8539, 487.123, 600.0)
    """

    points_to_double: float = 20.0
    anchor_score: float = 600.0
    anchor_odds: float = 50.0

    @property
    def factor(self) -> float:
        return self.points_to_double / math.log(2.0)

    @property
    def offset(self) -> float:
        return self.anchor_score - self.factor * math.log(self.anchor_odds)

    def score(self, pd: float) -> float:
        """Score in points, unrounded, of a probability of default in (0, 1)."""
        return self.offset + self.factor * math.log((1.0 - pd) / pd)

    def pd(self, score: float) -> float:
        """Probability of default in (0, 1) of a score in points."""
        return 1.0 / (1.0 + math.exp((score - self.offset) / self.factor))


def apportioned(parts: Sequence[float], total: Decimal, places: int) -> tuple[Decimal, ...]:
    """Parts rounded to ``places`` digits so that they sum to ``total`` exactly (largest remainder).

    Each part is floored; the units still missing go one each to the parts with the largest remainders, ties to the
    earlier part. ``total`` may differ from the parts' own sum by rounding only: a part never moves by more than one
    unit unless it does. Raises ValueError when total is not a multiple of the unit.

    >>> apportioned([1.234, 2.345, 3.421], Decimal("7.00"), 2)
    (Decimal('1.23'), Decimal('2.35'), Decimal('3.42'))
    """
    unit = Decimal(1).scaleb(-places)
    if total != total.quantize(unit):
        raise ValueError(f"{total} is not a multiple of {unit}")
    if not parts:
        return ()
    exact = [Decimal(p) for p in parts]
    floors = [p.quantize(unit, rounding=ROUND_FLOOR) for p in exact]
    missing = int((total - sum(floors)) / unit)
    order = sorted(range(len(parts)), key=lambda i: (floors[i] - exact[i], i))
    every, extra = divmod(missing, len(parts))
    lucky = set(order[:extra])
    return tuple(f + (every + (i in lucky)) * unit for i, f in enumerate(floors))

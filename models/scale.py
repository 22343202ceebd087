"""The points scale.

score = offset + factor * ln(odds good : bad), factor = points_to_double / ln 2. The default gives 600 points at odds
of 50 : 1 and doubles the odds every 20 points: factor 28.8539, offset 487.123.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

LOWEST: Final = 0
HIGHEST: Final = 999
"""The least and the greatest score an answer has room for: what lies beyond is published as these."""


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

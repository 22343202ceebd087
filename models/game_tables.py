"""Leaf games as a bundle stores them, and a compiled model: its tables, and its games where tables do not hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError
from models.coalition_tables import CoalitionTables
from models.games import ISOTONIC, MARGIN, PROBABILITY, SIGMOID, Games
from models.runs import are_starts
from models.tables import Grid, Tables
from models.walk_tables import WalkTables

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_SIDES = 10
"""Features on a path whose answers are all kept (2^10 per leaf); beyond, they are worked out per record."""


@dataclass(frozen=True)
class GameTables:
    """``models.games.Games`` as stored; ``base`` (2, K) and ``start`` (2,) in both forms, interventional first.

    ``direct``, shape (1,): whether the hot path is path-dependent too, as in bundles made before trees were walked.
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
    start: Floats
    direct: Ints
    walks: WalkTables | None = None
    coalitions: CoalitionTables | None = None

    @property
    def leaves(self) -> int:
        """Of all trees."""
        return self.walks.leaves if self.walks else len(self.values)

    def effort(self, starts: Ints) -> int:
        """What a record takes beyond looking up: patterns of walked trees, or evaluations of networks."""
        if self.coalitions:
            return len(self.coalitions.rows) << len(self.coalitions.used(starts))
        return len(self.walks.patterns) if self.walks else 0

    def games(self, starts: Ints, *, path_dependent: bool = False) -> Games:
        """As the kernel reads them; ``starts`` (F + 1,): of the features' cuts."""
        form = int(path_dependent)
        arrays = {name: getattr(self, name) for name in _SHARED}
        direct = bool(self.direct[0]) or path_dependent
        return Games(
            **arrays,
            base=self.base[form],
            start=float(self.start[form]),
            direct=direct,
            walks=self.walks.walks() if self.walks else None,
            coalitions=self.coalitions.coalitions(starts) if self.coalitions else None,
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        own = {name: getattr(self, name) for name in _STORED}
        walks = self.walks.arrays() if self.walks else {}
        return own | walks | (self.coalitions.arrays() if self.coalitions else {})

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], tables: Tables) -> GameTables:
        """Rebuild from ``arrays()``; raises ConfigurationError unless they fit together and to the tables' bins."""
        walked, asked = WalkTables.among(arrays), CoalitionTables.among(arrays)
        further = (WalkTables.names() if walked else frozenset()) | (CoalitionTables.names() if asked else frozenset())
        missing = sorted({*_STORED, *further} ^ arrays.keys())
        if missing:
            raise ConfigurationError(f"the leaf games lack or do not know the arrays: {', '.join(missing)}")
        walks = WalkTables.from_arrays(arrays) if walked else None
        coalitions = CoalitionTables.from_arrays(arrays) if asked else None
        found = cls(**{name: arrays[name] for name in _STORED}, walks=walks, coalitions=coalitions)
        if not _fits(found, tables):
            raise ConfigurationError("the leaf games do not fit together: build the bundle again")
        return found


_STORED = tuple(name for name in GameTables.__dataclass_fields__ if name not in ("walks", "coalitions"))
_SHARED = tuple(name for name in _STORED if name not in ("base", "start", "direct"))


ROUTES = {
    "pair_tables": "tables of feature pairs, interventional against the baseline",
    "linear": "each feature's own term, interventional against the baseline",
    "leaf_tables": "a table per leaf over the features on its path, interventional against the baseline",
    "tree_walks": "trees walked per record with the applicants compared with, interventional against the baseline",
    "coalitions": "every coalition of features evaluated, interventional against the applicants compared with",
    "path_dependent": "worked out per record, path-dependent: against the trees' own training shares",
}
"""How contributions are made, in the order of preference."""


class Compiled(NamedTuple):
    """A model ready to score. ``games`` is None where the tables hold all of it."""

    tables: Tables
    games: GameTables | None

    def grid(self, *, path_dependent: bool = False) -> Grid:
        return grid_of(self.tables, self.games, path_dependent=path_dependent)

    @property
    def compared(self) -> tuple[int, int]:
        """Where a record takes long, the applicants of the baseline that it is compared with, and all of it."""
        slow = (self.games.walks or self.games.coalitions) if self.games else None
        return (int(slow.compared[0]), int(slow.compared[1])) if slow else (0, 0)

    @property
    def slow(self) -> bool:
        """Whether a record is worked out with all it is compared with, a thousand times as long as from tables."""
        return self.compared[0] > 0

    @property
    def partly(self) -> bool:
        """Whether records are compared with only a part of the baseline."""
        return self.compared[0] < self.compared[1]

    @property
    def route(self) -> str:
        """One of ROUTES."""
        if self.games is None:
            return "pair_tables"
        if self.games.walks:
            return "tree_walks"
        if self.games.coalitions:
            return "coalitions"
        if not len(self.games.values):
            return "linear"
        return "path_dependent" if self.games.direct[0] else "leaf_tables"


def grid_of(tables: Tables, games: GameTables | None, *, path_dependent: bool = False) -> Grid:
    """What the kernel reads, in one of the two forms."""
    grid = tables.grid(path_dependent=path_dependent)
    return grid if games is None else grid._replace(games=games.games(tables.starts, path_dependent=path_dependent))


def _fits(g: GameTables, tables: Tables) -> bool:
    """Everything the kernel indexes without a bounds check must lie inside its array."""
    members, features = len(g.links), tables.n_features
    sizes, bins = np.diff(g.side_start), np.diff(tables.starts) + 2
    whole = all(getattr(g, name).dtype == np.int64 and getattr(g, name).ndim == 1 for name in _WHOLE)
    real = all(getattr(g, name).dtype == np.float64 for name in _STORED if name not in _WHOLE)
    if not (whole and real and members and len(g.direct) == 1):
        return False
    return bool(
        g.slopes.shape == (members, features)
        and g.steps.shape == (members, int(bins.sum()))
        and g.curve.shape == (members, 2)
        and g.base.shape == (2, members)
        and g.start.shape == (2,)
        and ((g.start > 0) & (g.start < 1)).all()
        and np.isin(g.links, (MARGIN, PROBABILITY, SIGMOID, ISOTONIC)).all()
        and (members == 1 or MARGIN not in g.links)
        and are_starts(g.knot_start, members, len(g.knots))
        and g.knots.ndim == 2
        and g.knots.shape[1] == 2
        and (np.diff(g.knot_start)[g.links == ISOTONIC] > 0).all()
        and are_starts(g.member_start, members, len(g.values))
        and are_starts(g.side_start, len(g.values), len(g.side_feature))
        and (sizes <= features).all()
        and len(g.covers) == len(g.side_feature) == len(g.side_word)
        and ((g.side_feature >= 0) & (g.side_feature < features)).all()
        and (g.side_word >= 0).all()
        and (g.side_word + (bins[g.side_feature] + 63) // 64 <= len(g.words)).all()
        and are_starts(g.cell_start, len(g.values), len(g.cells))
        and (g.direct[0] or (np.diff(g.cell_start) == sizes << np.minimum(sizes, MOST_SIDES)).all())
        and (g.direct[0] or (sizes <= MOST_SIDES).all())
        and g.quadrature.shape == (int(sizes.max() + 1) // 2 if len(sizes) else 0, 2)
        and all(getattr(g, name).ndim == 1 for name in ("cells", "values", "covers", "start"))
        and (g.walks is None or g.walks.fit(members, bins))
        and (g.coalitions is None or g.coalitions.fit(members, bins))
    )


_WHOLE = (
    "links", "knot_start", "member_start", "side_start", "side_feature", "side_word", "words", "cell_start", "direct",
)  # fmt: skip

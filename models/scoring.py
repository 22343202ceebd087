"""Scores records with a bundle: one record or many, through the same kernel.

What was not carried, was rejected, or was left blank without support in training is drawn by the imputer; a supported
blank is scored as the model learned it. The drawn fields, and only they, are listed in ``Scored.imputed``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.errors import InternalFault
from contracts.types import Record, State
from models.bundle import Bundle
from models.features import number_of, value_of
from models.kernel import Kernel, ScoredColumns, ScoringModel, attribute
from models.types import Scored

if TYPE_CHECKING:
    from contracts.columns import ColumnRecords

MOST_REMEMBERED = 4096
"""Sets of states whose holes are kept: the records of one integration mostly share a few."""
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Holes(NamedTuple):
    """The fields of one record that are drawn, shape (1, fields), and whether there is any."""

    rows: Bools
    any: bool


class Explanation(NamedTuple):
    """Path-dependent contributions of one record (of weights and networks, which have no paths, those of
    ``Scored``), in score points: ``base + features.sum()`` is its score where nothing
    was drawn; means over the draws otherwise. ``features`` (F,) in the bundle's order, ``groups`` (G,) their sums."""

    base: float
    features: Floats
    groups: Floats


class Scorer:
    """A bundle, ready to score. A pure function of its arguments; usable from several threads."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._numbers = tuple(zip(map(number_of, bundle.fields), bundle.positions, strict=True))
        self._supported = tuple(
            (at, bundle.supports_blank(f.name)) for f, at in zip(bundle.fields, bundle.positions, strict=True)
        )
        self._holes = lru_cache(MOST_REMEMBERED)(self._find_holes)
        groups = [g.name for g in bundle.groups]
        tables, scale = bundle.tables, bundle.scale
        self._model = ScoringModel(
            program=bundle.feature_set.program,
            grid=bundle.grid(),
            group_of=np.array([groups.index(f.group) for f in bundle.features], dtype=np.int64),
            groups=len(groups),
            base=tables.base_value() + bundle.log_odds_shift,
            offset=scale.offset,
            factor=scale.factor,
            imputer=bundle.imputer.tables,
            points=bundle.imputer.points,
        )
        self._kernel = Kernel(self._model)
        self.base = scale.offset - scale.factor * self._model.base
        """Score points of the baseline: ``Scored.base`` of every record."""

    def warm(self) -> None:
        """Compile the kernels, or load them from the cache."""
        self._kernel.warm(len(self.bundle.fields))

    def score(self, record: Record) -> Scored:
        """Score one record of the bundle's contract; the same digits whatever is scored beside it.

        ``score_min`` and ``score_max`` are, of the D single draws' scores, the k-th lowest and the k-th highest, with
        k = ceil(0.05 D) (the 7th of 128): actual draws, nothing interpolated; moved outward to the score itself where
        it lies beyond them, being that of the mean probability. The same rule bounds the drawn values of a number.
        """
        holes, x = self._holes(record.states), self._numbered([record])
        if not holes.any:
            summary, points = self._kernel.complete(x)
            pd, score, low, high, information = summary[0].tolist()
            return Scored(pd, score, low, high, self.base, points[0], information, None, {})
        out = self._kernel.drawn(x, holes.rows)
        pd, score, low, high, information = out.summary[0].tolist()
        imputed = self.bounds(holes.rows[0], out.bounds[0])
        return Scored(pd, score, low, high, self.base, out.points[0], information, out.draw_scores[0], imputed)

    def score_columns(self, x: Floats, missing: Bools) -> ScoredColumns:
        """Score n records: x and missing have shape (n, fields), in ``Bundle.fields`` order (see ``columns``)."""
        width = len(self.bundle.fields)
        if x.shape != missing.shape or x.shape[1:] != (width,):
            raise InternalFault(f"expected two arrays of shape (n, {width}), got {x.shape} and {missing.shape}")
        rows = np.ascontiguousarray(x, dtype=np.float64)
        holes = np.ascontiguousarray(missing, dtype=np.bool_)
        return self._kernel.records(rows, holes)

    def columns(self, records: Sequence[Record]) -> tuple[Floats, Bools]:
        """Records as numbers, shape (n, fields), NaN where there is none, and which of them are to be drawn."""
        x = self._numbered(records)
        return x, np.array([self._holes(record.states).rows[0] for record in records]).reshape(x.shape)

    def _numbered(self, records: Sequence[Record]) -> Floats:
        for record in records:
            if record.contract != self.bundle.contract:
                raise InternalFault(f"the bundle {self.bundle.ref} scores records of {self.bundle.contract} only")
        rows = [[number(record.values[at]) for number, at in self._numbers] for record in records]
        return np.array(rows, dtype=np.float64).reshape(len(records), len(self._numbers))

    def _find_holes(self, states: bytes) -> Holes:
        """Which fields are drawn: a blank only where the model has not learned it."""
        found = [states[at] > State.BLANK or (states[at] == State.BLANK and not known) for at, known in self._supported]
        return Holes(np.array([found], dtype=np.bool_), any(found))

    def arrays(self, records: ColumnRecords) -> tuple[Floats, Bools]:
        """``columns`` of records that lie in columns already."""
        if records.contract.ref != self.bundle.contract:
            raise InternalFault(f"the bundle {self.bundle.ref} scores records of {self.bundle.contract} only")
        x = np.empty((records.frame.height, len(self._numbers)))
        missing = np.zeros(x.shape, dtype=np.bool_)
        for j, (field, position) in enumerate(zip(self.bundle.fields, self.bundle.positions, strict=True)):
            x[:, j] = records.numbers(field)
            states = np.asarray(records.states[position])
            missing[:, j] = (states != State.GIVEN) & ((states != State.BLANK) | (not self._supported[j][1]))
        return x, missing

    def explain_path_dependent(self, record: Record) -> Explanation:
        """Contributions as TreeSHAP's path-dependent form gives them: against the trees' own training shares."""
        x, missing = self.columns([record])
        rows = self.bundle.imputer.draws(x[0], missing[0]) if missing.any() else x
        features = np.ascontiguousarray(self.bundle.feature_set.matrix(rows).T)
        contributions = np.empty_like(features)
        attribute(features, self.bundle.grid(path_dependent=True), contributions)
        scale = self.bundle.scale
        points = -scale.factor * (contributions.sum(axis=1) / len(rows))
        groups = np.zeros(self._model.groups)
        np.add.at(groups, self._model.group_of, points)
        margin = self.bundle.tables.base_value(path_dependent=True) + self.bundle.log_odds_shift
        return Explanation(scale.offset - scale.factor * margin, points, groups)

    def path_dependent(self, record: Record) -> Floats:
        """Path-dependent points per reason group, (G,), in the bundle's group order."""
        return self.explain_path_dependent(record).groups

    def bounds(self, missing: Bools, bounds: Floats) -> dict[int, tuple[str, str]]:
        """``Scored.imputed`` of a record, of a row of ``columns`` and one of ``ScoredColumns.bounds``."""
        fields, pairs = self.bundle.fields, bounds.tolist()
        return {
            j: (fields[j].text(value_of(fields[j], pairs[j][0])), fields[j].text(value_of(fields[j], pairs[j][1])))
            for j in np.flatnonzero(missing).tolist()
        }

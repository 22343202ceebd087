"""Exact Shapley values by table: a fitted pairwise boosting model compiled into one grid per feature pair.

A leaf is a game over the features on its path, at most two of them. Its Shapley values depend on the record only
through which bins the two features fall in, so the values of all leaves sum into one grid per pair, over the bins the
trees really cut. Two forms are kept, for a leaf of value v whose region on feature f a record satisfies (1_f) or not:

* interventional, against a baseline sample b: v(S) is v times the share of b that, with the features of S set to the
  record's, falls into the leaf. f gets v/2 [1_f q_g - q_fg + 1_f 1_g - 1_g q_f] (the mean of its marginal gains).
* path-dependent, with cover ratios p (children's share of training rows, multiplied over every split on that feature
  along the path, as in TreeSHAP): f gets v (1_f - p_f)(1_g + p_g) / 2.

Base value plus a record's contributions is the model's margin, the log-odds of the bad class. Source: Lundberg et al.,
From local explanations to global understanding with explainable AI for trees (2020), for games of order two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError
from models.games import Games
from models.runs import starts_of

Floats = NDArray[np.float64]


class Grid(NamedTuple):
    """What the kernel reads. Features count F, pairs P, cells C.

    ``thresholds``: the cuts of all features, ascending within a feature, feature f's at ``starts[f]:starts[f + 1]``;
    shape (F + 1,). A value x lies in bin ``count of cuts < x``; NaN in the bin after the last. ``pair_f``, ``pair_g``,
    ``pair_start``, ``pair_width``, shape (P,): cell of a pair = start + bin_f * width + bin_g; a feature that meets no
    other has itself as g and an empty second column. ``cells``, shape (C, 2): contributions to f and to g, log-odds.
    ``games``: what does not fit into pairs, over the same bins; None where all does.
    """

    thresholds: Floats
    starts: NDArray[np.int64]
    pair_f: NDArray[np.int64]
    pair_g: NDArray[np.int64]
    pair_start: NDArray[np.int64]
    pair_width: NDArray[np.int64]
    cells: Floats
    games: Games | None


@dataclass(frozen=True)
class Tables:
    """A compiled model: cuts and pairs once, cells and base value (log-odds of bad) in both forms."""

    thresholds: Floats
    starts: NDArray[np.int64]
    pair_f: NDArray[np.int64]
    pair_g: NDArray[np.int64]
    pair_start: NDArray[np.int64]
    pair_width: NDArray[np.int64]
    interventional: Floats
    path_dependent: Floats
    base: Floats
    """Shape (2,): base value of the interventional and of the path-dependent form."""

    @property
    def n_features(self) -> int:
        return len(self.starts) - 1

    def grid(self, *, path_dependent: bool = False) -> Grid:
        cells = self.path_dependent if path_dependent else self.interventional
        pairs = (self.pair_f, self.pair_g, self.pair_start, self.pair_width)
        return Grid(self.thresholds, self.starts, *pairs, cells, None)

    def base_value(self, *, path_dependent: bool = False) -> float:
        return float(self.base[int(path_dependent)])

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Tables:
        """Rebuild from ``arrays()``; raises ConfigurationError when they do not fit together."""
        missing = sorted(cls.__dataclass_fields__.keys() ^ arrays.keys())
        if missing:
            raise ConfigurationError(f"the score tables lack or do not know the arrays: {', '.join(missing)}")
        tables = cls(**arrays)
        _check_shapes(tables)
        return tables


def build_tables(model: Any, baseline: Floats) -> Tables:
    """Compile a fitted binary ``HistGradientBoostingClassifier`` trained with ``interaction_cst="pairwise"``.

    ``baseline``, shape (n, F) float64, NaN allowed: the features of the sample the interventional form compares with.
    Raises ConfigurationError for more than two classes, scikit-learn's own categorical features, or a path over more
    than two features.
    """
    trees = [_nodes(per_class) for per_class in model._predictors]
    sample = np.ascontiguousarray(baseline, dtype=np.float64)
    n_features = int(model.n_features_in_)
    if sample.ndim != 2 or sample.shape[1] != n_features or not len(sample):
        raise ConfigurationError(f"the baseline sample has shape {sample.shape}, the model reads {n_features} features")
    cuts = _cuts(trees, n_features)

    def split(node: Any) -> tuple[int, NDArray[np.bool_]]:
        f = int(node["feature_idx"])
        return f, _left_bins(cuts[f], float(node["num_threshold"]), bool(node["missing_go_to_left"]))

    found = (leaf for nodes in trees for leaf in leaves(nodes, split))
    return pair_tables(cuts, found, bins_of(sample, cuts), float(np.ravel(model._baseline_prediction)[0]))


def pair_tables(cuts: list[Floats], found: Iterable[Leaf], bins: NDArray[np.int64], initial: float) -> Tables:
    """Sum leaves over at most two features each into tables; ``bins``, shape (n, F), are those of the baseline."""
    sums = _Sums([len(c) + 2 for c in cuts], bins)
    for leaf in found:
        sums.add(leaf)
    return _assemble(cuts, sums, initial)


def _nodes(per_class: Any) -> NDArray[Any]:
    if len(per_class) != 1:
        raise ConfigurationError("the model has more than two classes; a score needs exactly good and bad")
    nodes: NDArray[Any] = per_class[0].nodes
    if nodes["is_categorical"].any():
        raise ConfigurationError("the model uses categorical_features; encode categories as features of the bundle")
    return nodes


def _cuts(trees: list[NDArray[Any]], n_features: int) -> list[Floats]:
    splits = np.concatenate([nodes[nodes["is_leaf"] == 0][["feature_idx", "num_threshold"]] for nodes in trees])
    return [np.unique(splits["num_threshold"][splits["feature_idx"] == f]) for f in range(n_features)]


def bins_of(sample: Floats, cuts: list[Floats]) -> NDArray[np.int64]:
    """The bin of every value of a sample, both of shape (n, F)."""
    columns = [np.searchsorted(c, sample[:, f], side="left") for f, c in enumerate(cuts)]
    bins = np.stack(columns, axis=1).astype(np.int64)
    return np.where(np.isnan(sample), np.array([len(c) + 1 for c in cuts]), bins)


class Side(NamedTuple):
    """A leaf's region on one feature: which bins lie in it, and the product of cover ratios of that feature."""

    inside: NDArray[np.bool_]
    cover: float


class Leaf(NamedTuple):
    value: float
    sides: dict[int, Side]


def leaves(
    nodes: NDArray[Any], split: Callable[[Any], tuple[int, NDArray[np.bool_]]], *, pairwise: bool = True
) -> Iterator[Leaf]:
    """The leaves of one tree. ``split`` gives a node's feature and which of its bins go left.

    ``nodes`` are laid out as in HistGradientBoosting's trees. ``pairwise`` refuses a path over more than two.
    """
    stack: list[tuple[int, dict[int, Side]]] = [(0, {})]
    while stack:
        index, sides = stack.pop()
        node = nodes[index]
        if node["is_leaf"]:
            yield Leaf(float(node["value"]), dict(sorted(sides.items())))
            continue
        f, left = split(node)
        if pairwise and len(sides) == 2 and f not in sides:
            raise ConfigurationError('a tree path reads more than two features; train with interaction_cst="pairwise"')
        for child, inside in ((int(node["right"]), ~left), (int(node["left"]), left)):
            ratio = float(nodes[child]["count"]) / float(node["count"])
            old = sides.get(f, Side(np.ones_like(left), 1.0))
            stack.append((child, {**sides, f: Side(old.inside & inside, old.cover * ratio)}))


def _left_bins(cuts: Floats, threshold: float, missing_left: bool) -> NDArray[np.bool_]:
    left = np.zeros(len(cuts) + 2, dtype=np.bool_)
    left[: int(np.searchsorted(cuts, threshold)) + 1] = True
    left[-1] = missing_left
    return left


@dataclass
class _Sums:
    """Running sums over leaves, each in both forms: axis 0 is (interventional, path-dependent)."""

    sizes: list[int]
    bins: NDArray[np.int64]
    base: Floats = field(default_factory=lambda: np.zeros(2))
    singles: dict[int, Floats] = field(default_factory=dict)
    pairs: dict[tuple[int, int], Floats] = field(default_factory=dict)

    def add(self, leaf: Leaf) -> None:
        features = tuple(leaf.sides)
        if not features:
            self.base += leaf.value
        elif len(features) == 1:
            self._add_single(features[0], leaf)
        else:
            self._add_pair((features[0], features[1]), leaf)

    def _add_single(self, f: int, leaf: Leaf) -> None:
        inside, cover = leaf.sides[f]
        outside = np.array([inside[self.bins[:, f]].mean(), cover])
        table = self.singles.setdefault(f, np.zeros((2, self.sizes[f])))
        table += leaf.value * (inside - outside[:, None])
        self.base += leaf.value * outside

    def _add_pair(self, pair: tuple[int, int], leaf: Leaf) -> None:
        (in_f, p_f), (in_g, p_g) = (leaf.sides[f] for f in pair)
        b_f, b_g = in_f[self.bins[:, pair[0]]], in_g[self.bins[:, pair[1]]]
        q_f, q_g, q_fg = b_f.mean(), b_g.mean(), (b_f & b_g).mean()
        a, b = in_f.astype(np.float64)[:, None], in_g.astype(np.float64)[None, :]
        half = leaf.value / 2
        grid = self.pairs.setdefault(pair, np.zeros((2, len(in_f), len(in_g), 2)))
        both, crossed = half * (a * b - q_fg), half * (a * q_g - b * q_f)
        grid[0, :, :, 0] += both + crossed
        grid[0, :, :, 1] += both - crossed
        grid[1, :, :, 0] += half * ((a - p_f) * (b + p_g))
        grid[1, :, :, 1] += half * ((a + p_f) * (b - p_g))
        self.base += leaf.value * np.array([q_fg, p_f * p_g])


def _assemble(cuts: list[Floats], sums: _Sums, initial: float) -> Tables:
    for f, table in sorted(sums.singles.items()):
        _fold(f, table, sums)
    pairs = sorted(sums.pairs)
    grids = [sums.pairs[p].reshape(2, -1, 2) for p in pairs]
    cells = np.concatenate(grids, axis=1) if grids else np.zeros((2, 0, 2))
    return Tables(
        thresholds=np.concatenate(cuts),
        starts=starts_of([len(c) for c in cuts]),
        pair_f=np.array([f for f, _ in pairs], dtype=np.int64),
        pair_g=np.array([g for _, g in pairs], dtype=np.int64),
        pair_start=starts_of([g.shape[1] for g in grids])[:-1],
        pair_width=np.array([0 if f == g else sums.sizes[g] for f, g in pairs], dtype=np.int64),
        interventional=np.ascontiguousarray(cells[0]),
        path_dependent=np.ascontiguousarray(cells[1]),
        base=sums.base + initial,
    )


def _fold(f: int, table: Floats, sums: _Sums) -> None:
    """Add a feature's own table to the first grid it is part of: one look-up less per record, the same sums."""
    for pair in sorted(sums.pairs):
        if pair[0] == f:
            sums.pairs[pair][:, :, :, 0] += table[:, :, None]
            return
        if pair[1] == f:
            sums.pairs[pair][:, :, :, 1] += table[:, None, :]
            return
    alone = np.zeros((2, 1, len(table[0]), 2))
    alone[:, 0, :, 0] = table
    sums.pairs[f, f] = alone


def _check_shapes(tables: Tables) -> None:
    """Everything the kernel indexes without a bounds check must lie inside its array."""
    sizes = np.diff(tables.starts) + 2
    pairs = (tables.pair_f, tables.pair_g, tables.pair_start, tables.pair_width)
    fits = (
        all(a.dtype == np.int64 and a.ndim == 1 and len(a) == len(tables.pair_f) for a in pairs)
        and all(a.dtype == np.float64 for a in (tables.thresholds, tables.base))
        and tables.starts[0] == 0
        and tables.starts[-1] == len(tables.thresholds)
        and bool((sizes >= 2).all())
        and tables.base.shape == (2,)
    )
    if fits and len(tables.pair_f):
        indices = np.concatenate([tables.pair_f, tables.pair_g])
        fits = bool((indices >= 0).all() and (indices < tables.n_features).all() and (tables.pair_start >= 0).all())
    if fits:
        rows = np.where(tables.pair_width == 0, 1, sizes[tables.pair_f])
        last = tables.pair_start + (rows - 1) * tables.pair_width + sizes[tables.pair_g]
        cells = (tables.interventional, tables.path_dependent)
        fits = all(c.dtype == np.float64 and c.ndim == 2 and c.shape[1] == 2 for c in cells)
        fits = fits and all(bool((last <= len(c)).all()) for c in cells) and bool((tables.pair_width >= 0).all())
    if not fits:
        raise ConfigurationError("the score tables do not fit together: build the bundle again")

"""Walked trees as a bundle stores them: among the arrays of its leaf games, under names that begin with ``walk_``."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

from models.runs import are_starts
from models.stored_arrays import StoredArrays
from models.walks import COUNT, FEATURE, INSIDE, MOST_SLOTS, OUTSIDE, SIZE, SLOT, WORD, Nodes, Walks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class WalkTables(StoredArrays):
    """``models.walks.Walks`` as stored. ``compared``, shape (2,): the applicants whose patterns these are, and those of
    the whole baseline, of which they are all or an evenly spread part."""

    prefix = "walk_"

    nodes: Nodes
    values: Floats
    words: Ints
    slot_start: Ints
    features: Nodes
    covers: Floats
    pattern_start: Ints
    patterns: Ints
    tree_start: Ints
    member_start: Ints
    quadrature: Floats
    compared: Ints

    @property
    def leaves(self) -> int:
        return int((self.nodes[:, FEATURE] < 0).sum())

    def walks(self) -> Walks:
        slots = int(np.diff(self.slot_start).max())
        arrays = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "compared"}
        return Walks(**arrays, gains=gains(slots), applicants=int(self.compared[0]))

    def fit(self, members: int, bins: Ints) -> bool:
        """Whether all that the kernel indexes without a bounds check lies inside; ``bins`` (F,): of each feature."""
        return _typed(self) and _runs(self, members, len(bins)) and _placed(self, bins)


def gains(slots: int) -> Floats:
    """``Walks.gains`` for paths over up to so many features."""
    out = np.zeros((slots + 1, slots + 1))
    for p in range(1, slots + 1):
        for n in range(slots + 1 - p):
            out[p, n] = factorial(p - 1) * factorial(n) / factorial(p + n)
    return out


def quadrature(sides: int) -> Floats:
    """Gauss-Legendre nodes and weights (n, 2) on 0 to 1, exact for the polynomial of a leaf with so many conditions.

    In the bundle, so that every machine adds the same; n nodes are exact up to degree 2 n - 1.
    """
    order = (sides + 1) // 2
    if not order:
        return np.empty((0, 2))
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return np.column_stack([(nodes + 1) / 2, weights / 2])


_TYPES = {
    "nodes": np.int32, "features": np.int32, "values": np.float64, "covers": np.float64, "quadrature": np.float64,
}  # fmt: skip


def _typed(w: WalkTables) -> bool:
    names = w.__dataclass_fields__
    return (
        all(getattr(w, name).dtype == _TYPES.get(name, np.int64) for name in names)
        and all(getattr(w, name).flags.c_contiguous for name in names)
        and all(getattr(w, name).ndim == (2 if name in ("nodes", "quadrature") else 1) for name in names)
        and w.nodes.shape[1] == 7
        and w.quadrature.shape[1] == 2
        and len(w.nodes) == len(w.values)
        and len(w.features) == len(w.covers)
        and w.compared.shape == (2,)
        and bool(0 < w.compared[0] <= w.compared[1])
    )


def _runs(w: WalkTables, members: int, features: int) -> bool:
    """Members, trees and leaves lie end to end; slots and patterns read what there is."""
    sizes = np.diff(w.slot_start)
    return bool(
        are_starts(w.member_start, members, len(w.tree_start) - 1)
        and are_starts(w.tree_start, len(w.tree_start) - 1, len(w.nodes))
        and (np.diff(w.tree_start) > 0).all()
        and are_starts(w.slot_start, len(w.nodes), len(w.features))
        and are_starts(w.pattern_start, len(w.nodes), len(w.patterns))
        and (sizes <= MOST_SLOTS).all()
        and ((w.features >= 0) & (w.features < features)).all()
        and (w.patterns >= 0).all()
        and _within(w, sizes)
    )


def _within(w: WalkTables, sizes: Ints) -> bool:
    """No pattern holds a slot that its leaf does not have, or says that it holds more than it can."""
    most = np.repeat(sizes, np.diff(w.pattern_start))
    held, size = w.patterns & ((1 << SIZE) - 1), (w.patterns >> SIZE) & ((1 << (COUNT - SIZE)) - 1)
    return bool((held >> most == 0).all() and (size <= most).all())


def _placed(w: WalkTables, bins: Ints) -> bool:
    """Every node but a root is one earlier node's child, in the same tree, so that each is walked once and in turn."""
    tree = np.repeat(np.arange(len(w.tree_start) - 1), np.diff(w.tree_start))
    split = np.flatnonzero(w.nodes[:, FEATURE] >= 0)
    inner = w.nodes[split].astype(np.int64)
    children = inner[:, [INSIDE, OUTSIDE]]
    if not ((children > split[:, None]) & (children < len(w.nodes))).all():
        return False
    reached = np.bincount(np.concatenate([w.tree_start[:-1], children.ravel()]), minlength=len(w.nodes))
    words = inner[:, WORD] + (bins[np.minimum(inner[:, FEATURE], len(bins) - 1)] + 63) // 64
    return bool(
        (reached == 1).all()
        and (tree[children] == tree[split][:, None]).all()
        and (w.values[split] == 0.0).all()
        and (inner[:, FEATURE] < len(bins)).all()
        and ((inner[:, WORD] < 0) | (words <= len(w.words))).all()
        and _slots_fit(w, split, children)
    )


def _slots_fit(w: WalkTables, split: Ints, children: Ints) -> bool:
    """Whether every leaf has a slot for each set that can reach it."""
    widest = np.zeros(len(w.nodes), np.int64)
    for at, pair in zip(split.tolist(), children.tolist(), strict=True):
        slot = int(w.nodes[at, SLOT])
        if not 0 <= slot < MOST_SLOTS:
            return False
        widest[pair] = max(int(widest[at]), slot + 1)
    leaf = np.flatnonzero((w.nodes[:, FEATURE] < 0) & (w.values != 0.0))
    return bool((widest[leaf] <= np.diff(w.slot_start)[leaf]).all())

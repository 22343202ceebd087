"""Deep trees laid out to be walked: splits as bins, their features' places on the path, training shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError
from models.estimators import Member
from models.runs import starts_of
from models.walk_tables import gains, quadrature
from models.walks import FEATURE, HIGH, INSIDE, LOW, MOST_SLOTS, OUTSIDE, SLOT, WORD, Nodes, Walks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Layout:
    """The trees of all members, without a baseline; arrays as in ``models.walks.Walks``."""

    nodes: Nodes
    values: Floats
    words: Ints
    slot_start: Ints
    features: Nodes
    covers: Floats
    tree_start: Ints
    member_start: Ints
    quadrature: Floats

    @cached_property
    def means(self) -> Floats:
        """What each member's trees give by their training shares, (K,)."""
        at = np.flatnonzero(self.values)
        parts = np.array([np.prod(self.covers[self.slot_start[i] : self.slot_start[i + 1]]) for i in at])
        tree = np.searchsorted(self.tree_start, at, side="right") - 1
        member = np.searchsorted(self.member_start, tree, side="right") - 1
        means = np.bincount(member, weights=parts * self.values[at], minlength=len(self.member_start) - 1)
        return np.asarray(means, np.float64)

    def sums(self, bins: Ints) -> Floats:
        """What each member's trees give applicants in these bins (n, F), shape (n, K)."""
        out = np.zeros((len(bins), len(self.member_start) - 1))
        for k, (first, last) in enumerate(pairwise(self.member_start)):
            for root in self.tree_start[first:last]:
                out[:, k] += self.values[self._landed(int(root), bins)]
        return out

    def _landed(self, root: int, bins: Ints) -> Ints:
        at, rows = np.full(len(bins), root), np.arange(len(bins))
        while len(rows):
            rows = rows[self.nodes[at[rows], FEATURE] >= 0]
            node = self.nodes[at[rows]]
            at[rows] = np.where(self._inside(node, bins[rows, node[:, FEATURE]]), node[:, INSIDE], node[:, OUTSIDE])
        return at

    def _inside(self, node: Nodes, b: Ints) -> Bools:
        found: Bools = (node[:, LOW] <= b) & (b <= node[:, HIGH])
        marked = np.flatnonzero(node[:, WORD] >= 0)
        words = self.words[node[marked, WORD] + (b[marked] >> 6)]
        found[marked] = (words >> (b[marked] & 63)) & 1 == 1
        return found

    def walks(self, applicants: int) -> Walks:
        """As the kernel reads it, without patterns."""
        arrays = {name: getattr(self, name) for name in Layout.__dataclass_fields__}
        nowhere, none = np.zeros(len(self.nodes) + 1, np.int64), np.empty(0, np.int64)
        slots = gains(int(np.diff(self.slot_start).max()))
        return Walks(**arrays, pattern_start=nowhere, patterns=none, gains=slots, applicants=applicants)


def lay_out(members: Sequence[Member], seen: Sequence[Sequence[Floats]]) -> Layout:
    """All members' trees; ``seen``: of each member and feature, the member's columns (bins, C) over the bins.

    Raises ConfigurationError for a path over more features than a set can hold.
    """
    trees, tree_start = _joined(members)
    nodes, words = np.zeros((len(trees), 7), np.int32), _Words()
    nodes[:, FEATURE], nodes[:, WORD] = -1, -1
    nodes[:, INSIDE], nodes[:, OUTSIDE] = trees["left"], trees["right"]
    member_start = starts_of([len(member.trees) for member in members])
    for member, columns, (first, last) in zip(members, seen, pairwise(member_start), strict=True):
        own = np.arange(tree_start[first], tree_start[last])
        _split(member, columns, trees, own[trees["is_leaf"][own] == 0], nodes, words)
    slot_start, features, covers = _place(nodes, trees["count"], tree_start[:-1], len(seen[0]))
    return Layout(
        nodes=nodes,
        values=np.where(trees["is_leaf"] == 1, trees["value"], 0.0),
        words=words.all(),
        slot_start=slot_start,
        features=features,
        covers=covers,
        tree_start=tree_start,
        member_start=member_start,
        quadrature=quadrature(int(np.diff(slot_start).max())),
    )


def _joined(members: Sequence[Member]) -> tuple[NDArray[Any], Ints]:
    """All trees end to end, children by their place there; where each begins, and the last one ends."""
    trees = [nodes for member in members for nodes in member.trees]
    starts = starts_of([len(nodes) for nodes in trees])
    joined = np.concatenate(trees)
    offsets = np.repeat(starts[:-1], np.diff(starts))
    joined["left"] += offsets
    joined["right"] += offsets
    return joined, starts


@dataclass
class _Words:
    """Sets of bins that are no interval, end to end."""

    parts: list[Ints] = field(default_factory=list)
    end: int = 0

    def add(self, inside: Bools) -> int:
        """Where the set begins."""
        packed = np.packbits(inside, bitorder="little")
        padded = np.concatenate([packed, np.zeros(-len(packed) % 8, np.uint8)])
        self.parts.append(padded.view("<i8").astype(np.int64))
        self.end += len(self.parts[-1])
        return self.end - len(self.parts[-1])

    def all(self) -> Ints:
        return np.concatenate([np.empty(0, np.int64), *self.parts])


def _split(member: Member, seen: Sequence[Floats], trees: NDArray[Any], own: Ints, nodes: Nodes, words: _Words) -> None:
    """Features and bins of a member's splits, at ``own``."""
    for column, source in enumerate(member.columns.sources):
        at = own[trees["feature_idx"][own] == column]
        nodes[at, FEATURE] = source
        values = seen[source][:, column]
        if member.columns.marks[column] is None:
            _rising(values, trees[at], at, nodes)
        else:
            for place in at:
                _marked(values, trees[place], int(place), nodes, words)


def _rising(values: Floats, splits: NDArray[Any], at: Ints, nodes: Nodes) -> None:
    """A column that rises with its feature: the lower bins go left, or, where a gap does too, the upper ones right."""
    lower = np.searchsorted(values[:-1], splits["num_threshold"], side="right")
    gap_left = splits["missing_go_to_left"] == 1 if np.isnan(values[-1]) else values[-1] <= splits["num_threshold"]
    nodes[at, LOW] = np.where(gap_left, lower, 0)
    nodes[at, HIGH] = np.where(gap_left, len(values) - 2, lower - 1)
    nodes[at[gap_left], INSIDE], nodes[at[gap_left], OUTSIDE] = splits["right"][gap_left], splits["left"][gap_left]


def _marked(values: Floats, split: Any, at: int, nodes: Nodes, words: _Words) -> None:
    """A column that changes at named values: whichever bins go left."""
    left = np.where(np.isnan(values), bool(split["missing_go_to_left"]), values <= split["num_threshold"])
    bins = np.flatnonzero(left)
    if len(bins) and bins[-1] - bins[0] + 1 == len(bins):
        nodes[at, LOW], nodes[at, HIGH] = bins[0], bins[-1]
    else:
        nodes[at, WORD] = words.add(left)


def _place(nodes: Nodes, counts: Floats, roots: Ints, width: int) -> tuple[Ints, Nodes, Floats]:
    """Give each split its slot, level by level; of each leaf where its slots begin, their features and covers."""
    at, slots = roots, np.full((len(roots), width), -1, np.int16)
    covers, ends = np.ones((len(roots), width)), []
    while len(at):
        leaf = nodes[at, FEATURE] < 0
        ends.append((at[leaf], slots[leaf], covers[leaf]))
        at, slots, covers = at[~leaf], slots[~leaf], covers[~leaf]
        rows, feature = np.arange(len(at)), nodes[at, FEATURE]
        new = slots[rows, feature] < 0
        slots[rows[new], feature[new]] = slots.max(axis=1, initial=-1)[new] + 1
        nodes[at, SLOT] = slots[rows, feature]
        children = nodes[at][:, [INSIDE, OUTSIDE]].astype(np.int64)
        ratios = counts[children] / counts[at][:, None]
        slots, covers = np.repeat(slots, 2, axis=0), np.repeat(covers, 2, axis=0)
        covers[np.arange(len(covers)), np.repeat(feature, 2)] *= ratios.ravel()
        at = children.ravel()
    if (most := int(nodes[:, SLOT].max()) + 1) > MOST_SLOTS:
        seen = f"a path of the trees reads {most} features, at most {MOST_SLOTS} can be explained"
        raise ConfigurationError(f"{seen}; limit the depth (model: depth)")
    return _gathered(len(nodes), *(np.concatenate(part) for part in zip(*ends, strict=True)))


def _gathered(count: int, at: Ints, slots: NDArray[np.int16], covers: Floats) -> tuple[Ints, Nodes, Floats]:
    """Leaves' features and covers, in the order of the leaves, within one in that of its slots."""
    turn = np.argsort(at)
    sizes, leaf = np.zeros(count, np.int64), at[turn]
    slots, covers = slots[turn], covers[turn]
    sizes[leaf] = (slots >= 0).sum(axis=1)
    rows, features = np.nonzero(slots >= 0)
    order = np.lexsort((slots[rows, features], rows))
    starts = starts_of(sizes)
    return starts, features[order].astype(np.int32), covers[rows, features][order]

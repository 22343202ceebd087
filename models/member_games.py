"""Members compiled: into tables of feature pairs where they fit, else into leaf games, else into trees to walk;
networks into layers to ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from math import factorial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import coalition_choice
from models.estimators import Member
from models.game_tables import MOST_SIDES, Compiled, GameTables
from models.games import ISOTONIC, MARGIN, PROBABILITY, RAREST, SIGMOID, interpolated
from models.network import Network
from models.runs import starts_of
from models.tables import Leaf, Tables, bins_of, leaves, pair_tables
from models.walk_choice import compared
from models.walk_layout import Layout, lay_out
from models.walk_tables import quadrature

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_CELLS = 12_000_000
"""Contributions kept in all (96 MB)."""
MOST_BITS = 1_000_000_000
"""Bins times sides (125 MB, less where leaves share sides). Beyond either, trees are walked."""


def compile_members(members: Sequence[Member], baseline: Floats) -> Compiled:
    """Compile against a baseline, feature rows (n, F), NaN allowed; raises ConfigurationError for what is too large."""
    return Compiler(members)(baseline)


class Compiler:
    """Compiles members against one baseline after another; what depends on none is worked out once."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members

    def __call__(self, baseline: Floats, *, more: int = 1) -> Compiled:
        """As ``compile_members``; where a record takes long, it may take ``more`` times as long as when served."""
        sample, cuts = np.ascontiguousarray(baseline, dtype=np.float64), self.cuts
        bins, only = bins_of(sample, cuts), self.members[0]
        if only.network is not None:
            return self._ended(self._asked(sample, bins, more), bins)
        if only.link == MARGIN and only.weights is None and (self.sizes <= 2).all():
            return Compiled(pair_tables(cuts, _leaves(only, cuts), bins, only.init), None)
        games = _build(self.members, cuts, sample, bins) if self.kept else self._walked(sample, bins, more)
        return self._ended(games, bins)

    def _ended(self, games: GameTables, bins: Ints) -> Compiled:
        tables = pair_tables(self.cuts, [], bins, 0.0)
        ends = [_log_odds(games, form) for form in (0, 1)]
        return Compiled(Tables(**{**tables.arrays(), "base": np.array(ends)}), games)

    def _walked(self, sample: Floats, bins: Ints, more: int) -> GameTables:
        """Trees walked with the baseline or the part of it there is time for."""
        rows, walks = compared(self.layout, bins, more=more)
        bare = [replace(member, trees=()) for member in self.members]
        games = _build(bare, self.cuts, sample[rows], bins[rows])
        base = games.base + np.array([self.layout.sums(bins[rows]).mean(axis=0), self.layout.means])
        start = np.array([_mean_chance(self.members, row) for row in base])
        return replace(games, base=base, start=start, walks=walks)

    def _asked(self, sample: Floats, bins: Ints, more: int) -> GameTables:
        """Networks asked with the baseline or the part of it there is time for."""
        found = [(member.network, member) for member in self.members if member.network is not None]
        sums = np.stack([network.sums(member.columns.values(sample)) for network, member in found], axis=1)
        terms = [_first_layer(network, member, self.cuts, sample) for network, member in found]
        starts = starts_of([len(own) for own in self.cuts])
        layout = coalition_choice.lay_out([network for network, _ in found], terms, starts)
        rows = coalition_choice.compared(layout, sums.sum(axis=1), more=more)
        games = _build(self.members, self.cuts, sample[rows], bins[rows])
        base = np.stack([sums[rows].mean(axis=0)] * 2)
        start = np.array([_mean_chance(self.members, row) for row in base])
        asked = coalition_choice.tables(layout, sample[rows], bins[rows], len(sample))
        return replace(games, base=base, start=start, coalitions=asked)

    @cached_property
    def paths(self) -> list[NDArray[np.bool_]]:
        return [_paths(member) for member in self.members]

    @cached_property
    def sizes(self) -> Ints:
        """Of every leaf, the features on its path."""
        return np.concatenate([own.sum(axis=1) for own in self.paths])

    @cached_property
    def cuts(self) -> list[Floats]:
        return _cuts(self.members, self.members[0].columns.n_features)

    @cached_property
    def kept(self) -> bool:
        """Whether all contributions of all leaves can be kept in tables; else their trees are walked."""
        sizes, width = self.sizes, [len(some) + 2 for some in self.cuts]
        few = not len(sizes) or (sizes.max() <= MOST_SIDES and int((sizes << sizes).sum()) <= MOST_CELLS)
        return bool(few and sum(int(own.sum(axis=0) @ width) for own in self.paths) <= MOST_BITS)

    @cached_property
    def layout(self) -> Layout:
        return lay_out(self.members, [_columns_per_bin(member, self.cuts) for member in self.members])


def _paths(member: Member) -> NDArray[np.bool_]:
    """Of every leaf, (L, F), the features on its path: known before anything is made of them."""
    found, sources = [np.zeros((0, member.columns.n_features), np.bool_)], np.array(member.columns.sources)
    for nodes in member.trees:
        at, paths = np.zeros(1, np.int64), np.zeros((1, member.columns.n_features), np.bool_)
        while len(at):
            inner = nodes["is_leaf"][at] == 0
            found.append(paths[~inner])
            at, paths = at[inner], paths[inner]
            paths[np.arange(len(at)), sources[nodes["feature_idx"][at]]] = True
            at = np.stack([nodes["left"][at], nodes["right"][at]], axis=1).ravel()
            paths = np.repeat(paths, 2, axis=0)
    return np.concatenate(found)


def _log_odds(games: GameTables, form: int) -> float:
    if games.links[0] == MARGIN:
        return float(games.base[form, 0])
    start = float(games.start[form])
    return float(np.log(start) - np.log1p(-start))


def _cuts(members: Sequence[Member], n_features: int) -> list[Floats]:
    """Ascending cuts of each feature: where any member's split, or a weighted column's step, tells values apart."""
    found: list[list[Floats]] = [[np.empty(0)] for _ in range(n_features)]
    for member in members:
        splits = np.concatenate([nodes[nodes["is_leaf"] == 0] for nodes in member.trees]) if member.trees else None
        for column, source in enumerate(member.columns.sources):
            if splits is not None:
                at = np.unique(splits["num_threshold"][splits["feature_idx"] == column])
                if len(at):
                    found[source].append(member.columns.cuts(column, at, single=member.single))
            elif member.columns.marks[column] is not None:
                found[source].append(member.columns.cuts(column, np.empty(0), single=False))
    return [np.unique(np.concatenate(parts)) for parts in found]


def _samples(cuts: Floats) -> Floats:
    """One value of each bin: the cuts themselves, one beyond the last, and NaN."""
    beyond = np.nextafter(cuts[-1], np.inf) if len(cuts) else 0.0
    return np.array([*cuts, beyond, np.nan])


def _columns_per_bin(member: Member, cuts: list[Floats]) -> list[Floats]:
    """For each feature the member's columns (bins, C) over its bins, the other features zero."""
    seen = []
    for f, own in enumerate(cuts):
        rows = np.zeros((len(own) + 2, len(cuts)))
        rows[:, f] = _samples(own)
        seen.append(member.columns.values(rows, single=member.single))
    return seen


def _leaves(member: Member, cuts: list[Floats]) -> Iterator[Leaf]:
    if not member.trees:
        return
    seen, sources = _columns_per_bin(member, cuts), member.columns.sources

    def split(node: Any) -> tuple[int, NDArray[np.bool_]]:
        column = int(node["feature_idx"])
        values = seen[sources[column]][:, column]
        left = values <= node["num_threshold"]
        return sources[column], np.where(np.isnan(values), bool(node["missing_go_to_left"]), left)

    for nodes in member.trees:
        yield from leaves(nodes, split, pairwise=False)


class _Terms(NamedTuple):
    """A member's own terms of the features: slopes (F,), steps (bins in all,), centred, and their mean."""

    slopes: Floats
    steps: Floats
    mean: float


def _terms(member: Member, cuts: list[Floats], sample: Floats, bins: Ints) -> _Terms:
    slopes, means, steps = np.zeros(len(cuts)), 0.0, []
    seen = _columns_per_bin(member, cuts) if member.weights is not None else []
    for f, own in enumerate(cuts):
        step = np.zeros(len(own) + 2)
        if member.weights is not None:
            slopes[f], step = _weighted(member, member.weights, f, seen[f], sample[:, f])
        known = np.where(np.isnan(sample[:, f]), 0.0, sample[:, f])
        mean = float((step[bins[:, f]] + slopes[f] * known).mean())
        steps.append(step - mean)
        means += mean
    return _Terms(slopes, np.concatenate(steps), means)


def _first_layer(network: Network, member: Member, cuts: list[Floats], sample: Floats) -> tuple[Floats, Floats]:
    """What each unit of a network's first layer takes of the features: slopes (F, U) and, by bin, steps (B, U)."""
    seen, weights = _columns_per_bin(member, cuts), network.weights[0]
    found = [_weighted(member, weights, f, seen[f], sample[:, f]) for f in range(len(cuts))]
    return np.stack([slope for slope, _ in found]), np.concatenate([step for _, step in found])


def _weighted(member: Member, weights: Floats, f: int, seen: Floats, known: Floats) -> tuple[Floats, Floats]:
    """Slope and steps of one feature: its rising columns are straight lines, the others constant in every bin.

    ``weights`` (C,), or (C, U) for U sums at once: then slopes are (U,), steps (bins, U).
    """
    mine = np.array(member.columns.sources) == f
    rising = mine & np.array([mark is None for mark in member.columns.marks])
    step = seen[:, mine & ~rising] @ weights[mine & ~rising]
    low, high = _apart(known)
    rows = np.zeros((3, member.columns.n_features))
    rows[:, f] = low, high, np.nan
    first, last, gap = member.columns.values(rows)[:, rising] @ weights[rising]
    slope = (last - first) / (high - low)
    step[:-1] += first - slope * low
    step[-1] += gap
    return np.asarray(slope), step


def _apart(known: Floats) -> tuple[float, float]:
    """Two values to read a slope from: the sample's lowest and highest, or others of its size where it has but one.

    A baseline in which all are alike says nothing of the slope, which is the model's.
    """
    given = known[~np.isnan(known)]
    low, high = (float(given.min()), float(given.max())) if len(given) else (0.0, 0.0)
    return (low, high) if high > low else (low, low + max(1.0, abs(low)))


@dataclass
class _Sides:
    """The leaves of all members laid end to end; equal sets of bins are kept once, in ``words``."""

    value: list[float] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    cover: list[float] = field(default_factory=list)
    word: list[int] = field(default_factory=list)
    words: list[Ints] = field(default_factory=list)
    shares: list[Floats] = field(default_factory=list)
    _known: dict[bytes, int] = field(default_factory=dict)
    _end: int = 0

    def add(self, leaf: Leaf) -> None:
        self.value.append(leaf.value)
        self.size.append(len(leaf.sides))
        for f, side in leaf.sides.items():
            self.feature.append(f)
            self.cover.append(side.cover)
            self.word.append(self._kept(np.packbits(side.inside, bitorder="little")))

    def _kept(self, packed: NDArray[np.uint8]) -> int:
        known = self._known.setdefault(packed.tobytes(), self._end)
        if known == self._end:
            padded = np.concatenate([packed, np.zeros(-len(packed) % 8, np.uint8)])
            self.words.append(padded.view("<i8").astype(np.int64))
            self._end += len(self.words[-1])
        return known


def _build(members: Sequence[Member], cuts: list[Floats], sample: Floats, bins: Ints) -> GameTables:
    sides, counts = _Sides(), []
    for member in members:
        before = len(sides.value)
        for leaf in _leaves(member, cuts):
            sides.add(leaf)
            sides.shares.append(_shares(leaf, bins))
        counts.append(len(sides.value) - before)
    sizes, values, covers = np.array(sides.size, dtype=np.int64), np.array(sides.value), np.array(sides.cover)
    terms = [_terms(member, cuts, sample, bins) for member in members]
    member_start, side_start = starts_of(counts), starts_of(sizes)
    means = [values * [float(np.prod(covers[a:b])) for a, b in pairwise(side_start)]]
    means.insert(0, values * [float(share[-1]) for share in sides.shares])
    base = _bases(members, terms, means, member_start)
    return GameTables(
        links=np.array([member.link for member in members], dtype=np.int64),
        curve=np.array([member.curve for member in members]),
        knot_start=starts_of([len(member.knots) for member in members]),
        knots=np.concatenate([member.knots for member in members]),
        slopes=np.stack([term.slopes for term in terms]),
        steps=np.stack([term.steps for term in terms]),
        member_start=member_start,
        side_start=side_start,
        side_feature=np.array(sides.feature, dtype=np.int64),
        side_word=np.array(sides.word, dtype=np.int64),
        words=np.concatenate(sides.words) if sides.words else np.empty(0, np.int64),
        cell_start=starts_of(sizes << sizes),
        cells=np.concatenate([np.empty(0), *map(_cells, values, sides.shares)]),
        values=values,
        covers=covers,
        quadrature=quadrature(int(sizes.max(initial=0))),
        base=base,
        start=np.array([_mean_chance(members, row) for row in base]),
        direct=np.zeros(1, dtype=np.int64),
    )


def _shares(leaf: Leaf, bins: Ints) -> Floats:
    """Of the baseline, the share that meets exactly the conditions of each mask, shape (2^d,)."""
    mask = np.zeros(len(bins), dtype=np.int64)
    for place, (f, side) in enumerate(leaf.sides.items()):
        mask |= side.inside[bins[:, f]].astype(np.int64) << place
    return np.bincount(mask, minlength=1 << len(leaf.sides)) / len(bins)


def _cells(value: float, shares: Floats) -> Floats:
    """Contributions of one leaf, d for each of the 2^d masks a record can have."""
    return value * (_gains(len(shares).bit_length() - 1) @ shares).ravel()


@lru_cache(MOST_SIDES + 1)
def _gains(d: int) -> Floats:
    """Shapley values (2^d, d, 2^d): of the record's mask, the feature, and one baseline applicant's mask.

    Together they reach the leaf where each condition is met by one of the two. A feature that only the record meets
    must join: (a - 1)! b! / (a + b)!; one that only the other meets must not: -a! (b - 1)! / (a + b)!, with a and b
    how many there are of each (interventional TreeSHAP).
    """
    whole, out = (1 << d) - 1, np.zeros((1 << d, d, 1 << d))
    for mine in range(whole + 1):
        for other in range(whole + 1):
            if mine | other == whole:
                a, b = d - other.bit_count(), d - mine.bit_count()
                for i in range(d):
                    if not other >> i & 1:
                        out[mine, i, other] = factorial(a - 1) * factorial(b) / factorial(a + b)
                    elif not mine >> i & 1:
                        out[mine, i, other] = -factorial(a) * factorial(b - 1) / factorial(a + b)
    return out


def _bases(members: Sequence[Member], terms: list[_Terms], means: list[Floats], starts: Ints) -> Floats:
    """A member's sum at the baseline, (2, K): interventional, path-dependent; ``means`` are those of its leaves."""
    base = np.empty((2, len(members)))
    for form, own in enumerate(means):
        for k, (member, term) in enumerate(zip(members, terms, strict=True)):
            base[form, k] = member.init + term.mean + sum(own[starts[k] : starts[k + 1]].tolist())
    return base


def _mean_chance(members: Sequence[Member], base: Floats) -> float:
    chances = [_chance(member, float(x)) for member, x in zip(members, base, strict=True)]
    return min(max(float(np.mean(chances)), RAREST), 1 - RAREST)


def _chance(member: Member, x: float) -> float:
    if member.link == PROBABILITY:
        return x
    if member.link == ISOTONIC:
        return float(interpolated(member.knots, x))
    a, b = member.curve if member.link == SIGMOID else (-1.0, 0.0)
    return float(1 / (1 + np.exp(a * x + b)))

"""Members compiled into tables of feature pairs where they fit, else into leaf games; and the arrays of the latter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import factorial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError
from models.estimators import Member
from models.games import ISOTONIC, MARGIN, PROBABILITY, RAREST, SIGMOID, Games, interpolated
from models.tables import Grid, Leaf, Tables, bins_of, leaves, pair_tables

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_SIDES = 8
"""Features on a path whose answers are all kept (2^8 per leaf); beyond, they are worked out per record."""
MOST_CELLS = 8_000_000
"""Contributions kept in all (64 MB); beyond, they are worked out per record."""
MOST_WORK = 20_000_000
"""Multiplications per record when worked out (about 30 ms); a model beyond this is refused."""


@dataclass(frozen=True)
class GameTables:
    """``models.games.Games`` as stored; ``base`` (2, K) and ``start`` (2,) in both forms, interventional first.

    ``direct``, shape (1,): whether the hot path is path-dependent too, there being too much to keep.
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
    base: Floats
    start: Floats
    direct: Ints

    def games(self, *, path_dependent: bool = False) -> Games:
        form = int(path_dependent)
        arrays = {name: getattr(self, name) for name in _SHARED}
        direct = bool(self.direct[0]) or path_dependent
        return Games(**arrays, base=self.base[form], start=float(self.start[form]), direct=direct)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], tables: Tables) -> GameTables:
        """Rebuild from ``arrays()``; raises ConfigurationError unless they fit together and to the tables' bins."""
        missing = sorted(cls.__dataclass_fields__.keys() ^ arrays.keys())
        if missing:
            raise ConfigurationError(f"the leaf games lack or do not know the arrays: {', '.join(missing)}")
        found = cls(**arrays)
        if not _fits(found, tables):
            raise ConfigurationError("the leaf games do not fit together: build the bundle again")
        return found


_SHARED = tuple(name for name in GameTables.__dataclass_fields__ if name not in ("base", "start", "direct"))


ROUTES = {
    "pair_tables": "tables of feature pairs, interventional against the baseline",
    "linear": "each feature's own term, interventional against the baseline",
    "leaf_tables": "a table per leaf over the features on its path, interventional against the baseline",
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
    def route(self) -> str:
        """One of ROUTES."""
        if self.games is None:
            return "pair_tables"
        if not len(self.games.values):
            return "linear"
        return "path_dependent" if self.games.direct[0] else "leaf_tables"


def grid_of(tables: Tables, games: GameTables | None, *, path_dependent: bool = False) -> Grid:
    """What the kernel reads, in one of the two forms."""
    grid = tables.grid(path_dependent=path_dependent)
    return grid if games is None else grid._replace(games=games.games(path_dependent=path_dependent))


def compile_members(members: Sequence[Member], baseline: Floats) -> Compiled:
    """Compile against a baseline, feature rows (n, F), NaN allowed; raises ConfigurationError for what is too large."""
    sample = np.ascontiguousarray(baseline, dtype=np.float64)
    cuts = _cuts(members, sample.shape[1])
    bins = bins_of(sample, cuts)
    seen = [list(_leaves(member, cuts)) for member in members]
    only = members[0]
    if only.link == MARGIN and only.weights is None and all(len(leaf.sides) <= 2 for leaf in seen[0]):
        return Compiled(pair_tables(cuts, seen[0], bins, only.init), None)
    games = _build(members, seen, cuts, sample, bins)
    tables = pair_tables(cuts, [], bins, 0.0)
    ends = [_log_odds(games, form) for form in (0, 1)]
    return Compiled(Tables(**{**tables.arrays(), "base": np.array(ends)}), games)


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


def _weighted(member: Member, weights: Floats, f: int, seen: Floats, known: Floats) -> tuple[float, Floats]:
    """Slope and steps of one feature: its rising columns are straight lines, the others constant in every bin."""
    mine = np.array(member.columns.sources) == f
    rising = mine & np.array([mark is None for mark in member.columns.marks])
    step = seen[:, mine & ~rising] @ weights[mine & ~rising]
    low, high = float(np.nanmin(known)), float(np.nanmax(known))
    rows = np.zeros((3, member.columns.n_features))
    rows[:, f] = low, high, np.nan
    first, last, gap = member.columns.values(rows)[:, rising] @ weights[rising] if rising.any() else np.zeros(3)
    slope = (last - first) / (high - low) if high > low else 0.0
    step[:-1] += first - slope * low
    step[-1] += gap
    return float(slope), step


def _build(
    members: Sequence[Member], seen: list[list[Leaf]], cuts: list[Floats], sample: Floats, bins: Ints
) -> GameTables:
    flat = [leaf for leaves_ in seen for leaf in leaves_]
    sides = [[*leaf.sides.items()] for leaf in flat]
    sizes = np.array([len(s) for s in sides], dtype=np.int64)
    direct = bool(len(sizes)) and (sizes.max() > MOST_SIDES or int((sizes << sizes).sum()) > MOST_CELLS)
    if direct and int((sizes**3).sum()) > MOST_WORK:
        message = f"the trees have {len(flat):,} leaves, up to {sizes.max()} features on a path: too much to explain"
        raise ConfigurationError(f"{message}; fit fewer trees, or limit their depth (model: depth, trees)")
    terms = [_terms(member, cuts, sample, bins) for member in members]
    words = [_bits(side.inside) for own in sides for _, side in own]
    shares = [_shares(leaf, bins) for leaf in flat]
    values = np.array([leaf.value for leaf in flat])
    covers = np.array([side.cover for own in sides for _, side in own])
    base = _bases(members, terms, seen, shares)
    return GameTables(
        links=np.array([member.link for member in members], dtype=np.int64),
        curve=np.array([member.curve for member in members]),
        knot_start=_running([len(member.knots) for member in members]),
        knots=np.concatenate([member.knots for member in members]),
        slopes=np.stack([term.slopes for term in terms]),
        steps=np.stack([term.steps for term in terms]),
        member_start=_running([len(own) for own in seen]),
        side_start=_running(sizes),
        side_feature=np.array([f for own in sides for f, _ in own], dtype=np.int64),
        side_word=_running([len(word) for word in words])[:-1],
        words=np.concatenate(words) if words else np.empty(0, np.int64),
        cell_start=_running(np.zeros_like(sizes) if direct else sizes << sizes),
        cells=np.empty(0) if direct or not flat else np.concatenate(list(map(_cells, values, shares))),
        values=values,
        covers=covers,
        base=base[[1, 1]] if direct else base,
        start=np.array([_mean_chance(members, row) for row in (base[[1, 1]] if direct else base)]),
        direct=np.array([direct], dtype=np.int64),
    )


def _bits(inside: NDArray[np.bool_]) -> Ints:
    packed = np.packbits(inside, bitorder="little")
    return np.concatenate([packed, np.zeros(-len(packed) % 8, np.uint8)]).view("<i8").astype(np.int64)


def _shares(leaf: Leaf, bins: Ints) -> Floats:
    """Of the baseline, the share that meets exactly the conditions of each mask, shape (2^d,)."""
    mask = np.zeros(len(bins), dtype=np.int64)
    for place, (f, side) in enumerate(leaf.sides.items()):
        mask |= side.inside[bins[:, f]].astype(np.int64) << place
    if len(leaf.sides) > MOST_SIDES:
        return np.array([float((mask == (1 << len(leaf.sides)) - 1).mean())])
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


def _bases(members: Sequence[Member], terms: list[_Terms], seen: list[list[Leaf]], shares: list[Floats]) -> Floats:
    """A member's sum at the baseline, (2, K): interventional, path-dependent."""
    base, at = np.empty((2, len(members))), 0
    for k, (member, term, own) in enumerate(zip(members, terms, seen, strict=True)):
        start = member.init + term.mean
        covers = [float(np.prod([side.cover for side in leaf.sides.values()])) for leaf in own]
        base[0, k] = start + sum(leaf.value * share[-1] for leaf, share in zip(own, shares[at:], strict=False))
        base[1, k] = start + sum(leaf.value * cover for leaf, cover in zip(own, covers, strict=True))
        at += len(own)
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


def _running(lengths: Any) -> Ints:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.asarray(lengths, dtype=np.int64))])


def _fits(g: GameTables, tables: Tables) -> bool:
    """Everything the kernel indexes without a bounds check must lie inside its array."""
    members, features = len(g.links), tables.n_features
    sizes, bins = np.diff(g.side_start), np.diff(tables.starts) + 2
    whole = all(getattr(g, name).dtype == np.int64 and getattr(g, name).ndim == 1 for name in _WHOLE)
    real = all(getattr(g, name).dtype == np.float64 for name in g.__dataclass_fields__ if name not in _WHOLE)
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
        and _runs(g.knot_start, members, len(g.knots))
        and g.knots.ndim == 2
        and g.knots.shape[1] == 2
        and (np.diff(g.knot_start)[g.links == ISOTONIC] > 0).all()
        and _runs(g.member_start, members, len(g.values))
        and _runs(g.side_start, len(g.values), len(g.side_feature))
        and (sizes <= features).all()
        and len(g.covers) == len(g.side_feature) == len(g.side_word)
        and ((g.side_feature >= 0) & (g.side_feature < features)).all()
        and (g.side_word >= 0).all()
        and (g.side_word + (bins[g.side_feature] + 63) // 64 <= len(g.words)).all()
        and _runs(g.cell_start, len(g.values), len(g.cells))
        and (g.direct[0] or (np.diff(g.cell_start) == sizes << np.minimum(sizes, MOST_SIDES)).all())
        and (g.direct[0] or (sizes <= MOST_SIDES).all())
        and all(getattr(g, name).ndim == 1 for name in ("cells", "values", "covers", "start"))
    )


_WHOLE = (
    "links", "knot_start", "member_start", "side_start", "side_feature", "side_word", "words", "cell_start", "direct",
)  # fmt: skip


def _runs(starts: Ints, count: int, total: int) -> bool:
    return len(starts) == count + 1 and starts[0] == 0 and starts[-1] == total and bool((np.diff(starts) >= 0).all())

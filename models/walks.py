"""Deep trees, walked per record: the kernel's form for what no table can hold, exact against a whole baseline.

What a leaf adds depends, for record x and one applicant b of the baseline, on which conditions of its path each of the
two meets. It counts only where every condition is met by x or by b: with p features that only x meets and n that only b
meets, each of the p gets value (p - 1)! n! / (p + n)!, each of the n gets -value p! (n - 1)! / (p + n)!, the others
nothing: the Shapley values of the game in which every feature is x's or b's. Source: interventional TreeSHAP, Lundberg
et al., From local explanations to global understanding with explainable AI for trees, Nat. Mach. Intell. 2 (2020).

There, each pair (x, b) walks each tree. Here each leaf keeps the *patterns* of the baseline: which sets of its
conditions are not met by somebody, and by how many. A record walks a tree once and compares its own set with the
patterns of each leaf, of which there are some thirty times fewer than applicants. Sums run in a fixed order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compilation import compiled, part

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Nodes = NDArray[np.int32]

FEATURE, SLOT, LOW, HIGH, WORD, INSIDE, OUTSIDE = range(7)
"""Columns of ``Walks.nodes``."""
MOST_SLOTS = 31
"""Features on one path."""
SIZE, COUNT = 32, 38
"""A pattern is a set of slots, from these bits on how many they are, and how many applicants share it."""
_SET, _SIZE = (1 << SIZE) - 1, (1 << (COUNT - SIZE)) - 1


class Walks(NamedTuple):
    """Trees of K members over F features, with the patterns of a baseline of ``applicants``.

    ``nodes`` (N, 7): the feature a node splits on, -1 for a leaf; its slot, which is its place among the features on
    the path; the bins LOW to HIGH that lead to INSIDE, all others to OUTSIDE, or, where WORD is not -1, the bins whose
    bits are set in ``words`` from there; both children come later. ``values`` (N,): of leaves, else 0. Of node i, if it
    is a leaf: the features in its slots, and the share of training applicants who meet each condition, in
    ``features`` and ``covers`` at ``slot_start[i]:slot_start[i + 1]``; its patterns in ``patterns``, likewise.
    ``tree_start`` (T + 1,): nodes; ``member_start`` (K + 1,): trees. ``gains`` (S, S): a feature's share of a leaf by p
    and n, (p - 1)! n! / (p + n)!, 0 where p is. ``quadrature`` as in ``models.games.Games``.
    """

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
    gains: Floats
    quadrature: Floats
    applicants: int


@compiled
def walk(k: int, bins: Ints, walks: Walks | None, path_dependent: bool, own: Floats) -> None:
    """Add member k's trees to the contributions ``own`` (m, F) of records in bins (F, m); compiled away for None.

    Records in the same bins, as draws of one field often are, are walked with once.
    """
    if walks is not None:
        first = _first_alike(bins)
        trees = walks.tree_start[walks.member_start[k] : walks.member_start[k + 1] + 1]
        room, sums = np.empty((_largest(trees), bins.shape[1]), np.int64), np.zeros(own.shape)
        for t in range(trees.shape[0] - 1):
            unmet(trees[t], trees[t + 1], bins, walks.nodes, walks.words, room)
            for at in range(trees[t], trees[t + 1]):
                if walks.values[at] == 0.0:
                    continue
                for r in range(bins.shape[1]):
                    if first[r] != r:
                        continue
                    if path_dependent:
                        _against_shares(at, room[at - trees[t], r], walks, sums[r])
                    else:
                        _against_patterns(at, room[at - trees[t], r], walks, sums[r])
        for r in range(own.shape[0]):
            for f in range(own.shape[1]):
                own[r, f] += sums[first[r], f]


@part
def _largest(trees: Ints) -> int:
    most = 0
    for t in range(trees.shape[0] - 1):
        most = max(most, trees[t + 1] - trees[t])
    return most


@part
def _first_alike(bins: Ints) -> Ints:
    """For each record, (m,), the first one in the same bins."""
    first = np.empty(bins.shape[1], np.int64)
    for r in range(bins.shape[1]):
        first[r] = r
        for other in range(r):
            alike = first[other] == other
            for f in range(bins.shape[0]):
                if not alike:
                    break
                alike = bins[f, other] == bins[f, r]
            if alike:
                first[r] = other
                break
    return first


@part
def unmet(start: int, end: int, bins: Ints, nodes: Nodes, words: Ints, sets: Ints) -> None:
    """Of each node of a tree, (nodes, m), the slots whose conditions records (F, m) do not meet on the way there."""
    for r in range(bins.shape[1]):
        sets[0, r] = 0
    for at in range(start, end):
        feature = nodes[at, FEATURE]
        if feature < 0:
            continue
        bit, low, high, word = 1 << np.int64(nodes[at, SLOT]), nodes[at, LOW], nodes[at, HIGH], nodes[at, WORD]
        here, inside, outside = at - start, nodes[at, INSIDE] - start, nodes[at, OUTSIDE] - start
        for r in range(bins.shape[1]):
            b = bins[feature, r]
            meets = (b >= low) & (b <= high) if word < 0 else (words[word + (b >> 6)] >> (b & 63)) & 1 == 1
            sets[inside, r] = sets[here, r] | (0 if meets else bit)
            sets[outside, r] = sets[here, r] | (bit if meets else 0)


@part
def _against_patterns(at: int, lost: int, walks: Walks, sums: Floats) -> None:
    """What a leaf adds for a record that does not meet the conditions ``lost``."""
    n, rest, others, value = 0, lost, 0.0, walks.values[at] / walks.applicants
    while rest:
        rest &= rest - 1
        n += 1
    first = walks.slot_start[at]
    for i in range(walks.pattern_start[at], walks.pattern_start[at + 1]):
        pattern = walks.patterns[i]
        if pattern & lost:
            continue
        p, count = (pattern >> SIZE) & _SIZE, value * (pattern >> COUNT)
        others += count * walks.gains[n, p]
        gain, slot, rest = count * walks.gains[p, n], first, pattern & _SET
        while rest:
            if rest & 1:
                sums[walks.features[slot]] += gain
            rest >>= 1
            slot += 1
    slot = first
    while lost:
        if lost & 1:
            sums[walks.features[slot]] -= others
        lost >>= 1
        slot += 1


@part
def _against_shares(at: int, lost: int, walks: Walks, sums: Floats) -> None:
    """Path-dependent, as ``models.games`` works it out."""
    first, last = walks.slot_start[at], walks.slot_start[at + 1]
    for q in range(walks.quadrature.shape[0]):
        t, product = walks.quadrature[q, 0], walks.quadrature[q, 1] * walks.values[at]
        for s in range(first, last):
            met = 1 - ((lost >> (s - first)) & 1)
            product *= walks.covers[s] + t * (met - walks.covers[s])
        for s in range(first, last):
            gain = 1 - ((lost >> (s - first)) & 1) - walks.covers[s]
            sums[walks.features[s]] += gain * product / (walks.covers[s] + t * gain)


@compiled
def count_patterns(walks: Walks, bins: Ints, most: int, found: Ints, starts: Ints) -> int:
    """The patterns of a baseline (F, n) at the leaves of ``walks`` that have a value, in the order they are first seen.

    Written into ``found`` as far as there is room, where each node's begin into ``starts`` (N + 1,); returns how many
    there are, or the first number beyond ``most``.
    """
    total, size = 0, 4
    while size < 2 * bins.shape[1]:
        size *= 2
    table, places = np.full((3, size), -1, np.int64), np.empty(bins.shape[1], np.int64)
    room = np.empty((_largest(walks.tree_start), bins.shape[1]), np.int64)
    for t in range(walks.tree_start.shape[0] - 1):
        start, end = walks.tree_start[t], walks.tree_start[t + 1]
        unmet(start, end, bins, walks.nodes, walks.words, room)
        for at in range(start, end):
            starts[at] = total
            if walks.values[at] == 0.0:
                continue
            distinct = _tally(at, room[at - start], table, places)
            for i in range(distinct):
                if total + i < found.shape[0]:
                    found[total + i] = _packed(table[_KEY, places[i]], table[_TIMES, places[i]])
            total += distinct
            if total > most:
                return total
    starts[-1] = total
    return total


_KEY, _TIMES, _STAMP = range(3)


@part
def _tally(stamp: int, sets: Ints, table: Ints, places: Ints) -> int:
    """Count equal sets in a hash table of keys, counts and stamps; where each stands, in the order they came."""
    distinct, last = 0, table.shape[1] - 1
    for b in range(sets.shape[0]):
        place = (sets[b] * 0x9E3779B1 >> 7) & last
        while table[_STAMP, place] == stamp and table[_KEY, place] != sets[b]:
            place = (place + 1) & last
        if table[_STAMP, place] != stamp:
            table[_KEY, place], table[_TIMES, place], table[_STAMP, place] = sets[b], 0, stamp
            places[distinct] = place
            distinct += 1
        table[_TIMES, place] += 1
    return distinct


@part
def _packed(own: int, count: int) -> int:
    size, rest = 0, own
    while rest:
        rest &= rest - 1
        size += 1
    return own | size << SIZE | count << COUNT

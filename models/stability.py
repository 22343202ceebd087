"""How firmly a bundle's reasons stand: under baselines drawn again, and against the other baseline there could be.

Measured on applicants held out: a model like the bundle's is fitted on the other folds, and those of the fold left out
whom the cut-offs then decline, and all of whose blanks the model learned, are explained by it. A model that was fitted
elsewhere has seen who knows whom: it is measured on all applicants, and the card says so. Reasons are the same *in
order* where the same groups stand in the same places, and the same *as a set* where the same groups stand anywhere;
both count the principal four.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.exactness import contributions
from models.game_tables import Compiled
from models.reason_map import ALL, JUST, Baseline, ReasonMap
from models.reasons import WEIGHT
from models.scale import Scale
from models.verdict_kernel import hundredths, rank

Card = dict[str, Any]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RESAMPLES: Final = 20
"""Baselines drawn again, each as large as the bundle's own, with replacement. Each costs a compilation: of the
demonstration model a second in all. Where trees are walked, it is FEW_RESAMPLES."""
FEW_RESAMPLES: Final = 5
PARTED: Final = 20
"""Applicants, about, that a part of a baseline and the whole are compared on."""
MOST_APPLICANTS: Final = 500
MOST_WALKED: Final = 50
"""Applicants, about, where trees are walked for each: a hundred times as long as tables take."""
PRINCIPAL: Final = 4


class Accord(NamedTuple):
    """Shares of applicants with the same principal reasons."""

    in_order: float
    as_set: float


class Applicants(NamedTuple):
    """``features`` (n, F), published ``scores`` (n,), and ``clean`` (n,), whether all blanks were learned."""

    features: Floats
    scores: Ints
    clean: Bools

    def at(self, rows: Ints) -> Applicants:
        return Applicants(self.features[rows], self.scores[rows], self.clean[rows])


class Study(NamedTuple):
    """A model and its applicants: those a baseline is made of, and those it is ``measured`` on; the group of each
    feature, (F,); how the model compiles against a baseline. ``held_out``: whether it was fitted without the measured.
    """

    reason_map: ReasonMap
    training: Applicants
    measured: Applicants
    held_out: bool
    group_of: Ints
    scale: Scale
    shift: float
    compile: Callable[[Floats], Compiled]
    fewest: int
    seed: int

    @property
    def declined(self) -> Floats:
        """The features of the applicants measured on, spread evenly over the file where there are too many."""
        cut_offs = self.reason_map.cut_offs
        seen = self.measured
        found = np.flatnonzero((seen.scores < cut_offs.decline) & seen.clean) if cut_offs else np.empty(0, np.int64)
        spread = np.linspace(0, len(found) - 1, min(len(found), MOST_APPLICANTS)).astype(np.int64)
        rows: Floats = seen.features[found[spread]]
        return rows

    def sample(self, baseline: Baseline) -> Floats:
        """The features of the applicants a baseline is made of."""
        cut_offs = self.reason_map.cut_offs
        features, scores, _ = self.training
        if baseline.band is None or cut_offs is None:
            return features
        rows: Floats = features[(scores >= cut_offs.approve) & (scores < cut_offs.approve + baseline.band)]
        return rows


def principal(study: Study, compiled: Compiled, features: Floats) -> Ints:
    """Principal groups (m, 4), -1 for none, of applicants (m, F) with nothing missing: as ``Ranker`` orders them."""
    points = _points(study, compiled, features)
    base = study.scale.offset - study.scale.factor * (compiled.tables.base_value() + study.shift)
    parts = np.empty((len(points), points.shape[1] + 2), np.int64)
    totals = np.rint((base + points.sum(axis=1)) * 100.0).astype(np.int64)
    hundredths(base, points, np.zeros(len(points)), totals, parts)
    found = np.empty((len(points), PRINCIPAL + 1, 2), np.int64)
    given = np.zeros(points.shape, np.uint8)
    rank(parts, np.zeros(len(points), np.bool_), given, np.array(WEIGHT, np.uint8), PRINCIPAL, found)
    return found[:, :PRINCIPAL, 0]


def _points(study: Study, compiled: Compiled, features: Floats) -> Floats:
    """Score points of each group, (m, groups)."""
    points = np.zeros((len(features), len(study.reason_map.groups)))
    for column, group in zip(contributions(compiled, features).T, study.group_of, strict=True):
        points[:, group] -= study.scale.factor * column
    return points


def part_section(study: Study, part: Compiled, whole: Compiled) -> Card:
    """How far it moves points and reasons that records are compared with a part of the baseline."""
    seen = study.declined if len(study.declined) else study.training.features
    rows = seen[:: max(1, len(seen) // PARTED)]
    moved = np.abs(_points(study, part, rows) - _points(study, whole, rows))
    shares = _shares(accord(principal(study, part, rows), principal(study, whole, rows)))
    largest, mean = round(float(moved.max()), 2), round(float(moved.mean()), 2)
    return {"with": whole.compared[0], "applicants": len(rows), "largest": largest, "mean": mean, **shares}


def accord(one: Ints, other: Ints) -> Accord:
    """How far two rankings (m, 4) of the same applicants agree."""
    same = (one == other).all(axis=1).mean()
    return Accord(float(same), float((np.sort(one, axis=1) == np.sort(other, axis=1)).all(axis=1).mean()))


def reasons_section(study: Study, held: Study) -> Card:
    """The card's section on reasons: map and baseline of the bundle's own ``study``; stability and agreement with the
    other baseline as ``held`` measures them."""
    reason_map, own = study.reason_map, study.sample(study.reason_map.baseline)
    approve = reason_map.cut_offs.approve if reason_map.cut_offs else 0
    return {
        "map": reason_map.ref,
        "sha256": reason_map.digest,
        "languages": list(reason_map.languages),
        "baseline": {
            "who": reason_map.baseline.told(approve),
            "band": reason_map.baseline.band,
            "applicants": len(own),
            "share": round(len(own) / len(study.training.features), 6),
            "at_least": None if reason_map.baseline.all else study.fewest,
        },
        "held_out": held.held_out,
        **_firmness(held),
    }


def _firmness(study: Study) -> Card:
    rows, own = study.declined, study.sample(study.reason_map.baseline)
    why = "no applicant measured on is declined" if not len(rows) else ""
    why = why if len(own) else "nobody to compare with is among the applicants fitted on"
    if why:
        return {"stability": {"not_measured": why}, "agreement": {"not_measured": why}}
    compiled = study.compile(own)
    resamples = RESAMPLES
    if compiled.slow:
        rows, resamples = rows[:: max(1, len(rows) // MOST_WALKED)], FEW_RESAMPLES
    found = principal(study, compiled, rows)
    return {"stability": _stability(study, own, rows, found, resamples), "agreement": _agreement(study, rows, found)}


def _stability(study: Study, own: Floats, rows: Floats, found: Ints, resamples: int) -> Card:
    random = np.random.default_rng(study.seed)
    drawn = (own[random.integers(0, len(own), len(own))] for _ in range(resamples))
    accords = [accord(found, principal(study, study.compile(sample), rows)) for sample in drawn]
    mean = Accord(*(float(np.mean(shares)) for shares in zip(*accords, strict=True)))
    return {"applicants": len(rows), "resamples": resamples, "seed": study.seed, **_shares(mean)}


def _agreement(study: Study, rows: Floats, found: Ints) -> Card:
    other = Baseline(JUST) if study.reason_map.baseline.all else ALL
    who = other.told(study.reason_map.cut_offs.approve if study.reason_map.cut_offs else 0)
    sample = study.sample(other)
    if len(sample) < study.fewest:
        return {"not_measured": f"too few {who}: {len(sample)}, fewer than {study.fewest}"}
    shares = _shares(accord(found, principal(study, study.compile(sample), rows)))
    return {"with": who, "compared_with": len(sample), "applicants": len(rows), **shares}


def _shares(found: Accord) -> Card:
    return {name: round(share, 6) for name, share in found._asdict().items()}


def reasons_page(card: Card) -> list[str]:
    """The section as lines of the page; empty for a card that has none."""
    if "reasons" not in card:
        return []
    section = card["reasons"]
    baseline = section["baseline"]
    least = f", of at least {baseline['at_least']:,} wanted" if baseline["at_least"] else ""
    lines = [
        f"- reason map {section['map']}, SHA-256 `{section['sha256']}`, in {', '.join(section['languages'])}",
        f"- made for {_cut_offs(card)}; other cut-offs or another baseline need a new version of it",
        f"- reasons compare with {baseline['who']}: {baseline['applicants']:,} ({baseline['share']:.1%}){least}",
        f"- stability: {_stability_told(section['stability'])}",
        f"- agreement: {_agreement_told(section['agreement'])}",
    ]
    return [
        "## Reasons",
        "",
        *lines,
        "",
        f"Measured on {_measured(section)} whom the cut-offs decline and all of whose blanks the model learned. *In "
        f"order*: the same {PRINCIPAL} principal groups in the same places; *as a set*: the same groups in any place.",
        "",
    ]


def _measured(section: Card) -> str:
    if section.get("held_out"):
        return "applicants held out of the fit (one fold; a model like this one, fitted on the others)"
    return "training applicants"


def _cut_offs(card: Card) -> str:
    cuts = card["cut_offs"]
    return f"approve from {cuts['approve']}, decline below {cuts['decline']}"


def _told(part: Card) -> str:
    return f"{part['in_order']:.1%} in order, {part['as_set']:.1%} as a set"


def _stability_told(part: Card) -> str:
    if "not_measured" in part:
        return f"not measured: {part['not_measured']}"
    over = f"{part['resamples']} baselines drawn again with replacement (seed {part['seed']})"
    return f"{_told(part)}, mean over {part['applicants']:,} applicants and {over}"


def _agreement_told(part: Card) -> str:
    if "not_measured" in part:
        return f"not measured: {part['not_measured']}"
    other = f"reasons that compare with {part['with']} ({part['compared_with']:,})"
    return f"{_told(part)}, with {other}, over {part['applicants']:,} applicants"


def group_places(reason_map: ReasonMap, groups: Sequence[str]) -> Ints:
    """The place of each of these groups in the map, (len(groups),)."""
    known = [group.name for group in reason_map.groups]
    return np.array([known.index(group) for group in groups], dtype=np.int64)

"""How firmly a bundle's reasons stand: under baselines drawn again, and against the other baseline there could be.

Measured on training applicants whom the cut-offs decline and all of whose blanks the model learned, scored by the
bundle itself: they would get exactly these reasons. Reasons are the same *in order* where the same groups stand in the
same places, and the same *as a set* where the same groups stand anywhere; both count the principal four.
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
demonstration model a second in all, of a hundred deep trees a quarter of a minute."""
MOST_APPLICANTS: Final = 500
PRINCIPAL: Final = 4


class Accord(NamedTuple):
    """Shares of applicants with the same principal reasons."""

    in_order: float
    as_set: float


class Study(NamedTuple):
    """What is measured on: all training applicants' ``features`` (n, F) and published ``scores`` (n,); ``clean`` (n,),
    whether all their blanks were learned; the group of each feature, (F,); how the model compiles against a baseline.
    """

    reason_map: ReasonMap
    features: Floats
    scores: Ints
    clean: Bools
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
        found = np.flatnonzero((self.scores < cut_offs.decline) & self.clean) if cut_offs else np.empty(0, np.int64)
        spread = np.linspace(0, len(found) - 1, min(len(found), MOST_APPLICANTS)).astype(np.int64)
        rows: Floats = self.features[found[spread]]
        return rows

    def sample(self, baseline: Baseline) -> Floats:
        """The features of the applicants a baseline is made of."""
        cut_offs = self.reason_map.cut_offs
        if baseline.band is None or cut_offs is None:
            return self.features
        above = (self.scores >= cut_offs.approve) & (self.scores < cut_offs.approve + baseline.band)
        rows: Floats = self.features[above]
        return rows


def principal(study: Study, compiled: Compiled, features: Floats) -> Ints:
    """Principal groups (m, 4), -1 for none, of applicants (m, F) with nothing missing: as ``Ranker`` orders them."""
    points = np.zeros((len(features), len(study.reason_map.groups)))
    for column, group in zip(contributions(compiled, features).T, study.group_of, strict=True):
        points[:, group] -= study.scale.factor * column
    base = study.scale.offset - study.scale.factor * (compiled.tables.base_value() + study.shift)
    parts = np.empty((len(points), points.shape[1] + 2), np.int64)
    totals = np.rint((base + points.sum(axis=1)) * 100.0).astype(np.int64)
    hundredths(base, points, np.zeros(len(points)), totals, parts)
    found = np.empty((len(points), PRINCIPAL + 1, 2), np.int64)
    given = np.zeros(points.shape, np.uint8)
    rank(parts, np.zeros(len(points), np.bool_), given, np.array(WEIGHT, np.uint8), PRINCIPAL, found)
    return found[:, :PRINCIPAL, 0]


def accord(one: Ints, other: Ints) -> Accord:
    """How far two rankings (m, 4) of the same applicants agree."""
    same = (one == other).all(axis=1).mean()
    return Accord(float(same), float((np.sort(one, axis=1) == np.sort(other, axis=1)).all(axis=1).mean()))


def reasons_section(study: Study, compiled: Compiled) -> Card:
    """The card's section on reasons: map, baseline, stability, agreement with the other baseline."""
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
            "share": round(len(own) / len(study.features), 6),
            "at_least": None if reason_map.baseline.all else study.fewest,
        },
        **_firmness(study, compiled, own),
    }


def _firmness(study: Study, compiled: Compiled, own: Floats) -> Card:
    rows = study.declined
    why = "no training applicant is declined" if not len(rows) else ""
    if compiled.route == "path_dependent":
        why = "contributions of this kind of model compare with no baseline"
    if why:
        return {"stability": {"not_measured": why}, "agreement": {"not_measured": why}}
    found = principal(study, compiled, rows)
    return {"stability": _stability(study, own, rows, found), "agreement": _agreement(study, rows, found)}


def _stability(study: Study, own: Floats, rows: Floats, found: Ints) -> Card:
    random = np.random.default_rng(study.seed)
    drawn = (own[random.integers(0, len(own), len(own))] for _ in range(RESAMPLES))
    accords = [accord(found, principal(study, study.compile(sample), rows)) for sample in drawn]
    mean = Accord(*(float(np.mean(shares)) for shares in zip(*accords, strict=True)))
    return {"applicants": len(rows), "resamples": RESAMPLES, "seed": study.seed, **_shares(mean)}


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
        "Measured on training applicants whom the cut-offs decline and all of whose blanks the model learned. *In "
        f"order*: the same {PRINCIPAL} principal groups in the same places; *as a set*: the same groups in any place.",
        "",
    ]


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

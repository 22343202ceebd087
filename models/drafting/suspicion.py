"""What in a column does not look like what it claims: literals that seem to stand for nothing, and what gives the
outcome or a protected attribute away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from models.drafting import words
from models.drafting.columns import Column, take_for_blank
from models.drafting.findings import Finding
from models.measures import auc, quantile_bins, told_by_bins

Floats = NDArray[np.float64]

PROXY = 0.8
COPY = 0.995
"""Rank correlation from which two number columns say the same."""
FEWEST = 30
"""A group smaller than this is not measured."""
_NEGATIVE = re.compile(r"-(?:1|9+|8+|7+)(?:\.0+)?")
_NINES = re.compile(r"(?:9{3,}|99)(?:\.0+)?")


def missing_codes(column: Column) -> Iterator[Finding]:
    """Literals of a number column that seem to stand for nothing. Those far outside the bulk count as blanks from here
    on; those inside the range stay values until a person has decided."""
    for literal in [code for code in column.codes if _NEGATIVE.fullmatch(code)]:
        others = [value for value in column.known if value != float(literal)]
        if others and min(others) >= 0:
            yield _taken(column, literal, f"{column.codes[literal]} rows hold it, and nothing else is negative")
    for literal in sorted((code for code in column.codes if _NINES.fullmatch(code)), key=float, reverse=True):
        yield from _nines(column, literal)
    if "0" in column.codes and column.is_number:
        yield from _zero(column)
    for literal in column.stray:
        evidence = f"{column.blanks[literal]} rows hold it, all others numbers"
        yield _asked(column, literal, evidence, "it counts as blank", "should")


def _nines(column: Column, literal: str) -> Iterator[Finding]:
    value, count = float(literal), column.codes[literal]
    below = column.known[column.known < value]
    above = column.known[column.known > value]
    if not len(below) or count < 2:
        return
    if not len(above) and value > 3 * below[-1]:
        evidence = f"{count} rows hold it, the next lower value is {below[-1]:g}"
        yield _taken(column, literal, evidence)
    elif count >= max(5, 10 * _beside(column, value)):
        evidence = f"{count} rows hold it, its neighbours {_beside(column, value):g} each"
        yield _asked(column, literal, evidence, "it still counts as a value", "must")


def _beside(column: Column, value: float) -> float:
    """Rows per distinct value near a value."""
    values, counts = np.unique(column.known, return_counts=True)
    place = int(np.searchsorted(values, value))
    near = np.concatenate([counts[max(place - 4, 0) : place], counts[place + 1 : place + 5]])
    return float(np.median(near)) if len(near) else 0.0


def _zero(column: Column) -> Iterator[Finding]:
    count, positive = column.codes["0"], column.known[column.known > 0]
    if (
        len(positive)
        and column.known[0] >= 0
        and positive[0] >= 0.1 * np.median(positive)
        and len(positive) > 2 * count
    ):
        if positive[0] <= 1 or np.median(positive) < 20:
            return  # small counts: a zero is one of them
        evidence = f"{count} rows hold 0, the next value is {positive[0]:g}, the median {np.median(positive):g}"
        yield _asked(column, "0", evidence, "it still counts as a value", "must")


def _taken(column: Column, literal: str, evidence: str) -> Finding:
    take_for_blank(column, literal, evidence)
    return _asked(column, literal, evidence, "it counts as blank", "should")


def _asked(column: Column, literal: str, evidence: str, now: str, severity: str) -> Finding:
    what = f"{literal!r} in {column.name} seems to mean 'not known'; {now}"
    instead = "instead of under codes, " if column.kind == "code" else ""
    spelled = json.dumps(literal, ensure_ascii=False)
    cure = f"say so, or not, under missing: {{{spelled}: blank}}, {instead}here and in the integration"
    return Finding("must" if severity == "must" else "should", what, evidence, cure, "spec", words.source(column.name))


def unknown_codes(column: Column) -> Iterator[Finding]:
    """Codes that seem to say 'not known'; they stay codes, as what is not known may tell something itself."""
    for code in [code for code in column.codes if words.says_unknown(code)]:
        yield _asked(column, code, f"{column.codes[code]} rows hold it", "it still counts as a code", "should")


def strength(column: Column, outcome: Floats) -> float:
    """How well one column alone tells an outcome (n,), 0 or 1, as an AUC; .5 is not at all. Ignores which way round."""
    return told_by_bins(_binned(column), outcome)


def trend(column: Column, bad: Floats) -> float:
    """AUC of the bare number: above .5 bad grows more frequent as it grows, below .5 less."""
    known = ~np.isnan(column.numbers)
    outcome = bad[known]
    if not 0 < outcome.sum() < len(outcome):
        return 0.5
    return auc(column.numbers[known], outcome)


def _binned(column: Column) -> NDArray[np.int64]:
    """A bin per row: codes as they are, numbers by quantile, blanks apart."""
    if not column.is_number:
        places = {code: place for place, code in enumerate(column.codes, start=1)}
        return np.array([places.get(cell, 0) for cell in column.cells])
    return quantile_bins(column.numbers)


def groups(column: Column) -> Iterator[tuple[str, Floats]]:
    """The groups of a protected column as (name, member (n,)): its codes, or the upper half of its numbers."""
    if column.is_number:
        middle = column.quantile(0.5)
        member = column.numbers > middle
        yield f"{column.name} above {column.text(middle)}", member.astype(np.float64)
        return
    for code in column.codes:
        yield f"{column.name} {code!r}", np.array([cell == code for cell in column.cells], np.float64)


def proxies(protected: Sequence[Column], others: Sequence[Column]) -> dict[str, str]:
    """Columns that tell a protected group with an AUC above ``PROXY``, with which and how well."""
    found: dict[str, str] = {}
    for column in others:
        told = [
            (strength(column, member), group)
            for guarded in protected
            for group, member in groups(guarded)
            if FEWEST <= member.sum() <= len(member) - FEWEST
        ]
        best = max(told, default=(0.0, ""))
        if best[0] > PROXY:
            found[column.name] = f"alone it tells {best[1]} with an AUC of {best[0]:.2f}"
    return found


def copies(columns: Sequence[Column]) -> dict[str, str]:
    """Columns that say what an earlier one says: the name of that one."""
    found: dict[str, str] = {}
    seen: dict[bytes, str] = {}
    ranks: list[tuple[str, Floats]] = []
    for column in columns:
        if column.is_number:
            rank = _ranks(column)
            earlier = next((name for name, other in ranks if abs(float(rank @ other)) > COPY), "")
            ranks.append((column.name, rank))
        else:
            earlier = seen.setdefault(_pattern(column), column.name)
        if earlier not in ("", column.name):
            found[column.name] = earlier
    return found


def _pattern(column: Column) -> bytes:
    """Which rows hold the same: equal for columns that are renamings of one another."""
    numbered: dict[str, int] = {}
    return np.array([numbered.setdefault(cell, len(numbered)) for cell in column.cells], np.int64).tobytes()


def _ranks(column: Column) -> Floats:
    """Ranks of the values, centred, of length 1; blanks in the middle."""
    filled = np.where(np.isnan(column.numbers), np.nanmedian(column.numbers), column.numbers)
    _, inverse, counts = np.unique(filled, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    rank = rank - rank.mean()
    return np.asarray(rank / max(float(np.sqrt((rank**2).sum())), 1e-12), np.float64)

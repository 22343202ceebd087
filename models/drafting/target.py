"""The outcome column: which value is bad, which are good, and whether there is enough of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError, Fault
from contracts.source import nearest
from models.drafting import words
from models.drafting.findings import Finding
from models.spec import Target

FEWEST_ROWS = 200
FEWEST_CASES = 20
"""Bad or good cases below which no fold of a cross-validation holds enough."""
FEW_BADS = 200
MANY_VALUES = 12
"""Values shown of a target that has too many."""


def column_of(data: Path, columns: Sequence[str], name: str) -> int:
    """Position of the target; raises ConfigurationError naming the nearest column."""
    if name in columns:
        return columns.index(name)
    hint = nearest(name, columns) or f"there are: {', '.join(columns[:20])}"
    raise ConfigurationError([Fault(str(data), 1, 0, f"has no column {name!r} for the target", hint)])


def read_target(
    data: Path, name: str, cells: Sequence[str], wanted: str | None
) -> tuple[Target, NDArray[np.float64], list[Finding]]:
    """The target, who is bad (n,), and what was guessed; raises ConfigurationError where no model can be made of it."""
    counts = Counter(cells)
    _whole(data, name, counts)
    bad, why = (wanted, "--bad says so") if wanted is not None else _guess(data, name, counts)
    if bad not in counts:
        message = f"no row has {name} {bad!r}, so nothing says what a bad loan is like"
        raise _unusable(data, message, f"--bad takes one of: {_shown(counts)}")
    good = tuple(value for value, _ in counts.most_common() if value != bad)
    _enough(data, name, len(cells), counts[bad], bad)
    outcome = np.array([cell == bad for cell in cells], np.float64)
    return Target(name, bad, good), outcome, list(_told(Target(name, bad, good), counts, why))


def _whole(data: Path, name: str, counts: Counter[str]) -> None:
    """Refuse a target that is constant, or has gaps."""
    blanks = sum(count for value, count in counts.items() if value.strip() in ("", *words.BLANKS))
    if blanks == counts.total():
        raise _unusable(data, f"the target {name!r} is empty in every row", "name another column with --target")
    if blanks:
        message = f"the target {name!r} is empty in {blanks} of {counts.total()} rows"
        raise _unusable(data, message, "drop loans whose outcome is not known yet; do not call them good")
    if len(counts) == 1:
        message = f"the target {name!r} is {next(iter(counts))!r} in every row: there is nothing to tell apart"
        raise _unusable(data, message, "a model needs loans that went bad and loans that did not")


def _guess(data: Path, name: str, counts: Counter[str]) -> tuple[str, str]:
    if len(counts) > 2:
        message = f"the target {name!r} has {len(counts):,} values: {_shown(counts)}"
        raise _unusable(data, message, "say which of them is bad with --bad VALUE; all others then count as good")
    spoken = {value: value.strip().lower() for value in counts}
    if tuple(sorted(spoken.values())) in words.PAIRS:
        return max(counts, key=float), f"of {_shown(counts)}, the greater number is bad in most files"
    bads = [value for value, word in spoken.items() if word in words.BAD]
    goods = [value for value, word in spoken.items() if word in words.GOOD]
    if len(bads) == 1:
        return bads[0], f"of {_shown(counts)}, it is the one that sounds bad"
    if len(goods) == 1:
        other = next(value for value in counts if value != goods[0])
        return other, f"of {_shown(counts)}, it is the one that does not sound good"
    message = f"the target {name!r} has the values {_shown(counts)}, and neither says that it is the bad one"
    raise _unusable(data, message, "say which one is bad with --bad VALUE")


def _enough(data: Path, name: str, rows: int, bads: int, bad: str) -> None:
    if rows < FEWEST_ROWS:
        raise _unusable(data, f"holds {rows} rows; a model needs at least {FEWEST_ROWS}", "add loans")
    for count, what in ((bads, repr(bad)), (rows - bads, f"not {bad!r}")):
        if count < FEWEST_CASES:
            message = f"only {count} of {rows} rows have {name} {what}; a model needs at least {FEWEST_CASES}"
            raise _unusable(data, message, "add loans, or say with --bad which value is bad")


def _told(target: Target, counts: Counter[str], why: str) -> list[Finding]:
    rows, bads = counts.total(), counts[target.bad]
    rate = bads / rows
    found = [
        Finding(
            "must", "is the share of bad loans the population's?", f"{bads:,} of {rows:,} rows are bad ({rate:.1%})",
            "where the file was sampled otherwise, write prior: {bad_rate: …}", "spec", "prior:",
        ),
        Finding(
            "should" if why.startswith("of") else "note", f"{target.bad!r} in {target.column} means bad", why,
            "say what bad means (so many days late, within so many months) under provenance", "spec", "target:",
        ),
    ]  # fmt: skip
    if len(target.good) > 1:
        what = f"{target.goods} all count as good"
        cure = "drop loans whose outcome is not known yet; do not call them good"
        found.append(Finding("must", what, _shown(counts), cure, "spec", "target:"))
    if rate > 0.5:
        cure = "if good and bad changed places, draft again with --bad"
        found.append(Finding("must", "more loans are bad than good", f"{rate:.1%} are bad", cure, "spec", "target:"))
    if bads < FEW_BADS:
        cure = "expect scores to move with every retraining; add loans, or take fewer features"
        found.append(Finding("must", "few bad loans to learn from", f"{bads} are bad", cure, "spec", "target:"))
    elif rate < 0.02:
        cure = "look at the calibration in the card"
        found.append(Finding("should", "bad loans are rare", f"{rate:.2%} are bad", cure, "spec", "target:"))
    return found


def _shown(counts: Counter[str]) -> str:
    most = [f"{value!r} ({count:,})" for value, count in counts.most_common(MANY_VALUES)]
    return ", ".join(most) + (" …" if len(counts) > MANY_VALUES else "")


def _unusable(data: Path, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Fault(str(data), 0, 0, message, hint)])

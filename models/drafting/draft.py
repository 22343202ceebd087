"""From a CSV to a draft: which columns become fields and features, what is left out, and every reason why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contracts.errors import ConfigurationError, Fault
from contracts.mapping.conversions import LIMIT, Unfit, read_text
from contracts.source import nearest
from models.csv_file import Dialect, read_csv
from models.drafting import suspicion, words
from models.drafting.columns import MOST_CODES, Column, Floats, hold_codes, holds_nothing, identifies, look_at
from models.drafting.features import about_features, features_of
from models.drafting.findings import Finding, Severity, left_out
from models.drafting.questions import open_questions, protected
from models.drafting.sniff import sniff
from models.drafting.target import column_of, read_target
from models.kinds import DEFAULT
from models.measures import LEAK
from models.spec import Target

NAMED_CODES = 200
"""Different texts above which a left-out column is told to have too many, not merely many."""
MOST_COLUMNS = 500


@dataclass
class DraftField:
    """One column as a field of the contract. ``codes``: how the contract spells each native code. ``protected`` says
    what the column tells of a person, ``proxy`` what it gives away; both empty where it does not."""

    column: Column
    name: str
    unit: str
    codes: dict[str, str]
    protected: str = ""
    proxy: str = ""
    feature: bool = True
    trend: float = 0.5

    @property
    def low(self) -> str:
        """The least legal value, with room: none below 0 where none was seen."""
        least = self.column.known[0]
        return "0" if least >= 0 else f"-{self._room(-least)}"

    @property
    def high(self) -> str:
        """The greatest legal value: ten times the greatest seen, in round figures, or what the unit itself bounds."""
        most = float(self.column.known[-1])
        bound = {"years": 130, "percent": 100}.get(self.unit)
        return str(bound if bound and most <= bound else self._room(max(most, 1.0)))

    def _room(self, most: float) -> int:
        """Ten times a number in round figures, as far as a number of this scale can be read."""
        return min(_room(most), LIMIT // int(10**self.column.scale))


@dataclass
class Draft:
    """Everything the files are written from."""

    model: str
    product: str
    currency: str
    data: Path
    dialect: Dialect
    target: Target
    bad: Floats
    fields: list[DraftField]
    findings: list[Finding]
    kind: str = DEFAULT

    @property
    def contract(self) -> str:
        return f"{self.model}_application"

    @property
    def features(self) -> list[DraftField]:
        """The fields that features of the draft read."""
        groups = {feature.group for feature in features_of(self.fields)}
        return [field for field in self.fields if field.name in groups]


def draft(
    data: Path,
    target: str,
    bad: str | None,
    *,
    model: str,
    product: str,
    currency: str,
    codes: Collection[str] = (),
    kind: str = DEFAULT,
) -> Draft:
    """Look at the file and decide; ``codes`` names columns whose numbers are codes, ``kind`` the kind of model.

    Raises ConfigurationError where no model can be made of it, with the way out.
    """
    dialect, findings = sniff(data)
    names, rows, _ = read_csv(data, dialect)
    place = column_of(data, names, target)
    if len(names) > MOST_COLUMNS:
        raise _unusable(data, f"has {len(names)} columns, at most {MOST_COLUMNS} are drafted", "drop some")
    outcome_of, outcome, told = read_target(data, target, [row[place] for row in rows], bad)
    findings += told
    columns = [look_at(name, [row[k] for row in rows], dialect) for k, name in enumerate(names) if k != place]
    _take_for_codes(data, columns, codes)
    kept = _Sieve(data, columns, outcome, findings).kept()
    if not features_of(kept):
        raise _unusable(data, "no column is left that a model could learn from", _why(findings))
    findings += [*about_features(kept, int(outcome.sum())), *open_questions(kept, currency)]
    return Draft(model, product, currency, data, dialect, outcome_of, outcome, kept, findings, kind)


def _take_for_codes(data: Path, columns: Sequence[Column], names: Collection[str]) -> None:
    """Let the columns of these names hold codes; raises ConfigurationError for one that is not there or holds many."""
    known = {column.name: column for column in columns}
    for name in names:
        if name not in known:
            raise _unusable(data, f"has no column {name!r} whose numbers could be codes", nearest(name, known))
        if known[name].distinct > MOST_CODES:
            message = f"{name} holds {known[name].distinct:,} different values, more than {MOST_CODES} codes"
            raise _unusable(data, message, "group them in the file")
        hold_codes(known[name])


def _unusable(data: Path, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Fault(str(data), 0, 0, message, hint)])


def _why(findings: Sequence[Finding]) -> str:
    left = [f"{f.what}: {f.evidence}; {f.cure}" for f in findings if f.what.endswith("left out")]
    return "; ".join(left[:8]) or "add columns"


def _room(most: float) -> int:
    """Ten times a number, rounded up to 1, 2 or 5 with zeros, and 1 at least."""
    wide = 10.0 * most
    power = 10 ** math.floor(math.log10(wide))
    return max(1, int(next(step * power for step in (1, 2, 5, 10) if step * power >= wide * (1 - 1e-12))))


class _Sieve:
    """Takes the columns one by one; what is left out, and why, goes to the findings."""

    def __init__(self, data: Path, columns: list[Column], bad: Floats, findings: list[Finding]) -> None:
        self.data, self.columns, self.bad, self.findings = data, columns, bad, findings

    def kept(self) -> list[DraftField]:
        usable = [column for column in self.columns if not self.useless(column)]
        for column in usable:
            if column.is_number:
                self.findings += suspicion.missing_codes(column)
            elif column.kind == "code":
                self.findings += suspicion.unknown_codes(column)
        usable = [column for column in usable if not self.emptied(column)]
        self.rows(usable)
        guarded = {column.name: words.protected_kind(column.name, self.values(column)) for column in usable}
        leaks = {column.name for column in usable if not guarded[column.name][0] and self.leaks(column)}
        fields = self.name([column for column in usable if column.name not in leaks])
        self.guard(fields, guarded)
        self.repeat([field for field in fields if field.feature])
        for field in fields:
            field.trend = suspicion.trend(field.column, self.bad) if field.column.is_number else 0.5
        return fields

    def leave(self, severity: Severity, column: Column, evidence: str, cure: str) -> bool:
        self.findings.append(left_out(severity, f"column {column.name!r}", evidence, cure))
        return True

    def useless(self, column: Column) -> bool:
        """Nothing can be learned from it, or it tells who somebody is."""
        if idle := holds_nothing(column):
            return self.leave("note", column, *idle)
        if column.kind == "date":
            kind = words.protected_kind(column.name, ())[0]
            cure = f"it tells the {kind}" if kind else "turn it into months before the application, if it is known then"
            return self.leave("note", column, "it holds dates, which no feature can read", cure)
        if column.kind == "code" and not all(map(_readable, column.codes)):
            cure = "take line breaks and other control characters out of the file"
            return self.leave("note", column, "some of its codes are texts that no integration may send", cure)
        if why := identifies(column):
            cure = "keep it out of training data; if it tells nobody, draft again with --codes, or rename it"
            return self.leave("should", column, f"{why}: it tells who somebody is (personal)", cure)
        if column.kind == "text":
            many = "far too many" if column.distinct > NAMED_CODES else "too many"
            evidence = f"{column.distinct:,} different texts are {many} for codes"
            return self.leave("note", column, evidence, "group them into codes, or write its numbers plainly")
        return False

    def emptied(self, column: Column) -> bool:
        if not column.is_number or len(np.unique(column.known)) > 1:
            return False
        return self.leave("note", column, "but for literals that mean 'not known' it holds one value", "look at it")

    def values(self, column: Column) -> Sequence[str]:
        return () if column.is_number else tuple(column.codes)

    def leaks(self, column: Column) -> bool:
        """It was written after the outcome was known, or is the outcome."""
        told = suspicion.strength(column, self.bad)
        if told > LEAK:
            what = "nearly a copy of the target" if told > 0.995 else "most likely written after the outcome was known"
            evidence = f"alone it tells the outcome with an AUC of {told:.3f}: {what}"
            return self.leave("must", column, evidence, "bring it back only if it is known when somebody applies")
        if word := words.says(column.name, words.AFTERWARDS):
            evidence = f"the name says {word!r}, which is known only after the loan (AUC {told:.2f})"
            return self.leave("must", column, evidence, "bring it back only if it is known when somebody applies")
        return False

    def rows(self, columns: Sequence[Column]) -> None:
        """Tell rows that occur more than once, and those among them that contradict each other."""
        cells = list(zip(*(column.cells for column in columns), strict=True)) if columns else []
        counts = Counter(cells)
        doubled = sum(count - 1 for count in counts.values())
        if not doubled:
            return
        ends: dict[tuple[str, ...], set[float]] = {}
        for row, bad in zip(cells, self.bad, strict=True):
            ends.setdefault(row, set()).add(float(bad))
        torn = sum(len(outcomes) > 1 for outcomes in ends.values())
        evidence = (
            f"{doubled:,} of {len(cells):,} rows repeat another but for what identifies it, {torn:,} with both outcomes"
        )
        cure = "if one loan stands there several times, keep one row: else folds share it and the AUC is too good"
        severity = "must" if doubled > 0.01 * len(cells) else "should"
        self.findings.append(Finding("must" if severity == "must" else "should", "rows repeat", evidence, cure))

    def name(self, columns: Sequence[Column]) -> list[DraftField]:
        fields: list[DraftField] = []
        for column in columns:
            name = words.slug(column.name, [field.name for field in fields])
            codes: dict[str, str] = {}
            for code in column.codes if column.kind == "code" else ():
                codes[code] = words.code_slug(code, codes.values())
            fields.append(DraftField(column, name, words.unit(column.name)[0], codes))
        return fields

    def guard(self, fields: list[DraftField], guarded: dict[str, tuple[str, str]]) -> None:
        """Protected attributes are never features; columns that give one away are named."""
        for field in fields:
            field.protected, evidence = guarded[field.column.name]
            if field.protected:
                field.feature = False
                self.findings.append(protected(field.name, field.protected, evidence))
        open_ = [field for field in fields if not field.protected]
        for field in open_:
            self.findings += _told_by_codes(field)
        found = suspicion.proxies([f.column for f in fields if f.protected], [f.column for f in open_])
        for field in open_:
            if field.column.name in found:
                field.proxy = found[field.column.name]
                what = f"{field.name} is a proxy of a protected attribute"
                cure = "drop the feature, or justify it; the imputer predicts no other field from it"
                anchor = f"group: {field.name}}}"
                self.findings.append(Finding("must", what, field.proxy, cure, "spec", anchor))

    def repeat(self, fields: list[DraftField]) -> None:
        found = suspicion.copies([field.column for field in fields])
        for field in fields:
            if field.column.name in found:
                field.feature = False
                what = f"{field.name} is no feature: it says what {found[field.column.name]} says"
                cure = "take the one the legacy system fills more reliably"
                evidence = "the same rows hold the same, or their ranks agree"
                self.findings.append(Finding("should", what, evidence, cure, "contract", f"name: {field.name}"))


def _readable(code: str) -> bool:
    try:
        read_text(code)
    except Unfit:
        return False
    return True


def _told_by_codes(field: DraftField) -> Iterator[Finding]:
    for kind, codes in words.told_by_codes(field.codes).items():
        what = f"a code of {field.name} speaks of {kind}"
        cure = "drop its feature, or justify it; the draft keeps it"
        yield Finding("should", what, ", ".join(map(repr, codes[:3])), cure, "contract", f"name: {field.name}")

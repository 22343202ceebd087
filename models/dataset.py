"""Training data: a CSV with one row per loan, mapped and checked like any other submission, as numbers.

Every fault of the file comes at once: columns that are not there, outcomes that are neither good nor bad, rows that
break the contract (how many, and the first of them), columns that never vary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError, Fault
from contracts.mapping.request import RequestMap
from contracts.rows import RowEngine
from contracts.source import nearest
from contracts.types import Field, Problem, State
from models.csv_file import SHOWN, read_csv
from models.features import READABLE, number_of
from models.kinds import fewest_cases, fitted_elsewhere
from models.spec import TrainingSpec

Floats = NDArray[np.float64]

NUMBERS = ("integer", "decimal")
FEWEST_PER_FOLD = 2
"""Bad and good cases of each fold, so that each has an AUC."""


@dataclass(frozen=True)
class Dataset:
    """n applicants. ``x``, shape (n, len(fields)): one column per contract field that has a number, in contract order,
    decimals in the field's unit, codes as positions, NaN where blank. ``bad``, shape (n,): 1 for bad, 0 for good."""

    fields: tuple[Field, ...]
    x: Floats
    bad: Floats
    columns: tuple[str, ...]
    unused: tuple[str, ...]

    def select(self, fields: Sequence[Field]) -> Floats:
        """The columns of these fields, shape (n, len(fields)), C-contiguous."""
        position = {field.name: index for index, field in enumerate(self.fields)}
        return np.ascontiguousarray(self.x[:, [position[field.name] for field in fields]])

    def blanks(self) -> dict[str, int]:
        """How many rows left each field blank."""
        return {field.name: int(np.isnan(self.x[:, k]).sum()) for k, field in enumerate(self.fields)}


def read_dataset(data: Path, spec: TrainingSpec) -> Dataset:
    """Read, map and check every row; raises ConfigurationError with every fault."""
    columns, rows, lines = _rows(data, spec)
    faults = [*_column_faults(data, columns, spec), *_target_faults(data, rows, columns, spec)]
    if faults:
        raise ConfigurationError(faults)
    fields = tuple(field for field in spec.contract.fields if field.type in READABLE)
    x = _matrix(data, rows, lines, spec, fields)
    bad = np.array([row[spec.target.column] == spec.target.bad for row in rows], np.float64)
    used = {spec.target.column, *spec.columns.values()}
    dataset = Dataset(fields, x, bad, columns, tuple(name for name in columns if name not in used))
    constant = _constant_faults(data, dataset, spec)
    if constant:
        raise ConfigurationError(constant)
    return dataset


def _rows(data: Path, spec: TrainingSpec) -> tuple[tuple[str, ...], list[dict[str, str]], list[int]]:
    """Columns, rows and the line of each; numbers are written with a point and without thousands from here on."""
    columns, rows, lines = read_csv(data, spec.csv)
    numbers = {spec.columns[f.name] for f in spec.contract.fields if f.type in NUMBERS and f.name in spec.columns}
    places = [place for place, name in enumerate(columns) if name in numbers]
    for row in rows:
        for place in places:
            row[place] = spec.csv.number(row[place])
    return columns, [dict(zip(columns, row, strict=True)) for row in rows], lines


def _column_faults(data: Path, columns: tuple[str, ...], spec: TrainingSpec) -> list[Fault]:
    return [
        spec.source.fault(
            ("request", field),
            f"names the column {column!r}, which {data.name} does not have",
            nearest(column, columns),
        )
        for field, column in spec.columns.items()
        if column not in columns
    ]


def _target_faults(data: Path, rows: list[dict[str, str]], columns: tuple[str, ...], spec: TrainingSpec) -> list[Fault]:
    target = spec.target
    if target.column not in columns:
        message = f"names the target column {target.column!r}, which {data.name} does not have"
        return [spec.source.fault(("target", "column"), message, nearest(target.column, columns))]
    counts = Counter(row[target.column] for row in rows)
    strange = sorted(counts.keys() - {target.bad, *target.good})
    if strange:
        seen = ", ".join(f"{value!r} ({counts[value]} rows)" for value in strange[:5])
        message = f"the target {target.column!r} holds more than {target.bad!r} and {target.goods}: {seen}"
        return [Fault(str(data), 0, 0, message, "drop or recode those rows")]
    missing = [word for word in (target.bad, *target.good) if not counts[word]]
    needed = f"a model needs both {target.bad!r} and {target.goods}"
    faults = [Fault(str(data), 0, 0, f"no row has {target.column} {word!r}", needed) for word in missing]
    return faults or _scarce(data, counts, spec)


def _scarce(data: Path, counts: Counter[str], spec: TrainingSpec) -> list[Fault]:
    """Too few of an outcome for the folds of the validation, which a model fitted elsewhere has none of."""
    if fitted_elsewhere(spec.model):
        return []
    target, folds = spec.target, spec.card.folds
    needed = max(FEWEST_PER_FOLD * folds, -(-fewest_cases(spec.model) * folds // (folds - 1)))
    bads = counts[target.bad]
    seen = ((bads, repr(target.bad)), (counts.total() - bads, target.goods))
    hint = f"{needed} are needed to validate the model on folds: {folds}; add loans, or change the folds under card"
    return [
        Fault(str(data), 0, 0, f"only {count} of {counts.total()} rows have {target.column} {what}", hint)
        for count, what in seen
        if count < needed
    ]


def _matrix(
    data: Path, rows: list[dict[str, str]], lines: list[int], spec: TrainingSpec, fields: tuple[Field, ...]
) -> Floats:
    engine, request, index = RowEngine(spec.contract), RequestMap(spec.request), spec.contract.index
    places = [(index[field.name], number_of(field)) for field in fields]
    x = np.empty((len(rows), len(fields)))
    broken: list[tuple[int, Problem]] = []
    for place, (line, row) in enumerate(zip(lines, rows, strict=True)):
        mapped = request.read(row)
        checked = engine.check(mapped.values, mapped.states)
        # What is tolerated in an application (a field then counts as rejected) has no place in training data.
        tolerated = [*mapped.tolerated, *checked.tolerated]
        problems = [*mapped.fatal, *checked.fatal]
        problems += [p for p in tolerated if mapped.states[index[p.path]] == State.REJECTED]
        broken += [(line, problem) for problem in problems]
        if not problems:
            x[place] = [number(mapped.values[field]) for field, number in places]
    if broken:
        raise ConfigurationError(_row_faults(data, len(rows), broken))
    return x


def _row_faults(data: Path, total: int, broken: list[tuple[int, Problem]]) -> list[Fault]:
    lines = len({line for line, _ in broken})
    summary = Fault(str(data), 0, 0, f"{lines} of {total} rows break the contract, in {len(broken)} places")
    return [
        summary,
        *(
            Fault(str(data), line, 0, f"{p.path}: {p.code}: {p.seen}", f"expected {p.expected}")
            for line, p in broken[:SHOWN]
        ),
    ]


def _constant_faults(data: Path, dataset: Dataset, spec: TrainingSpec) -> list[Fault]:
    found = []
    for field, column in zip(spec.fields_read, dataset.select(spec.fields_read).T, strict=True):
        known = column[~np.isnan(column)]
        if not len(known) or known.min() == known.max():
            seen = "only blanks" if not len(known) else "one value"
            found.append(
                Fault(str(data), 0, 0, f"{field.name} holds {seen}: nothing can be learned from it", "drop it")
            )
    return found

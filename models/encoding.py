"""What a pipeline's steps make of the features, followed column by column back to the one feature each comes from.

Every step that is known here works on one column at a time, and either rises with it (scalers, filling of gaps) or
changes only at named values (one-hot, ordinal codes, "is missing"). A tree's threshold on such a column is therefore a
set of bins of one feature, found with the fitted step itself: exact, whatever it rounds.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError

Floats = NDArray[np.float64]
REACH = 1e30
"""Features are taken to lie within this; cuts are sought there."""


@dataclass(frozen=True)
class Columns:
    """The columns that an estimator behind ``steps`` sees. ``sources`` (C,): the feature of each; ``marks`` (C,): the
    values of it at which the column changes, or None where it rises with the feature."""

    steps: tuple[Any, ...]
    sources: tuple[int, ...]
    marks: tuple[Floats | None, ...]
    n_features: int

    @classmethod
    def plain(cls, n_features: int) -> Columns:
        return cls((), tuple(range(n_features)), (None,) * n_features, n_features)

    def filled(self) -> bool:
        """Whether no column is missing where every feature is."""
        return not np.isnan(self.values(np.full((1, self.n_features), np.nan))).any()

    def values(self, rows: Floats, *, single: bool = False) -> Floats:
        """The columns (n, C) of feature rows (n, F); ``single``: rounded to float32, as scikit-learn's trees read."""
        seen: Any = rows
        with _quiet():
            for step in self.steps:
                seen = step.transform(_as_fitted(step, seen))
            dense = seen.toarray() if hasattr(seen, "toarray") else seen
            return np.asarray(np.asarray(dense, np.float32 if single else np.float64), np.float64)

    def through(self, step: Any) -> Columns:
        """The columns behind one more step; raises ConfigurationError for a step that is not known."""
        if step is None or step == "passthrough":
            return self
        kind = type(step).__name__
        if kind not in STEPS:
            message = f"the pipeline step {kind} cannot be taken apart exactly; known: {', '.join(sorted(STEPS))}"
            raise ConfigurationError(f"{message}; write what it does into the features' expressions")
        sources, marks = STEPS[kind](step, self)
        return replace(self, steps=(*self.steps, step), sources=sources, marks=marks)

    def cuts(self, column: int, thresholds: Floats, *, single: bool) -> Floats:
        """The feature's cuts that tell whether ``column`` is above each threshold."""
        marks = self.marks[column]
        if marks is not None:
            return np.unique(np.concatenate([np.nextafter(marks, -np.inf), marks]))
        if not self.steps and not single:
            return np.unique(thresholds)
        low, high = np.full(len(thresholds), _rank(-REACH)), np.full(len(thresholds), _rank(REACH))
        while (high > low + 1).any():
            middle = (low >> 1) + (high >> 1) + (low & high & 1)
            rows = np.zeros((len(thresholds), self.n_features))
            rows[:, self.sources[column]] = _unrank(middle)
            below = self.values(rows, single=single)[:, column] <= thresholds
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.unique(_unrank(low))


def _rank(x: float) -> int:
    """Doubles in order, as whole numbers."""
    bits = int(np.float64(x).view(np.int64))
    return bits if bits >= 0 else -(bits & (2**63 - 1))


def _unrank(ranks: NDArray[np.int64]) -> Floats:
    return np.where(ranks >= 0, 1.0, -1.0) * np.abs(ranks).view(np.float64)


@contextmanager
def _quiet() -> Iterator[None]:
    """Codes that no training row had, and numbers beyond float32, are what is asked about here."""
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _as_fitted(step: Any, seen: Any) -> Any:
    """A table with the column names the step was fitted on, if it was."""
    if not hasattr(step, "feature_names_in_") or type(step).__name__ != "ColumnTransformer":
        return seen
    return import_module("pandas").DataFrame(np.asarray(seen), columns=step.feature_names_in_)


_Traced = tuple[tuple[int, ...], tuple[Floats | None, ...]]


def _rising(step: Any, columns: Columns) -> _Traced:
    if getattr(step, "clip", False):
        raise ConfigurationError("a scaler that clips is not linear: fit it with clip=False")
    return columns.sources, columns.marks


def _filled(step: Any, columns: Columns) -> _Traced:
    if not (isinstance(step.missing_values, float) and np.isnan(step.missing_values)):
        message = f"an imputer that fills {step.missing_values!r} instead of what is missing fails on a blank"
        raise ConfigurationError(f"{message}: fit it with missing_values=numpy.nan")
    if np.isnan(np.asarray(step.statistics_, np.float64)).any():
        raise ConfigurationError("an imputer saw a column without any value: drop that feature")
    sources, marks = columns.sources, columns.marks
    if step.indicator_ is not None:
        flags = [int(f) for f in step.indicator_.features_]
        sources += tuple(columns.sources[c] for c in flags)
        marks += tuple(_held(columns, c) for c in flags)
    return sources, marks


def _held(columns: Columns, column: int) -> Floats:
    """Where "is missing" changes: nowhere among numbers, but where the column itself does."""
    marks = columns.marks[column]
    return np.empty(0) if marks is None else marks


def _coded(step: Any, columns: Columns) -> _Traced:
    one_hot = type(step).__name__ == "OneHotEncoder"
    if step.handle_unknown == "error":
        raise ConfigurationError("an encoder that fails on unknown codes would fail in service: set handle_unknown")
    sources: tuple[int, ...] = ()
    marks: tuple[Floats | None, ...] = ()
    if any(type(before).__name__ != "SimpleImputer" for before in columns.steps):
        raise ConfigurationError("an encoder must come first, or right after a SimpleImputer")
    if one_hot and (step.drop_idx_ is not None or step._infrequent_enabled):
        raise ConfigurationError("a one-hot encoder that drops or merges codes: fit it without drop, min_frequency")
    for column, categories in enumerate(step.categories_):
        known = np.asarray(categories, np.float64)
        held = columns.marks[column]
        width = len(known) if one_hot else 1
        sources += (columns.sources[column],) * width
        marks += (np.sort(known[~np.isnan(known)]) if held is None else held,) * width
    return sources, marks


def _parted(step: Any, columns: Columns) -> _Traced:
    """A ColumnTransformer: its parts side by side, in order."""
    sources: tuple[int, ...] = ()
    marks: tuple[Floats | None, ...] = ()
    if columns.steps:
        raise ConfigurationError("a ColumnTransformer must come first in its pipeline")
    for name, part, _ in step.transformers_:
        chosen = [int(c) for c in step._transformer_to_input_indices[name]]
        if part == "drop" or not chosen:
            continue
        seen = replace(columns, sources=tuple(columns.sources[c] for c in chosen), marks=(None,) * len(chosen))
        for inner in [s for _, s in part.steps] if type(part).__name__ == "Pipeline" else [part]:
            seen = seen.through(inner)
        sources, marks = sources + seen.sources, marks + seen.marks
    return sources, marks


STEPS: dict[str, Callable[[Any, Columns], _Traced]] = {
    "ColumnTransformer": _parted,
    "FunctionTransformer": lambda step, columns: _identity(step, columns),
    "MaxAbsScaler": _rising,
    "MinMaxScaler": _rising,
    "OneHotEncoder": _coded,
    "OrdinalEncoder": _coded,
    "RobustScaler": _rising,
    "SimpleImputer": _filled,
    "StandardScaler": _rising,
}
"""Steps that can be taken apart."""


def _identity(step: Any, columns: Columns) -> _Traced:
    if step.func is not None:
        raise ConfigurationError("a FunctionTransformer may do anything: write it into the features' expressions")
    return columns.sources, columns.marks

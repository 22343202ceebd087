"""Decisions of a batch as a frame: a row each, the columns of the contract ``loan_decision``, lists of structs in it.

What all decisions of a batch share (versions, times) stands in the summary beside the file, not in every row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from contracts.lazy import COLUMNS, Lazy
from gateway.columns import DecidedColumns
from models.types import Imputation, Reason
from models.verdict_columns import OUTCOMES, refer_causes

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
else:
    pl, pa = Lazy("polars", COLUMNS), Lazy("pyarrow", COLUMNS)

Ints = NDArray[np.int64]
_PD, _POINTS = 6, 2
_TOLD: Final = ("group", "code", "text", "state")
NAMES: Final = (
    "record", "decision_id", "business_key", "request_key", "correlation_id", "product", "currency", "outcome",
    "refer_causes", "pd", "score", "score_min", "score_max", "reasons", "imputations", "information_not_available",
)  # fmt: skip
"""The columns of a frame of decisions."""


def decision_frame(decided: DecidedColumns, numbers: Ints | None = None) -> pl.DataFrame:
    """One row per decision. ``record`` is the place of its record in the batch, or what ``numbers`` has there."""
    rows = decided.assessed.records.rows
    verdicts, keys = decided.assessed.verdicts, decided.assessed.keys
    return pl.DataFrame(
        {
            "record": rows if numbers is None else numbers[rows],
            "decision_id": decided.decision_ids,
            "business_key": keys["business"],
            "request_key": decided.request_keys,
            "correlation_id": keys["correlation"],
            "product": decided.texts("product"),
            "currency": decided.texts("currency"),
            "outcome": _chosen(OUTCOMES, verdicts.outcome),
            "refer_causes": _causes(verdicts.causes),
            "pd": pl.Series(pl.from_arrow(_decimals(verdicts.pd, _PD))),
            "score": verdicts.score,
            "score_min": verdicts.score_min,
            "score_max": verdicts.score_max,
            "reasons": _reasons(decided.catalogue, verdicts.reasons, verdicts.points),
            "imputations": _imputations(decided.imputations(), len(decided)),
            "information_not_available": pl.Series(pl.from_arrow(_decimals(verdicts.information, _POINTS))),
        }
    )


def _decimals(units: Ints, scale: int) -> pa.Array:
    """Whole units as decimals of that scale: the same 128 bits with the point elsewhere."""
    content = np.empty((len(units), 2), np.int64)
    content[:, 0], content[:, 1] = units, units >> 63
    return pa.Array.from_buffers(pa.decimal128(18, scale), len(units), [None, pa.py_buffer(content.tobytes())])


def _chosen(words: Sequence[str], places: Ints) -> pl.Series:
    return pl.Series(words, dtype=pl.String).gather(places)


def _causes(masks: Ints) -> pl.Series:
    known, places = np.unique(masks, return_inverse=True)
    return pl.Series([list(refer_causes(int(mask))) for mask in known], dtype=pl.List(pl.String)).gather(places)


def _reasons(catalogue: Sequence[Reason], places: Ints, points: Ints) -> pl.Series:
    told = places >= 0
    flat = places[told]
    fields: dict[str, Any] = {
        name: pa.array([getattr(reason, name) for reason in catalogue], pa.large_string()).take(pa.array(flat))
        for name in _TOLD
    }
    return _lists({**fields, "points": _decimals(points[told], _POINTS)}, told.sum(axis=1))


def _imputations(imputed: Mapping[int, Sequence[Imputation]], size: int) -> pl.Series:
    counts = np.zeros(size, np.int64)
    for row, listed in imputed.items():
        counts[row] = len(listed)
    flat = [one for row in sorted(imputed) for one in imputed[row]]
    names = Imputation._fields
    return _lists({name: pa.array([getattr(one, name) for one in flat], pa.large_string()) for name in names}, counts)


def _lists(fields: Mapping[str, pa.Array], counts: Ints) -> pl.Series:
    """Structs of these fields, so many per row."""
    ends = np.concatenate([[0], np.cumsum(counts)])
    structs = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), structs)))


def tree_frame(trees: Sequence[Mapping[str, Any]], numbers: Sequence[int]) -> pl.DataFrame:
    """Decisions that were made one by one as rows of the same frame; ``numbers`` are the places of their records."""
    points = pl.Decimal(18, _POINTS)
    reason = pl.Struct({**dict.fromkeys(_TOLD, pl.String), "points": points})
    imputation = pl.Struct(dict.fromkeys(Imputation._fields, pl.String))
    kinds: dict[str, Any] = {
        "record": pl.Int64, "refer_causes": pl.List(pl.String), "pd": pl.Decimal(18, _PD), "score": pl.Int64,
        "score_min": pl.Int64, "score_max": pl.Int64, "reasons": pl.List(reason), "imputations": pl.List(imputation),
        "information_not_available": points,
    }  # fmt: skip
    rows = [{**tree, "record": number} for number, tree in zip(numbers, trees, strict=True)]
    return pl.DataFrame(
        {name: pl.Series([_plain(row[name]) for row in rows], dtype=kinds.get(name, pl.String)) for name in NAMES}
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

"""What is lost where fields do not reach us: known values are hidden from the default model and drawn by its imputer.

Everything is fitted on 70 % of the applicants and measured on the rest, ten times; figures are means over the splits.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from figures import Row, at_least, at_most
from numpy.typing import NDArray

from contracts.store import ContractStore
from contracts.types import Origin, Record, State, Value
from models.bundle import Bundle
from models.crossval import fit
from models.features import value_of
from models.imputer import Imputer
from models.scoring import Scorer
from models.tables import build_tables
from models.training import Material, read_material

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

CREDIT = Path(__file__).parents[2] / "fixtures" / "credit_data"
HIDDEN = (
    ("monthly_income",),
    ("assets",),
    ("employment_months",),
    ("loan_amount",),
    ("adverse_records",),
    ("employment_type",),
    ("home_ownership",),
    ("monthly_income", "assets"),
    ("monthly_income", "assets", "debt", "monthly_expenses"),
)
SHORT = {"monthly_income": "income", "monthly_expenses": "expenses"}
SPLITS = 10
TEST_SHARE = 0.3
REFERENCE_POINTS, REFERENCE_SEED = 2048, 9001
REFERENCE_RECORDS = 250
"""Test records per split and hidden set that are also scored at the reference points; the others cost minutes."""
APPROVE, DECLINE = 527, 505
SAME = 1e-9
"""Score points within which a bound of an interval is met: the last bits of a mean over equal draws."""


class Split(NamedTuple):
    """What was fitted on the training rows: the model with its imputer, the same at the reference points, and what
    simpler ways put in place of a hidden value: the usual one of each field, or scikit-learn's guess."""

    scorer: Scorer
    reference: Scorer
    usual: Floats
    guesses: Any
    test: Ints


class Loss(NamedTuple):
    """The measures of one hidden set on one split, probabilities as such, shares 0 to 1."""

    brier: float
    bias: float
    covered: float
    width: float
    flipped: float


def rows() -> list[Row]:
    """Five figures per hidden set, and whether fields that no feature reads matter.

    Brier score above the best of NaN as it is, median or mode, and IterativeImputer, the best chosen split by split;
    absolute difference of the mean PD to that of full information; 90 % intervals that cover the score of full
    information; their width (in PD) and the point outcomes against those of the reference points.
    """
    losses: dict[tuple[str, ...], list[Loss]] = {hidden: [] for hidden in HIDDEN}
    for split in splits():
        for hidden in HIDDEN:
            losses[hidden].append(measure(split, hidden))
    return [row for hidden in HIDDEN for row in _figures(hidden, losses[hidden])] + [_unread()]


def _figures(hidden: tuple[str, ...], losses: list[Loss]) -> list[Row]:
    name = f"imputation, {', '.join(SHORT.get(field, field) for field in hidden)}"
    mean = Loss(*np.mean(losses, axis=0).tolist())
    return [
        at_most(f"{name}: Brier above best of 3", mean.brier, "", 0.001),
        at_most(f"{name}: mean PD off", mean.bias * 100, "points", 1),
        at_least(f"{name}: covered", mean.covered * 100, "%", 85),
        at_most(f"{name}: width to reference", mean.width, "times", 1.2),
        at_most(f"{name}: outcomes off", mean.flipped * 100, "%", 1),
    ]


@cache
def material() -> Material:
    return read_material(CREDIT / "credit_data.csv", CREDIT / "credit_risk.spec.yaml", ContractStore(None))


def splits() -> Iterator[Split]:
    from scipy.stats import qmc
    from sklearn.model_selection import train_test_split

    whole = material()
    points = qmc.Sobol(whole.x.shape[1], scramble=True, rng=REFERENCE_SEED).random(REFERENCE_POINTS)
    for seed in range(SPLITS):
        train, test = train_test_split(
            np.arange(len(whole.x)), test_size=TEST_SHARE, stratify=whole.dataset.bad, random_state=seed
        )
        bundle = _fit(whole, train)
        dense = replace(bundle, imputer=Imputer(bundle.imputer.tables, points))
        columns = whole.x[train].T
        usual = np.array([_usual(column, j) for j, column in enumerate(columns)])
        yield Split(Scorer(bundle), Scorer(dense), usual, _iterative(whole.x[train]), test)


def _fit(whole: Material, train: Ints) -> Bundle:
    spec, x, features = whole.spec, whole.x[train], whole.features[train]
    fields = whole.feature_set.fields
    classifier = fit(features, whole.dataset.bad[train], spec.model, whole.monotone, spec.seed)
    return Bundle.create(
        name=spec.name,
        version=spec.version,
        use="demonstration",
        contract=spec.contract,
        products=(spec.product,),
        currencies=spec.currencies,
        features=whole.feature_set.features,
        reason_map=spec.reason_map,
        tables=build_tables(classifier, features),
        imputer=Imputer.fit(x, fields, silent=spec.unconditioned, seed=spec.seed),
        blank_support={field.name: int(np.isnan(x[:, j]).sum()) for j, field in enumerate(fields)},
        ranges={},
        card={},
    )


def _usual(column: Floats, field: int) -> float:
    """The median or, for codes, the mode."""
    known = column[~np.isnan(column)]
    if _is_code(field):
        return float(np.bincount(known.astype(np.int64)).argmax())
    return float(np.median(known))


def _is_code(field: int) -> bool:
    return material().feature_set.fields[field].type == "code"


def _iterative(train: Floats) -> Any:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401 # needed by the next line
    from sklearn.impute import IterativeImputer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that its ten rounds did not converge; that is how it is mostly used
        return IterativeImputer(random_state=0).fit(train)


def _guessed(guesses: Any, hidden: Floats) -> Floats:
    """Records completed by scikit-learn's IterativeImputer, codes rounded to legal ones."""
    filled: Floats = guesses.transform(hidden)
    for j, field in enumerate(material().feature_set.fields):
        if _is_code(j):
            filled[:, j] = np.clip(np.rint(filled[:, j]), 0, len(field.codes) - 1)
    return filled


def measure(split: Split, hidden: tuple[str, ...]) -> Loss:
    names = [field.name for field in split.scorer.bundle.fields]
    columns = [names.index(name) for name in hidden]
    x = material().x[split.test]
    known = ~np.isnan(x[:, columns]).any(axis=1)
    x, bad = x[known], material().dataset.bad[split.test][known]
    unsupported = np.isnan(x) & ~np.array([split.scorer.bundle.supports_blank(name) for name in names])
    full = split.scorer.score_columns(x, unsupported).summary
    missing = unsupported.copy()
    missing[:, columns] = True
    drawn = split.scorer.score_columns(x, missing).summary
    some = slice(REFERENCE_RECORDS)
    dense = split.reference.score_columns(x[some], missing[some]).summary
    naive = min(_brier(p, bad) for p in _naive(split, x, unsupported, columns))
    covered = (drawn[:, 2] - SAME <= full[:, 1]) & (full[:, 1] <= drawn[:, 3] + SAME)
    return Loss(
        brier=_brier(drawn[:, 0], bad) - naive,
        bias=abs(float(drawn[:, 0].mean() - full[:, 0].mean())),
        covered=float(covered.mean()),
        width=float(_widths(split.scorer, drawn[some]).mean() / _widths(split.scorer, dense).mean()),
        flipped=float((_outcome(drawn[some, 1]) != _outcome(dense[:, 1])).mean()),
    )


def _naive(split: Split, x: Floats, unsupported: Bools, columns: list[int]) -> Iterator[Floats]:
    """PDs where the hidden values are left out, or replaced by one value each."""
    hidden = x.copy()
    hidden[:, columns] = np.nan
    for fill in (hidden, np.tile(split.usual, (len(x), 1)), _guessed(split.guesses, hidden)):
        filled = hidden.copy()
        filled[:, columns] = fill[:, columns]
        yield split.scorer.score_columns(filled, unsupported).summary[:, 0]


def _brier(p: Floats, bad: Floats) -> float:
    return float(np.mean((p - bad) ** 2))


def _widths(scorer: Scorer, summary: Floats) -> Floats:
    """Widths of the intervals, as probabilities."""
    scale = scorer.bundle.scale
    low, high = (1 / (1 + np.exp((summary[:, k] - scale.offset) / scale.factor)) for k in (3, 2))
    return high - low


def _outcome(score: Floats) -> Ints:
    """0 decline, 1 refer, 2 approve, by the published score."""
    return np.searchsorted([DECLINE, APPROVE], np.rint(score), side="right")


def _unread() -> Row:
    """Records of other age and marital status, two read fields not carried, that score other than before."""
    whole = material()
    scorer = Scorer(_fit(whole, np.arange(len(whole.x))))
    bundle, contract = scorer.bundle, whole.spec.contract
    lost = {contract.index[name] for name in ("monthly_income", "assets")}
    unread = [contract.index[name] for name in ("age_years", "marital_status")]
    changed = 0
    for row in whole.x[:REFERENCE_RECORDS]:
        values: list[Value] = [None] * len(contract.fields)
        states = bytearray([State.NOT_CARRIED] * len(values))
        for field, position, number in zip(bundle.fields, bundle.positions, row, strict=True):
            if position not in lost:
                values[position] = value_of(field, float(number))
                states[position] = State.BLANK if np.isnan(number) else State.GIVEN
        before = scorer.score(_record(contract.ref, values, states))
        for position, value in zip(unread, (71, "divorced"), strict=True):
            values[position], states[position] = value, State.GIVEN
        after = scorer.score(_record(contract.ref, values, states))
        changed += before[:5] != after[:5] or before.points.tobytes() != after.points.tobytes()
    return at_most("imputation: scores that fields no feature reads change", changed, "records", 0)


def _record(contract: str, values: list[Value], states: bytearray) -> Record:
    return Record(contract, tuple(values), bytes(states), bytes([Origin.WIRE] * len(values)))

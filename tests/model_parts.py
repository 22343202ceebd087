"""A small contract, small ensembles and a small bundle, real in every part, for the tests of the scoring core."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.odcs import Contract
from contracts.types import Field, Record, State, Value
from models.bundle import Bundle, Range
from models.features import Feature, FeatureSet, compile_features
from models.imputer import Imputer
from models.kernel import attribute
from models.reason_map import ALL, Group, ReasonMap, Wording
from models.tables import Tables, build_tables

Floats = NDArray[np.float64]

FIELDS = (
    Field("currency", "string", essential=True),
    Field("income", "decimal", scale=2, unit="EUR"),
    Field("debt", "decimal", scale=2, unit="EUR"),
    Field("years", "integer", unit="years"),
    Field("job", "code", codes=("fixed", "part_time", "freelance")),
    Field("owner", "boolean"),
    Field("age", "integer", protected=True),
)
CONTRACT = Contract("application", "1.0.0", fields=FIELDS, digest="ab" * 32)
FEATURES = (
    Feature("income", "income", "money", -1),
    Feature("burden", "debt / (1 + income)", "money", 1),
    Feature("years", "years", "work", -1),
    Feature("fixed", "job == 'fixed'", "work"),
    Feature("owner", "owner", "home"),
)
GROUPS = (
    Group("money", "R1", {"en": Wording("Income too low", "Income not provided", "Unable to verify income")}),
    Group("work", "R2", {"en": Wording("Employment too short", "Work not provided", "Unable to verify work")}),
    Group("home", "R3", {"en": Wording("No home owned", "Housing not provided", "Unable to verify housing")}),
)
REASONS = ReasonMap("small", "1.0.0", None, ALL, GROUPS)


def gaps(random: np.random.Generator, shape: tuple[int, int], share: float) -> Floats:
    """Normal values of which a share is NaN."""
    x = random.normal(size=shape)
    x[random.random(shape) < share] = np.nan
    return x


def fitted(x: Floats, y: NDArray[Any], **options: Any) -> Any:
    """A boosting model of the kind that compiles into tables."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    defaults = {"interaction_cst": "pairwise", "early_stopping": False, "random_state": 0, "max_leaf_nodes": 8}
    return HistGradientBoostingClassifier(**{**defaults, **options}).fit(x, y)


def contributions(tables: Tables, x: Floats, *, path_dependent: bool = False) -> Floats:
    """Contributions (n, F) of feature rows (n, F)."""
    out = np.empty((tables.n_features, len(x)))
    attribute(np.ascontiguousarray(x.T), tables.grid(path_dependent=path_dependent), out)
    return out.T


@cache
def applicants() -> tuple[Floats, NDArray[np.bool_]]:
    """600 applicants as numbers of the fields income, debt, years, job, owner, and whether each went bad.

    Income is blank often enough to be learned, years is not.
    """
    random = np.random.default_rng(7)
    n = 600
    income = np.round(random.lognormal(7.5, 0.5, n), 2)
    years = random.integers(0, 30, n).astype(float)
    owner = (random.random(n) < 0.3 + years / 60).astype(float)
    job = random.integers(0, 3, n).astype(float)
    debt = np.where(random.random(n) < 0.4, 0.0, np.round(random.lognormal(8.0, 1.0, n), 2))
    risk = debt / (1 + income) / 5 - years / 10 - (job == 0) - owner * (years > 10) + random.normal(size=n)
    bad = risk > np.quantile(risk, 0.7)
    income[random.random(n) < 0.15] = np.nan
    years[:20] = np.nan
    return np.column_stack([income, debt, years, job, owner]), bad


@cache
def features() -> FeatureSet:
    return compile_features(FEATURES, FIELDS)


@cache
def model() -> Any:
    x, bad = applicants()
    return fitted(features().matrix(x), bad, max_iter=40, learning_rate=0.1)


@cache
def bundle() -> Bundle:
    x, _ = applicants()
    fields = features().fields
    return Bundle.create(
        name="small",
        version="1.0.0",
        use="demonstration",
        contract=CONTRACT,
        products=["consumer-instalment"],
        currencies=["EUR"],
        features=FEATURES,
        reason_map=REASONS,
        tables=build_tables(model(), features().matrix(x)),
        imputer=Imputer.fit(x, fields, draws=64),
        blank_support={f.name: int(np.isnan(x[:, k]).sum()) for k, f in enumerate(fields)},
        ranges={"income": Range(50_000, 900_000), "job": Range(codes=("fixed", "part_time"))},
        card={"validation": {"auc": 0.9}, "limits": ["made up"]},
    )


def record(**changes: Value | State) -> Record:
    """A complete record of ``CONTRACT``; a ``State`` instead of a value takes the value away."""
    values: dict[str, Value | State] = {
        "currency": "EUR", "income": 180_000, "debt": 400_000, "years": 4, "job": "fixed", "owner": False, "age": 40,
    }  # fmt: skip
    values |= changes
    missing = [values[f.name] if isinstance(values[f.name], State) else State.GIVEN for f in FIELDS]
    given = tuple(None if state else values[f.name] for f, state in zip(FIELDS, missing, strict=True))
    return Record(CONTRACT.ref, given, bytes(missing), bytes(len(FIELDS)))  # type: ignore[arg-type]

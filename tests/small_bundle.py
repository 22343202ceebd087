"""A bundle small enough to make in a second: four fields, three groups, invented applicants."""

from __future__ import annotations

from functools import cache

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from contracts.odcs import Contract
from contracts.types import Field
from models.bundle import Bundle
from models.features import Feature, compile_features
from models.imputer import Imputer
from models.reason_map import ALL, CutOffs, Group, ReasonMap, Wording
from models.tables import build_tables

CONTRACT = Contract(
    "small_loan",
    "1.0.0",
    fields=(
        Field("product", "string", required=True, essential=True, blank="refuse"),
        Field("amount", "decimal", 2, "currency", required=True),
        Field("income", "decimal", 2, "currency", rejected="refer"),
        Field("savings", "decimal", 2, "currency", rejected="impute"),
        Field("job", "code", codes=("fixed", "other"), rejected="refer"),
        Field("age", "integer", unit="years", protected=True),
    ),
    digest="0" * 64,
)
FEATURES = (
    Feature("burden", "amount / (1 + income)", "income", 1),
    Feature("savings", "savings", "savings", -1),
    Feature("fixed", "job == 'fixed'", "job", -1),
)
GROUPS = tuple(
    Group(
        name,
        code,
        {
            "en": Wording(f"{name} too low", f"{name} not provided", f"Unable to verify {name}"),
            "de": Wording(f"{name} zu gering", f"nicht angegeben: {name}", f"nicht überprüfbar: {name}"),
        },
    )
    for name, code in (("income", "R1"), ("savings", "R2"), ("job", "R3"))
)
READ = ("amount", "income", "savings", "job")


def applicants(n: int, seed: int) -> np.ndarray:
    """Rows of ``READ`` in the fields' units, one income in eight blank; the last column is 1 for bad."""
    random = np.random.default_rng(seed)
    amount, income = random.uniform(500, 20_000, n).round(2), random.lognormal(7.3, 0.5, n).round(2)
    savings = np.where(random.random(n) < 0.3, 0.0, random.exponential(5000, n)).round(2)
    job = (random.random(n) < 0.4).astype(float)
    margin = 0.35 * amount / income - savings / 4000 + 1.2 * job - 1.6
    bad = (random.random(n) < 1 / (1 + np.exp(-margin))).astype(float)
    income[random.random(n) < 0.125] = np.nan
    return np.column_stack([amount, income, savings, job, bad])


@cache
def small_bundle(use: str = "demonstration") -> Bundle:
    rows = applicants(1500, 3)
    compiled = compile_features(FEATURES, CONTRACT.fields)
    features = compiled.matrix(rows[:, :4])
    model = HistGradientBoostingClassifier(
        max_iter=40, max_leaf_nodes=4, interaction_cst="pairwise", early_stopping=False
    )
    model.fit(features, rows[:, 4])
    return Bundle.create(
        name="small",
        version="1.0.0",
        use=use,
        contract=CONTRACT,
        products=("consumer-instalment",),
        currencies=("EUR",),
        features=FEATURES,
        reason_map=ReasonMap("small", "1.0.0", CutOffs(500, 480), ALL, GROUPS),
        tables=build_tables(model, features),
        imputer=Imputer.fit(rows[:, :4], compiled.fields),
        blank_support={"income": int(np.isnan(rows[:, 1]).sum())},
        ranges={},
        card={},
    )

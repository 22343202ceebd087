"""The scoring kernel: beside bare ``predict_proba``, one explained record, and how soon a new process can score.

The bench bundle is fixed: the public credit data, the default model's features, 200 trees of at most 8 leaves, learning
rate .05, pairwise interactions, no early stopping.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from bench_model import CREDIT, DATA, SPEC
from figures import Row, at_least, at_most, shown
from numpy.typing import NDArray

from contracts.store import ContractStore
from contracts.types import Origin, Record, State
from models.bundle import Bundle
from models.features import value_of
from models.kernel import attribute
from models.scoring import Scorer
from models.tables import build_tables
from models.training import Material, read_material, train

Floats = NDArray[np.float64]

BLOCK = 100_000
ROUNDS = 5
HIDDEN = (("monthly_income",), ("monthly_income", "debt"), ("monthly_income", "assets", "employment_type"))
FIRST_SCORE = """
import time
started = time.perf_counter()
import sys
from pathlib import Path
from models.bundle import Bundle
from models.scoring import Scorer
Scorer(Bundle.load(Path(sys.argv[1]))).warm()
print(time.perf_counter() - started)
"""


class Bench(NamedTuple):
    model: Any
    material: Material
    bundle: Bundle
    build_seconds: float


def rows() -> list[Row]:
    """Rates on one core, and times; best of five rounds, the two sides of a ratio taken in turn."""
    with tempfile.TemporaryDirectory() as folder:
        bench = made(Path(folder))
        scorer = Scorer(bench.bundle)
        scorer.warm()
        return [
            at_most("kernel: 200 trees compiled into tables", bench.build_seconds, "s", 1),
            *_rates(bench, scorer),
            *_records(bench, scorer),
            *_starts(Path(folder) / "bench"),
        ]


def made(folder: Path) -> Bench:
    """The bench bundle, saved as ``bench`` in the folder: the default bundle with the bench model's tables."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    material = read_material(DATA, SPEC, ContractStore(None))
    model = HistGradientBoostingClassifier(
        max_iter=200,
        max_leaf_nodes=8,
        learning_rate=0.05,
        interaction_cst="pairwise",
        monotonic_cst=material.monotone,
        early_stopping=False,
        random_state=0,
    ).fit(material.features, material.dataset.bad)
    default = train(DATA, SPEC, folder / "default", lambda line: None)
    started = time.perf_counter()
    tables = build_tables(model, material.features)
    seconds = time.perf_counter() - started
    kept = ("version", "use", "products", "currencies", "features", "reason_map", "imputer", "blank_support", "ranges",
            "card", "scale", "log_odds_shift")  # fmt: skip
    parts = {name: getattr(default, name) for name in kept}
    contract = ContractStore(None).get(default.contract)
    Bundle.create(name="bench", contract=contract, tables=tables, **parts).save(folder / "bench")
    return Bench(model, material, Bundle.load(folder / "bench"), seconds)


def _rates(bench: Bench, scorer: Scorer) -> list[Row]:
    chosen = np.random.default_rng(0).integers(0, len(bench.material.x), BLOCK)
    x = bench.material.x[chosen]
    features = np.ascontiguousarray(bench.material.features[chosen])
    nothing = np.zeros(x.shape, np.bool_)
    columns, grid = np.ascontiguousarray(features.T), bench.bundle.tables.grid()
    out = np.empty_like(columns)
    bare, whole, tables = best_in_turn(
        lambda: bench.model.predict_proba(features),
        lambda: scorer.score_columns(x, nothing),
        lambda: attribute(columns, grid, out),
    )
    found = scorer.score_columns(x, nothing).summary[:, 0]
    assert np.abs(found - bench.model.predict_proba(features)[:, 1]).max() < 1e-9
    return [
        shown("kernel: bare predict_proba, ready features", BLOCK / bare, "rows/s"),
        shown("kernel: contributions only, ready features", BLOCK / tables, "rows/s"),
        shown("kernel: features, score and points per group", BLOCK / whole, "rows/s"),
        at_least("kernel: features, score and points, times bare predict_proba", bare / whole, "x", 3),
    ]


def _records(bench: Bench, scorer: Scorer) -> list[Row]:
    complete = [_record(bench, row) for row in bench.material.x if not np.isnan(row).any()][:500]
    found = [at_most("kernel: one explained complete record", _each(scorer, complete), "us", 60)]
    for names in HIDDEN:
        gaps = [without(record, bench.bundle, names) for record in complete[:200]]
        found.append(at_most(f"kernel: one record, {len(names)} field(s) imputed", _each(scorer, gaps), "us", 500))
    return found


def _each(scorer: Scorer, records: Sequence[Record]) -> float:
    """Microseconds per record, one call each."""

    def all_of_them() -> None:
        for record in records:
            scorer.score(record)

    return best_in_turn(all_of_them)[0] / len(records) * 1e6


def best_in_turn(*works: Callable[[], object]) -> list[float]:
    """Seconds of each work, the best of ``ROUNDS``, after one round that is not counted."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS + 1):
        for times, work in zip(taken, works, strict=True):
            started = time.perf_counter()
            work()
            times.append(time.perf_counter() - started)
    return [min(times[1:]) for times in taken]


def _record(bench: Bench, row: Floats) -> Record:
    """A record in which the fields the bundle reads are given and all others blank."""
    width = len(bench.material.spec.contract.fields)
    values: list[Any] = [None] * width
    states = bytearray([State.BLANK] * width)
    for field, position, number in zip(bench.bundle.fields, bench.bundle.positions, row.tolist(), strict=True):
        values[position], states[position] = value_of(field, number), State.GIVEN
    return Record(bench.bundle.contract, tuple(values), bytes(states), bytes([Origin.WIRE] * width))


def without(record: Record, bundle: Bundle, names: Sequence[str]) -> Record:
    """The record with these fields not carried."""
    positions = [p for field, p in zip(bundle.fields, bundle.positions, strict=True) if field.name in names]
    states = bytearray(record.states)
    for position in positions:
        states[position] = State.NOT_CARRIED
    values = tuple(None if k in positions else value for k, value in enumerate(record.values))
    return replace(record, values=values, states=bytes(states), causes=dict.fromkeys(positions, "channel"))


def _starts(bundle: Path) -> list[Row]:
    """A new process: import, load the bundle, score once; first with nothing compiled, then from the cache."""
    with tempfile.TemporaryDirectory() as cache:
        cold = _first_score(bundle, cache)
        warm = min(_first_score(bundle, cache) for _ in range(ROUNDS))
    return [
        shown("kernel: first score of a process, kernels not compiled yet", cold, "s"),
        shown("kernel: first score of a process, kernels in the cache", warm, "s"),
    ]


def _first_score(bundle: Path, cache: str) -> float:
    root = CREDIT.parents[1]
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", FIRST_SCORE, str(bundle)]
    run = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True, timeout=300)
    return float(run.stdout)

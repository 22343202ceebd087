"""From a record to a scored record: against the model itself, the imputer's draws, and the written rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_parts import CONTRACT, applicants, bundle, features, model, record

from contracts.errors import InternalFault
from contracts.types import Record, State
from models.scoring import Scorer
from models.types import Scored

NOT_CARRIED, BLANK, REJECTED = State.NOT_CARRIED, State.BLANK, State.REJECTED
INCOME, DEBT, YEARS, JOB, OWNER = range(5)
"""Positions in the bundle's fields."""


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(bundle())


def parts_sum(scored: Scored) -> float:
    return scored.base + float(scored.points.sum()) + scored.information


def completed(scorer: Scorer, changed: Record) -> np.ndarray:
    """The imputer's completed copies of one record, shape (draws, fields)."""
    x, missing = scorer.columns([changed])
    return scorer.bundle.imputer.draws(x[0], missing[0])


def test_a_complete_record_gets_the_models_own_probability(scorer: Scorer) -> None:
    x, _ = scorer.columns([record()])
    expected = model().predict_proba(features().matrix(x))[0, 1]
    scored = scorer.score(record())
    assert abs(scored.pd - expected) < 1e-12
    assert abs(scored.score - scorer.bundle.scale.score(expected)) < 1e-9


def test_a_complete_record_has_no_interval_and_nothing_imputed(scorer: Scorer) -> None:
    scored = scorer.score(record())
    assert (scored.score_min, scored.score_max) == (scored.score, scored.score)
    assert (scored.draw_scores, scored.imputed, scored.information) == (None, {}, 0.0)


@pytest.mark.parametrize(
    "changes",
    [{}, {"income": BLANK}, {"income": NOT_CARRIED}, {"debt": REJECTED, "job": NOT_CARRIED}, {"years": BLANK}],
)
def test_base_points_and_information_sum_to_the_score(scorer: Scorer, changes: dict[str, Any]) -> None:
    scored = scorer.score(record(**changes))
    assert abs(parts_sum(scored) - scored.score) < 1e-9


@pytest.mark.parametrize(
    ("changes", "drawn"),
    [
        ({"income": BLANK}, []),
        ({"income": NOT_CARRIED}, [INCOME]),
        ({"income": REJECTED}, [INCOME]),
        ({"years": BLANK}, [YEARS]),
        ({"debt": NOT_CARRIED, "owner": BLANK}, [DEBT, OWNER]),
        ({"age": NOT_CARRIED, "currency": NOT_CARRIED}, []),
    ],
    ids=str,
)
def test_what_is_drawn_follows_from_the_state(scorer: Scorer, changes: dict[str, Any], drawn: list[int]) -> None:
    """Training saw some 90 blank incomes and 20 blank years; a blank is scored as such from 50 on."""
    assert list(scorer.score(record(**changes)).imputed) == drawn


def test_a_supported_blank_is_scored_as_the_model_learned_it(scorer: Scorer) -> None:
    row = features().matrix(np.array([[np.nan, 4000.0, 4.0, 0.0, 0.0]]))
    assert abs(scorer.score(record(income=BLANK)).pd - model().predict_proba(row)[0, 1]) < 1e-12


def test_the_probability_is_the_mean_over_the_draws(scorer: Scorer) -> None:
    changed = record(income=NOT_CARRIED, job=REJECTED)
    chances = model().predict_proba(features().matrix(completed(scorer, changed)))[:, 1]
    scored = scorer.score(changed)
    scale = scorer.bundle.scale
    assert abs(scored.pd - chances.mean()) < 1e-12
    assert abs(scored.score - scale.score(chances.mean())) < 1e-9
    assert scored.draw_scores is not None
    assert np.abs(scored.draw_scores - [scale.score(p) for p in chances]).max() < 1e-9


def test_the_interval_runs_from_the_fourth_lowest_to_the_fourth_highest_of_64_draws(scorer: Scorer) -> None:
    scored = scorer.score(record(income=NOT_CARRIED))
    assert scored.draw_scores is not None
    ordered = np.sort(scored.draw_scores)
    assert len(ordered) == 64
    assert scored.score_min == min(ordered[3], scored.score)
    assert scored.score_max == max(ordered[60], scored.score)


def test_points_are_means_over_the_draws(scorer: Scorer) -> None:
    changed = record(income=NOT_CARRIED)
    rows = completed(scorer, changed)
    singles = scorer.score_columns(rows, np.zeros(rows.shape, bool)).points
    assert np.abs(scorer.score(changed).points - singles.mean(axis=0)).max() < 1e-9


def test_a_drawn_number_is_given_in_the_fields_own_unit(scorer: Scorer) -> None:
    changed = record(income=NOT_CARRIED)
    drawn = np.sort(completed(scorer, changed)[:, INCOME])
    assert scorer.score(changed).imputed == {INCOME: (f"{drawn[3]:.2f}", f"{drawn[60]:.2f}")}


def test_a_drawn_code_is_given_as_the_two_most_frequent(scorer: Scorer) -> None:
    changed = record(job=NOT_CARRIED)
    codes, counts = np.unique(completed(scorer, changed)[:, JOB], return_counts=True)
    order = sorted(range(len(codes)), key=lambda k: (-counts[k], codes[k]))
    names = [("fixed", "part_time", "freelance")[int(codes[k])] for k in order]
    assert scorer.score(changed).imputed == {JOB: (names[0], names[1])}


def test_a_record_scores_the_same_digits_alone_and_in_a_crowd(scorer: Scorer) -> None:
    """One kernel for one record and for many: bit for bit, whatever lies beside it."""
    crowd = [
        record(income=income, years=years, job=job, owner=owner)
        for income in (90_000, 180_000, BLANK, NOT_CARRIED)
        for years in (0, 12, REJECTED)
        for job in ("fixed", "freelance", NOT_CARRIED)
        for owner in (True, False, BLANK)
    ]
    together = scorer.score_columns(*scorer.columns(crowd))
    for row, one in enumerate(crowd):
        alone = scorer.score(one)
        summary = (alone.pd, alone.score, alone.score_min, alone.score_max, alone.information)
        assert summary == tuple(together.summary[row])
        assert alone.points.tobytes() == together.points[row].tobytes()
        if alone.draw_scores is None:
            assert together.draw_row[row] == -1
        else:
            assert alone.draw_scores.tobytes() == together.draw_scores[together.draw_row[row]].tobytes()


def test_scoring_leaves_its_input_alone(scorer: Scorer) -> None:
    x, missing = scorer.columns([record(income=NOT_CARRIED), record()])
    before = x.tobytes(), missing.tobytes()
    scorer.score_columns(x, missing)
    assert (x.tobytes(), missing.tobytes()) == before


def test_all_applicants_are_scored_as_by_the_model(scorer: Scorer) -> None:
    x, _ = applicants()
    scored = scorer.score_columns(x, np.zeros(x.shape, bool))
    assert np.abs(scored.summary[:, 0] - model().predict_proba(features().matrix(x))[:, 1]).max() < 1e-12


def test_no_records_score_to_nothing(scorer: Scorer) -> None:
    assert scorer.score_columns(np.empty((0, 5)), np.empty((0, 5), bool)).summary.shape == (0, 5)


def test_path_dependent_values_are_those_of_tree_shap(scorer: Scorer) -> None:
    import shap

    x, _ = scorer.columns([record()])
    explainer = shap.TreeExplainer(model(), feature_perturbation="tree_path_dependent")
    found = scorer.explain_path_dependent(record())
    factor = scorer.bundle.scale.factor
    assert np.abs(found.features + factor * explainer.shap_values(features().matrix(x))[0]).max() < 1e-9
    assert abs(found.base + found.features.sum() - scorer.score(record()).score) < 1e-9
    assert np.abs(found.groups - [found.features[:2].sum(), found.features[2:4].sum(), found.features[4]]).max() < 1e-12


def test_a_record_of_another_contract_is_our_fault(scorer: Scorer) -> None:
    other = Record("application@2.0.0", record().values, record().states, record().origins)
    with pytest.raises(InternalFault, match=CONTRACT.ref):
        scorer.score(other)


def test_columns_of_another_width_are_our_fault(scorer: Scorer) -> None:
    with pytest.raises(InternalFault, match="shape"):
        scorer.score_columns(np.zeros((2, 4)), np.zeros((2, 4), bool))


SERVE = """
import json, sys
from pathlib import Path
from contracts.types import Record
from models.bundle import Bundle
from models.scoring import Scorer
scorer = Scorer(Bundle.load(Path(sys.argv[1])))
scorer.warm()
values = ("EUR", 180000, None, 4, "fixed", False, 40)
scored = scorer.score(Record("application@1.0.0", values, bytes([0, 0, 2, 0, 0, 0, 0]), bytes(7)))
heavy = [name for name in ("sklearn", "shap", "skops", "polars", "pandas", "pyarrow") if name in sys.modules]
print(json.dumps({"score": scored.score.hex(), "heavy": heavy}))
"""


def test_another_process_serves_the_same_digits_without_the_libraries_of_training(
    scorer: Scorer, tmp_path: Path
) -> None:
    bundle().save(tmp_path / "bundle")
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", SERVE, str(tmp_path / "bundle")],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    expected = scorer.score(record(debt=NOT_CARRIED)).score
    assert json.loads(run.stdout) == {"score": expected.hex(), "heavy": []}

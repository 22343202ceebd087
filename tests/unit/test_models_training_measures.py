"""The measures of the card against scikit-learn and against cases known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from models.measures import auc, brier, calibration, expected_calibration_error, null_calibration_error

RANDOM = np.random.default_rng(7)
P = RANDOM.uniform(0.01, 0.99, 20_000)
BAD = (RANDOM.random(20_000) < P).astype(float)


def test_auc_equals_scikit_learns_with_ties():
    coarse = np.round(P, 1)
    assert auc(coarse, BAD) == pytest.approx(roc_auc_score(BAD, coarse), abs=1e-12)


def test_brier_equals_scikit_learns():
    assert brier(P, BAD) == pytest.approx(brier_score_loss(BAD, P), abs=1e-12)


def test_calibration_error_of_a_constant_offset_is_that_offset():
    p = np.full(1000, 0.5)
    bad = np.tile([1.0, 0.0, 0.0, 0.0, 0.0], 200)
    assert expected_calibration_error(p, bad) == pytest.approx(0.3, abs=1e-12)


def test_a_calibrated_model_shows_about_its_null_error():
    null = null_calibration_error(P, np.arange(len(P)), seed=1)
    assert expected_calibration_error(P, BAD) == pytest.approx(null, abs=0.003)
    assert 0.002 < null < 0.01


def test_repeating_the_same_predictions_does_not_shrink_the_null_error():
    once = null_calibration_error(P, np.arange(len(P)), seed=1)
    five_times = null_calibration_error(np.tile(P, 5), np.tile(np.arange(len(P)), 5), seed=1)
    assert five_times == pytest.approx(once, rel=0.02)


def test_recalibration_finds_the_slope_and_intercept_that_were_put_in():
    true = calibration(P, BAD)
    assert true.slope == pytest.approx(1, abs=0.03)
    assert true.intercept == pytest.approx(0, abs=0.05)
    logit = np.log(P / (1 - P))
    distorted = 1 / (1 + np.exp(-(2 * logit + 1)))
    found = calibration(distorted, BAD)
    assert found.slope == pytest.approx(true.slope / 2, abs=1e-6)
    assert found.intercept == pytest.approx(true.intercept - true.slope / 2, abs=1e-6)


def test_recalibration_of_predictions_that_are_all_but_certain_is_the_likeliest_there_is():
    """Deep trees say 1e-12 and mean a tenth: whole steps overshoot there until nothing can be computed any more."""
    bad = (np.random.default_rng(5).random(2_000) < 0.4).astype(float)
    sure = np.where(np.random.default_rng(6).random(2_000) < 0.9, bad, 1 - bad)
    found = calibration(np.where(sure > 0, 1 - 1e-12, 1e-12), bad)
    share = bad[sure > 0].mean(), bad[sure == 0].mean()
    logit = np.log(1 - 1e-12) - np.log(1e-12)
    assert found.intercept + found.slope * logit == pytest.approx(np.log(share[0] / (1 - share[0])), abs=1e-4)
    assert found.intercept - found.slope * logit == pytest.approx(np.log(share[1] / (1 - share[1])), abs=1e-4)


def test_predictions_that_are_all_the_same_are_left_as_they_are():
    bad = np.array([0.0, 1.0, 0.0, 1.0])
    assert calibration(np.full(4, 0.5), bad) == (0.0, 1.0)

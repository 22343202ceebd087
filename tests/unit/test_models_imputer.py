"""What the imputer draws: observed values, in their conditional shares, the same for equal applicants."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from contracts.types import Field
from models.imputer import DRAWS, Imputer

Floats = NDArray[np.float64]

FIELDS = (
    Field("income", "decimal", scale=2),
    Field("outgoings", "decimal", scale=2),
    Field("savings", "decimal", scale=2),
    Field("job", "code", codes=("fixed", "other", "none", "never_seen")),
    Field("adverse", "boolean"),
)
INCOME, OUTGOINGS, SAVINGS, JOB, ADVERSE = range(5)


def applicants(n: int, seed: int = 1) -> Floats:
    """Jobs of three kinds, of 60, 30 and 10 %; income by job; savings nil for 60 % and rising with income; outgoings
    a tenth of income; adverse entries for a tenth; a tenth of the incomes left blank, mostly by those without a job."""
    random = np.random.default_rng(seed)
    job = random.choice(3, n, p=[0.6, 0.3, 0.1]).astype(np.float64)
    income = np.round(np.array([3000.0, 2000.0, 600.0])[job.astype(int)] * np.exp(random.normal(0, 0.3, n)), -1)
    savings = np.where(random.random(n) < 0.6, 0.0, np.round(income * random.gamma(3.0, 2.0, n), -2))
    outgoings = np.round(income / 10 + random.normal(0, 20, n))
    adverse = (random.random(n) < 0.1).astype(np.float64)
    income[random.random(n) < np.where(job == 2, 0.7, 0.03)] = np.nan
    return np.stack([income, outgoings, savings, job, adverse], axis=1)


@cache
def fitted() -> Imputer:
    return Imputer.fit(applicants(3000), FIELDS, silent=("outgoings",))


def missing(*fields: int) -> NDArray[np.bool_]:
    return np.isin(np.arange(len(FIELDS)), fields)


GIVEN = np.array([2900.0, 300.0, 12_000.0, 0.0, 0.0])


def test_a_complete_record_is_handed_on_as_it_came() -> None:
    assert (fitted().draws(GIVEN, missing()) == GIVEN).all()


def test_only_missing_fields_change() -> None:
    drawn = fitted().draws(GIVEN, missing(INCOME, JOB))
    assert drawn.shape == (DRAWS, len(FIELDS))
    assert (drawn[:, [OUTGOINGS, SAVINGS, ADVERSE]] == GIVEN[[OUTGOINGS, SAVINGS, ADVERSE]]).all()


def test_a_missing_value_that_was_handed_over_all_the_same_is_not_looked_at() -> None:
    hidden = GIVEN.copy()
    hidden[INCOME] = np.nan
    at = missing(INCOME, SAVINGS)
    assert (fitted().draws(GIVEN, at) == fitted().draws(hidden, at)).all()


def test_every_drawn_value_was_observed_in_training() -> None:
    training = applicants(3000)
    drawn = fitted().draws(GIVEN, missing(*range(len(FIELDS))))
    assert all(set(drawn[:, j]) <= set(training[:, j]) for j in range(len(FIELDS)))


def test_a_code_that_training_never_saw_is_never_drawn() -> None:
    assert set(fitted().draws(GIVEN, missing(JOB))[:, JOB]) <= {0.0, 1.0, 2.0}


@pytest.mark.parametrize("value", [3.0, 17.0, -1.0, 0.5])
def test_a_code_that_training_never_saw_informs_as_an_unknown_one(value: float) -> None:
    odd = GIVEN.copy()
    odd[JOB] = value
    drawn = fitted().draws(odd, missing(INCOME))
    assert (drawn[:, INCOME] == fitted().draws(GIVEN, missing(INCOME, JOB))[:, INCOME]).all()
    assert (drawn[:, JOB] == value).all()


@pytest.mark.parametrize("beyond", [1e9, np.inf])
def test_a_number_beyond_the_training_range_informs_as_its_end_does(beyond: float) -> None:
    far, end = GIVEN.copy(), GIVEN.copy()
    far[SAVINGS], end[SAVINGS] = beyond, np.nanmax(applicants(3000)[:, SAVINGS])
    at = missing(INCOME)
    assert (fitted().draws(far, at)[:, INCOME] == fitted().draws(end, at)[:, INCOME]).all()


def test_draws_follow_what_is_given() -> None:
    """Incomes without a job are a fifth of those with a fixed one; few stated theirs, so the middle is met loosely."""
    jobless = GIVEN.copy()
    jobless[[JOB, SAVINGS]] = 2.0, 0.0
    at = missing(INCOME, OUTGOINGS)
    fixed = fitted().draws(GIVEN, at)[:, INCOME]
    none = fitted().draws(jobless, at)[:, INCOME]
    assert np.median(fixed) == pytest.approx(3000, rel=0.15)
    assert 500 < np.median(none) < 900


def test_draws_have_the_shares_of_the_training_records_they_stand_for() -> None:
    """Nine in ten values lie within the 90 % interval of the draws, and as many are nil as really are."""
    fresh = applicants(2000, seed=2)
    fresh = fresh[~np.isnan(fresh[:, INCOME])]
    drawn = fitted().draws_many(fresh, np.tile(missing(INCOME), (len(fresh), 1)))[:, :, INCOME]
    low, high = np.quantile(drawn, [0.05, 0.95], axis=1)
    assert 0.87 < np.mean((low <= fresh[:, INCOME]) & (fresh[:, INCOME] <= high)) < 0.94
    drawn = fitted().draws_many(fresh, np.tile(missing(SAVINGS), (len(fresh), 1)))[:, :, SAVINGS]
    assert np.mean(drawn == 0) == pytest.approx(np.mean(fresh[:, SAVINGS] == 0), abs=0.03)


def test_fields_missing_together_are_drawn_together() -> None:
    """Who is drawn without a job is drawn with a low income, too."""
    drawn = fitted().draws(GIVEN, missing(INCOME, JOB, OUTGOINGS, SAVINGS))
    assert np.median(drawn[drawn[:, JOB] == 2, INCOME]) < 0.5 * np.median(drawn[drawn[:, JOB] == 0, INCOME])
    assert np.corrcoef(drawn[:, INCOME], drawn[:, OUTGOINGS])[0, 1] > 0.7


def test_a_silent_field_informs_no_other_but_is_informed() -> None:
    rich = GIVEN.copy()
    rich[OUTGOINGS] = 9000.0
    at = missing(INCOME, SAVINGS, JOB)
    others = [INCOME, SAVINGS, JOB, ADVERSE]
    assert (fitted().draws(rich, at)[:, others] == fitted().draws(GIVEN, at)[:, others]).all()
    poor = GIVEN.copy()
    poor[INCOME] = 800.0
    at = missing(OUTGOINGS)
    assert fitted().draws(poor, at)[:, OUTGOINGS].mean() < 0.5 * fitted().draws(GIVEN, at)[:, OUTGOINGS].mean()


def test_a_blank_informs_where_training_saw_enough_of_them() -> None:
    """Those without a job leave the income blank."""
    blank = GIVEN.copy()
    blank[INCOME] = np.nan
    jobless = [
        np.mean(fitted().draws(blank, at)[:, JOB] == 2) for at in (missing(JOB, SAVINGS), missing(JOB, SAVINGS, INCOME))
    ]
    assert jobless[0] > 2 * jobless[1]


def test_a_blank_that_training_hardly_saw_informs_as_an_unknown_value() -> None:
    records = applicants(1000)
    records[:20, SAVINGS] = np.nan
    imputer = Imputer.fit(records, FIELDS)
    blank = GIVEN.copy()
    blank[SAVINGS] = np.nan
    unknown = imputer.draws(GIVEN, missing(INCOME, SAVINGS))[:, INCOME]
    assert (imputer.draws(blank, missing(INCOME))[:, INCOME] == unknown).all()


def test_one_missing_code_is_drawn_in_its_exact_shares() -> None:
    """The points are the middles of equal strata, so each share is met to half a draw at each end."""
    at = missing(JOB)
    fine = fitted().draws(GIVEN, at, (np.arange(100_000)[:, None] + 0.5) / 100_000)[:, JOB]
    drawn = fitted().draws(GIVEN, at)[:, JOB]
    for code in (0.0, 1.0, 2.0):
        assert abs(np.mean(drawn == code) - np.mean(fine == code)) <= 1 / DRAWS


def test_the_more_important_field_gets_the_better_coordinate() -> None:
    records = applicants(500)
    imputer = Imputer.fit(records, FIELDS, importance={"job": 2.0, "savings": 1.0}, silent=("outgoings",))
    assert imputer.tables.order.tolist() == [JOB, SAVINGS, INCOME, ADVERSE, OUTGOINGS]


def test_points_are_one_per_stratum_in_every_coordinate() -> None:
    points = fitted().points
    assert points.shape == (DRAWS, len(FIELDS))
    assert (np.sort(points, axis=0) == ((np.arange(DRAWS) + 0.5) / DRAWS)[:, None]).all()


def test_many_records_are_drawn_as_each_alone() -> None:
    records = applicants(40, seed=3)
    holes = np.random.default_rng(4).random(records.shape) < 0.4
    many = fitted().draws_many(records, holes)
    assert many.shape == (40, DRAWS, len(FIELDS))
    for record, hole, drawn in zip(records, holes, many, strict=True):
        assert drawn.tobytes() == fitted().draws(record, hole).tobytes()


def test_fitting_twice_gives_the_same_bytes_and_another_seed_does_not() -> None:
    records = applicants(600)
    first, second = (Imputer.fit(records, FIELDS, seed=7).arrays() for _ in range(2))
    assert [(k, v.tobytes()) for k, v in first.items()] == [(k, v.tobytes()) for k, v in second.items()]
    assert Imputer.fit(records, FIELDS, seed=8).points.tobytes() != first["points"].tobytes()


def test_arrays_carry_everything() -> None:
    again = Imputer.from_arrays(fitted().arrays())
    at = missing(INCOME, SAVINGS, JOB)
    assert again.draws(GIVEN, at).tobytes() == fitted().draws(GIVEN, at).tobytes()
    with pytest.raises(KeyError, match="points"):
        Imputer.from_arrays({k: v for k, v in fitted().arrays().items() if k != "points"})


def test_fields_without_variety_or_without_any_value_are_sensible() -> None:
    """One value in training is the only one to draw; none leaves the field unknown; neither disturbs the others."""
    records = applicants(400)
    records[:, ADVERSE] = 0.0
    records[:, SAVINGS] = np.nan
    drawn = Imputer.fit(records, FIELDS).draws(GIVEN, missing(*range(len(FIELDS))))
    assert (drawn[:, ADVERSE] == 0.0).all()
    assert np.isnan(drawn[:, SAVINGS]).all()
    assert not np.isnan(drawn[:, [INCOME, OUTGOINGS, JOB]]).any()


def test_a_handful_of_records_is_enough_to_fit() -> None:
    records = applicants(5)
    drawn = Imputer.fit(records, FIELDS).draws(GIVEN, missing(*range(len(FIELDS))))
    assert all(set(drawn[:, j]) <= set(records[:, j]) for j in range(len(FIELDS)))


@pytest.mark.parametrize("draws", [1, 2, 16, 100])
def test_other_numbers_of_points_are_for_the_asking(draws: int) -> None:
    imputer = Imputer.fit(applicants(200), FIELDS, draws=draws)
    assert imputer.draws(GIVEN, missing(INCOME)).shape == (draws, len(FIELDS))

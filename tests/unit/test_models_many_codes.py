"""A code field of ten thousand codes, half of which no training application had: every kind of model on it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from contracts.mapping.chains import read_conversion
from contracts.mapping.conversions import Unfit, compile_chain
from contracts.odcs import Contract
from contracts.rows import expectation
from contracts.types import Field, Record, State
from models.bundle import Bundle
from models.crossval import one_thread
from models.estimators import read_estimator
from models.features import Feature, FeatureSet, compile_features
from models.imputer import Imputer
from models.kinds import KINDS, Estimator, unfitted
from models.member_games import compile_members
from models.reason_map import ALL, Group, ReasonMap, Wording
from models.scoring import Scorer

CODES = tuple(f"post-{number:05d}" for number in range(10_000))
SEEN = 5_000
FIELDS = (
    Field("income", "decimal", scale=2, unit="EUR"),
    Field("place", "code", codes=CODES),
)
CONTRACT = Contract("places", "1.0.0", fields=FIELDS, digest="cd" * 32)
FEATURES = (
    Feature("income", "income", "money"),
    Feature("first", "place == 'post-00000'", "place"),
    Feature("second", "place == 'post-00001'", "place"),
)
GROUPS = (
    Group("money", "R1", {"en": Wording("Income too low", "Income not provided", "Unable to verify income")}),
    Group("place", "R2", {"en": Wording("Place", "Place not provided", "Unable to verify place")}),
)


@cache
def applicants() -> tuple[FeatureSet, NDArray[np.float64], NDArray[np.float64]]:
    random = np.random.default_rng(3)
    place = np.where(random.random(3000) < 0.5, random.integers(0, 2, 3000), random.integers(0, SEEN, 3000))
    income = np.round(random.lognormal(12, 0.4, 3000))
    risk = 1.5 * (place == 0) - 1.5 * (place == 1) - (np.log(income) - 12) * 3
    bad = (random.random(3000) < 1 / (1 + np.exp(-risk))).astype(float)
    return compile_features(FEATURES, FIELDS), np.column_stack([income, place.astype(float)]), bad


@cache
def imputer() -> Imputer:
    features, x, _ = applicants()
    return Imputer.fit(x, features.fields, draws=64)


@cache
def scorer(kind: str, calibrate: str) -> Scorer:
    features, x, bad = applicants()
    seen = features.matrix(x)
    model = Estimator(kind, {name: limits[3] for name, limits in KINDS[kind].items()}, calibrate)
    with one_thread():
        members = read_estimator(unfitted(model, [0, 0, 0], 0).fit(seen, bad), len(FEATURES))
    compiled = compile_members(members, seen)
    parts = {
        "contract": CONTRACT, "products": ["p"], "currencies": ["EUR"], "features": FEATURES,
        "imputer": imputer(), "blank_support": {"income": 0, "place": 0}, "ranges": {}, "card": {},
        "reason_map": ReasonMap("places", "1.0.0", None, ALL, GROUPS),
    }  # fmt: skip
    named = {"name": "places", "version": "1.0.0", "use": "demonstration"}
    return Scorer(Bundle.create(**named, **parts, tables=compiled.tables, games=compiled.games))


def record(place: str | None) -> Record:
    states = bytes([State.GIVEN, State.GIVEN if place else State.NOT_CARRIED])
    return Record(CONTRACT.ref, (16_000_000, place), states, bytes(2))


EVERY = [*((kind, "none") for kind in KINDS if kind != "file"), ("random_forest", "isotonic")]


@pytest.mark.parametrize(("kind", "calibrate"), EVERY)
def test_a_code_that_training_never_saw_is_scored_as_none_of_those_it_knows(kind: str, calibrate: str) -> None:
    """It counts as any other code without a feature of its own, not as the first, the last or a missing one."""
    desk = scorer(kind, calibrate)
    known, unseen, last = (desk.score(record(CODES[at])) for at in (2, SEEN, len(CODES) - 1))
    assert known.pd == unseen.pd == last.pd
    assert desk.score(record(CODES[1])).pd < unseen.pd < desk.score(record(CODES[0])).pd
    assert not unseen.imputed


@pytest.mark.parametrize(("kind", "calibrate"), EVERY)
def test_a_code_that_did_not_arrive_is_drawn_from_those_seen_and_listed(kind: str, calibrate: str) -> None:
    drawn = scorer(kind, calibrate).score(record(None))
    low, high = drawn.imputed[1]
    assert {low, high} == {CODES[0], CODES[1]}, "the two most frequent codes, which is what the answer lists"
    assert drawn.score_min < drawn.score < drawn.score_max
    total = drawn.base + float(drawn.points.sum()) + drawn.information
    assert abs(total - drawn.score) < 1e-9


def test_a_code_nobody_knows_is_a_problem_of_few_words() -> None:
    """Not a message with all ten thousand in it: whoever sends many such records would get gigabytes back."""
    read = compile_chain([read_conversion("text")], FIELDS[1], dict(zip(CODES, CODES, strict=True)))
    assert read("post-09999") == "post-09999"
    with pytest.raises(Unfit) as refused:
        read("post-10000")
    said = "one of 10,000 codes: post-00000, post-00001,"
    assert (refused.value.code, refused.value.expected[: len(said)]) == ("unknown_code", said)
    assert len(refused.value.expected) < 300
    assert expectation(FIELDS[1]) == refused.value.expected

"""How many applications an integration must expect to hand to a person, from what it does not carry.

Measured on applicants who do not exist: drawn from the bundle's imputer at fixed points, so that no person's data lie
in the bundle for it and the figure is the same everywhere. They are scored and judged as if the fields had not been
carried.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from contracts.types import Origin, Record, State, Value
from models.bundle import Bundle
from models.features import value_of
from models.imputer import Floats
from models.policy import Policy
from models.scoring import Scorer

APPLICANTS = 512
FEWEST = 32
_QUICK = 200_000
"""Steps a record takes up to which all APPLICANTS are scored: beyond, fewer, so that lint does not take hours."""


def expected_refer_share(bundle: Bundle, policy: Policy, not_carried: Collection[str]) -> float:
    """Share of applications, 0 to 1, that ``policy`` (bound to a contract, see ``Policy.bind``) would refer.

    Of APPLICANTS, or, where a record takes long, of an evenly spread part of them, at least FEWEST.

    ``not_carried`` names contract fields an integration does not carry; those the bundle does not read are harmless.
    """
    scorer, judge = Scorer(bundle), policy.bound
    lost = frozenset(not_carried)
    records = [_record(bundle, row, lost, judge.width) for row in invented_applicants(bundle)[:: _every(bundle)]]
    outcomes = [judge.judge(record, scorer.score(record)).outcome for record in records]
    return outcomes.count("refer") / len(outcomes)


def _every(bundle: Bundle) -> int:
    steps = bundle.games.effort(bundle.tables.starts) if bundle.games else 0
    return max(1, min(APPLICANTS // FEWEST, steps // _QUICK))


def invented_applicants(bundle: Bundle) -> Floats:
    """Applicants drawn from the imputer, shape (APPLICANTS, fields), in the bundle's field order.

    At the points of a Latin hypercube: each field takes each 512th of what it may be once. Sobol's points, as fits have
    them, would be spread a little better and cost every ``lint`` the second that scipy.stats takes to import.
    """
    width = len(bundle.fields)
    ranks = np.tile(np.arange(APPLICANTS), (width, 1))
    points = (np.random.default_rng(1).permuted(ranks, axis=1).T + 0.5) / APPLICANTS
    nothing, everything = np.full(width, np.nan), np.ones(width, np.bool_)
    return bundle.imputer.draws(nothing, everything, np.ascontiguousarray(points))


def _record(bundle: Bundle, row: Floats, not_carried: frozenset[str], width: int) -> Record:
    """A record in which only the fields the bundle reads are there, less those not carried."""
    values: list[Value] = [None] * width
    states, causes = bytearray([State.NOT_CARRIED] * width), dict.fromkeys(range(width), "channel")
    for field, position, number in zip(bundle.fields, bundle.positions, row.tolist(), strict=True):
        if field.name not in not_carried:
            values[position], states[position] = value_of(field, number), State.GIVEN
            del causes[position]
    return Record(bundle.contract, tuple(values), bytes(states), bytes([Origin.WIRE] * width), causes)

"""What the scoring core hands on: a scored record, the decision made of it, and the parts of an answer.

Published numbers are exact: scores are whole points, ``pd`` has six decimals, points have two. Everything in a
``Decision`` but ``as_of`` (and what derives from it) is a function of the record, the bundle, the policy and the keys.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Outcome = Literal["approve", "refer", "decline"]

REFER_CAUSES = (
    "between_cut_offs",
    "flip_tolerance_exceeded",
    "principal_factor_not_carried",
    "unsupported_blank",
    "rejected_field",
    "rejected_field_cannot_approve",
    "refer_rule",
    "human_decision_required",
)
"""Every cause a decision can be referred for, in the order they are listed in an answer."""


class Reason(NamedTuple):
    """One principal reason. ``points`` are score points against the bundle's baseline, negative when adverse."""

    group: str
    code: str
    text: str
    points: Decimal
    state: str


class Imputation(NamedTuple):
    """One field that the bundle reads and the caller did not send as such.

    ``low`` and ``high`` bound the central 90 % of the drawn values, in the field's own unit (for codes: the two most
    frequent draws, most frequent first); both are empty for the origins ``lookup`` and ``upcast``.
    """

    field: str
    state: str
    origin: str
    cause: str
    low: str
    high: str


class Scored(NamedTuple):
    """One record scored by a bundle; floats are unrounded.

    ``pd`` is the mean over draws of the probability of default (the bad class), ``score`` the scale of its logit,
    ``points`` the mean contribution per reason group in score points, shape (n_groups,), in the bundle's group order.
    ``base + points.sum() + information == score`` within 1e-9. ``draw_scores``, shape (n_draws,), are the scores of the
    single draws, or None where nothing was imputed. ``imputed`` maps a field's position in ``Bundle.fields`` to its
    (low, high), as text.
    """

    pd: float
    score: float
    score_min: float
    score_max: float
    base: float
    points: NDArray[np.float64]
    information: float
    draw_scores: NDArray[np.float64] | None
    imputed: dict[int, tuple[str, str]]


class Decision(NamedTuple):
    """One decision, field for field the contract ``loan_decision`` 1.0.0."""

    decision_id: str
    business_key: str
    request_key: str
    correlation_id: str
    mode: str
    product: str
    currency: str
    outcome: Outcome
    refer_causes: tuple[str, ...]
    pd: Decimal
    score: int
    score_min: int
    score_max: int
    reasons: tuple[Reason, ...]
    imputations: tuple[Imputation, ...]
    information_not_available: Decimal
    contract: str
    bundle: str
    policy: str
    integration: str
    as_of: datetime
    valid_until: datetime
    supersedes: str
    decided_by: str
    notice_due_by: date

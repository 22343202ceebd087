"""Cut-offs that approve and decline stated shares of the file, by scores of applicants the model had not seen."""

from __future__ import annotations

import numpy as np

from models.crossval import Validation
from models.drafting.files import APPROVE_SHARE, DECLINE_SHARE
from models.scale import Scale
from models.training import Material, log_odds_shift


def cut_offs(material: Material, validation: Validation) -> tuple[int, int]:
    """(approve, decline) in score points."""
    p, chosen = validation.mean_per_applicant(), material.spec
    shift = log_odds_shift(chosen, float(material.dataset.bad.mean()))
    scale = Scale(chosen.points_to_double, chosen.anchor_score, chosen.anchor_odds)
    scores = scale.offset + scale.factor * (np.log((1 - p) / p) - shift)
    approve = int(np.ceil(np.quantile(scores, 1 - APPROVE_SHARE)))
    decline = int(np.ceil(np.quantile(scores, DECLINE_SHARE)))
    return approve, min(decline, approve - 1)

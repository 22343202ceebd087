"""Cut-offs that approve and decline stated shares of the file, by scores of applicants the model had not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contracts.store import ContractStore
from models.drafting.files import APPROVE_SHARE, DECLINE_SHARE
from models.scale import Scale
from models.training import log_odds_shift, read_material, validate


def cut_offs(data: Path, spec: Path, contracts: ContractStore) -> tuple[int, int]:
    """(approve, decline) in score points; raises ConfigurationError where spec or data are faulty."""
    material = read_material(data, spec, contracts)
    p = validate(material).mean_per_applicant()
    chosen = material.spec
    shift = log_odds_shift(chosen, float(material.dataset.bad.mean()))
    scale = Scale(chosen.points_to_double, chosen.anchor_score, chosen.anchor_odds)
    scores = scale.offset + scale.factor * (np.log((1 - p) / p) - shift)
    approve = int(np.ceil(np.quantile(scores, 1 - APPROVE_SHARE)))
    decline = int(np.ceil(np.quantile(scores, DECLINE_SHARE)))
    return approve, min(decline, approve - 1)

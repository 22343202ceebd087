"""What the default model is worth on applicants it has not seen, and how long it takes to make."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from figures import Row, at_least, at_most, shown

from contracts.store import ContractStore
from models.training import read_material, train, validate

CREDIT = Path(__file__).parents[2] / "fixtures" / "credit_data"
DATA, SPEC = CREDIT / "credit_data.csv", CREDIT / "credit_risk.spec.yaml"
FIVE_BY_FIVE = 25


def rows() -> list[Row]:
    """AUC and calibration over 5 x 5 stratified folds, seeds 0 to 4, and the time to train and build."""
    material = read_material(DATA, SPEC, ContractStore(None))
    validation = validate(material)
    assert len(validation.fold_aucs) == FIVE_BY_FIVE, "the spec's card must ask for 5 x 5 folds"
    fitted = validation.calibration
    barred = {field.name for field in material.feature_set.fields if field.protected}
    barred |= {f.name for f in material.spec.features if f.expression.strip() == "monthly_expenses"}
    return [
        at_least("model: AUC, mean over 5 x 5 folds", validation.auc, "", 0.838),
        shown("model: AUC, standard deviation over folds", validation.auc_spread, ""),
        at_most("model: calibration error, out of fold, 10 equal bins", validation.calibration_error, "", 0.03),
        shown("model: calibration error of a perfect model (null value)", validation.null_calibration_error, ""),
        at_least("model: calibration slope, lower bound", fitted.slope, "", 0.9),
        at_most("model: calibration slope, upper bound", fitted.slope, "", 1.1),
        at_most("model: calibration intercept, absolute", abs(fitted.intercept), "", 0.1),
        at_most("model: protected fields or raw expenses among features", len(barred), "", 0),
        at_most("model: train and build", _seconds_to_train(), "s", 60),
    ]


def _seconds_to_train() -> float:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        train(DATA, SPEC, Path(folder) / "bundle", lambda line: None)
        return time.perf_counter() - started

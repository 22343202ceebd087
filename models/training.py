"""From a CSV and a spec to a bundle: read, validate the model on folds, fit it on all, compile, fit the imputer, save.

Deterministic: the same data, spec and library versions give a byte-identical bundle. Nothing here is needed to serve.
"""

from __future__ import annotations

import hashlib
import math
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.errors import ConfigurationError, Fault
from contracts.store import ContractStore
from models.bundle import BLANK_SUPPORT, Bundle, Range
from models.card import Card, as_markdown, data_section, fairness_section, validation_section
from models.crossval import Validation, as_given, cross_validate, fit, one_thread, predict, stratified_folds
from models.dataset import Dataset, read_dataset
from models.estimators import read_estimator
from models.exactness import measure
from models.features import Feature, FeatureSet, compile_features, value_of
from models.game_tables import ROUTES, Compiled
from models.imported import load_estimator
from models.imputer import DRAWS, Imputer
from models.imputer_fit import MOST_CODES
from models.kinds import Boosting, fitted_elsewhere
from models.measures import LEAK, quantile_bins, told_by_bins
from models.member_games import Compiler
from models.model_section import model_section
from models.policy_faults import COUNT_UP, is_rival, rivalry
from models.scale import HIGHEST, LOWEST, Scale
from models.spec import TrainingSpec
from models.speed import drawn_per_second, records_per_second
from models.stability import Applicants, Study, group_places, part_section, reasons_section
from models.tables import build_tables
from models.verdict_columns import published

Floats = NDArray[np.float64]
Report = Callable[[str], None]
MORE = 6
"""Times as many steps as a record takes when served, with which the part that is served is compared with the whole: of
walked trees, patterns of 288 MB."""


@dataclass(frozen=True)
class Material:
    """Everything training works on: ``x`` (n, fields read), ``features`` (n, F), ``monotone`` (F,)."""

    spec: TrainingSpec
    dataset: Dataset
    feature_set: FeatureSet
    x: Floats
    features: Floats

    @property
    def monotone(self) -> list[int]:
        return [feature.monotone for feature in self.spec.features]


def train(
    data: Path,
    spec: Path,
    out: Path,
    report: Callable[[str], None],
    contracts: ContractStore | None = None,
    others: Iterable[Bundle] = (),
) -> Bundle:
    """Train and write the bundle into the folder ``out``, its card as a page beside it (``<out>.card.md``).

    Raises ConfigurationError with every fault of spec and data, where ``out`` already holds something else, and where
    one of the ``others`` has another reason map of the same name and version.
    """
    material = read_material(data, spec, contracts or ContractStore(None))
    _check_reason_map(material.spec, others)
    return complete(material, validate(material), data, out, report)


def complete(material: Material, validation: Validation, data: Path, out: Path, report: Report) -> Bundle:
    """What ``train`` does once the model is validated; raises ConfigurationError as it does."""
    report(f"{len(material.x):,} applications, {int(material.dataset.bad.sum()):,} of them bad")
    for leak in suspected_leaks(material):
        report(f"warning: {leak}")
    report(f"cross-validated AUC {validation.auc:.4f}, calibration error {validation.calibration_error:.4f}")
    bundle = build(material, validation, data, report)
    bundle.save(out)
    speed = {"rows_per_second": records_per_second(bundle, material.x), "drawn": drawn_per_second(bundle, material.x)}
    page = as_markdown({**bundle.card, **speed})
    out.with_name(f"{out.name}.card.md").write_text(page, encoding="utf-8")
    report(f"bundle {bundle.ref} {bundle.digest}")
    return bundle


def _check_reason_map(spec: TrainingSpec, others: Iterable[Bundle]) -> None:
    rivals = [other for other in others if is_rival(spec.reason_map, other.reason_map)]
    faults = [spec.source.fault(("reasons",), rivalry(spec.reason_map, other), COUNT_UP) for other in rivals]
    if faults:
        raise ConfigurationError(faults)


def read_material(data: Path, spec_path: Path, contracts: ContractStore) -> Material:
    """Spec and data, read and checked; raises ConfigurationError."""
    spec = TrainingSpec.read(spec_path, contracts)
    features = [Feature(f.name, f.expression, f.group, f.monotone) for f in spec.features]
    feature_set = compile_features(features, spec.contract.fields, str(spec_path))
    dataset = read_dataset(data, spec)
    x = dataset.select(feature_set.fields)
    material = Material(spec, dataset, feature_set, x, feature_set.matrix(x))
    constant = [_constant(f.name, column, data) for f, column in zip(features, material.features.T, strict=True)]
    faults = [fault for fault in constant if fault]
    if faults:
        raise ConfigurationError(faults)
    return material


def suspected_leaks(material: Material) -> list[str]:
    """Features that alone tell the outcome, in words; the spec may read them, but not in silence."""
    told = {
        feature.name: told_by_bins(quantile_bins(column), material.dataset.bad)
        for feature, column in zip(material.spec.features, material.features.T, strict=True)
    }
    return [
        f"the feature {name!r} alone tells the outcome with an AUC of {auc:.3f}: is it known when somebody applies?"
        for name, auc in told.items()
        if auc > LEAK
    ]


def validate(material: Material) -> Validation:
    """Repeated cross-validation as the spec's card asks for; a model fitted elsewhere is judged as it is."""
    spec = material.spec
    if model := fitted_elsewhere(spec.model):
        with _told_of_model(spec):
            classifier = load_estimator(model)
            read_estimator(classifier, material.features.shape[1])  # what cannot be served is not worth judging
        return as_given(classifier, material.features, material.dataset.bad, spec.seed)
    return cross_validate(
        material.features,
        material.dataset.bad,
        spec.model,
        material.monotone,
        folds=spec.card.folds,
        repeats=spec.card.repeats,
        seed=spec.seed,
    )


def build(material: Material, validation: Validation, data: Path, report: Report) -> Bundle:
    """Fit on all rows, compile the tables, fit the imputer, write the card."""
    spec, bad = material.spec, material.dataset.bad
    scale = Scale(spec.points_to_double, spec.anchor_score, spec.anchor_odds)
    classifier = fitted(material)
    shift = log_odds_shift(spec, float(bad.mean()))
    _check_room(spec, scale, predict(classifier, material.features, shift))
    study = study_of(material, classifier, scale, shift)
    compiled, figures = compile_classifier(material, classifier, study, held_out(material, scale) or study)
    report(f"compiled: {ROUTES[compiled.route]}")
    imputer = _fit_imputer(material)
    report(f"imputer fitted on {len(material.feature_set.fields)} fields")
    return Bundle.create(
        name=spec.name,
        version=spec.version,
        use="production" if spec.use == "production" else "demonstration",
        contract=spec.contract,
        products=(spec.product,),
        currencies=spec.currencies,
        features=material.feature_set.features,
        reason_map=spec.reason_map,
        tables=compiled.tables,
        games=compiled.games,
        imputer=imputer,
        blank_support=material.dataset.blanks(),
        ranges=_ranges(material),
        card=_card(material, validation, data, scale) | figures,
        scale=scale,
        log_odds_shift=shift,
    )


def _check_room(spec: TrainingSpec, scale: Scale, p: Floats) -> None:
    """Raise ConfigurationError where an applicant's score, of probabilities of bad (n,), has no room in an answer."""
    with np.errstate(divide="ignore"):
        scores = np.rint(scale.offset + scale.factor * np.log((1 - p) / p))
    outside = int(np.count_nonzero((scores < LOWEST) | (scores > HIGHEST)))
    if outside:
        message = f"gives {outside:,} of {len(p):,} applicants a score outside {LOWEST} to {HIGHEST}: they lie between "
        message += f"{scores.min():.0f} and {scores.max():.0f}, and an answer has no room for that"
        raise ConfigurationError([spec.source.fault(("scale",), message, "choose another score, odds or pdo")])


def fitted(material: Material) -> Any:
    """The spec's model fitted on all rows, or the one fitted elsewhere that it names."""
    spec = material.spec
    if model := fitted_elsewhere(spec.model):
        return load_estimator(model)
    return fit(material.features, material.dataset.bad, spec.model, material.monotone, spec.seed)


def compile_classifier(material: Material, classifier: Any, study: Study, held: Study) -> tuple[Compiled, Card]:
    """The classifier compiled, and the card's sections on it; raises ConfigurationError where it cannot be exact."""
    spec, features = material.spec, material.features
    baseline = _compared(study, spec)
    with _told_of_model(spec), one_thread():
        members = read_estimator(classifier, features.shape[1])
        compiled = study.compile(baseline)
        exactness = measure(members, compiled, features, classifier.predict_proba(features)[:, 1])
    model = model_section(spec.model, classifier, members, compiled, exactness)
    if compiled.partly:
        model["part"] = part_section(study, compiled, Compiler(members)(baseline, more=MORE))
    return compiled, {"model": model, "reasons": reasons_section(study, held)}


@contextmanager
def _told_of_model(spec: TrainingSpec) -> Iterator[None]:
    """What is wrong with the model is told at the line of the spec that names it; a fault of its file, at the file."""
    try:
        yield
    except ConfigurationError as exc:
        at_file = (
            fault if fault.file else spec.source.fault(("model",), fault.message, fault.hint) for fault in exc.faults
        )
        raise ConfigurationError([*at_file]) from exc


def held_out(material: Material, scale: Scale) -> Study | None:
    """A model like the spec's, fitted without one fold and measured on it; None for one that was fitted elsewhere."""
    spec, features, bad = material.spec, material.features, material.dataset.bad
    if fitted_elsewhere(spec.model):
        return None
    rows = np.flatnonzero(stratified_folds(bad, spec.card.folds, spec.seed) != 0)
    classifier = fit(features[rows], bad[rows], spec.model, material.monotone, spec.seed)
    return study_of(material, classifier, scale, log_odds_shift(spec, float(bad[rows].mean())), rows)


def study_of(
    material: Material, classifier: Any, scale: Scale, shift: float, rows: NDArray[np.int64] | None = None
) -> Study:
    """The applicants with their scores, and how the model compiles against some of them.

    ``rows`` are those it was fitted on, and it is measured on the others; None for all, and it is measured on them.
    """
    spec, features = material.spec, material.features
    p = predict(classifier, features, shift)
    blanks, fields = material.dataset.blanks(), material.feature_set.fields
    unlearned = [k for k, field in enumerate(fields) if blanks.get(field.name, 0) < BLANK_SUPPORT]

    everybody = Applicants(
        features,
        published(scale.offset + scale.factor * np.log((1 - p) / p)),
        np.asarray(~np.isnan(material.x[:, unlearned]).any(axis=1), np.bool_),
    )
    others = None if rows is None else np.setdiff1d(np.arange(len(features)), rows)
    return Study(
        reason_map=spec.reason_map,
        training=everybody if rows is None else everybody.at(rows),
        measured=everybody if others is None else everybody.at(others),
        held_out=rows is not None,
        group_of=group_places(spec.reason_map, [feature.group for feature in spec.features]),
        scale=scale,
        shift=shift,
        compile=_compiler(spec, classifier, features.shape[1]),
        fewest=spec.fewest_compared,
        seed=spec.seed,
    )


def _compiler(spec: TrainingSpec, classifier: Any, width: int) -> Callable[[Floats], Compiled]:
    """What compiles the classifier against a baseline; takes it apart when first asked, and only once."""
    if isinstance(spec.model, Boosting):
        return lambda baseline: Compiled(build_tables(classifier, baseline), None)
    read = lru_cache(1)(lambda: Compiler(read_estimator(classifier, width)))
    return lambda baseline: read()(baseline)


def log_odds_shift(spec: TrainingSpec, sample: float) -> float:
    """What moves the log-odds of bad from the sample's bad rate to the population's."""
    population = spec.population_bad_rate
    return 0.0 if population is None else math.log(population / (1 - population)) - math.log(sample / (1 - sample))


def _compared(study: Study, spec: TrainingSpec) -> Floats:
    """Features of the applicants that reasons compare with; raises ConfigurationError where there are too few."""
    baseline = spec.reason_map.baseline
    chosen = study.sample(baseline)
    if not baseline.all and len(chosen) < spec.fewest_compared:
        who = baseline.told(spec.card.cut_offs.approve)
        message = f"only {len(chosen)} {who}, fewer than at_least: {spec.fewest_compared}: too few to compare with"
        hint = "a broader band, or baseline: all"
        raise ConfigurationError([spec.source.fault(("baseline", "above_cut_off"), message, hint)])
    return chosen


def _fit_imputer(material: Material) -> Imputer:
    spec, fields = material.spec, material.feature_set.fields
    with one_thread():
        return Imputer.fit(material.x, fields, silent=spec.unconditioned, seed=spec.seed)


def _ranges(material: Material) -> dict[str, Range]:
    ranges = {}
    for field, column in zip(material.feature_set.fields, material.x.T, strict=True):
        known = column[~np.isnan(column)]
        if field.type == "code":
            ranges[field.name] = Range(codes=tuple(c for k, c in enumerate(field.codes) if (known == k).any()))
        else:
            low, high = (value_of(field, float(v)) for v in (known.min(), known.max()))
            ranges[field.name] = Range(int(low), int(high))  # type: ignore[arg-type]  # no date is read
    return ranges


def _card(material: Material, validation: Validation, data: Path, scale: Scale) -> Card:
    spec, dataset = material.spec, material.dataset
    about = data_section(spec, dataset, data.name, hashlib.sha256(data.read_bytes()).hexdigest())
    about["limits"] += suspected_leaks(material)
    return {
        "bundle": {
            "name": spec.name,
            "version": spec.version,
            "use": spec.use,
            "product": spec.product,
            "currencies": list(spec.currencies),
            "contract": spec.contract.ref,
        },
        "data": about,
        "validation": validation_section(validation, spec.card),
        "features": [
            {"name": f.name, "expression": f.expression, "group": f.group, "monotone": f.monotone}
            for f in spec.features
        ],
        "cut_offs": asdict(spec.card.cut_offs),
        "protected": fairness_section(spec, dataset, material.features, validation.mean_per_applicant(), scale),
        "imputation": {"draws": DRAWS, "blank_support": BLANK_SUPPORT, "notes": _imputation_notes(spec)},
        "made_with": _versions(),
    }


def _imputation_notes(spec: TrainingSpec) -> list[str]:
    silent = ", ".join(spec.unconditioned) or "none"
    return [
        f"fields that did not arrive are drawn {DRAWS} times from their distribution given the others, at fixed points",
        "the probability of default is the mean over the draws; the 90 % interval of the score is reported with it",
        f"fields that inform no other field: {silent}",
        f"a field of which training saw more than {MOST_CODES} codes is drawn by itself and informs no other",
        "protected fields are neither drawn nor used to draw",
    ]


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    packages = ("numpy", "scipy", "scikit-learn", "numba")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def _constant(name: str, column: Floats, data: Path) -> Fault | None:
    known = column[~np.isnan(column)]
    if len(known) and known.min() < known.max():
        return None
    return Fault(str(data), 0, 0, f"the feature {name!r} has one value in all rows: nothing can be learned from it")

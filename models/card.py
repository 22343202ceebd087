"""The model card: what the bundle was made from, what it is worth, for whom, and what nobody should use it for.

``card.json`` is for machines, the page beside the bundle, ``<out>.card.md``, says the same to a model-risk officer.
Protected attributes are read here and nowhere else: to show how far the model's fields give them away, and whom its
cut-offs favour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.types import Field
from models.bundle import BLANK_SUPPORT
from models.crossval import Validation, fit, stratified_folds
from models.dataset import Dataset
from models.kinds import Boosting
from models.measures import auc
from models.model_section import model_page
from models.scale import Scale
from models.spec import CardSpec, TrainingSpec
from models.stability import reasons_page

Floats = NDArray[np.float64]
Card = dict[str, Any]

AGE_BANDS = ((0, 24), (25, 39), (40, 61), (62, 150))
"""Years, inclusive; 62 is where 12 CFR 1002.2(o) begins to speak of the elderly."""
FEWEST = 30
"""A group smaller than this is counted but not measured."""
_PROXY = Boosting(trees=60, leaves=8, learning_rate=0.1, min_samples_leaf=20, l2=0.0, bins=255)


def data_section(spec: TrainingSpec, dataset: Dataset, data_name: str, data_digest: str) -> Card:
    """Where the data come from and how much there is of it."""
    return {
        "file": data_name,
        "sha256": data_digest,
        "spec_sha256": spec.digest,
        "source": spec.provenance.source,
        "assumptions": list(spec.provenance.assumptions),
        "limits": list(spec.provenance.limits),
        "rows": len(dataset.bad),
        "bad": int(dataset.bad.sum()),
        "bad_rate": _rounded(float(dataset.bad.mean())),
        "unused_columns": list(dataset.unused),
        "fields": [
            _field_entry(f, column, f in spec.fields_read)
            for f, column in zip(dataset.fields, dataset.x.T, strict=True)
        ],
    }


def validation_section(validation: Validation, card: CardSpec) -> Card:
    """Discrimination and calibration on applicants the model had not seen."""
    fitted = validation.calibration
    return {
        "method": "the model as given, on all rows of the file; only rows it was not fitted on say what it is worth"
        if validation.as_given
        else f"{card.repeats} x {card.folds}-fold stratified cross-validation, everything fitted inside the fold",
        "auc": _rounded(validation.auc),
        "auc_standard_deviation": _rounded(validation.auc_spread),
        "expected_calibration_error": _rounded(validation.calibration_error),
        "expected_calibration_error_if_perfect": _rounded(validation.null_calibration_error),
        "calibration_slope": _rounded(fitted.slope),
        "calibration_intercept": _rounded(fitted.intercept),
        "brier": _rounded(validation.brier),
    }


def fairness_section(spec: TrainingSpec, dataset: Dataset, features: Floats, p: Floats, scale: Scale) -> Card:
    """Per protected field: proxy AUC from the model's fields and features, outcomes per group under the cut-offs.

    ``p``, shape (n,), are out-of-fold probabilities; ``features``, shape (n, F), what the model sees.
    """
    scores = np.rint(scale.offset + scale.factor * np.log((1 - p) / p))
    inputs = dataset.select(spec.fields_read)
    section: Card = {}
    for field in dataset.fields:
        if field.name in spec.protected:
            groups = list(_groups(field, dataset.select([field])[:, 0]))
            entries = [_group_entry(name, member, scores, dataset.bad, spec.card) for name, member in groups]
            best = max((e["approved"] for e in entries if e["count"] >= FEWEST), default=0.0)
            for entry, (_, member) in zip(entries, groups, strict=True):
                entry["approval_ratio"] = _rounded(entry["approved"] / best) if best else None
                entry["proxy_auc_from_fields"] = proxy_auc(inputs, member, spec.seed)
                entry["proxy_auc_from_features"] = proxy_auc(features, member, spec.seed)
            section[field.name] = entries
    return section


def proxy_auc(inputs: Floats, member: NDArray[np.bool_], seed: int) -> float | None:
    """How well a group is told from inputs (n, k): cross-validated AUC, .5 is not at all; None for small groups."""
    if min(member.sum(), (~member).sum()) < FEWEST:
        return None
    target = member.astype(np.float64)
    fold_of = stratified_folds(target, 3, seed)
    found = []
    for fold in range(3):
        train, test = fold_of != fold, fold_of == fold
        model = fit(inputs[train], target[train], _PROXY, [0] * inputs.shape[1], seed)
        found.append(auc(model.decision_function(inputs[test]), target[test]))
    return _rounded(float(np.mean(found)))


def _groups(field: Field, column: Floats) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if field.type in ("code", "boolean"):
        for position, code in enumerate(field.codes or ("false", "true")):
            yield code, column == position
    else:
        for low, high in AGE_BANDS:
            yield f"{low}-{high}" if high < 150 else f"{low} and over", (column >= low) & (column <= high)


def _group_entry(name: str, member: NDArray[np.bool_], scores: Floats, bad: Floats, card: CardSpec) -> Card:
    count = int(member.sum())
    approved = float((scores[member] >= card.cut_offs.approve).mean()) if count else 0.0
    declined = float((scores[member] < card.cut_offs.decline).mean()) if count else 0.0
    return {
        "group": name,
        "count": count,
        "bad_rate": _rounded(float(bad[member].mean())) if count else None,
        "approved": _rounded(approved),
        "declined": _rounded(declined),
    }


def _field_entry(field: Field, column: Floats, read: bool) -> Card:
    known = column[~np.isnan(column)]
    blanks = int(len(column) - len(known))
    entry: Card = {
        "field": field.name,
        "read": read,
        "blanks": blanks,
        "blank_scored": read and blanks >= BLANK_SUPPORT,
    }
    if field.type == "code":
        seen = [code for k, code in enumerate(field.codes) if (known == k).any()]
        return {**entry, "codes_seen": seen}
    if not len(known):
        return {**entry, "minimum": None, "maximum": None}
    return {**entry, "minimum": float(known.min()), "maximum": float(known.max())}


def _rounded(value: float) -> float:
    return round(value, 6)


def as_markdown(card: Card) -> str:
    """The card as a page to read."""
    bundle, data, validation = card["bundle"], card["data"], card["validation"]
    return "\n".join(
        [
            f"# Model card: {bundle['name']} {bundle['version']}",
            "",
            f"**Use: {bundle['use']}.** Product {bundle['product']}, currencies {', '.join(bundle['currencies'])}; "
            f"reads the contract {bundle['contract']}.",
            "",
            *_usage(bundle["use"]),
            *_section("Limits", [*data["limits"], *(f"assumption: {a}" for a in data["assumptions"])]),
            "## Data",
            "",
            f"{data['source']}",
            "",
            f"{data['rows']:,} applications, {data['bad']:,} of them bad ({data['bad_rate']:.1%}). "
            f"File {data['file']}, SHA-256 `{data['sha256']}`; training spec SHA-256 `{data['spec_sha256']}`.",
            "",
            *_table(("field", "seen", "blanks", "a blank is"), [_field_row(f) for f in data["fields"]]),
            f"A blank of a field with fewer than {BLANK_SUPPORT} blanks was not learned: such an application is "
            "referred or refused, never approved. Fields marked *not read* have no influence on the score.",
            "",
            "## How good it is",
            "",
            f"{validation['method']}.",
            "",
            *_table(("measure", "value", "perfect"), _validation_rows(validation)),
            *model_page(card),
            *reasons_page(card),
            "## Features",
            "",
            "What the model sees, and the direction in which the probability of default may move as it grows.",
            "",
            *_table(
                ("feature", "expression", "reason group", "direction"), [_feature_row(f) for f in card["features"]]
            ),
            *_fairness(card),
            *_section("Imputation", card["imputation"]["notes"]),
            *_section("How it was made", [f"{name} {version}" for name, version in card["made_with"].items()]),
        ]
    )


def _usage(use: str) -> list[str]:
    if use != "demonstration":
        return []
    return ["Made to show how the product works. Nobody's credit should depend on it; in mode live it is refused.", ""]


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *(f"- {line}" for line in lines), ""]


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    head = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    body = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [*head, *body, ""]


def _field_row(entry: Card) -> tuple[object, ...]:
    if "codes_seen" in entry:
        seen = ", ".join(entry["codes_seen"])
    elif entry["minimum"] is None:
        seen = "-"
    else:
        seen = f"{entry['minimum']:,.10g} to {entry['maximum']:,.10g}"
    fate = "scored" if entry["blank_scored"] else "not scored" if entry["read"] else "(not read)"
    return entry["field"], seen, entry["blanks"], fate


def _validation_rows(v: Card) -> list[tuple[str, str, str]]:
    chance = f"{v['expected_calibration_error_if_perfect']:.4f} by chance alone"
    return [
        ("AUC (mean over folds)", f"{v['auc']:.4f} ± {v['auc_standard_deviation']:.4f}", "1"),
        ("expected calibration error, 10 equal-count bins", f"{v['expected_calibration_error']:.4f}", chance),
        ("calibration slope", f"{v['calibration_slope']:.3f}", "1"),
        ("calibration intercept", f"{v['calibration_intercept']:+.3f}", "0"),
        ("Brier score", f"{v['brier']:.4f}", "0"),
    ]


def _feature_row(feature: Card) -> tuple[object, ...]:
    word = {1: "up", -1: "down", 0: "either"}[feature["monotone"]]
    return feature["name"], f"`{feature['expression']}`", feature["group"], word


def _fairness(card: Card) -> list[str]:
    cuts = card["cut_offs"]
    lines = [
        "## Protected attributes",
        "",
        "Neither features, imputer nor policy read them. *Proxy AUC* is how well the group is told from what the model "
        "does read (.5: not at all), from its fields and from its features. Outcomes are of out-of-fold scores with "
        f"approve from {cuts['approve']} and decline below {cuts['decline']}; the *approval ratio* is to the most "
        "approved group (below .8 is commonly taken as a sign of adverse impact).",
        "",
    ]
    columns = (
        "group",
        "count",
        "bad",
        "approved",
        "declined",
        "approval ratio",
        "proxy AUC, fields",
        "proxy AUC, features",
    )
    for name, entries in card["protected"].items():
        lines += [f"### {name}", "", *_table(columns, [_fairness_row(e) for e in entries])]
    return lines


def _fairness_row(e: Card) -> tuple[object, ...]:
    shares = (e["bad_rate"], e["approved"], e["declined"])
    ratios = (e["approval_ratio"], e["proxy_auc_from_fields"], e["proxy_auc_from_features"])
    return (
        e["group"],
        e["count"],
        *("-" if s is None else f"{s:.1%}" for s in shares),
        *("-" if r is None or math.isnan(r) else f"{r:.2f}" for r in ratios),
    )

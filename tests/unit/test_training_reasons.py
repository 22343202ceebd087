"""Training: whom reasons compare with, in which words, and what the card says of how firmly they stand."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from contracts.errors import ConfigurationError
from contracts.store import ContractStore
from contracts.types import Record, State
from models.bundle import Bundle
from models.features import value_of
from models.policy import Policy
from models.scoring import Scorer
from models.spec import TrainingSpec
from models.stability import accord, principal
from models.training import Material, fitted, held_out, read_material, study_of, train

CREDIT = Path(__file__).parents[2] / "fixtures" / "credit_data"
SPEC = (CREDIT / "credit_risk.spec.yaml").read_text(encoding="utf-8")
POLICY = (CREDIT / "consumer-instalment.policy.yaml").read_text(encoding="utf-8")
SHORT = SPEC.replace("trees: 200", "trees: 25").replace("folds: 5, repeats: 5", "folds: 2, repeats: 1")
ROWS = (CREDIT / "credit_data.csv").read_text(encoding="ascii").splitlines()[:1501]
ALL = next(line for line in SPEC.splitlines() if line.startswith("baseline: "))
LONG = "x" * 190 + "{subject}"
FOREST = "model: {kind: random_forest, trees: 8, depth: 4}"


class Trained(NamedTuple):
    bundle: Bundle
    material: Material
    page: str

    @property
    def scores(self) -> np.ndarray:
        """Published scores of the training applicants, none of whose fields is drawn."""
        x = self.material.x
        return np.rint(Scorer(self.bundle).score_columns(x, np.zeros_like(x, bool)).summary[:, 1])


def attempt(folder: Path, spec: str, others: list[Bundle] | None = None) -> Trained:
    data, file = folder / "data.csv", folder / "spec.yaml"
    data.write_text("\n".join(ROWS) + "\n", encoding="utf-8")
    file.write_text(spec, encoding="utf-8")
    bundle = train(data, file, folder / "bundle", lambda line: None, None, others or [])
    page = (folder / "bundle.card.md").read_text(encoding="utf-8")
    return Trained(bundle, read_material(data, file, ContractStore(None)), page)


def faults(folder: Path, spec: str, others: list[Bundle] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        attempt(folder, spec, others)
    return [f"{Path(fault.file).name}:{fault.line} {fault.message} {fault.hint}" for fault in caught.value.faults]


def forest(spec: str) -> str:
    return "".join(f"{FOREST if line.startswith('model: ') else line}\n" for line in spec.splitlines())


def compared(spec: str, baseline: str) -> str:
    assert ALL in spec
    return spec.replace(ALL, f"baseline: {baseline}")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Trained:
    return attempt(tmp_path_factory.mktemp("all"), SHORT)


@pytest.fixture(scope="module", params=["tables", "games"])
def above(request, tmp_path_factory) -> Trained:
    """Of a model in tables, and of one in leaf games."""
    spec = SHORT if request.param == "tables" else forest(SHORT)
    return attempt(tmp_path_factory.mktemp("above"), compared(spec, "{above_cut_off: {band: 25, at_least: 40}}"))


def test_a_chosen_baseline_is_those_whose_published_score_lies_just_above(above: Trained):
    chosen = (above.scores >= 527) & (above.scores < 552)
    told = above.bundle.card["reasons"]["baseline"]
    assert told["applicants"] == chosen.sum() > 40
    assert told["share"] == pytest.approx(chosen.mean(), abs=1e-6)
    assert (told["band"], told["at_least"], told["who"]) == (25, 40, "training applicants who score 527 to 551")
    assert above.bundle.reason_map.baseline.band == 25


def test_contributions_are_measured_from_the_baseline(above: Trained):
    """Their mean over those they compare with is nothing, and the base value is those applicants' mean log-odds."""
    x = above.material.x
    found = Scorer(above.bundle).score_columns(x, np.zeros_like(x, bool))
    chosen = (above.scores >= 527) & (above.scores < 552)
    assert 527 <= Scorer(above.bundle).base < 552
    if above.bundle.games is None:
        assert np.abs(found.points[chosen].mean(axis=0)).max() < 1e-9
        assert Scorer(above.bundle).base == pytest.approx(found.summary[chosen, 1].mean(), abs=1e-9)


def test_scores_do_not_depend_on_the_baseline(made: Trained, tmp_path):
    counted = compared(SHORT, "{above_cut_off: {}}").replace("risk, version: 1.0.0}", "risk, version: 1.1.0}")
    other = attempt(tmp_path, counted, [made.bundle])
    assert np.array_equal(other.scores, made.scores)
    assert Scorer(other.bundle).base > Scorer(made.bundle).base
    assert other.bundle.reason_map.digest != made.bundle.reason_map.digest


def test_too_few_to_compare_with_are_refused(tmp_path):
    (found,) = faults(tmp_path, compared(SHORT, "{above_cut_off: {band: 2, at_least: 900}}"))
    assert "training applicants who score 527 to 528, fewer than at_least: 900" in found
    assert "a broader band, or baseline: all" in found
    assert found.startswith(f"spec.yaml:{SHORT.splitlines().index(ALL) + 1} ")


def test_the_card_counts_reasons_as_a_policy_would_give_them(made: Trained, tmp_path):
    """The same applicants decided one by one: those declined, and their four principal groups."""
    bundle, material = made.bundle, made.material
    (tmp_path / "p.yaml").write_text(POLICY.replace("{bundle-digest}", bundle.digest), encoding="utf-8")
    contract = ContractStore(None).get(bundle.contract)
    policy, scorer = Policy.read(tmp_path / "p.yaml").bind(contract, bundle), Scorer(bundle)
    classifier = fitted(material)
    study = study_of(material, classifier, bundle.scale, bundle.log_odds_shift)
    measured = np.flatnonzero((study.measured.scores < 505) & study.measured.clean)
    rows = measured[:: max(1, len(measured) // 60)]
    groups = [group.name for group in bundle.groups]
    found = principal(study, study.compile(material.features), material.features[rows])
    seen = 0
    for row, ranked in zip(rows, found.tolist(), strict=True):
        verdict = policy.decide(rec := record(bundle, contract, material.x[row]), scorer.score(rec))
        if verdict.outcome == "decline" and not verdict.reasons[0].code.startswith("K"):
            assert [reason.group for reason in verdict.reasons] == [groups[place] for place in ranked if place >= 0]
            seen += 1
    assert seen > 30


def test_how_firm_reasons_are_is_measured_on_applicants_the_model_was_not_fitted_on(made: Trained) -> None:
    """One fold is left out, and a model like the bundle's fitted on the others."""
    material, section = made.material, made.bundle.card["reasons"]
    held = held_out(material, made.bundle.scale)
    assert held is not None
    assert held.held_out
    assert len(held.measured.features) + len(held.training.features) == len(material.features)
    assert len(held.measured.features) == pytest.approx(len(material.features) / 2, abs=1), "the spec has two folds"
    assert section["held_out"] is True
    assert section["stability"]["applicants"] == len(held.declined)
    assert "Measured on applicants held out of the fit" in made.page


def record(bundle: Bundle, contract, x: np.ndarray) -> Record:
    values = [None] * len(contract.fields)
    values[contract.index["product"]] = bundle.products[0]
    values[contract.index["currency"]] = "EUR"
    states = bytearray(len(values))
    for field, position, number in zip(bundle.fields, bundle.positions, x.tolist(), strict=True):
        values[position] = None if np.isnan(number) else value_of(field, number)
        states[position] = State.BLANK if np.isnan(number) else State.GIVEN
    return Record(contract.ref, tuple(values), bytes(states), bytes(len(values)))


def test_two_rankings_agree_in_order_or_as_a_set():
    one = np.array([[0, 1, 2, 3], [4, 2, -1, -1], [0, 1, 2, 3], [5, -1, -1, -1]])
    other = np.array([[0, 1, 2, 3], [2, 4, -1, -1], [0, 1, 2, 4], [5, 6, -1, -1]])
    assert accord(one, other) == (0.25, 0.5)
    assert accord(one, one) == (1.0, 1.0)


def test_the_card_tells_how_firmly_the_reasons_stand(made: Trained, above: Trained):
    for trained, other in ((made, "training applicants who score 527 to 546"), (above, "all training applicants")):
        section = trained.bundle.card["reasons"]
        stability, agreement = section["stability"], section["agreement"]
        assert (stability["resamples"], stability["seed"], agreement["with"]) == (20, 0, other)
        for part in (stability, agreement):
            assert 0.2 < part["in_order"] <= part["as_set"] <= 1
        assert stability["in_order"] > agreement["in_order"], "chance moves reasons less than another baseline does"
        for needed in (
            "## Reasons",
            f"reason map credit_risk@1.0.0, SHA-256 `{trained.bundle.reason_map.digest}`, in de, en, es",
            "made for approve from 527, decline below 505",
            f"mean over {stability['applicants']} applicants and 20 baselines drawn again with replacement (seed 0)",
            f"reasons that compare with {other} ({agreement['compared_with']:,})",
            "the same 4 principal groups in the same places",
        ):
            assert needed in trained.page


def test_another_reason_map_under_the_same_name_and_version_is_refused(made: Trained, tmp_path):
    changed = SHORT.replace("en: Assets too low", "en: Assets insufficient")
    (found,) = faults(tmp_path, changed, [made.bundle])
    assert "the reason map credit_risk@1.0.0 says something else in the bundle credit_risk@1.0.0" in found
    assert "count up reasons: version" in found


def test_a_retrained_model_may_keep_its_reason_map(made: Trained, tmp_path):
    again = attempt(tmp_path, SHORT.replace("seed: 0", "seed: 1").replace("trees: 25", "trees: 20"), [made.bundle])
    assert again.bundle.digest != made.bundle.digest
    assert again.bundle.reason_map == made.bundle.reason_map


def test_a_group_is_told_in_every_language(made: Trained):
    income = next(group for group in made.bundle.groups if group.name == "income")
    assert made.bundle.reason_map.languages == ("de", "en", "es")
    assert income.wordings["en"].incomplete == "Application incomplete: income and outgoings not provided"
    assert income.wordings["en"].unverified == "Unable to verify income and outgoings"
    assert income.wordings["de"].incomplete == "Antrag unvollständig, nicht angegeben: Einkommen und Ausgaben"
    assert income.wordings["es"].unverified == "No se ha podido verificar: ingresos y gastos"


def test_other_phrases_and_languages_may_be_given(tmp_path):
    spec = SHORT.replace("en: ", "fr-ca: ").replace("reasons: {", "reasons: {PHRASES, ")
    phrases = 'phrases: {fr: {incomplete: "Demande incomplète : {subject}", unverified: "Non vérifiable : {subject}"}}'
    (tmp_path / "spec.yaml").write_text(spec.replace("PHRASES", phrases), encoding="utf-8")
    found = TrainingSpec.read(tmp_path / "spec.yaml", ContractStore(None)).reason_map
    assert found.languages == ("de", "es", "fr-CA")
    assert found.groups[-1].wordings["fr-CA"].incomplete == "Demande incomplète : housing"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (ALL, "baseline: just_approved", "'just_approved' is no baseline all, or {above_cut_off: {band: 20}}"),
        (ALL, "baseline: {above: {band: 20}}", "unknown key 'above'"),
        (ALL, "baseline: {}", "says not whom to compare with"),
        (ALL, "baseline: {above_cut_off: {band: 0}}", "'band' must lie between 1 and 1000"),
        (ALL, "baseline: {above_cut_off: {at_least: 5}}", "'at_least' must lie between 30 and"),
        ("de: Kein Wohneigentum, ", "", "has no text in 'de', as "),
        ("subject: {en: housing, de: Wohnsituation, es: vivienda}", "subject: {en: housing, es: x}", "no text in 'de'"),
        ("es: Sin vivienda en propiedad}", "it: Nessuna casa}", "has no text in 'it', as 'text' has"),
        ("es: ", "it: ", "the phrases for what is missing are not known in 'it'"),
        ("version: 1.0.0}\ngroups", "version: one}\ngroups", "'version' must be three numbers"),
        ("reasons: {name: credit_risk", "reasons: {name: Credit", "a reason map is named in small letters"),
        ("reasons: {", "reasons: {phrases: {de: {incomplete: fehlt, unverified: '{subject}'}}, ", "must say {subject}"),
        ("reasons: {", "reasons: {langauges: [de], ", "unknown key 'langauges'"),
        ("reasons: {", f"reasons: {{phrases: {{es: {{incomplete: '{LONG}', unverified: '{LONG}'}}}}, ", "than 200"),
    ],
)
def test_a_faulty_word_or_baseline_is_named(tmp_path, old: str, new: str, says: str):
    assert old in SPEC
    found = faults(tmp_path, SPEC.replace(old, new))
    assert any(says in line for line in found), found

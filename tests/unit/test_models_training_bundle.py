"""Training: from the public data, cut short, to a bundle; and every way in which data or spec can be wrong."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contracts.errors import ConfigurationError
from contracts.store import ContractStore
from models.bundle import Bundle
from models.policy import Policy
from models.scoring import Scorer
from models.training import train

CREDIT = Path(__file__).parents[2] / "fixtures" / "credit_data"
SPEC = (CREDIT / "credit_risk.spec.yaml").read_text(encoding="utf-8")
SHORT = SPEC.replace("trees: 200", "trees: 25").replace("repeats: 5", "repeats: 1").replace("folds: 5", "folds: 2")
LINES = (CREDIT / "credit_data.csv").read_text(encoding="ascii").splitlines()
HEADER, ROWS = LINES[0], LINES[1:1001]


def attempt(
    folder: Path, spec: str = SHORT, rows: list[str] = ROWS, header: str = HEADER, out: str = "bundle"
) -> Bundle:
    (folder / "data.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    (folder / "spec.yaml").write_text(spec, encoding="utf-8")
    return train(folder / "data.csv", folder / "spec.yaml", folder / out, lambda line: None)


def faults(folder: Path, **changes) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        attempt(folder, **changes)
    return [f"{Path(f.file).name}:{f.line} {f.message} {f.hint}".strip() for f in caught.value.faults]


def column(rows: list[str], name: str, value: str | None, only: slice = slice(None)) -> list[str]:
    place = HEADER.split(",").index(name)
    cells = [row.split(",") for row in rows]
    for cell in cells[only]:
        cell[place] = value
    return [",".join(cell) for cell in cells]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Bundle, Path]:
    folder = tmp_path_factory.mktemp("trained")
    return attempt(folder), folder


def test_the_same_inputs_give_the_same_bytes(made, tmp_path):
    bundle, folder = made
    again = attempt(tmp_path)
    assert again.digest == bundle.digest
    for path in (folder / "bundle").iterdir():
        assert path.read_bytes() == (tmp_path / "bundle" / path.name).read_bytes()


def test_a_bundle_loads_as_it_was_made_and_fits_its_contract(made):
    bundle, folder = made
    loaded = Bundle.load(folder / "bundle", bundle.digest)
    loaded.check(ContractStore(None).get("loan_application@2.0.0"))
    assert loaded.features == bundle.features
    assert (loaded.products, loaded.currencies, loaded.use) == (("consumer-instalment",), ("EUR",), "demonstration")


@pytest.mark.parametrize(("old", "new"), [("score: 600", "score: 5000"), ("pdo: 20", "pdo: 400")])
def test_a_scale_that_has_no_room_for_an_applicant_is_refused(tmp_path, old, new):
    assert old in SHORT
    (found,) = faults(tmp_path, spec=SHORT.replace(old, new))
    line = next(number for number, text in enumerate(SHORT.splitlines(), 1) if text.startswith("scale:"))
    assert found.startswith(f"spec.yaml:{line} gives ")
    assert "of 1,000 applicants a score outside 0 to 999: they lie between " in found


def test_no_protected_field_is_read_and_expenses_inform_no_other_field(made):
    bundle, _ = made
    read = [field.name for field in bundle.fields]
    assert not {"age_years", "marital_status"} & set(read)
    assert (bundle.imputer.tables.term_start[:, read.index("monthly_expenses")] == -1).all()
    assert [f.name for f in bundle.features if f.expression == "monthly_expenses"] == []


def test_blanks_are_counted_and_only_income_has_enough_of_them(made):
    bundle, _ = made
    blank = sum(row.split(",")[HEADER.split(",").index("Income")] == "NA" for row in ROWS)
    assert bundle.blank_support["monthly_income"] == blank >= 50
    assert [f.name for f in bundle.fields if bundle.supports_blank(f.name)] == ["monthly_income"]


def test_scores_move_with_each_feature_only_in_its_declared_direction(made):
    bundle, _ = made
    scorer = Scorer(bundle)
    random = np.random.default_rng(5)
    read = [field.name for field in bundle.fields]
    x = random.uniform(0, 1, (300, len(read))) * [
        {"loan_amount": 40_000, "purchase_price": 60_000, "term_months": 60, "monthly_income": 5000}.get(n, 2)
        for n in read
    ]
    x = np.floor(x) + 1.0
    for field, sign in (
        ("employment_months", 1),
        ("assets", 1),
        ("debt", -1),
        ("monthly_income", 1),
        ("term_months", 0),
    ):
        more = x.copy()
        more[:, read.index(field)] *= 5
        before, after = (scorer.score_columns(rows, np.zeros_like(rows, bool)).summary[:, 1] for rows in (x, more))
        assert ((after - before) * sign >= -1e-9).all(), field


def test_the_card_says_what_an_officer_has_to_know(made):
    _, folder = made
    card = json.loads((folder / "bundle" / "card.json").read_text(encoding="utf-8"))
    assert card["data"]["rows"] == len(ROWS)
    assert card["data"]["bad"] == sum(row.startswith("bad") for row in ROWS)
    assert 0.7 < card["validation"]["auc"] < 0.95
    assert {e["group"] for e in card["protected"]["marital_status"]} >= {"single", "married"}
    groups = card["protected"]["age_years"]
    assert sum(e["count"] for e in groups) == len(ROWS)
    assert max(e["approval_ratio"] for e in groups if e["count"] >= 30) == 1
    page = (folder / "bundle.card.md").read_text(encoding="utf-8")
    for needed in (
        "Use: demonstration",
        "only accepted loans",
        "10 EUR",
        "proxy AUC",
        "calibration slope",
        "| assets |",
    ):
        assert needed in page


def test_the_shipped_policy_binds_to_the_bundle_once_it_names_it(made, tmp_path):
    bundle, _ = made
    text = (CREDIT / "consumer-instalment.policy.yaml").read_text(encoding="utf-8")
    path = tmp_path / "p.yaml"
    path.write_text(text.replace("{bundle-digest}", bundle.digest), encoding="utf-8")
    policy = Policy.read(path).bind(ContractStore(None).get(bundle.contract), bundle)
    assert (policy.cut_offs.approve, policy.cut_offs.decline) == (527, 505)


def test_a_prior_moves_every_log_odds_by_the_same_amount(made, tmp_path):
    bundle, _ = made
    moved = attempt(tmp_path, spec=SHORT.replace("prior: sample ", "prior: {bad_rate: 0.05} "))
    rate = float(np.mean([row.startswith("bad") for row in ROWS]))
    shift = math.log(0.05 / 0.95) - math.log(rate / (1 - rate))
    assert moved.log_odds_shift == pytest.approx(shift, abs=1e-12)
    assert Scorer(moved).base - Scorer(bundle).base == pytest.approx(-shift * 20 / math.log(2), abs=1e-9)


def test_columns_nobody_reads_are_named_in_the_card(tmp_path):
    bundle = attempt(tmp_path, header=HEADER + ",Branch", rows=[row + ",7" for row in ROWS])
    assert bundle.card["data"]["unused_columns"] == ["Branch"]


def test_a_folder_that_holds_another_bundle_is_left_alone(made, tmp_path):
    shutil.copytree(made[1] / "bundle", tmp_path / "bundle")
    spec = SHORT.replace("seed: 0", "seed: 1").replace("trees: 25", "trees: 20")
    with pytest.raises(ConfigurationError, match="a bundle never changes"):
        attempt(tmp_path, spec=spec)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"spec": SHORT.replace("column: Status", "column: status")}, "did you mean 'Status'?"),
        ({"spec": SHORT.replace("from: Income", "from: Incme")}, "did you mean 'Income'?"),
        ({"rows": column(ROWS, "Status", "bad")}, "no row has Status 'good'"),
        ({"rows": column(ROWS, "Status", "good")}, "no row has Status 'bad'"),
        ({"rows": column(ROWS, "Status", "unknown", slice(3))}, "'unknown' (3 rows)"),
        ({"rows": []}, "holds no rows"),
        ({"rows": [*ROWS, "good,1"]}, "data.csv:1002 has 2 cells, the header has 14"),
        ({"header": HEADER.replace("Price", "Debt")}, "occurs more than once"),
        ({"rows": column(ROWS, "Debt", "7")}, "debt holds one value"),
        ({"rows": column(ROWS, "Job", "NA")}, "employment_type holds only blanks"),
        (
            {"rows": column(column(ROWS, "Job", "freelance"), "Job", "fixed", slice(10))},
            "the feature 'part_time_employment' has one value",
        ),
    ],
)
def test_data_that_cannot_teach_a_model_are_refused(tmp_path, changes, says):
    found = faults(tmp_path, **changes)
    assert any(says in line for line in found), found


def test_rows_that_break_the_contract_are_counted_and_the_first_are_shown(tmp_path):
    rows = column(column(ROWS, "Time", "-3", slice(4)), "Job", "astronaut", slice(2))
    found = faults(tmp_path, rows=rows)
    assert found[0].startswith("data.csv:0 4 of 1000 rows break the contract, in 6 places")
    assert len(found) == 7
    assert found[1].startswith("data.csv:2 ")
    assert "astronaut" not in "".join(found), "a value of a person is not repeated"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("seed: 0", "sede: 0", "unknown key 'sede' did you mean 'seed'?"),
        ("leaves: 4", "leafs: 4", "did you mean 'leaves'?"),
        ("use: demonstration", "use: fun", "'fun' is not a legal 'use'"),
        ("contract: loan_application@2.0.0", "contract: loan_aplication@2.0.0", "did you mean"),
        (
            "debt: {expression: debt",
            "debt: {expression: dept",
            "'dept' is not a field of the contract did you mean 'debt'?",
        ),
        ("debt: {expression: debt", "debt: {expression: age_years", "'age_years' is a protected field"),
        ("debt: {expression: debt", "debt: {expression: debt +", "spec.yaml:"),
        ("debt: {expression: debt, group: debt", "debt: {expression: debt, group: dept", "did you mean 'debt'?"),
        ("expression: assets, group: assets, monotone: -1", "expression: assets, group: assets", "may only fall with"),
        ("code: R09", "code: R08", "names more than one group"),
        ("bad: bad", "bad: good", "the same value"),
        ("trees: 200", "trees: many", "'trees' must be a whole number"),
        ("product: consumer-instalment", "product: mortgage", "'mortgage' is not a legal 'product'"),
    ],
)
def test_a_spec_with_a_fault_says_where_and_what_was_meant(tmp_path, old, new, says):
    spec = SPEC.replace(old, new)
    assert spec != SPEC
    found = faults(tmp_path, spec=spec)
    assert any(says in line for line in found), found


def test_the_number_of_threads_does_not_show_in_the_bytes(made, tmp_path):
    """Another process with two threads for every library makes the same bundle."""
    bundle, folder = made
    code = (
        "import sys; from pathlib import Path; from models.training import train; "
        "f = Path(sys.argv[1]); print(train(f / 'data.csv', f / 'spec.yaml', Path(sys.argv[2]), lambda _: None).digest)"
    )
    two = {f"{name}_NUM_THREADS": "2" for name in ("OMP", "OPENBLAS", "NUMBA", "MKL")}
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(tmp_path / "bundle")],
        capture_output=True,
        text=True,
        check=True,
        cwd=CREDIT.parents[1],
        env=os.environ | two,
    )
    assert run.stdout.strip() == bundle.digest

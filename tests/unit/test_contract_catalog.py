"""The published contracts: frozen, valid for others too, and true of the data we show."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest
from open_data_contract_standard.model import OpenDataContractStandard

from contracts.errors import ConfigurationError
from contracts.odcs import DIGESTS, Contract, read_odcs, shape_faults
from contracts.rows import RowEngine, value_checker
from contracts.source import Source
from contracts.store import CATALOG, ContractStore
from contracts.types import State, Value
from models.types import REFER_CAUSES, Decision, Imputation, Reason

ROOT = Path(__file__).parents[2]
FROZEN = {
    "loan_application@1.0.0": "c980c71648d2fb891b85d523790896f286d9467a3177d9920abb7e36293ebe79",
    "loan_application@1.1.0": "e6d45b2468cd87ca464f82644d640507325a61aaded3d66c7c6dfad4a7d4fa1c",
    "loan_application@2.0.0": "e489fa31ae0cfd8729cd4c33e9aad06ff1cfed2433429074b6bf59dd7dfba9c0",
    "loan_decision@1.0.0": "80636bd472914f4afeaa68022031da7a140d1863e087508296f24bc56c03351c",
    "loan_outcome@1.0.0": "a0ea2461b2f1a755e2db1e05fa6e6116fba44874662a47964ef470e1fdff73a5",
}
FILES = sorted(CATALOG.glob("*/*.odcs.yaml"))


def published(ref: str) -> Contract:
    return ContractStore().get(ref)


def test_a_published_contract_never_changes() -> None:
    """If this fails, the change belongs into a new version, in a file of its own."""
    found = {f"{f.parent.name}@{f.name[:5]}": hashlib.sha256(f.read_bytes()).hexdigest() for f in FILES}
    assert {ref: found.get(ref) for ref in FROZEN} == FROZEN


def test_the_digests_that_are_published_are_those_of_the_files() -> None:
    """Made by ``cd contracts/catalog && sha256sum */*.odcs.yaml > SHA256SUMS``; what is in it is not held to the schema
    again when it is read.
    """
    made = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.relative_to(CATALOG)}" for f in FILES]
    assert DIGESTS.read_text().splitlines() == made


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}-{f.name}")
def test_every_published_contract_keeps_the_schema_of_odcs(file: Path) -> None:
    assert list(shape_faults(Source.read(file))) == []


def test_a_contract_that_differs_from_a_published_one_is_held_to_the_schema(tmp_path: Path) -> None:
    changed = tmp_path / "1.0.0.odcs.yaml"
    changed.write_text(FILES[0].read_text().replace("kind: DataContract", "kind: DataContracts"))
    with pytest.raises(ConfigurationError, match="breaks the ODCS schema"):
        read_odcs(changed)


@pytest.mark.parametrize("ref", ContractStore().refs())
def test_every_contract_of_the_catalog_is_without_fault(ref: str) -> None:
    assert published(ref).ref == ref


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.parent.name)
def test_the_makers_of_odcs_read_the_same_fields(file: Path) -> None:
    theirs = OpenDataContractStandard.from_file(str(file))
    assert theirs.schema_ is not None
    ours = published(f"{theirs.id}@{theirs.version}")
    names = [p.name for p in theirs.schema_[0].properties or []]
    assert names == list(dict.fromkeys(path.split("[")[0] for path in ours.paths))


@pytest.mark.parametrize("ref", ContractStore().refs())
def test_every_example_is_legal_for_its_field(ref: str) -> None:
    contract = published(ref)
    for path, field in contract.paths.items():
        check = value_checker(field)
        given = [example for example in contract.examples[path] if example is not None]
        assert given, path
        assert [problem for example in given if (problem := check(example))] == [], path


@pytest.mark.parametrize("ref", ContractStore().versions("loan_application"))
def test_the_examples_of_an_application_make_whole_applications_without_a_problem(ref: str) -> None:
    contract = published(ref)
    engine = RowEngine(contract)
    rows = list(zip(*(contract.examples[field.name] for field in contract.fields), strict=True))
    assert len(rows) == 3
    for row in rows:
        states = bytearray(State.BLANK if value is None else State.GIVEN for value in row)
        assert engine.check(list(row), states) == ((), ())


WORK_AND_HOME = {
    "loan_application@1.0.0": "employment_years employment_type home_ownership credit_records",
    "loan_application@1.1.0": "employment_years employment_type home_ownership credit_records credit_enquiries",
    "loan_application@2.0.0": "employment_months employment_type home_ownership adverse_records credit_enquiries",
}


@pytest.mark.parametrize("ref", WORK_AND_HOME)
def test_an_application_has_these_fields_in_this_order(ref: str) -> None:
    assert " ".join(field.name for field in published(ref).fields) == (
        "product currency loan_amount purchase_price term_months monthly_income monthly_expenses assets debt "
        f"{WORK_AND_HOME[ref]} age_years marital_status"
    )


def test_an_answer_holds_every_field_of_a_decision_in_its_order() -> None:
    contract = published("loan_decision@1.0.0")
    rows = {"reasons": Reason._fields, "imputations": Imputation._fields}
    expected: list[str] = []
    for name in Decision._fields:
        expected += [f"{name}[].{part}" for part in rows.get(name, ())] or [
            f"{name}[]" if name == "refer_causes" else name
        ]
    assert list(contract.paths) == expected
    assert contract.lists == {"refer_causes": len(REFER_CAUSES), "reasons": 5, "imputations": 64}


def test_an_answer_knows_every_cause_and_word_a_decision_can_hold() -> None:
    paths = published("loan_decision@1.0.0").paths
    assert paths["refer_causes[]"].codes == REFER_CAUSES
    assert paths["reasons[].state"].codes == tuple(state.word for state in State)
    assert paths["imputations[].origin"].codes == ("wire", "lookup", "upcast", "imputed")
    assert paths["outcome"].codes == ("approve", "refer", "decline")


@pytest.mark.parametrize("ref", ContractStore().versions("loan_application"))
def test_only_age_and_marital_status_are_protected_and_only_product_and_currency_essential(ref: str) -> None:
    fields = published(ref).fields
    assert [f.name for f in fields if f.protected] == ["age_years", "marital_status"]
    assert [f.name for f in fields if f.essential] == ["product", "currency"]
    assert [f.name for f in fields if f.required] == ["product", "currency", "loan_amount", "term_months"]


MONEY = {"Amount", "Price", "Income", "Expenses", "Assets", "Debt"}
COLUMNS = (
    "Amount", "Price", "Time", "Income", "Expenses", "Assets", "Debt", "Seniority", "Job", "Home", "Records", "Age",
    "Marital",
)  # fmt: skip
RENAMED = {"partime": "part_time", "others": "other", "priv": "private", "ignore": "ignored", "widow": "widowed"}


def public_value(column: str, text: str) -> Value:
    """One unit of the public file is taken as 10 units of currency, held in hundredths."""
    if text == "NA":
        return None
    if column in MONEY:
        return round(float(text) * 1000)
    return int(text) if text.isdigit() else RENAMED.get(text, text)


def test_every_public_application_is_legal() -> None:
    engine = RowEngine(published("loan_application@1.0.0"))
    with (ROOT / "fixtures/credit_data/credit_data.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4454
    found = []
    for row in rows:
        values: list[Value] = ["consumer-instalment", "EUR", *(public_value(c, row[c]) for c in COLUMNS)]
        states = bytearray(State.BLANK if value is None else State.GIVEN for value in values)
        found += [problem for group in engine.check(values, states) for problem in group]
    assert found == []

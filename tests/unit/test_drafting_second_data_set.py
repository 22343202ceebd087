"""The draft of the second data set, judged by what is published of it: true, and of use to a risk officer."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from pathlib import Path

import pytest

from contracts.errors import ConfigurationError
from models.drafting.draft import Draft, draft
from models.drafting.files import contract_text, spec_text
from models.drafting.findings import Finding

FOLDER = Path(__file__).parents[2] / "fixtures" / "german_credit"
DATA = FOLDER / "german_credit.csv"
BANDS = ("installment_rate_in_percentage_of_disposable_income", "present_residence_since")


def drafted(codes: tuple[str, ...] = ()) -> Draft:
    return draft(DATA, "credit_risk", "2", model="hausbank", product="hausbank", currency="DEM", codes=codes)


@pytest.fixture(scope="module")
def found() -> Draft:
    return drafted()


def finding(found: Draft, words: str) -> Finding:
    (only,) = [entry for entry in found.findings if words in entry.what]
    return only


def test_the_file_is_the_one_its_provenance_describes() -> None:
    assert hashlib.sha256(DATA.read_bytes()).hexdigest() in (FOLDER / "PROVENANCE.md").read_text(encoding="utf-8")
    with DATA.open(encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["credit_risk"] for row in rows) == {"1": 700, "2": 300}
    assert Counter(row["personal_status_and_sex"] for row in rows)["male : single"] == 548
    assert sum(row["foreign_worker"] == "no" for row in rows) == 37


def test_an_outcome_of_1_and_2_is_asked_about_not_guessed() -> None:
    with pytest.raises(ConfigurationError, match=r"'1' \(700\), '2' \(300\), and neither says.*--bad VALUE"):
        draft(DATA, "credit_risk", None, model="hausbank", product="hausbank", currency="DEM")


def test_sex_marital_status_age_and_nationality_are_protected_and_read_by_nothing(found: Draft) -> None:
    told = {field.name: field.protected for field in found.fields if field.protected}
    assert told == {
        "personal_status_and_sex": "sex and marital status",
        "age_in_years": "age",
        "foreign_worker": "nationality",
    }
    spec = spec_text(found, (520, 490))
    features = spec.partition("features:")[2].partition("\nmodel:")[0]
    assert not re.search("personal_status|age_in_years|foreign_worker", features)
    assert "protected: [personal_status_and_sex, age_in_years, foreign_worker]" in spec


def test_a_code_that_speaks_of_a_protected_trait_is_named(found: Draft) -> None:
    about_job = finding(found, "a code of job speaks of nationality")
    assert "non-resident" in about_job.evidence


def test_the_currency_that_codes_speak_of_is_the_evidence(found: Draft) -> None:
    assert "speaks of DM" in finding(found, "amounts in DEM").evidence


def test_codes_that_say_unknown_are_asked_about_and_stay_codes(found: Draft) -> None:
    asked = {entry.what for entry in found.findings if "seems to mean 'not known'" in entry.what}
    assert len(asked) == 2
    assert all("unknown / no" in what and "still counts as a code" in what for what in asked)
    assert '"unknown / no property": "unknown_no_property"' in spec_text(found, (520, 490))


def test_bands_written_as_numbers_are_suspected_and_true_counts_are_not(found: Draft) -> None:
    suspected = {entry.what.split()[4] for entry in found.findings if entry.what.endswith("amounts, or codes?")}
    assert suspected == {*BANDS, "number_of_people_being_liable_to_provide_maintenance_for"}
    assert finding(found, "numbers of present_residence_since").severity == "must"


def test_what_is_said_to_be_codes_becomes_codes(found: Draft) -> None:
    told = drafted(BANDS)
    fields = {field.name: field for field in told.fields}
    assert sorted(fields[BANDS[0]].codes) == ["1", "2", "3", "4"]
    assert f"{BANDS[1]} == '1'" in spec_text(told, (520, 490))
    assert not [entry for entry in told.findings if BANDS[0] in entry.what]
    assert {field.name for field in found.fields} == {field.name for field in told.fields}


def test_codes_are_readable_and_cut_between_words(found: Draft) -> None:
    spelled = [code for field in found.fields for code in field.codes.values()]
    assert {"below_0_dm", "0_to_below_200_dm", "from_200_dm_salary_assignments_for_at", "car_new"} <= set(spelled)
    for field in found.fields:
        for native, code in field.codes.items():
            words = set(re.findall("[a-z0-9]+", native.lower())) | {"below", "from", "to"}
            assert set(code.split("_")) <= words, code


def test_no_count_of_rows_is_part_of_the_contract(found: Draft) -> None:
    labels = re.findall(r"label: \"(.*?)\"\}", contract_text(found))
    assert "male : single" in labels
    assert not [label for label in labels if "rows" in label]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("credit_amount", "921 different values, more than 40 codes"),
        ("instalment_rate", "has no column 'instalment_rate'"),
        ("present_residence_sinse", "did you mean 'present_residence_since'?"),
    ],
)
def test_codes_that_cannot_be_are_refused(name: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        drafted((name,))
    assert says in str(caught.value)

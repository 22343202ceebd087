"""An integration that speaks an earlier version than its bundle: what is recorded, told and kept."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.digest import Layout
from contracts.errors import InvalidRecord
from contracts.odcs import Contract
from contracts.store import CATALOG, ContractStore
from contracts.types import State
from gateway import settings as settings_
from gateway.bootstrap import install
from gateway.installation import Installation
from gateway.lint import lint
from gateway.objects import ObjectStore
from gateway.pipeline import Assessed, assess
from gateway.spi import Asked
from gateway.trace import trace

JUNIPER = Path(__file__).parents[2] / "fixtures" / "integrations" / "juniper-api"
SENT = (JUNIPER / "examples/01-complete__approves/request.json").read_bytes()
NOON = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
SPOKEN, TRAINED = ContractStore().get("loan_application@1.0.0"), ContractStore().get("loan_application@2.0.0")


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    for part in ("bundles", "policies", "integrations"):
        shutil.copytree(built_home / part, tmp_path / part)
    return tmp_path


@pytest.fixture
def installation(home: Path) -> Iterator[Installation]:
    made = install(settings_.load(home=home), with_ledger=True, clock=lambda: NOON)
    assert not made.faulty, made.faulty
    yield made
    made.close()


def sent(**changes: Any) -> bytes:
    """Juniper's complete application with parts of ``applicant`` changed; None leaves one out."""
    body = json.loads(SENT)
    for name, value in changes.items():
        body["applicant"][name] = value
    body["applicant"] = {name: value for name, value in body["applicant"].items() if value is not None}
    return json.dumps(body).encode()


def assessed(installation: Installation, raw: bytes = SENT) -> Assessed:
    desk = installation.desk("juniper-api")
    return assess(desk.line_at(NOON), desk.read(Asked(raw, {}, "juniper")))


def value(found: Assessed, contract: Contract, name: str) -> Any:
    return found.record.values[contract.index[name]]


def test_a_record_is_scored_in_the_version_the_bundle_was_trained_on(installation: Installation) -> None:
    found = assessed(installation)
    months = json.loads(SENT)["applicant"]["job"]["monthsInJob"]
    assert found.record.contract == "loan_application@2.0.0"
    assert value(found, TRAINED, "employment_months") == 12 * round(months / 12)
    assert value(found, TRAINED, "adverse_records") == "no"
    lacking = TRAINED.index["credit_enquiries"]
    assert found.record.states[lacking] == State.NOT_CARRIED
    assert found.record.causes[lacking] == "version"
    assert set(found.record.origins) == {0}


def test_what_was_sent_is_named_in_the_version_it_came_in(installation: Installation) -> None:
    found = assessed(installation)
    mapped = installation.desk("juniper-api").integration.request.read(json.loads(SENT))
    assert found.sent_digest == Layout(SPOKEN).digest(mapped.values, mapped.states)
    assert found.record_digest == Layout(TRAINED).digest(found.record.values, found.record.states)


def test_a_field_no_version_changed_is_listed_as_before(installation: Installation) -> None:
    answer = asyncio.run(installation.desk("juniper-api").decide(Asked(sent(bureauFlag=None), {}, "juniper")))
    listed = [(e["field"], e["state"]) for e in json.loads(answer.payload)["decision"]["estimated"]]
    assert listed == [("debt", "not_carried"), ("adverse_records", "blank")]
    assert json.loads(answer.payload)["evidence"]["contract"] == f"{TRAINED.ref}#{TRAINED.digest}"


def test_problems_are_told_in_the_words_and_units_the_integration_speaks(installation: Installation) -> None:
    job = json.loads(SENT)["applicant"]["job"]
    with pytest.raises(InvalidRecord) as caught:
        assessed(installation, sent(age=131, job=job | {"monthsInJob": 972}))
    assert [(p.path, p.expected) for p in caught.value.problems] == [
        ("age_years", "a whole number from 0 to 130 (years)"),
        ("employment_years", "a whole number from 0 to 80 (years)"),
    ]
    native = installation.desk("juniper-api").refusal(caught.value).problems
    assert [problem["path"] for problem in native] == ["/applicant/age", "/applicant/job/monthsInJob"]


def test_a_warning_of_both_versions_is_told_once(installation: Installation) -> None:
    job = json.loads(SENT)["applicant"]["job"]
    found = assessed(installation, sent(age=30, job=job | {"monthsInJob": 240}))
    assert [(problem.rule, problem.path) for problem in found.problems] == [
        ("employed_since_fourteen", "employment_years")
    ]


def test_every_contract_on_the_way_is_kept(installation: Installation) -> None:
    kept = ObjectStore(installation.settings.state / "objects")
    for ref in ("loan_application@1.0.0", "loan_application@1.1.0", "loan_application@2.0.0", "loan_decision@1.0.0"):
        contract = installation.contracts.get(ref)
        assert kept.get(contract.digest) == contract.content


def test_a_trace_shows_what_the_way_changed(installation: Installation) -> None:
    stages = trace(installation.desk("juniper-api"), Asked(SENT, {}, "juniper"), NOON)
    assert stages["upcast"]["from"] == "loan_application@1.0.0"
    assert [(f["field"], f["source"], f["cause"]) for f in stages["upcast"]["fields"]] == [
        ("employment_months", "employment_years", ""),
        ("employment_type", "employment_type", ""),
        ("adverse_records", "credit_records", ""),
        ("credit_enquiries", "", "version"),
    ]


@pytest.mark.parametrize(
    ("day", "severity", "says"),
    [
        (date(2026, 10, 1), "", ""),
        (date(2027, 1, 1), "warning", "1825 days left until its sunset on 2031-12-31"),
        (date(2032, 1, 1), "error", "is past its sunset of 2031-12-31"),
    ],
)
def test_lint_tells_an_integration_that_its_version_ends(home: Path, day: date, severity: str, says: str) -> None:
    import adapters

    found = [fault for fault in lint(home, adapters.load, today=day) if "loan_application@1.0.0" in fault.message]
    assert {fault.severity for fault in found} == ({severity} if severity else set())
    for fault in found:
        assert says in fault.message
        assert fault.hint == "move to loan_application@2.0.0"
        assert fault.line > 0


def test_a_version_past_its_sunset_is_still_served(home: Path) -> None:
    """A date switches nothing off: see contracts/lifecycle.py."""
    made = install(settings_.load(home=home), with_ledger=False, clock=lambda: datetime(2033, 1, 1, tzinfo=UTC))
    desk = made.desk("juniper-api")
    assert desk.lifecycle is not None
    assert desk.lifecycle.successor == "loan_application@2.0.0"
    assert assess(desk.line_at(desk.now()), desk.read(Asked(SENT, {}, "juniper"))).verdict.outcome == "approve"


def own_version(home: Path, step: str) -> None:
    """``loan_application@3.0.0`` in the home, with this upcast; the integration is pinned to it."""
    folder = home / "contracts" / "loan_application"
    folder.mkdir(parents=True)
    text = (CATALOG / "loan_application" / "2.0.0.odcs.yaml").read_text(encoding="utf-8")
    text = re.sub(r"    value:\n      from: 1.1.0\n(      .*\n)+", f"    value: {step}\n", text)
    (folder / "3.0.0.odcs.yaml").write_text(text.replace("version: 2.0.0", "version: 3.0.0"), encoding="utf-8")


def pin(home: Path, ref: str) -> None:
    file = home / "integrations" / "juniper-api" / "integration.yaml"
    text = file.read_text(encoding="utf-8").replace("contract: loan_application@1.0.0", f"contract: {ref}")
    if ref != "loan_application@1.1.0":
        text = text.replace("employment_years: {from: applicant.job.monthsInJob, convert: [integer, divide(12)]}",
                            "employment_months: {from: applicant.job.monthsInJob, convert: [integer]}")  # fmt: skip
        text = text.replace("  credit_records:", "  adverse_records:").replace("part_time,", "permanent_part_time,")
    text = text.replace("debt: not_carried", "credit_enquiries: not_carried\n  debt: not_carried")
    file.write_text(text, encoding="utf-8")


def test_a_bundle_older_than_the_integrations_contract_is_a_fault_with_its_cure(home: Path) -> None:
    own_version(home, "{from: 2.0.0}")
    pin(home, "loan_application@3.0.0")
    made = install(settings_.load(home=home), with_ledger=False)
    (fault,) = made.faulty["juniper-api"].faults
    assert re.search(r"integration\.yaml:\d+:1: .*was trained on loan_application@2\.0\.0", str(fault))
    assert "train the bundle again on loan_application@3.0.0, or pin contract: loan_application@2.0.0" in fault.hint
    import adapters

    assert [f.message for f in lint(home, adapters.load) if f.severity == "error"] == [fault.message]


@pytest.mark.parametrize("ref", ["loan_application@1.1.0", "loan_application@2.0.0"])
def test_an_integration_may_be_pinned_to_any_version_up_to_the_bundles(home: Path, ref: str) -> None:
    pin(home, ref)
    made = install(settings_.load(home=home), with_ledger=False)
    assert not made.faulty, made.faulty
    assert assessed(made).record.contract == "loan_application@2.0.0"


def test_a_version_of_a_home_with_a_fault_refuses_the_start_and_names_it(home: Path) -> None:
    own_version(home, "{from: 2.0.0, fields: {adverse_records: credit_records}}")
    from contracts.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match=r"3\.0\.0\.odcs\.yaml:\d+:\d+: .*has no field 'credit_records'"):
        install(settings_.load(home=home), with_ledger=False)

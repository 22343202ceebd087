"""What every adapter owes, written once. An adapter joins by saying how it writes one application in its own format.

MUST 1  the same application gives the same score, outcome, reasons and imputations, to the last digit
MUST 2  a repeat gets the stored answer, byte for byte; another record under the same key is a conflict
MUST 3  arbitrary bytes raise nothing but our errors, and what was refused is recorded
MUST 4  a batch equals its singles; one bad record spoils one record
MUST 5  whatever was not sent is listed in the answer
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_adapter import MemoryAdapter

from contracts.errors import CallerError, Conflict, ScoregateError
from gateway import settings as settings_
from gateway.bootstrap import install
from gateway.installation import Installation
from gateway.ledger import Filters, Kind
from gateway.spi import Answer, Asked, Connection, Site
from gateway.watching.lookout import Lookout

JUNIPER = Path(__file__).parents[2] / "fixtures" / "integrations" / "juniper-api"
LINES = """
integration: lines
adapter: memory
contract: loan_application@1.0.0
answer: loan_decision@1.0.0
product: consumer-instalment
mode: test
wire: {}
keys: {business: id, request: header.key, correlation: header.correlation}
resubmission: supersede
request:
  currency: currency
  loan_amount: {from: amount, convert: [decimal(2)]}
  purchase_price: {from: price, convert: [decimal(2)]}
  term_months: {from: months, convert: [integer]}
  monthly_income: {from: income.annual, convert: [decimal(2), divide(12)]}
  monthly_expenses: {from: outgoings, convert: [decimal(2)]}
  assets: {from: assets, convert: [decimal(2)]}
  debt: not_carried
  employment_years: {from: job.years, convert: [integer]}
  employment_type: {from: job.kind, codes: {PERMANENT: fixed, PART_TIME: part_time, SELF_EMPLOYED: freelance}}
  home_ownership: {from: home, codes: {OWNER: owner, TENANT: rent, WITH_PARENTS: parents, PRIVATE: private}}
  credit_records: {from: records, codes: {N: "no", Y: "yes"}}
  age_years: {from: age, convert: [integer]}
  marital_status: {from: civil, codes: {S: single, M: married, P: separated}}
limits: {deadline: 5s, bytes: 64KB}
access: {principals: [lines]}
"""
SAME = ("pd", "score", "score_min", "score_max", "outcome", "refer_causes", "reasons", "imputations", "contract",
        "information_not_available", "bundle", "policy", "product", "currency", "mode")  # fmt: skip


@dataclass(frozen=True)
class Joined:
    """How one adapter writes Juniper's application ``tree`` under a request key."""

    integration: str
    write: Callable[[Mapping[str, Any], str], Asked]


def as_json(tree: Mapping[str, Any], key: str) -> Asked:
    return Asked(json.dumps(tree).encode(), {"idempotency-key": f'"{key}"'}, "juniper")


def as_lines(tree: Mapping[str, Any], key: str) -> Asked:
    loan, person = tree["loan"], tree["applicant"]
    fields = {
        "id": tree["applicationId"], "currency": loan["currency"], "amount": f"{loan['amountCents'] / 100:.2f}",
        "price": f"{loan['purchasePriceCents'] / 100:.2f}", "months": loan["months"],
        "income.annual": _text(person["annualNetIncome"]), "outgoings": person["monthlyOutgoings"],
        "assets": person["assetsTotal"], "job.years": round(person["job"]["monthsInJob"] / 12),
        "job.kind": person["job"]["kind"], "home": person["housing"], "records": person["bureauFlag"],
        "age": person["age"], "civil": person["civilStatus"],
    }  # fmt: skip
    return Asked("\n".join(f"{k}={v}" for k, v in fields.items()).encode(), {"key": key}, "lines")


def as_soap(tree: Mapping[str, Any], key: str) -> Asked:
    loan, person = tree["loan"], tree["applicant"]
    income = person["annualNetIncome"]
    annual = '<t:Annual xsi:nil="true"/>' if income is None else f"<t:Annual>{income:.2f}</t:Annual>"
    raw = f"""<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:t="urn:meridian:los:types:v3"
 xmlns:m="urn:meridian:los:credit-decision:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<e:Header><w:MessageID xmlns:w="http://www.w3.org/2005/08/addressing">{key}</w:MessageID></e:Header>
<e:Body><m:ScoreApplication><m:Application><m:Reference>{tree["applicationId"]}</m:Reference></m:Application>
<m:Loan><t:Amount currency="{loan["currency"]}">{loan["amountCents"] / 100:.2f}</t:Amount>
<t:PurchasePrice>{loan["purchasePriceCents"] / 100:.2f}</t:PurchasePrice><t:TermMonths>{loan["months"]}</t:TermMonths>
</m:Loan><m:Applicant><t:Age>{person["age"]}</t:Age>
<t:MaritalStatus>{ {"S": "S", "M": "M", "P": "L"}[person["civilStatus"]] }</t:MaritalStatus>
<t:Income>{annual}</t:Income><t:MonthlyOutgoings>{person["monthlyOutgoings"]}</t:MonthlyOutgoings>
<t:Assets>{person["assetsTotal"]}</t:Assets>
<t:Residence status="{ {"OWNER": "O", "TENANT": "R", "WITH_PARENTS": "P", "PRIVATE": "V"}[person["housing"]] }"/>
<t:Employment><t:Kind>{ {"PERMANENT": 10, "PART_TIME": 20, "SELF_EMPLOYED": 30}[person["job"]["kind"]] }</t:Kind>
<t:Years>{round(person["job"]["monthsInJob"] / 12)}</t:Years></t:Employment>
<t:AdverseRecords>{person["bureauFlag"]}</t:AdverseRecords></m:Applicant></m:ScoreApplication></e:Body></e:Envelope>"""
    return Asked(raw.encode(), {"content-type": "application/soap+xml; charset=utf-8"}, "meridian")


def as_row(tree: Mapping[str, Any], key: str) -> Asked:
    loan, person = tree["loan"], tree["applicant"]
    columns = {
        "REQUEST_ID": "1", "APPLICATION_NO": tree["applicationId"], "CURRENCY": loan["currency"],
        "AMOUNT_MINOR": str(loan["amountCents"]), "PRICE_MINOR": str(loan["purchasePriceCents"]),
        "TERM_MONTHS": str(loan["months"]),
        "INCOME_YEAR": None if person["annualNetIncome"] is None else f"{person['annualNetIncome']:.2f}",
        "OUTGOINGS_MONTH": f"{person['monthlyOutgoings']:.2f}", "ASSETS_TOTAL": f"{person['assetsTotal']:.2f}",
        "EMPLOYED_MONTHS": str(person["job"]["monthsInJob"]),
        "EMPLOYMENT_CODE": {"PERMANENT": "01", "PART_TIME": "02", "SELF_EMPLOYED": "03"}[person["job"]["kind"]],
        "HOUSING_CODE": {"OWNER": "OWN", "TENANT": "RENT", "WITH_PARENTS": "PAR", "PRIVATE": "PRIV"}[person["housing"]],
        "BUREAU_FLAG": person["bureauFlag"], "AGE_YEARS": str(person["age"]), "CIVIL_STATUS": person["civilStatus"],
        "BRANCH_NAME": None,
    }  # fmt: skip
    return Asked(json.dumps(columns).encode(), {"row": key}, "cobalt")


def _text(value: object) -> str:
    return "" if value is None else str(value)


ADAPTERS = [Joined("juniper-api", as_json), Joined("lines", as_lines), Joined("meridian-los", as_soap),
            Joined("cobalt-core", as_row)]  # fmt: skip
COMPLETE = [json.loads((JUNIPER / "examples" / name / "request.json").read_text()) for name in (
    "01-complete__approves", "02-complete__declines_with_reasons", "03-middling__goes_to_a_person",
    "04-income_left_empty__is_scored_as_blank",
)]  # fmt: skip


@pytest.fixture(scope="module")
def installation(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("conformance") / "home"
    for part in ("bundles", "policies", "integrations"):
        shutil.copytree(built_home / part, home / part)
    (home / "integrations" / "lines").mkdir()
    (home / "integrations" / "lines" / "integration.yaml").write_text(LINES)
    made = install(settings_.load(home=home), with_ledger=True, adapters={"memory": MemoryAdapter()})
    assert not made.faulty, made.faulty
    yield made
    made.close()


def decide(installation: Installation, joined: Joined, tree: Mapping[str, Any], key: str) -> Answer | ScoregateError:
    return installation.desk(joined.integration).decide_many([joined.write(tree, key)])[0]


def decided(installation: Installation, answer: Answer | ScoregateError) -> dict[str, Any]:
    assert isinstance(answer, Answer), answer
    assert installation.ledger is not None
    decision: dict[str, Any] = json.loads(installation.ledger.open_payload(answer.decision_id).decision)
    return decision


@pytest.mark.parametrize("tree", COMPLETE, ids=lambda tree: tree["applicationId"])
def test_the_same_application_gives_the_same_decision_through_every_adapter(
    tree: dict[str, Any], installation: Installation
) -> None:
    key = f"same-{tree['applicationId']}"
    found = [decided(installation, decide(installation, joined, tree, key)) for joined in ADAPTERS]
    for other in found[1:]:
        assert {name: other[name] for name in SAME} == {name: found[0][name] for name in SAME}


@pytest.mark.parametrize("joined", ADAPTERS, ids=lambda joined: joined.integration)
def test_a_repeat_gets_the_stored_answer_byte_for_byte(joined: Joined, installation: Installation) -> None:
    first, again = (decide(installation, joined, COMPLETE[0], "repeat") for _ in range(2))
    assert isinstance(first, Answer)
    assert isinstance(again, Answer)
    assert (again.payload, again.decision_id, again.repeated) == (first.payload, first.decision_id, True)


@pytest.mark.parametrize("joined", ADAPTERS, ids=lambda joined: joined.integration)
def test_another_record_under_the_same_key_is_a_conflict(joined: Joined, installation: Installation) -> None:
    decide(installation, joined, COMPLETE[0], "conflict")
    assert isinstance(decide(installation, joined, COMPLETE[1], "conflict"), Conflict)


@pytest.mark.parametrize("joined", ADAPTERS, ids=lambda joined: joined.integration)
def test_a_second_asking_supersedes_the_first(joined: Joined, installation: Installation) -> None:
    tree = COMPLETE[0] | {"applicationId": "superseded"}
    first = decided(installation, decide(installation, joined, tree, "earlier"))
    second = decided(installation, decide(installation, joined, tree, "later"))
    assert (first["supersedes"], second["supersedes"]) == ("", first["decision_id"])


@pytest.mark.parametrize("joined", ADAPTERS, ids=lambda joined: joined.integration)
def test_a_batch_equals_its_singles_and_one_bad_record_spoils_one(joined: Joined, installation: Installation) -> None:
    desk = installation.desk(joined.integration)
    bad = Asked(b"\xff\x00", {}, "nobody")
    singles = [decide(installation, joined, tree, f"batch-{n}") for n, tree in enumerate(COMPLETE)]
    batch = desk.decide_many([joined.write(COMPLETE[0], "batch-0"), bad, *(
        joined.write(tree, f"batch-{n}") for n, tree in enumerate(COMPLETE[1:], 1))])  # fmt: skip
    assert isinstance(batch.pop(1), CallerError)
    assert [one.payload for one in batch if isinstance(one, Answer)] == [
        one.payload for one in singles if isinstance(one, Answer)
    ]


@pytest.mark.parametrize("joined", ADAPTERS, ids=lambda joined: joined.integration)
def test_what_was_not_sent_is_listed(joined: Joined, installation: Installation) -> None:
    decision = decided(installation, decide(installation, joined, COMPLETE[3], "listed"))
    listed = {(entry["field"], entry["state"]) for entry in decision["imputations"]}
    assert ("monthly_income", "blank") in listed
    assert ("debt", "not_carried") in listed


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=400))
@pytest.mark.parametrize("joined", ADAPTERS, ids=lambda joined: joined.integration)
def test_arbitrary_bytes_raise_only_our_errors(joined: Joined, installation: Installation, raw: bytes) -> None:
    result = installation.desk(joined.integration).decide_many([Asked(raw, {}, "nobody")])[0]
    assert isinstance(result, CallerError)


def test_refusals_are_recorded_and_occupy_no_key(installation: Installation) -> None:
    assert installation.ledger is not None
    installation.desk("lines").decide_many([Asked(b"\xff", {"key": "refused"}, "lines")])
    assert installation.ledger.list(Filters(integration="lines", kind=Kind.REFUSAL), 1)[0].outcome == "not_text"
    assert isinstance(decide(installation, ADAPTERS[1], COMPLETE[0], "refused"), Answer)


def test_the_refusals_of_a_batch_are_recorded_together(installation: Installation) -> None:
    assert installation.ledger is not None
    before, many = installation.ledger.status(), 200
    results = installation.desk("lines").decide_many([Asked(b"\xff", {}, "lines")] * many)
    after = installation.ledger.status()
    assert all(isinstance(result, CallerError) for result in results)
    assert after.entries - before.entries == many
    assert after.block - before.block < many / 4


def nowhere(name: str) -> Connection:
    raise AssertionError(f"asked for {name}: memory needs no connection")


def test_an_adapter_that_owns_its_loop_is_stopped_and_loses_nothing(installation: Installation) -> None:
    adapter, stop = MemoryAdapter(), threading.Event()
    site = Site(nowhere, Lookout.silent().events, stop)
    asked = [as_lines(tree, f"loop-{n}") for n, tree in enumerate(COMPLETE)]
    for one in asked:
        adapter.inbox.put(one)
    worker = threading.Thread(target=adapter.run, args=(installation.desk("lines"), site))
    worker.start()
    stop.set()
    worker.join(timeout=30)
    results = [adapter.outbox.get_nowait() for _ in asked]
    assert [one for one, _ in results] == asked
    assert all(isinstance(result, Answer) for _, result in results)

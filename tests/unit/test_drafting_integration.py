"""An integration drafted from a WSDL: judged by a mapping made by hand, and by what systems of other styles mean."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lxml import etree

from adapters.soap import adapter
from adapters.soap.codec import SoapCodec
from contracts.errors import ConfigurationError
from contracts.source import Source
from contracts.store import ContractStore
from gateway.bootstrap import lint, new_integration
from gateway.drafting.integration import Asked, Drafted
from gateway.drafting.similarity import pair_codes
from gateway.settings import load

ROOT = Path(__file__).parents[2]
MERIDIAN = ROOT / "fixtures" / "integrations" / "meridian-los"
WSDLS = {
    "meridian": MERIDIAN / "CreditDecision.wsdl",
    "kontor": ROOT / "tests" / "wsdls" / "kontor" / "KreditService.wsdl",
    "harbour": ROOT / "tests" / "wsdls" / "harbour" / "Harbour.wsdl",
    "albion": ROOT / "tests" / "wsdls" / "albion" / "Scoring.wsdl",
}
SURE = 0.8
Data = dict[str, Any]


def new(home: Path, name: str, wsdl: Path, **more: str) -> Drafted:
    asked = Asked(name, "soap", str(wsdl), **{"contract": "loan_application@1.0.0"} | more)
    return new_integration(load(home=home), asked)


class Draft(NamedTuple):
    """One draft and its file as read."""

    done: Drafted
    data: Data
    text: str

    def reads(self, field: str) -> Data:
        """What a request line says, in its long form."""
        given = self.data["request"][field]
        return given if isinstance(given, dict) else {"from": given}

    def sure(self, key: str) -> float:
        """The confidence that stands in the comment of a line, behind it or above it."""
        lines = self.text.splitlines()
        at = next(n for n, line in enumerate(lines) if line.strip().startswith(f"{key}:"))
        comment = lines[at].partition(" # ")[2] or lines[at - 1].strip(" #")
        return float(comment[:4])


@pytest.fixture(scope="module")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Draft]:
    home = tmp_path_factory.mktemp("home")
    found = {}
    for name, wsdl in WSDLS.items():
        done = new(home, name, wsdl)
        file = done.folder / "integration.yaml"
        found[name] = Draft(done, Source.read(file).data, file.read_text())
    return found


def by_hand() -> Data:
    data: Data = Source.read(MERIDIAN / "integration.yaml").data
    return data


def test_meridians_draft_says_nothing_wrong_with_confidence(drafts: dict[str, Draft]) -> None:
    """Line by line against the mapping a person made: what is right, what is wrong, what is missing."""
    drafted, meant = drafts["meridian"], by_hand()["request"]
    right, wrong, missing = set(), set(), set()
    for field, given in meant.items():
        wanted = given if isinstance(given, dict) else {"from": given}
        wanted = {key: value for key, value in wanted.items() if key != "missing"}
        found = drafted.reads(field)
        kind = right if found == wanted else missing if found == {"from": "not_carried"} else wrong
        kind.add(field)
    assert wrong == {"debt"}  # Liabilities are what is owed to this bank alone: no schema says so
    assert drafted.sure("debt") < SURE
    assert missing == set()
    assert len(right) == len(meant) - 1


def test_meridians_answer_is_drafted_as_a_person_mapped_it(drafts: dict[str, Draft]) -> None:
    drafted, meant = drafts["meridian"].data, by_hand()
    spelled = {path.removesuffix("[]"): value for path, value in drafted["answer_map"].items()}
    assert spelled == {path.removesuffix("[]"): value for path, value in meant["answer_map"].items()}
    assert drafted["wire"] == meant["wire"]
    assert drafted["keys"] == meant["keys"]
    assert drafted["joint"] == meant["joint"]


KONTOR: Data = {
    "currency": {"from": "ccy"},
    "loan_amount": {"from": "loanAmt", "convert": ["decimal(2)"]},
    "term_months": {"from": "termYrs", "convert": ["integer", "multiply(12)"]},
    "monthly_income": {"from": "annSalary", "convert": ["decimal(2)", "divide(12)"]},
    "monthly_expenses": {"from": "monthlyExp", "convert": ["decimal(2)"]},
    "employment_years": {"from": "empYrs", "convert": ["integer"]},
    "employment_type": {
        "from": "empTyp", "codes": {"PERM": "fixed", "TEMP": "part_time", "SELF": "freelance", "OTH": "other"}
    },
    "home_ownership": {"from": "hsgSts", "codes": {"OWN": "owner", "RENT": "rent", "PAR": "parents", "OTH": "other"}},
    "credit_records": {"from": "hasAdverseRecs", "codes": {"true": "yes", "false": "no"}},
    "age_years": {"from": "custAge", "convert": ["integer"]},
    **{key: {"from": "not_carried"} for key in ("purchase_price", "assets", "debt", "marital_status")},
}  # fmt: skip
HARBOUR: Data = {
    "currency": {"from": "Facility.Currency"},
    "loan_amount": {"from": "Facility.PrincipalCents", "convert": ["integer", "divide(100)"]},
    "purchase_price": {"from": "Facility.GoodsPriceCents", "convert": ["integer", "divide(100)"]},
    "term_months": {"from": "Facility.DurationInMonths", "convert": ["integer"]},
    "monthly_income": {"from": "Borrower.Earnings", "convert": ["decimal(2)"]},
    "monthly_expenses": {"from": "Borrower.LivingCostsPerMonth", "convert": ["decimal(2)"]},
    "assets": {"from": "Borrower.Wealth", "convert": ["decimal(2)"]},
    "debt": {"from": "Borrower.OutstandingDebts", "convert": ["decimal(2)"]},
    "employment_years": {"from": "Borrower.MonthsInJob", "convert": ["integer", "divide(12)"]},
    "home_ownership": {
        "from": "Borrower.Accommodation", "codes": {"HOMEOWNER": "owner", "TENANT": "rent", "WITH_PARENTS": "parents"}
    },
    "marital_status": {
        "from": "Borrower.CivilStatus",
        "codes": {"UNMARRIED": "single", "MARRIED": "married", "DIVORCED": "divorced", "WIDOWED": "widowed"},
    },
    **{key: {"from": "not_carried"} for key in ("employment_type", "credit_records", "age_years")},
}  # fmt: skip

_PERSON = "Application.Applicants.Applicant[]"
ALBION: Data = {
    "currency": {"from": "Application.Loan.Principal.@ccy"},
    "loan_amount": {"from": "Application.Loan.Principal.#text", "convert": ["decimal(2)"]},
    "purchase_price": {"from": "Application.Loan.PurchasePrice.#text", "convert": ["decimal(2)"]},
    "term_months": {"from": "Application.Loan.Term", "convert": ["integer"]},
    "monthly_income": {"from": f"{_PERSON}.Employment.NetIncome.#text", "convert": ["decimal(2)"]},
    "monthly_expenses": {"from": f"{_PERSON}.MonthlyOutgoings.#text", "convert": ["decimal(2)"]},
    "assets": {"from": "Application.Assets.Asset[].Value.#text", "convert": ["decimal(2)"]},
    "debt": {"from": "Application.OutstandingDebt.#text", "convert": ["decimal(2)"]},
    "employment_years": {"from": f"{_PERSON}.Employment.MonthsInJob", "convert": ["integer", "divide(12)"]},
    "employment_type": {
        "from": f"{_PERSON}.Employment.Status",
        "codes": {"FullTime": "fixed", "PartTime": "part_time", "SelfEmployed": "freelance"},
    },
    "home_ownership": {
        "from": f"{_PERSON}.Residence", "codes": {"Owner": "owner", "Tenant": "rent", "WithParents": "parents"}
    },
    "credit_records": {"from": "Application.HasAdverseCreditHistory", "codes": {"true": "yes", "false": "no"}},
    "marital_status": {
        "from": f"{_PERSON}.MaritalStatus", "codes": {"S": "single", "M": "married", "D": "divorced"}
    },
    "age_years": {"from": "not_carried"},
}  # fmt: skip


@pytest.mark.parametrize(("name", "meant"), [("kontor", KONTOR), ("harbour", HARBOUR), ("albion", ALBION)])
def test_systems_of_other_styles_are_understood_as_well(drafts: dict[str, Draft], name: str, meant: Data) -> None:
    """rpc/literal with names cut short, and a bare document of imports, extensions, cents and another way to say it."""
    assert {field: drafts[name].reads(field) for field in drafts[name].data["request"]} == meant


def test_a_list_of_one_applicants_things_is_not_mistaken_for_several_applicants_without_a_word(
    drafts: dict[str, Draft],
) -> None:
    told = [str(entry) for entry in drafts["albion"].done.findings if "may come several times" in str(entry)]
    assert [line.partition("should: ")[2].partition(":")[0] for line in told] == ["assets"]
    assert "joint: sum" in told[0]


def test_codes_that_say_the_opposite_are_never_paired() -> None:
    codes = ContractStore().get("loan_application@2.0.0").labels["employment_type"]
    native = dict.fromkeys(("FullTime", "PartTime", "SelfEmployed", "Unemployed"), "")
    paired, _ = pair_codes(native, list(codes), codes)
    assert paired == {"FullTime": "fixed", "PartTime": "part_time_or_temporary", "SelfEmployed": "freelance"}


def test_what_the_schema_does_not_say_is_marked_at_its_line(drafts: dict[str, Draft]) -> None:
    text = drafts["harbour"].text
    assert "CHECK: taken as monthly, which the name does not say" in text
    assert "employment_type: not_carried # nothing is like it; DECIDE: is not carried" in text
    assert "DECIDE: EMPLOYER_FLAT of the code list stand for nothing yet" in text
    assert 'Decision.Tariff: {constant: "0.5"} # must be there; DECIDE: is made up' in text
    assert "Decision.Approved: {from: outcome, codes: {approve: true, refer: false, decline: false}}" in text


def test_every_open_place_is_told_with_its_line(drafts: dict[str, Draft]) -> None:
    for draft in drafts.values():
        lines = draft.text.splitlines()
        for entry in draft.done.findings:
            file, _, at = entry.where.rpartition(":")
            key = entry.finding.anchor
            assert file == str(draft.done.folder / "integration.yaml")
            assert lines[int(at) - 1].strip().startswith(key)
        marked = sum(line.count("DECIDE: ") for line in lines)
        assert marked == sum(entry.finding.severity == "must" for entry in draft.done.findings)


@pytest.mark.parametrize("name", WSDLS)
def test_a_draft_lints_without_error(drafts: dict[str, Draft], name: str) -> None:
    folder = drafts[name].done.folder
    errors = [fault for fault in lint(load(home=folder.parents[1]), folder) if fault.severity == "error"]
    assert errors == []
    assert [fault for fault in drafts[name].done.faults if fault.severity == "error"] == []


@pytest.mark.parametrize("name", WSDLS)
def test_the_example_is_valid_and_holds_every_mapped_path(drafts: dict[str, Draft], name: str) -> None:
    draft = drafts[name]
    codec = adapter.wire(draft.data["wire"], draft.done.folder)
    assert isinstance(codec, SoapCodec)
    raw = (draft.done.folder / "examples" / "01-drafted__is_answered" / "request.xml").read_bytes()
    case = Source.read(draft.done.folder / "examples" / "01-drafted__is_answered" / "case.yaml").data
    header = {key.lower(): value for key, value in case["header"].items()}
    tree = codec.decode(raw, header)  # raises where the schema is broken
    assert tree["header"]["x-correlation-id"] == f"{name}-drafted"
    node = etree.fromstring(raw)
    for field in draft.data["request"]:
        path = draft.reads(field)["from"]
        if path != "not_carried":
            last = [step for step in path.split(".") if step != "#text"][-1].lstrip("@")
            assert node.xpath(f"//*[local-name()='{last}'] | //@*[local-name()='{last}']"), path


def test_the_files_of_the_wsdl_are_copied_and_nothing_else(drafts: dict[str, Draft]) -> None:
    done = drafts["harbour"].done
    assert [name for name in done.files if not name.startswith("examples/")] == [
        "Abstract.wsdl", "Harbour.wsdl", "integration.yaml", "xsd/Messages.xsd", "xsd/People.xsd", "xsd/Simple.xsd"
    ]  # fmt: skip
    sent = WSDLS["harbour"].parent / "xsd" / "People.xsd"
    assert (done.folder / "xsd" / "People.xsd").read_bytes() == sent.read_bytes()


def faults(home: Path, name: str, wsdl: Path, **more: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        new(home, name, wsdl, **more)
    return str(caught.value)


def left(home: Path) -> list[str]:
    return sorted(path.name for path in home.rglob("*"))


def test_a_wsdl_that_cannot_be_served_is_told_with_file_and_line_and_leaves_nothing(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(WSDLS["harbour"].parent, tmp_path / "sent"))
    file = folder / "xsd" / "Messages.xsd"
    file.write_text(file.read_text().replace('type="Duration"/>', 'type="Durations"/>'))
    at = 1 + next(n for n, line in enumerate(file.read_text().splitlines()) if "Durations" in line)
    home = tmp_path / "home"
    assert f"{file}:{at}:1: error:" in faults(home, "harbour", folder / "Harbour.wsdl")
    assert not home.exists()


def test_imports_outside_the_folder_or_on_a_network_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.xsd").write_text("<x/>")
    folder = Path(shutil.copytree(WSDLS["harbour"].parent, tmp_path / "sent"))
    text = (folder / "Abstract.wsdl").read_text()
    for location, told in (("../secret.xsd", "leads out of"), ("http://10.0.0.1/a.xsd", "nothing is fetched")):
        (folder / "Abstract.wsdl").write_text(text.replace("xsd/Messages.xsd", location))
        assert told in faults(tmp_path / "home", "harbour", folder / "Harbour.wsdl")
    assert left(tmp_path / "home") == []


def test_a_name_that_is_taken_is_refused_and_what_is_there_stays(tmp_path: Path) -> None:
    new(tmp_path, "kontor", WSDLS["kontor"])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert "is there already" in faults(tmp_path, "kontor", WSDLS["harbour"])
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["../evil", "Kontor", "", "-x", "a/b", "a" * 64, "kontor\n", ".new", "con:"])
def test_a_name_that_is_none_is_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    assert "is no name of an integration" in faults(home, name, tmp_path / "missing.wsdl")
    assert not home.exists()


def test_what_is_asked_for_and_not_there_is_named(tmp_path: Path) -> None:
    assert "there is no such file" in faults(tmp_path, "x", tmp_path / "missing.wsdl")
    told = faults(tmp_path, "x", WSDLS["kontor"], choice="assesCredit")
    assert "the WSDL has no operation 'assesCredit'" in told
    assert "did you mean 'assessCredit'?" in told
    assert "there is no contract 'loan_applications@1.0.0'" in faults(
        tmp_path, "x", WSDLS["kontor"], contract="loan_applications@1.0.0"
    )


def test_operations_that_are_equally_likely_are_listed(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(WSDLS["kontor"].parent, tmp_path / "sent"))
    file = folder / "KreditService.wsdl"
    file.write_text(file.read_text(encoding="latin-1").replace("ping", "scoreCredit"), encoding="latin-1")
    told = faults(tmp_path / "home", "kontor", file)
    assert "several operations, and none is the likeliest: scoreCredit, assessCredit" in told
    assert "--operation" in told
    done = new(tmp_path / "home", "kontor", file, choice="assessCredit")
    assert done.mapped == (10, 14)


def test_a_file_named_like_the_integrations_own_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "integration.yaml"
    file.write_bytes(WSDLS["kontor"].read_bytes())
    assert "has a name that an integration needs itself" in faults(tmp_path / "home", "kontor", file)
    assert left(tmp_path / "home") == []

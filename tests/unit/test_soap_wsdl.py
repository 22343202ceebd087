"""Reading a WSDL: what is served, and what is refused with file and line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.soap import adapter
from contracts.errors import ConfigurationError, InvalidRecord
from contracts.source import Source
from contracts.types import Problem
from gateway.spi import Refusal

MERIDIAN = Path(__file__).parents[2] / "fixtures" / "integrations" / "meridian-los"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MERIDIAN, tmp_path / "meridian-los"))


def wire(folder: Path, **more: Any) -> Any:
    return adapter.wire(Source.read(folder / "integration.yaml").data["wire"] | more, folder)


def faults(folder: Path, **more: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        wire(folder, **more)
    return str(caught.value).replace(f"{folder}/", "")


def edit(folder: Path, name: str, before: str, after: str) -> None:
    text = (folder / name).read_text()
    assert before in text
    (folder / name).write_text(text.replace(before, after, 1))


def line_of(folder: Path, name: str, text: str) -> int:
    lines = (folder / name).read_text().splitlines()
    return 1 + next(at for at, line in enumerate(lines) if text in line)


def test_the_operations_of_a_wsdl_are_read(folder: Path) -> None:
    operations = wire(folder).service.wsdl.operations
    space = "{urn:meridian:los:credit-decision:v3}"
    assert {name: (one.input.root, one.output and one.output.root) for name, one in operations.items()} == {
        "ScoreApplication": (f"{space}ScoreApplication", f"{space}ScoreApplicationResponse"),
        "FetchDecision": (f"{space}FetchDecision", f"{space}FetchDecisionResponse"),
    }
    assert operations["ScoreApplication"].faults == {"ApplicationFault": f"{space}ApplicationFault"}


def test_the_schema_says_type_room_and_need_of_every_path(folder: Path) -> None:
    asked, answered = wire(folder).fields()
    assert asked["Loan.Amount.#text"][1:4] == ("decimal", 11, True)
    assert asked["Loan.Amount.@currency"][1:4] == ("string", None, True)
    assert asked["Applicant.Residence.@status"][1:4] == ("string", 1, False)
    assert asked["Applicant.NotEmployed"][1:4] == ("boolean", None, False)
    assert asked["Applicant.Employment.Kind"][1:4] == ("string", 2, False)
    assert answered["Decision.Reasons.Reason[].Text"][1:4] == ("string", 10, False)
    assert answered["Decision.ScoreRange.@low"][1:4] == ("integer", 3, True)


UNSERVED: list[tuple[str, str, str, str]] = [
    ("CreditDecision.wsdl", 'soap:body use="literal"', 'soap:body use="encoded"', "only literal"),
    ("CreditDecision.wsdl", '"schema/CreditDecision.xsd"', '"schema/CreditDecisions.xsd"', "did you mean"),
    ("CreditDecision.wsdl", '"schema/CreditDecision.xsd"', '"http://x.example/a.xsd"', "nothing is fetched"),
    ("CreditDecision.wsdl", '"schema/CreditDecision.xsd"', '"../outside.xsd"', "leads out of the integration's folder"),
    ("CreditDecision.wsdl", '"schema/CreditDecision.xsd"', '"/etc/passwd"', "nothing is fetched"),
    ("CreditDecision.wsdl", '"schema/CreditDecision.xsd"', f'"{"a" * 300}.xsd"', "cannot be the name of a file"),
    ("CreditDecision.wsdl", 'type="tns:CreditDecision"', 'type="tns:CreditDecisions"', "there is no portType"),
    ("CreditDecision.wsdl", 'message="tns:ScoreApplicationRequest"', 'message="tns:X"', "there is no message 'tns:X'"),
    ("CreditDecision.wsdl", "soap/http", "soap/smtp", "is not HTTP"),
    ("CreditDecision.wsdl", 'style="document"', 'style="letter"', "neither document nor rpc"),
    ("CreditDecision.wsdl", 'name="parameters" element="tns:ScoreApplication"',
     'name="parameters" type="tns:ScoreApplication"', "must name an element (BP 1.1 R2204)"),
    ("CreditDecision.wsdl", '<soap:binding style="document"', '<soap:binding style="rpc"', "must name its namespace"),
    ("CreditDecision.wsdl", "</wsdl:definitions>", "", "is not well-formed XML"),
    ("schema/CreditDecision.xsd", 'type="t:Person"/>', 'type="t:Persons"/>', "t:Persons"[2:]),
    ("schema/Types.xsd", '<xs:fractionDigits value="2"/>', '<xs:fractionDigits value="two"/>', "'two'"),
    ("schema/Types.xsd", "xs:include", "xs:redefine", "xs:redefine is not served"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "after", "told"), UNSERVED, ids=[row[3] for row in UNSERVED])
def test_what_cannot_be_served_is_told_with_file_and_line(
    folder: Path, name: str, before: str, after: str, told: str
) -> None:
    edit(folder, name, before, after)
    found = faults(folder)
    assert told in found
    assert any(line.startswith(f"{name}:") and line.split(":")[1].isdigit() for line in found.splitlines()), found


def test_the_line_of_a_fault_is_that_of_its_element(folder: Path) -> None:
    edit(folder, "schema/Types.xsd", 'name="TermMonths" type="xs:short"', 'name="TermMonths" type="xs:shrt"')
    at = line_of(folder, "schema/Types.xsd", "xs:shrt")
    assert f"schema/Types.xsd:{at}:1: error:" in faults(folder)


def test_every_fault_of_the_section_is_told_at_its_line(folder: Path) -> None:
    edit(folder, "integration.yaml", "operations: [ScoreApplication]", "operations: [ScoreApplications]")
    edit(folder, "integration.yaml", "key: Reference}", "key: Referenz}")
    found = faults(folder)
    at = line_of(folder, "integration.yaml", "ScoreApplications")
    assert f"integration.yaml:{at}:16: error: the WSDL has no operation 'ScoreApplications'" in found
    assert "did you mean 'ScoreApplication'?" in found


SECTIONS: list[tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = [
    (lambda wire: {"wsdl": "Nothing.wsdl"}, "there is no file 'Nothing.wsdl'"),
    (lambda wire: {"wsdl": "../meridian-los/CreditDecision.wsdl"}, ""),
    (lambda wire: {"wsdl": "a\0b"}, r"'a\x00b' cannot be the name of a file"),
    (lambda wire: {"wsdl": "é" * 300}, "cannot be the name of a file"),
    (lambda wire: {"wsdl": "."}, "there is no file '.'"),
    (lambda wire: {"wsdl": "../../x.wsdl"}, "'../../x.wsdl' leads out of the integration's folder"),
    (
        lambda wire: {"operations": ["ScoreApplication", "FetchDecision"]},
        "FetchDecision is asked otherwise than ScoreApplication",
    ),
    (lambda wire: {"port": "Nothing"}, "has no port 'Nothing'"),
    (lambda wire: {"fetch": {"operation": "ScoreApplication", "key": "Application.Reference"}}, "is scored"),
    (lambda wire: {"fetch": {"operation": "FetchDecision", "key": "Number"}}, "has no Number"),
    (lambda wire: {"fault": wire["fault"] | {"name": "Fault"}}, "declares no fault 'Fault'"),
    (lambda wire: {"fault": wire["fault"] | {"map": {"Code": "code"}}}, "Message: the declared fault requires it"),
    (lambda wire: {"fault": wire["fault"] | {"map": {"Code": "message"}}}, "may need 250 characters, there is room"),
    (lambda wire: {"wssdl": 1}, "unknown key 'wssdl'"),
]


@pytest.mark.parametrize(("change", "told"), SECTIONS, ids=[told or "a way round" for _, told in SECTIONS])
def test_a_faulty_section_is_refused_with_its_cause(
    folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]], told: str
) -> None:
    section = Source.read(folder / "integration.yaml").data["wire"]
    if told:
        assert told in faults(folder, **change(section))
    else:
        assert wire(folder, **change(section)).service is not None


@pytest.mark.parametrize("name", ["a\0b", "a" * 300])
def test_what_can_be_no_name_of_a_file_is_told_at_its_line(folder: Path, name: str) -> None:
    edit(folder, "integration.yaml", "wsdl: CreditDecision.wsdl", f"wsdl: {json.dumps(name)}")
    at = line_of(folder, "integration.yaml", "wsdl: ")
    found = faults(folder)
    assert f"integration.yaml:{at}:" in found
    assert "cannot be the name of a file" in found


def test_a_doctype_in_a_wsdl_is_refused_and_its_entities_are_not_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    text = (folder / "CreditDecision.wsdl").read_text()
    head, _, rest = text.partition("?>")
    doctype = f'<!DOCTYPE d [<!ENTITY x SYSTEM "{tmp_path}/secret">]>'
    (folder / "CreditDecision.wsdl").write_text(f"{head}?>{doctype}{rest}")
    assert "has a document type declaration" in faults(folder)


def test_a_declared_fault_without_a_place_for_problems_tells_them_in_its_message(folder: Path) -> None:
    problem = Problem("not_a_number", "convert", "/ScoreApplication/Loan/TermMonths", "SECRET", "a whole number")
    refusal = Refusal(InvalidRecord([problem]), [problem._asdict()])
    given = Source.read(folder / "integration.yaml").data["wire"]["fault"]
    short = {"name": given["name"], "map": {"Code": "code", "Message": "message"}}
    told = wire(folder, fault=short).refuse(refusal).decode()
    said = "/ScoreApplication/Loan/TermMonths: not_a_number, expected a whole number"
    assert f"Message>the application breaks its contract in 1 place(s): {said}</" in told
    assert "SECRET" not in told
    assert "in 1 place(s)</" in wire(folder).refuse(refusal).decode()

"""A message that names a type derived from the one declared (xsi:type) is read by the type it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from adapters.soap import adapter
from adapters.soap.codec import SoapCodec
from contracts.errors import InvalidRecord
from contracts.source import Source
from gateway.bootstrap import lint, new_integration
from gateway.drafting.integration import Asked
from gateway.settings import load

FOUNDRY = Path(__file__).parents[1] / "wsdls" / "foundry"
MESSAGE = """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:f="urn:foundry:lending"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Body><f:Score><f:Reference>A-1</f:Reference>{}</f:Score>
    </e:Body></e:Envelope>"""
AMOUNT = "<f:LoanAmount>5000.00</f:LoanAmount>"
JOB = '<f:Employment xsi:type="f:{}"><f:YearsInJob>4</f:YearsInJob>{}</f:Employment>'
INCOME = "<f:MonthlyIncome>2100.00</f:MonthlyIncome>"


@pytest.fixture(scope="module")
def codec() -> SoapCodec:
    return adapter.wire({"wsdl": "Foundry.wsdl", "operations": ["Score"]}, FOUNDRY)


def read(codec: SoapCodec, inside: str) -> dict[str, Any]:
    return codec.decode(MESSAGE.format(inside).encode(), {"content-type": "text/xml"})


def test_an_element_is_read_by_the_type_it_names(codec: SoapCodec) -> None:
    job = read(codec, AMOUNT + JOB.format("Employee", INCOME))["Employment"]
    assert job == {"@xsi:type": "Employee", "YearsInJob": "4", "MonthlyIncome": "2100.00"}


def test_what_one_type_repeats_is_a_list_in_all_of_them(codec: SoapCodec) -> None:
    client = "<f:Client>Hull</f:Client>"
    for name in ("Freelancer", "FreelancerOfOne"):
        assert read(codec, AMOUNT + JOB.format(name, INCOME + client))["Employment"]["Client"] == ["Hull"]


def test_a_text_is_a_group_where_a_derived_type_gives_it_attributes(codec: SoapCodec) -> None:
    job = JOB.format("Employee", INCOME)
    assert read(codec, AMOUNT + job)["LoanAmount"] == {"#text": "5000.00"}
    foreign = '<f:LoanAmount xsi:type="f:ForeignSum" currency="USD">5000.00</f:LoanAmount>'
    expected = {"@xsi:type": "ForeignSum", "@currency": "USD", "#text": "5000.00"}
    assert read(codec, foreign + job)["LoanAmount"] == expected


def test_a_prefix_means_what_it_means_at_its_element(codec: SoapCodec) -> None:
    job = JOB.format("Employee", INCOME).replace('"f:Employee"', '"other:Employee" xmlns:other="urn:foundry:lending"')
    assert read(codec, AMOUNT + job)["Employment"]["@xsi:type"] == "Employee"


def test_what_stands_for_an_abstract_element_is_read_by_its_own_type(codec: SoapCodec) -> None:
    house = "<f:House><f:Worth>90000</f:Worth><f:Parcel>12/4</f:Parcel></f:House>"
    assert read(codec, AMOUNT + JOB.format("Employee", INCOME) + house)["House"] == {"Worth": "90000", "Parcel": "12/4"}


@pytest.mark.parametrize("name", ["f:Job", "f:Land", "f:Nobody", "Employee", "no:Employee"])
def test_a_type_that_may_not_stand_there_is_refused(codec: SoapCodec, name: str) -> None:
    with pytest.raises(InvalidRecord):
        read(codec, AMOUNT + JOB.format("Employee", INCOME).replace("f:Employee", name))


def test_what_only_a_derived_type_has_can_be_mapped(codec: SoapCodec) -> None:
    request = codec.fields().request
    assert request is not None
    assert {path: field.required for path, field in request.items() if not path.startswith("header.")} == {
        "Reference": True, "LoanAmount.@xsi:type": False, "LoanAmount.@currency": False, "LoanAmount.#text": True,
        "Employment.@xsi:type": True, "Employment.YearsInJob": True, "Employment.MonthlyIncome": False,
        "Employment.Client[]": False, "House.Worth": False, "House.Parcel": False,
    }  # fmt: skip
    assert request["Employment.@xsi:type"].codes == ("Employee", "Freelancer", "FreelancerOfOne")


def test_a_draft_maps_derived_types_and_its_example_names_one(tmp_path: Path) -> None:
    asked = Asked("foundry", "soap", FOUNDRY / "Foundry.wsdl", contract="loan_application@1.0.0")
    done = new_integration(load(home=tmp_path), asked)
    said = Source.read(done.folder / "integration.yaml").data["request"]
    assert said["monthly_income"]["from"] == "Employment.MonthlyIncome"
    assert said["employment_type"]["from"] == "Employment.@xsi:type"
    assert said["employment_type"]["codes"]["Freelancer"] == "freelance"
    assert not [fault for fault in lint(load(home=tmp_path), done.folder) if fault.severity == "error"]
    message = next(done.folder.rglob("request.xml")).read_bytes()
    made = adapter.wire({"wsdl": "Foundry.wsdl", "operations": ["Score"]}, FOUNDRY)
    assert made.decode(message, {"content-type": "text/xml"})["Employment"]["@xsi:type"] in ("Employee", "Freelancer")


def test_an_answer_of_an_abstract_type_is_refused_before_serving(tmp_path: Path) -> None:
    text = (FOUNDRY / "Foundry.wsdl").read_text()
    root = etree.fromstring(text.encode())
    element = root.xpath("//*[@name='ScoreResponse']//*[@name='Score']")[0]
    element.set("type", "Job")
    (tmp_path / "Foundry.wsdl").write_bytes(etree.tostring(root))
    codec = adapter.wire({"wsdl": "Foundry.wsdl", "operations": ["Score"]}, tmp_path)
    answer = codec.fields().answer
    assert answer is not None
    assert "abstract" in answer["Score.YearsInJob"].barred

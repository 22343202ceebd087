"""WS-I Basic Profile 1.1: that every rule has its line in the table, and the rules nothing else proves."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soap_styles
import wsi_basic_profile
from lxml import etree
from soap_meridian import ANSWER, MERIDIAN, REQUEST, made

from adapters.soap import adapter, faults
from adapters.soap.codec import SoapCodec
from adapters.soap.envelope import V11
from adapters.soap.published import published
from contracts.errors import (
    AccessDenied,
    ConfigurationError,
    Conflict,
    InternalFault,
    InvalidRecord,
    MalformedPayload,
    NotFound,
    ScoregateError,
    UpstreamError,
)
from contracts.source import Source
from gateway.spi import Refusal

TESTS = Path(__file__).parents[1]
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NUMBERS = """
R9980 R9981 R1015 R1014 R1008 R1009 R1033 R1034 R1011 R1005 R1006 R1007 R1013 R1017 R1032 R1025 R1027 R1028 R1029 R1030
R1107 R1000 R1001 R1002 R1003 R1016 R1004 R1031 R1141 R1140 R1132 R1108 R1109 R1119 R1127 R1124 R1111 R1112 R1130 R1131
R1125 R1113 R1114 R1115 R1126 R1120 R1122 R1121 R1123 R0001 R2028 R2029 R2001 R2803 R2002 R2003 R2004 R2009 R2010 R2011
R2007 R2008 R2022 R2023 R4004 R4005 R4002 R4003 R2005 R2030 R2025 R2026 R2027 R2101 R2102 R2105 R2110 R2111 R2112 R2113
R2114 R2201 R2209 R2210 R2202 R2203 R2211 R2207 R2204 R2208 R2212 R2213 R2214 R2205 R2206 R2301 R2302 R2303 R2304 R2305
R2306 R2401 R2701 R2702 R2705 R2706 R2709 R2710 R2711 R2712 R2714 R2750 R2727 R2716 R2717 R2726 R2718 R2719 R2740 R2741
R2742 R2743 R2720 R2749 R2721 R2754 R2722 R2723 R2707 R2724 R2725 R2729 R2735 R2755 R2737 R2738 R2739 R2753 R2751 R2752
R2744 R2745 R2747 R2748 R2800 R2801 R3100 R3002 R3003 R3010 R3011 R5000 R5001 R5010
"""
"""Every number of the profile's second edition, in its order."""


def test_every_rule_of_the_profile_has_one_line() -> None:
    assert [rule.number for rule in wsi_basic_profile.RULES] == NUMBERS.split()


def test_every_rule_is_kept_by_a_test_that_is_there_or_says_why_not() -> None:
    for number, _, kept in wsi_basic_profile.RULES:
        if kept.startswith(("not ours: ", "allows", "departed: ")):
            continue
        module, _, name = kept.partition("::")
        [file] = TESTS.glob(f"*/{module}.py")
        assert re.search(rf"^def {name}\(", file.read_text(), re.MULTILINE), number


@pytest.fixture(scope="module")
def codec() -> SoapCodec:
    return made()


def styled(home: Path, style: str) -> SoapCodec:
    soap_styles.write(home, style)
    folder = home / "integrations" / style
    return adapter.wire(Source.read(folder / "integration.yaml").data["wire"], folder)


ERRORS: list[ScoregateError] = [
    *(MalformedPayload("no <&>", code=code) for code in ("not_xml", *faults.OWN_CODES, *faults.STATUSES)),
    InvalidRecord([]), Conflict("no", decision_id="d1"), AccessDenied("no"), NotFound("no"),
    UpstreamError("busy", retry_after=9), InternalFault("no"),
]  # fmt: skip


def written(codec: SoapCodec) -> list[bytes]:
    """An answer, and every fault there is."""
    refusals = [Refusal(error, [problem._asdict() for problem in getattr(error, "problems", ())]) for error in ERRORS]
    return [codec.encode(ANSWER), *(codec.fault(refusal, V11).encode() for refusal in refusals)]


def test_what_we_write_is_an_envelope_without_anything_the_profile_forbids(codec: SoapCodec) -> None:
    for raw in written(codec):
        root = etree.fromstring(raw)
        parts = [etree.QName(child) for child in root]
        assert (root.tag, root.attrib) == (f"{{{SOAP}}}Envelope", {})
        assert [part.localname for part in parts] in (["Body"], ["Header", "Body"])
        assert {part.namespace for part in parts} == {SOAP}
        assert not any(child.attrib for child in root)
        assert [bool(etree.QName(child).namespace) for child in root[-1]] == [True]
        assert not re.search(rb"<!DOCTYPE|<\?(?!xml )|xmlns:xml=|encodingStyle|arrayType", raw)


def test_a_fault_has_no_other_parts_and_codes_than_soap_gives_it(codec: SoapCodec) -> None:
    for raw in written(codec)[1:]:
        [fault] = etree.fromstring(raw)[-1]
        assert {child.tag for child in fault} <= {"faultcode", "faultstring", "faultactor", "detail"}
        prefix, _, code = fault.findtext("faultcode").partition(":")
        assert fault.nsmap[prefix] == SOAP
        assert code in ("Client", "Server", "MustUnderstand", "VersionMismatch")


@pytest.mark.parametrize("detail", ["", "<detail/>", '<detail a="1" x:b="2"><c/><x:d>e</x:d></detail>'])
def test_faults_of_others_are_read_with_whatever_their_detail_holds(detail: str) -> None:
    text = f'<faultcode>soap:Server</faultcode><faultstring xml:lang="de">besetzt</faultstring>{detail}'
    fault = etree.fromstring(f'<soap:Fault xmlns:soap="{SOAP}" xmlns:x="urn:x">{text}</soap:Fault>')
    assert "besetzt" in str(faults.error_of(fault))


def refused(codec: SoapCodec, text: str) -> str:
    with pytest.raises(MalformedPayload) as caught:
        codec.decode(text.encode(), {})
    return caught.value.detail_code


def test_version_then_mandatory_headers_then_the_rest_is_checked(codec: SoapCodec) -> None:
    header = '<soapenv:Header><x:A xmlns:x="urn:x" soapenv:mustUnderstand="{}"/></soapenv:Header><soapenv:Body>'
    broken = REQUEST.replace("m:ScoreApplication>", "m:Nothing>")
    mandatory = broken.replace("<soapenv:Body>", header.format(1))
    assert refused(codec, broken) == "unknown_operation"
    assert refused(codec, mandatory) == "must_understand"
    assert refused(codec, mandatory.replace(SOAP, "urn:another")) == "version_mismatch"
    assert codec.decode(REQUEST.replace("<soapenv:Body>", header.format(0)).encode(), {})["Loan"]


def test_an_rpc_answer_has_its_wrapper_its_bare_accessors_and_qualified_contents(tmp_path: Path) -> None:
    codec = styled(tmp_path, "rpc-other-namespace")
    decided = {"@code": "approve", "Reference": "r", "Score": 1, "Probability": "0.1", "Reason": [{"Code": "R1"}]}
    [wrapper] = etree.fromstring(codec.encode({"decision": decided}))[0]
    assert wrapper.tag == f"{{{soap_styles.SPACE}:rpc}}AssessResponse"
    assert [child.tag for child in wrapper] == ["decision"]
    names = ("Reference", "Score", "Probability", "Reason")
    assert [child.tag for child in wrapper[0]] == [f"{{{soap_styles.SPACE}}}{name}" for name in names]
    assert not any("nil" in name or "encodingStyle" in name for node in wrapper.iter() for name in node.attrib)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_the_wsdl_is_served_as_xml_1_0_in_utf_8_with_its_sections_in_order(tmp_path: Path, encoding: str) -> None:
    soap_styles.write(tmp_path, "spread")
    folder = tmp_path / "integrations" / "spread"
    for name in ("abstract/Score.wsdl", "Decision.xsd"):
        file = folder / name
        declared = encoding.removesuffix("-sig")
        text = file.read_text().replace("</w:definitions>", "<w:documentation>é</w:documentation></w:definitions>")
        types = re.search(r"<w:types>.*</w:types>", text, re.DOTALL)
        if types:  # at the end, where WSDL 1.1 does not have it
            text = text.replace(types[0], "").replace("</w:definitions>", f"{types[0]}</w:definitions>")
        file.write_bytes(f'<?xml version="1.0" encoding="{declared}"?>{text}'.encode(encoding))
    codec = adapter.wire(Source.read(folder / "integration.yaml").data["wire"], folder)
    files = published(codec.served.wsdl, "https://scores.example/soap/spread")
    assert len(files) == 6
    for content in files.values():
        assert re.match(rb"<\?xml version=['\"]1\.0['\"] encoding=['\"]UTF-8['\"]\?>", content)
        assert b"xmlns:xml=" not in content
    sections = [etree.QName(node).localname for node in etree.fromstring(files["wsdl", "abstract/Score.wsdl"])]
    assert [name for name in sections if name != "documentation"] == ["types", "message", "message", "portType"]


PART = '<w:part name="application" element="s:NewApplication"/>'
OPERATION = re.compile(r"<w:operation name=\"Assess\">.*?</w:operation>", re.DOTALL)


def again(text: str) -> str:
    """Every operation twice, under another name."""
    return OPERATION.sub(lambda found: found[0] + found[0].replace('"Assess"', '"Again"'), text)


BROKEN: list[tuple[str, str, Callable[[str], str], str]] = [
    ("R2201", "bare", lambda text: text.replace(PART, PART + PART.replace("application", "b")).replace(
        'use="literal"', 'use="literal" parts="application b"', 1), "here are several parts"),
    ("R2210", "bare", lambda text: text.replace(PART, PART + PART.replace("application", "b")), "are several parts"),
    ("R2203", "rpc", lambda text: text.replace('type="s:Application"', 'element="s:NewApplication"'), "R2203"),
    ("R2206", "bare", lambda text: text.replace(PART, PART.replace("New", "No")), "no schema declares the element"),
    ("R2303", "bare", lambda text: text.replace('<w:input message="s:In"/>', ""), "has no input"),
    ("R2306", "bare", lambda text: text.replace(PART, PART.replace("/>", ' type="s:Application"/>')), "or one type"),
    ("R2401", "bare", lambda text: text.replace("/wsdl/soap/", "/wsdl/http/"), "no operation with a SOAP binding"),
    ("R2710", "bare", again, "R2710"),
]  # fmt: skip


@pytest.mark.parametrize(("style", "change", "told"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_wsdl_that_breaks_a_rule_is_refused(
    tmp_path: Path, style: str, change: Callable[[str], str], told: str
) -> None:
    soap_styles.write(tmp_path, style)
    file = tmp_path / "integrations" / style / "Score.wsdl"
    file.write_text(change(file.read_text()))
    with pytest.raises(ConfigurationError, match=told):
        adapter.wire(Source.read(file.with_name("integration.yaml")).data["wire"], file.parent)


MERIDIANS = [
    ("R2205", '<wsdl:part name="fault" element=', '<wsdl:part name="fault" type=', "R2205"),
    ("R2723", '<soap:fault name="ApplicationFault" use="literal"', '<soap:fault name="ApplicationFault" use="encoded"',
     "R2706"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "told"), [row[1:] for row in MERIDIANS], ids=[row[0] for row in MERIDIANS])
def test_a_declared_fault_that_breaks_a_rule_is_refused(tmp_path: Path, before: str, after: str, told: str) -> None:
    folder = Path(shutil.copytree(MERIDIAN, tmp_path / "meridian"))
    file = folder / "CreditDecision.wsdl"
    file.write_text(file.read_text().replace(before, after))
    with pytest.raises(ConfigurationError, match=told):
        adapter.wire(Source.read(folder / "integration.yaml").data["wire"], folder)

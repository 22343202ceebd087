"""Messages: what is read, what is refused before anything of it is believed, and in which words and version."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree
from soap_meridian import REQUEST, S11, S12, SAID, made, with_header

from adapters.soap.codec import SoapCodec
from adapters.soap.envelope import V11, V12, version_of
from contracts.errors import InvalidRecord, MalformedPayload

MUST = '<x:Security xmlns:x="urn:x" soapenv:mustUnderstand="1"{}>s</x:Security>'


@pytest.fixture(scope="module")
def codec() -> SoapCodec:
    return made()


def code_of(codec: SoapCodec, text: str | bytes, content_type: str = SAID["content-type"]) -> str:
    raw = text.encode() if isinstance(text, str) else text
    with pytest.raises(MalformedPayload) as caught:
        codec.decode(raw, SAID | {"content-type": content_type})
    return caught.value.detail_code


def test_a_message_is_read_into_the_tree_its_schema_describes(codec: SoapCodec) -> None:
    tree = codec.decode(REQUEST.encode(), SAID)
    assert tree["Loan"] == {"Amount": {"@currency": "EUR", "#text": "10000.00"}, "PurchasePrice": "10700.00",
                            "TermMonths": "60"}  # fmt: skip
    assert tree["Applicant"]["Income"] == {"@proven": True, "Annual": "21600.00"}
    assert tree["Applicant"]["Residence"] == {"@status": "O"}
    assert "CoApplicant" not in tree
    assert tree["header"] == {}


def test_missing_empty_and_nil_are_three_things(codec: SoapCodec) -> None:
    raw = REQUEST.replace("<t:Assets>40000.00</t:Assets>", '<t:Assets xsi:nil="true"/>')
    raw = raw.replace("<t:MonthlyOutgoings>750.00</t:MonthlyOutgoings>", "")
    person = codec.decode(raw.encode(), SAID)["Applicant"]
    assert person["Assets"] is None
    assert "MonthlyOutgoings" not in person
    assert codec.native_path("Applicant.Assets") == "/ScoreApplication/Applicant/Assets"


def test_both_versions_are_read_alike(codec: SoapCodec) -> None:
    twelve = REQUEST.replace(S11, S12).encode()
    assert codec.decode(twelve, {"content-type": "application/soap+xml"}) == codec.decode(REQUEST.encode(), SAID)
    assert codec.message(twelve, {}).version is V12


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("utf-8", "text/xml"),
        ("utf-8", "text/xml; charset=UTF-8"),
        ("utf-8-sig", 'text/xml; charset="utf-8"'),
        ("utf-16", "text/xml; charset=utf-16"),
        ("utf-16", "text/xml"),
        ("utf-16-le", "text/xml; charset=utf-16"),
        ("utf-16-be", "text/xml; charset=utf-16"),
        ("iso-8859-1", "text/xml; charset=iso-8859-1"),
        ("iso-8859-1", "text/xml"),
    ],
)
def test_every_encoding_that_is_declared_is_read(codec: SoapCodec, encoding: str, content_type: str) -> None:
    declared = {"utf-8-sig": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}.get(encoding, encoding)
    text = REQUEST.replace('encoding="UTF-8"', f'encoding="{declared}"').replace("MER-2026-000101", "MÉR-1")
    tree = codec.decode(text.encode(encoding), SAID | {"content-type": content_type})
    assert tree["Application"]["Reference"] == "MÉR-1"


REFUSED: list[tuple[str, str, str]] = [
    ("<a/>", "text/xml", "not_an_envelope"),
    ("", "text/xml", "not_xml"),
    (REQUEST[:-20], "text/xml", "not_xml"),
    (REQUEST + "<again/>", "text/xml", "not_xml"),
    (REQUEST.replace(S11, "urn:soap"), "text/xml", "version_mismatch"),
    (REQUEST.replace("?>", "?><!DOCTYPE x>", 1), "text/xml", "dtd_forbidden"),
    (REQUEST.replace("<m:Loan>", "<?php x?><m:Loan>"), "text/xml", "pi_forbidden"),
    (REQUEST.replace("?>", "?><?xml-stylesheet x?>", 1), "text/xml", "pi_forbidden"),
    (REQUEST.replace("</soapenv:Body>", "<again/></soapenv:Body>"), "text/xml", "bad_envelope"),
    (REQUEST.replace("</soapenv:Body>", "</soapenv:Body><trailer/>"), "text/xml", "bad_envelope"),
    (REQUEST.replace("soapenv:Body", "soapenv:Header"), "text/xml", "bad_envelope"),
    (REQUEST.replace("m:ScoreApplication>", "m:FetchDecision>"), "text/xml", "unknown_operation"),
    (REQUEST.replace("decision:v3", "decision:v4"), "text/xml", "unknown_operation"),
    (REQUEST.replace("<soapenv:Body>", f'<soapenv:Body soapenv:encodingStyle="{S11}">'), "text/xml",
     "data_encoding_unknown"),
    (with_header(MUST.format("")), "text/xml", "must_understand"),
    (REQUEST, "application/json", "unsupported_media_type"),
    (REQUEST, "text/xml; charset=utf-16", "encoding_conflict"),
    (REQUEST, "text/xml; charset=ebcdic", "unsupported_encoding"),
    (REQUEST.replace('encoding="UTF-8"', 'encoding="utf-7"'), "text/xml", "unsupported_encoding"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "content_type", "code"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_message_is_refused_at_its_first_fault(
    codec: SoapCodec, text: str, content_type: str, code: str
) -> None:
    assert code_of(codec, text, content_type) == code


def test_headers_for_others_and_those_of_addressing_bind_nobody_here(codec: SoapCodec) -> None:
    other = MUST.format(' soapenv:actor="urn:somebody-else"')
    wsa = '<w:MessageID xmlns:w="http://www.w3.org/2005/08/addressing" soapenv:mustUnderstand="1"> urn:1 </w:MessageID>'
    tree = codec.decode(with_header(other + wsa).encode(), SAID)
    assert tree["header"]["MessageID"] == "urn:1"


ENCODING = "http://schemas.xmlsoap.org/soap/encoding/"


def test_encoding_said_of_the_envelope_alone_is_harmless_and_elsewhere_refused(codec: SoapCodec) -> None:
    said = f'soapenv:encodingStyle="{ENCODING}"'
    whole = REQUEST.replace("<soapenv:Envelope", f"<soapenv:Envelope {said}")
    assert codec.decode(whole.encode(), SAID) == codec.decode(REQUEST.encode(), SAID)
    for place in ("<soapenv:Body", "<m:ScoreApplication"):
        assert code_of(codec, REQUEST.replace(place, f"{place} {said}", 1)) == "data_encoding_unknown"
    encoded = whole.replace('<t:Amount currency="EUR">10000.00</t:Amount>', '<t:Amount href="#a"/>')
    with pytest.raises(InvalidRecord):
        codec.decode(encoded.encode(), SAID)


def test_every_fault_of_the_schema_is_told_at_its_place_and_no_value_of_it(codec: SoapCodec) -> None:
    text = REQUEST.replace(">60<", ">sixty SECRET<").replace('status="O"', 'status="SECRET"')
    with pytest.raises(InvalidRecord) as caught:
        codec.decode(text.encode(), SAID)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [
        ("wrong_value", "native:/ScoreApplication/Loan/TermMonths"),
        ("unknown_code", "native:/ScoreApplication/Applicant/Residence"),
    ]
    assert "SECRET" not in str([*caught.value.problems])


@pytest.mark.parametrize(
    ("content_type", "raw", "version"),
    [
        ("text/xml", b"", V11),
        ("application/soap+xml; charset=utf-8", b"", V12),
        ("", b"", V11),
        ("text/xml", b"<", V11),
        ("text/xml", f'<e:Envelope xmlns:e="{S12}"'.encode(), V12),
        ("application/soap+xml", f'<e:Envelope xmlns:e="{S11}"'.encode(), V11),
        ("text/xml", f'<e:Envelope xmlns:e="{S12}"'.encode("utf-16"), V12),
    ],
)
def test_the_callers_version_is_told_of_broken_messages_too(content_type: str, raw: bytes, version: Any) -> None:
    assert version_of(content_type, raw) is version


def test_an_answer_is_valid_and_says_what_it_was_given(codec: SoapCodec) -> None:
    decision = {
        "Number": "d1", "Reference": "A & <B>", "Replaces": None, "Code": "A", "Score": 586,
        "ScoreRange": {"@low": 500, "@high": 600}, "Probability": "0.03", "ReferCause": ["x", "y"],
        "Reasons": {"Reason": [{"Code": None, "Text": None}] * 4}, "Estimated": [],
        "DecidedAt": "2026-01-15T09:30:00Z", "ValidUntil": "2026-01-15T09:30:00Z", "NoticeDueBy": "2026-01-15",
        "Mode": "test",
    }  # fmt: skip
    body = etree.fromstring(codec.encode({"Decision": decision}))[0][0][0]
    names = [child.tag.rpartition("}")[2] for child in body]
    assert names == ["Number", "Reference", "Code", "Score", "ScoreRange", "Probability", "ReferCause", "ReferCause",
                     "DecidedAt", "ValidUntil", "NoticeDueBy", "Mode"]  # fmt: skip
    assert body[1].text == "A & <B>"
    assert dict(body[4].attrib) == {"low": "500", "high": "600"}


def test_a_message_in_utf16_may_be_no_deeper_than_any_other(codec: SoapCodec) -> None:
    block = f'<x:a xmlns:x="urn:x">{"<x:b>" * 70}{"</x:b>" * 70}</x:a>'
    text = with_header(block).replace('encoding="UTF-8"', 'encoding="UTF-16"')
    assert code_of(codec, text.encode("utf-16"), "text/xml; charset=utf-16") == "beyond_bounds"


def test_an_instruction_is_found_wherever_it_stands(codec: SoapCodec) -> None:
    bare = REQUEST[REQUEST.index("<soapenv:") :]
    for text in ("<?xml-stylesheet href='x'?>" + bare, bare.replace("</t:Assets>", "<?x?></t:Assets>"), bare + "<?x?>"):
        assert code_of(codec, text) == "pi_forbidden"
        assert code_of(codec, text.encode("utf-16"), "text/xml; charset=utf-16") == "pi_forbidden"

"""MTOM packages: attachments are read as if they stood in the message, and packages that lie are refused."""

from __future__ import annotations

import base64

import pytest
import soap_attacks
from hypothesis import given
from hypothesis import strategies as st
from soap_meridian import made

from adapters.soap.codec import SoapCodec
from adapters.soap.envelope import V12, version_of
from contracts.errors import CallerError, MalformedPayload

TYPE = (
    'multipart/related; boundary="b-1"; type="application/xop+xml"; start="<root@los>"; '
    'start-info="text/xml"'
)  # fmt: skip
INCLUDE = '<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:ref%40los"/>'
MESSAGE = soap_attacks.GOOD.replace("MER-2026-000101", INCLUDE)
CONTENT = b"MER-2026-101"
ROOT_HEAD = (
    'Content-ID: <root@los>\r\nContent-Type: application/xop+xml; charset=UTF-8;\r\n type="text/xml"\r\n'
    "Content-Transfer-Encoding: 8bit\r\n"
)
HEAD = "Content-ID: <ref@los>\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n"
SAID = soap_attacks.HEADERS["1.1"] | {"content-type": TYPE}


@pytest.fixture(scope="module")
def codec() -> SoapCodec:
    return made()


def part(head: str, body: bytes, boundary: str = "b-1") -> bytes:
    return f"--{boundary}\r\n{head}\r\n".encode() + body + b"\r\n"


ENVELOPE, ATTACHED, END = part(ROOT_HEAD, MESSAGE.encode()), part(HEAD, CONTENT), b"--b-1--\r\n"


def refused(codec: SoapCodec, raw: bytes, content_type: str = TYPE) -> str:
    with pytest.raises(MalformedPayload) as caught:
        codec.decode(raw, SAID | {"content-type": content_type})
    return caught.value.detail_code


@pytest.mark.parametrize(
    "raw",
    [
        ENVELOPE + ATTACHED + END,
        ATTACHED + ENVELOPE + END,
        b"\r\n" + ENVELOPE + ATTACHED + END,
        ENVELOPE + part(HEAD + f"Content-Length: {len(CONTENT)}\r\n", CONTENT) + END,
        ENVELOPE + part(HEAD.replace("binary", "base64"), base64.b64encode(CONTENT)) + END,
    ],
    ids=["envelope first", "envelope last", "an empty preamble", "its length", "in base64"],
)
def test_an_attachment_stands_in_the_message_as_base64(codec: SoapCodec, raw: bytes) -> None:
    tree = codec.decode(raw, SAID)
    assert tree["Application"]["Reference"] == base64.b64encode(CONTENT).decode()
    plain = soap_attacks.GOOD.replace("MER-2026-000101", base64.b64encode(CONTENT).decode())
    assert tree == codec.decode(plain.encode(), soap_attacks.HEADERS["1.1"])


def test_a_package_of_soap_12_says_its_action_and_is_answered_in_its_version(codec: SoapCodec) -> None:
    said = TYPE.replace('"text/xml"', f'"application/soap+xml"; action={soap_attacks.ACTION}')
    raw = (ENVELOPE + ATTACHED + END).replace(b'"text/xml"', b'"application/soap+xml"')
    raw = raw.replace(soap_attacks.ELEVEN.encode(), soap_attacks.TWELVE.encode())
    assert codec.decode(raw, {"content-type": said})["Application"]
    assert refused(codec, raw, said.replace("ScoreApplication", "Another")) == "wrong_action"
    assert version_of(said, b"") is V12


LYING: dict[str, tuple[bytes, str]] = {
    "a length too great": (ENVELOPE + part(HEAD + "Content-Length: 999999999\r\n", CONTENT) + END, "bad_package"),
    "a length too small": (ENVELOPE + part(HEAD + "Content-Length: 1\r\n", CONTENT) + END, "bad_package"),
    "a negative length": (ENVELOPE + part(HEAD + "Content-Length: -12\r\n", CONTENT) + END, "bad_package"),
    "a part that is not there": (ENVELOPE + END, "attachment_missing"),
    "a part nobody refers to": (ENVELOPE + ATTACHED + part(HEAD.replace("ref", "more"), b"x") + END,
                                "attachment_unused"),
    "a part referred to twice": ((ENVELOPE + ATTACHED + END).replace(b"EUR\">10000.00<", f'EUR">{INCLUDE}<'.encode()),
                                 "attachment_missing"),
    "two parts of one name": (ENVELOPE + ATTACHED + ATTACHED + END, "bad_package"),
    "a part without a name": (ENVELOPE + ATTACHED + part("X: y\r\n", b"x") + END, "bad_package"),
    "many parts": (ENVELOPE + b"".join(part(HEAD.replace("ref", f"r{at}"), b"") for at in range(5_000)) + END,
                   "bad_package"),
    "no end": (ENVELOPE + ATTACHED, "bad_package"),
    "something behind the end": (ENVELOPE + ATTACHED + END + b"--b-1\r\n", "bad_package"),
    "something before the start": (b"GET / HTTP/1.1\r\n" + ENVELOPE + ATTACHED + END, "bad_package"),
    "an end in the middle": (ENVELOPE + END + ATTACHED + END, "bad_package"),
    "a boundary that goes on": (ENVELOPE.replace(b"--b-1\r\n", b"--b-12\r\n") + ATTACHED + END, "bad_package"),
    "lines that end in LF": ((ENVELOPE + ATTACHED + END).replace(b"\r\n", b"\n"), "bad_package"),
    "headers without end": (b"--b-1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n\r\n" + END, "bad_package"),
    "a header twice": (part(ROOT_HEAD + "Content-ID: <x@y>\r\n", MESSAGE.encode()) + ATTACHED + END, "bad_package"),
    "base64 that is none": (ENVELOPE + part(HEAD.replace("binary", "base64"), b"!!!!") + END, "bad_package"),
    "a coding nobody knows": (ENVELOPE + part(HEAD.replace("binary", "x-uuencode"), b"x") + END, "bad_package"),
    "an address in place of a part": ((ENVELOPE + ATTACHED + END).replace(b"cid:ref%40los", b"http://attacker.example"),
                                      "bad_package"),
    "a file in place of a part": ((ENVELOPE + ATTACHED + END).replace(b"cid:ref%40los", b"file:///etc/passwd"),
                                  "bad_package"),
    "a text beside the part": ((ENVELOPE + ATTACHED + END).replace(b"<xop:", b"MER<xop:"), "bad_package"),
    "a document type": ((ENVELOPE + ATTACHED + END).replace(b"?>", b"?><!DOCTYPE e>", 1), "dtd_forbidden"),
    "an envelope of another type": ((ENVELOPE + ATTACHED + END).replace(b'type="text/xml"', b'type="text/html"'),
                                    "unsupported_media_type"),
    "nothing": (b"", "bad_package"),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "code"), LYING.values(), ids=LYING)
def test_a_package_that_lies_is_refused(codec: SoapCodec, raw: bytes, code: str) -> None:
    assert refused(codec, raw) == code


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/related",
        'multipart/related; boundary=""',
        f'multipart/related; boundary="{"b" * 71}"',
        'multipart/related; boundary="b\r\n"',
        'multipart/related; boundary="b-1"; boundary="b-2"',
        'multipart/related; boundary="b-1"; start="<nobody@los>"',
    ],
)
def test_a_package_whose_type_is_wrong_is_refused(codec: SoapCodec, content_type: str) -> None:
    assert refused(codec, ENVELOPE + ATTACHED + END, content_type) == "bad_package"


def test_an_include_without_a_package_is_content_the_schema_does_not_know(codec: SoapCodec) -> None:
    with pytest.raises(CallerError) as caught:
        codec.decode(MESSAGE.encode(), soap_attacks.HEADERS["1.1"])
    assert caught.value.detail_code == "invalid_record"


PIECES = [ENVELOPE, ATTACHED, END, b"--b-1", b"--", b"\r\n", b"\r\n\r\n", ROOT_HEAD.encode(), HEAD.encode(), b"x"]


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=30), max_size=12).map(b"".join))
def test_arbitrary_packages_are_read_or_refused(codec: SoapCodec, raw: bytes) -> None:
    try:
        tree = codec.decode(raw, SAID)
    except CallerError:
        return
    assert tree["Application"]["Reference"] == base64.b64encode(CONTENT).decode()

"""What a message breaks in its schema is told in time that grows with the message, however much that is."""

from __future__ import annotations

import contextlib
import time

import pytest
from soap_wired import DOCUMENT, ENVELOPE, PORT_TYPE, SERVICE, binding, wired

from adapters.soap.checking import LARGE, MOST
from adapters.soap.codec import SoapCodec
from contracts.errors import InvalidRecord

TYPES = """<w:types><x:schema targetNamespace="urn:t" elementFormDefault="qualified" xmlns:t="urn:t">
  <x:element name="Score"><x:complexType><x:sequence>
    <x:element name="Head" type="x:string"/><x:element name="i" type="x:int" maxOccurs="unbounded"/>
    <x:element name="Kind" type="t:Kind"/></x:sequence></x:complexType></x:element>
  <x:simpleType name="Kind"><x:restriction base="x:string"><x:enumeration value="A"/></x:restriction></x:simpleType>
  <x:element name="ScoreResponse" type="x:int"/></x:schema></w:types>"""
SAID = {"content-type": "text/xml"}
MANY = 24_000
GOOD, BAD = "<t:i>1</t:i>", "<t:i>x</t:i>"


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> SoapCodec:
    return wired(tmp_path_factory.mktemp("checking"), TYPES, DOCUMENT, PORT_TYPE, binding(), SERVICE)


def message(items: str, kind: str = "A") -> bytes:
    inside = f"<t:Head>é</t:Head>{items}<t:Kind>{kind}</t:Kind>"
    return ENVELOPE.format(f'<t:Score xmlns:t="urn:t">{inside}</t:Score>').encode()


def places(codec: SoapCodec, raw: bytes) -> list[str]:
    with pytest.raises(InvalidRecord) as caught:
        codec.decode(raw, SAID)
    return [problem.path.removeprefix("native:") for problem in caught.value.problems]


def seconds(codec: SoapCodec, raw: bytes) -> float:
    """Processor time of one reading, the best of three."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        with contextlib.suppress(InvalidRecord):
            codec.decode(bytes(bytearray(raw)), SAID)
        taken.append(time.process_time() - began)
    return min(taken)


def test_a_message_of_nothing_but_faults_costs_about_what_a_good_one_does(codec: SoapCodec) -> None:
    good = seconds(codec, message(GOOD * MANY))
    assert seconds(codec, message(BAD * MANY)) < 4 * good
    assert seconds(codec, message(GOOD * (MANY // 2) + BAD * (MANY // 2))) < 4 * good


@pytest.mark.parametrize("before", [0, 7, MANY // 2])
def test_the_first_faults_of_a_large_message_are_told_at_their_places(codec: SoapCodec, before: int) -> None:
    told = places(codec, message(GOOD * before + BAD * (MANY // 2)))
    assert told == [f"/Score/i[{at}]" for at in range(before + 1, before + 1 + MOST)]


def test_a_large_message_with_few_faults_has_every_one_told(codec: SoapCodec) -> None:
    items = GOOD * 100 + BAD + GOOD * (LARGE // len(GOOD)) + BAD + GOOD * 50
    assert len(message(items)) > LARGE
    after = 100 + 1 + LARGE // len(GOOD) + 1
    assert places(codec, message(items, "B")) == ["/Score/i[101]", f"/Score/i[{after}]", "/Score/Kind"]
    assert codec.decode(message(GOOD * LARGE), SAID)["Kind"] == "A"


def test_a_name_in_a_value_means_in_a_large_message_what_its_prefix_does(codec: SoapCodec) -> None:
    named = '<e:Envelope xmlns:t="urn:t" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
    raw = message(GOOD * LARGE).decode().replace("<e:Envelope", named).replace(' xmlns:t="urn:t">', ">", 1)
    typed = raw.replace("<t:Kind>", '<t:Kind i:type="t:Kind">')
    assert codec.decode(typed.encode(), SAID)["Kind"] == "A"

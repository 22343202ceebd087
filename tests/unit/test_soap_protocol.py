"""What HTTP and WS-Addressing say beside a message: action, media type, where an answer goes and what it says."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fakes import MemoryDesk
from lxml import etree
from soap_meridian import ACTION, ANSWER, MERIDIAN, REQUEST, S11, S12, SAID, SPACE, TYPES, changed, made, with_header

from adapters.soap import adapter
from adapters.soap.codec import SoapCodec
from contracts.errors import AccessDenied, Conflict, MalformedPayload, ScoregateError, UpstreamError
from contracts.source import Source
from gateway.spi import Answer, Request, Response

WSA10, WSA04 = "http://www.w3.org/2005/08/addressing", "http://schemas.xmlsoap.org/ws/2004/08/addressing"


@pytest.fixture(scope="module")
def codec() -> SoapCodec:
    return made()


def addressed(wsa: str, *, version: str = S11, **headers: str) -> str:
    """A message with WS-Addressing headers; those of an endpoint hold its address."""
    blocks = "".join(
        f'<w:{name} xmlns:w="{wsa}">{f"<w:Address>{text}</w:Address>" if name.endswith("To") else text}</w:{name}>'
        for name, text in headers.items()
    )
    return with_header(blocks, version)


def refused(codec: SoapCodec, text: str, said: Mapping[str, str]) -> str:
    with pytest.raises(MalformedPayload) as caught:
        codec.decode(text.encode(), said)
    return caught.value.detail_code


def post(codec: SoapCodec, text: str, said: Mapping[str, str] = SAID, **more: Any) -> Response:
    """One exchange, refusals written as they go out."""
    desk = MemoryDesk("meridian-los", codec, lambda tree: ANSWER, **more)
    route = adapter.routes(desk)[0]
    request = Request("POST", "/soap/meridian-los", {}, said, text.encode(), "meridian")
    try:
        return asyncio.run(route.handle(request))  # type: ignore[arg-type]
    except ScoregateError as error:
        return route.refuse(error, request)


FETCH = (
    f'<e:Envelope xmlns:e="{S11}"><e:Body><m:FetchDecision xmlns:m="{SPACE}"><m:Reference>r</m:Reference>'
    "</m:FetchDecision></e:Body></e:Envelope>"
)


@pytest.mark.parametrize(("text", "needed"), [(FETCH, "read"), (REQUEST, "score")])
def test_each_operation_is_refused_natively_to_who_may_only_ask_for_the_other(
    codec: SoapCodec, text: str, needed: str
) -> None:
    desk = MemoryDesk("meridian-los", codec, lambda tree: ANSWER)
    desk.stored["r"] = (b"", Answer(codec.encode(ANSWER), "decision-r", False))
    route = adapter.routes(desk)[0]
    request = Request("POST", "/soap/meridian-los", {}, {"content-type": "text/xml"}, text.encode(), "meridian")
    other = request._replace(operations=frozenset({"score", "read"} - {needed}))
    with pytest.raises(AccessDenied) as caught:
        asyncio.run(route.handle(other))  # type: ignore[arg-type]
    assert caught.value.cause == f"may not {needed} meridian-los"
    assert desk.refused == [("meridian", "access_denied")]
    assert route.refuse(caught.value, other).status == 403
    assert asyncio.run(route.handle(request)).status == 200  # type: ignore[arg-type]


@pytest.mark.parametrize("sent", [f'"{ACTION}"', ACTION, f' "{ACTION}" '])
def test_the_action_of_the_binding_is_taken_quoted_or_not(codec: SoapCodec, sent: str) -> None:
    assert codec.decode(REQUEST.encode(), SAID | {"soapaction": sent})["Application"]


@pytest.mark.parametrize("sent", [f'"{SPACE}/FetchDecision"', '"urn:x"', "urn:x"])
def test_another_action_than_that_of_the_binding_is_refused(codec: SoapCodec, sent: str) -> None:
    assert refused(codec, REQUEST, SAID | {"soapaction": sent}) == "wrong_action"


@pytest.mark.parametrize("sent", [{}, {"soapaction": '""'}, {"soapaction": ""}])
def test_a_caller_that_names_no_action_is_understood_by_its_body(codec: SoapCodec, sent: dict[str, str]) -> None:
    assert codec.decode(REQUEST.encode(), {"content-type": "text/xml"} | sent)["Application"]


def test_soap_12_may_leave_its_action_out_but_not_say_another(codec: SoapCodec) -> None:
    twelve = REQUEST.replace(S11, S12)
    for action in ("", '; action=""', f'; action="{ACTION}"', f"; Action={ACTION}"):
        assert codec.decode(twelve.encode(), {"content-type": TYPES[S12] + action})["Application"]
    assert refused(codec, twelve, {"content-type": TYPES[S12] + '; action="urn:x"'}) == "wrong_action"
    assert codec.decode(twelve.encode(), {"content-type": TYPES[S12], "soapaction": "urn:x"})["Application"]


@pytest.mark.parametrize("sent", ['""', '"urn:any"', ""])
def test_where_the_binding_names_no_action_any_will_do(tmp_path: Path, sent: str) -> None:
    lax = changed(tmp_path, (f'soapAction="{ACTION}"', 'soapAction=""'))
    assert lax.decode(REQUEST.encode(), SAID | {"soapaction": sent})["Application"]


def test_each_version_is_sent_as_its_own_media_type(codec: SoapCodec) -> None:
    twelve = REQUEST.replace(S11, S12)
    assert refused(codec, REQUEST, SAID | {"content-type": TYPES[S12]}) == "unsupported_media_type"
    assert refused(codec, twelve, SAID | {"content-type": TYPES[S11]}) == "unsupported_media_type"
    assert refused(codec, REQUEST, SAID | {"content-type": "text/html"}) == "unsupported_media_type"
    assert codec.decode(REQUEST.encode(), SAID | {"content-type": "application/xml"})["Application"]


def header_of(response: Response, wsa: str, name: str) -> str | None:
    node = etree.fromstring(response.body)[0].find(f"{{{wsa}}}{name}")
    return None if node is None else node.text


@pytest.mark.parametrize("wsa", [WSA10, WSA04])
@pytest.mark.parametrize("version", [S11, S12])
def test_an_answer_says_what_it_relates_to_and_its_own_action(codec: SoapCodec, wsa: str, version: str) -> None:
    nobody = f"{wsa}/anonymous" if wsa == WSA10 else f"{wsa}/role/anonymous"
    text = addressed(wsa, version=version, MessageID="urn:uuid:1", Action=ACTION, ReplyTo=nobody, FaultTo=nobody)
    response = post(codec, text, SAID | {"content-type": TYPES[version]})
    assert (response.status, header_of(response, wsa, "RelatesTo")) == (200, "urn:uuid:1")
    assert header_of(response, wsa, "Action") == f"{SPACE}:CreditDecision:ScoreApplicationResponse"


def test_the_wsdl_may_name_the_action_of_the_answer(tmp_path: Path) -> None:
    output, space = 'message="tns:ScoreApplicationResponse"/>', "http://www.w3.org/2007/05/addressing/metadata"
    action = f'xmlns:wsam="{space}" wsam:Action="urn:answer"'
    named = changed(tmp_path, (f"<wsdl:output {output}", f"<wsdl:output {action} {output}"))
    assert header_of(post(named, addressed(WSA10, MessageID="urn:1")), WSA10, "Action") == "urn:answer"


def test_a_message_without_addressing_is_answered_without(codec: SoapCodec) -> None:
    assert b"addressing" not in post(codec, REQUEST).body


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (Conflict("no"), f"{SPACE}:CreditDecision:ScoreApplication:Fault:ApplicationFault"),
        (UpstreamError("busy"), f"{WSA10}/soap/fault"),
    ],
)
def test_a_fault_has_the_action_its_kind_has(codec: SoapCodec, error: ScoregateError, action: str) -> None:
    route = adapter.routes(MemoryDesk("meridian-los", codec))[0]
    text = addressed(WSA10, MessageID="urn:1")
    response = route.refuse(error, Request("POST", "/", {}, SAID, text.encode(), "meridian"))
    assert (header_of(response, WSA10, "Action"), header_of(response, WSA10, "RelatesTo")) == (action, "urn:1")


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"ReplyTo": "http://attacker.example/"}, "OnlyAnonymousAddressSupported", "ReplyTo"),
    ({"FaultTo": f"{WSA10}/none"}, "OnlyAnonymousAddressSupported", "FaultTo"),
    ({"Action": "urn:another"}, "ActionMismatch", "Action"),
]


@pytest.mark.parametrize(("headers", "code", "name"), WRONG)
def test_what_addressing_forbids_is_refused_in_its_own_codes(
    codec: SoapCodec, headers: dict[str, str], code: str, name: str
) -> None:
    eleven = post(codec, addressed(WSA10, MessageID="urn:1", **headers))
    fault = etree.fromstring(eleven.body)
    assert fault.findtext(".//faultcode") == f"c:{code}"
    assert header_of(eleven, WSA10, "FaultDetail/{*}ProblemHeaderQName") == f"wsa:{name}"
    assert (header_of(eleven, WSA10, "Action"), header_of(eleven, WSA10, "RelatesTo")) == (f"{WSA10}/fault", "urn:1")
    text = addressed(WSA10, version=S12, MessageID="urn:1", **headers)
    twelve = post(codec, text, {"content-type": f'{TYPES[S12]}; action="{ACTION}"'})
    values = [node.text for node in etree.fromstring(twelve.body).iter(f"{{{S12}}}Value")]
    assert (twelve.status, values) == (400, ["soap:Sender", "c:InvalidAddressingHeader", f"c:{code}"])


def test_the_addressing_of_2004_has_one_code_for_all_of_it(codec: SoapCodec) -> None:
    fault = etree.fromstring(post(codec, addressed(WSA04, MessageID="urn:1", ReplyTo="http://attacker.example/")).body)
    assert fault.findtext(".//faultcode") == "c:InvalidMessageInformationHeader"
    assert fault.find(".//faultcode").nsmap["c"] == WSA04


@pytest.mark.parametrize("name", ["MessageID", "Action", "To", "ReplyTo", "FaultTo", "From"])
def test_a_header_that_must_be_single_is_refused_when_it_comes_twice(codec: SoapCodec, name: str) -> None:
    block = f'<w:{name} xmlns:w="{WSA10}">urn:1</w:{name}>'
    fault = etree.fromstring(post(codec, with_header(block * 2)).body)
    assert fault.findtext(".//faultcode") == "c:InvalidCardinality"


def test_headers_of_addressing_for_somebody_else_say_nothing_here(codec: SoapCodec) -> None:
    block = f'<w:MessageID xmlns:w="{WSA10}" soapenv:actor="urn:proxy">urn:{{}}</w:MessageID>'
    tree = codec.decode(with_header(block.format(1) + block.format(2)).encode(), SAID)
    assert "MessageID" not in tree["header"]


def test_a_header_of_addressing_nobody_knows_is_not_understood(codec: SoapCodec) -> None:
    block = f'<w:Nonsense xmlns:w="{WSA10}" soapenv:mustUnderstand="1"/>'
    assert refused(codec, with_header(block), SAID) == "must_understand"


@pytest.mark.parametrize("said", ['mustUnderstand="0"', 'actor="urn:proxy"', 'mustUnderstand="0" soapenv:actor=""'])
def test_what_soap_says_of_a_header_is_no_part_of_its_value(codec: SoapCodec, said: str) -> None:
    block = f'<x:TransactionId xmlns:x="urn:x" soapenv:{said}>T-1</x:TransactionId>'
    assert codec.decode(with_header(block).encode(), SAID)["header"] == {"TransactionId": "T-1"}


def test_headers_of_one_name_are_a_list_and_none_is_lost(codec: SoapCodec) -> None:
    blocks = '<x:Id xmlns:x="urn:x">1</x:Id><y:Id xmlns:y="urn:y">2</y:Id>'
    assert codec.decode(with_header(blocks).encode(), SAID)["header"] == {"Id": ["1", "2"]}


@pytest.fixture(scope="module")
def one_way(tmp_path_factory: pytest.TempPathFactory) -> SoapCodec:
    """Meridian's WSDL, whose operation has no answer."""
    folder = Path(shutil.copytree(MERIDIAN, tmp_path_factory.mktemp("one-way") / "meridian-los"))
    file = folder / "CreditDecision.wsdl"
    lines = file.read_text().splitlines()
    for gone in ('<wsdl:output message="tns:ScoreApplicationResponse"/>', '<wsdl:output><soap:body use="literal"/>'):
        lines.pop(next(at for at, line in enumerate(lines) if gone in line))
    file.write_text("\n".join(lines))
    wire = Source.read(folder / "integration.yaml").data["wire"]
    return adapter.wire({"wsdl": wire["wsdl"], "operations": wire["operations"]}, folder)


def test_a_one_way_message_is_taken_and_gets_no_answer(one_way: SoapCodec) -> None:
    response = post(one_way, addressed(WSA10, MessageID="urn:1"))
    assert (response.status, response.body) == (202, b"")
    assert dict(response.headers)["X-Decision-ID"] == "decision-0"


@pytest.mark.parametrize(
    ("text", "said", "status"),
    [
        (REQUEST.replace(">60<", ">sixty<"), SAID, 500),
        (REQUEST, SAID | {"soapaction": '"urn:x"'}, 500),
        (REQUEST.replace(S11, S12).replace(">60<", ">sixty<"), {"content-type": TYPES[S12]}, 400),
    ],
)
def test_a_one_way_message_that_is_refused_is_told_so_by_the_status_alone(
    one_way: SoapCodec, text: str, said: dict[str, str], status: int
) -> None:
    response = post(one_way, text, said)
    assert (response.status, response.body) == (status, b"")
    assert "Content-Type" not in dict(response.headers)

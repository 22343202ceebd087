"""Errors as Faults of both versions, and back: a row for every class, and nothing of ours in any of them."""

from __future__ import annotations

import inspect

import pytest
from lxml import etree

from adapters.soap import faults
from adapters.soap.envelope import V11, V12, Version
from adapters.soap.section import REFUSAL
from contracts import errors
from contracts.errors import (
    AccessDenied,
    Conflict,
    DecisionExpired,
    InternalFault,
    InvalidRecord,
    MalformedPayload,
    NotFound,
    ScoregateError,
    UpstreamError,
)
from contracts.odcs import read_odcs, shape_faults
from contracts.source import Source
from contracts.types import Problem
from gateway.spi import Refusal

S11, S12 = "{http://schemas.xmlsoap.org/soap/envelope/}", "{http://www.w3.org/2003/05/soap-envelope}"
PROBLEM = Problem("out_of_range", "loan.range", "/S/Loan", "a number <", "more & more")
ERRORS: list[tuple[ScoregateError, str, str, int, int]] = [
    (MalformedPayload("no", code="not_xml"), "Client", "Sender", 500, 400),
    (MalformedPayload("no", code="version_mismatch"), "VersionMismatch", "VersionMismatch", 500, 500),
    (MalformedPayload("no", code="must_understand", path="/soap:Header/{urn:x}A"), "MustUnderstand", "MustUnderstand",
     500, 500),
    (MalformedPayload("no", code="data_encoding_unknown"), "Client", "DataEncodingUnknown", 500, 500),
    (MalformedPayload("no", code="too_large"), "Client", "Sender", 413, 413),
    (MalformedPayload("no", code="unsupported_media_type"), "Client", "Sender", 415, 415),
    (NotFound("no", code="method_not_allowed"), "Client", "Sender", 405, 405),
    (InvalidRecord([PROBLEM]), "Client", "Sender", 500, 400),
    (Conflict("no", decision_id="d1"), "Client", "Sender", 500, 400),
    (AccessDenied("secret cause"), "Client", "Sender", 401, 401),
    (AccessDenied("secret cause", known=True), "Client", "Sender", 403, 403),
    (AccessDenied("secret cause", retry_after=7), "Client", "Sender", 429, 429),
    (NotFound("no"), "Client", "Sender", 500, 400),
    (DecisionExpired("no", decision_id="d1"), "Client", "Sender", 500, 400),
    (UpstreamError("busy", retry_after=9), "Server", "Receiver", 500, 500),
    (InternalFault("secret cause"), "Server", "Receiver", 500, 500),
]  # fmt: skip


def refusal(error: ScoregateError) -> Refusal:
    return Refusal(error, [problem._asdict() for problem in getattr(error, "problems", ())])


def fault(error: ScoregateError, version: Version) -> etree._Element:
    return etree.fromstring(faults.write(refusal(error), version).encode())


def test_the_table_has_a_row_for_every_error() -> None:
    kinds = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ScoregateError)}
    assert faults.CALLER.keys() == kinds


@pytest.mark.parametrize(("error", "eleven", "twelve", "of_eleven", "of_twelve"), ERRORS)
def test_codes_and_statuses_are_those_of_the_version(
    error: ScoregateError, eleven: str, twelve: str, of_eleven: int, of_twelve: int
) -> None:
    assert fault(error, V11).findtext(f"{S11}Body/{S11}Fault/faultcode") == f"soap:{eleven}"
    assert fault(error, V12).findtext(f"{S12}Body/{S12}Fault/{S12}Code/{S12}Value") == f"soap:{twelve}"
    assert (faults.status_of(error, V11), faults.status_of(error, V12)) == (of_eleven, of_twelve)
    for version in (V11, V12):
        assert "secret" not in faults.write(refusal(error), version)


@pytest.mark.parametrize("version", [V11, V12])
def test_a_version_mismatch_says_which_envelopes_are_served(version: Version) -> None:
    found = fault(MalformedPayload("no", code="version_mismatch"), version)
    served = found.findall(f".//{S12}Upgrade/{S12}SupportedEnvelope")
    assert [node.nsmap["e"] for node in served] == [S12.strip("{}"), S11.strip("{}")]


def test_a_header_not_understood_is_named() -> None:
    error = MalformedPayload("no", code="must_understand", path="/soap:Header/{urn:x}Security")
    named = fault(error, V12).find(f"{S12}Header/{S12}NotUnderstood")
    assert named is not None
    assert (named.get("qname"), named.nsmap["h"]) == ("h:Security", "urn:x")


@pytest.mark.parametrize("version", [V11, V12])
@pytest.mark.parametrize("error", [row[0] for row in ERRORS])
def test_a_fault_read_back_is_the_error_it_was_made_of(error: ScoregateError, version: Version) -> None:
    space = S11 if version is V11 else S12
    found = fault(error, version).find(f"{space}Body/{space}Fault")
    back = faults.error_of(found)
    assert (type(back), back.detail_code) == (type(error), error.detail_code)
    if isinstance(error, InvalidRecord):
        assert back.problems == error.problems  # type: ignore[attr-defined]
    if isinstance(error, UpstreamError):
        assert back.retry_after == error.retry_after  # type: ignore[attr-defined]


def test_what_http_needs_beside_a_fault_is_sent() -> None:
    assert ("Retry-After", "9") in faults.headers_of(UpstreamError("busy", retry_after=9), V11)
    assert dict(faults.headers_of(AccessDenied("x"), V12))["WWW-Authenticate"].startswith("Bearer")
    assert ("Allow", "GET, POST") in faults.headers_of(NotFound("x", code="method_not_allowed"), V11)
    assert dict(faults.headers_of(NotFound("x"), V12))["Content-Type"] == "application/soap+xml; charset=utf-8"


def test_what_a_refusal_says_is_a_contract_by_the_schema_of_odcs() -> None:
    """A start does not look at its shape again."""
    assert list(shape_faults(Source.read(REFUSAL))) == []
    assert read_odcs(REFUSAL).faults == []

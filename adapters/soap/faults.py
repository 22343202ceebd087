"""Errors as SOAP says them, both ways: fault codes of both versions, the HTTP status, and what stands in the detail.

=====================  ==================  ======  ======  ============================================================
error                  1.1 / 1.2 code      1.1     1.2     what the caller sees beside it
=====================  ==================  ======  ======  ============================================================
MalformedPayload       Client / Sender     500     400     VersionMismatch (with Upgrade), MustUnderstand,
                                                           DataEncodingUnknown (all 500) and the codes of WS-Addressing
                                                           by ``detail_code``; 405, 408, 413, 415 and 431 where HTTP
                                                           itself is at fault
InvalidRecord          Client / Sender     500     400     every problem, by XPath; the operation's declared fault
Conflict               Client / Sender     500     400     the decision it stands for; declared fault
AccessDenied           Client / Sender     401     401     403 where the caller is known; 429 with Retry-After
NotFound               Client / Sender     500     400     declared fault
DecisionExpired        Client / Sender     500     400     the decision; declared fault
UpstreamError          Server / Receiver   500     500     Retry-After, and the seconds in the detail
everything of ours     Server / Receiver   500     500     nothing of what went wrong inside
=====================  ==================  ======  ======  ============================================================

A response that holds a Fault has status 500 in SOAP 1.1 (BP 1.1 R1126); in 1.2 it is 400 for Sender alone (part 2,
table 20).
What HTTP refuses before SOAP is reached keeps the status HTTP has for it (BP 1.1 R1113 to R1115, R1125).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from adapters.soap import addressing
from adapters.soap.envelope import V12, Version, envelope
from adapters.soap.names import SCOREGATE, SOAP11, SOAP12, Node, local
from adapters.soap.values import escaped
from contracts.errors import (
    AccessDenied,
    CallerError,
    ConfigurationError,
    Conflict,
    DecisionExpired,
    InternalFault,
    InvalidRecord,
    MalformedPayload,
    MissingLibrary,
    NotFound,
    ScoregateError,
    SetupError,
    UpstreamError,
)
from contracts.types import Problem
from gateway.spi import Refusal, Tree

OURS: Final = "the fault is ours and is logged; send the same request again later"
CALLER: Final[Mapping[type[ScoregateError], bool]] = {
    MalformedPayload: True,
    InvalidRecord: True,
    Conflict: True,
    AccessDenied: True,
    NotFound: True,
    DecisionExpired: True,
    CallerError: True,
    UpstreamError: False,
    InternalFault: False,
    SetupError: False,
    ConfigurationError: False,
    MissingLibrary: False,
    ScoregateError: False,
}
"""Whether the caller must act: Client and Sender, or else Server and Receiver."""
DECLARED: Final = (InvalidRecord, Conflict, NotFound, DecisionExpired)
"""Refusals of an application that was read: these are told by the fault the operation declares."""
OWN_CODES: Final[Mapping[str, tuple[str, str]]] = {
    "version_mismatch": ("VersionMismatch", "VersionMismatch"),
    "must_understand": ("MustUnderstand", "MustUnderstand"),
    "data_encoding_unknown": ("Client", "DataEncodingUnknown"),
}
"""Fault codes of 1.1 and 1.2 that go by ``detail_code``."""
_OF_CODE: Final = {code: name for name, code in addressing.CODES.items()} | {
    code: name for name, codes in OWN_CODES.items() for code in codes if code != "Client"
}
STATUSES: Final[Mapping[str, int]] = {
    "body_timeout": 408,
    "headers_too_large": 431,
    "method_not_allowed": 405,
    "too_large": 413,
    "too_many_attempts": 429,
    "unsupported_media_type": 415,
}
"""What HTTP itself refuses, by ``detail_code``."""


def is_callers(error: ScoregateError) -> bool:
    """Whether the caller must act; a class not in the table is like its nearest parent."""
    return next(CALLER[kind] for kind in type(error).__mro__ if kind in CALLER)


def status_of(error: ScoregateError, version: Version) -> int:
    if error.detail_code in STATUSES:
        return STATUSES[error.detail_code]
    if isinstance(error, AccessDenied):
        return 403 if error.known else 401
    sender = is_callers(error) and error.detail_code not in OWN_CODES
    return 400 if version is V12 and sender else 500


def headers_of(error: ScoregateError, version: Version) -> list[tuple[str, str]]:
    """What an answer of this error carries beside its body."""
    headers = [("Content-Type", f"{version.media_type}; charset=utf-8"), ("Cache-Control", "no-store")]
    if isinstance(error, UpstreamError | AccessDenied) and error.retry_after:
        headers.append(("Retry-After", str(error.retry_after)))
    if isinstance(error, AccessDenied) and not error.known and not error.retry_after:
        headers.append(("WWW-Authenticate", 'Bearer realm="scoregate", Basic realm="scoregate", charset="UTF-8"'))
    if error.detail_code == "method_not_allowed":
        headers.append(("Allow", "GET, POST"))
    return headers


def refusal_tree(refusal: Refusal) -> Tree:
    """A refusal in the words of the refusal contract, which a declared fault is mapped from."""
    error = refusal.error
    ours = not is_callers(error) and not isinstance(error, UpstreamError)
    decision = error.decision_id if isinstance(error, Conflict | DecisionExpired) else None
    return {
        "code": (InternalFault.code if ours else error.detail_code)[:40],
        "message": (OURS if ours else error.message)[:250],
        "decision_id": decision or "",
        "problems": [{name: problem[name][:room] for name, room in _ROOM} for problem in _problems(refusal)[:50]],
    }


def in_words(refusal: Tree) -> Tree:
    """A refusal for a fault that has no place for its problems: they stand in the message, as far as there is room."""
    told = "; ".join(f"{one['path']}: {one['code']}, expected {one['expected']}" for one in refusal["problems"])
    return refusal | {"message": f"{refusal['message']}: {told}"[:250]} if told else refusal


_ROOM: Final = (("path", 250), ("code", 40), ("rule", 80), ("seen", 120), ("expected", 250))


def _problems(refusal: Refusal) -> list[Mapping[str, str]]:
    error = refusal.error
    if isinstance(error, MalformedPayload) and error.path:
        code = error.detail_code
        return [{"path": error.path, "code": code, "rule": code, "seen": error.message, "expected": "see the message"}]
    return list(refusal.problems)


def write(refusal: Refusal, version: Version, declared: str = "", headers: str = "") -> str:
    """A whole envelope with the Fault; ``declared`` is the detail element the WSDL declares, already written."""
    error = refusal.error
    detail = declared or _detail(refusal)
    text = escaped(refusal_tree(refusal)["message"])
    codes = OWN_CODES.get(error.detail_code) or (("Client", "Sender") if is_callers(error) else ("Server", "Receiver"))
    before = _upgrade(error) + _not_understood(error, version) + headers
    space, finer, named = SCOREGATE, [error.detail_code] if is_callers(error) else [], ""
    if isinstance(error, MalformedPayload) and error.detail_code in addressing.CODES:
        (space, finer), named = addressing.fault_codes(error), addressing.problem_header(error)
    if version is V12:
        return envelope(_fault12(codes[1], space, finer, text, named + detail), version, before)
    code = f' xmlns:c="{space}">c:{finer[-1]}' if space != SCOREGATE else f">soap:{codes[0]}"
    if named:
        before += f'<wsa:FaultDetail xmlns:wsa="{space}">{named}</wsa:FaultDetail>'
    return envelope(_fault11(code, text, "" if _about_headers(error) else detail), version, before)


def _about_headers(error: ScoregateError) -> bool:
    """The detail of SOAP 1.1 speaks of the body alone (section 4.4)."""
    return error.detail_code in ("must_understand", "version_mismatch", *addressing.CODES)


def _fault11(code: str, text: str, detail: str) -> str:
    """``code`` is the end of a start tag and a qualified name: ``>soap:Client``."""
    inside = f"<detail>{detail}</detail>" if detail else ""
    return f"<soap:Fault><faultcode{code}</faultcode><faultstring>{text}</faultstring>{inside}</soap:Fault>"


def _fault12(code: str, space: str, finer: Sequence[str], text: str, detail: str) -> str:
    """``finer`` are codes in the namespace ``space``, each a subcode of the one before."""
    below = ""
    for name in reversed(finer):
        value = f'<soap:Value xmlns:c="{space}">c:{name}</soap:Value>'
        below = f"<soap:Subcode>{value}{below}</soap:Subcode>"
    return (
        f"<soap:Fault><soap:Code><soap:Value>soap:{code}</soap:Value>{below}</soap:Code>"
        f'<soap:Reason><soap:Text xml:lang="en">{text}</soap:Text></soap:Reason>'
        f"<soap:Detail>{detail}</soap:Detail></soap:Fault>"
    )


def _upgrade(error: ScoregateError) -> str:
    """Which envelopes are served (SOAP 1.2 part 1, 5.4.7); it goes into a fault of either version."""
    if error.detail_code != "version_mismatch":
        return ""
    served = "".join(
        f'<up:SupportedEnvelope qname="e:Envelope" xmlns:e="{namespace}"/>' for namespace in (SOAP12, SOAP11)
    )
    return f'<up:Upgrade xmlns:up="{SOAP12}">{served}</up:Upgrade>'


def _not_understood(error: ScoregateError, version: Version) -> str:
    """Names the header that was not understood (SOAP 1.2 part 1, 5.4.8)."""
    if error.detail_code != "must_understand" or version is not V12 or not isinstance(error, MalformedPayload):
        return ""
    space, _, name = error.path.removeprefix("/soap:Header/{").partition("}")
    return f'<soap:NotUnderstood qname="h:{name}" xmlns:h="{escaped(space)}"/>' if name else ""


def _detail(refusal: Refusal) -> str:
    """The structured detail of a standard Fault: code, decision, when to come back, every problem."""
    tree, error = refusal_tree(refusal), refusal.error
    parts = [_leaf("Code", tree["code"]), _leaf("Message", tree["message"])]
    if tree["decision_id"]:
        parts.append(_leaf("DecisionID", tree["decision_id"]))
    if isinstance(error, UpstreamError | AccessDenied) and error.retry_after:
        parts.append(_leaf("RetryAfter", str(error.retry_after)))
    for problem in tree["problems"]:
        inside = "".join(_leaf(name.capitalize(), problem[name]) for name, _ in _ROOM)
        parts.append(f"<sg:Problem>{inside}</sg:Problem>")
    return f'<sg:Refusal xmlns:sg="{SCOREGATE}">{"".join(parts)}</sg:Refusal>'


def _leaf(name: str, text: str) -> str:
    return f"<sg:{name}>{escaped(text)}</sg:{name}>"


def error_of(fault: Node) -> ScoregateError:
    """The other way: what a Fault of ours, or of a service we ask, means here; ``fault`` is its element."""
    told = fault.find(f".//{{{SCOREGATE}}}Refusal")
    nodes = [*fault.iter("faultcode", "faultstring", f"{{{SOAP12}}}Text"), *(() if told is None else told)]
    texts = {local(node.tag): (node.text or "").strip() for node in nodes}
    code = (texts.get("faultcode") or _code12(fault)).rpartition(":")[2]
    message = texts.get("Message") or texts.get("faultstring") or texts.get("Text") or "the other side sent a Fault"
    ours, seconds = texts.get("Code") or None, texts.get("RetryAfter", "")
    if code in ("Server", "Receiver"):
        if ours == InternalFault.code:
            return InternalFault(message)
        return UpstreamError(message, code=ours, retry_after=int(seconds) if seconds.isdigit() else 60)
    decision = texts.get("DecisionID", "")
    if ours == DecisionExpired.code:
        return DecisionExpired(message, decision_id=decision)
    if ours in (AccessDenied.code, "too_many_attempts"):
        return AccessDenied(message, retry_after=int(seconds) if seconds.isdigit() else 0)
    if ours in (NotFound.code, "method_not_allowed"):
        return NotFound(message, code=ours)
    if ours and ours.endswith("conflict"):
        return Conflict(message, code=ours, decision_id=decision or None)
    ours = ours or _OF_CODE.get(code)
    problems = list(_told(fault))
    return InvalidRecord(problems, message) if ours == InvalidRecord.code else MalformedPayload(message, code=ours)


def _code12(fault: Node) -> str:
    value = fault.find(f"{{{SOAP12}}}Code/{{{SOAP12}}}Value")
    return "" if value is None else value.text or ""


def _told(fault: Node) -> Iterator[Problem]:
    for node in fault.iter(f"{{{SCOREGATE}}}Problem"):
        texts = {local(child.tag).lower(): child.text or "" for child in node}
        yield Problem(*(texts.get(name, "") for name in ("code", "rule", "path", "seen", "expected")))

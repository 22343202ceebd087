"""Errors as HTTP says them, both ways: RFC 9457 problem documents, status codes and the headers that belong to them.

=====================  ======  ==========================================================================
error                  status  why
=====================  ======  ==========================================================================
MalformedPayload       400     408 ``body_timeout``, 413 ``too_large``, 415 ``unsupported_media_type``,
                               431 ``headers_too_large``
InvalidRecord          422     RFC 9110 15.5.21; every problem by JSON pointer
Conflict               409     422 ``request_key_conflict``: Idempotency-Key draft-07, same key other payload
AccessDenied           401     with WWW-Authenticate; 403 when the caller is known but may not;
                               429 ``too_many_attempts``, with Retry-After
NotFound               404     405 ``method_not_allowed``
DecisionExpired        410     the decision stands but is no longer acted on; ask with a new key
UpstreamError          503     with Retry-After
everything of ours     500     InternalFault; SetupError cannot reach a caller, and would be our fault if it did
=====================  ======  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
from gateway.spi import Refusal

PROBLEM_TYPE = "urn:scoregate:problem:"
MEDIA_TYPE = "application/problem+json"

TITLES: Mapping[type[ScoregateError], str] = {
    MalformedPayload: "The request cannot be read",
    InvalidRecord: "The application breaks its contract",
    Conflict: "This key stands for another application",
    AccessDenied: "Access denied",
    NotFound: "Not found",
    DecisionExpired: "The decision has expired",
    UpstreamError: "Unavailable for now",
    CallerError: "The request is at fault",
    InternalFault: "Our fault",
    SetupError: "Our fault",
    ConfigurationError: "Our fault",
    MissingLibrary: "Our fault",
    ScoregateError: "Our fault",
}
STATUSES: Mapping[type[ScoregateError], int] = {
    MalformedPayload: 400,
    InvalidRecord: 422,
    Conflict: 409,
    AccessDenied: 401,
    NotFound: 404,
    DecisionExpired: 410,
    UpstreamError: 503,
    CallerError: 400,
    InternalFault: 500,
    SetupError: 500,
    ConfigurationError: 500,
    MissingLibrary: 500,
    ScoregateError: 500,
}
NARROWER: Mapping[str, int] = {
    "body_timeout": 408,
    "headers_too_large": 431,
    "method_not_allowed": 405,
    "request_key_conflict": 422,
    "too_large": 413,
    "too_many_attempts": 429,
    "unsupported_media_type": 415,
}
"""Statuses that go by ``detail_code``, before the class is asked."""


def status_of(error: ScoregateError) -> int:
    """The status of an error; a class not in the table takes that of its nearest parent."""
    if error.detail_code in NARROWER:
        return NARROWER[error.detail_code]
    if isinstance(error, AccessDenied) and error.known:
        return 403
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def headers_of(error: ScoregateError) -> list[tuple[str, str]]:
    """What an answer of this error carries beside its body."""
    headers = [("Content-Type", MEDIA_TYPE), ("Cache-Control", "no-store")]
    if isinstance(error, UpstreamError | AccessDenied) and error.retry_after:
        headers.append(("Retry-After", str(error.retry_after)))
    if isinstance(error, AccessDenied) and not error.known and not error.retry_after:
        headers.append(("WWW-Authenticate", 'Bearer realm="scoregate", Basic realm="scoregate", charset="UTF-8"'))
    return headers


def document(refusal: Refusal) -> dict[str, Any]:
    """The problem document. Our own faults say that they are ours and nothing of what went wrong inside."""
    error = refusal.error
    status = status_of(error)
    ours = status == 500
    found: dict[str, Any] = {
        "type": PROBLEM_TYPE + (InternalFault.code if ours else error.detail_code),
        "title": next(TITLES[kind] for kind in type(error).__mro__ if kind in TITLES),
        "status": status,
        "detail": "the fault is ours and is logged; send the same request again later" if ours else error.message,
        "code": InternalFault.code if ours else error.detail_code,
    }
    if isinstance(error, Conflict | DecisionExpired) and error.decision_id:
        found["decision_id"] = error.decision_id
    errors = _errors(refusal)
    if errors:
        found["errors"] = errors
    return found


def _errors(refusal: Refusal) -> list[dict[str, str]]:
    error = refusal.error
    if isinstance(error, MalformedPayload) and error.path:
        return [{**_place(error.path), "code": error.detail_code, "rule": error.detail_code, "detail": error.message}]
    return [
        {
            **_place(problem["path"]),
            "code": problem["code"],
            "rule": problem["rule"],
            "detail": f"seen: {problem['seen']}; expected: {problem['expected']}",
        }
        for problem in refusal.problems
    ]


def _place(path: str) -> dict[str, str]:
    """JSON pointers start with a slash or are empty; whatever lies beside the body is named as what it is."""
    kind, _, name = path.partition(":")
    return {"pointer": path} if not path or path.startswith("/") else {kind: name}


def error_of(status: int, headers: Mapping[str, str], body: Mapping[str, Any]) -> ScoregateError:
    """The other way: what an HTTP refusal of ours, or of a service we ask, means here.

    ``headers`` has lower-case names; ``body`` is the problem document, or empty where there was none.
    """
    code = body.get("code") or None
    message = str(body.get("detail") or f"the other side answered with status {status}")
    decision = str(body.get("decision_id", ""))
    if status in {400, 405, 408, 413, 415, 431}:
        return _framing(status, message, code)
    if status == 422 and code != "request_key_conflict":
        return InvalidRecord([_problem(found) for found in _listed(body.get("errors"))], message)
    if status in {409, 422}:
        return Conflict(message, code=code, decision_id=decision or None)
    if status in {401, 403}:
        return AccessDenied(message, known=status == 403)
    if status == 404:
        return NotFound(message, code=code)
    if status == 410:
        return DecisionExpired(message, decision_id=decision)
    if status == 429 and code == "too_many_attempts":
        return AccessDenied(message, retry_after=_seconds(headers.get("retry-after", "")))
    if status == 429 or status > 500:
        return UpstreamError(message, code=code, retry_after=_seconds(headers.get("retry-after", "")))
    return InternalFault(message, code=code)


def _framing(status: int, message: str, code: str | None) -> ScoregateError:
    narrower = {number: name for name, number in NARROWER.items()}
    if status == 405:
        return NotFound(message, code=code or narrower[status])
    return MalformedPayload(message, code=code or narrower.get(status))


def _listed(errors: Any) -> Sequence[Mapping[str, Any]]:
    return [found for found in errors if isinstance(found, Mapping)] if isinstance(errors, list) else []


def _problem(found: Mapping[str, Any]) -> Problem:
    seen, _, expected = str(found.get("detail", "")).removeprefix("seen: ").partition("; expected: ")
    return Problem(
        str(found.get("code", "")), str(found.get("rule", "")), str(found.get("pointer", "")), seen, expected
    )


def _seconds(text: str) -> int:
    """Retry-After in seconds; its date form and nonsense count as a minute."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 60

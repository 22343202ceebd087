"""Errors as HTTP says them: the table is complete, both ways, and gives nothing of the inside away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.rest import faults
from contracts import errors
from contracts.types import Problem
from gateway.spi import Refusal

PROBLEM = Problem("out_of_range", "maximum", "/income", "a number above the maximum", "at most 1000")
SAMPLES: list[tuple[errors.ScoregateError, int]] = [
    (errors.CallerError("x"), 400),
    (errors.MalformedPayload("x", code="not_json"), 400),
    (errors.MalformedPayload("x", code="body_timeout"), 408),
    (errors.MalformedPayload("x", code="too_large"), 413),
    (errors.MalformedPayload("x", code="unsupported_media_type"), 415),
    (errors.MalformedPayload("x", code="headers_too_large"), 431),
    (errors.InvalidRecord([PROBLEM]), 422),
    (errors.Conflict("x", code="business_key_conflict", decision_id="d1"), 409),
    (errors.Conflict("x", code="request_key_conflict", decision_id="d1"), 422),
    (errors.AccessDenied("no credentials"), 401),
    (errors.AccessDenied("may not", known=True), 403),
    (errors.NotFound("x"), 404),
    (errors.DecisionExpired("x", decision_id="d1"), 410),
    (errors.UpstreamError("x", retry_after=7), 503),
    (errors.InternalFault("secret"), 500),
    (errors.SetupError("secret"), 500),
    (errors.ConfigurationError("secret"), 500),
    (errors.MissingLibrary("secret", "secret"), 500),
    (errors.ScoregateError("secret"), 500),
]


def tree(kind: type) -> Iterator[type]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


def test_the_table_covers_the_whole_tree_of_errors() -> None:
    ours = {kind for kind in tree(errors.ScoregateError) if kind.__module__ == "contracts.errors"}
    assert ours == set(faults.STATUSES) == set(faults.TITLES)
    assert ours == {type(error) for error, _ in SAMPLES}


@pytest.mark.parametrize(("error", "status"), SAMPLES, ids=lambda value: getattr(value, "detail_code", value))
def test_each_error_has_its_status(error: errors.ScoregateError, status: int) -> None:
    assert faults.status_of(error) == status
    assert faults.document(Refusal(error, []))["status"] == status


@pytest.mark.parametrize(("error", "status"), SAMPLES[1:15], ids=lambda value: getattr(value, "detail_code", value))
def test_a_refusal_reads_back_as_the_error_it_was(error: errors.ScoregateError, status: int) -> None:
    problems = [PROBLEM._asdict()] if isinstance(error, errors.InvalidRecord) else []
    headers = {name.lower(): value for name, value in faults.headers_of(error)}
    back = faults.error_of(status, headers, faults.document(Refusal(error, problems)))
    assert type(back) is type(error)
    assert back.detail_code == error.detail_code
    for name in ("retry_after", "decision_id", "known", "problems"):
        assert getattr(back, name, None) == getattr(error, name, None)


def test_our_own_faults_say_nothing_of_the_inside() -> None:
    for error in (errors.InternalFault("secret", code="secret"), errors.ConfigurationError("secret")):
        assert "secret" not in str(faults.document(Refusal(error, [])))


def test_access_denied_gives_one_text_whatever_the_cause() -> None:
    documents = [faults.document(Refusal(errors.AccessDenied(cause), [])) for cause in ("no key", "unknown key")]
    assert documents[0] == documents[1]


def test_unknown_callers_are_told_how_to_say_who_they_are() -> None:
    told = dict(faults.headers_of(errors.AccessDenied("x")))["WWW-Authenticate"]
    assert told == 'Bearer realm="scoregate", Basic realm="scoregate", charset="UTF-8"'


def test_who_failed_too_often_is_told_when_to_come_back() -> None:
    locked = errors.AccessDenied("locked out", retry_after=8)
    assert faults.status_of(locked) == 429
    headers = dict(faults.headers_of(locked))
    assert headers["Retry-After"] == "8"
    assert "WWW-Authenticate" not in headers
    assert all(name != "WWW-Authenticate" for name, _ in faults.headers_of(errors.AccessDenied("x", known=True)))


def test_unavailable_says_when_to_retry() -> None:
    assert ("Retry-After", "7") in faults.headers_of(errors.UpstreamError("x", retry_after=7))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, errors.UpstreamError), (502, errors.UpstreamError), (418, errors.InternalFault)],
)
def test_foreign_statuses_have_a_meaning_too(status: int, kind: type[errors.ScoregateError]) -> None:
    assert type(faults.error_of(status, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, {})) is kind


def test_a_conflict_names_the_decision_the_key_stands_for() -> None:
    assert faults.document(Refusal(errors.Conflict("x", decision_id="d1"), []))["decision_id"] == "d1"

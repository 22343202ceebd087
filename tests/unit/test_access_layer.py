"""The one authentication layer behind a door: every kind of caller, what locks out whom, what workers share."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from access_parts import (
    BODY,
    HERE,
    NOW,
    PASSWORD,
    THERE,
    Moved,
    access,
    basic,
    caller,
    everybody,
    post,
    quick,
    refusal,
    run,
    signed,
    store,
    until,
    workers,
)
from fakes import MemoryDesk
from http_parts import KEY, Reply, ask, headers, house

from adapters.rest.codec import RestCodec
from contracts.errors import AccessDenied, UpstreamError
from gateway.access import passwords
from gateway.access.audit import MOST_REFUSALS
from gateway.access.entries import Credential
from gateway.access.layer import REMEMBER_SECONDS, TOLERANCE, Access
from gateway.access.lockout import FREE, MOST_SUBJECTS, subject
from gateway.access.principals import Principals
from gateway.spi import ApiKey, Certificate, Password


@pytest.fixture
def clock() -> Moved:
    return Moved()


@pytest.fixture
def layer(tmp_path: Path, clock: Moved) -> Access:
    return access(tmp_path, clock)


# Every kind of caller, at the door


def test_a_password_lets_its_caller_in(layer: Access) -> None:
    at = house(access=layer)
    assert post(at, authorization=basic("SVC_ERP", PASSWORD)).status == 200
    assert at.lines()[-1]["principal"] == "erp"
    for wrong in (basic("SVC_ERP", "x"), basic("erp", PASSWORD), basic("nobody", PASSWORD)):
        assert post(at, authorization=wrong).status == 401


def test_a_signature_lets_its_caller_in_once(layer: Access) -> None:
    at = house(access=layer)

    async def exchange() -> list[int]:
        async with workers(layer):
            sent = headers(None, **signed(BODY, NOW))
            later = headers(None, **signed(BODY, NOW + 1))
            replies = [await ask(at.app, sent=one, body=BODY) for one in (sent, sent, later)]
            forged = await ask(at.app, sent=later, body=BODY + b" ")
            return [reply.status for reply in (*replies, forged)]

    assert run(exchange()) == [200, 401, 200, 401]
    assert {line["principal"] for line in at.lines() if line["status"] == 200} == {"crm"}


@pytest.mark.parametrize(("off", "status"), [(TOLERANCE, 200), (-TOLERANCE, 200), (301, 401), (-301, 401)])
def test_a_signature_is_good_for_five_minutes_both_ways(layer: Access, off: float, status: int) -> None:
    at = house(access=layer)

    async def exchange() -> int:
        async with workers(layer):
            return (await ask(at.app, sent=headers(None, **signed(BODY, NOW + off)), body=BODY)).status

    assert run(exchange()) == status


def test_a_signature_says_nothing_of_an_address_so_it_cannot_read(layer: Access) -> None:
    reply = run(ask(house(access=layer).app, "GET", "/v1/juniper-api/decisions/k", headers(None, **signed(b"", NOW))))
    assert reply.status == 401


def test_a_nonce_is_used_once_by_all_workers_together(tmp_path: Path, clock: Moved) -> None:
    first, second = access(tmp_path, clock), access(tmp_path, clock)

    async def race() -> list[bool]:
        async with workers(first, second):
            claims = [one.keeper.unused(b"n", NOW + 300) for one in (first, second) for _ in range(20)]
            return await asyncio.gather(*claims)

    assert sum(run(race())) == 1


def test_without_the_ledger_no_signed_message_is_taken(layer: Access) -> None:
    at = house(access=layer)

    async def exchange() -> Reply:
        async with workers(layer):
            await asyncio.sleep(0.1)
            layer.keeper._store.use = broken  # type: ignore[union-attr,method-assign]
            return await ask(at.app, sent=headers(None, **signed(BODY, NOW)), body=BODY)

    def broken(nonces: Any) -> list[bool]:
        raise UpstreamError("the ledger's database cannot be written")

    reply = run(exchange())
    assert (reply.status, reply.json["code"]) == (503, "busy")


def test_no_error_ends_the_exchanging_and_nobody_waits_for_ever(layer: Access) -> None:
    reported: list[Exception] = []
    layer.keeper._report = reported.append
    working = layer.keeper.audit.pending

    def broken(*, last: bool = False) -> Any:
        raise RuntimeError("dictionary changed size during iteration")

    async def exchange() -> bool:
        async with workers(layer):
            layer.keeper.audit.pending = broken  # type: ignore[method-assign]
            with pytest.raises(UpstreamError):
                await asyncio.wait_for(layer.keeper.unused(b"n", NOW + 300), 2)
            layer.keeper.audit.pending = working  # type: ignore[method-assign]
            return await asyncio.wait_for(layer.keeper.unused(b"n", NOW + 300), 2)

    assert run(exchange())
    assert [type(error) for error in reported] == [RuntimeError]


def test_a_signed_message_waits_for_a_frozen_database_no_longer_than_its_deadline(layer: Access) -> None:
    at, thawed = house(access=layer, deadline=0.3), threading.Event()

    async def exchange() -> tuple[Reply, float]:
        async with workers(layer):
            await asyncio.sleep(0.1)
            layer.keeper._store.use = frozen  # type: ignore[union-attr,method-assign]
            began = time.monotonic()
            reply = await ask(at.app, sent=headers(None, **signed(BODY, NOW)), body=BODY)
            thawed.set()
            return reply, time.monotonic() - began

    def frozen(nonces: Any) -> list[bool]:
        thawed.wait(3)
        return [True for _ in nonces]

    reply, seconds = run(exchange())
    assert (reply.status, reply.json["code"]) == (503, "busy")
    assert seconds < 2


def test_a_certificate_that_was_proved_elsewhere_names_its_caller(layer: Access) -> None:
    known, unknown = (hashlib.sha256(content).digest() for content in (b"a certificate", b"another"))
    assert run(layer.check(Certificate(known), HERE, "juniper-api")).name == "bank"
    assert not refusal(layer, Certificate(unknown)).known


# What is refused though the secret is right


def test_a_disabled_caller_and_an_expired_secret_are_refused_like_any_other(tmp_path: Path, clock: Moved) -> None:
    moment = datetime.fromtimestamp(NOW, UTC)
    held = Credential("api_key", hashlib.sha256(KEY.encode()).hexdigest())
    for principal in (caller("a", held, disabled=moment), caller("a", replace(held, expires=moment))):
        at = house(access=access(tmp_path, clock, Principals([principal])))
        reply = run(ask(at.app))
        assert (reply.status, reply.json["code"]) == (401, "access_denied")


def test_two_passwords_are_taken_while_they_are_rotated(tmp_path: Path, clock: Moved) -> None:
    both = caller("erp", *(Credential("password", quick(word), "erp") for word in ("old old old", "new new new")))
    layer = access(tmp_path, clock, Principals([both]))
    for word in (b"old old old", b"new new new"):
        assert run(layer.check(Password("erp", word), HERE, "juniper-api")).name == "erp"


def test_callers_that_wait_to_be_asked_for_credentials_lock_nobody_out(layer: Access) -> None:
    at = house(access=layer)
    asked = [post(at).status for _ in range(FREE + 5)]
    assert asked == [401] * (FREE + 5)
    assert post(at, authorization=basic("SVC_ERP", PASSWORD)).status == 200


# Passwords are not checked twice for nothing


def test_a_right_password_is_known_for_a_while_and_from_the_same_address(layer: Access, clock: Moved) -> None:
    evidence = Password("SVC_ERP", PASSWORD.encode())
    assert layer.at_once(evidence, HERE) is None
    run(layer.check(evidence, HERE, "juniper-api"))
    assert layer.at_once(evidence, HERE) is not None
    assert layer.at_once(evidence, THERE) is None
    assert layer.at_once(Password("SVC_ERP", b"x"), HERE) is None
    clock.now += REMEMBER_SECONDS
    assert layer.at_once(evidence, HERE) is None


def test_a_changed_file_forgets_every_password(layer: Access, tmp_path: Path) -> None:
    evidence = Password("SVC_ERP", PASSWORD.encode())
    run(layer.check(evidence, HERE, "juniper-api"))
    layer.roster._install(everybody(tmp_path))
    assert layer.at_once(evidence, HERE) is None


@pytest.mark.parametrize("change", ["disabled", "rotated out"])
def test_who_is_turned_away_while_its_password_is_checked_stays_out(
    layer: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The check takes a fifth of a second; what it began with is no longer in force at its end."""
    at = datetime.fromtimestamp(NOW, UTC) if change == "disabled" else None
    word = PASSWORD if change == "disabled" else "another password"
    later = Principals([caller("erp", Credential("password", quick(word), "SVC_ERP"), disabled=at)])
    verify = passwords.verify

    def meanwhile(password: bytes, held: passwords.Hash) -> bool:
        monkeypatch.setattr(passwords, "verify", verify)
        layer.roster._install(later)
        return verify(password, held)

    monkeypatch.setattr(passwords, "verify", meanwhile)
    evidence = Password("SVC_ERP", PASSWORD.encode())
    refusal(layer, evidence)
    assert layer.at_once(evidence, HERE) is None


def test_other_requests_are_answered_while_a_password_is_checked(tmp_path: Path, clock: Moved) -> None:
    """A check takes a fifth of a second; the event loop goes on."""
    slow = caller("erp", Credential("password", passwords.hashed(PASSWORD.encode()), "erp"))
    layer = access(tmp_path, clock, Principals([slow]))

    async def meanwhile() -> int:
        check = asyncio.ensure_future(layer.check(Password("erp", b"wrong"), HERE, "juniper-api"))
        turns = 0
        while not check.done():
            await asyncio.sleep(0.005)
            turns += 1
        with pytest.raises(AccessDenied):
            await check
        return turns

    assert run(meanwhile()) >= 10


# What the audit must show


def test_a_live_decision_by_a_demonstration_bundle_is_audited(layer: Access, tmp_path: Path, clock: Moved) -> None:
    async def decide() -> None:
        async with workers(layer):
            for _ in range(3):
                layer.keeper.overridden("juniper-api", "juniper")

    run(decide())
    ((line, times),) = [(one.written.line, one.written.times) for one in store(tmp_path).events()]
    assert (line.event, line.integration, line.principal, times) == (
        "demonstration_override", "juniper-api", "juniper", 3,
    )  # fmt: skip


def test_strangers_from_everywhere_are_few_rows_and_hide_nobody_who_came_in(tmp_path: Path, clock: Moved) -> None:
    layer = access(tmp_path, clock)

    async def flood() -> None:
        async with workers(layer):
            for number in range(1200):
                with pytest.raises(AccessDenied):
                    layer.at_once(ApiKey(b"sg_wrong"), f"2001:db8:0:{number % 600:x}::{number:x}")
            layer.at_once(ApiKey(KEY.encode()), "2001:db8::1")

    run(flood())
    lines = [one.written.line for one in store(tmp_path).events(limit=1000)]
    assert [(line.principal, line.address) for line in lines if line.event == "admitted"] == [
        ("juniper", "2001:db8::1")
    ]
    assert len(lines) == MOST_REFUSALS + 2
    assert "2001:db8::/64" in {line.address for line in lines}


def test_what_only_the_adapter_can_refuse_a_caller_is_audited(layer: Access, tmp_path: Path) -> None:
    def judge(tree: Any) -> Any:
        raise AccessDenied("may not read juniper-api", known=True)

    async def ask_once() -> int:
        async with workers(layer):
            at = house(MemoryDesk("juniper-api", RestCodec(), judge), access=layer)
            return (await ask(at.app, sent=headers(KEY))).status

    assert run(ask_once()) == 403
    refused = [one.written.line for one in store(tmp_path).events(event="refused")]
    assert [(line.principal, line.cause) for line in refused] == [("juniper", "may not read juniper-api")]


# What workers exchange


def test_tables_are_cleaned_also_where_the_clock_was_set_back(tmp_path: Path, clock: Moved) -> None:
    layer = access(tmp_path, clock)

    async def set_back() -> None:
        async with workers(layer):
            await until(lambda: layer.keeper._clean_at > NOW)
            clock.now -= 86_400
            await until(lambda: layer.keeper._clean_at < NOW)

    run(set_back())


def test_the_tables_are_cleaned_and_bounded(tmp_path: Path) -> None:
    shared = store(tmp_path)
    shared.count({subject("network", str(n)): 1 for n in range(MOST_SUBJECTS + 100)}, NOW)
    shared.use([(b"%d" % n, NOW + 10) for n in range(100)])
    shared.count({subject("network", "late"): 1}, NOW + 1)
    shared.forget(NOW + 5)
    assert len(shared.counts(NOW)) <= MOST_SUBJECTS
    assert shared.use([(b"5", NOW + 10)]) == [False]
    shared.forget(NOW + 11)
    assert shared.use([(b"5", NOW + 20)]) == [True]


def test_what_fails_half_way_spends_no_nonce_and_counts_nothing_twice(tmp_path: Path, clock: Moved) -> None:
    layer = access(tmp_path, clock)
    shared = layer.keeper._store
    assert shared is not None
    working = shared.write

    def broken(lines: Any) -> list[int]:
        raise UpstreamError("the ledger's database cannot be written")

    async def spell() -> bool:
        async with workers(layer):
            await until(lambda: layer.keeper._clean_at)
            shared.write = broken  # type: ignore[method-assign]
            with pytest.raises(AccessDenied):
                await layer.check(Password("nobody", b"x"), HERE, "juniper-api")
            with pytest.raises(UpstreamError):
                await layer.keeper.unused(b"n", NOW + 300)
            await asyncio.sleep(0.6)
            shared.write = working  # type: ignore[method-assign]
            return await layer.keeper.unused(b"n", NOW + 300)

    assert run(spell()) is True
    assert {count.failures for count in store(tmp_path).counts(clock.now).values()} == {1}


def test_what_is_written_stays_so_where_it_cannot_be_read_back(tmp_path: Path, clock: Moved) -> None:
    layer = access(tmp_path, clock)
    shared, reported = layer.keeper._store, list[Exception]()
    layer.keeper._report = reported.append
    assert shared is not None

    def broken(now: float) -> Any:
        raise UpstreamError("the ledger's database cannot be read")

    async def spell() -> bool:
        async with workers(layer):
            shared.counts = broken  # type: ignore[method-assign]
            return await layer.keeper.unused(b"n", NOW + 300)

    assert run(spell()) is True
    assert len(reported) == 1


def test_what_cannot_be_written_is_written_later(tmp_path: Path, clock: Moved) -> None:
    layer = access(tmp_path, clock)
    reported: list[Exception] = []
    layer.keeper._report = reported.append
    shared = layer.keeper._store
    assert shared is not None
    working = shared.write

    def broken(lines: Any) -> list[int]:
        raise UpstreamError("the ledger's database cannot be written")

    async def spell() -> None:
        async with workers(layer):
            shared.write = broken  # type: ignore[method-assign]
            guess_once = layer.check(Password("SVC_ERP", b"x"), HERE, "juniper-api")
            with pytest.raises(AccessDenied):
                await guess_once
            await until(lambda: len(reported) == 1)
            await asyncio.sleep(0.6)
            shared.write = working  # type: ignore[method-assign]

    run(spell())
    assert len(reported) == 1
    assert [one.written.line.event for one in store(tmp_path).events()] == ["refused"]

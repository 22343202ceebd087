"""Who guesses a password, and who is not kept out by that."""

from __future__ import annotations

from pathlib import Path

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
    guess,
    post,
    refusal,
    run,
    signed,
    store,
    until,
    workers,
)
from http_parts import KEY, House, Reply, ask, headers, house

from contracts.errors import AccessDenied
from gateway.access import passwords
from gateway.access.layer import Access
from gateway.access.lockout import FREE, PACE, subject
from gateway.access.proxies import Proxies, trusted
from gateway.spi import Password


@pytest.fixture
def clock() -> Moved:
    return Moved()


@pytest.fixture
def layer(tmp_path: Path, clock: Moved) -> Access:
    return access(tmp_path, clock)


def test_guessing_a_password_is_locked_out_and_says_for_how_long(layer: Access, clock: Moved) -> None:
    assert guess(layer, FREE + 1).retry_after == 0
    locked = refusal(layer, Password("SVC_ERP", PASSWORD.encode()), THERE)
    assert (locked.retry_after, locked.detail_code) == (2, "too_many_attempts")
    clock.now += 2
    assert run(layer.check(Password("SVC_ERP", PASSWORD.encode()), THERE, "juniper-api")).name == "erp"


@pytest.mark.parametrize("user", ["SVC_ERP", "nobody"])
def test_the_caller_itself_comes_in_from_its_own_network_whoever_guesses_there_or_elsewhere(
    layer: Access, clock: Moved, user: str
) -> None:
    """Behind one proxy everybody has one address: strangers, and whoever still sends a password that was changed."""
    evidence = Password("SVC_ERP", PASSWORD.encode())
    run(layer.check(evidence, HERE, "juniper-api"))
    guess(layer, FREE + 1, user, THERE)
    guess(layer, FREE + 1, "another", HERE)
    layer._memory.clear()
    assert run(layer.check(evidence, HERE, "juniper-api")).name == "erp"
    assert refusal(layer, Password("nobody", b"x"), HERE).retry_after == 2


def test_who_guesses_a_caller_where_it_is_known_is_locked_out_there_alone(layer: Access, clock: Moved) -> None:
    evidence = Password("SVC_ERP", PASSWORD.encode())
    run(layer.check(evidence, HERE, "juniper-api"))
    guess(layer, FREE + 1, address=HERE)
    layer._memory.clear()
    assert refusal(layer, evidence, HERE).retry_after == 2
    assert run(layer.check(evidence, THERE, "juniper-api")).name == "erp"


@pytest.mark.parametrize("user", ["SVC_ERP", "nobody"])
def test_a_name_that_is_guessed_from_everywhere_is_slowed_down_whether_it_exists_or_not(
    layer: Access, clock: Moved, user: str
) -> None:
    """No number of addresses keeps a caller out of one that is new to it for longer than that."""
    checked = 0
    for number in range(200):
        checked += not refusal(layer, Password(user, b"x"), f"203.0.113.{number}").retry_after
        clock.now += 1
    assert FREE + 200 / PACE - 5 <= checked <= FREE + 200 / PACE + 5
    assert refusal(layer, Password(user, b"x"), "192.0.2.1").retry_after <= PACE
    clock.now += PACE
    if user != "nobody":
        assert run(layer.check(Password(user, PASSWORD.encode()), "192.0.2.1", "juniper-api")).name == "erp"


def test_what_cannot_be_guessed_locks_nobody(layer: Access) -> None:
    """A legacy system whose key was revoked goes on sending it, behind the proxy everybody is behind."""
    at = house(access=layer)
    wrong = [post(at, x_api_key="sg_wrong"), post(at, **signed(BODY, NOW, secret="whsec_" + "A" * 32))]
    assert {post(at, x_api_key="sg_wrong").status for _ in range(2 * FREE)} == {401}
    assert [reply.status for reply in wrong] == [401, 401]
    assert post(at, x_api_key=KEY).status == 200
    assert post(at, authorization=basic("SVC_ERP", PASSWORD)).status == 200


def test_ten_thousand_wrong_passwords_are_few_checks(
    layer: Access, clock: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[bytes] = []
    verify = passwords.verify
    monkeypatch.setattr(passwords, "verify", lambda sent, held: checks.append(sent) or verify(sent, held))
    for number in range(10_000):
        refusal(layer, Password("SVC_ERP", b"%d" % number), THERE)
        clock.now += 0.36
    tries = len(set(checks))
    assert FREE < tries < FREE + 20


def behind(at: House, forwarded: str, peer: str = "127.0.0.1", **sent: str) -> Reply:
    return run(ask(at.app, sent=headers(None, x_forwarded_for=forwarded, **sent), body=BODY, peer=peer))


def test_a_trusted_proxy_says_who_calls_and_nobody_else_does(layer: Access) -> None:
    layer.proxies = Proxies(trusted(["127.0.0.0/8"]))
    at = house(access=layer)
    wrong = [basic(f"user-{number}", "x") for number in range(FREE + 4)]
    assert [behind(at, "198.51.100.7", authorization=one).status for one in wrong[4:]] == [401] * FREE
    assert behind(at, "203.0.113.9", authorization=wrong[0]).status == 401
    assert behind(at, "198.51.100.7", authorization=wrong[1]).status == 401
    assert behind(at, "203.0.113.10, 198.51.100.7", authorization=wrong[2]).status == 429
    assert behind(at, "203.0.113.9", authorization=wrong[3]).status == 401
    assert behind(at, "198.51.100.7", "192.0.2.1", authorization=basic("SVC_ERP", PASSWORD)).status == 200
    assert layer.keeper.is_own("erp", "192.0.2.1")


def test_a_lock_made_by_one_worker_holds_at_the_other(tmp_path: Path, clock: Moved) -> None:
    first, second = access(tmp_path, clock), access(tmp_path, clock)
    place = subject("network", THERE)

    async def share() -> int:
        async with workers(first, second):
            for number in range(FREE + 3):
                with pytest.raises(AccessDenied):
                    await first.check(Password("SVC_ERP", b"%d" % number), THERE, "juniper-api")
                clock.now += 3
            await until(lambda: second._lockout._shared.get(place, (0,))[0] == FREE + 3)
            for locked in (True, False):
                with pytest.raises(AccessDenied) as caught:
                    await second.check(Password("SVC_ERP", b"x"), THERE, "juniper-api")
                assert bool(caught.value.retry_after) is locked
                clock.now += 60 * locked
            await until(lambda: first._lockout._shared[place].failures == FREE + 4)
            return first._lockout.seconds_left(place)

    assert run(share()) == 9


def test_an_address_of_its_own_is_known_to_every_worker(tmp_path: Path, clock: Moved) -> None:
    first, second = access(tmp_path, clock), access(tmp_path, clock)

    async def share() -> bool:
        async with workers(first):
            await first.check(Password("SVC_ERP", PASSWORD.encode()), HERE, "juniper-api")
            await until(lambda: not first._audit.pending())
        async with workers(second):
            await until(lambda: second.keeper.is_own("erp", HERE))
            return second.keeper.is_own("erp", THERE)

    assert run(share()) is False


def test_ten_thousand_wrong_keys_are_few_rows_and_lock_nobody_out(tmp_path: Path, clock: Moved) -> None:
    layer = access(tmp_path, clock)
    at = house(access=layer, level="info")

    async def attack() -> tuple[set[int], int]:
        async with workers(layer):
            seen = set()
            for number in range(10_000):
                reply = await ask(at.app, sent=headers(f"sg_{number}"))
                seen.add(reply.status)
            right = await ask(at.app)
        return seen, right.status

    assert run(attack()) == ({401}, 200)
    shared = store(tmp_path)
    events = shared.events(limit=100)
    refused = [one for one in events if one.written.line.event == "refused"]
    assert sum(one.written.times for one in refused) == 10_000
    assert len(refused) == 1
    assert not shared.counts(clock.now)
    assert at.lines() == [line for line in at.lines() if line["principal"] == "juniper"]
    assert "sg_" not in str(events)

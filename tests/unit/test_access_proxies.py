"""Whose word counts about where a request comes from, and how far."""

from __future__ import annotations

import pytest

from contracts.errors import ConfigurationError
from gateway.access.proxies import MOST_BYTES, MOST_HOPS, Proxies, trusted
from gateway.settings import load

PROXIES = Proxies(trusted(["10.0.0.0/8", "fd00::/8", "192.0.2.7"]))
PEER, CALLER = "10.0.0.1", "198.51.100.7"


@pytest.mark.parametrize(
    ("peer", "lines", "origin"),
    [
        (PEER, [CALLER], CALLER),
        (PEER, [f"{CALLER}:4711"], CALLER),
        (PEER, [f"{CALLER}, 10.9.9.9,192.0.2.7"], CALLER),
        (PEER, [CALLER, "10.9.9.9"], CALLER),
        (PEER, [f"203.0.113.1, {CALLER}"], CALLER),
        (PEER, [f"10.1.1.1, {CALLER}"], CALLER),
        ("fd00::1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("::ffff:10.0.0.1", [f"::ffff:{CALLER}"], CALLER),
        (PEER, ["10.9.9.9"], "10.9.9.9"),
        (PEER, [], PEER),
        ("203.0.113.9", [CALLER], "203.0.113.9"),
        ("", [CALLER], ""),
    ],
)
def test_the_last_hop_that_is_no_proxy_of_ours_is_who_calls(peer: str, lines: list[str], origin: str) -> None:
    sent = [(b"x-forwarded-for", line.encode()) for line in lines]
    assert PROXIES.origin(peer, sent) == origin


@pytest.mark.parametrize(
    "hop", ["", "unknown", "1.2.3", "0x7f.1", "\u00b9.1.1.1", "[::1", "a" * 5000, "-", "1.1.1.1.1", "::::"]
)
def test_a_hop_that_is_no_address_is_believed_nothing(hop: str) -> None:
    sent = [(b"x-forwarded-for", f"{CALLER}, {hop}".encode("latin-1"))]
    assert PROXIES.origin(PEER, sent) in (PEER, "::1")


def test_a_chain_without_end_is_read_to_a_bound() -> None:
    whole = ",".join([CALLER, *["10.2.2.2"] * MOST_HOPS]).encode()
    assert PROXIES.origin(PEER, [(b"x-forwarded-for", whole)]) == "10.2.2.2"
    assert PROXIES.origin(PEER, [(b"x-forwarded-for", b"1" * 10 * MOST_BYTES)]) == PEER


def test_without_the_setting_nobody_is_believed() -> None:
    assert Proxies().origin(PEER, [(b"x-forwarded-for", CALLER.encode())]) == PEER


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("proxy.bank", "expected addresses or networks"),
        ("10.0.0.1/8", "expected"),
        ("10.0.0.7, 0.0.0.0/0", "everybody"),
    ],
)
def test_a_setting_that_names_no_proxy_is_refused(text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOREGATE_TRUSTED_PROXIES", text)
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert "SCOREGATE_TRUSTED_PROXIES" in str(caught.value)
    assert said in str(caught.value)

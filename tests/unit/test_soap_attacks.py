"""Hostile messages, read by the codec: each is refused with its own code, and all together cost little."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import soap_attacks
from hypothesis import given
from hypothesis import strategies as st

from adapters.soap import adapter
from adapters.soap.codec import SoapCodec
from contracts.errors import CallerError
from contracts.source import Source

ATTACKS = [*soap_attacks.small(), *soap_attacks.huge()]
CODEC: SoapCodec = adapter.wire(
    Source.read(soap_attacks.MERIDIAN / "integration.yaml").data["wire"], soap_attacks.MERIDIAN
)


@pytest.fixture(scope="module")
def read() -> Any:
    """What a process that is granted little memory and time made of every attack."""
    done = subprocess.run([sys.executable, soap_attacks.__file__], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("version", soap_attacks.HEADERS)
@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_an_attack_is_refused_with_its_code_in_bounded_memory_and_time(
    read: Any, attack: soap_attacks.Attack, version: str
) -> None:
    assert read["attacks"][f"{attack.name} {version}"] == attack.code


def test_what_a_message_points_to_is_never_opened(read: Any) -> None:
    assert [got for _, got in read["blocking"]] == [due for due, _ in read["blocking"]]


def test_after_all_attacks_a_good_message_is_read(read: Any) -> None:
    assert read["after"] == "read"


@given(st.binary(max_size=2_000), st.text(max_size=60))
def test_arbitrary_bytes_of_any_type_raise_only_our_errors(raw: bytes, content_type: str) -> None:
    with pytest.raises(CallerError):
        CODEC.decode(raw, {"content-type": content_type})


@given(st.data())
def test_a_good_message_with_a_few_bytes_changed_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(soap_attacks.GOOD.encode(data.draw(st.sampled_from(["utf-8", "utf-16"]))))
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=5)):
        raw[at] = data.draw(st.integers(0, 255))
    try:
        tree = CODEC.decode(bytes(raw), soap_attacks.HEADERS["1.1"])
    except CallerError:
        return
    assert "header" in tree

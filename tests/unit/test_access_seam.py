"""The seam for adapters whose messages carry credentials: they find the evidence, the gateway checks it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from access_parts import NOW, Moved, access, caller, run, workers
from fakes import MemoryDesk
from http_parts import KEY, Reply, ask, headers
from letters_adapter import LettersAdapter, seal

from gateway.access.entries import Credential
from gateway.access.principals import Principals
from gateway.http.app import Readiness, build
from gateway.http.door import Mounted
from gateway.http.journal import Journal
from gateway.spi import CredentialAdapter
from gateway.watching.exposition import exposition
from gateway.watching.lookout import Lookout

SECRET = b"a secret the scribe and we know"
LETTER = b"loan.amount=1\n"
ADDRESS = "/letters/juniper-api"


@pytest.fixture
def post(tmp_path: Path) -> object:
    (tmp_path / "seal").write_bytes(SECRET)
    scribe = caller("scribe", Credential("signature", f"file:{tmp_path / 'seal'}", "SCRIBE"))
    stranger = caller("stranger", Credential("signature", f"file:{tmp_path / 'seal'}", "STRANGER"))
    layer = access(tmp_path, Moved(), Principals([scribe, stranger]))
    adapter = LettersAdapter()
    assert isinstance(adapter, CredentialAdapter)
    desk = MemoryDesk("juniper-api", adapter.wire({}, tmp_path), lambda tree: {"score": 612})
    welcome = frozenset({"scribe"})
    lookout = Lookout.to(io.BytesIO(), "debug")

    async def readiness() -> Readiness:
        return Readiness("", {})

    app = build(
        [Mounted(one, principals=welcome, credentials=adapter.credentials) for one in adapter.routes(desk)],
        layer,
        Journal(lookout),
        ready=readiness,
        metrics=lambda accept: exposition(lookout.snapshot(), [], accept),
        close=lambda: None,
        version="1",
    )

    async def exchange(bodies: list[bytes], sent: list[tuple[bytes, bytes]]) -> list[Reply]:
        async with workers(layer):
            return [await ask(app, "POST", ADDRESS, sent, body) for body in bodies]

    return lambda *bodies, sent=None: run(exchange(list(bodies), sent or headers(None)))


def test_a_sealed_letter_is_answered_in_its_own_format(post: object) -> None:
    (reply,) = post(seal(LETTER, "SCRIBE", 1, NOW, SECRET))  # type: ignore[operator]
    assert (reply.status, reply.body) == (200, b"score=612\n")


@pytest.mark.parametrize(
    ("letter", "status"),
    [
        (LETTER, 401),
        (seal(LETTER, "SCRIBE", 1, NOW, b"another secret than the one"), 401),
        (seal(LETTER, "NOBODY", 1, NOW, SECRET), 401),
        (seal(LETTER, "SCRIBE", 1, NOW - 301, SECRET), 401),
        (seal(LETTER, "SCRIBE", 1, NOW, SECRET).replace(b"=1", b"=2"), 401),
        (seal(LETTER, "STRANGER", 1, NOW, SECRET), 403),
        (LETTER + b"sealed-by nobody can read this", 400),
    ],
)
def test_any_other_letter_is_refused_in_its_own_format(post: object, letter: bytes, status: int) -> None:
    (reply,) = post(letter)  # type: ignore[operator]
    assert reply.status == status
    assert reply.body.startswith(b"refused=")


def test_a_seal_is_taken_once_and_the_next_number_again(post: object) -> None:
    one, two = (seal(LETTER, "SCRIBE", number, NOW, SECRET) for number in (1, 2))
    assert [reply.status for reply in post(one, one, two)] == [200, 401, 200]  # type: ignore[operator]


def test_a_key_beside_a_seal_is_one_credential_too_many(post: object) -> None:
    (reply,) = post(seal(LETTER, "SCRIBE", 1, NOW, SECRET), sent=headers(KEY))  # type: ignore[operator]
    assert reply.status == 401

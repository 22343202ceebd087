"""What the tests of authentication share: callers of every kind, a store on a real file, a clock that is moved."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from http_parts import BOTH, KEY, House, Reply, ask, headers

from contracts.errors import AccessDenied
from gateway.access import passwords
from gateway.access.entries import Credential, Principal
from gateway.access.evidence import signature
from gateway.access.keeper import Keeper
from gateway.access.layer import Access
from gateway.access.principals import Principals
from gateway.access.roster import Roster
from gateway.access.store import SharedAccess
from gateway.ledger.connect import connect
from gateway.ledger.schema import METADATA
from gateway.spi import Password

NOW = 1_800_000_000.0
PASSWORD = "correct horse battery"
BODY = b'{"applicant":{"income":1}}'
HERE, THERE = "127.0.0.1", "198.51.100.7"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the vector Standard Webhooks publishes


class Moved:
    """A clock that stands still until it is moved; seconds since 1970."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def quick(password: str) -> str:
    """A hash as the file keeps it, with the least work it allows: a test checks rules, not how slow it is."""
    return passwords.hashed(password.encode(), ln=10, r=8, p=1)


def caller(name: str, *credentials: Credential, disabled: datetime | None = None) -> Principal:
    return Principal(name, frozenset({"juniper-api"}), frozenset(BOTH), "test", credentials, disabled)


def everybody(folder: Path) -> Principals:
    """A caller of each kind; the secret of the signing one lies in ``folder``."""
    (folder / "secret").write_text(SECRET)
    return Principals(
        [
            caller("juniper", Credential("api_key", hashlib.sha256(KEY.encode()).hexdigest())),
            caller("erp", Credential("password", quick(PASSWORD), "SVC_ERP")),
            caller("crm", Credential("signature", f"file:{folder / 'secret'}", "crm")),
            caller("bank", Credential("certificate", hashlib.sha256(b"a certificate").hexdigest())),
        ]
    )


def store(folder: Path) -> SharedAccess:
    """A store on a database file; every call opens the same one, as every worker does."""
    engine = connect(folder / "ledger.db")
    METADATA.create_all(engine)
    return SharedAccess(engine)


def access(folder: Path, clock: Callable[[], float], principals: Principals | None = None) -> Access:
    """One worker's layer over the store of ``folder``."""
    keeper = Keeper(Roster.of(principals or everybody(folder)), store(folder), clock)
    return Access(keeper, passwords.parse(quick("nobody")))


@asynccontextmanager
async def workers(*layers: Access) -> AsyncIterator[None]:
    """The layers exchanging what they know, as running workers do."""
    for layer in layers:
        layer.keeper.start()
    yield
    for layer in layers:
        await layer.close()


async def until(holds: Callable[[], Any], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)


def run(work: Awaitable[Any]) -> Any:
    async def whole() -> Any:
        return await work

    return asyncio.run(whole())


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def signed(body: bytes, at: float, message_id: str = "msg_1", secret: str = SECRET) -> dict[str, str]:
    """The three headers of Standard Webhooks over a body, as ``http_parts.headers`` takes them."""
    text = b"%b.%d.%b" % (message_id.encode(), int(at), body)
    return {
        "webhook_id": message_id,
        "webhook_timestamp": str(int(at)),
        "webhook_signature": signature(secret.encode(), text),
    }


def refusal(layer: Access, evidence: Any, address: str = HERE) -> AccessDenied:
    with pytest.raises(AccessDenied) as caught:
        run(layer.check(evidence, address, "juniper-api"))
    return caught.value


def guess(layer: Access, times: int, user: str = "SVC_ERP", address: str = THERE) -> AccessDenied:
    found = [refusal(layer, Password(user, b"guess %d" % number), address) for number in range(times)]
    return found[-1]


def post(at: House, body: bytes = BODY, **sent: str) -> Reply:
    return run(ask(at.app, sent=headers(None, **sent), body=body))

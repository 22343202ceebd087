"""What the tests of gateway/http share: one gateway over a desk in memory, and a caller that speaks ASGI."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from fakes import MemoryDesk

from adapters.rest import adapter
from adapters.rest.codec import RestCodec
from gateway.access.entries import Credential, Principal
from gateway.access.keeper import Keeper
from gateway.access.layer import Access
from gateway.access.principals import Principals
from gateway.access.roster import Roster
from gateway.http.app import Gateway, Readiness, build
from gateway.http.door import Mounted
from gateway.http.journal import Journal
from gateway.watching.exposition import exposition
from gateway.watching.lookout import Lookout

KEY = "sg_" + "k" * 43
READ_ONLY_KEY = "sg_" + "r" * 43
ELSEWHERE_KEY = "sg_" + "e" * 43
SCORE = "/v1/juniper-api/score"
BOTH = ("score", "read")


class House(NamedTuple):
    """A gateway, what stands behind it, and its log."""

    app: Gateway
    desk: MemoryDesk
    log: io.BytesIO
    journal: Journal
    lookout: Lookout
    closed: list[str]

    def lines(self) -> list[dict[str, Any]]:
        self.journal.flush()
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def counted(self) -> Counter[tuple[str, ...]]:
        return self.lookout.snapshot().counts


class Reply(NamedTuple):
    """What came back; ``headers`` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def principals() -> Principals:
    return Principals(
        [
            _principal("juniper", KEY, "juniper-api", BOTH),
            _principal("reader", READ_ONLY_KEY, "*", ("read",)),
            _principal("elsewhere", ELSEWHERE_KEY, "other-api", BOTH),
        ]
    )


def _principal(name: str, key: str, integration: str, operations: Sequence[str]) -> Principal:
    held = Credential("api_key", hashlib.sha256(key.encode()).hexdigest())
    return Principal(name, frozenset({integration}), frozenset(operations), credentials=(held,))


def house(
    desk: MemoryDesk | None = None,
    *,
    level: str = "debug",
    cause: str = "",
    access: Access | None = None,
    **bounds: Any,
) -> House:
    """One integration, ``juniper-api``, over a desk in memory; ``bounds`` are those of ``Mounted``."""
    desk = desk or MemoryDesk("juniper-api", RestCodec())
    log = io.BytesIO()
    lookout = Lookout.to(log, level)
    journal = Journal(lookout)
    closed: list[str] = []

    async def readiness() -> Readiness:
        return Readiness(cause, {"juniper-api": "", "broken": "configuration_error"})

    app = build(
        [Mounted(route, turned_away=desk.turned_away, **bounds) for route in adapter.routes(desk)],
        access or Access(Keeper(Roster.of(principals()))),
        journal,
        ready=readiness,
        metrics=lambda accept: exposition(lookout.snapshot(), [], accept),
        close=lambda: closed.append("closed"),
        version="1.2.3",
    )
    return House(app, desk, log, journal, lookout, closed)


def headers(key: str | None = KEY, **more: str) -> list[tuple[bytes, bytes]]:
    """Request headers as a server hands them on; ``idempotency_key="x"`` becomes ``idempotency-key: x``."""
    sent = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in more.items()}}
    if key is not None:
        sent["authorization"] = f"Bearer {key}"
    return [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]


async def ask(
    app: Any,
    method: str = "POST",
    path: str = SCORE,
    sent: list[tuple[bytes, bytes]] | None = None,
    body: bytes | Iterable[Any] = b"{}",
    query: bytes = b"",
    peer: str = "127.0.0.1",
) -> Reply:
    """One exchange. ``body`` may be parts; a part may be an awaitable that is waited for instead of sent."""
    parts = iter([body] if isinstance(body, bytes) else [*body])
    pending = next(parts, b"")
    started: dict[str, Any] = {}
    written: list[bytes] = []

    async def receive() -> dict[str, Any]:
        nonlocal pending
        if pending is None:
            return {"type": "http.disconnect"}
        if not isinstance(pending, bytes):
            await pending
            pending = b""
        part, pending = pending, next(parts, None)
        return {"type": "http.request", "body": part, "more_body": pending is not None}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        else:
            written.append(message.get("body", b""))

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query, "root_path": "", "client": (peer, 1),
        "server": ("127.0.0.1", 80), "headers": headers() if sent is None else sent, "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    if not started:
        return Reply(0, {}, b"")
    shown = {name.decode().lower(): value.decode() for name, value in started["headers"]}
    return Reply(started["status"], shown, b"".join(written))

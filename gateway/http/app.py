"""The ASGI application: a dictionary of hot addresses in front, FastAPI behind it for everything else.

The dictionary is a shortcut, not a second router: every address it holds is a route of the FastAPI application too.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import NamedTuple

from fastapi import FastAPI, Request
from fastapi import Response as Reply
from starlette.exceptions import HTTPException
from starlette.routing import Route as Address

from contracts.errors import NotFound
from gateway.access.layer import Access
from gateway.http import openapi, problems
from gateway.http.body import Receive, Scope, Send
from gateway.http.door import Door, Mounted
from gateway.http.journal import Journal, Reason
from gateway.http.room import Room
from gateway.http.traced import TracedDoor
from gateway.http.watch import Watch
from gateway.spi import Request as Asked
from gateway.spi import Response

_LAST_PARAMETER = re.compile(r"\{([A-Za-z_]+)\}$")


class Readiness(NamedTuple):
    """Why no decision can be made durable, in a word (empty: one can), and per integration why it is off, or empty;
    ``remedies`` says what to install where that is all it takes. ``warnings`` are words for what is wrong though
    decisions are made.
    """

    cause: str
    integrations: Mapping[str, str]
    remedies: Mapping[str, str] = MappingProxyType({})
    warnings: Sequence[str] = ()

    def document(self) -> dict[str, object]:
        """What ``/readyz`` answers."""
        states = {
            name: {"state": "unavailable", "cause": cause} if cause else {"state": "ready"}
            for name, cause in self.integrations.items()
        }
        for name, line in self.remedies.items():
            states[name]["install"] = line
        found: dict[str, object] = {"ready": not self.cause}
        said = ({"cause": self.cause} if self.cause else {}) | ({"warnings": self.warnings} if self.warnings else {})
        return found | said | {"integrations": states}


class Gateway:
    """What uvicorn runs. ``turned_away`` is to be told of requests that do not get as far as this."""

    def __init__(self, doors: Sequence[Door], cold: FastAPI, turned_away: Callable[[Reason], None]) -> None:
        self.turned_away = turned_away
        self._hot = {(d.route.method, d.route.path): d for d in doors if "{" not in d.route.path}
        self._cold = cold

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            door = self._hot.get((scope["method"], scope["path"]))
            if door is not None:
                await door(scope, receive, send)
                return
        await self._cold(scope, receive, send)


def build(
    mounted: Sequence[Mounted],
    access: Access,
    journal: Journal,
    *,
    ready: Callable[[], Awaitable[Readiness]],
    metrics: Callable[[str], tuple[bytes, str]],
    close: Callable[[], None],
    version: str,
) -> Gateway:
    """The application for these routes. ``ready`` is asked by ``/readyz``, ``metrics`` by ``/metrics`` with what the
    scraper accepts, off the event loop; ``close`` is called once, after the last request has been answered.
    """
    watch, room = Watch(), Room(max((one.max_bytes for one in mounted), default=0))
    doors = [_door(one, access, journal, watch, room) for one in mounted]
    document = openapi.document([door.route for door in doors], version)
    app = _cold(access, close)
    _tell(app, document, ready, metrics)
    _refuse(app, journal)
    for door in doors:
        # The last parameter may hold slashes: keys of legacy systems do.
        path = _LAST_PARAMETER.sub(r"{\1:path}", door.route.path)
        app.router.routes.append(Address(path, door, methods=[door.route.method]))
    return Gateway(doors, app, journal.turned_away)


def _door(mounted: Mounted, access: Access, journal: Journal, watch: Watch, room: Room) -> Door:
    if journal.tracing is None:
        return Door(mounted, access, journal, watch, room)
    return TracedDoor(mounted, access, journal, watch, room, journal.tracing)


def _cold(access: Access, close: Callable[[], None]) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        access.keeper.start()
        yield
        await access.close()
        close()

    return FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan)


def _tell(
    app: FastAPI,
    document: bytes,
    ready: Callable[[], Awaitable[Readiness]],
    metrics: Callable[[str], tuple[bytes, str]],
) -> None:
    """The addresses that tell of the gateway itself."""

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz(reply: Reply) -> dict[str, object]:
        state = await ready()
        reply.status_code = 503 if state.cause else 200
        reply.headers["Cache-Control"] = "no-store"
        return state.document()

    @app.get("/openapi.json")
    async def describe() -> Reply:
        return Reply(document, media_type="application/json")

    @app.get("/metrics")
    async def expose(request: Request) -> Reply:
        await ready()  # has health and chain looked at, off the loop
        accept = request.headers.get("accept", "")
        content, media_type = await asyncio.get_running_loop().run_in_executor(None, metrics, accept)
        return Reply(content, headers={"Content-Type": media_type})


def _refuse(app: FastAPI, journal: Journal) -> None:
    """What is said where no address answers, or one of ours fails."""

    @app.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Reply:
        wrong_method = error.status_code == 405
        journal.turned_away("method_not_allowed" if wrong_method else "not_found")
        return _reply(_other_method(app, request) if wrong_method else problems.problem(error.status_code))

    @app.exception_handler(Exception)
    async def fail(_request: Request, error: Exception) -> Reply:
        journal.failed("", "", error)
        return _reply(problems.problem(500))


def _other_method(app: FastAPI, request: Request) -> Response:
    """What a method gets that no route has at this path: told as the integration that answers there tells its refusals.

    ``Allow`` names every method any route answers: Starlette itself names only those of the first that matches.
    """
    addresses = [route for route in app.router.routes if isinstance(route, Address)]
    found = [route for route in addresses if route.path_regex.match(request.url.path)]
    response = problems.problem(405)
    for door in (route.endpoint for route in found if isinstance(route.endpoint, Door)):
        error = NotFound("this address does not answer this method; see Allow", code="method_not_allowed")
        asked = Asked(request.method, request.url.path, {}, dict(request.headers), b"", "")
        response = door.route.refuse(error, asked)
        break
    allow = ", ".join(sorted({method for route in found for method in route.methods or ()}))
    kept = [header for header in response.headers if header[0] != "Allow"]
    return response._replace(headers=[*kept, ("Allow", allow)])


def _reply(response: Response) -> Reply:
    return Reply(response.body, response.status, dict(response.headers))

"""One address of one integration as an ASGI endpoint: who calls, how much, how long, then the adapter's handler.

Every request passes ``Door.__call__``: it is the hot path, and plain on purpose.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from time import perf_counter
from typing import NamedTuple
from urllib.parse import parse_qsl

from contracts.errors import AccessDenied, CallerError, InternalFault, MalformedPayload, ScoregateError, UpstreamError
from gateway.access.entries import Principal
from gateway.access.evidence import SIGNATURE, SPENT, of_head, of_signature
from gateway.access.layer import Access
from gateway.http import problems
from gateway.http.body import (
    Disconnected,
    Receive,
    Scope,
    Send,
    read_body,
    read_headers,
    respond,
    respond_and_close,
    respond_and_drain,
)
from gateway.http.journal import Journal, Visit
from gateway.http.room import Room
from gateway.http.watch import Watch
from gateway.modes import Mode, of_request
from gateway.spi import ApiKey, Evidence, Password, Request, Response, Route
from gateway.watching.exchange import CORRELATION, begin

READ_SECONDS = 10.0
"""How long a body may take to arrive."""
GUARD_SECONDS = 5.0
"""What an answer may take beyond the integration's deadline, which the desk keeps, before the door gives up on it."""
MAX_PARAMETERS = 32

_LEFT = 499  # as nginx logs a caller that went away; it is never sent
_NO_BODY = frozenset({"GET", "HEAD", "DELETE"})
_NO_PARAMETERS: Mapping[str, str] = {}


async def _unrecorded(_principal: str, _error: ScoregateError, _correlation: str) -> None:
    return None


class Mounted(NamedTuple):
    """A route and what its integration allows; times are in seconds.

    ``principals`` of None leaves the choice to principals.yaml alone. ``mode`` is the integration's. ``turned_away`` is
    told who was refused, why and in which exchange when a known caller is refused before the adapter's handler ran, so
    that it can be recorded. ``credentials`` is the adapter's, where its messages carry them in their own way.
    """

    route: Route
    max_bytes: int = 1_000_000
    deadline: float = 5.0
    principals: frozenset[str] | None = None
    mode: Mode = "test"
    turned_away: Callable[[str, ScoregateError, str], Awaitable[None]] = _unrecorded
    credentials: Callable[[Request, bytes], Evidence | None] | None = None
    read_seconds: float = READ_SECONDS
    guard_seconds: float = GUARD_SECONDS


class Door:
    """The ASGI endpoint of one mounted route."""

    def __init__(self, mounted: Mounted, access: Access, journal: Journal, watch: Watch, room: Room) -> None:
        self.mounted, self.route = mounted, mounted.route
        self._access, self._journal, self._watch, self._room = access, journal, watch, room
        self._generation = -1
        self._welcome: Mapping[str, _Welcome] = {}
        self._correlations = _correlations()
        self._takes_body = mounted.route.method not in _NO_BODY
        self._guard = mounted.deadline + mounted.guard_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit()
        begin(visit)
        try:
            await self._visited(visit, scope, receive, send)
        finally:
            self._let_go(visit)

    async def _visited(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        try:
            request = await self._admit(scope, receive, visit)
        except Disconnected:
            self._journal.answered(self.route, visit, _LEFT, perf_counter() - began)
            return
        except ScoregateError as error:
            response = await self._turn_away(error, scope, visit)
            self._let_go(visit)  # nothing is kept of the body, though its caller may be sending on
        else:
            response = await self._answer(request, visit)
        if visit.whole:
            await respond(send, response, visit.correlation)
        elif visit.overdue:
            await respond_and_close(send, response, visit.correlation)
        else:
            await respond_and_drain(send, receive, response, visit.correlation)
        self._journal.answered(self.route, visit, response.status, perf_counter() - began)

    async def _admit(self, scope: Scope, receive: Receive, visit: Visit) -> Request:
        """The request, once its caller is known and it is in whole."""
        visit.whole = not self._takes_body
        visit.correlation = next(self._correlations)
        headers = read_headers(scope["headers"])
        sent = headers.get("x-correlation-id")
        if sent is not None and CORRELATION.fullmatch(sent):
            visit.correlation, visit.given = sent, True
        client = scope.get("client")
        visit.address = self._access.proxies.origin(client[0], scope["headers"]) if client else ""
        try:
            evidence = of_head(headers)
        except AccessDenied as error:
            raise self._access.refuse(error, visit.address) from error
        if evidence is not None:
            found = self._access.at_once(evidence, visit.address)
            if found is None:
                found = await self._check(evidence, visit)
            self._welcome_in(found.name, visit)
        elif not self._takes_body or (self.mounted.credentials is None and SIGNATURE not in headers):
            raise self._access.challenge(visit.address)
        body = await self._body(receive, headers, visit) if self._takes_body else b""
        if evidence is None or self.mounted.credentials is not None:
            head = Request(scope["method"], scope["path"], _parameters(scope), headers, b"", "")
            await self._examine(evidence, head, body, visit)
        for name in SPENT:
            headers.pop(name, None)
        name, parameters = visit.principal, _parameters(scope)
        return Request(
            scope["method"], scope["path"], parameters, headers, body, name, visit.correlation, visit.operations
        )

    def _welcome_in(self, principal: str, visit: Visit) -> None:
        """Take a known caller in, or raise AccessDenied because it may not do this here."""
        if self._generation != self._access.roster.generation:
            self._generation = self._access.roster.generation
            self._welcome = _welcome(self.mounted, self._access.roster.table.principals.by_name)
        visit.principal = principal
        welcome = self._welcome.get(principal)
        if welcome is None:
            cause = f"may not {self.route.operation} {self.route.integration}"
            self._access.turned_away(principal, visit.address, self.route.integration, cause)
            raise AccessDenied(cause, known=True)
        visit.mode, visit.operations = welcome
        if visit.unknown:
            self._know(visit)

    async def _examine(self, known: ApiKey | Password | None, request: Request, body: bytes, visit: Visit) -> None:
        """Find the caller in what only the whole message shows: a signature, or what its adapter knows to read."""
        found: list[Evidence] = [known] if known is not None else []
        try:
            if SIGNATURE in request.headers:
                found.append(of_signature(request.headers, body))
            inside = self.mounted.credentials(request, body) if self.mounted.credentials is not None else None
            found += [] if inside is None else [inside]
            if len(found) > 1:
                raise AccessDenied("credentials in two places")
        except AccessDenied as error:
            raise self._access.refuse(error, visit.address) from error
        if not found:
            raise self._access.challenge(visit.address)
        if known is None:
            caller = await self._check(found[0], visit, len(body))
            self._welcome_in(caller.name, visit)

    async def _check(self, evidence: Evidence, visit: Visit, size: int = 0) -> Principal:
        """Who the evidence speaks for, within the integration's deadline: a nonce is looked up in the ledger."""
        self._watch.enter(visit, self.mounted.deadline)
        try:
            return await self._access.check(evidence, visit.address, self.route.integration, size)
        except asyncio.CancelledError:
            _uncancel(visit)
            raise UpstreamError("the caller cannot be known in time; ask again later", code="busy") from None
        finally:
            self._watch.leave(visit)

    async def _body(self, receive: Receive, headers: Mapping[str, str], visit: Visit) -> bytes:
        self._watch.enter(visit, self.mounted.read_seconds)
        try:
            body = await read_body(receive, headers, self.mounted.max_bytes, partial(self._hold, visit))
        except asyncio.CancelledError:
            _uncancel(visit)
            raise MalformedPayload("the body did not arrive in time", code="body_timeout") from None
        finally:
            self._watch.leave(visit)
        visit.whole = True
        return body

    def _hold(self, visit: Visit, size: int) -> None:
        stranger = not visit.principal
        self._room.take(size, stranger=stranger)
        visit.held += size
        visit.unknown += size * stranger

    def _know(self, visit: Visit) -> None:
        self._room.know(visit.unknown)
        visit.unknown = 0

    def _let_go(self, visit: Visit) -> None:
        if visit.held:
            self._know(visit)
            self._room.give_back(visit.held)
            visit.held = 0

    async def _turn_away(self, error: ScoregateError, scope: Scope, visit: Visit) -> Response:
        if visit.principal:
            try:
                await self.mounted.turned_away(visit.principal, error, visit.correlation)
            except Exception as failure:  # noqa: BLE001 # the caller is refused, whether or not that can be recorded
                self._journal.failed(self.route.integration, visit.correlation, failure)
        return self._refuse(error, _head(scope, visit), visit)

    async def _answer(self, request: Request, visit: Visit) -> Response:
        self._watch.enter(visit, self._guard)
        try:
            return await self.route.handle(request)
        except ScoregateError as error:
            if isinstance(error, AccessDenied):
                self._access.turned_away(visit.principal, visit.address, self.route.integration, error.cause)
            return self._refuse(error, request, visit)
        except asyncio.CancelledError:
            _uncancel(visit)
            self._journal.late(self.route.integration, visit.correlation)
            late = UpstreamError("the answer is late; ask again with the same key", code="late")
            return self._refuse(late, request, visit)
        except Exception as failure:  # noqa: BLE001 # the last line: whatever it is, the caller gets a refusal
            fault = InternalFault("an unexpected fault")
            fault.__cause__ = failure
            return self._refuse(fault, request, visit)
        finally:
            self._watch.leave(visit)

    def _refuse(self, error: ScoregateError, request: Request, visit: Visit) -> Response:
        visit.code, visit.callers = error.detail_code, isinstance(error, CallerError)
        if isinstance(error, AccessDenied):
            visit.cause = error.cause
        try:
            response = self.route.refuse(error, request)
        except Exception as failure:  # noqa: BLE001 # a refusal that cannot be written is written in our own words
            self._journal.failed(self.route.integration, visit.correlation, failure)
            response = problems.problem(500)
        if response.status >= 500 and not isinstance(error, UpstreamError | CallerError):
            self._journal.failed(self.route.integration, visit.correlation, error)
        return response


def _correlations() -> Iterator[str]:
    """Names for exchanges whose caller gave none: unlike any other, but no secret.

    Random once, then counted: asking the system for every one gives the GIL away each time.
    """
    start = secrets.token_hex(10)
    return (f"{start}{number:012x}" for number in itertools.count())


class _Welcome(NamedTuple):
    """The mode of what a caller asks, and what it may do."""

    mode: Mode
    operations: frozenset[str]


def _welcome(mounted: Mounted, principals: Mapping[str, Principal]) -> Mapping[str, _Welcome]:
    """The callers that both principals.yaml and the integration let in."""
    route, found = mounted.route, {}
    for name, principal in principals.items():
        asked = filter(None, (route.operation, route.or_else))
        may = frozenset(operation for operation in asked if principal.may(operation, route.integration))
        if may and (mounted.principals is None or name in mounted.principals):
            found[name] = _Welcome(of_request(mounted.mode, principal.mode), may)
    return found


def _head(scope: Scope, visit: Visit) -> Request:
    """What is known of a request that was not let in: its headers as they came, and no body."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(scope["method"], scope["path"], {}, headers, b"", visit.principal, visit.correlation)


def _parameters(scope: Scope) -> Mapping[str, str]:
    """Parameters of path and query by name; where a name is in both, the path counts."""
    path, query = scope.get("path_params"), scope["query_string"]
    if not path and not query:
        return _NO_PARAMETERS
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError as exc:
        raise MalformedPayload(f"more than {MAX_PARAMETERS} query parameters", code="bad_query") from exc
    return {**dict(pairs), **(path or {})}


def _uncancel(visit: Visit) -> None:
    """Go on after our own cancellation; one from elsewhere (the server stops) is passed on."""
    if not visit.overdue or visit.task is None:
        raise asyncio.CancelledError
    visit.task.uncancel()

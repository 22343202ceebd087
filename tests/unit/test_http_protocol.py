"""Connections whose callers keep them waiting, and which of them give way."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from gateway.http.accept import Acceptor, Connections
from gateway.http.body import Receive, Scope, Send
from gateway.http.protocol import MAX_PIPELINED, BoundedProtocol

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"


class Hasty(BoundedProtocol):
    head_seconds = 0.4
    write_seconds = 0.2


class Caller(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, raw: bytes = GET) -> bytes:
        """The status line of the answer, empty where there is none."""
        self.writer.write(raw)
        line = await self.reader.readline()
        if line:
            await self.reader.readuntil(b"\r\n\r\nyes")
        return line

    async def closed(self) -> bool:
        """Whether the other side closes the connection within some seconds."""
        try:
            return await asyncio.wait_for(self.reader.read(), 5.0) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False


class Place(NamedTuple):
    """A server in this process; ``hold`` keeps it from answering while it is clear."""

    port: int
    connections: Connections
    hold: asyncio.Event
    turned_away: list[str]
    callers: list[Caller]

    async def caller(self) -> Caller:
        self.callers.append(Caller(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.callers[-1]


@asynccontextmanager
async def place(most: int = 100, send_buffer: int = 0, answer: bytes = b"yes") -> AsyncIterator[Place]:
    sock = socket.create_server(("127.0.0.1", 0))
    if send_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    hold, turned_away, callers = asyncio.Event(), list[str](), list[Caller]()
    hold.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while scope["method"] == "POST" and (await receive()).get("more_body"):
            pass
        await hold.wait()
        close = [(b"connection", b"close")] if scope["path"] == "/last" else []
        length = (b"content-length", b"%d" % len(answer))
        await send({"type": "http.response.start", "status": 200, "headers": [length, *close]})
        await send({"type": "http.response.body", "body": answer})

    state = ServerState()
    state.connections = connections = Connections(None)
    config = uvicorn.Config(app, http=Hasty, log_config=None, access_log=False, lifespan="off")
    acceptor = Acceptor(sock, lambda: Hasty(turned_away.append, config, state, {}), connections, most, None)
    try:
        yield Place(sock.getsockname()[1], connections, hold, turned_away, callers)
    finally:
        acceptor.close()
        for transport in [*(one.transport for one in connections), *(one.writer.transport for one in callers)]:
            transport.abort()
        await asyncio.sleep(0.01)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(work(), 20)

    uvloop.run(limited())


@pytest.mark.parametrize("before", [GET, POST + b"hello", GET + GET], ids=["get", "post", "two"])
@pytest.mark.parametrize("sent", [b"\r\n", b"\r\n\r\n\r\n", b"P"], ids=["line", "lines", "letter"])
def test_an_answered_connection_that_sends_nothing_whole_is_given_up(before: bytes, sent: bytes) -> None:
    async def work() -> None:
        async with place() as at:
            caller = await at.caller()
            assert b" 200 " in await caller.ask(before)
            if before == GET + GET:
                assert b" 200 " in await caller.ask(b"")
            caller.writer.write(sent)
            assert await caller.closed()
            assert at.turned_away == ["head_late"]

    run(work)


def test_a_body_nobody_waits_for_keeps_no_connection_open() -> None:
    async def work() -> None:
        async with place() as at:
            caller = await at.caller()
            assert b" 200 " in await caller.ask(GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 1000\r\n\r\n"))
            caller.writer.write(b"x")
            assert await caller.closed()

    run(work)


def test_an_empty_line_before_the_next_request_harms_nothing() -> None:
    async def work() -> None:
        async with place() as at:
            caller = await at.caller()
            for _ in range(3):
                assert b" 200 " in await caller.ask()
                caller.writer.write(b"\r\n")
                await asyncio.sleep(0.01)
            assert await caller.closed()

    run(work)


def test_a_connection_between_two_requests_is_left_open() -> None:
    async def work() -> None:
        async with place() as at:
            caller = await at.caller()
            for _ in range(2):
                assert b" 200 " in await caller.ask()
                await asyncio.sleep(1.2 * Hasty.head_seconds)

    run(work)


def test_half_a_second_request_waits_for_the_answer_to_the_first() -> None:
    async def work() -> None:
        async with place() as at:
            at.hold.clear()
            caller = await at.caller()
            caller.writer.write(GET + GET[:9])
            await asyncio.sleep(1.2 * Hasty.head_seconds)
            at.hold.set()
            assert b" 200 " in await caller.ask(GET[9:])
            assert b" 200 " in await caller.ask(b"")

    run(work)


@pytest.mark.parametrize("leave", ["closed by us", "closed by him"])
def test_an_answer_nobody_reads_keeps_no_connection_open(leave: str) -> None:
    """It fits into no buffer of the system's, and is too short for uvicorn to wait for the caller."""

    async def work() -> None:
        async with place(send_buffer=4096, answer=b"x" * 60_000) as at:
            with socket.socket() as caller:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                caller.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(caller, ("127.0.0.1", at.port))
                await loop.sock_sendall(caller, GET.replace(b" / ", b" /last ") if leave == "closed by us" else GET)
                await asyncio.sleep(0.1)
                if leave == "closed by him":
                    caller.shutdown(socket.SHUT_WR)
                await asyncio.sleep(0.4)
                assert not at.connections
                assert at.turned_away == ["unread"]

    run(work)


async def answered(at: Place, number: int) -> list[Caller]:
    """So many callers that had their answers, one after the other."""
    callers = []
    for _ in range(number):
        callers.append(await at.caller())
        assert b" 200 " in await callers[-1].ask()
    return callers


def test_answered_connections_give_way_the_one_at_rest_longest_first() -> None:
    async def work() -> None:
        async with place(most=20) as at:
            idle = await answered(at, 20)
            assert b" 200 " in await idle[0].ask()
            await answered(at, 1)
            assert await idle[1].closed()
            assert at.turned_away == ["crowded"]
            for caller in (idle[0], *idle[2:]):
                assert b" 200 " in await caller.ask()

    run(work)


def test_who_sends_his_request_slowly_gives_way_and_who_asked_in_full_does_not() -> None:
    async def work() -> None:
        async with place(most=3) as at:
            asking, slow, idle = await answered(at, 3)
            at.hold.clear()
            asking.writer.write(GET)
            slow.writer.write(POST + b"hel")
            await asyncio.sleep(0.05)
            for closing in (idle, slow, None):
                (await at.caller()).writer.write(GET)
                assert closing is None or await closing.closed()
            await asyncio.sleep(0.05)
            assert len(at.connections) == 3
            at.hold.set()
            for caller in (asking, *at.callers[3:]):
                assert b" 200 " in await caller.ask(b"")

    run(work)


def test_a_head_gives_way_first_once_it_is_due_for_long_and_last_while_it_is_on_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Hasty, "head_seconds", 30.0)
    monkeypatch.setattr(Hasty, "grace_seconds", 0.5)

    async def work() -> None:
        async with place(most=3) as at:
            first, second = await answered(at, 2)
            coming = await at.caller()
            assert b" 200 " in await (await at.caller()).ask()
            assert await first.closed()
            assert b" 200 " in await coming.ask()
            await answered(at, 1)
            assert await second.closed()
            silent = await at.caller()
            await asyncio.sleep(1.5 * Hasty.grace_seconds)
            await answered(at, 1)
            assert await silent.closed()
            assert at.turned_away == ["crowded"] * 4

    run(work)


def test_no_more_requests_wait_on_a_connection_than_may_and_those_get_their_answers() -> None:
    async def work() -> None:
        async with place() as at:
            at.hold.clear()
            caller = await at.caller()
            for _ in range(3):
                caller.writer.write(b"GET / HTTP/1.1\r\n\r\n" * 14_000)
                await asyncio.sleep(0.1)
            assert [len(connection.pipeline) for connection in at.connections] == [MAX_PIPELINED]
            at.hold.set()
            for _ in range(MAX_PIPELINED + 1):
                assert b" 200 " in await caller.ask(b"")
            assert await caller.closed()
            assert at.turned_away == ["pipelined"]

    run(work)


@pytest.mark.parametrize(
    ("rubbish", "reason"),
    [
        (b"\x00\r\n\r\n", "not_http"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, "headers_too_large"),
    ],
    ids=["no HTTP", "large head"],
)
def test_what_cannot_be_read_takes_no_answer_from_the_requests_before_it(rubbish: bytes, reason: str) -> None:
    async def work() -> None:
        async with place() as at:
            at.hold.clear()
            caller = await at.caller()
            caller.writer.write(GET + POST + b"hello" + rubbish)
            await asyncio.sleep(0.1)
            caller.writer.write(GET)
            await asyncio.sleep(0.1)
            at.hold.set()
            assert [b" 200 " in await caller.ask(b"") for _ in range(2)] == [True, True]
            assert await caller.closed()
            assert at.turned_away == [reason]

    run(work)


@pytest.mark.parametrize("before", [b"", GET], ids=["first", "after an answer"])
def test_what_is_no_http_is_told_so_where_the_next_answer_is_for_it(before: bytes) -> None:
    async def work() -> None:
        async with place() as at:
            caller = await at.caller()
            if before:
                assert b" 200 " in await caller.ask(before)
            caller.writer.write(b"\x00\r\n\r\n")
            assert b"HTTP/1.1 400 " in await caller.reader.readline()
            assert at.turned_away == ["not_http"]
            assert json.loads((await caller.reader.read()).partition(b"\r\n\r\n")[2])["code"] == "not_http"

    run(work)

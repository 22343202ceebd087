"""A real server on a real socket, and callers that do not keep to the rules."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pytest
from http_parts import KEY, SCORE

from contracts.errors import SetupError
from gateway.http import server
from gateway.http.protocol import MAX_HEAD_BYTES

HOUSE = Path(__file__).parents[1] / "http_house.py"
HEAD = f"POST {SCORE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"


class Seen(NamedTuple):
    status: int
    head: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, str(HOUSE), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running() as (_, port):
        yield port


def read_answer(connection: socket.socket) -> Seen:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return Seen(0, data.decode("latin-1"), b"")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return Seen(int(head.split()[1]), head.decode("latin-1").lower(), body)


def exchange(port: int, raw: bytes) -> Seen:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(raw)
        return read_answer(connection)


def post(port: int, body: bytes, more: str = "") -> Seen:
    return exchange(port, f"{HEAD}{more}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def test_answers_an_application(port: int) -> None:
    seen = post(port, b'{"applicant":{"income":1}}')
    assert (seen.status, seen.body) == (200, b'{"score":612,"pd":0.020400}')
    assert "server:" not in seen.head


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"x" * 10_000_000, 413, "too_large"),
        (b"[" * 90_000, 400, "too_deep"),
        (b'{"a":' * 10_000, 400, "too_deep"),
        (b'{"a":"\xff\xfe"}', 400, "not_utf8"),
        (b'{"a":NaN}', 400, "not_a_number"),
        (b'{"a":1,"a":2}', 400, "duplicate_name"),
        (b"", 400, "not_json"),
        (b"[{},{}]", 400, "not_an_object"),
        (b'{"applicant":{"income":"x"}}', 422, "invalid_record"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_bodies_get_a_typed_refusal(port: int, body: bytes, status: int, code: str) -> None:
    seen = post(port, body)
    assert (seen.status, seen.json["code"]) == (status, code)
    assert "application/problem+json" in seen.head


def test_a_body_without_end_is_refused_while_it_arrives(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        for _ in range(8):
            connection.sendall(chunk)
        assert read_answer(connection).json["code"] == "too_large"


def test_a_body_that_trickles_is_given_up(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f'{HEAD}Content-Length: 100\r\n\r\n{{"a":'.encode())
        began = time.monotonic()
        seen = read_answer(connection)
        assert (seen.status, seen.json["code"]) == (408, "body_timeout")
        assert time.monotonic() - began < 3
        assert connection.recv(1) == b""


def test_a_wrong_key_is_refused_without_waiting_for_the_body(port: int) -> None:
    wrong = HEAD.replace(KEY, "sg_wrong")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"{wrong}Content-Length: 1000000000\r\n\r\n".encode())
        assert read_answer(connection).status == 401


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/../v1/juniper-api/score", 404),
        ("/v1/%2e%2e/juniper-api/score", 404),
        ("/v1//juniper-api/score", 404),
        ("//v1/juniper-api/score", 404),
        ("/v1/juniper-api%2fscore", 200),
        ("/v1/juniper%2Dapi/score", 200),
        ("/v1/juniper-api/score%00", 404),
        ("/v1/juniper-api/score;x=1", 404),
        ("/v1/juniper-api/score/../score", 404),
        ("http://elsewhere.test/v1/juniper-api/score", 200),
        ("/" + "a" * 60_000, 404),
    ],
)
def test_addresses_are_decoded_once_and_then_taken_literally(port: int, target: str, status: int) -> None:
    head = HEAD.replace(f"POST {SCORE}", f"POST {target}")
    assert exchange(port, f"{head}Content-Length: 2\r\n\r\n{{}}".encode()).status == status


@pytest.mark.parametrize(
    "head",
    [
        HEAD + "".join(f"X-{n}: v\r\n" for n in range(500)),
        HEAD + "X-Long: " + "v" * (MAX_HEAD_BYTES * 8) + "\r\n",
        HEAD.replace(SCORE, SCORE + "?" + "q" * (MAX_HEAD_BYTES * 8)),
    ],
    ids=["many", "long", "address"],
)
def test_a_flood_of_headers_is_refused(port: int, head: str) -> None:
    assert exchange(port, f"{head}Content-Length: 2\r\n\r\n{{}}".encode()).status == 431


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01 TLS",
        b"POST / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(port: int, raw: bytes) -> None:
    assert exchange(port, raw).status == 400


@pytest.mark.parametrize("start", [b"", b"POST /v1", HEAD.encode()])
def test_a_head_that_does_not_arrive_is_given_up(port: int, start: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(start)
        began = time.monotonic()
        assert connection.recv(1) == b""
        assert time.monotonic() - began < 3


def test_a_second_head_is_waited_for_no_longer_than_the_first(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"{HEAD}Content-Length: 2\r\n\r\n{{}}".encode())
        assert read_answer(connection).status == 200
        connection.sendall(b"POST /v1")
        assert connection.recv(1) == b""


def test_two_lengths_cannot_smuggle_a_request(port: int) -> None:
    both = f"{HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert exchange(port, both.encode()).status == 400
    twice = f"{HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}x"
    assert exchange(port, twice.encode()).status == 400


JAVA = (
    f"{HEAD}Connection: Upgrade, HTTP2-Settings\r\n"
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n"
)
"""What the HttpClient of Java 11 and later adds to every first request over http, unless it is told HTTP/1.1."""


@pytest.mark.parametrize("offer", ["h2c", "websocket", "TLS/1.0, HTTP/2.0", "h2c\r\nupgrade: x"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("cut", [1, 7, 200, 100_000])
def test_the_body_of_a_request_that_offers_another_protocol_is_read(
    port: int, offer: str, framing: str, cut: int
) -> None:
    """RFC 9110, 7.8: an offer that is not taken up is as if it had not been made, however the bytes are cut."""
    body = '{"applicant":{"income":1}}'
    sized = f"Content-Length: {len(body)}\r\n\r\n{body}"
    if framing == "chunks":
        sized = f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(2):
            head = JAVA.replace("h2c", offer) + f"X-Correlation-ID: c-{number}\r\n"
            send_cut(connection, (head + sized).encode(), cut)
            seen = read_answer(connection)
            assert (seen.status, seen.body) == (200, b'{"score":612,"pd":0.020400}')
            assert f"x-correlation-id: c-{number}" in seen.head


def send_cut(connection: socket.socket, raw: bytes, size: int) -> None:
    for at in range(0, len(raw), size):
        connection.sendall(raw[at : at + size])
        time.sleep(0.0001)


@pytest.mark.parametrize("pause", [0.0, 0.2])
def test_a_body_behind_an_offer_is_never_the_next_request(port: int, pause: float) -> None:
    body = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"{JAVA}Content-Length: {len(body)}\r\n".encode())
        time.sleep(pause)
        connection.sendall(b"\r\n")
        time.sleep(pause)
        connection.sendall(body.encode())
        connection.sendall(f"{JAVA}X-Correlation-ID: next\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        rest = connection.makefile("rb")
        assert read_on(rest)[0] == 400
        assert read_on(rest) == (200, "next")


def test_requests_that_offer_another_protocol_keep_their_order_in_one_segment(port: int) -> None:
    asked = [f"{JAVA}X-Correlation-ID: c-{n}\r\nContent-Length: 2\r\n\r\n{{}}" for n in range(20)]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall("".join(asked).encode())
        rest = connection.makefile("rb")
        answers = [read_on(rest) for _ in asked]
    assert answers == [(200, f"c-{n}") for n in range(20)]


def read_on(stream: BinaryIO) -> tuple[int, str]:
    """Status and correlation id of the next answer of several that may come together."""
    status = int(stream.readline().split()[1])
    headers = dict(line.decode().strip().split(": ", 1) for line in iter(stream.readline, b"\r\n"))
    stream.read(int(headers["content-length"]))
    return status, headers["x-correlation-id"]


@pytest.mark.parametrize(
    "framing", ["Content-Length: 2\r\nTransfer-Encoding: chunked", "Content-Length: 2\r\nContent-Length: 3",
                "Transfer-Encoding: xchunked", "Content-Length: 2, 2"],
)  # fmt: skip
def test_an_offer_of_another_protocol_hides_no_bad_length(port: int, framing: str) -> None:
    assert exchange(port, f"{JAVA}{framing}\r\n\r\n{{}}".encode()).status == 400


def test_a_tunnel_is_refused_and_nothing_behind_it_is_read(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert [line.split()[1] for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.1")] == [b"400"]


CHUNKED = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n"


@pytest.mark.parametrize(
    "coding", ["Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked\r\nContent-Encoding: br"]
)
def test_a_body_packed_otherwise_than_by_gzip_is_refused(port: int, coding: str) -> None:
    seen = exchange(port, CHUNKED.replace("Transfer-Encoding: chunked", coding).encode() + b"0\r\n\r\n")
    assert (seen.status, seen.json["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "framing",
    ["Transfer-Encoding: xchunked", "Transfer-Encoding: chunked, identity", "Transfer-Encoding:\r\n chunked",
     "Content-Length: 2, 2", "Content-Length: +2", "Content-Length : 2", "Content-Length: 0x2", "Host: y\r\nHost: x"],
)  # fmt: skip
def test_a_length_that_two_readers_could_read_differently_is_refused(port: int, framing: str) -> None:
    assert exchange(port, f"{HEAD}{framing}\r\n\r\n{{}}".encode()).status == 400


def test_trailers_say_nothing(port: int) -> None:
    trailers = b"Authorization: Bearer sg_wrong\r\nX-Correlation-ID: trailed\r\n" + b"X-More: 1\r\n" * 500
    seen = exchange(port, CHUNKED.encode() + b"0\r\n" + trailers + b"\r\n")
    assert seen.status == 200
    assert "trailed" not in seen.head


@pytest.mark.parametrize("flood", [b"2;" + b"x" * 65536, b"0\r\nX-Long: " + b"x" * 65536], ids=["extension", "trailer"])
def test_framing_without_end_is_given_up(port: int, flood: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(CHUNKED.encode() + flood)
        with pytest.raises(ConnectionError):
            for _ in range(2_000):
                connection.sendall(b"x" * 65536)


def test_requests_on_one_connection_keep_their_order(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for number in range(3):
            connection.sendall(f"{HEAD}X-Correlation-ID: c-{number}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
            assert f"x-correlation-id: c-{number}" in read_answer(connection).head


def test_sigterm_answers_what_is_under_way_then_closes() -> None:
    with running("--slow") as (process, port):
        seen: list[Seen] = []
        caller = threading.Thread(target=lambda: seen.append(post(port, b"{}")))
        caller.start()
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGTERM)
        caller.join()
        assert process.wait(timeout=60) == 0
        assert process.stdout.read() == "closed\n"
    assert seen[0].status == 200


def test_an_address_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            SetupError, match=f"^cannot listen on 127.0.0.1 port {port}: Address already in use; choose"
        ):
            server.bind("127.0.0.1", port)


def test_an_address_that_is_none_is_one_clear_line() -> None:
    with pytest.raises(SetupError, match=r"cannot listen on 192\.0\.2\.1 port 1"):
        server.bind("192.0.2.1", 1)

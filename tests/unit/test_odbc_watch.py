"""Whose sockets a connection watches: its own, and never those of callers that come in while it is opened."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.odbc.watch import UNKNOWN, Target, opened_sockets, target_of


def test_a_caller_that_comes_in_while_we_connect_is_not_taken_for_the_database() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door, socket.create_server(("127.0.0.1", 0)) as database:
        caller = socket.socket()
        before = socket.create_connection(database.getsockname())
        with opened_sockets() as found:
            link = socket.create_connection(database.getsockname())
            caller.connect(door.getsockname())
            came_in, _ = door.accept()
        ours = {sock.getsockname() for sock in found}
        assert came_in.getsockname() not in ours
        assert link.getsockname() in ours
        assert before.getsockname() not in ours
        came_in.close()
        caller.settimeout(5)
        assert caller.recv(1) == b"", "somebody still holds what was closed"
        for sock in (caller, before, link, *found):
            sock.close()


def test_a_connection_under_a_number_that_was_just_given_back_is_watched() -> None:
    """The lowest free number is given first: that of the listing itself, or of a file a driver reads and closes."""
    with socket.create_server(("127.0.0.1", 0)) as database:
        with opened_sockets() as found:
            with socket.socket():
                pass
            link = socket.create_connection(database.getsockname())
        assert [sock.getsockname() for sock in found] == [link.getsockname()]
        for sock in (link, *found):
            sock.close()


def target(server: socket.socket) -> Target:
    host, port = server.getsockname()[:2]
    return target_of(host, port)


@pytest.fixture
def two() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        yield one, other


Two = tuple[socket.socket, socket.socket]


@pytest.mark.parametrize("known", [True, False])
def test_a_server_that_hangs_holds_up_connections_to_no_other(two: Two, known: bool) -> None:
    opening, over = threading.Event(), threading.Event()

    def hang() -> None:
        with opened_sockets(target(two[0]) if known else UNKNOWN) as found:
            opening.set()
            over.wait(10)
        assert not found, "what went to another server meanwhile is not its own"

    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(hang)
        assert opening.wait(10)
        began = time.monotonic()
        with opened_sockets(target(two[1])) as found:
            link = socket.create_connection(two[1].getsockname())
        assert time.monotonic() - began < 5
        over.set()
        hanging.result(10)
    assert [sock.getsockname() for sock in found] == [link.getsockname()]
    for sock in (link, *found):
        sock.close()


def test_two_connections_to_one_server_are_not_taken_for_each_other(two: Two) -> None:
    def connect(_: int) -> bool:
        with opened_sockets(target(two[0])) as found:
            link = socket.create_connection(two[0].getsockname())
        same = [sock.getsockname() for sock in found] == [link.getsockname()]
        for sock in (link, *found):
            sock.close()
        return same

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(connect, range(20)))


def test_what_goes_elsewhere_meanwhile_is_not_ours(two: Two) -> None:
    with opened_sockets(target(two[0])) as found:
        elsewhere = socket.create_connection(two[1].getsockname())
        link = socket.create_connection(two[0].getsockname())
    assert [sock.getsockname() for sock in found] == [link.getsockname()]
    for sock in (elsewhere, link, *found):
        sock.close()


def test_where_no_socket_goes_to_the_server_that_is_named_the_new_ones_are_watched(two: Two) -> None:
    """A proxy, or a driver's own option, may lead elsewhere."""
    with opened_sockets(target(two[0])) as found:
        link = socket.create_connection(two[1].getsockname())
    assert [sock.getsockname() for sock in found] == [link.getsockname()]
    for sock in (link, *found):
        sock.close()


def test_targets_meet_where_a_socket_could_be_eithers() -> None:
    here, named = Target(frozenset({"127.0.0.1"}), 5432), Target(frozenset({"127.0.0.1", "::1"}), 5432)
    assert here.meets(named)
    assert here.meets(Target(port=5432))
    assert here.meets(Target(frozenset({"127.0.0.1"})))
    assert UNKNOWN.meets(UNKNOWN)
    assert not here.meets(here._replace(port=5433))
    assert not here.meets(Target(frozenset({"10.0.0.1"}), 5432))
    assert not here.meets(UNKNOWN)
    assert target_of("no such host.invalid", 5432) == Target(port=5432)
    assert target_of("::ffff:127.0.0.1", 1).addresses == {"127.0.0.1"}

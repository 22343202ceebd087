"""Whose sockets a connection watches: its own, and never those of callers that come in while it is opened."""

from __future__ import annotations

import socket

from adapters.odbc.watch import opened_sockets


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

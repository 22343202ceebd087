"""What workers share about callers, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from access_parts import NOW

from contracts.errors import UpstreamError
from gateway.access.audit import ADMITTED, REFUSED, Line, Written
from gateway.access.lockout import FORGET, FREE, Count
from gateway.access.store import KEEP_AUDIT, SharedAccess
from gateway.ledger.connect import connect, parse
from gateway.ledger.schema import METADATA

if TYPE_CHECKING:
    from postgres_server import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SharedAccess]:
    if request.param == "sqlite":
        engine = connect(tmp_path / "ledger.db")
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        engine = connect(parse(server.new_database()))
    METADATA.create_all(engine)
    made = SharedAccess(engine)
    yield made
    made.close()


def written(event: str, times: int, at: float = NOW, **more: str) -> Written:
    line = Line(event, "erp", "192.0.2.1", "password", "", "")._replace(**more)
    return Written(line, at, at, times)


def test_failures_add_up_and_lock(shared: SharedAccess) -> None:
    shared.count({b"a": FREE, b"b": 1}, NOW)
    shared.count({b"a": 2}, NOW)
    assert shared.counts(NOW) == {b"a": Count(FREE + 2, NOW + 2), b"b": Count(1, NOW)}
    assert shared.counts(NOW + FORGET + 3) == {}


def test_a_nonce_is_new_once(shared: SharedAccess) -> None:
    assert shared.use([(b"x", NOW + 1), (b"y", NOW + 1), (b"x", NOW + 1)]) == [True, True, False]
    assert shared.use([(b"y", NOW + 9)]) == [False]
    shared.forget(NOW + 2)
    assert shared.use([(b"y", NOW + 9)]) == [True]


def test_an_audit_line_grows_and_is_found(shared: SharedAccess) -> None:
    rows = shared.write([(0, written(REFUSED, 3, cause="wrong")), (0, written(ADMITTED, 1))])
    assert shared.write([(rows[0], written(REFUSED, 4, NOW + 5))]) == rows[:1]
    newest, other = shared.events()
    assert (newest.number, newest.written.times, newest.written.last) == (rows[0], 7, NOW + 5)
    assert other.written == written(ADMITTED, 1)
    assert [one.number for one in shared.events(event=ADMITTED, principal="erp")] == rows[1:]
    assert shared.events(principal="nobody") == []
    assert shared.logged_in(NOW) == {("erp", "192.0.2.1")}
    assert shared.logged_in(NOW + 1) == set()


def test_old_audit_lines_are_let_go(shared: SharedAccess) -> None:
    shared.write([(0, written(REFUSED, 1)), (0, written(REFUSED, 1, NOW + 60))])
    shared.forget(NOW + KEEP_AUDIT + 30)
    assert [one.written.last for one in shared.events()] == [NOW + 60]


def test_a_cause_that_is_too_long_is_cut_not_lost(shared: SharedAccess) -> None:
    shared.write([(0, written(REFUSED, 1, cause="c" * 500, address="a" * 500))])
    (event,) = shared.events()
    assert (len(event.written.line.cause), len(event.written.line.address)) == (128, 64)


def test_a_database_that_is_gone_is_said_and_asked_again(shared: SharedAccess) -> None:
    METADATA.drop_all(shared._engine)
    with pytest.raises(UpstreamError):
        shared.counts(NOW)
    with pytest.raises(UpstreamError):
        shared.use([(b"x", NOW)])
    METADATA.create_all(shared._engine)
    assert shared.use([(b"x", NOW)]) == [True]

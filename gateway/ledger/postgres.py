"""The writer's connection to PostgreSQL: three round trips per group, whatever its size.

::

    requests, latest ─▶ rows      BEGIN, head FOR UPDATE ─▶ head      inserts, head, COMMIT ─▶ on disk

Statements are queued and sent as one when somebody asks for rows (libpq's pipeline mode), and prepared once per size.
They go through ``psycopg.pq``, the driver's own binding of libpq: its cursors wait, and so give up the interpreter lock
and have to win it back from the event loop, several times per statement. A wait ends when the server says nothing for
longer than it may: then the connection is given up, and whether the group was committed shows when it is asked again.

https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from psycopg import OperationalError, pq
from psycopg.errors import error_from_result
from sqlalchemy import Engine

from gateway.ledger.connect import insist_on_durability
from gateway.ledger.settle import Stored
from gateway.ledger.statements import MOST_ROWS, Statements
from gateway.ledger.store import Keyring, Store

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

SLACK_S = 2.0
"""How much longer than the patience of its locks the server may take before it counts as stalled."""
ABANDONED_S = 10
"""After this long the server takes the head back from a gateway that holds it and does nothing: stopped, or cut off."""
_TEXT, _BINARY = 0, 1
_INTEGERS = frozenset({20, 21, 23})  # int8, int2, int4 in pg_type.dat
_BYTEA = 17

Decoder = Callable[[bytes], object]


class Awaited:
    """The rows a queued statement will give; asking for them sends everything that is queued."""

    __slots__ = ("_store", "rows", "statement")

    def __init__(self, store: PostgresStore, statement: str) -> None:
        self._store = store
        self.statement = statement
        self.rows: list[tuple[Any, ...]] | None = None

    def fetchall(self) -> list[tuple[Any, ...]]:
        if self.rows is None:
            self._store.exchange()
        return self.rows or []

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(iter(self.fetchall()), None)


def statements_for(engine: Engine) -> Statements:
    """The statements with the server's own placeholders, ``$1``, as they are prepared."""
    dialect: Any = type(engine.dialect)
    return Statements(dialect(paramstyle="numeric_dollar"))


class PostgresStore(Store):
    """As ``Store``. An error of any statement of a group is raised where rows are read or the group is committed."""

    def __init__(self, engine: Engine, statements: Statements, keyring: Keyring, patience: float) -> None:
        self._queued: deque[Awaited] = deque()
        self._prepared: dict[str, bytes] = {}
        self._decoders: dict[str, list[Decoder]] = {}
        self._silence_ms = int((patience + SLACK_S) * 1000)
        super().__init__(engine, statements, keyring, patience)

    def known(
        self, requests: Sequence[bytes], businesses: Sequence[bytes]
    ) -> tuple[dict[bytes, Stored | None], dict[bytes, str]]:
        """Both look-ups in one round trip."""
        asked = [self._ask(self._statements.requests, some) for some in _pieces(requests)]
        named = [self._ask(self._statements.latest, some) for some in _pieces(businesses)]
        found: dict[bytes, Stored | None] = dict.fromkeys(requests)
        found |= {row[0]: Stored(*row[1:]) for awaited in asked for row in awaited.fetchall()}
        return found, {mark: name for awaited in named for mark, name in awaited.fetchall()}

    def commit(self) -> None:
        """End the transaction; the server's reply says that it is on its disk."""
        self._run("COMMIT")
        self.exchange()

    def rollback(self) -> None:
        self._run("ROLLBACK")
        self.exchange()

    def exchange(self) -> None:
        """Send what is queued, read every reply; raises the first error among them."""
        waiting, self._queued = self._queued, deque()
        self._pg.pipeline_sync()
        self._flush()
        error: Exception | None = None
        while waiting:
            result = self._result()
            if result is None:
                continue  # the end of the statement before
            awaited = waiting.popleft()
            if result.status == pq.ExecStatus.FATAL_ERROR:
                error = error or self._error(result)
            else:
                awaited.rows = self._rows(awaited.statement, result)
        while (end := self._result()) is None or end.status != pq.ExecStatus.PIPELINE_SYNC:
            pass
        if error is not None:
            raise error

    def _tune(self, patience: float) -> None:
        self._pg = self._driver.pgconn
        self._poll = select.poll()
        self._poll.register(self._pg.socket, select.POLLIN)
        for setting, value in (
            ("lock_timeout", f"{int(patience * 1000)}ms"),
            ("idle_in_transaction_session_timeout", f"{ABANDONED_S}s"),
            ("jit", "off"),  # compiling a plan costs more than any of these statements
            ("enable_seqscan", "off"),  # plans are kept, and the first are made on an empty table
            ("plan_cache_mode", "force_generic_plan"),
        ):
            self._driver.execute(f"SET {setting} = '{value}'")
        insist_on_durability(self._driver)
        self._pg.enter_pipeline_mode()
        self._pg.nonblocking = 1

    def _insert(self, table: Any, rows: list[tuple[Any, ...]]) -> None:
        for some in _pieces(rows, pad=False):
            self._run(self._statements.insert(table, len(some)), [value for row in some for value in row])

    def _read(self, statement: Callable[[int], str], values: Sequence[Any]) -> list[tuple[Any, ...]]:
        asked = [self._ask(statement, some) for some in _pieces(values)]
        return [row for awaited in asked for row in awaited.fetchall()]

    def _ask(self, statement: Callable[[int], str], values: Sequence[Any]) -> Awaited:
        return self._run(statement(len(values)), values)

    def _run(self, statement: str, values: Sequence[Any] = ()) -> Awaited:
        name = self._prepared.get(statement) or self._prepare(statement)
        parameters = [_encoded(value) for value in values]
        formats = [_BINARY if type(value) is bytes else _TEXT for value in values]
        self._pg.send_query_prepared(name, parameters, formats, _BINARY)
        return self._queue(statement)

    def _prepare(self, statement: str) -> bytes:
        name = f"s{len(self._prepared)}".encode()
        self._pg.send_prepare(name, statement.encode())
        self._prepared[statement] = name
        self._queue("")
        return name

    def _queue(self, statement: str) -> Awaited:
        awaited = Awaited(self, statement)
        self._queued.append(awaited)
        return awaited

    def _flush(self) -> None:
        while self._pg.flush():
            self._wait(select.POLLIN | select.POLLOUT)
            self._pg.consume_input()

    def _result(self) -> PGresult | None:
        while self._pg.is_busy():
            self._wait(select.POLLIN)
            self._pg.consume_input()
        result: PGresult | None = self._pg.get_result()
        if result is None and self._pg.status != pq.ConnStatus.OK:
            raise OperationalError(f"the connection is lost: {self._pg.get_error_message()}")
        return result

    def _wait(self, what: int) -> None:
        self._poll.modify(self._pg.socket, what)
        if not self._poll.poll(self._silence_ms):
            raise OperationalError("the database does not answer")

    def _error(self, result: PGresult) -> Exception:
        if self._pg.status != pq.ConnStatus.OK:
            return OperationalError(f"the connection is lost: {self._pg.get_error_message()}")
        return error_from_result(result)

    def _rows(self, statement: str, result: PGresult) -> list[tuple[Any, ...]]:
        if not result.ntuples:
            return []
        decoders = self._decoders.get(statement)
        if decoders is None:
            decoders = self._decoders[statement] = [_decoder(result.ftype(i)) for i in range(result.nfields)]
        return [
            tuple(
                None if (value := result.get_value(row, column)) is None else decode(value)
                for column, decode in enumerate(decoders)
            )
            for row in range(result.ntuples)
        ]


def _pieces(values: Sequence[Any], *, pad: bool = True) -> list[Sequence[Any]]:
    """In lengths that are powers of two, so that few statements are prepared; ``pad`` by repeating the last value."""
    pieces: list[Sequence[Any]] = []
    start = 0
    while (left := len(values) - start) > 0:
        size = min(1 << (left.bit_length() - 1), MOST_ROWS)
        if pad and size < left < MOST_ROWS:
            return [*pieces, [*values[start:], *[values[-1]] * (2 * size - left)]]
        pieces.append(values[start : start + size])
        start += size
    return pieces


def _encoded(value: object) -> bytes | None:
    return value if value is None or type(value) is bytes else str(value).encode()


def _decoder(kind: int) -> Decoder:
    if kind in _INTEGERS:
        return _integer
    return bytes if kind == _BYTEA else bytes.decode


def _integer(value: bytes) -> int:
    return int.from_bytes(value, "big", signed=True)

"""One connection of the writer: reads what a group needs, appends a block, commits. No rule is decided here.

This is SQLite's; gateway/ledger/postgres.py changes how statements travel.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from sqlalchemy import Engine

from contracts.errors import InternalFault, SetupError
from gateway.ledger.chain import Head, block_digest, entry_digest, head_seal, merkle_root, signature
from gateway.ledger.schema import BLOCK, ENTRY, ENVELOPE, ENVELOPE_KEY
from gateway.ledger.seal import Sealer
from gateway.ledger.settle import Stored
from gateway.ledger.statements import MOST_ROWS, Statements
from gateway.ledger.types import Kind, Payload


class Keyring(NamedTuple):
    """The opened keys of a ledger. ``masters`` holds every master key known, by its number; ``master`` the newest's."""

    master: int
    masters: dict[int, Sealer]
    signer: int
    signing_keys: dict[int, bytes]
    index_key: bytes


class Draft(NamedTuple):
    """One entry before its number is known. ``columns`` are those of ``entry`` from name to sealed_digest; ``durable``
    is called once it is.
    """

    kind: int
    columns: tuple[Any, ...]
    sealed: bytes
    wrapped: bytes
    retain_until: int | None
    erases: str = ""
    purges: Sequence[int] = ()
    durable: Callable[[], None] | None = None


class Block(NamedTuple):
    number: int
    digest: bytes
    signature: bytes


class Store:
    """The writer's own connection, not for several threads. ``patience`` is in seconds.

    ``erased`` turns true when a key was destroyed of which the write-ahead log may still hold a copy.
    """

    def __init__(self, engine: Engine, statements: Statements, keyring: Keyring, patience: float) -> None:
        self.erased = False
        self._pooled = engine.raw_connection()
        self._driver: Any = self._pooled.driver_connection
        driver = engine.dialect.loaded_dbapi
        self.errors: type[Exception] = driver.Error
        self._of_one_entry = driver.IntegrityError, driver.DataError, driver.ProgrammingError
        self._statements = statements
        self._keyring = keyring
        try:
            self._tune(patience)
        except BaseException:
            self.close()
            raise

    def _tune(self, _patience: float) -> None:
        self._run("PRAGMA busy_timeout=0")  # gateway/ledger/patience.py waits instead

    def close(self) -> None:
        """Give the connection up for good; an open transaction is rolled back."""
        self._pooled.invalidate()

    def blames_an_entry(self, cause: Exception) -> bool:
        """Whether one entry of a group is to blame, and not the state of the database or the installation."""
        return not isinstance(cause, (self.errors, SetupError)) or isinstance(cause, self._of_one_entry)

    def head(self) -> Head:
        return Head(*self._run(self._statements.head).fetchone())

    def known(
        self, requests: Sequence[bytes], businesses: Sequence[bytes]
    ) -> tuple[dict[bytes, Stored | None], dict[bytes, str]]:
        """``stored`` and ``latest`` of a whole group."""
        return self.stored(requests), self.latest(businesses)

    def stored(self, requests: Sequence[bytes]) -> dict[bytes, Stored | None]:
        """The decisions under request marks; None for each mark that has none."""
        found: dict[bytes, Stored | None] = dict.fromkeys(requests)
        for request, name, sent, valid_until in self._read(self._statements.requests, requests):
            found[bytes(request)] = Stored(name, bytes(sent), valid_until)
        return found

    def latest(self, businesses: Sequence[bytes]) -> dict[bytes, str]:
        """The newest decision under each business mark that has one."""
        return {bytes(mark): name for mark, name in self._read(self._statements.latest, businesses)}

    def holds(self, name: str) -> bool:
        """Whether there is an entry of this id."""
        return self._run(self._statements.named, (name,)).fetchone() is not None

    def past_retention(self, now: int) -> list[int]:
        """Numbers of some entries whose payload was to be kept until before ``now``, in microseconds, and still is."""
        return [row[0] for row in self._run(self._statements.past_retention, (now,)).fetchall()]

    def decision(self, name: str) -> tuple[str, str, bytes | None] | None:
        """Mode, integration and business mark of a decision."""
        found: tuple[str, str, bytes | None] | None = self._run(self._statements.decision, (name,)).fetchone()
        return found

    def submission(self, name: str) -> tuple[str, str, bytes | None] | None:
        """The same of a decision, a refusal or a fault."""
        found: tuple[str, str, bytes | None] | None = self._run(self._statements.submission, (name,)).fetchone()
        return found

    def payloads(self, names: Sequence[str]) -> dict[str, Payload | InternalFault | None]:
        """The opened payloads of entries; None for those that were erased, a fault for those that will not open."""
        opened: dict[str, Payload | InternalFault | None] = {}
        for name, sealed, master, wrapped in self._read(self._statements.payloads, names):
            try:
                opened[name] = None if wrapped is None else open_envelope(self._keyring, name, sealed, master, wrapped)
            except InternalFault as fault:
                opened[name] = fault
        return opened

    def begin(self) -> None:
        """Open the transaction; with SQLite this takes the lock."""
        self._run(self._statements.begin)

    def lock_head(self) -> Head:
        """Take the head row; whoever holds it appends alone. SetupError where the master key in use was retired."""
        *head, index_key = self._run(self._statements.lock_head, (self._keyring.master,)).fetchone()
        if index_key is None:
            raise retired()
        return Head(*head)

    def append(self, drafts: Sequence[Draft], head: Head) -> Block:
        """Write entries and the block over them into the open transaction."""
        first, master = head.entries + 1, self._keyring.master
        entries, leaves = [], []
        for number, draft in enumerate(drafts, first):
            digest = entry_digest(number, draft.kind, *draft.columns)
            leaves.append(digest)
            entries.append((number, draft.kind, *draft.columns, digest))
        self._insert(ENTRY, entries)
        self._insert(ENVELOPE, [(number, draft.sealed) for number, draft in enumerate(drafts, first)])
        self._insert(ENVELOPE_KEY, [_key_row(number, draft, master) for number, draft in enumerate(drafts, first)])
        for number, draft in enumerate(drafts, first):
            if draft.erases:
                self._run(self._statements.erase, (draft.erases, draft.erases, number))
                self.erased = True
            for start in range(0, len(draft.purges), MOST_ROWS):
                some = draft.purges[start : start + MOST_ROWS]
                self._run(self._statements.purge(len(some)), some)
                self.erased = True
        return self._close_block(head, leaves, max(draft.columns[_RECEIVED] for draft in drafts))

    def commit(self) -> None:
        """End the transaction; on return it is on disk."""
        self._run("COMMIT")

    def rollback(self) -> None:
        self._run("ROLLBACK")

    def restart_log(self, patience: float) -> bool:
        """Bring the rest of the write-ahead log into the database file with other writers held off, so that the next
        commit starts it anew: beside other processes that commit, a passive check-point never reaches the end. Whether
        it was done; gives up after ``patience`` seconds, with the rest brought in as far as it went.
        """
        end = time.monotonic() + patience
        while self._run("PRAGMA wal_checkpoint(RESTART)").fetchone()[0]:
            if time.monotonic() >= end:
                return False
            time.sleep(_RESTART_PAUSE_S)
        return True

    def _close_block(self, head: Head, leaves: list[bytes], at: int) -> Block:
        number, root, signer = head.number + 1, merkle_root(leaves), self._keyring.signer
        digest = block_digest(number, head.digest, root, head.entries + 1, len(leaves), at)
        signed = signature(self._keyring.signing_keys[signer], digest)
        row = (number, head.digest, root, head.entries + 1, len(leaves), at, digest, signer, signed)
        self._insert(BLOCK, [row])
        ended = Head(number, digest, head.entries + len(leaves))
        seal = head_seal(self._keyring.signing_keys[signer], ended)
        self._run(self._statements.set_head, (*ended, seal))
        return Block(number, digest, signed)

    def _insert(self, table: Any, rows: list[tuple[Any, ...]]) -> None:
        for start in range(0, len(rows), MOST_ROWS):
            some = rows[start : start + MOST_ROWS]
            self._run(self._statements.insert(table, len(some)), [value for row in some for value in row])

    def _read(self, statement: Callable[[int], str], values: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for start in range(0, len(values), MOST_ROWS):
            some = values[start : start + MOST_ROWS]
            rows += self._run(statement(len(some)), some).fetchall()
        return rows

    def _run(self, statement: str, values: Sequence[Any] = ()) -> Any:
        return self._driver.execute(statement, values)


_RESTART_PAUSE_S = 0.000_5
_RECEIVED = 8
"""Where ``received`` stands in ``Draft.columns``."""


_RETENTION = {int(kind): kind.word for kind in Kind}


def retired() -> SetupError:
    """What is wrong where this process seals under a key that ``rotate-keys`` retired and that may be destroyed."""
    return SetupError(
        "master key retired: rotate-keys took the first one given out of use while this process served, and nothing "
        "more is sealed under it; give the newer key first and restart"
    )


def _key_row(number: int, draft: Draft, master: int) -> tuple[Any, ...]:
    return number, master, draft.wrapped, _RETENTION[draft.kind], draft.retain_until


def open_envelope(keyring: Keyring, name: str, sealed: bytes, master: int, wrapped: bytes) -> Payload:
    """A payload in the clear; raises InternalFault when it was altered or its master key is not at hand."""
    sealer = keyring.masters.get(master)
    if sealer is None:
        raise InternalFault(f"{name} is sealed under master key {master}, which was not given", code="key_missing")
    try:
        return sealer.open(name, bytes(sealed), bytes(wrapped))
    except InvalidTag as exc:
        raise InternalFault(f"entry {name} was altered on disk; run verify --chain", code="altered") from exc

"""Verifying the chain: every entry against its block, every block against the one before, all against the anchor.

=====================  ===============================================================================================
finding                what it means
=====================  ===============================================================================================
``entry_altered``      a row no longer matches the digest its block commits to
``payload_altered``    a sealed payload no longer matches its entry
``payload_missing``    an entry's sealed payload is gone, which nothing the ledger does can bring about
``key_destroyed``      a payload's key was destroyed, and no erasure or purge of the chain says so
``key_altered``        a payload's key was changed, so that the payload opens no more
``key_unknown``        a master key was not given to this program: what lies under it could not be looked at
``entry_missing``      a block's rows are not all there
``entry_unblocked``    rows beyond the last block: written past the ledger
``block_altered``      a block does not match its own digest, or its root its entries
``block_missing``      a gap in the numbers
``link_broken``        a block does not name the block before it
``signature_wrong``    a block was rewritten by someone without the signing key
``signature_unknown``  a block's signing key was not given to this program
``head_wrong``         the head row and the last block disagree
``truncated``          the head was never the ledger's own, for it bears the seal of another or the anchor names a later
                       block: the end was cut off
``old_copy``           the anchor names a later block, and the head once was the ledger's own: an old backup
``rewritten``          the anchor names another digest for a block: rewritten and hashed again
``anchor_altered``     lines of the anchor file are not signed by this ledger: changed, or forged
``anchor_missing``     there are blocks but the anchor file is empty
=====================  ===============================================================================================
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from gateway.ledger.anchored import Anchored
from gateway.ledger.chain import GENESIS, Anchor, Head, block_digest, entry_digest, merkle_root, signature
from gateway.ledger.destroyed import Keys
from gateway.ledger.end import read_end, was_cut
from gateway.ledger.schema import BLOCK, ENTRY, ENVELOPE, ENVELOPE_KEY, HEAD
from gateway.ledger.store import Keyring
from gateway.ledger.types import Finding

_BLOCKS_AT_ONCE = 64


def verify(engine: Engine, keyring: Keyring, anchor: Anchor) -> Iterator[Finding]:
    """Walk the chain. What is appended meanwhile is left for the next time."""
    size = anchor.size()  # read before the head: others may be appending
    with engine.connect() as connection:
        end = read_end(connection)
        walk = _Walk(connection, keyring)
        yield from walk.run(end.head.number)
        yield from walk.check_end(end.head)
        cut = was_cut(connection, end, keyring.signing_keys)
        anchored = Anchored(connection, keyring, end.head)
        yield from anchored.read(anchor.lines(size))
        last = anchored.last()
    number = end.head.number
    if number and not anchored.lines:
        yield Finding("anchor_missing", -1, -1, f"there are {number} blocks but the anchor file names none")
    if last and not cut:
        seen = f"the chain ends at block {number}, the anchor names {last}"
        if end.sealed(keyring.signing_keys) or not number:
            yield Finding("old_copy", number, -1, f"{seen}: an old backup or copy was put in place")
        else:
            yield Finding("truncated", number, -1, f"{seen}: the end was cut off")
    elif cut:
        seen = f"the chain ends at block {number}, where the ledger never ended: its head bears the seal of another"
        yield Finding("truncated", number, -1, f"{seen}: the end was cut off")


class _Walk:
    """One pass over the blocks; keeps digest and number of entries as the block before left them."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._connection = connection
        self._signing_keys = keyring.signing_keys
        self._keys = Keys(connection, keyring)
        self._digest: bytes | None = GENESIS
        self._entries = 0

    def run(self, end: int) -> Iterator[Finding]:
        number = 1
        while number <= end:
            blocks = self._some(number, min(number + _BLOCKS_AT_ONCE - 1, end))
            for block in blocks:
                while number < block.number:
                    yield self._gap(number)
                    number += 1
                yield from self._block(block)
                number += 1
            if not blocks:
                yield self._gap(number)
                number = self._next(number, end)

    def check_end(self, end: Head) -> Iterator[Finding]:
        if self._digest is not None and (end.digest, end.entries) != (self._digest, self._entries):
            yield Finding("head_wrong", end.number, -1, "the head row and the last block disagree")
        beyond = select(ENTRY.c.id).where(ENTRY.c.id > end.entries).order_by(ENTRY.c.id)
        further = select(HEAD.c.entries)
        for row in self._connection.execute(beyond.where(ENTRY.c.id > further.scalar_subquery()).limit(10)):
            yield Finding("entry_unblocked", -1, row.id, f"entry {row.id} lies beyond the last block")
        yield from self._keys.check_end()

    def _some(self, first: int, last: int) -> Sequence[Row[*tuple[Any, ...]]]:
        query = select(BLOCK).where(BLOCK.c.number.between(first, last)).order_by(BLOCK.c.number)
        return self._connection.execute(query).all()

    def _next(self, number: int, end: int) -> int:
        query = select(BLOCK.c.number).where(BLOCK.c.number > number).order_by(BLOCK.c.number).limit(1)
        found: int | None = self._connection.execute(query).scalar()
        return end + 1 if found is None else found

    def _gap(self, number: int) -> Finding:
        self._digest = None
        return Finding("block_missing", number, -1, f"block {number} is missing")

    def _block(self, block: Row[*tuple[Any, ...]]) -> Iterator[Finding]:
        number, digest = block.number, bytes(block.digest)
        previous, root = bytes(block.previous), bytes(block.root)
        if digest != block_digest(number, previous, root, block.first, block.size, block.at):
            yield Finding("block_altered", number, -1, f"block {number} does not match its own digest")
        if self._digest is not None and (previous, block.first) != (self._digest, self._entries + 1):
            yield Finding("link_broken", number, -1, f"block {number} does not follow from block {number - 1}")
        yield from self._signed(block)
        yield from self._contents(block)
        self._digest, self._entries = digest, block.first + block.size - 1

    def _signed(self, block: Row[*tuple[Any, ...]]) -> Iterator[Finding]:
        key = self._signing_keys.get(block.signer)
        if key is None:
            yield Finding("signature_unknown", block.number, -1, f"signing key {block.signer} was not given")
        elif not hmac.compare_digest(signature(key, bytes(block.digest)), bytes(block.signature)):
            yield Finding("signature_wrong", block.number, -1, f"block {block.number} is not signed by this ledger")

    def _contents(self, block: Row[*tuple[Any, ...]]) -> Iterator[Finding]:
        last = block.first + block.size - 1
        key = ENVELOPE_KEY.c
        joined = ENTRY.outerjoin(ENVELOPE, ENVELOPE.c.id == ENTRY.c.id).outerjoin(ENVELOPE_KEY, key.id == ENTRY.c.id)
        query = select(ENTRY, ENVELOPE.c.sealed, key.master, key.wrapped).select_from(joined)
        query = query.where(ENTRY.c.id.between(block.first, last))
        rows = self._connection.execute(query.order_by(ENTRY.c.id)).all()
        for row in rows:
            yield from _entry(block.number, row)
            yield from self._keys.look(block.number, row)
        present = {row.id for row in rows}
        for number in (number for number in range(block.first, last + 1) if number not in present):
            yield Finding("entry_missing", block.number, number, f"entry {number} of block {block.number} is missing")
        if rows and merkle_root([bytes(row.digest) for row in rows]) != bytes(block.root):
            yield Finding("block_altered", block.number, -1, f"block {block.number} does not match its entries")


def _entry(block: int, row: Row[*tuple[Any, ...]]) -> Iterator[Finding]:
    *columns, digest, sealed, _, _ = row
    if entry_digest(*columns) != bytes(digest):
        yield Finding("entry_altered", block, row.id, f"entry {row.id} ({row.name}) of block {block} was altered")
    if sealed is None:
        yield Finding("payload_missing", block, row.id, f"the payload of entry {row.id} ({row.name}) is gone")
    elif hashlib.sha256(sealed).digest() != bytes(row.sealed_digest):
        yield Finding("payload_altered", block, row.id, f"the payload of entry {row.id} ({row.name}) was altered")

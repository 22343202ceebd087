"""Whether where a chain ends was ever its own end: what the seal in the head row tells, also without the anchor.

Every commit seals the head with the signing key, and nobody else can. Where the end was cut off, the head bears the
seal of a later one. Gateways of a schema version without seals leave the one that is there, of an earlier head, or
none; and none says nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select

from gateway.ledger.chain import Head, head_seal
from gateway.ledger.schema import BLOCK, HEAD

_BLOCKS_AT_ONCE = 1000


class End(NamedTuple):
    """The head row; ``seal`` is empty where it bears none."""

    head: Head
    seal: bytes

    def sealed(self, signing_keys: Mapping[int, bytes]) -> bool:
        """Whether a writer of this ledger left the head as it is."""
        return _seals(self.seal, self.head, signing_keys)


def read_end(connection: Connection) -> End:
    number, digest, entries, seal = connection.execute(select(*HEAD.c["number", "digest", "entries", "seal"])).one()
    return End(Head(number, bytes(digest), entries), bytes(seal or b""))


def was_cut(connection: Connection, end: End, signing_keys: Mapping[int, bytes]) -> bool:
    """Whether the head bears a seal that no head of this chain had. False also where that cannot be told: it bears
    none, or the last block's signing key was not given.
    """
    if not end.seal or end.sealed(signing_keys):
        return False
    blocks = select(*BLOCK.c["number", "digest", "first", "size", "signer"]).order_by(BLOCK.c.number.desc())
    number = end.head.number
    while rows := connection.execute(blocks.where(BLOCK.c.number <= number).limit(_BLOCKS_AT_ONCE)).all():
        if number == end.head.number and rows[0].signer not in signing_keys:
            return False
        for row in rows:
            if _seals(end.seal, Head(row.number, bytes(row.digest), row.first + row.size - 1), signing_keys):
                return False
        number = rows[-1].number - 1
    return True


def _seals(seal: bytes, head: Head, signing_keys: Mapping[int, bytes]) -> bool:
    return any(hmac.compare_digest(head_seal(key, head), seal) for key in signing_keys.values())

"""What the workers of one ledger share beside the chain: lock-outs, nonces that were used, the audit trail.

====================  ================================================================================================
``lockout``           failed attempts by principal or address, and until when it is turned away
``nonce``             a token that may be used once, and when it may be forgotten
``audit``             security events, one row per hour and kind with its count; never a secret or a guess of one
====================  ================================================================================================

Adding a table: declare it here on METADATA with ``info=since(VERSION)`` (schema.VERSION, raised by one if that version
was released) and name it above. New ledgers get it when they are made, older ones by ``scoregate ledger migrate``;
nothing else is to be done. So do a new index, or a column that may be empty, of an older table. Times are microseconds
since 1970 in UTC.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from gateway.ledger.schema import METADATA, since

LOCKOUT = Table(
    "lockout",
    METADATA,
    Column("key", LargeBinary, primary_key=True),  # a digest of principal or address
    Column("failures", Integer, nullable=False),
    Column("until", BigInteger, nullable=False),
    info=since(2),
)
NONCE = Table(
    "nonce",
    METADATA,
    Column("key", LargeBinary, primary_key=True),  # a digest of who used it and the nonce
    Column("expires", BigInteger, nullable=False),
    info=since(2),
)
Index("nonce_expires", NONCE.c.expires, info=since(2))

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("event", String(32), nullable=False),
    Column("principal", String(64), nullable=False),
    Column("integration", String(128), nullable=False),
    Column("credential", String(16), nullable=False),
    Column("address", String(64), nullable=False),
    Column("cause", String(128), nullable=False),
    info=since(2),
)
Index("audit_at", AUDIT.c.at, info=since(2))

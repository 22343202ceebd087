"""What the workers of one ledger share beside the chain: lock-outs, nonces that were used, the audit trail.

====================  ================================================================================================
``lockout``           failed attempts by principal or address, and until when it is turned away
``nonce``             a token that may be used once, and when it may be forgotten
``audit``             one row per security event, appended only; never a secret, never a value of an application
====================  ================================================================================================

Adding a table: declare it here on METADATA with ``info=since(VERSION)`` (schema.VERSION, raised by one if that version
was released) and name it above. New ledgers get it when they are made, older ones by ``scoregate ledger
migrate``; nothing else is to be done. A new column or index of an older table needs a step in migrate.py (an index only
its ``info``). Times are microseconds since 1970 in UTC.
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
    Column("event", String(64), nullable=False),
    Column("principal", String(256), nullable=False),
    Column("integration", String(128), nullable=False),
    Column("cause", String(256), nullable=False),
    Column("correlation", String(128), nullable=False),
    Column("address", String(64), nullable=False),
    info=since(2),
)
Index("audit_at", AUDIT.c.at, info=since(2))

"""The tables of the ledger itself; gateway/ledger/shared.py holds those of what workers share.

====================  ================================================================================================
``entry``             one row per submission or appended fact: commitments only, nothing personal in the clear
``envelope``          its sealed payload
``envelope_key``      its wrapped data key, with retention; deleting the row erases the person, the chain still verifies
``block``             one row per group commit: Merkle root of its entries, link to the block before, signed
``head``              the one row that says where the chain ends; locked by whoever appends
``secret``            check values of master and signing keys, and the wrapped index key
``ledger``            the schema version
====================  ================================================================================================

A table, column (which must be nullable) or index that came with a later schema version says so: ``info=since(2)``.
gateway/ledger/migrate.py makes it where an older ledger is brought up.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, SmallInteger, String, Table

VERSION = 3
"""Schema version this code writes. An older one is migrated on command only; a newer one is refused."""

METADATA = MetaData()
_SINCE = "since"


def since(version: int) -> dict[str, int]:
    """The mark of a table, column or index that earlier schema versions do not have."""
    return {_SINCE: version}


def version_of(part: Table | Index | Column[Any]) -> int:
    """The schema version a table, column or index came with."""
    return int(part.info.get(_SINCE, 1))


_ID = BigInteger().with_variant(Integer, "sqlite")  # in SQLite only INTEGER PRIMARY KEY is the row id itself
_BYTES = LargeBinary

ENTRY = Table(
    "entry",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("name", String(64), nullable=False),
    Column("about", String(64)),
    Column("request", _BYTES),
    Column("business", _BYTES),
    Column("mode", String(16), nullable=False),
    Column("integration", String(128), nullable=False),
    Column("principal", String(256), nullable=False),
    Column("outcome", String(64), nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("valid_until", BigInteger),
    Column("sent", _BYTES),
    Column("salt", _BYTES, nullable=False),
    Column("sealed_digest", _BYTES, nullable=False),
    Column("digest", _BYTES, nullable=False),
)
Index("entry_name", ENTRY.c.name, unique=True)


def _where_given(name: str, column: Column[Any], *further: Column[Any], unique: bool = False, version: int = 1) -> None:
    given = column.is_not(None)
    Index(name, column, *further, unique=unique, sqlite_where=given, postgresql_where=given, info=since(version))


_where_given("entry_request", ENTRY.c.request, unique=True)
_where_given("entry_business", ENTRY.c.business, ENTRY.c.kind)
_where_given("entry_about", ENTRY.c.about)

ENVELOPE = Table(
    "envelope",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("sealed", _BYTES, nullable=False),
)
ENVELOPE_KEY = Table(
    "envelope_key",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("master", SmallInteger, nullable=False),
    Column("wrapped", _BYTES, nullable=False),
    Column("retention", String(32), nullable=False),
    Column("retain_until", BigInteger),
)
_where_given("envelope_key_retain_until", ENVELOPE_KEY.c.retain_until, version=2)
BLOCK = Table(
    "block",
    METADATA,
    Column("number", _ID, primary_key=True, autoincrement=False),
    Column("previous", _BYTES, nullable=False),
    Column("root", _BYTES, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("digest", _BYTES, nullable=False),
    Column("signer", SmallInteger, nullable=False),
    Column("signature", _BYTES, nullable=False),
)
HEAD = Table(
    "head",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("digest", _BYTES, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("seal", _BYTES, info=since(3)),
)
SECRET = Table(
    "secret",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("purpose", String(16), nullable=False),
    Column("check_value", _BYTES, nullable=False),
    Column("wrapped", _BYTES),
)
LEDGER = Table(
    "ledger",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)

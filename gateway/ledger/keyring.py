"""The keys of a ledger, told apart by check values in the database, and how a new one takes over from an old one.

A key given beside one the ledger knows is registered when the ledger is opened; the first given is used from then on.
``rewrap`` then brings the data keys of earlier entries under the newest master key in small batches, while gateways
serve, and retires the older ones: who still seals under one is refused from then on. Signatures stay as they are: a
signing key that once signed is needed to verify.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, func, insert, select, update

from contracts.errors import SetupError
from gateway.ledger.connect import place
from gateway.ledger.migrate import alone
from gateway.ledger.patience import patiently
from gateway.ledger.schema import ENTRY, ENVELOPE_KEY, SECRET
from gateway.ledger.seal import KEY_BYTES, InvalidTag, Sealer, check_value
from gateway.ledger.store import Keyring

MASTER, SIGNING = "master", "signing"
BATCH = 500
"""Data keys per transaction: a few milliseconds, which a group commit can wait."""
_INDEX_LABEL = b"scoregate index key"

Known = Mapping[bytes, Row[*tuple[Any, ...]]]


def first_secrets(master: bytes, signer: bytes) -> list[dict[str, object]]:
    """The rows of ``secret`` for a new ledger. The index key is made once and outlives every master key."""
    index_key = Sealer(master).wrap(_INDEX_LABEL, os.urandom(KEY_BYTES))
    return [
        {"id": 1, "purpose": MASTER, "check_value": check_value(master), "wrapped": index_key},
        {"id": 2, "purpose": SIGNING, "check_value": check_value(signer), "wrapped": None},
    ]


def open_keyring(engine: Engine, masters: Sequence[bytes], signers: Sequence[bytes], patience: float) -> Keyring:
    """The ring of the keys given, newest first; raises SetupError where the ledger knows none of a purpose."""
    with engine.connect() as connection:
        known = _read(connection)
    _require(known, masters, "master key", engine)
    _require(known, signers, "signing key", engine)
    if any(check_value(key) not in known for key in (*masters, *signers)):
        known = patiently(lambda: _register(engine, masters, signers), patience)
    return Keyring(
        known[check_value(masters[0])].id,
        {known[check_value(key)].id: Sealer(key) for key in masters},
        known[check_value(signers[0])].id,
        {known[check_value(key)].id: key for key in signers},
        _index_key(known, masters, engine),
    )


def rewrap(engine: Engine, keyring: Keyring, patience: float) -> Iterator[int]:
    """Bring every data key under the newest master key; yields how many after each batch.

    Then the index key's copies under older master keys are destroyed, after which nobody seals under those any more,
    and what was sealed until then is brought over too: at the end they open nothing. Raises SetupError where an older
    master key is needed and was not given.
    """
    last = 0
    for last_round in (False, True):
        if last_round:
            patiently(lambda: _retire(engine, keyring), patience)
        while batch := patiently(lambda: _rewrap_some(engine, keyring, last), patience):  # noqa: B023 # called at once
            last = max(batch)
            yield len(batch)


def keys_by_master(connection: Connection) -> dict[int, int]:
    """How many data keys lie under each master key."""
    query = select(ENVELOPE_KEY.c.master, func.count()).group_by(ENVELOPE_KEY.c.master)
    return {row[0]: row[1] for row in connection.execute(query).all()}


def _read(connection: Connection) -> Known:
    return {bytes(row.check_value): row for row in connection.execute(select(SECRET)).all()}


def _require(known: Known, keys: Sequence[bytes], purpose: str, engine: Engine) -> None:
    if not any(check_value(key) in known for key in keys):
        raise SetupError(
            f"the {purpose} given is not the one the ledger {place(engine)} was made with; give that one back, "
            "alone or after a new one"
        )


def _index_key(known: Known, masters: Sequence[bytes], engine: Engine) -> bytes:
    """Opened with the newest master key given; raises SetupError where that one was retired."""
    wrapped = known[check_value(masters[0])].wrapped
    if wrapped is None:
        raise SetupError(f"the first master key given was retired from {place(engine)}; give the newer one first")
    try:
        return Sealer(masters[0]).unwrap(_INDEX_LABEL, bytes(wrapped))
    except InvalidTag as exc:
        raise SetupError(f"the index key in {place(engine)} was altered; restore a backup") from exc


def _live(known: Known, masters: Sequence[bytes]) -> list[bytes]:
    """The master keys that are known and not retired."""
    rows = ((key, known.get(check_value(key))) for key in masters)
    return [key for key, row in rows if row is not None and row.wrapped is not None]


def _register(engine: Engine, masters: Sequence[bytes], signers: Sequence[bytes]) -> Known:
    """Note the keys that are new; the index key gets a copy under each new master key."""
    with alone(engine) as connection:
        known = _read(connection)
        live = _live(known, masters)
        if not live:
            raise SetupError(f"none of the master keys given is in use in {place(engine)}; give the newest one")
        index_key = _index_key(known, live, engine)
        number = max(row.id for row in known.values())
        for purpose, key in [*((MASTER, key) for key in masters), *((SIGNING, key) for key in signers)]:
            if check_value(key) not in known:
                number += 1
                wrapped = Sealer(key).wrap(_INDEX_LABEL, index_key) if purpose == MASTER else None
                new = {"id": number, "purpose": purpose, "check_value": check_value(key), "wrapped": wrapped}
                connection.execute(insert(SECRET), new)
        return _read(connection)


def _rewrap_some(engine: Engine, keyring: Keyring, after: int) -> list[int]:
    key = ENVELOPE_KEY.c
    older = select(key.id, ENTRY.c.name, key.master, key.wrapped).join_from(ENVELOPE_KEY, ENTRY, ENTRY.c.id == key.id)
    older = older.where(key.master != keyring.master, key.id > after).order_by(key.id).limit(BATCH)
    # A row that was erased meanwhile stays erased: only what is still there as read is changed.
    change = update(ENVELOPE_KEY).where(key.id == bindparam("row"), key.master == bindparam("old"))
    with alone(engine) as connection:
        rows = connection.execute(older).all()
        changes = [
            {"row": row.id, "old": row.master, "master": keyring.master, "wrapped": _rewrapped(keyring, *row[1:])}
            for row in rows
        ]
        if changes:
            connection.execute(change, changes)
    return [row.id for row in rows]


def _rewrapped(keyring: Keyring, name: str, master: int, wrapped: bytes) -> bytes:
    label = name.encode()
    if master not in keyring.masters:
        raise SetupError(f"entries are sealed under master key {master}, which was not given; give it after the newest")
    return keyring.masters[keyring.master].wrap(label, keyring.masters[master].unwrap(label, bytes(wrapped)))


def _retire(engine: Engine, keyring: Keyring) -> None:
    """Waits for whoever is sealing under an older key: the statement that takes the head takes that key's row too."""
    with alone(engine) as connection:
        others = SECRET.c.purpose == MASTER, SECRET.c.id != keyring.master
        connection.execute(update(SECRET).values(wrapped=None).where(*others))

"""Proposals and ledgers for the tests of gateway/ledger; an answer names its decision and what it supersedes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.ledger import Finished, Ledger, Proposal, Refusal, make_key_file
from gateway.ledger.connect import locate

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
VALID = timedelta(days=30)
URL_FILE = "ledger.url"
"""A file of this name in a ledger's folder holds the URL of its database."""


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def proposal(request_key: str, record: str = "r", business_key: str = "", **changes: Any) -> Proposal:
    """A proposal whose decision id and answer are functions of its keys and record; ``tag`` marks who made it."""
    tag = changes.pop("tag", "")
    received_at = changes.get("received_at", NOON)

    def finish(predecessor: str, key: str) -> Finished:
        name = hashlib.sha256(f"{key}|{record}".encode()).hexdigest()[:32]
        answer = f"{name} supersedes [{predecessor}] {tag}".encode()
        return Finished(name, record.encode(), answer, received_at + VALID, received_at, "approve", b'{"score":600}')

    given: dict[str, Any] = {
        "integration": "juniper-api",
        "mode": "test",
        "request_key": request_key,
        "key_derived": False,
        "business_key": business_key,
        "sent_digest": digest(record),
        "raw": b"raw " + record.encode(),
        "principal": "juniper",
        "received_at": received_at,
        "resubmission": "supersede",
        "finish": finish,
    }
    return Proposal(**(given | changes))


def refusal(**changes: Any) -> Refusal:
    given: dict[str, Any] = {
        "integration": "juniper-api",
        "mode": "test",
        "principal": "juniper",
        "code": "invalid_record",
        "problems": b"[]",
        "raw": b"raw",
        "answer": b"no",
        "received_at": NOON,
        "business_key": "",
    }
    return Refusal(**(given | changes))


def keys_of_fixtures(folder: Path) -> None:
    """The keys of the ledgers in fixtures/ledger, where open_ledger looks for them; fixtures/ledger/README.md."""
    folder.mkdir()
    for purpose in ("master", "signing"):
        (folder / f"{purpose}.key").write_text(digest(f"scoregate test ledger: {purpose} key").hex())


def open_ledger(folder: Path, **changes: Any) -> Ledger:
    """The ledger of a folder, with its key files, made on first use; in PostgreSQL where the folder says so."""
    url = folder / URL_FILE
    where = locate(f"file:{url}") if url.exists() else folder / "ledger.db"
    given: dict[str, Any] = {
        "master_key": make_key_file(folder / "keys" / "master.key"),
        "signing_key": make_key_file(folder / "keys" / "signing.key"),
        "anchor": folder / "ledger.anchor",
    }
    return Ledger(where, **(given | changes))

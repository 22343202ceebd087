"""What there is to say about a ledger at a glance, for a person or a monitor."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, func, select

from gateway.ledger.chain import Anchor
from gateway.ledger.connect import place
from gateway.ledger.keyring import keys_by_master
from gateway.ledger.schema import BLOCK, ENTRY, ENVELOPE_KEY, HEAD, LEDGER
from gateway.ledger.types import Kind, microseconds, moment


def survey(engine: Engine, anchor: Anchor, at: datetime) -> dict[str, object]:
    """Plain values by name. ``past_retention`` counts payloads that a purge at ``at`` would close for good."""
    anchored = anchor.last()  # read before the head: others may be appending
    past = select(func.count()).where(ENVELOPE_KEY.c.retain_until < microseconds(at))
    by_kind = select(ENTRY.c.kind, func.count()).group_by(ENTRY.c.kind).order_by(ENTRY.c.kind)
    with engine.connect() as connection:
        head = connection.execute(select(HEAD)).one()
        newest = connection.execute(select(BLOCK.c.at).where(BLOCK.c.number == head.number)).scalar()
        counted = {Kind(kind).word: count for kind, count in connection.execute(by_kind)}
        return {
            "ledger": place(engine),
            "schema_version": connection.execute(select(LEDGER.c.version)).scalar_one(),
            "blocks": head.number,
            "entries": head.entries,
            "entries_by_kind": counted,
            "newest_entry": None if newest is None else moment(newest).isoformat(),
            "anchor": str(anchor.path),
            "anchored_block": anchored,
            "keys_by_master": {str(master): count for master, count in keys_by_master(connection).items()},
            "past_retention": connection.execute(past).scalar_one(),
        }

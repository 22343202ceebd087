"""The ledger as a person reads it: a list, one decision whole, and the one thing people add, their own decision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, get_args

from rich.console import Console
from rich.text import Text

from contracts.errors import ConfigurationError
from gateway import show
from gateway.ledger import Entry, Filters, Finding, Kind, Ledger, Status
from gateway.modes import Mode
from gateway.spi import Tree

HUMAN_OUTCOMES = ("approve", "decline")


def listing(
    ledger: Ledger, integrations: Sequence[str], outcome: str | None, limit: int, application: str | None = None
) -> list[Tree]:
    """The newest decisions as plain rows, newest first; of these integrations, or of all where none is named.

    ``application`` is a business key: the decisions about it, in either mode. It is sealed, so that it is found by its
    mark alone, and only where the integration is named.
    """
    asked = Filters(kind=Kind.DECISION, outcome=outcome)
    scopes = [asked._replace(integration=name) for name in integrations] or [asked]
    if application is not None:
        scopes = [one._replace(mode=mode, business_key=application) for one in scopes for mode in get_args(Mode)]
    found = [entry for one in scopes for entry in ledger.list(one, limit)]
    return [_row(entry) for entry in sorted(found, key=lambda entry: entry.received_at, reverse=True)[:limit]]


def whole(ledger: Ledger, decision_id: str) -> Tree:
    """One decision with its payload and every human decision about it; raises NotFound."""
    entry = ledger.get(decision_id)
    payload = ledger.open_payload(decision_id)
    return {
        "entry": _row(entry),
        "raw": payload.raw.decode("utf-8", errors="replace"),
        "record": json.loads(payload.record),
        "decision": json.loads(payload.decision),
        "answer": payload.answer.decode("utf-8", errors="replace"),
        "human_decisions": [decided._asdict() for decided in ledger.human_decisions(decision_id)],
    }


def append_human(ledger: Ledger, decision_id: str, outcome: str, reason: str, by: str, at: datetime) -> None:
    """Append what a person decided; raises NotFound for an unknown decision and ConfigurationError for no reason."""
    if outcome not in HUMAN_OUTCOMES:
        raise ConfigurationError(f"a person decides {' or '.join(HUMAN_OUTCOMES)}, not {outcome!r}")
    if not reason.strip() or not by.strip():
        raise ConfigurationError("a human decision needs a reason and a name: --reason and --by must not be empty")
    ledger.human_decision(decision_id, outcome, reason, by, at).result()


def chain_findings(ledger: Ledger) -> tuple[Sequence[Finding], Status]:
    """Everything wrong with the chain, and how much of it there is."""
    return ledger.verify_chain(), ledger.status()


def show_listing(console: Console, rows: Sequence[Tree]) -> None:
    columns = ("decision", "outcome", "received (UTC)", "mode", "integration")
    cells = [
        (
            row["decision_id"],
            Text(row["outcome"], show.OUTCOME_STYLE.get(row["outcome"], "")),
            row["received_at"].strftime("%Y-%m-%d %H:%M"),
            row["mode"],
            row["integration"],
        )
        for row in rows
    ]
    console.print(show.table(columns, cells))
    console.print(f"{len(rows)} decision(s), newest first", style="dim")


def show_whole(console: Console, found: Tree) -> None:
    """One decision: what came, what was decided and why, what people decided after, the answer as it left."""
    decision: dict[str, Any] = found["decision"]
    show.heading(console, "decision", decision["decision_id"])
    show.show_outcome(console, decision)
    for name in ("as_of", "valid_until", "supersedes", "contract", "bundle", "policy", "integration"):
        console.print(Text.assemble((f"  {name:<12}", "dim"), str(decision[name])))
    for human in found["human_decisions"]:
        show.heading(console, "a person decided", f"{human['at']:%Y-%m-%d %H:%M:%S} {human['by']}")
        console.print(f"  {human['outcome']}: {human['reason']}")
    show.heading(console, "raw")
    show.native(console, found["raw"])
    show.heading(console, "answer")
    show.native(console, found["answer"])


def _row(entry: Entry) -> Tree:
    return {
        "received_at": entry.received_at,
        "integration": entry.integration,
        "mode": entry.mode,
        "outcome": entry.outcome,
        "decision_id": entry.decision_id,
        "supersedes": entry.about,
        "valid_until": entry.valid_until,
    }

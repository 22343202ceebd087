"""The ledger as a person reads it: a list, one decision whole, and the one thing people add, their own decision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, get_args

from rich.console import Console
from rich.text import Text

from contracts.errors import ConfigurationError, NotFound
from gateway import show
from gateway.ledger import Entry, Filters, Finding, Kind, Ledger, Payload, Status
from gateway.modes import Mode
from gateway.spi import Tree
from models.types import Outcome

HUMAN_OUTCOMES = ("approve", "decline")
DECIDED, REFUSED = (Kind.DECISION,), (Kind.REFUSAL, Kind.FAULT)


def listing(
    ledger: Ledger,
    kinds: Sequence[Kind],
    integrations: Sequence[str],
    outcome: str | None,
    limit: int,
    application: str | None = None,
) -> list[Tree]:
    """The newest entries of these kinds as plain rows, newest first; of these integrations, or of all where none is
    named.

    ``application`` is a business key: the entries about it, in either mode. It is sealed, so that it is found by its
    mark alone, and only where the integration is named. Raises ConfigurationError for an outcome there is not.
    """
    if outcome is not None and outcome not in get_args(Outcome):
        raise ConfigurationError(f"an outcome is {', '.join(get_args(Outcome))}, not {outcome!r}")
    scopes = [Filters(kind=kind, outcome=outcome) for kind in kinds]
    scopes = [one._replace(integration=name) for one in scopes for name in integrations] or scopes
    if application is not None:
        scopes = [one._replace(mode=mode, business_key=application) for one in scopes for mode in get_args(Mode)]
    found = [entry for one in scopes for entry in ledger.list(one, limit)]
    return [_row(entry) for entry in sorted(found, key=lambda entry: entry.received_at, reverse=True)[:limit]]


def whole(ledger: Ledger, name: str) -> Tree:
    """One submission with its payload: a decision with every human decision about it, a refusal with its problems.

    Raises NotFound, also for what is no submission but was appended about one.
    """
    entry = ledger.get(name)
    if entry.kind not in (*DECIDED, *REFUSED):
        raise NotFound(f"{name} is no decision or refusal, but the {entry.kind.word} of {entry.about or 'several'}")
    payload = ledger.open_payload(name)
    decided = entry.kind in DECIDED
    return {
        "entry": _row(entry),
        "raw": payload.raw.decode("utf-8", errors="replace"),
        **(_decided(ledger, name, payload) if decided else {"problems": json.loads(payload.record)}),
        "answer": payload.answer.decode("utf-8", errors="replace"),
    }


def _decided(ledger: Ledger, name: str, payload: Payload) -> Tree:
    return {
        "record": json.loads(payload.record),
        "decision": json.loads(payload.decision),
        "superseded_by": ledger.superseded_by(name),
        "human_decisions": [decided._asdict() for decided in ledger.human_decisions(name)],
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


def show_listing(console: Console, rows: Sequence[Tree], what: str) -> None:
    """``what`` is what the rows are: decision, or refusal."""
    columns = (what, "outcome", "received (UTC)", "mode", "integration")
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
    console.print(f"{len(rows)} {what}(s), newest first", style="dim")


def show_whole(console: Console, found: Tree) -> None:
    """One submission: what came, what was decided and why, or why it was not, the answer as it left."""
    if "decision" in found:
        _show_decided(console, found)
    else:
        _show_refused(console, found)
    show.heading(console, "raw")
    show.native(console, found["raw"])
    show.heading(console, "answer")
    show.native(console, found["answer"])


def _show_refused(console: Console, found: Tree) -> None:
    entry = found["entry"]
    show.heading(console, entry["kind"], entry["decision_id"])
    what = f"{entry['outcome']}, {entry['integration']}"
    console.print(f"  {what}, {entry['received_at']:%Y-%m-%d %H:%M:%S} UTC", markup=False)
    if found["problems"]:
        show.show_problems(console, found)


def _show_decided(console: Console, found: Tree) -> None:
    decision: dict[str, Any] = found["decision"]
    show.heading(console, "decision", decision["decision_id"])
    if found["superseded_by"]:
        console.print(Text(f"  superseded by {found['superseded_by']}: it stands no more", "bold yellow"))
    show.show_outcome(console, decision)
    for name in ("as_of", "valid_until", "supersedes", "contract", "bundle", "policy", "integration"):
        console.print(Text.assemble((f"  {name:<12}", "dim"), str(decision[name])))
    for human in found["human_decisions"]:
        show.heading(console, "a person decided", f"{human['at']:%Y-%m-%d %H:%M:%S} {human['by']}")
        console.print(f"  {human['outcome']}: {human['reason']}", markup=False)


def _row(entry: Entry) -> Tree:
    return {
        "kind": entry.kind.word,
        "received_at": entry.received_at,
        "integration": entry.integration,
        "mode": entry.mode,
        "outcome": entry.outcome,
        "decision_id": entry.decision_id,
        "supersedes": entry.about,
        "valid_until": entry.valid_until,
    }

"""``scoregate decisions`` and ``scoregate decide``: reading what was decided, and adding what a person decides.

They need the ledger that is there and the names of the integrations, and open nothing else: no look-up source is asked,
and no fault in a policy keeps anybody from reading.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.terminal import Json, console, settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from gateway.ledger import Ledger

decisions = typer.Typer(help="Read what was decided.", no_args_is_help=True)


@decisions.callback()
def group() -> None:
    """Read what was decided."""


@decisions.command("list")
def list_(
    integration: Annotated[str | None, typer.Option(help="Only this integration.")] = None,
    outcome: Annotated[str | None, typer.Option(help="approve, refer or decline.")] = None,
    application: Annotated[str | None, typer.Option(help="Only those about the application of this number.")] = None,
    refused: Annotated[bool, typer.Option("--refused", help="What was not decided: refusals and our faults.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
    as_json: Json = False,
) -> None:
    """The newest decisions, or what was refused, newest first."""
    from gateway.ledger_views import DECIDED, REFUSED, listing, show_listing

    if refused and outcome:
        raise typer.BadParameter("--outcome is of decisions; leave it out with --refused")
    named = [integration] if integration else _integrations() if application else []
    with _ledger() as ledger:
        rows = listing(ledger, REFUSED if refused else DECIDED, named, outcome, limit, application)
    if as_json:
        print(json.dumps(rows, default=str, indent=2))
    else:
        show_listing(console(), rows, "refusal" if refused else "decision")


@decisions.command("show")
def show(
    decision_id: Annotated[str, typer.Argument(metavar="ID", help="A decision, or a refusal.")], as_json: Json = False
) -> None:
    """One decision or refusal whole: what came, what was decided or why it was not, what people decided after."""
    from gateway.ledger_views import show_whole, whole

    with _ledger() as ledger:
        found = whole(ledger, decision_id)
    if as_json:
        print(json.dumps(found, default=str, indent=2))
    else:
        show_whole(console(), found)


def decide(
    decision_id: str,
    outcome: Annotated[str, typer.Option(help="approve or decline.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; it is kept.")],
    by: Annotated[str, typer.Option(help="Who decides.")],
) -> None:
    """Append a human decision; what the model decided stays as it was."""
    from gateway.clock import utc_now
    from gateway.ledger_views import append_human

    with _ledger(counted=True) as ledger:
        append_human(ledger, decision_id, outcome, reason, by, utc_now().replace(microsecond=0))
    console().print(f"{decision_id}: {outcome} by {by}, recorded", markup=False)


def _ledger(*, counted: bool = False) -> AbstractContextManager[Ledger]:
    from gateway.clock import utc_now
    from gateway.opening import existing_ledger

    return existing_ledger(settings(), utc_now, counted=counted)


def _integrations() -> list[str]:
    from gateway.home import integration_folders

    return [folder.name for folder in integration_folders(settings().home)]

"""``scoregate ledger …``: what operations does to the ledger itself, while gateways may be serving."""

from __future__ import annotations

import typer

from gateway.terminal import console, settings

ledger = typer.Typer(help="Look after the ledger itself.", no_args_is_help=True)
_MIGRATION_PATIENCE_S = 30.0


@ledger.callback()
def group() -> None:
    """Look after the ledger itself."""


@ledger.command()
def migrate() -> None:
    """Bring an older ledger up to this release's schema; gateways may go on serving."""
    from gateway.bootstrap import ledger_place
    from gateway.ledger.connect import connect, place
    from gateway.ledger.migrate import migrate as bring_up

    engine = connect(ledger_place(settings()))
    before, after = bring_up(engine, _MIGRATION_PATIENCE_S)
    done = f"schema version {after} already" if before == after else f"schema version {before} is now {after}"
    console().print(f"{place(engine)}: {done}", markup=False)

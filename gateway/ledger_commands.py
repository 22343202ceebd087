"""``scoregate ledger …``: what operations does to the ledger itself, while gateways may be serving."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from gateway.terminal import Json, console, settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from gateway.ledger import Ledger
    from gateway.ledger.backup import Held, Places
    from gateway.settings import Settings

ledger = typer.Typer(help="Look after the ledger itself.", no_args_is_help=True)
_MIGRATION_PATIENCE_S = 30.0
_READERS_PATIENCE_S = 15.0
"""How long what was destroyed may stay in SQLite's log because somebody reads."""


@ledger.callback()
def group() -> None:
    """Look after the ledger itself."""


@ledger.command()
def status(as_json: Json = False) -> None:
    """Where the ledger lies and ends, its keys, and what is past its retention date."""
    with _opened(examine=True) as opened:
        seen = opened.survey(_now())
    if as_json:
        print(json.dumps(seen, indent=2))
        return
    for name, value in seen.items():
        console().print(Text.assemble((f"{name.replace('_', ' '):<20}", "dim"), str(value)), soft_wrap=True)


@ledger.command()
def migrate() -> None:
    """Bring an older ledger up to this release's schema; gateways may go on serving."""
    from gateway.ledger.connect import connect, place
    from gateway.ledger.migrate import migrate as bring_up
    from gateway.opening import ledger_place

    engine = connect(ledger_place(settings()))
    before, after = bring_up(engine, _MIGRATION_PATIENCE_S)
    done = f"schema version {after} already" if before == after else f"schema version {before} is now {after}"
    _say(f"{place(engine)}: {done}")


@ledger.command()
def backup(folder: Annotated[Path, typer.Argument(help="A folder that is to be made.")]) -> None:
    """Copy the ledger as it is now, with its anchor and all that proves its decisions, but without the keys; gateways
    may go on serving. Ends with 1 where an object could not be copied.
    """
    from gateway.ledger.backup import backup as copy

    configured = settings()
    held = copy(_places(configured), folder, _now())
    copied = f"{held.block} block(s), {held.entries} entries, {held.objects} object(s)"
    _say(f"{folder}: {copied}; the keys are not in it, keep them elsewhere")
    for digest in held.left_out:
        _say(f"object {digest} was altered or cannot be read, and is not in it; an earlier backup may hold it")
    raise typer.Exit(1 if held.left_out else 0)


@ledger.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="What 'ledger backup' made.")],
    accept_loss: Annotated[bool, typer.Option("--accept-loss", help="Also if the anchor names later blocks.")] = False,
) -> None:
    """Put a backup in place and prove it whole; gateways must be stopped. Nothing newer is overwritten."""
    from gateway.ledger.restore import restore as put_back

    configured = settings()
    held, lost, aside = put_back(folder, _places(configured), accept_loss=accept_loss)
    restored = f"{held.block} block(s), {held.entries} entries, {held.objects} object(s) restored"
    _say(f"{folder}: {restored}, as of {held.made_at}")
    if aside:
        _say(f"what was there is kept as {aside}")
    if lost != 0:
        _say_what_came_back(held, lost)
    with _opened(examine=True) as opened:
        findings = opened.verify_chain()
    for finding in findings:
        _say(f"{finding.code}: {finding.message}")
    _say(f"{len(findings)} finding(s)")
    raise typer.Exit(1 if findings else 0)


def _say_what_came_back(held: Held, lost: int | None) -> None:
    """The keys of a backup include those that were destroyed after it was made."""
    gone = f"{lost} block(s) after block {held.block} are gone" if lost else "no anchor file says what came after it"
    _say(
        f"{gone}: what was erased or purged after block {held.block} can be read again. Repeat it: scoregate ledger "
        "purge --by NAME, and scoregate ledger erase ID --by NAME for each submission that was erased; where the "
        "ledger that was lost can still be read, SCOREGATE_LEDGER=IT scoregate ledger erasures --after "
        f"{held.entries} lists them"
    )


@ledger.command()
def erasures(
    after: Annotated[int, typer.Option(min=0, help="Only those after so many entries of the ledger.")] = 0,
    as_json: Json = False,
) -> None:
    """What was erased, by whom and when, oldest first: after an older backup is put back, each is to be repeated."""
    with _opened(examine=True) as opened:
        found = opened.erasures(after)
    if as_json:
        rows = [{"id": one.about, "by": one.principal, "at": one.received_at.isoformat()} for one in found]
        print(json.dumps(rows, indent=2))
        return
    for one in found:
        _say(f"{one.received_at:%Y-%m-%d %H:%M:%S} {one.about} by {one.principal}")
    _say(f"{len(found)} erasure(s)")


@ledger.command()
def purge(by: Annotated[str, typer.Option(help="Who does it; it is kept.")]) -> None:
    """Destroy the keys of every payload past its retention date; recorded, and the chain still verifies."""
    total = 0
    with _opened(counted=True) as opened:
        while purged := opened.purge(by=by, at=_now()).result():
            total += purged
        forgotten = _forgotten(opened)
    _say(f"{total} payload(s) past their date can be opened no more")
    _end(forgotten)


@ledger.command()
def erase(
    submission: Annotated[str, typer.Argument(metavar="ID", help="A decision, or a refusal.")],
    by: Annotated[str, typer.Option(help="Who does it; it is kept.")],
) -> None:
    """Destroy the key of what one submission said and got; recorded, for good, and the chain still verifies."""
    with _opened(counted=True) as opened:
        recorded = opened.erase(submission, by=by, at=_now()).result()
        forgotten = _forgotten(opened)
    _say(f"{submission}: its contents can be opened no more; on record as {recorded}")
    _end(forgotten)


@ledger.command("rotate-keys")
def rotate_keys() -> None:
    """Bring all payload keys under the first of the master keys given; gateways may go on serving."""
    with _opened() as opened:
        total = sum(opened.rotate_keys())
        forgotten = _forgotten(opened)
    _say(f"{total} payload key(s) re-wrapped; older master keys open nothing any more, signing keys are kept to verify")
    _end(forgotten)


def _forgotten(opened: Ledger) -> bool:
    return opened.forget(_READERS_PATIENCE_S)


def _end(forgotten: bool) -> None:
    """Say what the database may still keep of keys that are gone; 1 where that is to be ended by hand."""
    from gateway.opening import ledger_place, named

    if not forgotten:
        log = f"{named(ledger_place(settings()))}-wal"
        _say(
            f"but somebody reads the ledger, so that its log, {log}, still holds the old keys: "
            "end who reads for long, as a verify, then run this again"
        )
        raise typer.Exit(1)


def _places(configured: Settings) -> Places:
    from gateway.ledger.backup import Places
    from gateway.opening import ledger_place

    return Places(ledger_place(configured), configured.anchor_file, configured.objects)


def _opened(*, examine: bool = False, counted: bool = False) -> AbstractContextManager[Ledger]:
    from gateway.opening import existing_ledger

    return existing_ledger(settings(), _now, examine=examine, counted=counted)


def _now() -> datetime:
    return datetime.now(UTC)


def _say(line: str) -> None:
    console().print(line, markup=False, soft_wrap=True)

"""``scoregate batch``: a file of applications, decided and written."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.terminal import console, settings

if TYPE_CHECKING:
    from gateway.batch import Progress

INTERRUPTED = 130
_EVERY_S = 10.0


def batch(
    integration: str,
    file: Annotated[Path, typer.Argument(help="JSON lines (one message a line) or Parquet.", dir_okay=False)],
    out: Annotated[Path, typer.Option(help="Folder for decisions, rejects and summary; new or empty.")],
    record: Annotated[bool, typer.Option("--record", help="Write the ledger, as if it had come by wire.")] = False,
    as_of: Annotated[datetime | None, typer.Option(help="Decide as of this time (UTC), default now.")] = None,
) -> None:
    """Decide every application in a file; exits 1 where some were refused. Run again, it finds itself done."""
    from gateway.batch import Batch
    from gateway.bootstrap import install

    moment = (as_of or datetime.now(UTC)).replace(tzinfo=UTC, microsecond=0)
    with ExitStack() as opened:
        try:
            installation = install(settings(), with_ledger=record, clock=lambda: moment)
            opened.callback(installation.close)
            made = Batch(installation.desk(integration), file, moment, installation.ledger)
            summary, fresh = made.run(out, _teller(), any_time=as_of is None)
        except KeyboardInterrupt:
            kept = "; what is recorded stays, and is repeated when the batch is run again" if record else ""
            console(stderr=True).print(f"stopped, nothing was left half written{kept}")
            raise typer.Exit(INTERRUPTED) from None
    _show(summary, out, fresh=fresh)
    raise typer.Exit(1 if summary["rejected"] else 0)


def _teller() -> Callable[[Progress], None]:
    """Tells of progress on stderr: in place on a terminal, else a line every ten seconds."""
    began, terminal, said = time.monotonic(), sys.stderr.isatty(), time.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < (0.2 if terminal else _EVERY_S):
            return
        said = now
        rate = progress.records / (now - began)
        text = f"{progress.records:,} records, {progress.rejected:,} refused, {rate:,.0f}/s"
        print(f"\r{text}\x1b[K" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)

    return tell


def _show(summary: dict[str, Any], out: Path, *, fresh: bool) -> None:
    shown = console()
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    if not fresh:
        shown.print(f"done already, {out} is left as it is", markup=False)
    outcomes = ", ".join(f"{name} {count:,}" for name, count in summary["outcomes"].items())
    shown.print(f"{summary['records']:,} records: {outcomes}, refused {summary['rejected']:,}", markup=False)
    for title in ("refer_causes", "reject_codes"):
        for name, count in summary[title].items():
            shown.print(f"  {title.replace('_', ' ')[:-1]} {name}: {count:,}", markup=False)
    for name in (*summary["outputs"], "summary.json"):
        shown.print(f"{out / name}", markup=False)

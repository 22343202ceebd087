"""The command line: each command reads its arguments, calls one function and prints what came back.

Exit codes: 0 done; 1 it ran and found something wrong (a fault, a failed example, a refused application); 2 the
installation or the call is wrong.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway import terminal
from gateway.access_commands import audit, principals
from gateway.adapter_commands import WithAdapters
from gateway.batch_command import batch
from gateway.contract_commands import contract
from gateway.decision_commands import decide, decisions
from gateway.ledger_commands import ledger
from gateway.poll_command import poll
from gateway.terminal import Json
from gateway.terminal import console as _console
from gateway.terminal import settings as _settings
from gateway.verify_command import verify

if TYPE_CHECKING:
    from gateway.installation import Installation
    from gateway.spi import Asked

app = typer.Typer(
    name="scoregate",
    cls=WithAdapters,
    help="Machine-learning credit scores inside systems built long before them, in those systems' own formats.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
new = typer.Typer(help="Draft what a person then completes.", no_args_is_help=True)
app.add_typer(new, name="new")
app.add_typer(decisions, name="decisions")
app.add_typer(principals, name="principal")
app.add_typer(audit, name="audit")
app.add_typer(ledger, name="ledger")
app.command()(decide)
app.command()(verify)
app.add_typer(contract, name="contract")
app.command()(batch)
app.command()(poll)

Header = Annotated[list[str] | None, typer.Option("--header", "-H", help="What the protocol carries: 'name: value'.")]
AsOf = Annotated[datetime | None, typer.Option(help="Decide as of this time (UTC), default now.")]


@app.callback()
def root(home: Annotated[Path | None, typer.Option(help="Folder of the installation, default '.'.")] = None) -> None:
    terminal.Call.home = home


def _install(*, ledger: bool, at: datetime | None = None) -> Installation:
    """The home made ready; with ``at`` everything in it is decided as of then."""
    from gateway.bootstrap import install

    return install(_settings(), with_ledger=ledger, clock=None if at is None else lambda: at)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on, default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, default 8080.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that share port and ledger, default 1.")] = None,
) -> None:
    """Serve every integration of this home until told to stop; SIGHUP makes several workers read everything anew."""
    from gateway.bootstrap import serve as run

    raise typer.Exit(run(_settings(host=host, port=port, workers=workers)))


@app.command()
def ready(
    port: Annotated[int | None, typer.Option(help="Port of the gateway, default 8080.")] = None,
) -> None:
    """Ask the gateway on this machine whether it can decide: 0 if so, 1 if not. The health check of the image."""
    from gateway.probe import ask

    found = ask(_settings(port=port))
    _console(stderr=not found.ready).print(found.said, markup=False)
    raise typer.Exit(0 if found.ready else 1)


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 8080,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it serving.")] = False,
) -> None:
    """Train if there is no model, serve the sample systems on loopback and send them real applications."""
    from gateway.demo import run

    raise typer.Exit(run(_settings(port=port), _console(), keep=keep))


@app.command()
def init(
    model: Annotated[str, typer.Argument(help="Name of the model, as credit_risk.")],
    data: Annotated[Path, typer.Option(help="CSV with one row per loan and its outcome.")],
    target: Annotated[str, typer.Option(help="The column that says how the loan ended.")],
    bad: Annotated[str | None, typer.Option(help="Its value that is bad; all others count as good.")] = None,
    currency: Annotated[str, typer.Option(help="ISO 4217 code of every amount.")] = "EUR",
    product: Annotated[str | None, typer.Option(help="The kind of loan, default the model's name.")] = None,
    codes: Annotated[list[str] | None, typer.Option(help="A column whose numbers are codes; may be repeated.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of model, default pairwise_boosting.")] = None,
) -> None:
    """Draft contract, spec, policy, integration and a first bundle from a CSV, and say what a person must decide."""
    from gateway.drafting.command import draft
    from gateway.drafting.init import Asked

    product = product or model.replace("_", "-")
    asked = Asked(model, data, target, bad, currency, product, tuple(codes or ()), kind)
    draft(_settings().home, asked, _console(), _console(stderr=True))


@new.command("integration")
def new_integration(
    name: Annotated[str, typer.Argument(help="Its name, as northwind-los.")],
    wsdl: Annotated[Path | None, typer.Option(help="The WSDL a legacy system calls.")] = None,
    operation: Annotated[str, typer.Option(help="The operation that asks for a decision, default the likeliest.")] = "",
    odbc: Annotated[str, typer.Option(help="The connection whose tables a legacy system fills, instead.")] = "",
    table: Annotated[str, typer.Option(help="The table its requests stand in.")] = "",
    answer_table: Annotated[str, typer.Option(help="The table answers go to, default the same row.")] = "",
    contract: Annotated[str, typer.Option(help="The contract it speaks, default that of the policy's bundle.")] = "",
    product: Annotated[str, typer.Option(help="The kind of loan, default the one there is a policy for.")] = "",
) -> None:
    """Draft an integration from what a legacy system says of itself, lint it, and say what a person must decide."""
    from gateway.drafting.integration import Asked
    from gateway.drafting.new_command import new as draft

    if (wsdl is None) == (not odbc):
        raise typer.BadParameter("name one description: --wsdl FILE, or --odbc CONNECTION with --table T")
    if wsdl is not None:
        asked = Asked(name, "soap", str(wsdl), operation, contract, product)
    else:
        asked = Asked(name, "odbc", odbc, table, contract, product, answer_table)
    raise typer.Exit(draft(_settings(), asked, _console()))


@app.command()
def train(
    data: Annotated[Path, typer.Option(help="CSV with one row per loan and its outcome.")],
    spec: Annotated[Path, typer.Option(help="Training spec (YAML).")],
    out: Annotated[Path, typer.Option(help="Folder the bundle is written to.")],
    policy: Annotated[
        Path | None, typer.Option(help="Policy that shall decide with it: its bundle is set, its version counted up.")
    ] = None,
) -> None:
    """Train a model and write it as one bundle; contracts and bundles of a home are known where --home names it."""
    from gateway.drafting.train import train as build

    home = _settings().home if terminal.Call.home else None
    build(home, data, spec, out, policy, _console(), _console(stderr=True))


@app.command()
def lint(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="One integration, or a home.")] = None,
) -> None:
    """Name every fault in contracts, integrations, policies and bundles, each with file, line and column."""
    from gateway.bootstrap import lint as check

    faults = check(_settings(), folder)
    for fault in faults:
        _console().print(str(fault), markup=False)
    errors, warnings = (sum(fault.severity == kind for fault in faults) for kind in ("error", "warning"))
    _console(stderr=True).print(f"{errors} error(s), {warnings} warning(s)")
    raise typer.Exit(1 if errors else 0)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look at machine, settings, keys, ledger and configuration: what is wrong, and the cure of each."""
    import os

    from gateway import doctor as doctor_

    findings = doctor_.examine(terminal.Call.home, os.environ)
    print(doctor_.as_json(findings) if as_json else "\n".join(doctor_.as_lines(findings)))
    raise typer.Exit(1 if any(finding.severity == "error" for finding in findings) else 0)


@app.command("test")
def test_(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="One integration; default all.")] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Write the answers anew first; look at what changed.")] = False,
) -> None:
    """Run the examples every integration ships; an integration without examples is a fault."""
    from gateway.examples import run

    outcome = run(_install(ledger=False), folder, renewing=renew)
    for line in outcome.lines:
        _console().print(line, markup=False)
    raise typer.Exit(0 if outcome.passed else 1)


@app.command()
def score(
    integration: str,
    file: Annotated[Path, typer.Argument(help="The message, as the legacy system writes it; - reads stdin.")],
    header: Header = None,
    record: Annotated[bool, typer.Option("--record", help="Write the ledger, as if it had come by wire.")] = False,
    as_of: AsOf = None,
) -> None:
    """Print the native answer to one message."""
    from gateway.trace import answer_once

    at = _time(as_of)
    with closing(_install(ledger=record, at=at)) as installation:
        desk = installation.desk(integration)
        payload, refused = answer_once(desk, _asked(file, header), at, record=record)
    for name, why in desk.lookup_failures().items():
        _console(stderr=True).print(f"warning: the look-up {name} failed: {why}", markup=False)
    sys.stdout.buffer.write(payload + b"\n")
    raise typer.Exit(1 if refused else 0)


@app.command()
def trace(
    integration: str,
    file: Annotated[Path, typer.Argument(help="The message, as the legacy system writes it; - reads stdin.")],
    header: Header = None,
    record: Annotated[bool, typer.Option("--record", help="Write the ledger, as if it had come by wire.")] = False,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Show every stage of one decision: raw, mapped, problems, imputed, contributions, policy, answer."""
    from contracts.errors import ScoregateError
    from gateway.show import show_trace
    from gateway.trace import trace as follow

    at = _time(as_of)
    with closing(_install(ledger=record, at=at)) as installation:
        desk, asked = installation.desk(integration), _asked(file, header)
        stages = follow(desk, asked, at)
        settled = desk.decide_many([asked])[0] if record else None
    if as_json:
        print(json.dumps(stages, default=str, indent=2))
    else:
        show_trace(_console(), stages)
    if isinstance(settled, ScoregateError):
        raise settled
    raise typer.Exit(0 if "decision" in stages else 1)


def _asked(file: Path, header: list[str] | None) -> Asked:
    from gateway.spi import Asked

    pairs = [line.partition(":") for line in header or []]
    raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    return Asked(raw, {name.strip().lower(): value.strip() for name, _, value in pairs}, "command-line")


def _time(given: datetime | None) -> datetime:
    return (given or datetime.now(UTC)).replace(tzinfo=UTC, microsecond=0)


def main() -> None:
    """Run one command; ``gateway.launch.plainly`` says how an expected error ends it."""
    app()

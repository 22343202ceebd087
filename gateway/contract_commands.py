"""``scoregate contract …``: look at contracts, judge their changes, find their faults."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.terminal import Json, console, settings

if TYPE_CHECKING:
    from contracts.store import ContractStore

contract = typer.Typer(help="What fields mean: show, check and compare contracts.", no_args_is_help=True)
_Ref = Annotated[str, typer.Argument(metavar="CONTRACT", help="A reference, as loan_application@2.0.0, or a file.")]


@contract.command("lint")
def lint_(
    names: Annotated[list[str] | None, typer.Argument(metavar="[CONTRACT]...", help="References; default all.")] = None,
) -> None:
    """Name every fault of contracts and of their history: hidden breaks, broken chains, dates that have come."""
    from gateway.contracts_shown import all_faults

    today = datetime.now(UTC).date()
    faults = all_faults(_store(), names, today)
    for fault in faults:
        console().print(str(fault), markup=False)
    errors, warnings = (sum(fault.severity == kind for fault in faults) for kind in ("error", "warning"))
    console(stderr=True).print(f"{errors} error(s), {warnings} warning(s)")
    raise typer.Exit(1 if errors else 0)


@contract.command("show")
def show_(ref: _Ref, as_json: Json = False) -> None:
    """A contract as a table: fields, states, codes, rules, versions."""
    from gateway.contracts_shown import described, found, show_contract

    store = _store()
    one = found(store, ref)
    if as_json:
        print(json.dumps(described(one), indent=2, ensure_ascii=False))
    else:
        show_contract(console(), one, store, datetime.now(UTC).date())


@contract.command()
def diff(
    old: _Ref,
    new: Annotated[str, typer.Argument(metavar="CONTRACT", help="The later one.")],
    as_json: Json = False,
) -> None:
    """Every change between two versions, whom it breaks, and whether the version number hides that (then exit 1)."""
    from gateway.contracts_shown import compared, comparison_tree, show_comparison

    comparison = compared(_store(), old, new)
    if as_json:
        print(json.dumps(comparison_tree(comparison), indent=2, ensure_ascii=False))
    else:
        show_comparison(console(), comparison)
    raise typer.Exit(1 if comparison.hidden else 0)


@contract.command("export")
def export_(
    ref: _Ref,
    to: Annotated[str, typer.Option("--to", help="ddl, jsonschema, openapi, pydantic or xsd.")],
    dialect: Annotated[
        str | None,
        typer.Option("--dialect", help="Of ddl: ansi, db2, informix, mariadb, mysql, oracle, postgresql, sqlite, …"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write into this file.")] = None,
) -> None:
    """A contract in another language, for those who write or read its records."""
    from contracts.export import export
    from gateway.contracts_shown import found

    text = export(found(_store(), ref), to, dialect)
    if out:
        out.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


@contract.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What describes the data, or a CSV of it.")],
    source: Annotated[str, typer.Option("--from", help="jsonschema, csv or frictionless.")],
    name: Annotated[str | None, typer.Option("--name", help="Name of the contract, default the file's.")] = None,
    kind: Annotated[str, typer.Option("--kind", help="request, answer or outcome.")] = "request",
    out: Annotated[Path | None, typer.Option("--out", help="Write into this file, default the home.")] = None,
) -> None:
    """Draft a contract from another language or from data, and say what a person must decide."""
    from gateway.drafting.importing import Asked, import_contract

    import_contract(Path(settings().home), Asked(file, source, name, kind, out), console())


def _store() -> ContractStore:
    from contracts.store import ContractStore

    return ContractStore(Path(settings().home))

"""``scoregate verify``: that the ledger is whole, and that its decisions come out the same when computed again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from gateway.terminal import Json, console, settings

if TYPE_CHECKING:
    from gateway.ledger import Ledger
    from gateway.proof import Proof, Prover, Tally

SHORT = 16
"""Digits of a digest that a table shows."""
_SAID = {
    "equal": "equal",
    "differs": "differ",
    "erased": "erased",
    "missing": "with an object missing",
    "unreadable": "unreadable",
}
_UNSOUND = ("differs", "missing", "unreadable")


def verify(
    decision_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One decision, computed again.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every decision, computed again.")] = False,
    since: Annotated[datetime | None, typer.Option(help="With --all: those received from then on (UTC).")] = None,
    chain: Annotated[bool, typer.Option("--chain", help="Every block, row and anchor line of the ledger.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Let personal values into what is printed.")] = False,
    as_json: Json = False,
) -> None:
    """Prove that the ledger is whole (--chain), or that decisions come out the same when they are computed again."""
    asked = [decision_id is not None, everything, chain]
    if sum(asked) != 1:
        raise typer.BadParameter("say what to verify: a decision's ID, --all or --chain")
    if since and not everything:
        raise typer.BadParameter("--since goes with --all")
    from gateway.clock import utc_now
    from gateway.opening import existing_ledger

    with existing_ledger(settings(), utc_now, examine=True) as ledger:
        if chain:
            sound = _chain(ledger, as_json=as_json)
        elif decision_id is not None:
            sound = _one(ledger, decision_id, show=show, as_json=as_json)
        else:
            sound = _all(ledger, since, show=show, as_json=as_json)
    raise typer.Exit(0 if sound else 1)


@contextmanager
def _prover(ledger: Ledger, *, show: bool) -> Iterator[Prover]:
    from gateway.bootstrap import prover

    with tempfile.TemporaryDirectory(prefix="scoregate-verify-") as folder:
        yield prover(settings(), ledger, Path(folder), show=show)


def _chain(ledger: Ledger, *, as_json: bool) -> bool:
    from gateway.ledger_views import chain_findings

    findings, status = chain_findings(ledger)
    if as_json:
        found = [finding._asdict() for finding in findings]
        print(json.dumps({"blocks": status.block, "entries": status.entries, "findings": found}, indent=2))
        return not findings
    for finding in findings:
        console().print(f"{finding.code}: {finding.message}", markup=False)
    console().print(f"{status.block} block(s), {status.entries} entries, {len(findings)} finding(s)")
    return not findings


def _one(ledger: Ledger, decision_id: str, *, show: bool, as_json: bool) -> bool:
    kept = ledger.kept(decision_id)
    with _prover(ledger, show=show) as prover:
        proof = prover.prove(kept, every_stage=True)
    if as_json:
        print(json.dumps(_tree(proof), indent=2))
    else:
        _show(proof)
    return proof.result == "equal"


def _all(ledger: Ledger, since: datetime | None, *, show: bool, as_json: bool) -> bool:
    from gateway.ledger import Filters
    from gateway.proof import Tally

    tally, findings = Tally(), []
    filters = Filters(since=since.replace(tzinfo=since.tzinfo or UTC) if since else None)
    with _prover(ledger, show=show) as prover:
        for kept in ledger.all_kept(filters):
            proof = prover.prove(kept)
            tally.add(proof)
            if proof.result not in _UNSOUND:
                continue
            if as_json:
                findings.append(_tree(proof))
            else:
                console().print(_line(proof), markup=False)
    if as_json:
        print(json.dumps(_summary(tally) | {"findings": findings}, indent=2))
    else:
        _show_tally(tally)
    return tally.sound


def _tree(proof: Proof) -> dict[str, object]:
    first = proof.first
    return {
        "decision_id": proof.decision_id,
        "result": proof.result,
        "said": proof.said,
        "first_difference": first.name if first else "",
        "same_environment": not proof.environment,
        "environment_differs_in": list(proof.environment),
        "stages": [stage._asdict() for stage in proof.stages],
    }


def _summary(tally: Tally) -> dict[str, object]:
    elsewhere = [{"differs_in": list(names), "decisions": n} for names, n in sorted(tally.elsewhere.items()) if names]
    counts: dict[str, object] = {name: tally.results[name] for name in sorted(_SAID)}
    return counts | {"decisions": tally.results.total(), "other_environments": elsewhere, "sound": tally.sound}


def _line(proof: Proof) -> str:
    """One finding in one line."""
    first = proof.first
    if first is None:
        return f"{proof.decision_id}: {proof.said}"
    note = f" ({first.note})" if first.note else ""
    seen = f"recorded {_short(first.recorded)}, computed {_short(first.recomputed)}{note}"
    return f"{proof.decision_id}: differs at {first.name}: {seen}"


def _show(proof: Proof) -> None:
    from gateway.show import heading, table

    out = console()
    heading(out, "verify", proof.decision_id)
    if proof.stages:
        rows = [
            (
                stage.name,
                _short(stage.recorded),
                Text("equal", "green") if stage.equal else Text(_short(stage.recomputed), "red"),
                "" if stage.equal else stage.note,
            )
            for stage in proof.stages
        ]
        out.print(table(("stage", "recorded", "computed again", "where"), rows))
    out.print(_verdict(proof), markup=False)


def _verdict(proof: Proof) -> str:
    if proof.said:
        return proof.said
    where = _elsewhere(proof.environment)
    if proof.first:
        return f"differs at {proof.first.name}; {where}"
    return f"equal {'in all published digits' if proof.environment else 'to the last bit'}; {where}"


def _elsewhere(names: tuple[str, ...]) -> str:
    return f"computed in another environment ({', '.join(names)})" if names else "the same environment"


def _show_tally(tally: Tally) -> None:
    counted = {said: tally.results[kind] for kind, said in _SAID.items()}
    parts = [f"{count:,} {said}" for said, count in counted.items() if count or said == "equal"]
    console().print(f"{tally.results.total():,} decision(s): {', '.join(parts)}")
    for names, count in sorted(tally.elsewhere.items()):
        compared = "published digits compared" if names else "compared to the last bit"
        console().print(f"{count:,} in {_elsewhere(names).removeprefix('computed in ')}: {compared}", markup=False)


def _short(text: str) -> str:
    """Digests and ids by their beginning."""
    return f"{text[:SHORT]}…" if len(text) > 2 * SHORT and text.isalnum() else text

"""What `scoregate init` prints: the files it wrote, what a person must decide, and the commands that come next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from gateway.drafting.init import Asked, Drafted, init
from models.drafting.findings import TITLES, Placed, Severity


def draft(home: Path, asked: Asked, console: Console, progress: Console) -> None:
    """Draft and print; raises ConfigurationError where nothing can be drafted."""
    done = init(home, asked, lambda line: progress.print(line))
    for name, path in done.files.items():
        console.print(f"{name:<12} {path}", markup=False)
    for line in _findings(done):
        console.print(line, markup=False)
    integration = done.files["integration"].parent.name
    console.print("It lints, tests, scores and serves as it is, in mode test. Next:")
    console.print(f"  scoregate --home {home} lint; scoregate --home {home} test", markup=False)
    console.print(f"  scoregate --home {home} principal add NAME --integration {integration}", markup=False)


def ranked(findings: Sequence[Placed], *severities: Severity) -> list[str]:
    """The findings of these severities below their titles, with their number."""
    lines = []
    for severity in severities:
        chosen = [entry for entry in findings if entry.finding.severity == severity]
        lines += [f"\n{TITLES[severity]} ({len(chosen)})", *(f"  {entry}" for entry in chosen)]
    return lines


def _findings(done: Drafted) -> list[str]:
    """What must be decided and looked at; what was merely guessed is counted, and stands in the report."""
    lines = ranked(done.findings, "must", "should")
    notes = sum(entry.finding.severity == "note" for entry in done.findings)
    return [*lines, f"\n{notes} more guesses with their evidence: {done.files['report']}"]

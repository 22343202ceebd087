"""What `scoregate new integration` prints: what it wrote, what lint says, what is left to decide, what comes next."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from gateway.bootstrap import new_integration
from gateway.drafting.integration import Asked, Drafted
from gateway.settings import Settings
from models.drafting.findings import TITLES, Severity

SHOWN: tuple[Severity, ...] = ("must", "should")


def new(settings: Settings, asked: Asked, console: Console) -> int:
    """Draft and print; 0 where it lints, 1 where lint finds errors that are not the draft's to mend."""
    done = new_integration(settings, asked)
    for line in _told(done, settings):
        console.print(line, markup=False)
    return 1 if any(fault.severity == "error" for fault in done.faults) else 0


def _told(done: Drafted, settings: Settings) -> Iterator[str]:
    yield f"integration  {done.folder}"
    yield f"files        {', '.join(done.files)}"
    yield from (f"chosen       {note}" for note in done.notes)
    yield f"mapped       {done.mapped[0]} of {done.mapped[1]} fields of the contract"
    yield from _lint(done)
    for severity in SHOWN:
        chosen = [entry for entry in done.findings if entry.finding.severity == severity]
        yield f"\n{TITLES[severity]} ({len(chosen)})"
        yield from (f"  {entry}" for entry in chosen)
    yield "\nNext:"
    home, name = settings.home, done.folder.name
    test = f"scoregate --home {home} test {done.folder}"
    yield f"  {test}" if done.answered else f"  {test} --renew  # once there is a bundle and a policy for its product"
    if done.is_called:
        yield f"  scoregate --home {home} principal add NAME --integration {name}"
        yield f"  scoregate --home {home} serve"
    else:
        yield f"  scoregate --home {home} poll {name}"


def _lint(done: Drafted) -> Iterator[str]:
    errors, warnings = (sum(fault.severity == kind for fault in done.faults) for kind in ("error", "warning"))
    yield f"lint         {errors} error(s), {warnings} warning(s)"
    yield from (f"  {fault}" for fault in done.faults)

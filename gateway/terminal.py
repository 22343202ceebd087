"""What every group of commands shares: the options before the command, the settings they lead to, the console."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gateway import settings as settings_

PIPED_WIDTH = 120
Json = Annotated[bool, typer.Option("--json", help="For machines: one JSON document.")]


class Call:
    """What the options before the command said; set once per run by the root command."""

    home: Path | None = None


def settings(**given: object) -> settings_.Settings:
    """The settings of this run; ``given`` are options of the command, None where not given."""
    return settings_.load(home=Call.home, **given)


def console(*, stderr: bool = False) -> Console:
    """Where a command prints; a line that goes into a pipe is not broken."""
    piped = not (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, soft_wrap=piped, width=PIPED_WIDTH if piped else None)

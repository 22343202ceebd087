"""``scoregate poll``: have the adapter of an integration take submissions by itself, until told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.terminal import settings


def poll(
    integration: Annotated[str, typer.Argument(help="One whose adapter owns its loop, as odbc.")],
    once: Annotated[bool, typer.Option("--once", help="End as soon as nothing waits.")] = False,
) -> None:
    """Take what waits in a legacy system, decide it and hand the answers over, until told to stop."""
    from gateway.bootstrap import poll as run

    run(settings(), integration, once=once)

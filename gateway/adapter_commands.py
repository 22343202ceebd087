"""The commands that adapters add to the command line: ``scoregate ADAPTER NAME ARGUMENT``.

They are looked up when a name is asked for that no command of ours has, or when all are listed: no other command pays
for them, and none imports an adapter but the one that is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from gateway import terminal

_PLAIN: Final[Mapping[str, Any]] = {"no_args_is_help": True, "add_completion": False, "rich_markup_mode": None}
"""As every other group of commands is made."""


class WithAdapters(TyperGroup):
    """The root of the command line, with a group for each adapter that adds commands."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, cmd_name) or _groups().get(cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *_groups()]


def _groups() -> dict[str, Any]:
    from gateway.bootstrap import adapter_commands

    return {adapter: typer.main.get_command(_group(adapter, found)) for adapter, found in adapter_commands().items()}


def _group(adapter: str, commands: Mapping[str, tuple[str, str]]) -> typer.Typer:
    group = typer.Typer(name=adapter, help=f"What the adapter {adapter} adds.", **_PLAIN)
    group.callback()(lambda: None)  # without one, a single command would stand for the group
    for name, (word, text) in commands.items():
        _add(group, adapter, name, word, text)
    return group


def _add(group: typer.Typer, adapter: str, name: str, word: str, text: str) -> None:
    def run(argument: Annotated[str, typer.Argument(metavar=word)]) -> None:
        from gateway.bootstrap import run_command

        for line in run_command(terminal.settings(), adapter, name, argument):
            terminal.console().print(line, markup=False)

    run.__annotations__["argument"] = Annotated[str, typer.Argument(metavar=word)]
    group.command(name, help=text)(run)

"""The README is true: every command it shows is run, and what it prints is what the README says it prints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from live_gateway import ENVIRONMENT, EXAMPLE, SCORE, copied, free_port, until
from postgres_server import PASSWORD, USER, PostgresServer
from typer.models import CommandInfo

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXITS = re.compile(r" +# exits ([1-9][0-9]*)$")
RUN_BY_CI = ("make demo", "make test", "make bench", "make soak")


class Shown(NamedTuple):
    """A command as the README shows it: the lines printed below it, in which ``…`` stands for anything, and the exit
    code, which is 0 unless ``# exits 1`` stands behind the command."""

    command: str
    lines: list[str]
    code: int


def commands() -> list[Shown]:
    """Every command of the README's console blocks."""
    found: list[Shown] = []
    for block in BLOCK.findall(README.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                said = EXITS.search(line)
                found.append(Shown(EXITS.sub("", line[2:]), [], int(said[1]) if said else 0))
            elif found and line.strip():
                found[-1].lines.append(line)
    return [shown for shown in found if not shown.command.startswith(RUN_BY_CI)]


def test_every_command_is_found() -> None:
    assert len(commands()) >= 6


@pytest.fixture(autouse=True, scope="module")
def fresh_folders() -> None:
    """The README's own folders are made anew, as on a fresh machine."""
    for name in ("home", "bundle", "french", "backup", "own", "los", "core", "tables", "debts"):
        shutil.rmtree(ROOT / "build" / f"readme-{name}", ignore_errors=True)


@pytest.mark.parametrize("shown", commands(), ids=[shown.command for shown in commands()])
def test_the_command_prints_what_the_readme_says(shown: Shown, built_home: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "COLUMNS": "120", "NO_COLOR": "1"}
    done = subprocess.run(shown.command, shell=True, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)  # noqa: S602 # the README's own commands
    printed = f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    assert done.returncode == shown.code, printed
    missing = [line for line in shown.lines if not is_printed(line, printed)]
    assert not missing, f"{missing} is not in:\n{printed}"


def is_printed(line: str, printed: str) -> bool:
    """Whether a line of the README is a whole line of what was printed; ``…`` stands for anything within a line."""
    pattern = re.compile(".*".join(re.escape(part.strip()) for part in line.split("…")))
    return any(pattern.fullmatch(found.strip()) for found in printed.splitlines())


@pytest.mark.parametrize(
    ("line", "printed", "found"),
    [
        ("0 error(s), 0 warning(s)", "10 error(s), 0 warning(s)", False),
        ("2 decision(s): … equal", "2 decision(s): 1 equal, 1 differ", False),
        ("2 decision(s): 2 equal", "as shown\n  2 decision(s): 2 equal", True),
        (" debt … drawn …", "  debt    not_carried   drawn from 0 to 9", True),
        ("debt … drawn", "debt is\ndrawn", False),
    ],
)
def test_only_whole_lines_count_as_printed(line: str, printed: str, found: bool) -> None:
    assert is_printed(line, printed) == found


def test_the_notebook_lines_run(built_home: Path) -> None:
    lines = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    done = subprocess.run([sys.executable, "-c", lines[0]], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_ledger_in_postgresql_takes_the_three_commands(
    built_home: Path, tmp_path: Path, postgres: PostgresServer
) -> None:
    """As they stand, but for what is each machine's own: the home, the file of the password, where the server is."""
    (block,) = re.findall(r"^```postgresql\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    install, make, serve = block.splitlines()
    caller, secret = copied(built_home, tmp_path / "home"), tmp_path / "password"
    secret.write_text("chosen for this test")
    secret.chmod(0o600)
    assert postgres.programs
    path = os.pathsep.join((str(postgres.programs), str(Path(sys.executable).parent), os.environ["PATH"]))
    server = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": USER, "PGPASSWORD": PASSWORD}
    env = ENVIRONMENT | {"PATH": path, "PIP_NO_INDEX": "1", "PIP_DRY_RUN": "1"}  # as installed here, nothing is fetched
    run(install, env)
    run(make, env | server, asked=f"{secret.read_text()}\n" * 2)  # without a terminal, createuser asks here
    command = serve.replace("/run/secrets/ledger", str(secret)).replace("--home DIR", f"--home {caller.home}")
    assert command.count(str(tmp_path)) == 2
    port = str(free_port())
    gateway = env | {"PGPORT": server["PGPORT"], "SCOREGATE_PORT": port}
    with subprocess.Popen(f"exec env {command}", shell=True, cwd=ROOT, env=gateway) as process:  # noqa: S602 # as above
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=caller.headers) as client:
            until(lambda: process.poll() is not None or ready(client))
            decided = client.post(SCORE, content=EXAMPLE.read_bytes()).json()["decision"]["id"]
        process.terminate()
    assert process.returncode == 0
    assert postgres.execute("scoregate", "SELECT name FROM entry") == [(decided,)]


def run(command: str, env: dict[str, str], asked: str = "") -> None:
    """A command of the README as a person's shell runs it, answering what it asks."""
    given = {"cwd": ROOT, "env": env, "input": asked, "start_new_session": True}
    done = subprocess.run(command, shell=True, **given, capture_output=True, text=True, timeout=120)  # type: ignore[call-overload] # noqa: S602 # the README's own commands
    assert done.returncode == 0, done.stdout + done.stderr


def ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_the_readme_names_every_setting() -> None:
    from gateway.settings import Settings

    text = README.read_text(encoding="utf-8")
    assert not [name for name in Settings.model_fields if f"SCOREGATE_{name.upper()}" not in text]


def test_the_readme_names_every_command() -> None:
    from gateway.cli import app

    text = README.read_text(encoding="utf-8")
    names = [name_of(command) for command in app.registered_commands]
    for group in app.registered_groups:
        names += [f"{group.name} {name_of(command)}" for command in group.typer_instance.registered_commands]
    assert not [name for name in names if f"scoregate {name}" not in text and f"--home build/home {name}" not in text]


def name_of(command: CommandInfo) -> str:
    return command.name or (command.callback or print).__name__.rstrip("_").replace("_", "-")


def test_the_readme_names_every_error_code() -> None:
    from contracts import errors

    text = README.read_text(encoding="utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CallerError)]
    assert not [kind.code for kind in kinds if kind is not errors.CallerError and f"`{kind.code}`" not in text]


def test_every_test_the_threats_name_exists() -> None:
    table = README.read_text(encoding="utf-8").partition("## Threats")[2].partition("\n## ")[0]
    file, named = "", 0
    for place, test in re.findall(r"`((?:tests/[\w/]+\.py)?)::(test_\w+)`", table):
        file = place or file
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"
        named += 1
    rows = [line for line in table.splitlines() if line.startswith("| ") and "proved by" not in line]
    assert named >= len(rows) >= 8
    assert all("`tests/" in row for row in rows)

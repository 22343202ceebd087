"""The real gateway as a process, on a copy of the demonstration's home."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from gateway.access import principals

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "fixtures/integrations/juniper-api/examples/01-complete__approves/request.json"
SCORE = "/v1/juniper-api/score"
COMMAND = [sys.executable, "-m", "gateway.launch", "--home"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


class Caller(NamedTuple):
    """A home copied for one test and the key of the one who may call it."""

    home: Path
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}

    @property
    def log(self) -> Path:
        return self.home.with_suffix(".log")


class Live(NamedTuple):
    process: subprocess.Popen[bytes]
    client: httpx.Client


def copied(built_home: Path, home: Path) -> Caller:
    """The demonstration's home with Juniper as its only integration."""
    shutil.copytree(built_home, home, ignore=shutil.ignore_patterns("state", "principals.yaml"))
    for folder in (home / "integrations").iterdir():
        if folder.name != "juniper-api":
            shutil.rmtree(folder)
    operations = ["score", "batch", "read"]
    return Caller(home, principals.add(home / "principals.yaml", "juniper", ["juniper-api"], operations))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def serving(caller: Caller, *options: str, **settings: str) -> Iterator[Live]:
    """The gateway, once it is ready; otherwise as ``started``."""
    with started(caller, *options, **settings) as live:
        await_ready(live.process, live.client, caller.log)
        yield live


@contextmanager
def started(caller: Caller, *options: str, **settings: str) -> Iterator[Live]:
    """The gateway's process; its log is kept beside the home. ``settings`` are variables of its environment."""
    port = free_port()
    command = [*COMMAND, str(caller.home), "serve", "--port", str(port), *options]
    with (
        caller.log.open("ab") as log,
        subprocess.Popen(command, stderr=log, cwd=ROOT, env=ENVIRONMENT | settings) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=caller.headers, timeout=60) as client,
    ):
        try:
            yield Live(process, client)
        finally:
            process.terminate()


def until(reached: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for what is to come; how long it takes on a busy machine is no matter here."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)


def await_ready(process: subprocess.Popen[bytes], client: httpx.Client, log: Path) -> None:
    while process.poll() is None:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError(log.read_text())

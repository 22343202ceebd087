"""``scoregate poll`` itself, killed as the kernel does, on PostgreSQL: each row ends with one answer, the ledger's."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cobalt import APPROVED, DECLINED, PATIENCE_S, Cobalt, assert_one_answer_each, numbered
from odbc_databases import Servers

from gateway import settings
from gateway.bootstrap import install
from gateway.installation import Installation

ROOT = Path(__file__).parents[2]
HURRIED = {"batch: 500": "batch: 7", "every: 2s": "every: 50ms", "lease: 60s": "lease: 1s"}
"""What makes a kill meet a batch, and a claim that died with its poller free again soon."""


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    """Cobalt alone, in a hurry."""
    for part in ("bundles", "policies", "integrations/cobalt-core"):
        shutil.copytree(built_home / part, tmp_path / part)
    file = tmp_path / "integrations/cobalt-core/integration.yaml"
    text = file.read_text()
    for old, new in HURRIED.items():
        text, count = re.subn(old, new, text)
        assert count == 1
    file.write_text(text)
    return tmp_path


@contextmanager
def poller(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command as an operator starts it; killed at the end."""
    command = [sys.executable, "-m", "gateway.launch", "--home", str(home), "poll", "cobalt-core"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def await_answer(cobalt: Cobalt, process: subprocess.Popen[bytes], answered: int) -> None:
    """Until so many rows have an answer."""
    end = time.monotonic() + PATIENCE_S
    while sum(state == "D" for state in cobalt.states.values()) < answered:
        assert process.poll() is None
        assert time.monotonic() < end, cobalt.states
        time.sleep(0.01)


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_the_command_killed_at_any_moment_leaves_each_row_one_answer(
    kills: int, home: Path, installed: Installation, servers: Servers
) -> None:
    """Rows come before it starts and while it works, and it dies somewhere in the midst of them."""
    chance = random.Random(kills)  # noqa: S311 # the moments of kills
    database = servers.database("postgresql", home)
    database.name = "cobalt-core"
    cobalt = Cobalt(database, installed.desk("cobalt-core"))
    cobalt.make()
    submitted = answered = 0
    for _ in range(kills):
        cobalt.insert(*(numbered((APPROVED, DECLINED)[n % 2], n) for n in range(submitted, submitted + 40)))
        submitted += 40
        with poller(home) as process:
            await_answer(cobalt, process, answered + chance.randrange(1, 30))
            time.sleep(chance.uniform(0, 0.05))
        answered = sum(state == "D" for state in cobalt.states.values())
    assert answered < submitted, "no kill met a row that was not answered"
    with poller(home) as process:
        await_answer(cobalt, process, submitted)
    made = install(settings.load(home=home), with_ledger=True)
    try:
        assert made.ledger
        assert_one_answer_each(cobalt, made.ledger, submitted)
    finally:
        made.close()

"""``scoregate poll`` as a process: it answers what waits, ends when told to, and says what keeps it from starting."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from cobalt import APPROVED, FOLDER
from live_gateway import until
from odbc_databases import library

from gateway import demo_tables


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    """A home whose Cobalt has one row waiting, in SQLite."""
    for part in ("bundles", "policies", "integrations"):
        shutil.copytree(built_home / part, tmp_path / part)
    place = f"{{adapter: odbc, driver: {library('sqlite')}, database: cobalt.db}}"
    (tmp_path / "connections.yaml").write_text(f"cobalt-core: {place}\n")
    with closing(sqlite3.connect(tmp_path / "cobalt.db")) as database:
        database.executescript((FOLDER / "ddl" / "sqlite.sql").read_text())
        demo_tables.insert(database, "CREDIT_REQUEST", APPROVED)
        database.commit()
    return tmp_path


def command(home: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "gateway.launch", "--home", str(home), "poll", *words]


def state(home: Path) -> str:
    with closing(sqlite3.connect(home / "cobalt.db")) as database:
        return str(database.execute("SELECT STATUS FROM CREDIT_REQUEST").fetchone()[0])


def test_told_to_end_it_finishes_and_says_so(home: Path) -> None:
    with subprocess.Popen(command(home, "cobalt-core"), stderr=subprocess.PIPE, text=True) as process:
        until(lambda: process.poll() is not None or state(home) == "D")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, state(home)) == (0, "D")
    assert '"event":"polling"' in said
    assert said.rstrip().endswith('"event":"polled","worker":1,"integration":"cobalt-core"}')


@pytest.mark.parametrize(
    ("integration", "connections", "says"),
    [
        ("juniper-api", None, "the adapter 'rest' is called; there is nothing to poll"),
        ("cobalt-core", "{}\n", "has no odbc connection 'cobalt-core'"),
        ("cobalt-core", "cobalt-core: {adapter: odbc, driver: Nobody's, database: x}\n", "is not installed"),
    ],
)
def test_what_keeps_it_from_starting_is_one_clear_text(
    integration: str, connections: str | None, says: str, home: Path
) -> None:
    if connections is not None:
        (home / "connections.yaml").write_text(connections)
    done = subprocess.run(command(home, integration, "--once"), capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert state(home) == "N"

"""``scoregate poll`` as a process: it answers what waits, ends when told to, and says what keeps it from starting."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cobalt import APPROVED, FOLDER
from command_line import here
from live_gateway import until
from odbc_databases import library

from gateway import demo_tables
from gateway.access import principals


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


def test_a_poller_keeps_the_rules_of_modes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it takes is its caller's: disabled it takes nothing, on trial it decides a trial, live it is audited."""
    monkeypatch.setenv("SCOREGATE_ALLOW_DEMONSTRATION", "cobalt-core/cobalt")
    integration, file = home / "integrations/cobalt-core/integration.yaml", home / "principals.yaml"
    integration.write_text(integration.read_text().replace("mode: test", "mode: live"))
    principals.add(file, "cobalt", ["cobalt-core"], ["score"])
    on_trial = file.read_text()
    principals.disable(file, "cobalt", datetime(2026, 3, 31, tzinfo=UTC))
    turned_away = here(home, "poll", "cobalt-core", "--once")
    assert (turned_away.returncode, state(home)) == (2, "N")
    assert "'cobalt' is disabled" in turned_away.stderr
    for text in (on_trial, on_trial.replace("mode: test", "mode: live")):
        file.write_text(text)
        assert here(home, "poll", "cobalt-core", "--once").returncode == 0
        with closing(sqlite3.connect(home / "cobalt.db")) as database:
            assert database.execute("UPDATE CREDIT_REQUEST SET STATUS = 'N' WHERE STATUS = 'D'").rowcount == 1
            database.commit()
    decided = json.loads(here(home, "decisions", "list", "--json").stdout)
    assert [one["mode"] for one in decided] == ["live", "test"]
    audit = json.loads(here(home, "audit", "list", "--event", "demonstration_override", "--json").stdout)
    assert [(one["integration"], one["principal"], one["times"]) for one in audit] == [("cobalt-core", "cobalt", 1)]


def test_a_caller_that_is_disabled_ends_its_poller_and_what_waits_stays(home: Path) -> None:
    principals.add(home / "principals.yaml", "cobalt", ["cobalt-core"], ["score"])
    with subprocess.Popen(command(home, "cobalt-core"), stderr=subprocess.PIPE, text=True) as process:
        until(lambda: process.poll() is not None or state(home) == "D")
        principals.disable(home / "principals.yaml", "cobalt", datetime(2026, 3, 31, tzinfo=UTC))
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "'cobalt' is disabled" in said

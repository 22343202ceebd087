"""The ledger of a home: made with its keys on first use, and neither of them ever made beside what is left of it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from live_gateway import COMMAND, ENVIRONMENT, ROOT
from sqlalchemy import inspect

from contracts.errors import SetupError
from gateway import settings
from gateway.clock import utc_now
from gateway.doctor.working import ledger as looked_at
from gateway.ledger.connect import connect
from gateway.opening import ledger_place, open_ledger
from gateway.settings import Settings

if TYPE_CHECKING:
    from postgres_server import PostgresServer

PURPOSES = ("master", "signing")


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A home whose ledger is not there yet."""
    if request.param == "sqlite":
        return settings.load(home=tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    (tmp_path / "url").write_text(server.new_database())
    return settings.load(home=tmp_path, ledger=f"file:{tmp_path / 'url'}")


def make(home: Settings) -> None:
    open_ledger(home, utc_now).close()


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_key_that_is_lost_is_asked_for_and_not_made_anew(home: Settings, purpose: str) -> None:
    make(home)
    key = home.keys / f"{purpose}.key"
    kept = key.rename(home.home / "kept")
    with pytest.raises(SetupError, match=rf"its {purpose} key is not.*put it back from your backup") as caught:
        open_ledger(home, utc_now)
    assert str(key) in caught.value.message
    assert not key.exists()
    kept.rename(key)
    make(home)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_no_key_is_made_where_the_anchor_names_blocks_of_a_ledger_that_is_gone(tmp_path: Path, purpose: str) -> None:
    home = settings.load(home=tmp_path)
    make(home)
    home.anchor_file.write_text(f"1 {'00' * 32} {'00' * 32}\n")
    (home.keys / f"{purpose}.key").unlink()
    for file in home.state.glob("ledger.db*"):
        file.unlink()
    with pytest.raises(SetupError, match=r"ledger\.anchor is there, but"):
        open_ledger(home, utc_now)
    assert not (home.keys / f"{purpose}.key").exists()


def test_who_only_looks_makes_neither_keys_nor_a_ledger_and_says_where_it_looked(home: Settings) -> None:
    with pytest.raises(SetupError, match="there is no ledger at"):
        open_ledger(home, utc_now, examine=True, existing=True)
    assert {finding.severity for finding in looked_at(home)} == {"note"}
    assert not home.state.exists()
    if home.ledger:
        engine = connect(ledger_place(home))
        assert inspect(engine).get_table_names() == []
        engine.dispose()


@pytest.mark.parametrize(
    "line",
    [
        "verify --chain", "verify --all", "ledger status", "ledger purge --by me", "ledger erase ID --by me",
        "ledger rotate-keys", "audit list",
    ],
)  # fmt: skip
def test_a_command_in_a_wrong_folder_names_it_and_leaves_it_as_it_was(tmp_path: Path, line: str) -> None:
    (tmp_path / "state").mkdir()
    command = [*COMMAND, str(tmp_path), *line.split()]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert f"there is no ledger at {tmp_path}/state/ledger.db" in " ".join(done.stderr.split())
    assert [path.name for path in tmp_path.rglob("*")] == ["state"]

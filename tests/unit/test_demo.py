"""The demonstration: it takes away what an earlier one left, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from rich.console import Console

from contracts.errors import SetupError
from gateway import demo
from gateway import settings as settings_


def lies_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("somebodys", ["state/ledger.db", "state/keys/master.key", "principals.yaml"])
def test_a_home_that_is_somebodys_is_refused_and_left_as_it_is(tmp_path: Path, somebodys: str) -> None:
    for name in (somebodys, "policies/consumer-instalment.policy.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"somebody's")
    before = lies_in(tmp_path)
    with pytest.raises(SetupError, match=r"did not make .*; name another --home"):
        demo.run(settings_.load(home=tmp_path), Console(quiet=True), keep=False)
    assert lies_in(tmp_path) == before


def test_it_begins_with_an_empty_ledger_each_time_and_keeps_the_rest(tmp_path: Path) -> None:
    for _ in range(2):
        home = demo.begin(settings_.load(home=tmp_path / "home"))
        assert not (home / "state").exists()
        (home / "state").mkdir()
        for name in ("state/ledger.db", "principals.yaml", "trained"):
            (home / name).write_text("the demonstration's")
    assert (home / "trained").exists()


def test_a_copy_of_its_home_is_somebodys(tmp_path: Path) -> None:
    home = demo.begin(settings_.load(home=tmp_path / "home"))
    (home / "principals.yaml").touch()
    shutil.copytree(home, tmp_path / "production")
    with pytest.raises(SetupError, match="name another --home"):
        demo.begin(settings_.load(home=tmp_path / "production"))


@pytest.mark.parametrize("name", ["STATE", "LEDGER", "ANCHOR"])
def test_it_writes_nowhere_but_into_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"SCOREGATE_{name}", str(tmp_path / "elsewhere"))
    with pytest.raises(SetupError, match=f"SCOREGATE_{name} is set"):
        demo.begin(settings_.load(home=tmp_path / "home"))
    assert not list(tmp_path.iterdir())

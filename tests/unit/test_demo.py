"""The demonstration: it takes away what an earlier one left, and nothing else."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import httpx
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


def test_a_port_that_somebody_listens_on_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=rf"port {port} cannot be listened on .* make demo PORT="):
            demo.run(settings_.load(home=tmp_path / "home", port=port), Console(quiet=True), keep=False)
    assert not list(tmp_path.iterdir())


def answering(status: int | None) -> tuple[httpx.Client, list[httpx.Request]]:
    """A client of a server that answers so, or not at all, and what it was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if status is None:
            raise httpx.ConnectError("refused")
        return httpx.Response(status)

    return httpx.Client(base_url="http://demo", transport=httpx.MockTransport(answer)), asked


@pytest.mark.parametrize("status", [None, 503])
def test_a_gateway_that_ends_is_noticed_and_its_last_line_told(tmp_path: Path, status: int | None) -> None:
    log = tmp_path / "gateway.log"
    log.write_text("started\nscoregate: no home here\n\n")
    with subprocess.Popen(["false"]) as process:
        process.wait()
    with pytest.raises(SetupError, match="ended with 1: scoregate: no home here"):
        demo.wait_until_ready(answering(status)[0], process, log)


@pytest.mark.parametrize("status", [None, 503])
def test_a_gateway_that_is_not_ready_is_asked_in_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    monkeypatch.setattr(demo, "START_SECONDS", 0.1)
    client, asked = answering(status)
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            with pytest.raises(SetupError, match="not ready after"):
                demo.wait_until_ready(client, process, tmp_path / "gateway.log")
        finally:
            process.kill()
    assert 1 <= len(asked) <= 0.1 / demo.TURN_SECONDS + 1


@pytest.mark.parametrize("name", ["STATE", "LEDGER", "ANCHOR"])
def test_it_writes_nowhere_but_into_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"SCOREGATE_{name}", str(tmp_path / "elsewhere"))
    with pytest.raises(SetupError, match=f"SCOREGATE_{name} is set"):
        demo.begin(settings_.load(home=tmp_path / "home"))
    assert not list(tmp_path.iterdir())

"""``scoregate doctor``: each thing that can be wrong is provoked, and named with its cure."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from live_gateway import COMMAND, ENVIRONMENT, ROOT, copied

from gateway import settings
from gateway.clock import utc_now
from gateway.opening import open_ledger


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    """A home with keys, an empty ledger, and the sample's database of a legacy system."""
    home = copied(built_home, tmp_path / "home").home
    open_ledger(settings.load(home=home), utc_now).close()
    sqlite3.connect(home / "state/cobalt.db").close()
    return home


def doctor(home: Path, **more: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """The exit code, and what was found of each severity."""
    command = [*COMMAND, str(home), "doctor", "--json"]
    done = subprocess.run(command, cwd=ROOT, env={**ENVIRONMENT, **more}, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    found: dict[str, list[dict[str, str]]] = {"ok": [], "note": [], "warning": [], "error": []}
    for finding in json.loads(done.stdout):
        found[finding["severity"]].append(finding)
    return done.returncode, found


def the_error(home: Path, **more: str) -> dict[str, str]:
    code, found = doctor(home, **more)
    assert code == 1
    (error,) = found["error"]
    assert error["cure"]
    return error


def test_a_sound_home_has_no_error(home: Path) -> None:
    code, found = doctor(home, SCOREGATE_PORT="0")
    assert (code, found["error"]) == (0, [])
    sound = {finding["check"] for finding in found["ok"]}
    assert {"python", "packages", "keys", "ledger", "disk", "port"} <= sound
    (deprecated,) = found["warning"]  # the sample is pinned to a version that will be taken out of service
    assert deprecated["check"] == "configuration"


def test_a_key_others_can_read_is_an_error(home: Path) -> None:
    (home / "state/keys/master.key").chmod(0o644)
    assert "chmod 600" in the_error(home)["cure"]


def test_a_group_may_read_a_key_that_is_given_as_a_mounted_secret_is(home: Path) -> None:
    given = {}
    for purpose in ("master", "signing"):
        mounted = home / f"mounted-{purpose}"
        shutil.copy(home / f"state/keys/{purpose}.key", mounted)
        mounted.chmod(0o440)
        given[f"SCOREGATE_{purpose.upper()}_KEY"] = f"file:{mounted}"
    assert doctor(home, **given)[1]["error"] == []
    mounted.chmod(0o444)
    assert f"chmod 640 {mounted}" in the_error(home, **given)["cure"]


def test_callers_others_can_read_of_are_an_error(home: Path) -> None:
    file = home / "principals.yaml"
    file.chmod(0o640)
    assert doctor(home)[1]["error"] == []
    file.chmod(0o644)
    assert f"chmod 640 {file}" in the_error(home)["cure"]


def test_a_lost_key_is_an_error(home: Path) -> None:
    (home / "state/keys/master.key").unlink()
    assert "master key is not" in the_error(home)["seen"]
    assert not (home / "state/keys/master.key").exists()


def test_a_key_of_another_ledger_is_an_error(home: Path) -> None:
    (home / "state/keys/master.key").write_bytes(os.urandom(32).hex().encode())
    assert the_error(home)["check"] == "ledger"


def test_a_clock_behind_the_ledger_is_an_error(home: Path) -> None:
    ahead = int((time.time() + 900) * 1e6)
    with sqlite3.connect(home / "state/ledger.db") as ledger:
        ledger.execute("INSERT INTO block VALUES (0, x'', x'', 0, 0, ?, x'', 1, x'')", (ahead,))
    ledger.close()
    error = the_error(home)
    assert (error["check"], "behind" in error["seen"]) == ("clock", True)


def test_a_locked_ledger_is_an_error(home: Path) -> None:
    holder = sqlite3.connect(home / "state/ledger.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert "lock" in the_error(home)["seen"]
    finally:
        holder.close()


def test_a_misspelt_setting_is_an_error_with_the_nearest_name(home: Path) -> None:
    assert "SCOREGATE_SIGNING_KEY" in the_error(home, SCOREGATE_SINGING_KEY="env:X")["seen"]


def test_a_variable_that_a_reference_names_may_begin_like_a_setting(home: Path) -> None:
    given = {"SCOREGATE_MASTER_KEY": "env:SCOREGATE_OUR_KEY", "SCOREGATE_OUR_KEY": "x"}
    assert the_error(home, **given)["check"] == "ledger"


def test_too_little_disk_is_an_error(home: Path) -> None:
    assert the_error(home, SCOREGATE_DISK_RESERVE=str(10**18))["check"] == "disk"


def test_a_fault_in_an_integration_is_an_error_that_names_lint(home: Path) -> None:
    (home / "integrations/juniper-api/integration.yaml").write_text("integration: [")
    assert the_error(home)["cure"] == "scoregate lint"


def test_a_port_in_use_is_a_warning(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, found = doctor(home, SCOREGATE_PORT=str(taken.getsockname()[1]))
    assert (code, {finding["check"] for finding in found["warning"]}) == (0, {"port", "configuration"})


def connections(home: Path, severity: str) -> list[dict[str, str]]:
    return [one for one in doctor(home, SCOREGATE_PORT="0")[1][severity] if one["check"] == "connections"]


def test_a_connection_is_tried_and_one_that_fails_is_named_with_its_cause_and_cure(home: Path) -> None:
    (home / "connections.yaml").write_text(
        "core: {adapter: odbc, driver: SQLite3, database: state/cobalt.db}\n"
        "old: {adapter: odbc, driver: SQLite3, database: nowhere.db}\n"
        "down: {adapter: odbc, driver: PostgreSQL Unicode, server: 127.0.0.1, port: 1, database: d}\n"
    )
    assert [one["seen"].startswith("core: SQLite 3.") for one in connections(home, "ok")] == [True]
    old, down = connections(home, "warning")
    assert "connections.yaml:2" in old["seen"]
    assert "nowhere.db is not there" in old["seen"]
    assert "Connection refused" in down["seen"]
    assert "start its server" in down["cure"]

"""Each thing that doctor looks at, provoked by itself in a made-up home; as a whole: tests/e2e/test_doctor.py."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest

from contracts.errors import SetupError
from gateway import doctor, settings
from gateway.doctor import files, machine
from gateway.doctor.findings import Finding, looked
from gateway.settings import Settings

MISSING = "no_such_package"


def found(findings: Iterable[Finding], severity: str) -> list[Finding]:
    """Those of a severity; whatever else was found, what is wrong has a cure and the check a name."""
    seen = list(findings)
    assert all(one.check and one.seen for one in seen)
    assert all(one.cure for one in seen if one.severity in ("warning", "error"))
    return [one for one in seen if one.severity == severity]


def test_an_extra_of_which_not_even_the_parent_package_is_there_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "EXTRAS", {"tracing": (f"{MISSING}.sdk",)})
    (note,) = found(machine.extras(), "note")
    assert note.seen == f"without {MISSING}.sdk"


def raised(error: Exception) -> Iterable[Finding]:
    yield Finding("ok", "one", "seen before")
    raise error


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (PermissionError(13, "Permission denied", "/theirs/state"), "cannot look at /theirs/state: Permission denied"),
        (SetupError("the key is not there"), "the key is not there"),
        (ZeroDivisionError("4711"), "a fault of ours, ZeroDivisionError at test_doctor.py"),
    ],
)
def test_a_check_that_cannot_go_on_says_so_and_costs_no_other(error: Exception, seen: str) -> None:
    findings = list(looked("one", lambda: raised(error)))
    assert [one.severity for one in findings] == ["ok", "error"]
    assert seen in found(findings, "error")[0].seen
    assert "4711" not in str(findings)


def test_a_home_that_may_not_be_looked_at_leaves_what_was_found_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(**_: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(doctor.settings_, "load", refused)
    findings = doctor.examine(tmp_path, {})
    assert [one.check for one in found(findings, "error")] == ["settings"]
    assert {"python", "packages", "threads"} <= {one.check for one in findings}


@pytest.mark.parametrize(
    ("content", "line"), [(b"stray\n[x]\nDriver=/x\n", 1), (b"[x]\nDriver=/x\n", 0), (b"\n[x]\nno value\n", 3)]
)
def test_a_spoilt_list_of_drivers_is_a_warning_that_names_the_line(tmp_path: Path, content: bytes, line: int) -> None:
    (tmp_path / "odbcinst.ini").write_bytes(content)
    (warning,) = found(machine.drivers({"ODBCSYSINI": str(tmp_path)}), "warning")
    assert (f"from line {line} on" if line else "there is no /x") in warning.seen


def test_the_name_of_a_driver_may_be_in_any_code_page(tmp_path: Path) -> None:
    (tmp_path / "odbcinst.ini").write_bytes("[ODBC]\nPooling=Yes\n[Fährbank]\nDriver=libx.so\n".encode("latin-1"))
    (ok,) = found(machine.drivers({"ODBCSYSINI": str(tmp_path)}), "ok")
    assert "hrbank: libx.so" in ok.seen


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """A home with nothing in it."""
    return settings.load(home=tmp_path)


def signing(home: Settings, secret: str) -> None:
    """One caller that signs with what lies behind a reference."""
    caller = "name: juniper, integrations: ['*'], operations: [score]"
    text = f"principals: [{{{caller}, credentials: [{{kind: signature, secret: '{secret}'}}]}}]"
    (home.home / "principals.yaml").write_text(text)
    (home.home / "principals.yaml").chmod(0o600)


def test_a_signing_secret_without_which_the_start_is_refused_is_an_error(home: Settings) -> None:
    secret = home.home / "secret"
    signing(home, f"file:{secret}")
    (missing,) = found(files.principals(home), "error")
    assert f"cannot read {secret}" in missing.seen
    secret.write_text("short")
    secret.chmod(0o640)
    (weak,) = found(files.principals(home), "error")
    assert "shorter than" in weak.seen
    secret.write_text("x" * 32)
    assert found(files.principals(home), "error") == []
    secret.chmod(0o644)
    assert f"chmod 640 {secret}" in found(files.principals(home), "error")[0].cure
    signing(home, "env:NO_SUCH_VARIABLE")
    assert "NO_SUCH_VARIABLE is not set" in found(files.principals(home), "error")[0].seen


@pytest.fixture
def spread(home: Settings) -> Settings:
    """State, ledger and anchor each in a folder of its own."""
    for name in ("state", "ledger", "anchor"):
        (home.home / name).mkdir(mode=0o700)
    return settings.load(home=home.home, ledger=f"{home.home}/ledger/l.db", anchor=f"{home.home}/anchor/a")


@pytest.mark.parametrize("low", ["state", "ledger", "anchor"])
def test_a_disk_without_its_reserve_is_an_error_whatever_lies_there(
    spread: Settings, low: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usage(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(free=spread.disk_reserve - (folder.name == low))

    monkeypatch.setattr(files, "shutil", SimpleNamespace(disk_usage=usage))
    findings = list(files.disk(spread))
    assert len(findings) == 3
    assert f"/{low}, for {low};" in found(findings, "error")[0].seen


def test_the_room_for_what_is_not_made_yet_is_that_of_the_folder_above(home: Settings) -> None:
    (ok,) = found(files.disk(home), "ok")
    assert ok.seen.endswith(f"free in {home.home}, for state, ledger, anchor")

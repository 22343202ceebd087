"""Each thing that doctor looks at, provoked by itself in a made-up home; as a whole: tests/e2e/test_doctor.py."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from contracts.errors import Fault, SetupError
from gateway import doctor, settings
from gateway.clock import utc_now
from gateway.doctor import files, machine, working
from gateway.doctor.findings import Finding, looked
from gateway.launch import ONE_THREAD
from gateway.ledger.probe import Standing
from gateway.ledger.schema import VERSION
from gateway.opening import open_ledger
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
    (warning,) = found(machine.drivers({"ODBCSYSINI": str(tmp_path)}, "libc.so.6"), "warning")
    assert (f"from line {line} on" if line else "there is no /x") in warning.seen


def test_the_name_of_a_driver_may_be_in_any_code_page(tmp_path: Path) -> None:
    (tmp_path / "odbcinst.ini").write_bytes("[ODBC]\nPooling=Yes\n[Fährbank]\nDriver=libx.so\n".encode("latin-1"))
    (ok,) = found(machine.drivers({"ODBCSYSINI": str(tmp_path)}, "libc.so.6"), "ok")
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


def test_a_python_that_is_too_old_is_an_error() -> None:
    assert found(machine.python((3, 10, 14)), "error")[0].cure == "install Python 3.11 or newer"
    assert len(found(machine.python(), "ok")) == 1


def test_a_package_that_is_missing_is_an_error_and_one_of_another_version_a_warning(tmp_path: Path) -> None:
    pins = tmp_path / "requirements.txt"
    pins.write_text("numpy==2.1.0 \\\n    --hash=sha256:00\nshap==0.51.0 \\\n")
    here = {"numpy": "2.2.0", "shap": None}
    findings = list(machine.packages(pins, lambda name: here.get(name, "1")))
    assert [one.seen for one in found(findings, "error")] == ["shap is missing"]
    assert [one.seen for one in found(findings, "warning")] == [
        "differ from the tested set: numpy 2.2.0 (tested: 2.1.0)"
    ]
    assert [one.seen for one in found(machine.packages(pins, {"numpy": "2.1.0"}.get), "ok")] == ["as tested"]


def test_without_the_tested_set_versions_are_not_compared_and_that_is_said(tmp_path: Path) -> None:
    assert "versions were not compared" in found(machine.packages(tmp_path / "none"), "note")[0].seen


@pytest.mark.parametrize("extra", machine.EXTRAS)
def test_an_extra_that_is_missing_is_a_note_with_the_line_to_type(extra: str) -> None:
    missing = machine.EXTRAS[extra]
    (note,) = found(machine.extras(lambda module: module not in missing), "note")
    assert (note.check, note.seen) == (f"extra {extra}", f"without {', '.join(missing)}")
    assert note.cure.endswith(f"pip install 'scoregate[{extra}]'")


def test_of_an_extra_only_what_the_product_imports_is_asked_for() -> None:
    text = "\n".join(path.read_text() for path in Path(doctor.__file__).parents[2].glob("[acgm]*/**/*.py"))
    asked = {module for modules in machine.EXTRAS.values() for module in modules}
    asked.remove("psycopg")  # SQLAlchemy imports it for postgresql+psycopg
    assert not {module for module in asked if not re.search(rf"^\s*(import|from) {module}\b", text, re.MULTILINE)}


def test_no_driver_manager_and_no_driver_are_notes(tmp_path: Path) -> None:
    environ = {"ODBCSYSINI": str(tmp_path)}
    assert "without the driver manager" in found(machine.drivers(environ, "no-such-library.so.9"), "note")[0].seen
    assert "none registered" in found(machine.drivers(environ, "libc.so.6"), "note")[0].seen


def test_more_than_one_thread_is_a_warning() -> None:
    (warning,) = found(machine.threads({"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "4"}), "warning")
    assert warning.seen == "POLARS_MAX_THREADS=, NUMBA_NUM_THREADS=4"
    assert len(found(machine.threads(dict.fromkeys(ONE_THREAD, "1")), "ok")) == 1


def test_compiled_kernels_lie_in_a_folder_that_this_user_alone_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"NUMBA_CACHE_DIR": str(tmp_path)}
    tmp_path.chmod(0o770)
    assert found(machine.kernels(here), "error")[0].cure == f"chmod go-w {tmp_path}"
    tmp_path.chmod(0o755)
    assert len(found(machine.kernels(here), "ok")) == 1
    assert "names no folder" in found(machine.kernels({}), "warning")[0].seen
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert f"{tmp_path} cannot be written" in found(machine.kernels(here), "warning")[0].seen


@pytest.mark.parametrize(("kept", "severity"), [(True, "ok"), (False, "note"), (None, "note")])
def test_a_clock_that_no_time_service_keeps_is_a_note(kept: bool | None, severity: str) -> None:
    (one,) = machine.clock(lambda: kept)
    assert one.severity == severity
    assert [one.check for one in machine.clock()] == ["clock"]


@pytest.mark.parametrize("folder", ["state", "ledger", "anchor"])
def test_a_folder_that_cannot_be_written_is_an_error_and_one_that_anybody_can_a_warning(
    spread: Settings, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spread.home / folder).chmod(0o707)
    assert f"/{folder}, " in found(files.state(spread), "warning")[0].seen
    assert len(found(files.state(spread), "ok")) == 2
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != folder)
    assert f"/{folder}, for {folder}, cannot be written" in found(files.state(spread), "error")[0].seen


def test_keys_of_another_user_are_a_warning_that_names_it(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(files.user(home)) == []
    home.keys.mkdir(parents=True)
    assert len(found(files.user(home), "ok")) == 1
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert f"as user {owner}" in found(files.user(home), "warning")[0].cure


@pytest.mark.parametrize("setting", ["master_key", "signing_key", "ledger", "ledger_password"])
@pytest.mark.parametrize(("mode", "wrong"), [(0o640, False), (0o660, True), (0o602, True), (0o604, True)])
def test_a_secret_that_others_can_read_or_write_is_an_error(
    home: Settings, setting: str, mode: int, wrong: bool
) -> None:
    secret = home.home / "secret"
    secret.write_text("postgresql://us@db/ledger")
    secret.chmod(mode)
    given = settings.load(home=home.home, **{setting: f"file:{secret}"})
    assert [one.cure for one in found(files.keys(given), "error")] == [f"chmod 640 {secret}"] * wrong
    assert len(found(files.keys(given), "ok")) == (not wrong)


def test_a_password_of_a_connection_that_others_can_read_is_an_error(home: Settings) -> None:
    secret = home.home / "secret"
    secret.touch(0o600)
    secret.chmod(0o604)
    text = f"core: {{adapter: odbc, driver: x, password: 'file:{secret}'}}\nother: {{adapter: odbc}}\n"
    (home.home / "connections.yaml").write_text(text)
    assert [one.cure for one in found(files.passwords(home), "error")] == [f"chmod 640 {secret}"]
    (home.home / "connections.yaml").write_text("core: [")
    assert list(files.passwords(home)) == []


@pytest.mark.parametrize("name", ["master", "signing"])
def test_a_key_that_was_made_is_its_owners_alone(home: Settings, name: str) -> None:
    home.keys.mkdir(parents=True)
    (home.keys / f"{name}.key").touch(0o620)
    (home.keys / f"{name}.key").chmod(0o620)
    assert found(files.keys(home), "error")[0].cure == f"chmod 600 {home.keys}/{name}.key"


def test_a_file_that_may_not_be_looked_at_is_named(home: Settings) -> None:
    (home.home / "file").touch()
    given = settings.load(home=home.home, signing_key=f"file:{home.home}/file/below")
    assert f"cannot look at {home.home}/file/below" in found(files.keys(given), "error")[0].seen


def certificate(days: float, encoding: Encoding) -> bytes:
    """A certificate that ends so many days from now."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(999), now + timedelta(days))
    return made.sign(key, None).public_bytes(encoding)


@pytest.mark.parametrize(("days", "severity"), [(-1, "error"), (29, "warning"), (31, "ok")])
@pytest.mark.parametrize(
    ("suffix", "encoding"),
    [("pem", Encoding.PEM), ("crt", Encoding.PEM), ("cer", Encoding.DER), ("der", Encoding.DER)],
)
def test_a_certificate_that_ended_is_an_error_and_one_that_ends_soon_a_warning(
    home: Settings, days: int, severity: str, suffix: str, encoding: Encoding
) -> None:
    file = home.home / f"integrations/one/peer.{suffix}"
    file.parent.mkdir(parents=True)
    file.write_bytes(certificate(days, encoding))
    (one,) = found(files.certificates(home), severity)
    assert f"{file} {'until' if days > 30 else 'end'}" in one.seen
    if encoding is Encoding.PEM:  # of several the first to end
        file.write_bytes(certificate(300, encoding) + certificate(days, encoding))
        assert list(files.certificates(home)) == [one]


def test_a_certificate_that_cannot_be_read_is_a_warning_and_a_key_is_none(home: Settings) -> None:
    folder = home.home / "integrations/one"
    folder.mkdir(parents=True)
    (folder / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    assert list(files.certificates(home)) == []
    (folder / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (folder / "spoilt.cer").write_bytes(b"\x00")
    (folder / "folder.der").mkdir()
    seen = [one.seen.partition("one/")[2].split(" ")[0] for one in found(files.certificates(home), "warning")]
    assert seen == ["broken.pem", "folder.der:", "spoilt.cer"]


def test_the_certificates_that_the_ledgers_url_names_are_looked_at(home: Settings) -> None:
    (home.home / "root.crt").write_bytes(certificate(-1, Encoding.PEM))
    url = f"postgresql://us@db/ledger?sslrootcert={home.home}/root.crt&sslcert={home.home}/none"
    findings = list(files.certificates(settings.load(home=home.home, ledger=url)))
    assert "root.crt ended" in found(findings, "error")[0].seen
    assert f"cannot look at {home.home}/none" in found(findings, "warning")[0].seen


def test_without_a_ledger_that_and_what_the_clock_is_not_held_against_are_notes(home: Settings) -> None:
    assert [one.check for one in found(working.ledger(home), "note")] == ["ledger", "clock"]
    open_ledger(home, utc_now).close()
    assert [one.check for one in found(working.ledger(home), "note")] == ["clock"]


@pytest.mark.parametrize("name", ["master", "signing"])
def test_a_key_that_is_lost_or_another_ledgers_is_an_error(home: Settings, name: str) -> None:
    open_ledger(home, utc_now).close()
    key = home.keys / f"{name}.key"
    key.write_text("00" * 32)
    assert f"the {name} key given is not the one" in found(working.ledger(home), "error")[0].seen
    key.unlink()
    assert f"its {name} key is not" in found(working.ledger(home), "error")[0].seen


@pytest.mark.parametrize(
    ("version", "seen"), [(VERSION - 1, "scoregate ledger migrate"), (VERSION + 1, "written by a newer release")]
)
def test_a_ledger_of_another_schema_is_an_error(home: Settings, version: int, seen: str) -> None:
    open_ledger(home, utc_now).close()
    with closing(sqlite3.connect(home.state / "ledger.db", isolation_level=None)) as ledger:
        ledger.execute("UPDATE ledger SET version = ?", (version,))
    assert seen in found(working.ledger(home), "error")[0].seen
    assert [one.check for one in found(working.ledger(home), "note")] == ["clock"]


class Opened:
    """A ledger whose newest block is so many seconds ahead of the clock, and that takes nothing."""

    def __init__(self, ahead: float) -> None:
        self._at = int((time.time() + ahead) * 1e6)

    def standing(self) -> Standing:
        return Standing(7, self._at, 9)

    def unwritable(self) -> str:
        return "disk_full"

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("ahead", "severity"), [(60, "error"), (-60, "ok")])
def test_a_ledger_that_takes_nothing_and_a_clock_behind_it_are_errors(
    home: Settings, ahead: int, severity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ledger(home, utc_now).close()
    monkeypatch.setattr("gateway.opening.open_ledger", lambda *_, **__: Opened(ahead))
    findings = list(working.ledger(home))
    assert "no decision can be written: disk_full" in found(findings, "error")[0].seen
    assert [one.severity for one in findings if one.check == "clock"] == [severity]


@pytest.mark.parametrize(
    ("severities", "severity"),
    [(["note"], "ok"), (["warning", "note"], "warning"), (["warning", "error"], "error")],
)
def test_what_lint_found_counts_as_its_worst(
    home: Settings, severities: list[str], severity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [Fault("file", 1, 1, "message", severity=one) for one in severities]
    monkeypatch.setattr("gateway.bootstrap.lint", lambda _: faults)
    assert len(found(working.configuration(home), severity)) == 1


def test_a_home_that_cannot_be_linted_is_an_error(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Settings) -> list[Fault]:
        raise SetupError("two adapters are named alike")

    monkeypatch.setattr("gateway.bootstrap.lint", refuse)
    assert found(working.configuration(home), "error")[0].seen == "two adapters are named alike"


def test_a_wrong_file_of_connections_is_an_error_with_its_line(home: Settings) -> None:
    (home.home / "connections.yaml").write_text("core:\n  driver: SQLite3\n")
    (error,) = found(working.connections(home), "error")
    assert "connections.yaml:1" in error.seen


def test_a_person_reads_the_cure_below_what_it_cures_and_none_below_what_is_well() -> None:
    lines = doctor.as_lines([Finding("error", "disk", "full", "free space"), Finding("ok", "port", "is free", "x")])
    assert list(lines) == [
        "error    disk             full",
        f"{'':<25} → free space",
        "ok       port             is free",
    ]

"""Who may call: the file, its faults, and the keys made for it."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.errors import AccessDenied, ConfigurationError, SetupError
from gateway import disk
from gateway.access import principals
from gateway.access.entries import Principal
from gateway.access.keeper import Keeper
from gateway.access.layer import Access
from gateway.access.principals import Principals, unlisted
from gateway.access.roster import Roster
from gateway.spi import ApiKey

DIGEST = hashlib.sha256(b"one").hexdigest()
OTHER = hashlib.sha256(b"two").hexdigest()


def written(folder: Path, text: str) -> Path:
    path = folder / "principals.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def entry(name: str = "meridian", digest: str = DIGEST, more: str = "") -> str:
    keys = f"key_sha256: [{digest}], integrations: [meridian-los], operations: [score]"
    return f"  - {{name: {name}, {keys}{more}}}\n"


def caller_of(path: Path, key: str) -> Principal:
    """Who gets in with an API key, by the file as it is."""
    roster = Roster(path)
    roster.read()
    found = Access(Keeper(roster)).at_once(ApiKey(key.encode()), "127.0.0.1")
    assert found is not None
    return found


def faults_of(path: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        Principals.read(path)
    return [str(fault).removeprefix(str(path)) for fault in caught.value.faults]


def test_a_key_that_was_added_lets_its_caller_in(tmp_path: Path) -> None:
    path = tmp_path / "principals.yaml"
    key = principals.add(path, "meridian", ["meridian-los"], ["score"])
    caller = caller_of(path, key)
    assert caller.name == "meridian"
    assert caller.mode == "test"
    assert caller.may("score", "meridian-los")
    assert not caller.may("read", "meridian-los")
    assert not caller.may("score", "other")


def test_the_file_holds_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "principals.yaml"
    key = principals.add(path, "meridian", ["*"], ["score"])
    assert key.removeprefix("sg_") not in path.read_text(encoding="utf-8")
    assert hashlib.sha256(key.encode()).hexdigest() in path.read_text(encoding="utf-8")
    assert len(key) >= 46


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_file_is_its_owners_alone_and_its_groups_where_somebody_said_so(tmp_path: Path) -> None:
    path = tmp_path / "principals.yaml"
    principals.add(path, "meridian", ["*"], ["score"])
    assert mode(path) == 0o600
    for before, after in ((0o644, 0o600), (0o640, 0o640), (0o660, 0o640), (0o400, 0o600)):
        path.chmod(before)
        principals.disable(path, "meridian", datetime(2030, 1, 1, tzinfo=UTC))
        assert mode(path) == after
    assert [file.name for file in tmp_path.iterdir()] == ["principals.yaml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_changes_stays_whose_it_was(tmp_path: Path) -> None:
    path = tmp_path / "principals.yaml"
    principals.add(path, "meridian", ["*"], ["score"])
    os.chown(path, 10001, 10002)
    principals.disable(path, "meridian", datetime(2030, 1, 1, tzinfo=UTC))
    assert (path.stat().st_uid, path.stat().st_gid) == (10001, 10002)


def test_a_star_means_every_integration(tmp_path: Path) -> None:
    path = tmp_path / "principals.yaml"
    key = principals.add(path, "all", ["*"], ["read"])
    assert caller_of(path, key).may("read", "anything")


def test_adding_keeps_what_people_wrote(tmp_path: Path) -> None:
    path = written(tmp_path, f"# who may call\nprincipals:\n{entry()}")
    principals.add(path, "other", ["*"], ["read"])
    assert "# who may call" in path.read_text(encoding="utf-8")
    assert set(Principals.read(path).by_name) == {"meridian", "other"}


def test_a_name_is_added_once_but_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "principals.yaml"
    first = principals.add(path, "meridian", ["*"], ["score"])
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="named already"):
        principals.add(path, "meridian", ["*"], ["score"])
    assert path.read_bytes() == before
    second = principals.replace(path, "meridian", ["*"], ["score"])
    assert caller_of(path, second).name == "meridian"
    with pytest.raises(AccessDenied):
        caller_of(path, first)


@pytest.mark.parametrize(("name", "operation"), [("Not A Name", "score"), ("fine", "delete")])
def test_nothing_wrong_is_ever_written(tmp_path: Path, name: str, operation: str) -> None:
    path = tmp_path / "principals.yaml"
    with pytest.raises(ConfigurationError):
        principals.add(path, name, ["*"], [operation])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SetupError, match="cannot write"):
        principals.add(tmp_path / "file" / "principals.yaml", "x", ["*"], ["score"])


def test_two_keys_serve_while_one_is_rotated(tmp_path: Path) -> None:
    path = written(tmp_path, f"principals:\n{entry(digest=f'{DIGEST}, {OTHER}')}")
    assert caller_of(path, "one") == caller_of(path, "two")


class Evening(datetime):
    """A day's 18:00."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        return datetime(2026, 11, 26, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expires", "kept"),
    [
        ("2026-11-26 23:00", True),
        ("2026-11-26T23:00:00Z", True),
        ("2026-11-26T20:30:00+02:00", True),
        ('"2026-11-26T23:00:00Z"', True),
        ("2026-11-27", True),
        ("2026-11-26", False),
        ("2026-11-26 17:00", False),
        ("2026-11-26T19:30:00+02:00", False),
    ],
)
def test_only_a_secret_whose_time_is_over_leaves_the_file_however_that_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expires: str, kept: bool
) -> None:
    monkeypatch.setattr(principals, "datetime", Evening)
    path = written(
        tmp_path,
        "principals:\n  - name: meridian\n    integrations: [meridian-los]\n    operations: [score]\n"
        f"    credentials:\n      - {{kind: api_key, sha256: {DIGEST}, expires: {expires}}}\n",
    )
    principals.rotate(path, "meridian", principals.new_key()[1])
    found = Principals.read(path).by_name["meridian"].credentials
    assert (DIGEST in {one.held for one in found}) is kept
    assert len(found) == 1 + kept


def test_a_changed_file_is_on_the_disk_before_it_takes_the_old_ones_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut leaves the old file or the new one, and never an empty one: that would let nobody in."""
    path, synced = tmp_path / "principals.yaml", list[tuple[bool, bool]]()
    principals.add(path, "one", ["*"], ["score"])

    def sync(file: Path) -> None:
        synced.append((file == tmp_path, "two" in path.read_text()))
        disk.sync(file)

    monkeypatch.setattr(principals, "sync", sync)
    principals.add(path, "two", ["*"], ["score"])
    assert synced == [(False, False), (True, True)]


@pytest.mark.parametrize("text", ["", "principals: []\n"])
def test_without_principals_nobody_may_call(tmp_path: Path, text: str) -> None:
    for path in (written(tmp_path, text), tmp_path / "missing.yaml"):
        with pytest.raises(AccessDenied):
            caller_of(path, "one")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("principal: []\n", ":1:1: error: unknown key 'principal' (did you mean 'principals'?)"),
        (f"principals:\n{entry(more=', mod: live')}", "unknown key 'mod' (did you mean 'mode'?)"),
        (f"principals:\n{entry(more=', mode: liv')}", "'liv' is not a legal 'mode' (did you mean 'live'?)"),
        (f"principals:\n{entry(digest='abc')}", ":2:35: error: is not a SHA-256 in 64 lower-case hex digits"),
        (f"principals:\n{entry(digest='')}", "has no credentials"),
        (f"principals:\n{entry()}{entry(digest=OTHER)}", ":3:6: error: 'meridian' is named twice"),
        (f"principals:\n{entry()}{entry(name='other')}", "another principal has the same key"),
        ("principals:\n  - {}\n", "'name' is missing: expected a text"),
        ("principals:\n  - x\n", "expected a mapping"),
    ],
)
def test_faults_say_where_and_what(tmp_path: Path, text: str, fault: str) -> None:
    found = faults_of(written(tmp_path, text))
    assert any(fault in line for line in found), found


def test_every_fault_comes_at_once(tmp_path: Path) -> None:
    text = "principals:\n  - {name: A B, key_sha256: [x], integrations: y, operations: [fly]}\n"
    assert len(faults_of(written(tmp_path, text))) == 4


@pytest.mark.parametrize(
    ("access", "told"),
    [("access: {principals: [juniper]}", True), ("access: {principals: [juniper, crm]}", False), ("mode: test", False)],
)
def test_a_caller_that_an_integration_does_not_list_is_told(tmp_path: Path, access: str, told: bool) -> None:
    folder = tmp_path / "integrations" / "juniper-api"
    folder.mkdir(parents=True)
    (folder / "integration.yaml").write_text(access + "\n", encoding="utf-8")
    line = f"{folder / 'integration.yaml'} lists who may call it, and not crm: add it to access.principals"
    assert unlisted(tmp_path, "crm", ["juniper-api", "*"]) == [line] * told

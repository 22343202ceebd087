"""``scoregate principal`` and ``scoregate audit``: callers of every kind, rotation, and the file as it changes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from access_parts import until
from command_line import here
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from contracts.errors import ConfigurationError, SetupError
from gateway.access import principals
from gateway.access.evidence import signing_key
from gateway.access.issue import issue
from gateway.access.keeper import PERIOD, Keeper
from gateway.access.principals import Principals, new_key
from gateway.access.roster import Roster, table
from gateway.spi import CredentialAdapter

ROOT = Path(__file__).parents[2]
TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "principals.yaml"
    principals.add(path, "crm", ["*"], ["score"])
    return path


def live(file: Path, name: str = "crm") -> list[str]:
    return [held.held for held in Principals.read(file).by_name[name].credentials]


def test_a_rotation_keeps_the_old_secret_until_it_is_finished(file: Path) -> None:
    (old,) = live(file)
    _, new = new_key()
    principals.rotate(file, "crm", new)
    assert live(file) == [old, new.held]
    with pytest.raises(ConfigurationError, match="--finish"):
        principals.rotate(file, "crm", new_key()[1])
    assert principals.finish(file, "crm", "api_key") == 1
    assert live(file) == [new.held]
    assert principals.finish(file, "crm", "api_key") == 0


def test_an_old_secret_may_end_by_itself_and_then_makes_room(file: Path) -> None:
    principals.rotate(file, "crm", new_key()[1], TOMORROW)
    first = Principals.read(file).by_name["crm"].credentials[0]
    assert first.expires == TOMORROW.replace(microsecond=0)
    text = file.read_text(encoding="utf-8").replace(principals.written(TOMORROW), "2020-01-01T00:00:00Z")
    file.write_text(text, encoding="utf-8")
    principals.rotate(file, "crm", new_key()[1])
    assert first.held not in live(file)
    assert len(live(file)) == 2


def test_the_short_form_of_keys_can_be_rotated_too(tmp_path: Path) -> None:
    file = tmp_path / "principals.yaml"
    file.write_text(
        f"# kept\nprincipals:\n- {{name: crm, key_sha256: [{'a' * 64}], integrations: ['*'], operations: [score]}}\n"
    )
    principals.rotate(file, "crm", new_key()[1])
    assert live(file)[0] == "a" * 64
    assert "# kept" in file.read_text(encoding="utf-8")


def test_two_commands_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "principals.yaml"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: principals.add(file, f"c{number}", ["*"], ["score"]), range(16)))
    assert len(Principals.read(file).by_name) == 16
    assert [path.name for path in tmp_path.iterdir()] == ["principals.yaml"]


def test_a_disabled_caller_stays_in_the_file(file: Path) -> None:
    principals.disable(file, "crm", TOMORROW)
    principals.disable(file, "crm", TOMORROW + timedelta(days=9))
    assert Principals.read(file).by_name["crm"].disabled == TOMORROW.replace(microsecond=0)


def test_a_name_that_is_not_there_is_said_with_the_nearest(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(ConfigurationError, match="did you mean 'crm'"):
        principals.disable(file, "crmm", TOMORROW)
    assert file.read_bytes() == before


def test_secrets_are_made_or_taken_from_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIRS", "a password of theirs")
    made, given = issue("password", "erp"), issue("password", "erp", secret="env:THEIRS", user="SVC")
    assert (len(made.shown), made.credential.user) == (32, "erp")
    assert (given.shown, given.credential.user) == ("", "SVC")
    new = issue("signature", "crm", secret=f"file:{tmp_path / 'new'}")
    assert len(signing_key(new.shown.encode())) == 32
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert issue("signature", "crm", secret=f"file:{tmp_path / 'new'}").shown == ""


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("password", {"secret": "env:NOT_SET"}, "NOT_SET is not set"),
        ("password", {"secret": "env:SHORT"}, "12 characters"),
        ("signature", {}, "--secret"),
        ("signature", {"secret": "whsec_abc"}, "--secret"),
        ("signature", {"secret": "env:SHORT"}, "shorter than 24 bytes"),
        ("signature", {"secret": "file:/nowhere/at/all"}, "cannot write"),
        ("certificate", {}, "--certificate"),
        ("certificate", {"certificate": Path("/nowhere")}, "cannot read"),
        ("certificate", {"certificate": Path(__file__)}, "no certificate"),
        ("api_key", {"secret": "env:SHORT"}, "do not go with"),
        ("api_key", {"certificate": Path("/nowhere")}, "goes with"),
    ],
)
def test_what_cannot_become_a_credential_is_one_line(
    kind: str, more: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT", "short")
    with pytest.raises(SetupError, match=message) as caught:
        issue(kind, "crm", **more)  # type: ignore[arg-type]
    assert "\n" not in caught.value.message
    assert "whsec_abc" not in caught.value.message


@pytest.mark.parametrize(
    ("credential", "fault"),
    [
        ("{kind: api_key, sha256: x}", "is not a SHA-256"),
        ("{kind: apikey, sha256: x}", "did you mean 'api_key'?"),
        ("{kind: password, scrypt: plain}", "is not of the form"),
        ("{kind: signature, secret: whsec_abc}", "must be a reference"),
        ("{kind: signature}", "'secret' is missing"),
        (f"{{kind: api_key, sha256: {'a' * 64}, user: x}}", "has no 'user'"),
        (f"{{kind: api_key, sha256: {'a' * 64}, expires: soon}}", "'expires' is not a time"),
        ("{kind: password, scrypt: x, user: 'a b'}", "is not a user name"),
    ],
)
def test_a_wrong_credential_is_named_with_its_place(tmp_path: Path, credential: str, fault: str) -> None:
    file = tmp_path / "principals.yaml"
    file.write_text(
        f"principals:\n- name: a\n  integrations: ['*']\n  operations: [score]\n  credentials:\n  - {credential}\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        Principals.read(file)
    found = [str(one) for one in caught.value.faults]
    assert any(fault in one and ":6:" in one for one in found), found


def test_a_secret_that_is_not_there_is_a_fault_of_the_start(tmp_path: Path) -> None:
    file = tmp_path / "principals.yaml"
    (tmp_path / "secret").write_text("x" * 24)
    issued = issue("signature", "crm", secret=f"file:{tmp_path / 'secret'}")
    principals.insert(file, "crm", ["*"], ["score"], "test", issued.credential)
    (tmp_path / "secret").unlink()
    with pytest.raises(ConfigurationError, match="signing secret of crm is missing"):
        table(Principals.read(file))


def test_a_changed_file_comes_into_force_and_a_faulty_one_does_not(file: Path) -> None:
    reported: list[Exception] = []
    roster = Roster(file)
    roster.read()
    keeper = Keeper(roster, report=reported.append)
    principals.add(file, "erp", ["*"], ["score"])
    keeper._reread()
    assert set(roster.table.principals.by_name) == {"crm", "erp"}
    file.write_text("principals: [oops]\n", encoding="utf-8")
    keeper._reread()
    keeper._reread()
    assert set(roster.table.principals.by_name) == {"crm", "erp"}
    assert len(reported) == 1
    file.unlink()
    keeper._reread()
    assert not roster.table.principals.by_name


def test_a_home_that_cannot_be_looked_into_is_told_once_and_read_again_when_it_can(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[Exception] = []
    keeper = Keeper(Roster(file), report=reported.append)
    keeper.roster.read()
    look = Path.stat

    def denied(path: Path, **options: bool) -> os.stat_result:
        if path == file:
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, **options)

    async def spell() -> None:
        keeper.start()
        with monkeypatch.context() as patched:
            patched.setattr(Path, "stat", denied)
            await until(lambda: keeper.unread)
            await asyncio.sleep(2 * PERIOD)
        principals.disable(file, "crm", TOMORROW)
        await until(lambda: keeper.roster.table.principals.by_name["crm"].disabled)
        await keeper.close()

    asyncio.run(spell())
    assert not keeper.unread
    ((error,),) = (reported,)
    assert isinstance(error, SetupError)
    assert "Permission denied" in error.message


def test_a_file_that_could_not_be_read_is_read_again_though_it_looks_as_before(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.access.keeper.AGAIN_SECONDS", 0.0)
    (file.parent / "secret").write_text("x" * 24)
    issued = issue("signature", "erp", secret=f"file:{file.parent / 'secret'}")
    keeper = Keeper(Roster(file))
    principals.insert(file, "erp", ["*"], ["score"], "test", issued.credential)
    (file.parent / "secret").rename(file.parent / "away")
    keeper._reread()
    assert "signing secret of erp" in keeper.unread
    (file.parent / "away").rename(file.parent / "secret")
    keeper._reread()
    assert not keeper.unread
    assert set(keeper.roster.table.principals.by_name) == {"crm", "erp"}


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "gateway.launch", "--home", str(home), *arguments]
    return subprocess.run(line, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=60)


def test_the_list_shows_callers_and_no_secret(file: Path) -> None:
    done = command(file.parent, "principal", "list", "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert (found["name"], found["credentials"][0]["kind"]) == ("crm", "api_key")
    assert live(file)[0] not in done.stdout


def test_a_rotation_by_command_prints_the_new_key_and_says_how_it_ends(file: Path) -> None:
    done = command(file.parent, "principal", "rotate", "crm")
    assert done.stdout.startswith("sg_")
    assert "--finish" in done.stderr
    assert "1 old api_key dropped" in command(file.parent, "principal", "rotate", "crm", "--finish").stdout


def test_who_adds_a_certificate_is_told_that_it_lets_nobody_in_yet(file: Path) -> None:
    from adapters import load, registry

    assert not any(isinstance(load(name), CredentialAdapter) for name in registry())
    certificate = file.parent / "bank.pem"
    certificate.write_bytes(self_signed())
    words = ("--integration", "juniper-api", "--kind", "certificate", "--certificate", certificate)
    done = here(home_of(file), "principal", "add", "bank", *words)
    assert (done.returncode, done.stdout) == (0, "bank: certificate kept\n")
    assert "it lets nobody in yet" in done.stderr


def home_of(file: Path) -> Path:
    """The home of a file of callers, with an integration they may be let into."""
    folder = file.parent / "integrations" / "juniper-api"
    folder.mkdir(parents=True)
    (folder / "integration.yaml").write_text("integration: juniper-api\n", encoding="utf-8")
    return file.parent


def self_signed() -> bytes:
    """A certificate in PEM."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bank")])
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, TOMORROW, TOMORROW + timedelta(days=1))
    return built.sign(key, SHA256()).public_bytes(Encoding.PEM)

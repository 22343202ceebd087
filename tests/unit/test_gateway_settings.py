from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import URL

from contracts.errors import ConfigurationError, NotFound, SetupError
from gateway import settings
from gateway.doctor import working
from gateway.ledger.connect import locate
from gateway.objects import ObjectStore

ANY = "0.0.0.0"  # noqa: S104 # nothing listens here


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCOREGATE_PORT", "9000")
    assert settings.load(home=tmp_path).port == 9000
    assert settings.load(home=tmp_path, port=9001).port == 9001


def test_state_lies_in_the_home_unless_it_is_given_a_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert settings.load(home=tmp_path).state == tmp_path / "state"
    monkeypatch.setenv("SCOREGATE_HOME", "/srv/home")
    assert settings.load().state == Path("/srv/home/state")
    monkeypatch.setenv("SCOREGATE_STATE", "/state")
    assert settings.load(home=tmp_path).state == Path("/state")
    assert settings.load(home=tmp_path).anchor_file == Path("/state/ledger.anchor")


def test_names_in_a_list_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCOREGATE_ALLOW_DEMONSTRATION", "a, b,")
    assert settings.load(home=tmp_path).allow_demonstration == ("a", "b")


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCOREGATE_PORT", "99999")
    monkeypatch.setenv("SCOREGATE_LOG_LEVEL", "loud")
    with pytest.raises(ConfigurationError) as caught:
        settings.load(home=tmp_path)
    assert {fault.file for fault in caught.value.faults} == {"SCOREGATE_PORT", "SCOREGATE_LOG_LEVEL"}


def test_a_secret_itself_is_not_taken_as_a_reference(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings.load(home=tmp_path, master_key="0123456789abcdef")
    assert "0123456789abcdef" not in str(caught.value)


def test_the_products_own_folder_is_refused_as_home() -> None:
    with pytest.raises(SetupError, match="own folder"):
        settings.load(home=Path(__file__).parents[2])


def test_an_object_is_found_by_the_digest_of_its_bytes(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "objects")
    digest = store.put(b"abc")
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert store.put(b"abc") == digest
    assert store.get(digest) == b"abc"


def test_an_altered_object_is_not_handed_out(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)
    digest = store.put(b"abc")
    (tmp_path / digest).write_bytes(b"abd")
    with pytest.raises(NotFound, match="altered"):
        store.get(digest)


def test_a_folder_is_kept_as_a_manifest_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    (folder / "b.txt").write_bytes(b"two")
    (folder / "below" / "a.txt").write_bytes(b"one")
    store = ObjectStore(tmp_path / "objects")
    lines = store.get(store.put_folder(folder)).decode().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["b.txt", "below/a.txt"]
    assert [store.get(line.split("  ")[0]) for line in lines] == [b"two", b"one"]


def test_a_state_directory_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(SetupError, match="writable"):
        ObjectStore(blocked / "objects").put(b"abc")


def test_variables_that_references_name_may_begin_like_settings() -> None:
    given = {"SCOREGATE_MASTER_KEY": "env:SCOREGATE_NEW, env:SCOREGATE_OLD", "SCOREGATE_NEW": "n", "SCOREGATE_OLD": "o"}
    assert settings.misspelt(given) == []
    assert [fault.file for fault in settings.misspelt(given | {"SCOREGATE_OTHER": "x"})] == ["SCOREGATE_OTHER"]


SECRET_URL = "postgresql://gate:hush@db/ledger"  # made up


@pytest.mark.parametrize(
    "url", [SECRET_URL, "postgresql://gate@db/ledger?password=hush", SECRET_URL + "?sslmode=require"]
)
def test_a_password_in_the_ledgers_url_is_refused_and_not_repeated(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SCOREGATE_LEDGER_PASSWORD") as caught:
        settings.load(home=tmp_path, ledger=url)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://db/ledger", "postgresql//x://", "postgresql://gate@db:port/ledger"])
def test_a_ledger_url_that_cannot_be_used_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SCOREGATE_LEDGER"):
        settings.load(home=tmp_path, ledger=url)


def test_the_ledger_is_a_file_a_url_with_its_password_elsewhere_or_a_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("hush\n")
    monkeypatch.setenv("LEDGER_URL", SECRET_URL)
    assert locate("some/ledger.db") == Path("some/ledger.db")
    for ledger, password in [("postgresql://gate@db/ledger", f"file:{tmp_path}/password"), ("env:LEDGER_URL", "")]:
        assert settings.load(home=tmp_path, ledger=ledger, ledger_password=password).ledger == ledger
        located = locate(ledger, password)
        assert isinstance(located, URL)
        assert (located.drivername, located.password, located.host) == ("postgresql+psycopg", "hush", "db")


@pytest.mark.parametrize(
    ("host", "given", "public"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:8080"),
        ("::", "", "http://[::]:8080"),
        ("::", "https://scores.example/bank/", "https://scores.example/bank"),
    ],
)
def test_callers_are_told_an_address_that_can_be_read(host: str, given: str, public: str, tmp_path: Path) -> None:
    assert settings.load(home=tmp_path, host=host, public_url=given).public == public


@pytest.mark.parametrize(
    ("host", "given", "told"),
    [(ANY, "", True), ("::", "", True), (ANY, "http://scores.example", False), ("127.0.0.1", "", False)],
)
def test_a_wsdl_with_an_address_nobody_reaches_is_a_warning(host: str, given: str, told: bool, tmp_path: Path) -> None:
    configured = settings.load(home=tmp_path, host=host, public_url=given)
    assert list(working.address(configured)) == []
    (tmp_path / "integrations/old-los").mkdir(parents=True)
    (tmp_path / "integrations/old-los/Credit.wsdl").touch()
    assert [(one.severity, "old-los" in one.seen) for one in working.address(configured)] == [("warning", True)] * told

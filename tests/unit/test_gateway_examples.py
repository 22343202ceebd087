"""One example that cannot be run fails by its name, and the others are run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from refused_answers import approvals_break_their_schema

from contracts.errors import ConfigurationError
from gateway import examples, settings
from gateway.bootstrap import install
from gateway.installation import Installation


@pytest.fixture(scope="module")
def installation(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("examples") / "home"
    for part in ("bundles", "policies", "integrations/juniper-api"):
        shutil.copytree(built_home / part, home / part)
    made = install(settings.load(home=home), with_ledger=False)
    yield made
    made.close()


@pytest.fixture
def folder(installation: Installation, built_home: Path) -> Path:
    """Juniper's first two examples, as they were."""
    place = installation.settings.home / "integrations/juniper-api/examples"
    shutil.rmtree(place)
    for source in sorted((built_home / "integrations/juniper-api/examples").iterdir())[:2]:
        shutil.copytree(source, place / source.name)
    return min(place.iterdir())


def early(folder: Path) -> None:
    case = folder / "case.yaml"
    lines = case.read_text(encoding="utf-8").splitlines()
    case.write_text("\n".join("as_of: 1999-01-01T00:00:00Z" if "as_of" in line else line for line in lines))


SPOILT: dict[str, Callable[[Path], Any]] = {
    "no policy is in force": early,
    "holds 0 files named request.*, expected one": lambda folder: (folder / "request.json").unlink(),
    "holds 0 files named answer.*, expected one": lambda folder: (folder / "answer.json").unlink(),
    "holds 2 files named answer.*, expected one": lambda folder: (folder / "answer.xml").touch(),
    "neither JSON nor XML": lambda folder: (folder / "answer.json").write_text("approved"),
    "'shows' is missing": lambda folder: (folder / "case.yaml").write_text("as_of: 2026-03-31T12:00:00Z\n"),
}


@pytest.mark.parametrize("said", SPOILT)
def test_a_case_that_cannot_be_run_fails_by_its_name(installation: Installation, folder: Path, said: str) -> None:
    SPOILT[said](folder)
    lines, passed = examples.run(installation, None)
    assert not passed
    assert (lines[0].splitlines()[0], said in lines[0]) == (f"FAIL juniper-api/{folder.name}", True)
    assert lines[1].startswith("ok   juniper-api/02")
    assert lines[2:] == ["2 example(s), 1 failed"]


def test_an_answer_that_cannot_be_written_fails_its_case(
    installation: Installation, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    approvals_break_their_schema(monkeypatch)
    lines, passed = examples.run(installation, None, renewing=True)
    assert not passed
    assert lines[0] == f"not renewed juniper-api/{folder.name}\nthe answer breaks its schema at /decision: maximum"
    assert lines[1] == f"FAIL juniper-api/{folder.name}\nthe answer breaks its schema at /decision: maximum"
    assert lines[-1] == "2 example(s), 1 failed"


@pytest.mark.parametrize("said", ["neither JSON nor XML", "holds 0 files named answer.*, expected one"])
def test_a_missing_or_damaged_answer_is_written_anew(installation: Installation, folder: Path, said: str) -> None:
    SPOILT[said](folder)
    lines, passed = examples.run(installation, None, renewing=True)
    assert passed, lines
    assert lines[0].startswith(f"renewed juniper-api/{folder.name}")


def test_cases_that_are_incomplete_are_refused_with_every_fault(folder: Path) -> None:
    for stem in ("request", "answer"):
        (folder / f"{stem}.json").unlink()
    with pytest.raises(ConfigurationError) as raised:
        examples.cases(folder.parents[1])
    assert [fault.message for fault in raised.value.faults] == [
        "holds 0 files named request.*, expected one", "holds 0 files named answer.*, expected one",
    ]  # fmt: skip

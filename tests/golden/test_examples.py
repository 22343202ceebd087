"""Every example of every sample system is a test: a new case is a new folder, not new code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import examples, settings
from gateway.bootstrap import install
from gateway.installation import Installation

SYSTEMS = Path(__file__).parents[2] / "fixtures" / "integrations"
CASES = sorted(path for path in SYSTEMS.glob("*/examples/*") if path.is_dir())


@pytest.fixture(scope="module")
def installation(built_home: Path) -> Iterator[Installation]:
    made = install(settings.load(home=built_home), with_ledger=False)
    yield made
    made.close()


@pytest.mark.parametrize("folder", CASES, ids=lambda path: f"{path.parents[1].name}/{path.name}")
def test_the_answer_is_as_the_example_says(folder: Path, installation: Installation) -> None:
    case = examples.read_case(folder)
    assert examples.check(installation.desk(folder.parents[1].name), case) == ""


def test_every_sample_system_has_examples() -> None:
    assert all(examples.cases(system) for system in SYSTEMS.iterdir())

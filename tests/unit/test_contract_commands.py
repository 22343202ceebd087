"""``scoregate contract``: what a person and a machine read, and the exit code a pipeline acts on."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from contracts.errors import ConfigurationError
from contracts.store import CATALOG
from gateway.cli import app

OLD, NEW = "loan_application@1.0.0", "loan_application@2.0.0"


def run(*words: str, home: Path | str = "build/none") -> Result:
    return CliRunner().invoke(app, ["--home", str(home), "contract", *words], env={"COLUMNS": "120"})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with an ``own`` contract in two versions, the second not changed yet."""
    text = (CATALOG / "loan_application/1.0.0.odcs.yaml").read_text(encoding="utf-8")
    for version in ("1.0.0", "1.1.0"):
        write(tmp_path, version, text.replace("version: 1.0.0", f"version: {version}"))
    return tmp_path


def write(home: Path, version: str, text: str) -> Path:
    file = home / "contracts/own" / f"{version}.odcs.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = text.replace("id: loan_application", "id: own")
    if version != "1.0.0":
        step = "  - vendor: scoregate\n    property: upcast\n    value: {from: 1.0.0}\n\nschema:\n"
        text = text.replace("\nschema:\n", step)
    file.write_text(text, encoding="utf-8")
    return file


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_a_diff_names_the_changes_and_that_the_version_is_right() -> None:
    done = run("diff", OLD, NEW)
    assert done.exit_code == 0, done.output
    assert re.search(r"employment_months\s+is renamed, was employment_years\s+requests\s+major", done.output)
    assert "the smallest legal version is 2.0.0; an upcaster brings old records up" in done.output


def test_a_diff_for_machines() -> None:
    tree = json.loads(run("diff", OLD, NEW, "--json").output)
    assert (tree["needed_step"], tree["smallest_version"], tree["hidden_break"]) == ("major", "2.0.0", False)
    assert tree["upcast"] is True
    assert {change["pass"] for change in tree["changes"]} == {"structural", "semantic"}


def test_a_hidden_break_ends_with_1_whether_files_or_references_are_compared(home: Path) -> None:
    file = home / "contracts/own/1.1.0.odcs.yaml"
    edit(file, "minimum: 1, maximum: 480", "minimum: 1, maximum: 360")
    done = run("diff", str(file.with_name("1.0.0.odcs.yaml")), str(file), home=home)
    assert done.exit_code == 1
    assert "the smallest legal version is 2.0.0, so 1.1.0 hides what changed" in done.output


def test_a_diff_of_files_looks_at_an_upcaster_though_it_has_faults_too(home: Path) -> None:
    """Nothing takes the term any more, which lint tells; what the step does to it is a break all the same."""
    file = home / "contracts/own/1.1.0.odcs.yaml"
    edit(file, "value: {from: 1.0.0}", "value: {from: 1.0.0, fields: {term_months: {value: 3}}}")
    done = run("diff", str(file.with_name("1.0.0.odcs.yaml")), str(file), home=home)
    assert done.exit_code == 1
    assert "old records get 3, whatever they held" in done.output
    assert "an upcaster brings old records up" not in done.output


def test_a_diff_that_goes_back_says_so() -> None:
    done = run("diff", NEW, OLD)
    assert done.exit_code == 1
    assert "1.0.0 is the earlier one; name the later one last" in done.output


def test_lint_tells_a_hidden_break_and_how_to_see_it(home: Path) -> None:
    assert run("lint", "own", home=home).exit_code == 0
    edit(home / "contracts/own/1.1.0.odcs.yaml", "property: unit, value: months", "property: unit, value: weeks")
    done = run("lint", "own", home=home)
    assert done.exit_code == 1
    assert "take a major step, to 2.0.0 (scoregate contract diff own@1.0.0 own@1.1.0)" in done.output


def test_lint_tells_a_gap_in_the_chain(home: Path) -> None:
    file = home / "contracts/own/1.2.0.odcs.yaml"
    shutil.copy(home / "contracts/own/1.1.0.odcs.yaml", file)
    edit(file, "version: 1.1.0", "version: 1.2.0")
    done = run("lint", "own", home=home)
    assert done.exit_code == 1
    assert "no chain of upcasters leads from own@1.1.0 to own@1.2.0" in done.output


def test_lint_of_the_catalog_finds_no_fault_and_says_which_versions_end() -> None:
    done = run("lint")
    assert done.exit_code == 0, done.output
    assert "note: loan_application@1.0.0 is deprecated since" in done.output
    assert "0 error(s), 0 warning(s)" in done.output


def test_a_contract_is_shown_with_fields_codes_rules_and_versions() -> None:
    out = run("show", NEW).output
    assert re.search(
        r"employment_months\s+a whole number from 0 to 960 \(months\)\s+refer\s+refer\s+personal, falling", out
    )
    assert re.search(r"part_time_or_temporary\s+Part-time or temporary employment, not known which", out)
    assert re.search(r"loan_within_price\s+error", out)
    assert re.search(r"1\.0\.0\s+deprecated\s+2026-11-01\s+2031-12-31 \([0-9]+ days\)", out)


def test_what_looks_like_markup_is_printed_as_it_is() -> None:
    assert "^[a-z2-7]{32}$" in run("show", "loan_decision@1.0.0").output


def test_a_contract_is_shown_for_machines() -> None:
    tree = json.loads(run("show", NEW, "--json").output)
    fields = {field["field"]: field for field in tree["fields"]}
    assert (tree["contract"], tree["made_from"]) == (NEW, "loan_application@1.1.0")
    assert fields["adverse_records"]["codes"] == {"no": "No adverse entries", "yes": "Adverse entries on file"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "loan_aplication@1.0.0"), "did you mean 'loan_application@1.0.0'"),
        (("lint", "loan_aplication"), "there is no contract 'loan_aplication'"),
        (("diff", OLD, "loan_decision@1.0.0"), "two contracts, not two versions of one"),
        (("diff", OLD, "nowhere.odcs.yaml"), "nowhere.odcs.yaml: error: cannot be read"),
    ],
)
def test_what_is_not_there_is_said_plainly(words: tuple[str, ...], says: str) -> None:
    done = run(*words)
    assert isinstance(done.exception, ConfigurationError)
    assert says in str(done.exception)


def test_a_file_that_is_no_contract_is_refused_with_its_faults(home: Path) -> None:
    file = home / "contracts/own/1.0.0.odcs.yaml"
    edit(file, "logicalTypeOptions: {minimum: 1, maximum: 480}", "logicalTypeOptions: {minimum: 1}")
    done = run("show", str(file))
    assert "a number needs a minimum and a maximum" in str(done.exception)

"""The command line as an operator meets it: what it prints, and with which exit code it ends."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Done, here, process

EXAMPLES = Path(__file__).parents[2] / "fixtures" / "integrations" / "juniper-api" / "examples"
APPROVED = EXAMPLES / "01-complete__approves" / "request.json"
Run = Callable[..., Done]
REFUSED = EXAMPLES / "09-another_currency__is_refused" / "request.json"


HUMAN = ("--outcome", "decline", "--reason", "Fraud", "--by", "A. [Officer]")


@pytest.fixture(scope="module")
def home(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("commands") / "home"
    for part in ("bundles", "policies", "integrations"):
        shutil.copytree(built_home / part, home / part)
    here(home, "score", "juniper-api", APPROVED, "--record")
    return home


@pytest.mark.parametrize("run", [process, here])
def test_scoring_writes_the_ledger_only_when_told_to_and_a_person_may_decide_after(home: Path, run: Run) -> None:
    shutil.rmtree(home / "state", ignore_errors=True)
    assert run(home, "score", "juniper-api", APPROVED).returncode == 0
    assert "there is no ledger at" in run(home, "decisions", "list").stderr
    recorded = run(home, "score", "juniper-api", APPROVED, "--record", "-H", 'Idempotency-Key: "one"')
    decision_id = json.loads(recorded.stdout)["decision"]["id"]
    assert [row["decision_id"] for row in json.loads(run(home, "decisions", "list", "--json").stdout)] == [decision_id]
    number = json.loads(APPROVED.read_text())["applicationId"]
    about = [json.loads(run(home, "decisions", "list", "--application", one, "--json").stdout) for one in (number, "X")]
    assert [[row["decision_id"] for row in rows] for rows in about] == [[decision_id], []]
    decided = run(home, "decide", decision_id, "--outcome", "decline", "--reason", "Fraud", "--by", "A. Officer")
    assert decided.returncode == 0
    whole = json.loads(run(home, "decisions", "show", decision_id, "--json").stdout)
    assert whole["decision"]["outcome"] == "approve"
    assert [(human["outcome"], human["by"]) for human in whole["human_decisions"]] == [("decline", "A. Officer")]
    assert whole["answer"] == recorded.stdout.strip()


@pytest.mark.parametrize("words", [("decisions", "list"), ("decisions", "show", "x"), ("decide", "x", *HUMAN)])
def test_reading_decisions_makes_no_ledger(home: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    fresh = tmp_path / "home"
    shutil.copytree(home, fresh, ignore=shutil.ignore_patterns("state"))
    done = here(fresh, *words)
    assert (done.returncode, "there is no ledger at" in done.stderr) == (2, True)
    assert not (fresh / "state").exists()


def test_decisions_are_read_whatever_is_wrong_with_the_home_of_today(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "home"
    shutil.copytree(home, broken, ignore=shutil.ignore_patterns("state"))
    made = json.loads(here(broken, "score", "juniper-api", APPROVED, "--record").stdout)["decision"]["id"]
    next((broken / "policies").glob("*.yaml")).write_text("policy: of no use")
    shutil.rmtree(broken / "state" / "objects")
    number = json.loads(APPROVED.read_text())["applicationId"]
    listed = here(broken, "decisions", "list", "--application", number, "--json")
    assert [row["decision_id"] for row in json.loads(listed.stdout)] == [made]
    assert here(broken, "decisions", "show", made).returncode == 0
    decided = here(broken, "decide", made, *HUMAN)
    assert (decided.returncode, decided.stdout.strip()) == (0, f"{made}: decline by A. [Officer], recorded")
    assert not (broken / "state" / "objects").exists(), "reading keeps no objects: it opens no gateway"


def test_whoever_reads_a_decision_is_told_that_it_was_superseded(home: Path) -> None:
    keys = [f'Idempotency-Key: "superseded {number}"' for number in (1, 2)]
    made = [here(home, "score", "juniper-api", APPROVED, "--record", "-H", key).stdout for key in keys]
    first, second = (json.loads(answer)["decision"]["id"] for answer in made)
    told = [
        json.loads(here(home, "decisions", "show", one, "--json").stdout)["superseded_by"] for one in (first, second)
    ]
    assert told == [second, ""]
    assert f"superseded by {second}" in here(home, "decisions", "show", first).stdout


def test_what_was_refused_is_listed_and_shown_with_its_problems(home: Path) -> None:
    refused = here(home, "score", "juniper-api", REFUSED, "--record")
    (row,) = json.loads(here(home, "decisions", "list", "--refused", "--limit", "1", "--json").stdout)
    assert (row["kind"], row["outcome"], row["integration"]) == ("refusal", "invalid_record", "juniper-api")
    assert row["decision_id"] in here(home, "decisions", "list", "--refused").stdout
    whole = json.loads(here(home, "decisions", "show", row["decision_id"], "--json").stdout)
    assert whole["problems"][0]["code"] == "untrained_currency"
    assert (whole["raw"], whole["answer"]) == (REFUSED.read_text(), refused.stdout.strip())
    shown = here(home, "decisions", "show", row["decision_id"]).stdout
    assert ("REFUSAL" in shown, "untrained_currency" in shown) == (True, True)
    erased = here(home, "ledger", "erase", row["decision_id"], "--by", "A. Officer").stdout.split()[-1]
    other = here(home, "decisions", "show", erased)
    assert (other.returncode, f"but the erasure of {row['decision_id']}" in other.stderr) == (1, True)
    assert here(home, "decisions", "list", "--refused", "--outcome", "refer").returncode == 2


@pytest.mark.parametrize("run", [process, here])
def test_a_refused_message_prints_its_native_refusal_and_ends_with_1(home: Path, run: Run) -> None:
    done = run(home, "score", "juniper-api", REFUSED)
    assert done.returncode == 1
    assert json.loads(done.stdout)["errors"][0]["code"] == "untrained_currency"


@pytest.mark.parametrize("command", ["score", "trace"])
def test_what_is_recorded_is_decided_as_of_the_time_asked_for(home: Path, command: str) -> None:
    shutil.rmtree(home / "state", ignore_errors=True)
    done = here(home, command, "juniper-api", APPROVED, "--record", "--as-of", "2026-03-31T12:00:00")
    (row,) = json.loads(here(home, "decisions", "list", "--json").stdout)
    whole = json.loads(here(home, "decisions", "show", row["decision_id"], "--json").stdout)
    assert (done.returncode, whole["decision"]["as_of"]) == (0, "2026-03-31T12:00:00Z")


def test_a_trace_that_could_not_be_recorded_says_why_and_ends_with_1(home: Path, tmp_path: Path) -> None:
    shutil.rmtree(home / "state", ignore_errors=True)
    other = tmp_path / "other.json"
    other.write_text(APPROVED.read_text().replace('"months": 60', '"months": 48'))
    options = ("--record", "-H", 'Idempotency-Key: "one"')
    first = here(home, "trace", "juniper-api", APPROVED, *options)
    second = here(home, "trace", "juniper-api", other, *options)
    assert (first.returncode, second.returncode) == (0, 1)
    assert "ANSWER" in second.stdout
    assert "stands for another" in second.stderr


def test_a_trace_for_machines_holds_every_stage_in_order(home: Path) -> None:
    stages = json.loads(here(home, "trace", "juniper-api", APPROVED, "--json").stdout)
    assert list(stages) == [
        "integration", "raw", "lookups", "fields", "upcast", "problems", "imputed", "score", "policy", "decision",
        "answer",
    ]  # fmt: skip
    parts = stages["score"]
    total = parts["base"] + sum(parts["points"].values()) + parts["information_not_available"]
    assert total == pytest.approx(parts["score"], abs=1e-9)


def test_the_chain_is_proved_whole_and_an_altered_row_is_named(home: Path, tmp_path: Path) -> None:
    altered = tmp_path / "home"
    shutil.copytree(home, altered, ignore=shutil.ignore_patterns("state"))
    here(altered, "score", "juniper-api", APPROVED, "--record")
    whole = here(altered, "verify", "--chain")
    assert (whole.returncode, whole.stdout.strip()) == (0, "1 block(s), 1 entries, 0 finding(s)")
    with sqlite3.connect(altered / "state" / "ledger.db") as database:
        database.execute("UPDATE entry SET outcome = 'decline'")
    database.close()
    found = here(altered, "verify", "--chain")
    assert found.returncode == 1
    assert "1 finding(s)" in found.stdout


def test_what_an_older_backup_brings_back_is_said_and_can_be_erased_again(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh, backup = tmp_path / "home", tmp_path / "backup"
    shutil.copytree(home, fresh, ignore=shutil.ignore_patterns("state"))
    recorded = here(fresh, "score", "juniper-api", APPROVED, "--record")
    made = json.loads(recorded.stdout)["decision"]["id"]
    assert "backup: 1 block(s), 1 entries" in here(fresh, "ledger", "backup", backup).stdout
    here(fresh, "ledger", "erase", made, "--by", "A. Officer")
    refused = here(fresh, "ledger", "restore", backup)
    assert (refused.returncode, "move it away first" in refused.stderr) == (2, True)
    (fresh / "state" / "ledger.db").rename(tmp_path / "lost.db")
    restored = here(fresh, "ledger", "restore", backup, "--accept-loss")
    said = "1 block(s) after block 1 are gone: what was erased or purged after block 1 can be read again"
    assert (restored.returncode, said in restored.stdout) == (0, True), restored.stdout
    assert "scoregate ledger erasures --after 1 lists them" in restored.stdout
    monkeypatch.setenv("SCOREGATE_LEDGER", str(tmp_path / "lost.db"))
    listed = here(fresh, "ledger", "erasures", "--after", "1").stdout.splitlines()
    assert [line.split(maxsplit=2)[2:] for line in listed] == [[f"{made} by A. Officer"], []]
    monkeypatch.delenv("SCOREGATE_LEDGER")
    assert here(fresh, "decisions", "show", made).returncode == 0
    assert here(fresh, "ledger", "erase", made, "--by", "A. Officer").returncode == 0
    assert "were erased" in here(fresh, "decisions", "show", made).stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("score", "nix", APPROVED), 1, "there are: cobalt-core, juniper-api"),
        (("score", "juniper-api", "no-such-file"), 2, "no-such-file: No such file"),
        (("decisions", "show", "nope"), 1, "nope"),
        (("decisions", "list", "--outcome", "approved"), 2, "an outcome is approve, refer, decline, not 'approved'"),
        (("decide", "nope", "--outcome", "maybe", "--reason", "r", "--by", "b"), 2, "approve or decline"),
        (("principal", "add", "x", "--integration", "juniper-apo"), 2, "did you mean 'juniper-api'?"),
        (("serve", "--port", "99999"), 2, "SCOREGATE_PORT"),
        (("lint", "nowhere"), 1, "neither a home nor an integration"),
    ],
)
def test_what_is_wrong_is_said_in_one_clear_line(
    home: Path, words: tuple[str | Path, ...], code: int, said: str
) -> None:
    done = here(home, *words)
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_a_name_is_given_to_one_caller_only(home: Path) -> None:
    first = here(home, "principal", "add", "crm", "--integration", "juniper-api")
    assert first.stdout.startswith("sg_")
    again = here(home, "principal", "add", "crm", "--integration", "juniper-api")
    assert (again.returncode, again.stderr.strip()) == (
        2,
        f"scoregate: {home / 'principals.yaml'}: error: 'crm' is named already "
        "(rotate its credential, or choose another name)",
    )
    assert first.stdout.strip() not in (home / "principals.yaml").read_text()


def test_lint_names_every_fault_of_an_integration_at_once(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "home"
    shutil.copytree(home, broken, ignore=shutil.ignore_patterns("state"))
    file = broken / "integrations" / "juniper-api" / "integration.yaml"
    text = file.read_text().replace("monthly_income:", "montly_income:").replace("adapter: rest", "adapter: rast")
    file.write_text(text + "colour: blue\n")
    done = here(broken, "lint")
    assert done.returncode == 1
    for said in ("did you mean 'monthly_income'?", "did you mean 'rest'?", "unknown key 'colour'"):
        assert said in done.stdout


def test_an_integration_without_examples_is_a_fault(home: Path, tmp_path: Path) -> None:
    bare = tmp_path / "home"
    shutil.copytree(home, bare, ignore=shutil.ignore_patterns("state", "examples"))
    done = here(bare, "test")
    assert done.returncode == 1
    assert "has no examples" in done.stdout


def test_an_answer_that_no_longer_comes_fails_and_is_renewed_with_the_difference_shown(
    home: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "home"
    shutil.copytree(home, changed, ignore=shutil.ignore_patterns("state"))
    answer = changed / "integrations" / "juniper-api" / "examples" / "01-complete__approves" / "answer.json"
    answer.write_text(answer.read_text().replace("APPROVED", "DECLINED"))
    failed = here(changed, "test")
    assert failed.returncode == 1
    assert "FAIL juniper-api/01-complete__approves" in failed.stdout
    renewed = here(changed, "test", "--renew")
    assert renewed.returncode == 0
    assert "renewed juniper-api/01-complete__approves" in renewed.stdout
    lines = renewed.stdout.splitlines()
    shown = [line.split()[-1].strip('",') for line in lines if line.startswith(("-", "+")) and "result" in line]
    assert shown == ["DECLINED", "APPROVED"]
    assert renewed.stdout.count("renewed") == 1
    assert "a refusal" not in renewed.stdout
    assert here(changed, "test").returncode == 0
    request = answer.with_name("request.json")
    request.write_text(request.read_text().replace('"EUR"', '"USD"'))
    assert "note: the answer is a refusal" in " ".join(here(changed, "test", "--renew").stdout.split())

"""An integration drafted from the tables of real databases, through their ODBC drivers: it lints, and its example runs.

The tables are those `contract export` makes, and Cobalt's, whose mapping a person made by hand.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from odbc_databases import Database
from typer.testing import CliRunner

from adapters.odbc.tables import read_tables
from contracts.errors import ConfigurationError
from contracts.export import export
from contracts.source import Source
from contracts.store import ContractStore
from gateway.bootstrap import new_integration
from gateway.cli import app
from gateway.drafting.integration import Asked, Drafted
from gateway.settings import load

ROOT = Path(__file__).parents[2]
COBALT = ROOT / "fixtures" / "integrations" / "cobalt-core"
REQUEST, ANSWER = "loan_application@1.0.0", "loan_decision@1.0.0"
NOTHING = {"from": "not_carried"}
Data = dict[str, Any]


def statements(text: str) -> list[str]:
    """The statements of a file whose texts hold no semicolon at the end of a line."""
    bare = re.sub(r"^ *--.*$", "", text, flags=re.MULTILINE)
    return [one.strip() for one in re.split(r";\s*$", bare, flags=re.MULTILINE) if one.strip()]


@pytest.fixture
def staged(legacy: Database) -> Database:
    """A database with the staging tables as they are exported for it."""
    for ref in (REQUEST, ANSWER):
        legacy.run(*statements(export(ContractStore().get(ref), "ddl", legacy.kind)))
    return legacy


def draft(home: Path, table: str, answer: str = "") -> Drafted:
    return new_integration(load(home=home), Asked("core-bank", "odbc", "legacy", table, REQUEST, "", answer))


def errors(done: Drafted) -> list[str]:
    return [str(fault) for fault in done.faults if fault.severity == "error"]


def test_our_own_staging_tables_are_mapped_whole(staged: Database) -> None:
    done = draft(staged.folder, "loan_application", "loan_decision")
    assert errors(done) == []
    assert done.mapped == (14, 14)
    assert [entry for entry in done.findings if entry.finding.severity == "must"] == []
    data: Data = Source.read(done.folder / "integration.yaml").data
    queue = {
        "table": "loan_application", "key": ["request_key"], "version": "row_version", "status": "status",
        "states": {"waiting": "N", "claimed": "P", "done": "D", "failed": "E"},
        "claim": {"token": "claim_token", "until": "claim_until"},
        "error": {"code": "error_code", "text": "error_text"},
    }  # fmt: skip
    assert data["wire"]["request"] == queue
    assert data["wire"]["answer"]["lists"].keys() == {"reasons", "imputations", "refer_causes"}
    assert data["keys"] == {"business": "business_key", "request": "header.row", "correlation": "header.row"}
    contract = ContractStore().get(ANSWER)
    written = {path.partition("[]")[0] for path in data["answer_map"]}
    assert written == {path.partition("[]")[0] for path in contract.paths} - {"request_key"}


def test_what_a_database_says_of_a_column_stands_in_the_file(staged: Database) -> None:
    done = draft(staged.folder, "loan_application", "loan_decision")
    table = read_tables(done.folder / "tables.yaml").found["loan_application"]
    home, amount, until = (table.column(name) for name in ("home_ownership", "loan_amount", "claim_until"))
    assert home and amount and until
    assert tuple(home.codes) == ContractStore().get(REQUEST).paths["home_ownership"].codes
    assert (amount.shape, amount.null) == ("decimal(10,2)", False)
    assert until.type in ("timestamp", "timestamp-tz")
    if staged.kind != "sqlite":  # which knows no comments
        assert home.note.startswith("How the applicant lives.")


def drafted_home(staged: Database, built_home: Path) -> Path:
    """The demonstration's home with nothing but an integration that the command drafted from the staged tables."""
    home = staged.folder / "home"
    shutil.copytree(built_home, home, ignore=shutil.ignore_patterns("state", "integrations"))
    (home / "integrations").mkdir()
    connections = (staged.folder / "connections.yaml").read_text()
    (home / "connections.yaml").write_text(connections.replace('"legacy.db"', f'"{staged.folder / "legacy.db"}"'))
    words = ["--home", str(home), "new", "integration", "core-bank", "--odbc", "legacy", "--table", "loan_application"]
    words += ["--answer-table", "loan_decision", "--contract", REQUEST]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "0 error(s)" in done.output
    assert f"scoregate --home {home} poll core-bank" in done.output
    return home


def test_its_example_is_answered_and_a_row_of_it_is_polled(staged: Database, built_home: Path) -> None:
    home = drafted_home(staged, built_home)
    tried = CliRunner().invoke(app, ["--home", str(home), "test"])
    assert tried.exit_code == 0, tried.output
    assert "ok   core-bank/01-drafted__is_answered" in tried.output
    case = home / "integrations" / "core-bank" / "examples" / "01-drafted__is_answered"
    row, answer = (json.loads((case / f"{name}.json").read_text()) for name in ("request", "answer"))
    values = ", ".join(f"'{value}'" for value in row.values())  # every column takes its text, as SQL allows
    staged.run(f"INSERT INTO loan_application ({', '.join(row)}) VALUES ({values})")  # noqa: S608 # our own names and values
    polled = CliRunner().invoke(app, ["--home", str(home), "poll", "core-bank", "--once"])
    assert polled.exit_code == 0, polled.output
    assert staged.rows("SELECT status, error_code, claim_token FROM loan_application") == [("D", None, None)]
    columns = answer["columns"]
    told = (row["request_key"], columns["outcome"], str(columns["score"]))
    assert staged.rows("SELECT request_key, outcome, score FROM loan_decision") == [told]
    reasons = [(str(at), one["code"]) for at, one in enumerate(answer["lists"]["reasons"], 1)]
    assert staged.rows("SELECT position, code FROM loan_decision_reasons ORDER BY position") == reasons


# ---- Cobalt ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cobalt(legacy: Database) -> Database:
    legacy.run(*statements((COBALT / "ddl" / f"{legacy.kind}.sql").read_text()))
    return legacy


def test_cobalts_draft_says_nothing_wrong_with_confidence(cobalt: Database) -> None:
    """Line by line against the mapping a person made. What no catalog tells (codes, what missing means) is open."""
    done = draft(cobalt.folder, "CREDIT_REQUEST", "CREDIT_DECISION")
    assert errors(done) == []
    drafted: Data = Source.read(done.folder / "integration.yaml").data
    meant: Data = Source.read(COBALT / "integration.yaml").data
    assert plain(drafted["wire"]["request"]) == plain(meant["wire"]["request"])
    lists = {place["table"]: place for place in drafted["wire"]["answer"]["lists"].values()}
    assert lists == {place["table"]: place for place in meant["wire"]["answer"]["lists"].values()}
    assert drafted["keys"] == meant["keys"]
    for field, line in meant["request"].items():
        wanted, found = reads(line), reads(drafted["request"][field])
        assert found == wanted or ("codes" in wanted and found in ({"from": wanted["from"]}, NOTHING)), field
    told = {path for path in meant["answer_map"] if "[]" not in path and path != "CAUSES"}
    assert {path for path in drafted["answer_map"] if "[]" not in path} == told
    wrong = {path for path in told if not same(drafted["answer_map"][path], meant["answer_map"][path])}
    assert wrong == {"TRIAL_OR_LIVE"}
    assert any("TRIAL_OR_LIVE: is made up" in str(entry) for entry in done.findings)


def plain(section: Data) -> Data:
    return {key: section[key] for key in ("table", "key", "version", "status", "states", "claim", "error")}


def reads(line: Any) -> Data:
    given = line if isinstance(line, dict) else {"from": line}
    return {key: value for key, value in given.items() if key != "missing"}


def same(drafted: Any, meant: Any) -> bool:
    """Whether two lines write the same decision value with the same codes; a fit may be wider."""
    one, other = reads(drafted), reads(meant)
    return {**one, "fit": ""} == {**other, "fit": ""}


def test_what_cannot_be_drafted_is_said(cobalt: Database) -> None:
    for table, answer, told in (
        ("credit_requests", "CREDIT_DECISION", "no table 'credit_requests'.*; there are: CREDIT_REQUEST, CREDIT_"),
        ("", "CREDIT_DECISION", "say it with --table T; there are: CREDIT_.*CREDIT_REQUEST"),
        ("CREDIT_REQUEST", "", "no column that an answer could go to"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            draft(cobalt.folder, table, answer)
    assert not (cobalt.folder / "integrations").exists()


def test_an_answer_may_go_into_the_row_itself_and_a_missing_queue_is_told_to_be_added(legacy: Database) -> None:
    legacy.run(
        "CREATE TABLE applications (id integer NOT NULL, app_no varchar(20) NOT NULL, ccy char(3),"
        " loan_amt decimal(12,2), term_months integer, score integer, decision_code char(1), PRIMARY KEY (id))",
        "CREATE TABLE nameless (score integer)",
    )
    done = draft(legacy.folder, "applications")
    assert errors(done) == []
    data: Data = Source.read(done.folder / "integration.yaml").data
    assert data["wire"]["answer"] == {"columns": ["score", "decision_code"]}
    assert data["keys"]["business"] == "app_no"
    letters = {"approve": "A", "refer": "R", "decline": "D"}
    assert data["answer_map"]["decision_code"] == {"from": "outcome", "codes": letters}
    must = [str(entry) for entry in done.findings if entry.finding.severity == "must"]
    assert any("have it added to applications: claim_token char(32)" in line for line in must)
    assert "claim_token" in read_tables(done.folder / "tables.yaml").found["applications"].names
    shutil.rmtree(done.folder)
    with pytest.raises(ConfigurationError, match="nameless has no primary key"):
        draft(legacy.folder, "nameless")


def test_a_description_is_named_once() -> None:
    for words in ([], ["--wsdl", "x.wsdl", "--odbc", "y"]):
        done = CliRunner().invoke(app, ["new", "integration", "x", *words])
        assert done.exit_code == 2
        assert "name one description" in done.output

"""A REST integration whose applications are completed from a legacy database, which is there, gone, frozen and slow."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from odbc_databases import Database, Servers
from typer.testing import CliRunner

from contracts.errors import ScoregateError
from gateway import settings
from gateway.bootstrap import install
from gateway.breaker import FAILURES
from gateway.cli import app
from gateway.installation import Installation
from gateway.spi import Answer, Asked
from gateway.watching.catalog import LOOKUPS
from gateway.watching.lookout import Lookout

INTEGRATION = Path("integrations/juniper-api/integration.yaml")
DEBT = "debt: {from: lookup.loans.owed, convert: [decimal(2)]} #"
LOOKUP = """lookups:
  loans:
    adapter: odbc
    key: applicationId
    timeout: 2s
    connection: legacy
    query: SELECT owed FROM customer WHERE number = ?
    key_as: text
    columns: [owed]
"""
GIVEN, DOWN = ("given", "lookup"), ("not_carried", "source_down")


@dataclass
class Bank:
    """Juniper in a home of its own, and the database that knows what its applicants owe."""

    database: Database
    servers: Servers
    log: BytesIO = field(default_factory=BytesIO)
    asked: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        self.lookout = Lookout.to(self.log)
        self.installation: Installation = install(
            settings.load(home=self.database.folder), with_ledger=True, lookout=self.lookout
        )
        assert not self.installation.faulty, self.installation.faulty

    def ask(self, number: str = "C1", times: int = 1) -> list[Any]:
        """Answers of new applications, all sent at once."""
        file = self.database.folder / INTEGRATION.parent / "examples/01-complete__approves/request.json"
        raw = json.dumps({**json.loads(file.read_bytes()), "applicationId": number}).encode()
        keys = range(self.asked, self.asked + times)
        self.asked += times
        header = [{"idempotency-key": f'"{key}"'} for key in keys]
        answers = self.installation.desk("juniper-api").decide_many([Asked(raw, one, "juniper") for one in header])
        return [json.loads(answer.payload) if isinstance(answer, Answer) else answer for answer in answers]

    def debts(self, number: str = "C1", times: int = 1) -> set[tuple[str, str]]:
        """State and cause of the debt in each answer."""
        return {state_of(answer) for answer in self.ask(number, times)}

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.installation.close()

    def events(self) -> list[str]:
        self.lookout.flush()
        lines = map(json.loads, self.log.getvalue().splitlines())
        return [line["event"] for line in lines if line["event"].startswith("lookup")]


def state_of(answer: Any) -> tuple[str, str]:
    assert not isinstance(answer, ScoregateError), answer
    listed = answer["decision"]["estimated"]
    return next((one["state"], one["cause"]) for one in listed if one["field"] == "debt")


def until(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def make(built_home: Path, tmp_path: Path, odbc_servers: Servers) -> Iterator[Callable[[str], Bank]]:
    made: list[Bank] = []

    def bank(kind: str) -> Bank:
        for part in ("bundles", "policies", INTEGRATION.parent):
            shutil.copytree(built_home / part, tmp_path / part)
        text = (tmp_path / INTEGRATION).read_text(encoding="utf-8")
        text = text.replace("debt: not_carried", DEBT).replace("lookups: {}\n", LOOKUP).replace("5s", "20s")
        (tmp_path / INTEGRATION).write_text(text, encoding="utf-8")
        database = odbc_servers.database(kind, tmp_path)
        database.run(
            "CREATE TABLE customer (number varchar(20), owed decimal(14,2))",
            "INSERT INTO customer VALUES ('C1', 0)",
            "INSERT INTO customer VALUES ('C2', 900000.50)",
            "INSERT INTO customer VALUES ('TWICE', 1)",
            "INSERT INTO customer VALUES ('TWICE', 2)",
        )
        database.write()
        made.append(Bank(database, odbc_servers))
        return made[0]

    yield bank
    for one in made:
        one.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_what_a_customer_owes_decides_and_is_said_to_be_looked_up(make: Callable[[str], Bank], kind: str) -> None:
    bank = make(kind)
    (little,), (much,) = bank.ask("C1"), bank.ask("C2")
    assert [state_of(little), state_of(much)] == [GIVEN, GIVEN]
    assert little["decision"]["creditScore"] > much["decision"]["creditScore"]
    (unknown,) = bank.ask("C9")
    assert state_of(unknown)[0] == "blank"
    (two,) = bank.ask("TWICE")
    assert [problem.code for problem in two.problems] == ["joint_application_unsupported"]
    counts = bank.lookout.tally.snapshot().counts
    found = {result: counts[(LOOKUPS, "juniper-api", "loans", result)] for result in ("found", "nothing", "failed")}
    assert found == {"found": 3, "nothing": 1, "failed": 0}


def stop(bank: Bank) -> Callable[[], None]:
    bank.servers.postgres.stop()
    return bank.servers.postgres.start


def kill(bank: Bank) -> Callable[[], None]:
    bank.servers.postgres.kill()
    return bank.servers.postgres.start


def freeze(bank: Bank) -> Callable[[], None]:
    bank.servers.postgres.freeze()
    return bank.servers.postgres.thaw


def slow(bank: Bank) -> Callable[[], None]:
    """Somebody holds the table, and every reader waits."""
    holder = psycopg.connect(bank.servers.postgres.url(bank.database.section["database"]))
    holder.execute("LOCK TABLE customer IN ACCESS EXCLUSIVE MODE")
    return holder.close


@pytest.mark.parametrize("trouble", [stop, kill, freeze, slow])
def test_while_the_source_is_in_trouble_answers_say_so_and_afterwards_it_is_asked_again(
    make: Callable[[str], Bank], trouble: Callable[[Bank], Callable[[], None]]
) -> None:
    bank = make("postgresql")
    assert bank.debts() == {GIVEN}
    end = trouble(bank)
    try:
        began = time.monotonic()
        assert bank.debts(times=8 * FAILURES) == {DOWN}
        took = time.monotonic() - began
    finally:
        end()
    until(lambda: bank.debts() == {GIVEN})
    assert bank.debts(times=8) == {GIVEN}
    assert bank.events() == ["lookup_down", "lookup_back"]
    assert took < 2 * 8 * FAILURES / 2, "every submission paid a time limit of its own"


def test_one_asking_while_the_source_is_frozen_is_answered_within_its_deadline(make: Callable[[str], Bank]) -> None:
    bank = make("postgresql")
    end = freeze(bank)
    try:
        example = bank.database.folder / INTEGRATION.parent / "examples/01-complete__approves/request.json"
        asked = Asked(example.read_bytes(), {"idempotency-key": '"one"'}, "juniper")
        answer = asyncio.run(bank.installation.desk("juniper-api").decide(asked))  # raises where it is late
    finally:
        end()
    assert state_of(json.loads(answer.payload)) == DOWN


def test_a_database_that_is_down_at_start_keeps_nobody_from_serving(make: Callable[[str], Bank]) -> None:
    bank = make("postgresql")
    bank.close()
    end = stop(bank)
    try:
        again = Bank(bank.database, bank.servers)
        assert again.debts() == {DOWN}
    finally:
        end()
    until(lambda: again.debts() == {GIVEN})
    again.close()


def test_a_decision_is_proved_when_the_database_is_gone_for_good(make: Callable[[str], Bank]) -> None:
    bank = make("sqlite")
    for number in ("C1", "C2"):
        assert bank.debts(number) == {GIVEN}
    bank.close()
    (bank.database.folder / "legacy.db").unlink()
    (bank.database.folder / "connections.yaml").unlink()
    done = CliRunner().invoke(app, ["--home", str(bank.database.folder), "verify", "--all"])
    assert done.exit_code == 0, done.output
    assert "equal" in done.output


def test_what_the_database_has_not_switches_its_integration_off(make: Callable[[str], Bank]) -> None:
    bank = make("sqlite")
    bank.close()
    file = bank.database.folder / INTEGRATION
    file.write_text(file.read_text().replace("SELECT owed FROM", "SELECT owes FROM"))
    made = install(settings.load(home=bank.database.folder), with_ledger=True)
    assert "owes" in str(made.faulty["juniper-api"].faults[0])
    made.close()


def test_who_tries_an_integration_by_hand_is_told_why_a_look_up_failed(make: Callable[[str], Bank]) -> None:
    bank = make("sqlite")
    bank.close()
    bank.database.run("ALTER TABLE customer RENAME COLUMN owed TO due")
    folder = bank.database.folder
    file = folder / INTEGRATION.parent / "examples/01-complete__approves/request.json"
    said = {
        command: CliRunner().invoke(app, ["--home", str(folder), command, "juniper-api", str(file)])
        for command in ("score", "trace")
    }
    why = "no such column: owed"
    assert f"warning: the look-up loans failed: the connection legacy: {why}" in " ".join(said["score"].stderr.split())
    assert why in " ".join(said["trace"].stdout.split())

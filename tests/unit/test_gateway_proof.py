"""Decisions computed again from ledger and object store: equal whatever became of the home, and named where not."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from command_line import here
from ledger_samples import URL_FILE
from refused_answers import approvals_break_their_schema
from typer.testing import CliRunner

from contracts.errors import ScoregateError, UpstreamError
from gateway import settings
from gateway.bootstrap import install, prover
from gateway.cli import app
from gateway.clock import utc_now
from gateway.environment import environment
from gateway.ledger.seal import RANDOM_BYTES, Sealer, read_key
from gateway.opening import open_ledger
from gateway.proof import Proof, Prover
from gateway.spi import Asked, Codec

EXAMPLES = Path(__file__).parents[2] / "fixtures" / "integrations" / "juniper-api" / "examples"
NOON = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
POLICY = "policies/consumer-instalment.policy.yaml"
INTEGRATION = "integrations/juniper-api/integration.yaml"
APPROVED, DECLINED = "01-complete__approves", "02-thin__declines"
STAGES = ["sent", "record", "identity", "score", "points", "reasons", "decision", "row", "answer"]


@dataclass
class Bureau:
    """Looks things up; ``found`` of None means that it is down."""

    found: dict[str, Any] | None = None
    name: str = "bureau"

    def wire(self, section: object, folder: Path) -> Codec:
        raise AssertionError("nobody calls it")

    def lookup(self, section: object, connections: object) -> Bureau:
        return self

    def fetch(self, key: str) -> dict[str, Any]:
        if self.found is None:
            raise UpstreamError("the bureau is down")
        return self.found


@dataclass
class Home:
    """A home of one test: what decides in it, and what proves."""

    folder: Path
    now: datetime = NOON
    bureau: Bureau = field(default_factory=Bureau)

    def decide(self, *bodies: bytes, key: str = "") -> list[str]:
        made = install(
            settings.load(home=self.folder), with_ledger=True, clock=lambda: self.now, adapters={"bureau": self.bureau}
        )
        assert not made.faulty, made.faulty
        header = {"idempotency-key": f'"{key}"', "x-correlation-id": "c-1"} if key else {}
        answers = made.desk("juniper-api").decide_many([Asked(body, header, "juniper") for body in bodies])
        made.close()
        assert not [one for one in answers if isinstance(one, ScoregateError)], answers
        return [answer.decision_id for answer in answers if not isinstance(answer, ScoregateError)]

    def prove(self, change: Callable[[Prover], Prover] = lambda one: one, **how: Any) -> list[Proof]:
        """Every decision, oldest first."""
        configured = settings.load(home=self.folder)
        ledger = open_ledger(configured, utc_now)
        scratch = self.folder / f"scratch-{os.urandom(4).hex()}"
        try:
            proving = change(prover(configured, ledger, scratch, show=how.pop("show", False)))
            return [proving.prove(kept, **how) for kept in ledger.all_kept()]
        finally:
            ledger.close()

    def edit(self, file: str, *pairs: tuple[str, str]) -> None:
        text = (self.folder / file).read_text(encoding="utf-8")
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        (self.folder / file).write_text(text, encoding="utf-8")

    def objects(self) -> Path:
        return self.folder / "state" / "objects"

    def reseal(self, decision_id: str, **parts: bytes) -> None:
        """Alter a payload as somebody who holds the master key could."""
        sealer = Sealer(read_key(f"file:{self.folder}/state/keys/master.key", "master key"))
        with closing(sqlite3.connect(self.folder / "state" / "ledger.db")) as database, database:
            number, sealed, wrapped = database.execute(
                "SELECT e.id, v.sealed, k.wrapped FROM entry e JOIN envelope v ON v.id = e.id "
                "JOIN envelope_key k ON k.id = e.id WHERE e.name = ?",
                (decision_id,),
            ).fetchone()
            payload = sealer.open(decision_id, sealed, wrapped)._replace(**parts)
            sealed, wrapped = sealer.seal(decision_id, payload, os.urandom(RANDOM_BYTES))
            database.execute("UPDATE envelope SET sealed = ? WHERE id = ?", (sealed, number))
            database.execute("UPDATE envelope_key SET wrapped = ? WHERE id = ?", (wrapped, number))

    def payload(self, decision_id: str) -> Any:
        ledger = open_ledger(settings.load(home=self.folder), utc_now)
        try:
            return ledger.open_payload(decision_id)
        finally:
            ledger.close()


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Home:
    for part in ("bundles", "policies", "integrations"):
        shutil.copytree(built_home / part, tmp_path / part)
    return Home(tmp_path)


def sent(case: str = APPROVED, **applicant: Any) -> bytes:
    body = json.loads(next(EXAMPLES.glob(f"{case[:3]}*/request.json")).read_bytes())
    body["applicant"] |= applicant
    body["applicationId"] += "".join(str(value) for value in applicant.values())
    return json.dumps(body).encode()


def every_case() -> list[bytes]:
    """The examples that are decided."""
    paths = sorted(EXAMPLES.glob("*/answer.json"))
    return [p.with_name("request.json").read_bytes() for p in paths if b'"decision"' in p.read_bytes()]


def test_every_kind_of_decision_comes_out_the_same_again(home: Home) -> None:
    made = home.decide(*every_case())
    proofs = home.prove()
    assert [proof.decision_id for proof in proofs] == made
    assert len(made) > 4
    assert {(proof.result, proof.environment) for proof in proofs} == {("equal", ())}


def test_asked_for_every_stage_says_what_was_compared(home: Home) -> None:
    home.decide(sent(), key="k-1")
    (proof,) = home.prove(every_stage=True)
    assert [stage.name for stage in proof.stages] == STAGES
    assert all(stage.equal and stage.recorded == stage.recomputed for stage in proof.stages)
    assert proof.first is None


def test_what_was_decided_before_everything_changed_is_proved_after_it(home: Home) -> None:
    before = home.decide(sent(), sent(DECLINED), key="")
    home.edit(POLICY, ("version: 1.0.0", "version: 1.1.0"), ("approve: 527, decline: 505", "approve: 900, decline: 9"))
    home.edit(INTEGRATION, ("divide(12)", "divide(13)"), ("decision.creditScore:", "decision.points:"))
    (home.folder / "integrations/juniper-api/decision.schema.json").unlink()
    home.edit(INTEGRATION, (", answer_schema: decision.schema.json", ""))
    after = home.decide(sent(age=44))
    proofs = home.prove()
    assert [proof.decision_id for proof in proofs] == before + after
    assert [proof.result for proof in proofs] == ["equal"] * 3
    shutil.rmtree(home.folder / "bundles")
    shutil.rmtree(home.folder / "policies")
    shutil.rmtree(home.folder / "integrations")
    assert [proof.result for proof in home.prove()] == ["equal"] * 3


def test_a_contract_of_the_home_is_taken_as_it_was(home: Home) -> None:
    """An integration may answer by a contract of its own; the home's file is edited later, against all rules."""
    from contracts.store import CATALOG

    own = home.folder / "contracts" / "juniper_answer" / "1.0.0.odcs.yaml"
    own.parent.mkdir(parents=True)
    published = (CATALOG / "loan_decision" / "1.0.0.odcs.yaml").read_text()
    own.write_text(published.replace("loan_decision", "juniper_answer"))
    home.edit(INTEGRATION, ("loan_decision@1.0.0", "juniper_answer@1.0.0"))
    home.decide(sent())
    own.write_text(own.read_text().replace("name: score_min", "name: score_lowest"))
    assert [proof.result for proof in home.prove()] == ["equal"]


MADE_BY = (b"integration: juniper-api", b"name: loan_application", b"name: loan_decision", b"name: consumer-instalment",
           b'"llvmlite"', b'"blank_support"')  # fmt: skip
"""What is found in the objects a decision was made by: integration, contracts, policy, environment, bundle."""


def test_whichever_object_that_made_a_decision_is_changed_is_named(home: Home) -> None:
    home.decide(sent())
    kept = {path: path.read_bytes() for path in home.objects().iterdir() if path.is_file()}
    assert all(any(mark in content for content in kept.values()) for mark in MADE_BY)
    for path, content in kept.items():
        if not any(mark in content for mark in MADE_BY):
            continue
        path.write_bytes(content + b" ")
        (changed,) = home.prove()
        path.write_bytes(content)
        assert (changed.result, changed.stages) == ("missing", ()), path
        assert f"object {path.name}" in changed.said
        assert "altered" in changed.said
    assert [proof.result for proof in home.prove()] == ["equal"]


def test_after_a_disk_is_lost_a_backup_proves_what_an_earlier_policy_decided(
    home: Home, ledger_folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (url := ledger_folder / URL_FILE).exists():
        monkeypatch.setenv("SCOREGATE_LEDGER", f"file:{url}")
    (made,) = home.decide(sent(DECLINED))
    home.edit(POLICY, ("version: 1.0.0", "version: 1.0.1"))
    home.decide(sent())
    assert here(home.folder, "ledger", "backup", home.folder / "backup").returncode == 0
    shutil.move(home.folder / "state" / "keys", home.folder / "keys")
    shutil.rmtree(home.folder / "state")
    shutil.copytree(home.folder / "keys", home.folder / "state" / "keys")
    if url.exists():
        url.write_text(request.getfixturevalue("postgres").new_database())
    assert here(home.folder, "ledger", "restore", home.folder / "backup").returncode == 0
    proved = here(home.folder, "verify", made)
    assert (proved.returncode, "equal to the last bit" in proved.stdout) == (0, True), proved.stdout


def test_a_missing_object_is_named(home: Home) -> None:
    home.decide(sent())
    digest = next(p.name for p in home.objects().iterdir() if b'"llvmlite"' in p.read_bytes())
    (home.objects() / digest).unlink()
    (proof,) = home.prove()
    assert (proof.result, proof.said) == ("missing", f"object {digest} is missing from {home.objects()}")


def test_a_forged_answer_is_found_by_whoever_recomputes(home: Home) -> None:
    (name,) = home.decide(sent(DECLINED))
    home.reseal(name, answer=home.payload(name).answer.replace(b"DECLINED", b"APPROVED"))
    (proof,) = home.prove()
    assert proof.result == "differs"
    assert proof.first is not None
    assert (proof.first.name, len(proof.first.recorded)) == ("answer", 64)
    assert [stage.name for stage in proof.stages if not stage.equal] == ["answer"]


@pytest.mark.parametrize(
    ("part", "old", "new", "stage", "note"),
    [
        ("decision", b'"outcome":"decline"', b'"outcome":"approve"', "decision", "outcome"),
        ("decision", b'"code":"R01"', b'"code":"R09"', "reasons", ""),
        ("decision", b'"pd":"0.8', b'"pd":"0.1', "decision", "pd"),
        ("decision", b"{", b"", "reasons", ""),
        ("record", b'"score":438', b'"score":538', "score", "score"),
        ("record", b'"points":[-', b'"points":[-1', "points", "credit_records"),
        ("record", b'"states":[0,', b'"states":[1,', "record", "product"),
        ("raw", b'"housing"', b'"age": 30, "house"', "decode", "not_json"),
        ("raw", b'"loan"', b'"lone"', "record", "amount"),
    ],
)
def test_the_first_stage_that_differs_is_named(
    home: Home, part: str, old: bytes, new: bytes, stage: str, note: str
) -> None:
    (name,) = home.decide(sent(DECLINED))
    content = getattr(home.payload(name), part)
    assert old in content
    home.reseal(name, **{part: content.replace(old, new, 1)})
    (proof,) = home.prove()
    assert proof.result == "differs"
    assert proof.first is not None
    assert proof.first.name == stage
    assert note in proof.first.note or stage == "decode"


def test_another_application_in_place_of_the_one_decided_shows_at_what_was_sent(home: Home) -> None:
    (name,) = home.decide(sent(DECLINED))
    home.reseal(name, raw=sent(DECLINED).replace(b'"monthlyOutgoings": ', b'"monthlyOutgoings": 1'))
    (hidden,), (shown,) = home.prove(), home.prove(show=True)
    assert hidden.first is not None
    assert hidden.first.name == "sent"
    record, open_record = hidden.stages[1], shown.stages[1]
    assert record.note == "monthly_expenses"
    assert "→" in open_record.note


def test_a_row_that_says_something_else_is_found(home: Home) -> None:
    home.decide(sent(DECLINED))
    with closing(sqlite3.connect(home.folder / "state" / "ledger.db")) as database, database:
        database.execute("UPDATE entry SET outcome = 'approve'")
    (proof,) = home.prove()
    assert proof.first is not None
    assert (proof.first.name, proof.first.note) == ("row", "outcome")


def test_a_payload_that_will_not_open_is_unreadable_and_the_others_are_proved(home: Home) -> None:
    home.decide(sent(), sent(DECLINED))
    with closing(sqlite3.connect(home.folder / "state" / "ledger.db")) as database, database:
        database.execute("UPDATE envelope SET sealed = substr(sealed, 1, length(sealed) - 1) WHERE id = 1")
    assert [proof.result for proof in home.prove()] == ["unreadable", "equal"]


def test_a_record_without_evidence_is_said_to_hold_none(home: Home) -> None:
    (name,) = home.decide(sent())
    record = json.loads(home.payload(name).record)
    home.reseal(name, record=json.dumps({k: v for k, v in record.items() if k not in ("basis", "beside")}).encode())
    (proof,) = home.prove()
    assert proof.result == "unreadable"
    assert "no evidence" in proof.said


def test_an_answer_that_can_no_longer_be_written_differs_and_the_others_are_proved(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = home.decide(sent(), sent(DECLINED))
    approvals_break_their_schema(monkeypatch)
    first, second = home.prove()
    assert ([first.decision_id, second.decision_id], second.result) == (made, "equal")
    assert first.result == "differs"
    assert [(stage.name, stage.note) for stage in first.stages if not stage.equal] == [
        ("answer", "the answer breaks its schema at /decision: maximum")
    ]
    code, said = run(home, "--all")
    assert (code, f"{made[0]}: differs at answer: " in said) == (1, True)


def test_what_was_erased_is_said_to_be(home: Home) -> None:
    first, _ = home.decide(sent(), sent(DECLINED))
    ledger = open_ledger(settings.load(home=home.folder), utc_now)
    ledger.erase(first, by="officer", at=NOON).result()
    ledger.close()
    proofs = home.prove()
    assert [proof.result for proof in proofs] == ["erased", "equal"]
    assert "erased" in proofs[0].said


@pytest.mark.parametrize("found", [{"debt": "4000", "more": [Decimal("1.50"), None]}, {"debt": None}, {}, None])
def test_what_a_look_up_found_is_not_asked_for_again(home: Home, found: dict[str, Any] | None) -> None:
    home.edit(
        INTEGRATION,
        ("debt: not_carried", "debt: lookup.bureau.debt #"),
        ("lookups: {}", "lookups: {bureau: {adapter: bureau, key: applicationId}}"),
    )
    home.bureau.found = found
    home.decide(sent())
    home.bureau.found = {"debt": "77"}
    assert [proof.result for proof in home.prove()] == ["equal"]


def test_an_asking_that_supersedes_and_one_that_was_renewed_are_proved(home: Home) -> None:
    home.decide(sent())
    home.decide(sent(), key="other")
    for _ in range(3):
        home.now += timedelta(days=31)
        home.decide(sent())
    proofs = home.prove()
    assert [proof.result for proof in proofs] == ["equal"] * 5


def elsewhere(**changes: str) -> Callable[[Prover], Prover]:
    def moved(one: Prover) -> Prover:
        return Prover(one._grounds, one._request_keys, environment() | changes)

    return moved


def test_another_environment_is_named_and_published_digits_are_compared(home: Home) -> None:
    (name,) = home.decide(sent(DECLINED))
    record = json.loads(home.payload(name).record)
    record["scored"]["pd"] *= 1 + 1e-15
    record["scored"]["points"][0] -= 1e-12
    home.reseal(name, record=json.dumps(record).encode())
    (here,), (there,) = home.prove(), home.prove(elsewhere(numpy="0.1", cpu="abacus"))
    assert here.first is not None
    assert here.first.name == "score"
    assert (there.result, there.environment) == ("equal", ("cpu", "numpy"))


def test_another_environment_does_not_excuse_another_published_digit(home: Home) -> None:
    (name,) = home.decide(sent(DECLINED))
    home.reseal(name, decision=home.payload(name).decision.replace(b'"pd":"0.8', b'"pd":"0.7'))
    (proof,) = home.prove(elsewhere(numpy="0.1"))
    assert proof.first is not None
    assert (proof.first.name, proof.first.note) == ("score", "pd")


# The command


def run(home: Home, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["--home", str(home.folder), "verify", *words])
    return done.exit_code, done.output


def test_the_command_proves_one_decision_stage_by_stage(home: Home) -> None:
    (name,) = home.decide(sent())
    code, said = run(home, name)
    assert code == 0
    assert "equal to the last bit; the same environment" in said
    assert all(stage in said for stage in STAGES)
    code, said = run(home, name, "--json")
    found = json.loads(said)
    assert (code, found["result"], found["same_environment"], len(found["stages"])) == (0, "equal", True, len(STAGES))


def test_the_command_proves_all_and_ends_with_one_where_something_differs(home: Home) -> None:
    first, second = home.decide(sent(), sent(DECLINED))
    code, said = run(home, "--all")
    assert (code, said.splitlines()[0]) == (0, "2 decision(s): 2 equal")
    home.reseal(second, answer=b"{}")
    code, said = run(home, "--all")
    assert code == 1
    assert f"{second}: differs at answer: recorded 44136fa355b3678a…, computed " in said
    assert "2 decision(s): 1 equal, 1 differ" in said
    code, said = run(home, "--all", "--json")
    found = json.loads(said)
    assert (code, found["sound"], found["equal"], found["differs"]) == (1, False, 1, 1)
    assert [one["first_difference"] for one in found["findings"]] == ["answer"]
    assert run(home, first)[0] == 0
    assert run(home, second)[0] == 1


def test_since_leaves_out_what_was_received_before(home: Home) -> None:
    home.decide(sent())
    home.now += timedelta(days=2)
    home.decide(sent(DECLINED))
    assert "1 decision(s): 1 equal" in run(home, "--all", "--since", "2026-04-01")[1]
    assert "0 decision(s): 0 equal" in run(home, "--all", "--since", "2026-05-01")[1]


def test_an_erased_decision_cannot_be_proved_and_does_not_spoil_the_others(home: Home) -> None:
    first, _ = home.decide(sent(), sent(DECLINED))
    ledger = open_ledger(settings.load(home=home.folder), utc_now)
    ledger.erase(first, by="officer", at=NOON).result()
    ledger.close()
    code, said = run(home, first)
    assert code == 1
    assert "erased" in said
    code, said = run(home, "--all")
    assert (code, said.splitlines()[0]) == (0, "2 decision(s): 1 equal, 1 erased")


@pytest.mark.parametrize("words", [(), ("--all", "--chain"), ("x", "--all"), ("--chain", "--since", "2026-01-01")])
def test_the_command_wants_to_know_what_to_verify(home: Home, words: tuple[str, ...]) -> None:
    assert run(home, *words)[0] == 2

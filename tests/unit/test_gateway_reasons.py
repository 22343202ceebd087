"""What lint and start make of reasons that do not fit: another language, other cut-offs, another map of the same name;
and what becomes of an answer when the language changes.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import adapters
from contracts.errors import ConfigurationError
from gateway import settings
from gateway.bootstrap import install, prover
from gateway.cli import app
from gateway.clock import utc_now
from gateway.integrations import read_integration
from gateway.lint import lint
from gateway.opening import open_ledger
from gateway.spi import Answer, Asked
from models.archive import canonical
from models.bundle import Bundle
from models.reason_map import Baseline, ReasonMap

GERMAN = Path("integrations/juniper-de/integration.yaml")
POLICY = Path("policies/consumer-instalment.policy.yaml")
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
CREDIT = Path(__file__).parents[2] / "fixtures" / "credit_data"


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    copied = tmp_path / "home"
    shutil.copytree(built_home, copied, ignore=shutil.ignore_patterns("state", "principals.yaml"))
    return copied


def change(home: Path, file: Path, old: str, new: str) -> None:
    text = (home / file).read_text(encoding="utf-8")
    assert old in text
    (home / file).write_text(text.replace(old, new), encoding="utf-8")


def told(home: Path) -> list[str]:
    found = lint(home, adapters.load, today=date(2026, 10, 1))
    return [f"{Path(f.file).name}:{f.line} {f.severity}: {f.message} ({f.hint})" for f in found if f.severity != "note"]


def remap(home: Path, out: str = "", **changes: Any) -> Bundle:
    """The home's bundle with another reason map, in its place or beside it; the policy names it."""
    folder = next((home / "bundles").glob("*/*/bundle.json")).parent
    if out:
        shutil.copytree(folder, home / "bundles" / out)
        folder = home / "bundles" / out
    old = (folder / "reasons.json").read_bytes()
    new = replace(ReasonMap.parse(old), **changes)
    (folder / "reasons.json").write_bytes(canonical(asdict(new)))
    manifest = json.loads((folder / "bundle.json").read_bytes())
    manifest["files"]["reasons.json"] = sha256((folder / "reasons.json").read_bytes()).hexdigest()
    before = sha256((folder / "bundle.json").read_bytes()).hexdigest()
    (folder / "bundle.json").write_bytes(canonical(manifest))
    bundle = Bundle.load(folder)
    change(home, POLICY, before, bundle.digest)
    return bundle


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("dee", "the reason map credit_risk@1.0.0 has no texts in 'dee' (did you mean 'de'?)"),
        ("de-AT", "has no texts in 'de-AT' (did you mean 'de'?)"),
        ("fr", "has no texts in 'fr' (there are: de, en, es)"),
        ("german", "'german' is no language tag; write it as de, de-AT or zh-Hant (BCP 47)"),
        ("7", "'language' must be a text"),
    ],
)
def test_a_language_the_reasons_lack_is_a_fault_and_switches_the_integration_off(home: Path, language, says) -> None:
    change(home, GERMAN, "language: de #", f"language: {language} #")
    assert any(line.startswith("integration.yaml:7 error: ") and says in line for line in told(home)), told(home)
    made = install(settings.load(home=home), with_ledger=False)
    assert list(made.faulty) == ["juniper-de"]
    assert says.partition(" (")[0] in made.faulty["juniper-de"].message


def test_a_knock_out_must_speak_the_language_too(home: Path) -> None:
    change(home, POLICY, "        de: Zu den gewünschten Bedingungen vergeben wir keinen Kredit\n", "")
    (found,) = told(home)
    assert found == (
        "integration.yaml:7 error: the knock-out term_too_long of consumer-instalment@1.0.0 has no text in 'de' "
        "(add it to the policy: text: {de: …})"
    )
    assert list(install(settings.load(home=home), with_ledger=False).faulty) == ["juniper-de"]


def test_a_language_is_written_as_one_likes_and_english_where_nothing_is_said(home: Path) -> None:
    change(home, GERMAN, "language: de #", "language: DE #")
    assert told(home) == []
    contracts = install(settings.load(home=home), with_ledger=False).contracts
    assert read_integration((home / GERMAN).parent, contracts).language == "de"
    assert read_integration(home / "integrations" / "juniper-api", contracts).language == "en"


def test_other_cut_offs_are_a_warning_while_reasons_compare_with_everybody(home: Path) -> None:
    change(home, POLICY, "approve: 527", "approve: 540")
    (found,) = told(home)
    assert "warning: decides by 540 and 505, the reason map credit_risk@1.0.0 of the bundle" in found
    assert "was made for 527 and 505: what its card says of reasons was measured there" in found
    assert not install(settings.load(home=home), with_ledger=False).faulty


def test_reasons_that_compare_with_those_above_another_cut_off_refuse_the_start(home: Path) -> None:
    remap(home, baseline=Baseline(20))
    assert told(home) == []
    change(home, POLICY, "approve: 527", "approve: 540")
    (found,) = told(home)
    assert "error: approves from 540, but the reason map credit_risk@1.0.0" in found
    assert "was made for 527: its reasons compare with training applicants who score 527 to 546" in found
    assert "count up reasons: version; or approve from 527" in found
    with pytest.raises(ConfigurationError, match="its reasons compare with"):
        install(settings.load(home=home), with_ledger=False)


def test_two_maps_under_one_name_and_version_are_a_fault(home: Path) -> None:
    other = remap(home, "credit_risk/1.0.1", baseline=Baseline(20))
    found = told(home)
    assert len(found) == 2
    assert any(f"says something else in the bundle credit_risk@1.0.0 {other.digest[:12]}…" in line for line in found)


def test_train_refuses_a_reason_map_that_the_home_knows_otherwise(home: Path, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    text = (CREDIT / "credit_risk.spec.yaml").read_text(encoding="utf-8")
    spec.write_text(text.replace("de: Kein Wohneigentum", "de: Ohne Wohneigentum"), encoding="utf-8")
    data, out = str(CREDIT / "credit_data.csv"), str(tmp_path / "out")
    words = ["--home", str(home), "train", "--data", data, "--spec", str(spec), "--out", out]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, ConfigurationError)
    assert "the reason map credit_risk@1.0.0 says something else" in done.exception.message
    assert not Path(out).exists()


def decide(home: Path, key: str) -> Answer:
    body = (home / GERMAN.parent / "examples" / "01-complete__declines_in_german" / "request.json").read_bytes()
    made = install(settings.load(home=home), with_ledger=True, clock=lambda: NOON)
    (answer,) = made.desk("juniper-de").decide_many([Asked(body, {"idempotency-key": f'"{key}"'}, "juniper")])
    made.close()
    assert isinstance(answer, Answer), answer
    return answer


def test_a_stored_answer_keeps_its_language_and_is_proved_in_it(home: Path, tmp_path: Path) -> None:
    """What is told is part of the decision; which decision it is, is not a matter of language."""
    german = decide(home, "k-1")
    change(home, GERMAN, "language: de #", "language: es #")
    again, spanish = decide(home, "k-1"), decide(home, "k-2")
    assert (again.payload, again.repeated) == (german.payload, True)
    first, second = (json.loads(answer.payload) for answer in (german, spanish))
    assert first["gruende"][-1]["text"] == "Zu geringes Vermögen"
    assert second["gruende"][-1]["text"] == "Patrimonio insuficiente"
    for answer in (first, second):
        del answer["nachweis"]
        for reason in answer["gruende"]:
            del reason["text"]
    assert first == second
    configured = settings.load(home=home)
    ledger = open_ledger(configured, utc_now)
    proving = prover(configured, ledger, tmp_path / "scratch")
    assert [proving.prove(kept).result for kept in ledger.all_kept()] == ["equal", "equal"]
    ledger.close()


def test_the_same_asking_has_the_same_name_in_every_language(home: Path) -> None:
    german = decide(home, "k-1")
    shutil.rmtree(home / "state")
    change(home, GERMAN, "language: de #", "language: en #")
    assert decide(home, "k-1").decision_id == german.decision_id


def noted(home: Path) -> list[str]:
    found = [f for f in lint(home, adapters.load, today=date(2026, 10, 1)) if "reason texts" in f.message]
    return [f"{Path(f.file).parent.name}:{f.line} {f.severity}: {f.message}" for f in found]


def test_texts_that_an_answer_has_no_room_for_are_told_in_its_own_language(home: Path) -> None:
    """chars(n) cuts a text on purpose, but a translation is longer than what was looked at."""
    assert not [line for line in noted(home) if line.startswith("juniper-de")]
    change(home, GERMAN, "fit: chars(200)", "fit: chars(40)")
    (line,) = [line for line in noted(home) if line.startswith("juniper-de")]
    assert line.startswith("juniper-de:38 note: ")
    assert "reason texts in 'de' are cut to 40 characters" in line
    assert "' becomes '" in line


def test_texts_that_read_alike_once_cut_are_counted(home: Path) -> None:
    change(home, GERMAN, "fit: chars(200)", "fit: chars(10)")
    (line,) = [line for line in noted(home) if line.startswith("juniper-de")]
    assert re.search(r"; \d+ of them read like another one then$", line)

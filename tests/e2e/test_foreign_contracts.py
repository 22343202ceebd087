"""datacontract-cli, which others made and which knows ODCS alone, lints our contracts and judges our changes.

It agrees with our comparison on every judged change but those listed here, each with the reason why we think
otherwise. It lives in an environment of its own under ``build/``, made on first use, and so does frictionless, whose
description of our data we draft a contract from.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
from contract_drafts import BASES, Draft, base, edited
from judged_changes import JUDGED

from contracts.compare import compare
from contracts.store import CATALOG, ContractStore
from models.drafting.foreign.drafted import draft_contract

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "build" / "datacontract"
VERSIONS = ("datacontract-cli==1.2.8", "frictionless==5.21.0")
SHORT = 6
"""In the normal suite every sixth change is compared, in ``make soak`` all are."""

DIFFER: dict[str, list[tuple[str, str]]] = {
    "it takes an optional field for a duty, because data without the column fails its own tests": [
        ("request", "an optional field is added"),
    ],
    "it takes every contract for an open one, where unknown data does no harm": [
        ("request", "a field is removed, and unknown data is refused"),
        ("answer", "a field is added to a closed answer"),
        ("answer", "an element of a list gets a field"),
    ],
    "it does not see that one type or constraint allows all that the other did": [
        ("request", "a whole number may have decimals"),
        ("request", "codes become free text"),
        ("request", "codes become a text of a form that all of them have"),
        ("answer", "a free text becomes a code it could be"),
        ("xml request", "an element takes larger numbers"),
        ("table request", "a column gets wider"),
        ("table request", "a column has a digit more before the point"),
        ("table answer", "a column gets narrower"),
        ("copybook answer", "a field takes room that was filler"),
        ("copybook request", "a picture is written in small letters"),
        ("copybook request", "a data name changes, which no byte shows"),
        ("request", "the record is named for the first time"),
    ],
    "it says of a form in place of another that it cannot tell; we say that old data may not fit": [
        ("request", "a text gets another form"),
        ("answer", "a text gets another form"),
    ],
    "it cannot read our rules": [
        ("request", "a rule is added that refuses"),
        ("request", "a rule that warned refuses"),
        ("request", "a rule that refuses says something else"),
        ("answer", "a rule no longer holds"),
    ],
    "it looks at structure only, and our properties and labels are words to it": [
        ("open request", "unknown data is refused from now on"),
        ("request", "a request becomes an answer"),
        ("request", "an amount is counted in cents"),
        ("request", "a term is counted in years"),
        ("answer", "a score is counted in per mille"),
        ("request", "an income is by the year from now on, and says so"),
        ("answer", "a probability is of something else, and says so"),
        ("request", "a code means something else"),
        ("request", "codes are listed in another order, and models may read their place"),
        ("request", "a code is put before the others"),
        ("answer", "a code means something else"),
        ("request", "two codes change places"),
        ("request", "a number has fewer decimals"),
        ("answer", "a number has more decimals"),
        ("request", "a blank is refused from now on"),
        ("request", "an unusable value is refused from now on"),
        ("request", "a field becomes essential"),
        ("request", "a direction turns round"),
    ],
    "it knows no fixed width, no WSDL and no delimiter: where bytes lie is not its affair": [
        ("copybook request", "fields of a record change places"),
        ("copybook request", "the code page changes"),
        ("copybook request", "the record format changes"),
        ("copybook answer", "a field is added behind the filler"),
        ("xml request", "elements of a sequence change places"),
        ("xml answer", "elements of a sequence change places"),
        ("xml request", "the namespace changes"),
        ("xml request", "the SOAP action changes"),
        ("csv request", "columns change places"),
        ("csv request", "the delimiter changes"),
        ("csv request", "the encoding changes"),
        ("csv request", "a file of fixed width in place of CSV"),
        ("csv answer", "columns change places"),
    ],
}
LISTED = {row for rows in DIFFER.values() for row in rows}


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of the other environment."""
    interpreter, stamp = PLACE / "bin" / "python", PLACE / ".made-of"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != "\n".join(VERSIONS):
        venv.create(PLACE, clear=True)
        pip = [sys.executable, "-m", "pip", "--python", str(interpreter), "--disable-pip-version-check"]
        install = [*pip, "install", "-q", "--no-compile", *VERSIONS]  # little of what comes along is ever imported
        done = subprocess.run(install, capture_output=True, text=True, timeout=1_200)
        assert done.returncode == 0, f"{VERSIONS} could not be installed:\n{done.stderr}"
        stamp.write_text("\n".join(VERSIONS), encoding="utf-8")
    return interpreter


def asked(python: Path, lint: list[Path], pairs: list[tuple[Path, Path, str]]) -> Any:
    question = json.dumps({"lint": list(map(str, lint)), "pairs": [[str(a), str(b), p] for a, b, p in pairs]})
    command = [str(python), "-I", str(ROOT / "tests" / "foreign_comparison.py")]
    done = subprocess.run(command, input=question, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_what_is_listed_was_judged_and_is_listed_once() -> None:
    assert {(name, words) for name, words, _, _ in JUDGED} >= LISTED
    assert sum(map(len, DIFFER.values())) == len(LISTED)


def test_it_finds_no_fault_in_our_contracts(python: Path) -> None:
    files = [CATALOG / ref.partition("@")[0] / f"{ref.partition('@')[2]}.odcs.yaml" for ref in ContractStore().refs()]
    assert asked(python, files, [])["lint"] == [[] for _ in files]


@pytest.mark.parametrize("every", [SHORT, pytest.param(1, marks=pytest.mark.soak)])
def test_it_agrees_with_our_comparison_but_for_what_is_listed(every: int, python: Path, tmp_path: Path) -> None:
    """A request breaks its producers, the legacy systems; an answer its consumers, which are the legacy systems too."""
    rows = JUDGED[::every]
    pairs = []
    for number, (name, _, edit, _) in enumerate(rows):
        draft = Draft(BASES[name])
        edit(draft)
        before, after = tmp_path / f"{name}.yaml", tmp_path / f"{number}.yaml"
        before.write_text(json.dumps(BASES[name]), encoding="utf-8")
        after.write_text(json.dumps(draft.tree), encoding="utf-8")
        pairs.append((before, after, "producer" if base(name).incoming else "consumer"))
    theirs = asked(python, [], pairs)["pairs"]
    differ = set()
    for (name, words, edit, _), errors in zip(rows, theirs, strict=True):
        ours = any(change.breaks != "neither" for change in compare(base(name), edited(name, edit)).changes)
        if ours != bool(errors):
            differ.add((name, words))
    assert differ == LISTED & {(name, words) for name, words, _, _ in rows}


def test_a_draft_of_what_frictionless_describes_suits_datacontract_cli(python: Path, tmp_path: Path) -> None:
    data = ROOT / "fixtures" / "credit_data"
    command = [str(python), "-I", "-m", "frictionless", "describe", "credit_data.csv", "--json"]
    done = subprocess.run(command, cwd=data, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    described = tmp_path / "credit_data.json"
    described.write_text(done.stdout, encoding="utf-8")
    draft = draft_contract(described, "frictionless", "loans")
    target = tmp_path / "contracts" / "loans" / "1.0.0.odcs.yaml"
    target.parent.mkdir(parents=True)
    target.write_text(draft.text, encoding="utf-8")
    store = ContractStore(tmp_path)
    assert store.lint() == []
    types = {name: field.type for name, field in store.get("loans@1.0.0", "request").paths.items()}
    with (data / "credit_data.csv").open(encoding="utf-8") as file:
        assert list(types) == ["product", "currency", *next(file).lower().strip().split(",")]
    assert (types["amount"], types["status"]) == ("integer", "string")
    assert asked(python, [target], [])["lint"] == [[]]

"""What is sealed with a decision so that it can be recomputed, and what names all it rests on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.types import State
from gateway import environment, settings
from gateway.bootstrap import install
from gateway.evidence import beside, read_beside
from gateway.installation import Installation
from gateway.lines import Basis
from gateway.objects import ObjectStore
from gateway.spi import Asked, Tree

JUNIPER = Path(__file__).parents[2] / "fixtures" / "integrations" / "juniper-api"
SENT = (JUNIPER / "examples/01-complete__approves/request.json").read_bytes()
NOON = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)

LEAVES = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text() | st.decimals(allow_nan=False)
NAMES = st.text(max_size=3) | st.sampled_from(["$decimal", "$", "$$decimal"])
TREES = st.recursive(LEAVES, lambda below: st.lists(below) | st.dictionaries(NAMES, below), max_leaves=12)


@given(st.dictionaries(NAMES, TREES))
def test_what_look_ups_found_comes_back_as_it_was(found: Tree) -> None:
    sealed = json.loads(json.dumps(beside({"a": "b"}, {"lookup": found})))
    header, back = read_beside(sealed)
    assert header == {"a": "b"}
    assert_same(back, found)


def assert_same(one: Any, other: Any) -> None:
    """Equal, and of the same types: a decimal is not a text, true is not 1."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for name in one:
            assert_same(one[name], other[name])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    else:
        assert str(one) == str(other) if isinstance(one, Decimal) else one == other


def test_no_look_up_is_told_from_one_that_found_nothing() -> None:
    assert read_beside(beside({}, {}))[1] is None
    assert read_beside(beside({}, {"lookup": {}}))[1] == {}


@pytest.fixture
def installation(built_home: Path, tmp_path: Path) -> Iterator[Installation]:
    for part in ("bundles", "policies", "integrations"):
        shutil.copytree(built_home / part, tmp_path / part)
    made = install(settings.load(home=tmp_path), with_ledger=True, clock=lambda: NOON)
    yield made
    made.close()


def test_a_decision_is_sealed_with_what_recomputing_it_needs(installation: Installation) -> None:
    assert installation.ledger
    header = {"idempotency-key": '"k-1"'}
    answer = installation.desk("juniper-api").decide_many([Asked(SENT, header, "juniper")])[0]
    payload = installation.ledger.open_payload(answer.decision_id)  # type: ignore[union-attr] # it decides
    record, decision = json.loads(payload.record), json.loads(payload.decision)
    assert record["beside"] == {"header": header}
    assert f"{record['scored']['pd']:.6f}" == decision["pd"]
    assert round(record["scored"]["score"]) == decision["score"]
    parts = (record["scored"]["base"], *record["scored"]["points"], record["scored"]["information"])
    assert abs(sum(parts) - record["scored"]["score"]) < 1e-9
    assert set(record["states"]) <= {state.value for state in State}
    assert len(bytes.fromhex(record["digest"])) == 32


def test_the_basis_names_what_the_object_store_keeps(installation: Installation) -> None:
    desk = installation.desk("juniper-api")
    kept = ObjectStore(installation.settings.state / "objects")
    line = desk.line_at(NOON)
    basis = Basis.parse(json.loads(kept.get(line.basis)))
    assert (basis.integration, basis.name) == (desk.integration.digest, "juniper-api")
    assert (basis.bundle, basis.policy) == (line.bundle.digest, line.policy.digest)
    assert basis.contracts[line.contract.ref] == line.contract.digest
    assert basis.contracts["loan_decision@1.0.0"]
    for digest in (basis.integration, basis.bundle, basis.policy, *basis.contracts.values()):
        assert kept.get(digest)
    computed = json.loads(kept.get(basis.environment))
    assert computed == environment.environment()
    assert computed["numpy"]
    assert computed["machine"]


def test_another_line_of_code_is_another_environment(tmp_path: Path) -> None:
    source = tmp_path / "models" / "kernel.py"
    source.parent.mkdir()
    source.write_text("x = 1\n")
    before = environment.code_digest(tmp_path)
    assert before == environment.code_digest(tmp_path)
    source.write_text("x = 2\n")
    assert environment.code_digest(tmp_path) != before


def test_differences_are_named() -> None:
    assert environment.differences({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}) == ("b", "c")


def test_the_digest_of_the_basis_is_that_of_its_bytes() -> None:
    basis = Basis("a" * 64, "crm", {"x@1.0.0": "b" * 64}, "c" * 64, "d" * 64, "e" * 64)
    assert basis.digest == hashlib.sha256(basis.content).hexdigest()
    assert Basis.parse(json.loads(basis.content)) == basis

"""Where contracts come from, and that a published one stays what it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contracts.errors import ConfigurationError
from contracts.store import CATALOG, ContractStore

PUBLISHED = CATALOG / "loan_application" / "1.0.0.odcs.yaml"


def put(home: Path, place: str, text: str) -> ContractStore:
    file = home / "contracts" / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return ContractStore(home)


def test_the_published_contracts_are_there_without_a_home() -> None:
    published = ContractStore().refs()
    assert {"loan_application@1.0.0", "loan_application@2.0.0", "loan_decision@1.0.0"} <= {*published}


def test_a_home_without_contracts_has_the_published_ones(tmp_path: Path) -> None:
    assert ContractStore(tmp_path).get("loan_application@1.0.0").digest == ContractStore().get(
        "loan_application@1.0.0"
    ).digest  # fmt: skip


def test_a_contract_is_read_once() -> None:
    store = ContractStore()
    assert store.get("loan_decision@1.0.0") is store.get("loan_decision@1.0.0")


def test_a_home_may_add_a_version_and_a_contract(tmp_path: Path) -> None:
    newest = ContractStore().versions("loan_application")[-1].partition("@")[2]
    text = PUBLISHED.with_name(f"{newest}.odcs.yaml").read_text()
    step = f"property: upcast\n    value: {{from: {newest}}}\n"
    later = re.sub(r"property: upcast\n    value:\n(      .*\n)+", step, text)
    put(tmp_path, "loan_application/9.0.0.odcs.yaml", later.replace(f"version: {newest}", "version: 9.0.0"))
    store = put(tmp_path, "own/1.0.0.odcs.yaml", PUBLISHED.read_text().replace("id: loan_application", "id: own"))
    assert store.versions("loan_application")[-1] == "loan_application@9.0.0"
    assert store.get("own@1.0.0").name == "own"
    assert store.lint() == []


def test_versions_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for version in ("10.0.0", "9.2.0", "9.10.0"):
        store = put(tmp_path, f"own/{version}.odcs.yaml", "")
    assert store.versions("own") == ("own@9.2.0", "own@9.10.0", "own@10.0.0")


def test_a_published_contract_may_not_be_redefined(tmp_path: Path) -> None:
    store = put(
        tmp_path, "loan_application/1.0.0.odcs.yaml", PUBLISHED.read_text().replace("maximum: 480", "maximum: 481")
    )
    with pytest.raises(ConfigurationError, match=r"loan_application@1\.0\.0 is published and may not be redefined"):
        store.get("loan_application@1.0.0")
    assert [fault.hint for fault in store.lint()] == ["give it a version or a name of its own"]


def test_a_true_copy_of_a_published_contract_does_no_harm(tmp_path: Path) -> None:
    store = put(tmp_path, "loan_application/1.0.0.odcs.yaml", PUBLISHED.read_text())
    assert store.get("loan_application@1.0.0").fields == ContractStore().get("loan_application@1.0.0").fields


def test_a_contract_stands_where_its_name_and_version_say(tmp_path: Path) -> None:
    store = put(tmp_path, "loan_application/3.0.0.odcs.yaml", PUBLISHED.read_text())
    with pytest.raises(ConfigurationError, match=r"describes loan_application@1\.0\.0, but stands where"):
        store.get("loan_application@3.0.0")


def test_a_file_that_nobody_reads_is_named(tmp_path: Path) -> None:
    (fault,) = put(tmp_path, "loan_application-1.1.0.yaml", PUBLISHED.read_text()).lint()
    assert "is not read (contracts stand at contracts/<name>/<version>.odcs.yaml)" in str(fault)


def test_an_unknown_contract_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean 'loan_application@1\.0\.0'"):
        ContractStore().get("loan_aplication@1.0.0")
    with pytest.raises(ConfigurationError, match=r"there are: loan_application@1\.0\.0, .*loan_decision@1\.0\.0"):
        ContractStore().get("x")


@pytest.mark.parametrize("ref", ["../../secrets", "loan_application", "", "loan_application@../1.0.0"])
def test_a_reference_is_a_name_and_never_a_path(ref: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no contract"):
        ContractStore().get(ref)


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
DEEP = "a: " + "[" * 5_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, r"1\.0\.0\.odcs\.yaml:1:\d+: error: anchors and aliases are not allowed \(write the value out"),
        ("id: own\nid: other\n", r"1\.0\.0\.odcs\.yaml:2:1: error: .*duplicate key.* \(keep one of them\)"),
        ("id: !!python/name:os.system x\n", r"1\.0\.0\.odcs\.yaml:1:5: error: the tag .* is not allowed \(write a"),
        ("<<: {id: own}\n", r"1\.0\.0\.odcs\.yaml:1:1: error: merge keys are not allowed \(write the values out"),
        ("id: [\n", r"1\.0\.0\.odcs\.yaml:\d+:\d+: error: .* \(correct it at or before this place\)"),
        (DEEP, r"1\.0\.0\.odcs\.yaml:1:\d+: error: nests deeper than 40 levels \(flatten it\)"),
        ("x" * 1_000_001, r"1\.0\.0\.odcs\.yaml: error: file is larger than 1000000 bytes \(split it"),
        ("", r"1\.0\.0\.odcs\.yaml:1:1: error: is not a contract"),
    ],
    ids=["bomb", "duplicate key", "tag", "merge key", "not YAML", "deep", "large", "empty"],
)
def test_a_file_made_to_do_harm_is_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    store = put(tmp_path, "own/1.0.0.odcs.yaml", text)
    with pytest.raises(ConfigurationError, match=says):
        store.get("own@1.0.0")
    assert len(store.lint()) == 1

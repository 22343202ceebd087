"""An integration's folder: what it becomes, and every fault of it at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapping_samples import INTEGRATION, write_integration

from contracts.errors import ConfigurationError
from contracts.store import ContractStore
from contracts.types import State
from gateway.integrations import Limits, read_integration
from gateway.objects import ObjectStore, folder_digest

STORE = ContractStore()


def faults(tmp_path: Path, *changes: tuple[str, str]) -> str:
    text = INTEGRATION
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    folder = write_integration(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        read_integration(folder, STORE)
    return str(caught.value).replace(str(folder), "")


def test_a_folder_becomes_an_integration(tmp_path: Path) -> None:
    found = read_integration(write_integration(tmp_path), STORE)
    assert (found.name, found.adapter, found.mode, found.resubmission) == ("sample", "memory", "test", "supersede")
    assert (found.contract, found.answer) == ("loan_application@1.0.0", "loan_decision@1.0.0")
    assert (found.limits, found.principals) == (Limits(0.5, 64_000), ("tester",))
    tree = {
        "id": "A", "amount": "1000.00", "price": 1200, "months": 12, "income": "24000", "home": "O", "bureau": "N",
    }  # fmt: skip
    mapped = found.request.read(tree)
    assert not mapped.fatal
    product = STORE.get(found.contract).index["product"]
    assert (mapped.values[product], mapped.states[product]) == ("consumer-instalment", State.GIVEN)
    assert found.keys.read(tree)[0].business == "A"


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    text = INTEGRATION[: INTEGRATION.index("answer_map:")]
    found = read_integration(write_integration(tmp_path, text), STORE)
    assert (found.limits, found.principals, found.wire, found.lookups) == (Limits(5.0, 1_000_000), (), {}, {})
    assert "score" in found.answer_map.native_fields()


def test_a_replaced_file_supersedes(tmp_path: Path) -> None:
    folder = write_integration(tmp_path, INTEGRATION + "resubmission: replace\n")
    assert read_integration(folder, STORE).resubmission == "supersede"


def looked_up(keys: str) -> str:
    return f"lookups: {{core: {{key: id, adapter: odbc, {keys}}}}}\nlimits:"


def test_ignored_data_and_look_ups_are_declared(tmp_path: Path) -> None:
    text = INTEGRATION.replace("assets: not_carried", "assets: lookup.core.assets") + (
        "ignore: [meta]\nunknown: refuse\nlookups: {core: {adapter: odbc, key: id, dsn: core}}\n"
    )
    found = read_integration(write_integration(tmp_path, text), STORE)
    assert found.lookups["core"].section == {"dsn": "core"}
    assert str(found.lookups["core"].key) == "id"
    assert found.lookups["core"][3:] == (0.125, 0.0, 4)  # a quarter of the deadline
    tree = {"id": "A", "meta": {"x": 1}, "other": 1}
    assert [p.path for p in found.request.read(tree).fatal if p.code == "unknown_field"] == ["native:other"]


def test_the_digest_is_that_of_the_stored_folder_and_moves_with_every_file(tmp_path: Path) -> None:
    folder = write_integration(tmp_path)
    (folder / "examples" / "one").mkdir(parents=True)
    (folder / "examples" / "one" / "request.json").write_text("{}", encoding="utf-8")
    before = read_integration(folder, STORE).digest
    assert before == ObjectStore(tmp_path / "objects").put_folder(folder)
    (folder / "examples" / "one" / "request.json").write_text("{ }", encoding="utf-8")
    assert folder_digest(folder) != before


def test_all_faults_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        ("integration: sample", "integration: simple"),
        ("adapter: memory\n", "adaptor: memory\n"),
        ("business: id", "busines: id"),
        ("loan_amount: amount", "loan_amnt: amount"),
        ("fit: integer(3)", "fit: integer(1)"),
        ("500ms", "fast"),
    )
    assert [line.split(": error: ")[0] for line in found.splitlines()] == [
        "/integration.yaml:1:1", "/integration.yaml:1:1", "/integration.yaml:2:1", "/integration.yaml:6:1",
        "/integration.yaml:6:8", "/integration.yaml:7:1", "/integration.yaml:9:3", "/integration.yaml:25:33",
        "/integration.yaml:27:10",
    ]  # fmt: skip
    hints = [f"did you mean {name!r}?" for name in ("adapter", "business", "loan_amount")]
    for message in (*hints, "named as its folder", "'loan_amount' is not mapped", "room for 1", "such as 5s"):
        assert message in found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("loan_application@1.0.0", "loan_aplication@1.0.0", "did you mean 'loan_application@1.0.0'?"),
        (
            "loan_application@1.0.0",
            "loan_application@1.0.9",
            "yaml:3:1: error: there is no contract 'loan_application@1.0.9' (did you mean 'loan_application@1.0.0'?)",
        ),
        (
            "answer: loan_decision@1.0.0",
            "answer: loan_application@1.0.0",
            "yaml:4:1: error: loan_application@1.0.0 is a contract of the kind request, here the kind answer is needed "
            "(did you mean 'loan_decision@1.0.0'?)",
        ),
        (
            "contract: loan_application@1.0.0",
            "contract: loan_decision@1.0.0",
            "yaml:3:1: error: loan_decision@1.0.0 is a contract of the kind answer, here the kind request is needed "
            "(did you mean 'loan_application@1.0.0'?)",
        ),
        (
            "contract: loan_application@1.0.0",
            "contract: loan_outcome@1.0.0",
            "yaml:3:1: error: loan_outcome@1.0.0 is a contract of the kind outcome, here the kind request is needed "
            "(did you mean 'loan_application@1.0.0'?)",
        ),
        ("answer: loan_decision@1.0.0", "answer: loan_outcome@1.0.0", "here the kind answer is needed (did you mean"),
        ("product: consumer-instalment", "product: consumer-installment", "did you mean 'consumer-instalment'?"),
        ("adapter: memory", "adapter: 5", "'adapter' must be a text"),
        ("{business: id,", "{business: id..x,", "'id..x' is not a path"),
        ("500ms", "400s", "'deadline' must lie between 0.001s and 300s"),
        ("64KB", "1GB", "such as 64KB or 1MB"),
        ("64KB", "500MB", "at most 100000000 bytes"),
        ("months\n", "lookup.core.months\n", "there is no look-up 'core' (declare it under lookups)"),
        ("limits:", "resubmission: ignore\nlimits:", "'ignore' is not a legal 'resubmission'"),
        ("limits:", "mode: production\nlimits:", "'production' is not a legal 'mode'"),
        ("limits:", "unknown: keep\nlimits:", "'keep' is not a legal 'unknown'"),
        ("limits:", "ignore: [a..b]\nlimits:", "'a..b' is not a path"),
        ("limits:", "lookups: {core: {key: id}}\nlimits:", "'adapter' is missing"),
        (
            "limits:",
            "lookups: {1: {adapter: odbc, key: id}}\nlimits:",
            "1 is no name of a look-up (put quotes around it)",
        ),
        (
            "limits:",
            "lookups: {a: {adapter: odbc, key: id}, b: {adapter: odbc, key: lookup.a.ID}}\nlimits:",
            "lookup.a.ID is what a look-up finds, and all of them are asked side by side (name a path of the message",
        ),
        ("limits:", looked_up("timeout: soon"), "'soon' is no time (write a number with its unit, such as 125ms)"),
        ("limits:", looked_up("timeout: 10m"), "'timeout' must lie between 0.001s and 300s"),
        ("limits:", looked_up("cache: 25h"), "'cache' must lie between 1s and 86400s"),
        ("limits:", looked_up("at_once: 65"), "'at_once' must lie between 1 and 64"),
        ("[tester]", "[5]", "every item of 'principals' must be a text"),
    ],
)
def test_a_fault_says_what_was_seen_and_what_is_wanted(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert message in faults(tmp_path, (old, new))


def test_a_file_that_is_no_mapping_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="expected a mapping"):
        read_integration(write_integration(tmp_path, "- a\n"), STORE)


def test_a_key_that_is_no_text_is_not_passed_over(tmp_path: Path) -> None:
    assert "'request' must be a text" in faults(tmp_path, ("request: header.key}", "request: 5}"))


def test_an_empty_list_of_callers_does_not_mean_everybody(tmp_path: Path) -> None:
    assert "an empty list lets nobody in" in faults(tmp_path, ("principals: [tester]", "principals: []"))

"""Two versions compared: the comparison agrees with what was judged by hand, and the version number hides nothing."""

from __future__ import annotations

import time
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from contract_drafts import BASES, Edit, base, edited, risen
from judged_changes import JUDGED, RISEN

from contracts.compare import Comparison, Effect, compare
from contracts.compare.physical import type_effect
from contracts.store import ContractStore
from contracts.wire import size


def test_a_hundred_changes_and_more_were_judged_each_a_different_one() -> None:
    assert len({(name, words) for name, words, _, _ in JUDGED}) == len(JUDGED) >= 100
    assert {name for name, *_ in JUDGED} == {*BASES}


@pytest.mark.parametrize(
    ("name", "edit", "judgement"),
    [(name, edit, judgement) for name, _, edit, judgement in JUDGED],
    ids=[f"{name}: {words}" for name, words, _, _ in JUDGED],
)
def test_the_comparison_agrees_with_the_judgement(name: str, edit: Edit, judgement: str) -> None:
    found = compare(base(name), edited(name, edit))
    assert {f"{c.part} {c.breaks} {c.step}" for c in found.changes} == {*filter(None, judgement.split("; "))}, found


@pytest.mark.parametrize(
    ("name", "edit", "steps", "judgement"), [(name, *rest) for name, _, *rest in RISEN], ids=[row[1] for row in RISEN]
)
def test_the_comparison_looks_at_what_an_upcaster_does(
    name: str, edit: Edit, steps: dict[str, Any], judgement: str
) -> None:
    found = risen(name, edit, **steps)
    assert {f"{c.part} {c.breaks} {c.step}" for c in found.changes} == {*filter(None, judgement.split("; "))}, found
    assert found.hidden is any(step in judgement for step in ("major", "minor"))


@pytest.mark.parametrize("name", BASES)
def test_nothing_changed_is_no_change(name: str) -> None:
    found = compare(base(name), base(name))
    assert (found.changes, found.needed, found.smallest, found.hidden) == ((), "none", "1.0.0", False)


def versioned(version: str, edit: Edit) -> Comparison:
    def change(draft):
        draft.tree["version"] = version
        edit(draft)

    return compare(base("request"), edited("request", change))


@pytest.mark.parametrize(
    ("version", "hidden", "smallest"),
    [("1.0.1", True, "2.0.0"), ("1.1.0", True, "2.0.0"), ("2.0.0", False, "2.0.0"), ("1.0.0", True, "2.0.0"),
     ("0.9.0", True, "2.0.0"), ("3.1.4", False, "2.0.0")],
)  # fmt: skip
def test_a_version_number_below_the_step_hides_a_break(version: str, hidden: bool, smallest: str) -> None:
    found = versioned(version, lambda d: d.set("income", required=True))
    assert (found.hidden, found.smallest) == (hidden, smallest)


@pytest.mark.parametrize(("version", "hidden"), [("1.0.1", True), ("1.1.0", False)])
def test_an_addition_takes_a_minor_version(version: str, hidden: bool) -> None:
    assert versioned(version, lambda d: d.codes("job", none="No work")).hidden is hidden


def test_every_change_names_what_changed_and_how() -> None:
    found = versioned("2.0.0", lambda d: d.options("months", maximum=360, minimum=6))
    assert [(c.path, c.message) for c in found.changes] == [
        ("months", "the minimum is 6, was 1"), ("months", "the maximum is 360, was 480"),
    ]  # fmt: skip


def test_an_upcaster_tells_a_rename_and_a_unit_from_a_removal() -> None:
    store = ContractStore()
    old, new = "loan_application@1.1.0", "loan_application@2.0.0"
    found = compare(store.get(old), store.get(new), store.upcast(old, new))
    breaking = [(c.part, c.path, c.message) for c in found.changes if c.step == "major"]
    assert breaking == [
        ("structural", "employment_months", "is renamed, was employment_years"),
        ("structural", "employment_type", "the code part_time is gone, and becomes part_time_or_temporary"),
        ("structural", "adverse_records", "is renamed, was credit_records"),
        ("semantic", "employment_months", "counts months, was years (an upcaster multiplies by 12)"),
    ]
    assert not [c for c in found.changes if "maximum" in c.message]
    blind = compare(store.get(old), store.get(new))
    assert {"is removed", "is added"} <= {c.message for c in blind.changes}


def _later_pairs(kind: str) -> list[tuple[str, str]]:
    store = ContractStore()
    names = sorted({ref.partition("@")[0] for ref in store.refs() if store.get(ref).kind == kind})
    return [pair for name in names for pair in combinations(store.versions(name), 2)]


@pytest.mark.parametrize(("old", "new"), _later_pairs("request") + _later_pairs("answer"))
def test_no_published_version_hides_a_break(old: str, new: str) -> None:
    store = ContractStore()
    step = store.upcast(old, new) if store.get(new).incoming else None
    assert not compare(store.get(old), store.get(new), step).hidden


def test_the_published_answers_are_forward() -> None:
    """Within a major version, an old reader reads every later answer."""
    store = ContractStore()
    for old, new in _later_pairs("answer"):
        same_major = old.partition("@")[2].split(".")[0] == new.partition("@")[2].split(".")[0]
        broken = [c for c in compare(store.get(old), store.get(new)).changes if c.breaks == "answers"]
        assert not (same_major and broken)


@pytest.mark.parametrize("new", ContractStore().versions("loan_application")[1:])
def test_within_a_major_version_the_published_requests_are_backward_without_an_upcaster(new: str) -> None:
    store = ContractStore()
    for old in store.versions("loan_application"):
        if old.split(".")[0] == new.split(".")[0] and old < new:
            assert not [c for c in compare(store.get(old), store.get(new)).changes if c.breaks == "requests"]


@pytest.mark.parametrize(
    ("picture", "bytes_"),
    [
        ("PIC X(10)", 10), ("PIC 9(3)", 3), ("PIC S9(3)", 3), ("PIC S9(3) SIGN LEADING SEPARATE", 4), ("PIC 99V99", 4),
        ("PIC S9(7)V99 COMP-3", 5), ("PIC 9(8) PACKED-DECIMAL", 5), ("PIC S9(4) COMP", 2), ("PIC S9(9) BINARY", 4),
        ("PIC S9(10) COMP-5", 8), ("PIC Z(6)9.99-", 11), ("PIC N(5)", 10), ("PICTURE IS A(2)", 2), ("PIC SPPP9(5)", 5),
        ("PIC X(30000000)", 30_000_000), ("PIC X(999999999)", 999_999_999), ("PIC X(9999999999)", None),
        (f"PIC X({'9' * 5000})", None), (f"CHAR({'9' * 5000})", None), ("PIC X((3))", None),
        ("CHAR(7)", 7), ("VARCHAR(7)", None), ("xs:int", None), ("", None),
    ],
)  # fmt: skip
def test_a_picture_has_the_bytes_it_has_on_a_mainframe(picture: str, bytes_: int | None) -> None:
    assert size(picture) == bytes_


def test_a_picture_of_many_bytes_is_counted_not_written_out() -> None:
    start = time.perf_counter()
    assert size("PIC X(999999999)9(999999999)V99") == 2 * 999_999_999 + 2
    assert time.perf_counter() - start < 0.1


def test_a_declared_length_of_thousands_of_digits_is_another_layout() -> None:
    assert type_effect("VARCHAR(9)", f"VARCHAR({'9' * 5000})") is Effect.OTHER


def test_the_base_contracts_are_read_from_files_like_any_other(tmp_path: Path) -> None:
    assert {base(name).kind for name in BASES} == {"request", "answer"}
    kinds = {name: base(name).wire.kind for name in BASES}
    assert kinds["copybook request"] == "positional"
    assert (kinds["xml answer"], kinds["csv answer"], kinds["table answer"]) == ("sequence", "delimited", "named")

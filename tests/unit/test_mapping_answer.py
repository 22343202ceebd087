"""What a decision becomes on its way out, and what is refused because it might not fit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from contracts.errors import ConfigurationError
from contracts.mapping.answer import AnswerMap
from contracts.source import Source
from contracts.store import ContractStore

CONTRACT = ContractStore().get("loan_decision@1.0.0")
REASONS = [
    {"group": "income", "code": "R02", "text": "Income too low", "points": Decimal("-12.30"), "state": "given"},
    {"group": "debt", "code": "R07", "text": "Debt too high", "points": Decimal("-3.00"), "state": "blank"},
]
IMPUTED = [{"field": "debt", "state": "not_carried", "origin": "imputed", "cause": "channel", "low": "0", "high": "9"}]
DECISION: dict[str, Any] = {
    "decision_id": "a" * 32, "business_key": "A-1", "request_key": "r", "correlation_id": "", "mode": "test",
    "product": "consumer-instalment", "currency": "EUR", "outcome": "refer", "pd": Decimal("0.120000"), "score": 524,
    "refer_causes": ("between_cut_offs", "refer_rule"), "score_min": 509, "score_max": 541, "reasons": REASONS,
    "imputations": IMPUTED, "information_not_available": Decimal("-3.20"), "contract": "c", "bundle": "b",
    "policy": "p", "integration": "i", "as_of": datetime(2026, 3, 31, 23, 30, tzinfo=timezone(-timedelta(hours=1))),
    "valid_until": datetime(2026, 4, 30, tzinfo=UTC), "supersedes": "", "decided_by": "model",
    "notice_due_by": date(2026, 4, 30),
}  # fmt: skip


def compiled(text: str) -> AnswerMap:
    return AnswerMap.parse(Source.parse(text, "x.yaml"), ("answer_map",), CONTRACT)


def written(*lines: str) -> dict[str, Any]:
    return compiled("answer_map:\n" + "".join(f"  {line}\n" for line in lines)).write(DECISION)


def faults(*lines: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        written(*lines)
    return str(caught.value)


def test_leaves_are_grouped_in_the_order_of_the_file() -> None:
    codes = "{approve: A, refer: R, decline: 3}"
    tree = written("b.score: score", "a: business_key", f"b.@code: {{from: outcome, codes: {codes}}}")
    assert tree == {"b": {"score": 524, "@code": "R"}, "a": "A-1"}
    assert list(tree) == ["b", "a"]


def test_lists_of_groups_and_of_values_are_written_element_by_element() -> None:
    tree = written(
        "R.Reason[]: {each: reasons, Code: code, Text.Short: {from: text, fit: chars(6)}, lang: {constant: en}}",
        "Causes: refer_causes",
        "Why.Cause[]: refer_causes",
    )
    assert tree["R"]["Reason"] == [
        {"Code": "R02", "Text": {"Short": "Income"}, "lang": "en"},
        {"Code": "R07", "Text": {"Short": "Debt t"}, "lang": "en"},
    ]
    assert tree["Causes"] == tree["Why"]["Cause"] == ["between_cut_offs", "refer_rule"]


def test_codes_are_looked_up_in_lists_too() -> None:
    codes = ", ".join(f"{code}: C{n}" for n, code in enumerate(CONTRACT.paths["refer_causes[]"].codes))
    assert written(f"Causes: {{from: refer_causes, codes: {{{codes}}}}}") == {"Causes": ["C0", "C6"]}


def test_positions_write_fixed_slots_and_an_empty_one_is_none() -> None:
    tree = written('R[0].Code: "reasons[0].code"', 'R[1].Code: "reasons[1].code"', 'R[2].Code: "reasons[2].code"')
    assert tree == {"R": [{"Code": "R02"}, {"Code": "R07"}, {"Code": None}]}


def test_days_and_times_are_written_in_utc() -> None:
    tree = written("t: as_of", "d: notice_due_by", "s: {from: as_of, fit: date(DD.MM.YYYY)}")
    assert tree == {"t": "2026-04-01T00:30:00Z", "d": "2026-04-30", "s": "01.04.2026"}


def test_a_fitted_decimal_has_its_places() -> None:
    tree = written("pd: {from: pd, fit: 'decimal(9,8)'}", "n: {from: score, fit: integer(3)}")
    assert (str(tree["pd"]), tree["n"]) == ("0.12000000", 524)


def test_without_a_mapping_the_answer_is_the_contract_itself() -> None:
    tree = AnswerMap.whole(CONTRACT).write(DECISION)
    assert list(tree) == list(dict.fromkeys(path.partition("[]")[0] for path in CONTRACT.paths))
    assert tree["reasons"] == REASONS
    assert tree["imputations"] == IMPUTED
    assert tree["refer_causes"] == ["between_cut_offs", "refer_rule"]
    assert tree["as_of"] == "2026-04-01T00:30:00Z"


def test_the_native_leaves_are_listed_with_their_room() -> None:
    leaves = compiled(
        "answer_map:\n"
        "  code: {from: outcome, codes: {approve: A, refer: REF, decline: D}}\n"
        "  causes: refer_causes\n"
        "  pd: {from: pd, fit: 'decimal(9,8)'}\n"
        "  R[]: {each: reasons, text: text, points: points}\n"
        "  day: {from: as_of, fit: date(YYYYMMDD)}\n"
        "  at: as_of\n"
    ).native_fields()
    assert {path: (leaf.type, leaf.room) for path, leaf in leaves.items()} == {
        "code": ("any", 3),
        "causes[]": ("string", 29),
        "pd": ("decimal", 1),
        "R[].text": ("string", 200),
        "R[].points": ("decimal", 3),
        "day": ("string", 8),
        "at": ("date-time", 20),
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a: scor", "loan_decision@1.0.0 has no scor (did you mean 'score'?)"),
        ("a: reasons", "has no reasons (use each)"),
        ("a[]: {each: resons, c: code}", "no list of groups 'resons' (did you mean 'reasons'?)"),
        ("a[]: {each: refer_causes, c: code}", "no list of groups 'refer_causes'"),
        ("a[]: {each: reasons, c: cod}", "has no reasons[].cod (did you mean 'code'?)"),
        ("a[]: {each: reasons}", "nothing of reasons is written (add a line such as <native name>: group)"),
        ("a: {each: reasons, c: code}", "end the native path with [], as a[]"),
        ("a[]: score", "score is a single value, the native path ends with []"),
        ("a[].b: score", "[] may only stand at the end of a native path (use each"),
        ("a..b: score", "'a..b' is not a path: expected a name at character 3"),
        ("a: {form: score}", "expected a decision path, {from: …}"),
        ("a: {from: score, fits: integer(3)}", "unknown key 'fits' (did you mean 'fit'?)"),
        ("a: {from: score, fit: int(3)}", "'int(3)' is no fit (write integer(n), decimal(n,s), chars(n) or date(F)"),
        ("a: {from: score, fit: integer(2)}", "'score' may need 3 digits before the point, there is room for 2"),
        ("a: {from: pd, fit: integer(3)}", "'pd' has 6 decimal places, 0 would lose some"),
        ("a: {from: pd, fit: 'decimal(6,4)'}", "'pd' has 6 decimal places, 4 would lose some"),
        ("a: {from: business_key, fit: integer(3)}", "'business_key' is no number"),
        ("a: {from: score, fit: chars(3)}", "'score' is no text"),
        ("a: {from: outcome, fit: chars(3)}", "codes are never cut, and approve, refer, decline is longer than 3"),
        ("a: {from: decision_id, fit: chars(8)}", "'decision_id' has a pattern of its own: cut to 8 characters"),
        ("a: {from: score, fit: date(YYYY-MM-DD)}", "'score' is no date"),
        ("a: {from: as_of, fit: date(YYYY)}", "is no fit"),
        ("a: {from: outcome, codes: {approve: A, refr: R}}", "'refr' is no code of 'outcome' (did you mean 'refer'?)"),
        ("a: {from: outcome, codes: {approve: A}}", "no native code for refer, decline"),
        ("a: {from: outcome, codes: {approve: A, refer: R, decline: 1.5}}", "1.5 is no text, whole number"),
        ("a: {from: outcome, codes: text}", "expected {<decision code>: <native code>}"),
        ("a: {from: score, codes: {1: A}}", "'score' is no code (codes go with mode, outcome"),
        (
            "a: {from: outcome, codes: {approve: 01, refer: 2, decline: 3}}",
            "YAML makes '1' of 01 (put quotes around it)",
        ),
        ("a: {from: outcome, codes: {approve: 1, refer: 0x1F, decline: 3}}", "YAML makes '31' of 0x1F"),
        ("a: {from: outcome, codes: {approve: 1, refer: 2, decline: True}}", "YAML makes 'true' of True"),
        ("a: {from: [score]}", "loan_decision@1.0.0 has no ['score'] (did you mean 'score'?)"),
        ("a: {constant: 1.5}", "1.5 is no text, whole number, true or false (put quotes around it)"),
        ("a: {constant: 007}", "YAML makes '7' of 007 (put quotes around it)"),
        ("a: {constant: ~}", "None is no text, whole number, true or false"),
        ("007: score", "x.yaml:2:3: error: YAML makes '7' of 007"),
        ("'a[]': {each: reasons, 0o7: code}", "YAML makes '7' of 0o7"),
        ("a: {constant: 1, fit: integer(1)}", "'fit' means nothing beside constant"),
        ("a: 5", "expected a decision path"),
    ],
)
def test_a_fault_says_what_was_seen_and_what_is_wanted(line: str, message: str) -> None:
    found = faults(line)
    assert message in found
    assert found.startswith("x.yaml:2:")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("a: score", "a.b: score"), "a.b is written by another line already"),
        (("a.b: score", "a: score"), "a is written by another line already"),
        (("a[]: {each: reasons, c: code}", "a[0]: score"), "a[0] is written by another line already"),
        (("a[0]: score", "a[2]: score"), "a[2] leaves a gap"),
        (("a[0]: score", "a.b: score"), "a.b leaves a gap"),
        (("a.b: score", "a[0]: score"), "a[0] leaves a gap"),
    ],
)
def test_no_two_lines_write_one_place(lines: tuple[str, str], message: str) -> None:
    assert message in faults(*lines)


def test_two_lines_of_a_list_may_not_write_one_place() -> None:
    assert "c is written by another line already" in faults("""a[]: {each: reasons, c: code, '["c"]': text}""")


def test_an_empty_mapping_is_a_fault() -> None:
    with pytest.raises(ConfigurationError, match="expected one line per native path"):
        compiled("answer_map: {}\n")

"""The policy file: what it may say, every fault with its place, and what binding it to a bundle checks."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest
from small_bundle import CONTRACT, small_bundle

from contracts.errors import ConfigurationError
from contracts.types import Record
from models.policy import CutOffs, Policy
from models.refer_share import expected_refer_share
from models.scoring import Scorer

GOOD = """\
name: small
version: 1.0.0
product: consumer-instalment
bundle: {name: small, digest: "%s"}
cut_offs: {approve: 500, decline: 480}
knock_outs:
  - id: too_much
    when: amount > 10 * income
    reason: {code: K1, text: More than we lend}
refer_rules:
  - id: large
    when: amount > 19000
validity_days: 14
effective: {from: 2026-01-01, until: 2026-12-31}
"""


def write(folder: Path, text: str, digest: str | None = None) -> Path:
    path = folder / "small.policy.yaml"
    path.write_text(text % (digest or small_bundle().digest), encoding="utf-8")
    return path


def faults(folder: Path, text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(ConfigurationError) as caught:
        Policy.read(write(folder, text)).bind(CONTRACT, small_bundle())
    return [(fault.line, fault.message, fault.hint) for fault in caught.value.faults]


def bound(folder: Path, text: str = GOOD) -> Policy:
    return Policy.read(write(folder, text)).bind(CONTRACT, small_bundle())


def record(amount=1000_00, income=3000_00, savings=20_000_00, job="fixed") -> Record:
    return Record(CONTRACT.ref, ("consumer-instalment", amount, income, savings, job, 40), bytes(6), bytes(6))


def test_a_policy_is_read_with_its_defaults_and_named_by_its_bytes(tmp_path):
    path = write(tmp_path, GOOD)
    policy = Policy.read(path)
    assert policy.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert policy.cut_offs == CutOffs(500, 480)
    assert (policy.validity_days, policy.notice_days, policy.most_reasons) == (14, 30, 4)
    assert (policy.flip_tolerance, policy.automatic_decline) == (0.2, True)
    assert policy.reads == {"amount", "income"}


def test_a_policy_is_in_force_from_its_first_to_its_last_day(tmp_path):
    policy = Policy.read(write(tmp_path, GOOD))
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [policy.in_force(day) for day in days] == [False, True, True, False]
    endless = Policy.read(write(tmp_path, GOOD.replace(", until: 2026-12-31", "")))
    assert endless.in_force(date(2999, 1, 1))


def test_every_fault_is_told_at_once_with_its_line_and_the_nearest_name(tmp_path):
    text = GOOD.replace("validity_days: 14", "validity_day: 14").replace("decline: 480", "decline: 510")
    text = text.replace("amount > 19000", "amount >").replace("version: 1.0.0", "version: one")
    assert [(line, hint) for line, _, hint in faults(tmp_path, text)] == [
        (13, "did you mean 'validity_days'?"),
        (2, ""),
        (5, ""),
        (12, ""),
        (1, ""),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("amount > 19000", "amuont > 19000", 12, "unknown field 'amuont'"),
        ("amount > 19000", "age > 60", 12, "protected field 'age'"),
        ("amount > 19000", "amount > 'fixed'", 12, ""),
        ("amount > 19000", "amount / income > 3", 12, ""),
        ("name: small, d", "name: other, d", 4, "names the bundle 'other'"),
        ("product: consumer-instalment", "product: mortgage", 3, "not trained for 'mortgage'"),
        ("when: amount > 19000", "when: amount > 19000\n  - {id: large, when: amount > 1}", 13, "'large' is taken"),
        ("code: K1", "code: ''", 9, "'code' must have"),
        ("from: 2026-01-01", "from: soon", 14, "must be a day"),
        ("from: 2026-01-01", "from: '20260101'", 14, "must be a day"),
        ("until: 2026-12-31", "until: 2026-W53-4", 14, "must be a day"),
        ("until: 2026-12-31", "until: 2025-12-31", 14, "lies before"),
        ("approve: 500", "approve: 1001", 5, "between 0 and 1000"),
        ("decline: 480", "decline: -1", 5, "between 0 and 1000"),
        ("validity_days: 14", "validity_days: 0", 13, "between 1 and 3650"),
        ("validity_days: 14", "validity_days: 14\nreasons: {max: 6}", 14, "between 1 and 5"),
        ("validity_days: 14", "validity_days: 14\nflip_tolerance: yes please", 14, "must be a number"),
    ],
)
def test_a_fault_names_its_place(tmp_path, old, new, line, says):
    text = GOOD.replace(old, new)
    assert text != GOOD
    found = faults(tmp_path, text)
    assert len(found) == 1
    assert found[0][0] == line
    assert says in found[0][1]


def test_a_policy_decides_with_the_very_bundle_it_names(tmp_path):
    policy = Policy.read(write(tmp_path, GOOD, "ab" * 32))
    with pytest.raises(ConfigurationError, match=r"names the bundle with digest abababababab…"):
        policy.bind(CONTRACT, small_bundle())
    with pytest.raises(ConfigurationError, match="64 hex digits"):
        Policy.read(write(tmp_path, GOOD, "{bundle-digest}"))


def test_a_policy_that_was_not_bound_does_not_decide(tmp_path):
    policy = Policy.read(write(tmp_path, GOOD))
    rec = record()
    with pytest.raises(ConfigurationError, match="not bound"):
        policy.decide(rec, Scorer(small_bundle()).score(rec))


def test_records_run_through_score_and_policy(tmp_path):
    policy, scorer = bound(tmp_path), Scorer(small_bundle())

    def decide(rec):
        return policy.decide(rec, scorer.score(rec))

    assert decide(record()).outcome == "approve"
    knocked = decide(record(amount=9000_00, income=800_00))
    assert (knocked.outcome, [r.code for r in knocked.reasons]) == ("decline", ["K1"])
    assert decide(record(amount=19_500_00)).refer_causes[-1] == "refer_rule"
    weak = decide(record(amount=9000_00, income=1000_00, savings=0, job="other"))
    assert weak.outcome == "decline"
    assert weak.reasons[0].points < 0


def test_what_is_not_carried_raises_the_expected_refer_share(tmp_path):
    policy = bound(tmp_path)
    none = expected_refer_share(small_bundle(), policy, frozenset())
    assert 0 < none < 0.5
    assert expected_refer_share(small_bundle(), policy, {"savings"}) > none + 0.05
    assert expected_refer_share(small_bundle(), policy, {"age"}) == none
    assert expected_refer_share(small_bundle(), policy, {"savings"}) == expected_refer_share(
        small_bundle(), policy, {"savings", "product"}
    )

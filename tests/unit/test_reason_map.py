"""The reason map of a bundle: another content is another digest, and bundles of the first format go on deciding."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from model_parts import REASONS, bundle
from small_bundle import CONTRACT, READ
from small_records import read_policy, record, turned

from contracts.errors import ConfigurationError
from contracts.types import State
from models.bundle import Bundle
from models.policy_faults import outdated, rivals
from models.reason_map import ALL, Baseline, CutOffs, Group, ReasonMap, Wording
from models.scoring import Scorer

OLD = Path(__file__).parents[2] / "fixtures" / "bundles" / "format-1"
STATES = {state.word: state for state in State}
WORDS = Wording("Assets too low", "Assets not provided", "Unable to verify assets")
SPOKEN = {**REASONS.groups[2].wordings, "de": WORDS}


def test_a_bundle_of_the_first_format_decides_as_it_did() -> None:
    told = json.loads((OLD / "decided.json").read_text(encoding="utf-8"))
    old = Bundle.load(OLD / "bundle", told["bundle"])
    bound, scorer = read_policy(old.digest).bind(CONTRACT, old), Scorer(old)
    assert len(told["decisions"]) == 48
    for then in told["decisions"]:
        rec = turned(record(then["row"]), [(name, STATES[word]) for name, word in then["changes"]])
        scored = scorer.score(rec)
        now = bound.decide(rec, scored)
        assert scored.score == pytest.approx(float.fromhex(then["score"]), abs=1e-9)
        assert scored.points == pytest.approx([float.fromhex(points) for points in then["points"]], abs=1e-9)
        assert (now.outcome, now.score) == (then["outcome"], then["published"])
        assert [{**reason._asdict(), "points": str(reason.points)} for reason in now.reasons] == then["reasons"]


def test_a_bundle_of_the_first_format_speaks_english_and_is_named_after_its_bundle() -> None:
    old = Bundle.load(OLD / "bundle")
    assert {f.name for f in old.fields} == set(READ)
    assert (old.reason_map.ref, old.reason_map.languages, old.reason_map.baseline) == ("small@1.0.0", ("en",), ALL)
    assert old.reason_map.cut_offs is None
    assert not outdated(read_policy(old.digest), old), "what was never said cannot be held against a policy"


def test_a_bundle_of_the_first_format_is_not_written_in_another(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="another format than it was read in"):
        Bundle.load(OLD / "bundle").save(tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "1.0.1"},
        {"name": "other"},
        {"cut_offs": CutOffs(527, 505)},
        {"baseline": Baseline(20)},
        {"groups": (Group("money", "R9", REASONS.groups[0].wordings), *REASONS.groups[1:])},
        {"groups": (replace(REASONS.groups[0], wordings={"en": WORDS}), *REASONS.groups[1:])},
        {"groups": (*REASONS.groups[:2], replace(REASONS.groups[2], wordings=SPOKEN))},
    ],
    ids=str,
)
def test_whatever_changes_in_a_reason_map_changes_its_digest_and_the_bundles(changes) -> None:
    changed = replace(REASONS, **changes)
    assert changed.digest != REASONS.digest
    assert ReasonMap.parse(changed.content) == changed
    assert remade(changed).digest != bundle().digest


PARTS = ("name", "use", "products", "currencies", "features", "tables", "imputer", "blank_support", "ranges", "card")


def remade(reason_map: ReasonMap, version: str = "1.0.0") -> Bundle:
    from model_parts import CONTRACT as APPLICATION

    parts = {name: getattr(bundle(), name) for name in PARTS}
    return Bundle.create(contract=APPLICATION, version=version, reason_map=reason_map, **parts)


@pytest.mark.parametrize("text", ["{}", "[]", '{"name": "x"}', "x"])
def test_what_is_no_reason_map_is_refused(text: str) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        ReasonMap.parse(text.encode())


def test_a_reason_map_that_holds_more_is_refused() -> None:
    more = REASONS.content.replace(b'"version": "1.0.0"', b'"version": "1.0.0",\n  "zeal": 1')
    with pytest.raises(ValueError, match="does not belong"):
        ReasonMap.parse(more)


def test_only_the_same_name_and_version_with_another_content_are_rivals() -> None:
    mine = bundle()
    same, newer = remade(REASONS, "1.1.0"), remade(replace(REASONS, version="1.1.0", cut_offs=CutOffs(9, 8)))
    other = remade(replace(REASONS, cut_offs=CutOffs(540, 505)))
    found = rivals(mine, [mine, same, newer, other])
    assert [fault.message for fault in found] == [
        f"the reason map small@1.0.0 says something else in the bundle small@1.0.0 {other.digest[:12]}…"
    ]


@pytest.mark.parametrize(
    ("baseline", "approve", "decline", "severities"),
    [
        (ALL, 527, 505, []),
        (ALL, 540, 505, ["warning"]),
        (ALL, 527, 480, ["warning"]),
        (Baseline(20), 527, 505, []),
        (Baseline(20), 527, 480, ["warning"]),
        (Baseline(20), 540, 505, ["error"]),
        (Baseline(20), 526, 505, ["error"]),
    ],
)
def test_a_policy_with_other_cut_offs_than_its_reasons_is_told(baseline, approve, decline, severities) -> None:
    made = remade(replace(REASONS, cut_offs=CutOffs(527, 505), baseline=baseline))
    found = outdated(read_policy(made.digest, approve, decline), made)
    assert [fault.severity for fault in found] == severities
    for fault in found:
        assert f"{approve}" in fault.message
        assert "527" in fault.message
        assert fault.line == 6
        assert "count up reasons: version" in fault.hint

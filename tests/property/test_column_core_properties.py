"""A batch is its singles: every decision of the column core is, part by part, that of the record alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from column_samples import NASTY

from contracts.errors import InvalidRecord
from contracts.expressions import parse
from contracts.mapping.natives import from_trees
from contracts.rows import RowEngine
from gateway import settings as settings_
from gateway.bootstrap import install
from gateway.columns import ColumnLine, DecidedColumns
from gateway.pipeline import Line, assess, conclude, decision_tree, derived_key
from models.policy import CutOffs, Policy, PolicyRule

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
JUNIPER = "juniper-api"


@pytest.fixture(scope="module")
def line(built_home: Path) -> Iterator[Line]:
    installation = install(settings_.load(home=built_home), with_ledger=False)
    yield installation.desk(JUNIPER).line_at(NOON)
    installation.close()


def application(random: Random, nasty: float) -> dict[str, Any]:
    """What Juniper sends; with ``nasty`` as the share of leaves that hold anything at all."""
    price = random.randint(20_000, 3_000_000)
    tree: dict[str, Any] = {
        "applicationId": f"JN-{random.randint(1, 10**6)}",
        "loan": {
            "amountCents": random.randint(10_000, price), "purchasePriceCents": price,
            "months": random.choice((12, 24, 36, 48, 60, 72)), "currency": "EUR",
        },
        "applicant": {
            "annualNetIncome": random.choice((999_999_999 if nasty else 21_600, -1, random.randint(3_000, 90_000))),
            "monthlyOutgoings": random.randint(200, 1_800),
            "assetsTotal": random.choice((0, random.randint(0, 300_000))),
            "job": {"kind": random.choice(("PERMANENT", "PART_TIME", "SELF_EMPLOYED", "OTHER")),
                    "monthsInJob": random.randint(0, 480)},
            "housing": random.choice(("OWNER", "TENANT", "WITH_PARENTS", "PRIVATE", "UNSTATED", "OTHER")),
            "bureauFlag": random.choice("NNNY"), "age": random.randint(18, 80), "civilStatus": random.choice("SMWPD"),
        },
        "header": {},
    }  # fmt: skip
    for group in (tree, tree["loan"], tree["applicant"], tree["applicant"]["job"]):
        for name in list(group):
            if name not in ("header", "loan", "applicant", "job") and random.random() < nasty:
                group[name] = random.choice((None, "", *NASTY))
    return tree


def single(line: Line, tree: dict[str, Any]) -> dict[str, Any] | None:
    try:
        assessed = assess(line, tree)
    except InvalidRecord:
        return None
    key = assessed.keys.request or derived_key(assessed.keys.business, assessed.sent_digest)
    return decision_tree(conclude(line, assessed, "test", key, "", NOON))


def agreed(line: Line, trees: list[dict[str, Any]]) -> Counter[str]:
    """Compare every decision; returns how often each outcome and cause came up, and how many rows were left."""
    columns = ColumnLine(line)
    natives = from_trees(trees, columns.wanted, line.integration.request.unknown)
    found = columns.assess(natives)
    decided = list(DecidedColumns(columns, found, "test", NOON).trees())
    seen: Counter[str] = Counter(left=len(found.left))
    for row, tree in zip(found.records.rows.tolist(), decided, strict=True):
        expected = single(line, trees[row])
        assert tree == expected
        assert repr(tree) == repr(expected)
        seen.update((tree["outcome"], *tree["refer_causes"]))
    assert sorted([*found.left.tolist(), *found.records.rows.tolist()]) == list(range(len(trees)))
    return seen


def policy(line: Line, **changes: Any) -> Line:
    made: Policy = replace(line.policy, judge=None, **changes)
    return replace(line, policy=made.bind(line.contract, line.bundle))


def rule(name: str, when: str) -> PolicyRule:
    return PolicyRule(name, parse(when), (), f"K{name}", {"en": f"{name} is not for us"})


def test_complete_applications_are_decided_as_if_alone(line: Line) -> None:
    random = Random(1)  # noqa: S311 # an application that differs must come again
    seen = agreed(line, [application(random, 0.0) for _ in range(1_500)])
    assert seen["left"] == 0
    assert min(seen[outcome] for outcome in ("approve", "refer", "decline")) > 20


def test_gaps_and_garbage_are_decided_as_if_alone(line: Line) -> None:
    random = Random(2)  # noqa: S311 # as above
    seen = agreed(line, [application(random, share) for share in (0.02, 0.05, 0.2) for _ in range(500)])
    assert {"rejected_field", "unsupported_blank", "principal_factor_not_carried"} <= seen.keys()
    assert seen["left"] < 1_300


def test_knock_outs_refer_rules_and_human_declines_are_applied_as_if_alone(line: Line) -> None:
    random = Random(3)  # noqa: S311 # as above
    strict = policy(
        line,
        knock_outs=(rule("long", "term_months >= 72"),
                    rule("dear", "loan_amount * loan_amount * loan_amount > 10000000000000")),
        refer_rules=(rule("odd", "monthly_expenses * monthly_expenses * monthly_expenses * assets * debt > 7"),
                     rule("rich", "assets > 250000")),
        automatic_decline=False,
        cut_offs=CutOffs(540, 520),
        flip_tolerance=0.05,
        most_reasons=5,
    )  # fmt: skip
    seen = agreed(strict, [application(random, 0.01) for _ in range(800)])
    assert {"human_decision_required", "refer_rule", "flip_tolerance_exceeded", "between_cut_offs"} <= seen.keys()
    assert seen["decline"] == 0


def test_without_a_currency_nothing_is_decided_whatever_the_contract_allows(line: Line) -> None:
    assert line.pinned
    fields = tuple(replace(field, required=False, essential=False) for field in line.spoken.fields)
    spoken = replace(line.spoken, fields=fields)
    loose = replace(line, pinned=line.pinned._replace(contract=spoken, rows=RowEngine(spoken)))
    random = Random(5)  # noqa: S311 # as above
    trees = [application(random, 0.0) for _ in range(20)]
    for tree in trees[:10]:
        del tree["loan"]["currency"]
    assert agreed(loose, trees)["left"] == 10
    with pytest.raises(InvalidRecord) as refused:
        assess(loose, trees[0])
    assert refused.value.problems[0][::3] == ("untrained_currency", "nothing")


@pytest.mark.parametrize(("language", "told"), [("de", "Zu geringes Vermögen"), ("es", "Patrimonio insuficiente")])
def test_every_language_is_spoken_as_if_alone(line: Line, language: str, told: str) -> None:
    random = Random(4)  # noqa: S311 # as above
    speaking = replace(line, policy=replace(line.policy, judge=None).bind(line.contract, line.bundle, language))
    trees = [application(random, 0.02) for _ in range(300)]
    agreed(speaking, trees)
    pairs = [(single(speaking, tree), single(line, tree)) for tree in trees]
    decided = [(other, english) for other, english in pairs if other is not None and english is not None]
    assert told in {reason["text"] for other, _ in decided for reason in other["reasons"]}
    assert [bare(other) for other, _ in decided] == [bare(english) for _, english in decided]


def bare(tree: dict[str, Any]) -> dict[str, Any]:
    """A decision without the words of its reasons."""
    return {**tree, "reasons": [{**reason, "text": ""} for reason in tree["reasons"]]}

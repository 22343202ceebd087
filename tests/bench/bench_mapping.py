"""The mappings of one complete application: a native tree to contract values, a decision to its native tree."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from figures import Row, at_most

from contracts.store import ContractStore
from gateway.integrations import read_integration

JUNIPER = Path(__file__).parents[2] / "fixtures" / "integrations" / "juniper-api"
EXAMPLE = JUNIPER / "examples" / "01-complete__approves" / "request.json"
CALLS, ROUNDS, BOUND = 20_000, 5, 25.0
DAY = datetime(2026, 3, 31, 12, tzinfo=UTC)


def rows() -> list[Row]:
    integration = read_integration(JUNIPER, ContractStore())
    tree = json.loads(EXAMPLE.read_text(encoding="utf-8"), parse_float=Decimal) | {"header": {}}
    texts = as_texts(tree)
    decision = full_decision()
    return [
        at_most("mapping: one complete application, numbers", best(integration.request.read, tree), "us", BOUND),
        at_most("mapping: one complete application, all texts", best(integration.request.read, texts), "us", BOUND),
        at_most("mapping: its keys", best(integration.keys.read, tree), "us", BOUND),
        at_most("mapping: one full decision, four reasons", best(integration.answer_map.write, decision), "us", BOUND),
    ]


def best(call: Callable[[Any], object], argument: Any) -> float:
    """Microseconds a call, best of the rounds."""
    spent = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(CALLS):
            call(argument)
        spent.append(time.perf_counter() - started)
    return min(spent) / CALLS * 1e6


def as_texts(node: Any) -> Any:
    """The tree as a format without numbers has it."""
    return {name: as_texts(leaf) for name, leaf in node.items()} if isinstance(node, dict) else str(node)


def full_decision() -> dict[str, Any]:
    reason = {"group": "income", "code": "R02", "text": "Income too low", "points": Decimal("-12.30"), "state": "given"}
    imputed = {"field": "debt", "state": "not_carried", "origin": "imputed", "cause": "channel", "low": "0"}
    words = ("business_key", "request_key", "correlation_id", "contract", "bundle", "policy", "integration")
    return dict.fromkeys(words, "x" * 80) | {
        "decision_id": "a" * 32, "mode": "test", "product": "consumer-instalment", "currency": "EUR",
        "outcome": "refer", "refer_causes": ("between_cut_offs",), "pd": Decimal("0.120000"), "score": 524,
        "score_min": 509, "score_max": 541, "reasons": [reason] * 4, "imputations": [imputed | {"high": "9"}] * 3,
        "information_not_available": Decimal("-3.20"), "as_of": DAY, "valid_until": DAY, "decided_by": "model",
        "supersedes": "", "notice_due_by": date(2026, 4, 30),
    }  # fmt: skip

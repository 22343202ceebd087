"""Proving decisions: 10,000 of a ledger computed again and compared, in one process."""

from __future__ import annotations

import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench_service import BUILD, bodies, prepare
from figures import Row, at_least, shown

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DECISIONS = 10_000
ROUNDS = 3
INTEGRATIONS = {"bench-complete": "complete applications", "bench-imputed": "with two fields drawn"}


def rows() -> list[Row]:
    from gateway import settings
    from gateway.opening import open_ledger

    home, _ = prepare()
    configured = settings.load(home=home, log_level="warning")
    decide(configured)
    ledger = open_ledger(configured, lambda: NOON)
    try:
        return [row for name, said in INTEGRATIONS.items() for row in proved(configured, ledger, name, said)]
    finally:
        ledger.close()


def decide(configured: Any) -> None:
    """The same number of decisions by each integration; every application its own."""
    from contracts.errors import ScoregateError
    from gateway.bootstrap import install
    from gateway.spi import Asked

    applications = [json.loads(line) for line in bodies(BUILD / "bodies.jsonl").read_text().splitlines()]
    installation = install(configured, with_ledger=True, clock=lambda: NOON)
    for name in INTEGRATIONS:
        asked = []
        for number in range(DECISIONS):
            body = applications[number % len(applications)] | {"applicationId": f"{name}-{number}"}
            header = {"idempotency-key": f'"{name}-{number}"'}
            asked.append(Asked(json.dumps(body).encode(), header, "bench"))
        for start in range(0, DECISIONS, 1000):
            replies = installation.desks[name].decide_many(asked[start : start + 1000])
            assert not [reply for reply in replies if isinstance(reply, ScoregateError)], "not every one is decided"
    installation.close()


def proved(configured: Any, ledger: Any, name: str, said: str) -> list[Row]:
    from gateway.bootstrap import prover
    from gateway.ledger import Filters
    from gateway.proof import Tally

    rates, tally = [], Tally()
    with tempfile.TemporaryDirectory() as folder:
        proving = prover(configured, ledger, Path(folder))
        proving.prove(next(ledger.all_kept(Filters(integration=name))))  # builds the ground, loads the kernels
        for _ in range(ROUNDS):
            tally = Tally()
            began = time.perf_counter()
            for kept in ledger.all_kept(Filters(integration=name)):
                tally.add(proving.prove(kept))
            rates.append(tally.results.total() / (time.perf_counter() - began))
    bound = at_least(f"verify: {said}", max(rates), "per s", 2000) if name == "bench-complete" else None
    share = tally.results["equal"] / tally.results.total()
    assert tally.results.total() == DECISIONS, f"{tally.results.total()} decisions were proved"
    return [
        shown(f"verify: decisions, {said}", DECISIONS, "decisions"),
        at_least(f"verify: share that is equal to the last bit, {said}", share, "", 1.0),
        bound or shown(f"verify: {said}", max(rates), "per s"),
    ]

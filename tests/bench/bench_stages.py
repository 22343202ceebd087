"""Where the time of one served decision goes: each stage of the path alone, in processor time of one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from bench_service import BUILD, bodies, prepare
from figures import Row, shown

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROUNDS = 7
BATCH = 2000


def rows() -> list[Row]:
    from gateway import settings
    from gateway.bootstrap import install

    home, _ = prepare()
    raws = [line.encode() for line in bodies(BUILD / "bodies.jsonl").read_text().splitlines()]
    installation = install(settings.load(home=home, log_level="warning"), with_ledger=True)
    try:
        desks = [installation.desks["bench-complete"], installation.desks["bench-imputed"]]
        return [row for desk in desks for row in stages(desk, raws)]
    finally:
        installation.close()


def stages(desk: Any, raws: Sequence[bytes]) -> list[Row]:
    from gateway.ledger.seal import RANDOM_BYTES, Sealer
    from gateway.ledger.types import Payload
    from gateway.pipeline import assess, conclude, read_record
    from gateway.spi import Asked

    name = desk.name.removeprefix("bench-")
    line = desk.line_at(NOON)
    line.scorer.warm()
    asked = [Asked(raw, {"idempotency-key": f'"{n}"', "content-type": "application/json"}, "bench")
             for n, raw in enumerate(raws[:BATCH])]  # fmt: skip
    trees = [desk.read(one) for one in asked]
    records = [read_record(line, tree, [])[0] for tree in trees]
    pairs = [(record, line.scorer.score(record)) for record in records]
    assessed = [assess(line, tree) for tree in trees]
    proposals = [desk._propose(one, NOON) for one in asked]
    finished = [proposal.finish("", proposal.request_key) for proposal in proposals]
    sealer, random = Sealer(bytes(32)), bytes(RANDOM_BYTES)
    payloads = [Payload(one.raw, f.record, f.answer, f.decision_json) for one, f in zip(asked, finished, strict=True)]
    timed = {
        "decode": per_call(desk.read, asked),
        "keys": per_call(line.integration.keys.read, trees),
        "map and validate": per_call(lambda tree: read_record(line, tree, []), trees),
        "record digest": per_call(lambda record: line.layout.digest(record.values, record.states), records),
        "score": per_call(line.scorer.score, records),
        "verdict": per_call(lambda pair: line.policy.decide(*pair), pairs),
        "proposal, all of the above": per_call(lambda one: desk._propose(one, NOON), asked),
        "conclude": per_call(lambda one: conclude(line, one, "test", "key", "", NOON), assessed),
        "finish (conclude, answer, record, decision)": per_call(lambda one: one.finish("", one.request_key), proposals),
        "seal": per_call(lambda payload: sealer.seal("a" * 32, payload, random), payloads),
    }
    sizes = f"raw {len(asked[0].raw)}, " + ", ".join(
        f"{part} {len(getattr(finished[0], part))}" for part in ("record", "answer", "decision_json")
    )
    print(f"  {name}: bytes of {sizes}")
    return [shown(f"{name}: {stage}", micros, "us") for stage, micros in timed.items()]


def per_call(work: Callable[[Any], object], over: Sequence[Any]) -> float:
    """Processor time of one call in microseconds, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.thread_time()
        for one in over:
            work(one)
        best = min(best, time.thread_time() - started)
    return 1e6 * best / len(over)

"""Nothing of an application leaves but in its answer: not in the log, the metrics, or the ledger in clear."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_gateway import ENVIRONMENT, SCORE, Caller, Live, copied, serving

from gateway.watching.events import MEMBERS

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "fixtures/integrations/juniper-api/examples").glob("*/request.json"))
OPEN = {"at", "ms", "pid", "port", "status", "worker", "line", "count", "correlation", "correlations", "where"}
"""Members that are numbers of ours, or the caller's own name for the exchange."""
REQUEST_MEMBERS = {*MEMBERS, "operation", "principal", "mode", "status", "ms"}
HOSTILE = ['c-1"},{"level":"error', "a\\u000afaked", "%0a%0d", "${jndi:x}", "c" * 128]


def values(node: Any) -> Iterator[str]:
    """Every value of a message that is long enough to be told from chance."""
    if isinstance(node, dict):
        for child in node.values():
            yield from values(child)
    elif isinstance(node, list):
        for child in node:
            yield from values(child)
    elif len(str(node)) >= 3 and not isinstance(node, bool) and node is not None:
        yield str(node)


@pytest.fixture(scope="module")
def told(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Caller, str, set[str]]]:
    """Everything a gateway told at level debug of every example, good and spoilt: its home, its metrics, what it was
    sent.
    """
    caller = copied(built_home, tmp_path_factory.mktemp("told") / "home")
    sent: set[str] = set()
    ENVIRONMENT["SCOREGATE_LOG_LEVEL"] = "debug"
    try:
        with serving(caller) as live:
            for number, path in enumerate(EXAMPLES):
                body = path.read_bytes()
                sent |= set(values(json.loads(body))) - {"EUR", "USD"}
                ask(live, body, number)
            metrics = live.client.get("/metrics").text
    finally:
        del ENVIRONMENT["SCOREGATE_LOG_LEVEL"]
    yield caller, metrics, sent


def ask(live: Live, body: bytes, number: int) -> None:
    """One example as it is, repeated, contradicted, cut off, with a wrong key, under a hostile correlation id."""
    key = {"Idempotency-Key": f'"scan-{number}"'}
    for sent in (body, body, body.replace(b"60", b"48"), body[:-20], body + body):
        live.client.post(SCORE, content=sent, headers=key)
    live.client.post(SCORE, content=body, headers={"Authorization": "Bearer sg_scanned-wrong-key"})
    hostile = HOSTILE[number % len(HOSTILE)]
    live.client.post(SCORE, content=body, headers={"X-Correlation-ID": hostile})


def test_the_log_holds_no_value_of_any_application(told: tuple[Caller, str, set[str]]) -> None:
    caller, _, sent = told
    lines = [json.loads(line) for line in caller.log.read_text().splitlines()]
    assert {"request", "settled", "refused"} <= {line["event"] for line in lines}
    for line in lines:
        assert set(line) <= REQUEST_MEMBERS
        words = {word for name, value in line.items() if name not in OPEN for word in re.split(r"[\s/,:]", str(value))}
        assert not words & sent, line


def test_neither_log_nor_metrics_hold_a_key(told: tuple[Caller, str, set[str]]) -> None:
    caller, metrics, _ = told
    for text in (caller.log.read_text(), metrics):
        assert caller.key not in text
        assert "sg_" not in text


def test_no_label_of_a_metric_holds_a_value_of_any_application(told: tuple[Caller, str, set[str]]) -> None:
    _, metrics, sent = told
    labels = set(re.findall(r'="((?:[^"\\]|\\.)*)"', metrics))
    assert "juniper-api" in labels
    assert not labels & sent


def test_a_hostile_correlation_id_stays_inside_its_line(told: tuple[Caller, str, set[str]]) -> None:
    caller, _, _ = told
    seen = {json.loads(line).get("correlation") for line in caller.log.read_text().splitlines()}
    assert set(HOSTILE) <= seen


def test_the_state_on_disk_holds_no_payload_in_clear(told: tuple[Caller, str, set[str]]) -> None:
    caller, _, sent = told
    fragments = [b'"applicant"', b'"annualNetIncome"', *(value.encode() for value in sent if len(value) >= 8)]
    assert any(value.startswith(b"JN-") for value in fragments)
    for file in (file for file in (caller.home / "state").rglob("*") if file.is_file() and "objects" not in file.parts):
        content = file.read_bytes()
        assert not [fragment for fragment in fragments if fragment in content], file

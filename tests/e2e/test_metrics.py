"""What /metrics of two workers tells of real traffic is what their callers saw."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from live_gateway import ROOT, SCORE, Caller, Live, copied, serving, until
from prometheus_client.parser import text_string_to_metric_families

from gateway.watching.stages import STAGES

EXAMPLES = sorted((ROOT / "fixtures/integrations/juniper-api/examples").glob("*/request.json"))
OUTCOMES = {"APPROVED": "approve", "REVIEW": "refer", "DECLINED": "decline"}
MINE = {"integration": "juniper-api"}


class Seen(NamedTuple):
    """The metrics once all is counted, and what their callers were answered."""

    metrics: dict[str, list[tuple[dict[str, str], float]]]
    answers: list[httpx.Response]

    @property
    def decided(self) -> list[dict[str, Any]]:
        return [answer.json()["decision"] for answer in self.answers if answer.status_code == 200]

    def total(self, name: str, **labels: str) -> float:
        """The sum over the samples that carry these labels."""
        return sum(value for found, value in self.metrics.get(name, ()) if labels.items() <= found.items())

    def by(self, name: str, label: str) -> Counter[str]:
        counted: Counter[str] = Counter()
        for labels, value in self.metrics.get(name, ()):
            if labels.get("integration", MINE["integration"]) == MINE["integration"]:
                counted[labels[label]] += int(value)
        return +counted


def read(live: Live) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(live.client.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


def post(live: Live, caller: Caller, body: bytes) -> httpx.Response:
    return httpx.post(f"{live.client.base_url}{SCORE}", content=body, headers=caller.headers, timeout=60)


@pytest.fixture(scope="module")
def seen(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Every example of Juniper once, the first of them again, one without a key; each on a connection of its own."""
    caller = copied(built_home, tmp_path_factory.mktemp("metrics") / "home")
    with serving(caller, "--workers", "2") as live:
        until(lambda: sum(value for _, value in read(live)["scoregate_workers"]) == 2)
        answers = [post(live, caller, path.read_bytes()) for path in EXAMPLES]
        repeated = post(live, caller, EXAMPLES[0].read_bytes())
        assert repeated.content == answers[0].content
        assert httpx.post(f"{live.client.base_url}{SCORE}", content=b"{}", timeout=60).status_code == 401
        asked = len(answers) + 1

        def counted() -> bool:
            found = Seen(read(live), answers)
            return found.total("scoregate_stage_seconds_count", stage="decode") == asked and (
                found.total("scoregate_repeats_total") == found.total("scoregate_http_unauthenticated_total") == 1
            )

        until(counted, 20)
        yield Seen(read(live), answers)


def test_decisions_and_refusals_are_counted_as_they_were_answered(seen: Seen) -> None:
    outcomes = Counter(OUTCOMES[decision["result"]] for decision in seen.decided)
    assert len(outcomes) >= 2
    assert seen.by("scoregate_decisions_total", "outcome") == outcomes
    refused = [answer for answer in seen.answers if answer.status_code != 200]
    assert seen.by("scoregate_refusals_total", "code") == Counter(answer.json()["code"] for answer in refused)
    assert seen.total("scoregate_repeats_total", **MINE) == 1
    assert seen.total("scoregate_faults_total") == seen.total("scoregate_late_total") == 0


def test_causes_problems_and_estimated_fields_are_counted_as_they_were_told(seen: Seen) -> None:
    causes = Counter(cause for decision in seen.decided for cause in decision["reviewCauses"])
    assert causes
    assert seen.by("scoregate_refer_causes_total", "cause") == causes
    estimated = Counter(one["field"] for decision in seen.decided for one in decision["estimated"])
    assert estimated
    assert seen.by("scoregate_imputed_total", "field") == estimated
    assert seen.total("scoregate_scored_total", **MINE) == len(seen.decided)
    problems = [one for answer in seen.answers for one in answer.json().get("errors", ())]
    assert problems
    assert seen.by("scoregate_problems_total", "code") == Counter(one["code"] for one in problems)


def test_exchanges_are_counted_by_status_and_mode(seen: Seen) -> None:
    statuses = Counter(str(answer.status_code) for answer in seen.answers) + Counter(["200"])
    known = {labels["status"]: value for labels, value in seen.metrics["scoregate_http_requests_total"]
             if MINE.items() <= labels.items() and labels["mode"] == "test" and value}  # fmt: skip
    assert known == statuses
    assert seen.total("scoregate_http_requests_total", **MINE, status="401", mode="") == 1


def test_every_stage_is_timed_once_for_each_that_went_through_it(seen: Seen) -> None:
    asked, decided = len(seen.answers) + 1, len(seen.decided) + 1
    counts = {stage: seen.total("scoregate_stage_seconds_count", **MINE, stage=stage) for stage in STAGES}
    assert counts["decode"] == asked
    assert counts["score"] == counts["ledger"] == decided
    assert counts["encode"] == len(seen.decided)
    for stage in ("decode", "map", "score", "encode", "ledger"):
        assert 0 < seen.total("scoregate_stage_seconds_sum", **MINE, stage=stage) < 60


def test_the_ledger_tells_its_groups_its_entries_and_its_head(seen: Seen) -> None:
    entries = seen.total("scoregate_ledger_group_size_sum")
    assert entries == len(seen.answers) == seen.total("scoregate_ledger_entries")
    groups = seen.total("scoregate_ledger_group_size_count")
    assert 1 <= groups <= entries
    assert seen.total("scoregate_chain_head") == groups
    assert seen.total("scoregate_ledger_commit_seconds_count") == groups
    assert seen.total("scoregate_ledger_lock_seconds_count") == groups
    assert seen.total("scoregate_ledger_commit_seconds_sum") > 0
    assert seen.total("scoregate_ledger_queue") == seen.total("scoregate_ledger_oldest_pending_seconds") == 0
    assert 0 <= seen.total("scoregate_chain_head_age_seconds") < 600


def test_what_serves_is_named_with_its_versions(seen: Seen) -> None:
    assert seen.total("scoregate_workers") == 2
    assert seen.total("scoregate_ready", cause="") == 1
    assert seen.total("scoregate_integration_ready", **MINE, cause="") == 1
    assert seen.total("scoregate_disk_free_bytes") > 1_000_000
    for name, label in (("build", "version"), ("bundle", "digest"), ("policy", "digest")):
        shown = [labels[label] for labels, value in seen.metrics[f"scoregate_{name}_info"] if value == 1]
        assert shown
        assert all(shown)


def test_no_value_of_a_message_is_a_label(seen: Seen) -> None:
    labels = {value for samples in seen.metrics.values() for found, _ in samples for value in found.values()}
    sent = {str(json.loads(path.read_bytes()).get("applicationId")) for path in EXAMPLES}
    assert not labels & sent

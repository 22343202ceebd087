"""Every metric there is: its kind, its labels and what it says. A label never takes a value from a message."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

SECONDS: Final = (
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Upper bounds of every histogram of times: a stage takes some 10 µs, a deadline is some seconds."""
SIZES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


class Metric(NamedTuple):
    """One metric. ``bounds`` are those of a histogram's buckets, empty for counters and gauges."""

    kind: str
    text: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


def _counter(text: str, *labels: str) -> Metric:
    return Metric("counter", text, labels)


def _gauge(text: str, *labels: str) -> Metric:
    return Metric("gauge", text, labels)


def _seconds(text: str, *labels: str) -> Metric:
    return Metric("histogram", text, labels, SECONDS)


REQUESTS: Final = "scoregate_http_requests"
REQUEST_SECONDS: Final = "scoregate_http_request_seconds"
UNAUTHENTICATED: Final = "scoregate_http_unauthenticated"
TURNED_AWAY: Final = "scoregate_http_turned_away"
STAGE_SECONDS: Final = "scoregate_stage_seconds"
DECISIONS: Final = "scoregate_decisions"
REFUSALS: Final = "scoregate_refusals"
FAULTS: Final = "scoregate_faults"
HUMAN_DECISIONS: Final = "scoregate_human_decisions"
ERASURES: Final = "scoregate_erasures"
PURGED: Final = "scoregate_purged_payloads"
REPEATS: Final = "scoregate_repeats"
LATE: Final = "scoregate_late"
PROBLEMS: Final = "scoregate_problems"
REFER_CAUSES: Final = "scoregate_refer_causes"
SCORED: Final = "scoregate_scored"
IMPUTED: Final = "scoregate_imputed"
LOOKUPS: Final = "scoregate_lookups"
POLLED: Final = "scoregate_polled_rows"
LEGACY_DOWN: Final = "scoregate_legacy_down_seconds"
POLLERS: Final = "scoregate_pollers"
POLLERS_LOST: Final = "scoregate_pollers_lost"
COMMIT_SECONDS: Final = "scoregate_ledger_commit_seconds"
LOCK_SECONDS: Final = "scoregate_ledger_lock_seconds"
GROUP_SIZE: Final = "scoregate_ledger_group_size"
LEDGER_FAILURES: Final = "scoregate_ledger_failures"
ANCHOR_FAILURES: Final = "scoregate_ledger_anchor_failures"
LOG_UNWRITTEN: Final = "scoregate_log_unwritten"
SPANS_UNSENT: Final = "scoregate_spans_unsent"
WORKERS_LOST: Final = "scoregate_workers_lost"
QUEUE: Final = "scoregate_ledger_queue"
OLDEST_PENDING: Final = "scoregate_ledger_oldest_pending_seconds"
WORKERS: Final = "scoregate_workers"
READY: Final = "scoregate_ready"
WARNING: Final = "scoregate_warning"
INTEGRATION_READY: Final = "scoregate_integration_ready"
SUNSET_DAYS: Final = "scoregate_contract_sunset_days"
CHAIN_HEAD: Final = "scoregate_chain_head"
CHAIN_HEAD_AGE: Final = "scoregate_chain_head_age_seconds"
ENTRIES: Final = "scoregate_ledger_entries"
DISK_FREE: Final = "scoregate_disk_free_bytes"
BUILD: Final = "scoregate_build_info"
BUNDLE: Final = "scoregate_bundle_info"
POLICY: Final = "scoregate_policy_info"

METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        REQUESTS: _counter(
            "Exchanges answered; the mode of unknown callers is empty, blame is caller or gateway for a refusal: "
            "SOAP 1.1 answers both with 500.",
            "integration", "mode", "status", "blame",
        ),
        REQUEST_SECONDS: _seconds("From the head of a request to the last byte of its answer.", "integration"),
        UNAUTHENTICATED: _counter("Exchanges of callers nobody knows."),
        TURNED_AWAY: _counter(
            "Requests that reached no integration, and connections given up: not_found, method_not_allowed, not_http, "
            "headers_too_large, head_late (it did not come), framing (more of it than body), pipelined (too many at "
            "once), unread (their answers), crowded (gave way to others).",
            "reason",
        ),
        STAGE_SECONDS: _seconds(
            "Time in each stage: decode, gather, map (and validate), score (impute, score, reasons, decide), "
            "encode, ledger (all the waiting for it, encode included).",
            "integration", "stage",
        ),
        DECISIONS: _counter("Decisions made durable, repeats not among them.", "integration", "mode", "outcome"),
        REFUSALS: _counter("Refusals made durable, by code; conflicts are among them.", "integration", "mode", "code"),
        FAULTS: _counter("Submissions lost to a fault of ours, made durable.", "integration", "mode", "code"),
        HUMAN_DECISIONS: _counter("Decisions of people made durable.", "integration", "mode", "outcome"),
        ERASURES: _counter("Submissions whose contents were erased.", "integration", "mode"),
        PURGED: _counter("Payloads closed for good because they were past their date."),
        REPEATS: _counter("Askings that got the stored answer of an earlier one.", "integration"),
        LATE: _counter("Decisions their caller was told to ask for again.", "integration"),
        PROBLEMS: _counter("Problems found in messages, by the rule they broke.", "integration", "rule", "code"),
        REFER_CAUSES: _counter("Causes of referrals; a decision may have several.", "integration", "mode", "cause"),
        SCORED: _counter("Records decided: what imputed fields are a share of.", "integration"),
        IMPUTED: _counter("Fields the bundle reads that did not come as such.", "integration", "field", "state"),
        LOOKUPS: _counter(
            "Look-ups by what came of them: found, nothing (there is none), cached, or failed (down, late or left "
            "alone).",
            "integration", "lookup", "result",
        ),
        POLLED: _counter(
            "Rows of polled tables by what became of them: answered, failed (told so on the row), or to be taken up "
            "again: changed, undecided, lost, stuck.",
            "integration", "result",
        ),
        COMMIT_SECONDS: _seconds("The commit of a group: the wait for the disk, or for the database's word."),
        LOCK_SECONDS: _seconds("The wait for the turn to append, other processes going first."),
        GROUP_SIZE: Metric("histogram", "Entries per group commit.", (), SIZES),
        LEDGER_FAILURES: _counter("Group commits that failed; their callers were told to come back.", "cause"),
        ANCHOR_FAILURES: _counter("Blocks the anchor file could not take."),
        LOG_UNWRITTEN: _counter("Log lines that could not be written."),
        SPANS_UNSENT: _counter("Spans of traces not sent: too many waited, or their collector did not take them."),
        WORKERS_LOST: _counter("Processes that served and ended without saying so."),
        POLLERS_LOST: _counter("Pollers that ended without saying so.", "integration"),
        QUEUE: _gauge("Submissions waiting for the ledger, all processes."),
        OLDEST_PENDING: _gauge("Age of the submission that has waited longest for the ledger."),
        WORKERS: _gauge("Processes that serve."),
        POLLERS: _gauge(
            "Pollers at work, of every integration of the home that was ever polled other than once.", "integration"
        ),
        LEGACY_DOWN: _gauge("For how long the legacy system of a poller is down or refuses; the longest of all."),
        READY: _gauge("1 while a decision can be made durable, else 0 with its cause.", "cause"),
        WARNING: _gauge("1 while something is wrong though decisions are made.", "warning"),
        INTEGRATION_READY: _gauge("1 while an integration is served, else 0 with its cause.", "integration", "cause"),
        SUNSET_DAYS: _gauge("Days the contract an integration speaks is still supported.", "integration", "contract"),
        CHAIN_HEAD: _gauge("Number of the chain's last block."),
        CHAIN_HEAD_AGE: _gauge("Age of the chain's last block."),
        ENTRIES: _gauge("Entries in the ledger."),
        DISK_FREE: _gauge("Bytes free where state, ledger and anchor lie: of the disk with the least."),
        BUILD: _gauge("The program that serves.", "version", "python"),
        BUNDLE: _gauge("A bundle that can decide.", "name", "version", "digest", "use"),
        POLICY: _gauge("A policy that can decide.", "product", "name", "version", "digest", "effective_from"),
    }
)  # fmt: skip

"""Counts in the Prometheus text format. They are kept as plain numbers and only put into words when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.http.journal import Journal

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


class _Counts:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import CounterMetricFamily

        requests = CounterMetricFamily(
            "scoregate_http_requests",
            "Exchanges by integration, mode and status; the mode of unknown callers is empty.",
            labels=["integration", "mode", "status"],
        )
        for (integration, mode, status), count in sorted(self._journal.requests.items()):
            requests.add_metric([integration, mode, str(status)], count)
        yield requests
        yield CounterMetricFamily(
            "scoregate_http_unauthenticated", "Exchanges of unknown callers.", value=self._journal.unauthenticated
        )
        yield CounterMetricFamily(
            "scoregate_log_unwritten", "Log lines that could not be written.", value=self._journal.unwritten
        )


def exposition(journal: Journal) -> tuple[bytes, str]:
    """The counts of this process, and their media type."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

    registry = CollectorRegistry()
    registry.register(_Counts(journal))
    return generate_latest(registry), CONTENT_TYPE_LATEST

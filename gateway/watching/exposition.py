"""Metrics in the words of Prometheus: its text format, or OpenMetrics where the scraper asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gateway.watching.catalog import METRICS, Metric
from gateway.watching.tally import Key, Snapshot

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

T = TypeVar("T")


class Sample(NamedTuple):
    """One gauge as it is now: its metric, the values of its labels, its own value."""

    name: str
    labels: tuple[str, ...]
    value: float


def exposition(snapshot: Snapshot, samples: Iterable[Sample], accept: str) -> tuple[bytes, str]:
    """The body and its media type; ``accept`` is the scraper's header of that name."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry()
    registry.register(_Counted(snapshot, list(samples)))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class _Counted:
    def __init__(self, snapshot: Snapshot, samples: list[Sample]) -> None:
        self._snapshot, self._samples = snapshot, samples

    def collect(self) -> Iterator[Family]:
        counts, times, gauges = _by_name(self._snapshot.counts), _by_name(self._snapshot.times), self._gauges()
        for name, metric in METRICS.items():
            if metric.kind == "counter":
                yield _counter(name, metric, counts.get(name, {}))
            elif metric.kind == "histogram":
                yield _histogram(name, metric, times.get(name, {}))
            else:
                yield _gauge(name, metric, gauges.get(name, []))

    def _gauges(self) -> dict[str, list[Sample]]:
        found: dict[str, list[Sample]] = {}
        for (name, *labels), value in sorted(self._snapshot.gauges.items()):
            found.setdefault(name, []).append(Sample(name, tuple(labels), value))
        for sample in self._samples:
            found.setdefault(sample.name, []).append(sample)
        return found


def _by_name(kept: Mapping[Key, T]) -> dict[str, dict[Key, T]]:
    found: dict[str, dict[Key, T]] = {}
    for key in sorted(kept):
        found.setdefault(key[0], {})[key[1:]] = kept[key]
    return found


def _counter(name: str, metric: Metric, counts: Mapping[Key, int]) -> Family:
    from prometheus_client.metrics_core import CounterMetricFamily

    family = CounterMetricFamily(name, metric.text, labels=metric.labels)
    # A counter without labels is there from the start: an alert cannot tell "never" from "not asked".
    for labels, count in (counts or ({(): 0} if not metric.labels else {})).items():
        family.add_metric(labels, count)
    return family


def _histogram(name: str, metric: Metric, histograms: Mapping[Key, list[float]]) -> Family:
    from prometheus_client.metrics_core import HistogramMetricFamily

    family = HistogramMetricFamily(name, metric.text, labels=metric.labels)
    for labels, (*buckets, total) in histograms.items():
        below, sums = 0.0, []
        for bound, number in zip((*map(str, metric.bounds), "+Inf"), buckets, strict=True):
            below += number
            sums.append((bound, below))
        family.add_metric(labels, sums, total)
    return family


def _gauge(name: str, metric: Metric, samples: Iterable[Sample]) -> Family:
    from prometheus_client.metrics_core import GaugeMetricFamily

    family = GaugeMetricFamily(name, metric.text, labels=metric.labels)
    for sample in samples:
        family.add_metric(sample.labels, sample.value)
    return family

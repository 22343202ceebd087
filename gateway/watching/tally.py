"""The counts and times of one process. On the hot path each is one ``list.append``; sums are made when asked for.

A counter that is safe between threads costs a lock, a histogram a search: together some 10 µs per decision. Appending
to a list is safe as it is, and what it holds is summed by the thousand a few times a second (``Lookout``), where one
event costs some 60 ns.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gateway.watching.catalog import METRICS

Key = tuple[str, ...]
"""The name of a metric, then the values of its labels in their order."""
FORMAT = 1
MOST_SERIES = 1000
"""Label sets one metric may have; what is counted beyond that is counted under ``other``."""
OTHER = "other"


class Snapshot(NamedTuple):
    """What was counted up to a moment. A histogram is the counts of its buckets, the last for all beyond, and a sum."""

    counts: Counter[Key]
    times: dict[Key, list[float]]
    gauges: dict[Key, float]

    def add(self, other: Snapshot) -> None:
        """Take in what another process counted; of gauges, those are left out that do not add up."""
        self.counts.update(other.counts)
        for key, histogram in other.times.items():
            mine = self.times.setdefault(key, [0.0] * len(histogram))
            self.times[key] = [a + b for a, b in zip(mine, histogram, strict=True)]

    def plain(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        return {
            "format": FORMAT,
            "counts": [[*key, count] for key, count in self.counts.items()],
            "times": [[*key, histogram] for key, histogram in self.times.items()],
            "gauges": [[*key, value] for key, value in self.gauges.items()],
        }

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Snapshot:
        """What ``plain`` wrote; metrics and buckets this program does not know are left out."""
        if plain.get("format") != FORMAT:
            return empty()
        counts = Counter({tuple(key): count for *key, count in plain["counts"] if _known(key)})
        times = {
            tuple(key): list(histogram)
            for *key, histogram in plain["times"]
            if _known(key) and len(histogram) == len(METRICS[key[0]].bounds) + 2
        }
        return cls(counts, times, {tuple(key): value for *key, value in plain["gauges"] if _known(key)})


def empty() -> Snapshot:
    return Snapshot(Counter(), {}, {})


def _known(key: list[str]) -> bool:
    return key[0] in METRICS and len(key) == len(METRICS[key[0]].labels) + 1


class Tally:
    """Counts one process's events. ``count(key)`` may be called from any thread."""

    def __init__(self) -> None:
        self._events: list[Key] = []
        self._series: dict[Key, list[float]] = {}
        self._gauges: dict[Key, Callable[[], float]] = {}
        self._told: Callable[[], Mapping[Key, float]] = dict
        self._lock = threading.Lock()
        self._sums = empty()
        self._names: Counter[str] = Counter()
        self.count: Callable[[Key], None] = self._events.append

    def begin(self, *key: str) -> None:
        """Have a counter stand at nought before its first event, which a monitor would otherwise not see as a rise."""
        with self._lock:
            self._sums.counts.setdefault(key, 0)

    def timer(self, *key: str) -> Callable[[float], None]:
        """What takes the observations of one histogram: seconds, or whatever its unit is."""
        return self._series.setdefault(key, []).append

    def gauge(self, name: str, read: Callable[[], float], *labels: str) -> None:
        """Have a value of this process asked for whenever the counts are."""
        self._gauges[(name, *labels)] = read

    def tell(self, read: Callable[[], Mapping[Key, float]]) -> None:
        """Have gauges asked for as well whose labels are not the same every time."""
        self._told = read

    def snapshot(self) -> Snapshot:
        """Everything counted so far."""
        with self._lock:
            self._sum_counts()
            for key, series in list(self._series.items()):
                if series:
                    self._sum_times(key, _taken(series))
            times = {key: list(histogram) for key, histogram in self._sums.times.items()}
            counts = Counter(self._sums.counts)
        gauges = {key: read() for key, read in self._gauges.items()}
        return Snapshot(counts, times, {**gauges, **self._told()})

    def _sum_counts(self) -> None:
        counts = self._sums.counts
        for key, number in Counter(_taken(self._events)).items():
            if key not in counts:
                self._names[key[0]] += 1
                if self._names[key[0]] > MOST_SERIES:
                    counts[(key[0], *[OTHER] * (len(key) - 1))] += number
                    continue
            counts[key] += number

    def _sum_times(self, key: Key, values: list[float]) -> None:
        bounds = METRICS[key[0]].bounds
        histogram = self._sums.times.setdefault(key, [0.0] * (len(bounds) + 2))
        for place, number in Counter([bisect_left(bounds, value) for value in values]).items():
            histogram[place] += number
        histogram[-1] += sum(values)


def _taken(waiting: list[Any]) -> list[Any]:
    """What a list holds by now; what other threads append meanwhile stays for the next time."""
    taken = waiting[:]
    del waiting[: len(taken)]
    return taken

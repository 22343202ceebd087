"""The few words of Prometheus's query language that our alerts use, judged on two scrapes.

A series the first scrape lacks has no increase, as in Prometheus: what an alert is to catch must be there at nought.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families as families

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]

_COMPARISON = re.compile(r"(.+) (==|>) ([\d.]+)")
_RATIO = re.compile(r"(.+) / on \(([\w, ]+)\) group_left (.+)")
_SUM = re.compile(r"sum by \(([\w, ]+)\) \((.+)\)")
_INCREASE = re.compile(r"increase\((.+)\[\w+\]\)")
_ABSENT = re.compile(r"absent\((\w+)\)")
_SELECTOR = re.compile(r"(\w+)(?:\{(\w+)(!?)=\"(\w*)\"\})?")


class Scrape(NamedTuple):
    """What ``/metrics`` said at two moments."""

    before: str
    now: str


def metrics(expression: str) -> set[str]:
    """The names of the samples an expression asks for."""
    return set(re.findall(r"\bscoregate_\w+", expression))


def fires(expression: str, scrape: Scrape) -> bool:
    """Whether an alert of this expression would be active."""
    if found := _ABSENT.fullmatch(expression):
        return not _select(found[1], scrape.now)
    vector, operator, bound = _parsed(_COMPARISON, expression)
    values = _evaluate(vector, scrape).values()
    return any(value == float(bound) if operator == "==" else value > float(bound) for value in values)


def _evaluate(vector: str, scrape: Scrape) -> Vector:
    if found := _RATIO.fullmatch(vector):
        return _ratio(_evaluate(found[1], scrape), _evaluate(found[3], scrape), found[2].split(", "))
    if found := _SUM.fullmatch(vector):
        return _sum(_evaluate(found[2], scrape), found[1].split(", "))
    if found := _INCREASE.fullmatch(vector):
        before, now = _select(found[1], scrape.before), _select(found[1], scrape.now)
        return {labels: value - before[labels] for labels, value in now.items() if labels in before}
    return _select(vector, scrape.now)


def _select(selector: str, text: str) -> Vector:
    name, label, unlike, value = _parsed(_SELECTOR, selector)
    samples = (sample for family in families(text) for sample in family.samples if sample.name == name)
    return {
        frozenset(sample.labels.items()): sample.value
        for sample in samples
        if not label or (sample.labels.get(label, "") == value) is not bool(unlike)
    }


def _sum(vector: Vector, by: Iterable[str]) -> Vector:
    total: Vector = {}
    for labels, value in vector.items():
        kept = _only(labels, by)
        total[kept] = total.get(kept, 0.0) + value
    return total


def _ratio(many: Vector, one: Vector, on: Iterable[str]) -> Vector:
    pairs = ((labels, value, one.get(_only(labels, on))) for labels, value in many.items())
    return {labels: value / below for labels, value, below in pairs if below}


def _only(labels: Labels, by: Iterable[str]) -> Labels:
    return frozenset(pair for pair in labels if pair[0] in by)


def _parsed(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    found = pattern.fullmatch(text)
    assert found, f"tests/promql.py does not read {text!r}"
    return found.groups()

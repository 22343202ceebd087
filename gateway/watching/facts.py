"""Gauges that are looked up when somebody asks: health, chain, disk, and what decides here."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from types import MappingProxyType

from contracts.lifecycle import Lifecycle
from gateway.watching import catalog
from gateway.watching.exposition import Sample
from gateway.watching.pulse import Health
from models.bundle import Bundle
from models.policy import Policy

DIGEST_LETTERS = 12
"""How much of a digest a label shows: enough to tell two apart."""


def facts(
    health: Health,
    integrations: Mapping[str, str],
    bundles: Iterable[Bundle],
    policies: Iterable[Policy],
    lifecycles: Mapping[str, Lifecycle | None] = MappingProxyType({}),
    warnings: Sequence[str] = (),
) -> Iterator[Sample]:
    """Every gauge that is no count; ``integrations`` gives each one's cause for being off, empty while it serves,
    ``lifecycles`` how long the contract each one speaks is supported, ``warnings`` what is wrong though decisions are
    made.
    """
    yield Sample(catalog.READY, (health.cause,), float(not health.cause))
    for warning in warnings:
        yield Sample(catalog.WARNING, (warning,), 1.0)
    for name, cause in integrations.items():
        yield Sample(catalog.INTEGRATION_READY, (name, cause), float(not cause))
    today = datetime.now(UTC).date()
    for name, life in lifecycles.items():
        if life and (left := life.days_left(today)) is not None:
            yield Sample(catalog.SUNSET_DAYS, (name, life.ref), float(left))
    yield Sample(catalog.DISK_FREE, (), float(health.disk_free))
    if health.standing is not None:
        yield Sample(catalog.CHAIN_HEAD, (), float(health.standing.block))
        yield Sample(catalog.ENTRIES, (), float(health.standing.entries))
        if health.standing.at:
            yield Sample(catalog.CHAIN_HEAD_AGE, (), max(0.0, time.time() - health.standing.at / 1e6))
    yield Sample(catalog.BUILD, (version("scoregate"), platform.python_version()), 1.0)
    for bundle in bundles:
        yield Sample(catalog.BUNDLE, (bundle.name, bundle.version, bundle.digest[:DIGEST_LETTERS], bundle.use), 1.0)
    for policy in policies:
        labels = (policy.product, policy.name, policy.version, policy.digest[:DIGEST_LETTERS])
        yield Sample(catalog.POLICY, (*labels, policy.effective_from.isoformat()), 1.0)

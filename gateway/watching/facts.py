"""Gauges that are looked up when somebody asks: health, chain, disk, and what decides here."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version

from contracts.lifecycle import Lifecycle
from gateway.watching import catalog
from gateway.watching.exposition import Sample
from gateway.watching.pulse import Health
from gateway.watching.tally import Key
from models.bundle import Bundle
from models.policy import Policy

DIGEST_LETTERS = 12
"""How much of a digest a label shows: enough to tell two apart."""


def standing(
    health: Health,
    integrations: Mapping[str, str],
    bundles: Iterable[Bundle],
    policies: Iterable[Policy],
    warnings: Iterable[str] = (),
) -> dict[Key, float]:
    """How it stands with one process, which may differ between workers: told of all of them, whichever answers.

    ``integrations`` gives each one's cause for being off, empty while it serves, ``warnings`` what is wrong though
    decisions are made.
    """
    found: dict[Key, float] = {(catalog.READY, health.cause): float(not health.cause)}
    found |= {(catalog.WARNING, warning): 1.0 for warning in warnings}
    found |= {(catalog.INTEGRATION_READY, name, cause): float(not cause) for name, cause in integrations.items()}
    for bundle in bundles:
        found[catalog.BUNDLE, bundle.name, bundle.version, bundle.digest[:DIGEST_LETTERS], bundle.use] = 1.0
    for policy in policies:
        labels = (policy.product, policy.name, policy.version, policy.digest[:DIGEST_LETTERS])
        found[catalog.POLICY, *labels, policy.effective_from.isoformat()] = 1.0
    return found


def facts(health: Health, lifecycles: Mapping[str, Lifecycle | None]) -> Iterator[Sample]:
    """What is the same whoever is asked; ``lifecycles``: how long the contract an integration speaks is supported."""
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

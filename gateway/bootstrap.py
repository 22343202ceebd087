"""The composition root: the one place that knows adapters, models, ledger and doors, and puts them together.

What all share (settings, ledger, bundles, policies, contracts) refuses the start when it is wrong; a fault in one
integration's own folder switches off that integration alone.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import structlog

from contracts.digest import Layout
from contracts.errors import ConfigurationError, Fault, NotFound
from contracts.rows import RowEngine
from contracts.source import nearest
from contracts.store import ContractStore
from gateway.integrations import Integration, read_integration
from gateway.ledger import Ledger
from gateway.objects import ObjectStore
from gateway.pipeline import Line
from gateway.service import ServingDesk
from gateway.settings import Settings
from gateway.spi import Adapter, Codec
from models.bundle import Bundle
from models.policy import Policy
from models.scoring import Scorer

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Installation:
    """A home made ready: its desks by name, the integrations that could not be made ready, and its ledger."""

    settings: Settings
    contracts: ContractStore
    bundles: Mapping[str, Bundle]
    policies: tuple[Policy, ...]
    adapters: Mapping[str, Adapter]
    desks: dict[str, ServingDesk] = field(default_factory=dict)
    faulty: dict[str, ConfigurationError] = field(default_factory=dict)
    ledger: Ledger | None = None

    def desk(self, name: str) -> ServingDesk:
        """The desk of an integration; raises ConfigurationError if it is switched off, NotFound if there is none."""
        if name in self.faulty:
            raise self.faulty[name]
        if name not in self.desks:
            known = nearest(name, self.desks) or f"there are: {', '.join(sorted(self.desks)) or 'none'}"
            raise NotFound(f"no integration {name!r} in {self.settings.home}; {known}")
        return self.desks[name]

    def close(self) -> None:
        if self.ledger is not None:
            self.ledger.close()

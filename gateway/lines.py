"""Lines compiled from their parts, and the basis of each: the digests of everything its decisions rest on.

A decision's sealed record names its basis, and the object store keeps it beside what it names: the integration, every
contract on the way, the bundle, the policy, and the environment the decision was computed in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.digest import Layout
from contracts.errors import ConfigurationError
from contracts.rows import RowEngine
from contracts.store import ContractStore
from contracts.upcast import RowUpcast
from gateway.integrations import Integration, way_up
from gateway.pipeline import Line, Pinned
from models.archive import canonical
from models.bundle import Bundle
from models.policy import Policy
from models.policy_faults import untold
from models.scoring import Scorer


@dataclass(frozen=True, slots=True)
class Basis:
    """``contracts`` holds digests by reference, the other parts are digests: SHA-256 in hex, as in the object store."""

    integration: str
    name: str
    contracts: Mapping[str, str]
    bundle: str
    policy: str
    environment: str

    @property
    def content(self) -> bytes:
        """The object that is stored: canonical JSON."""
        return canonical({name: getattr(self, name) for name in self.__slots__})

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @classmethod
    def parse(cls, parts: Mapping[str, Any]) -> Basis:
        """Raises KeyError or TypeError for what is no basis."""
        return cls(**{name: parts[name] for name in cls.__slots__})


def compile_line(
    contracts: ContractStore,
    integration: Integration,
    bundle: Bundle,
    policy: Policy,
    environment: str = "",
    scorer: Scorer | None = None,
) -> Line:
    """Everything a decision depends on but the message and the time; raises ConfigurationError where parts do not fit.

    ``environment`` is the digest of what computes; ``scorer`` one of the same bundle, where there is one already.
    """
    pinned = _pinned(contracts, integration, bundle)
    contract = contracts.get(bundle.contract)
    bundle.check(contract)
    require_language(integration, policy, bundle)
    bound = policy.bind(contract, bundle, integration.language)
    basis = Basis(
        integration.digest,
        integration.name,
        {ref: contracts.get(ref).digest for ref in sorted(contracts_of(contracts, integration, bundle))},
        bundle.digest,
        policy.digest,
        environment,
    )
    rows, layout, scorer = RowEngine(contract), Layout(contract), scorer or Scorer(bundle)
    return Line(integration, contract, rows, layout, bundle, scorer, bound, pinned, basis.digest, basis.content)


def require_language(integration: Integration, policy: Policy, bundle: Bundle) -> None:
    """Raise ConfigurationError, at the integration's ``language``, where something it may answer has no text in it."""
    faults = [integration.fault(("language",), *said) for said in untold(policy, bundle, integration.language)]
    if faults:
        raise ConfigurationError(faults)


def contracts_of(contracts: ContractStore, integration: Integration, bundle: Bundle) -> set[str]:
    """Every contract a decision rests on: the integration's two, all on the way to the bundle's, and those they were
    made from, without which an upcaster cannot be read."""
    way = contracts.chain(integration.contract, bundle.contract)
    found: set[str] = set()
    for ref in (integration.answer, *way):
        while ref and ref not in found:
            found.add(ref)
            ref = contracts.get(ref).made_from
    return found


def _pinned(contracts: ContractStore, integration: Integration, bundle: Bundle) -> Pinned | None:
    """The version the integration speaks, with the way to the bundle's; None where they are the same."""
    step = way_up(contracts, integration, bundle)
    if step is None:
        return None
    spoken = contracts.get(integration.contract)
    return Pinned(spoken, RowEngine(spoken), Layout(spoken), RowUpcast(step))

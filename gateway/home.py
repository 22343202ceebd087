"""What all integrations of a home share, read and checked: bundles, policies, and the contracts they were made for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from contracts.errors import ConfigurationError, Fault
from contracts.source import nearest
from contracts.store import ContractStore
from gateway.integrations import INTEGRATION_FILE, Integration
from gateway.modes import may_open
from models.bundle import Bundle
from models.policy import Policy
from models.policy_faults import clashes, outdated


def integration_folders(home: Path) -> list[Path]:
    return sorted(path.parent for path in (home / "integrations").glob(f"*/{INTEGRATION_FILE}"))


def require_integrations(home: Path, names: Sequence[str]) -> None:
    """Raise ConfigurationError for a name that is no integration of the home; ``*`` stands for all."""
    known = [folder.name for folder in integration_folders(home)]
    hint = f"there are: {', '.join(known) or 'none'}"
    unknown = [name for name in names if name not in (*known, "*")]
    if unknown:
        where = str(home / "integrations")
        raise ConfigurationError([Fault(where, 0, 0, f"no {n!r}", nearest(n, known) or hint) for n in unknown])


def read_bundles(home: Path) -> Mapping[str, Bundle]:
    """Every bundle of the home by digest; each is verified byte by byte."""
    found = [Bundle.load(path.parent) for path in sorted((home / "bundles").glob("*/*/bundle.json"))]
    return {bundle.digest: bundle for bundle in found}


def read_policies(home: Path, bundles: Mapping[str, Bundle]) -> Sequence[Policy]:
    """Every policy of the home; raises ConfigurationError where one names a bundle that is not there, or two clash."""
    policies = [Policy.read(path) for path in sorted((home / "policies").glob("*.yaml"))]
    faults = [bundle_missing(policy, bundles) for policy in policies if policy.bundle_digest not in bundles]
    faults += clashes(policies)
    if faults:
        raise ConfigurationError(faults)
    return policies


def check_shared(contracts: ContractStore, bundles: Mapping[str, Bundle], policies: Sequence[Policy]) -> None:
    """Every contract by itself, every policy against its bundle and the contract that was trained on, whichever
    integration uses them; raises ConfigurationError with every fault.
    """
    faults: list[Fault] = []
    for ref in contracts.refs():
        try:
            contracts.get(ref)
        except ConfigurationError as exc:
            faults += exc.faults
    if not faults:
        faults = [fault for policy in policies for fault in _unfit(policy, bundles[policy.bundle_digest], contracts)]
    if faults:
        raise ConfigurationError(list(dict.fromkeys(faults)))


def _unfit(policy: Policy, bundle: Bundle, contracts: ContractStore) -> Sequence[Fault]:
    if bundle.contract not in contracts.refs():
        message = f"was made for {bundle.contract}, which is not there"
        return [Fault(f"bundle {bundle.ref}", 0, 0, message, f"there are: {', '.join(contracts.refs())}")]
    contract = contracts.get(bundle.contract)
    try:
        bundle.check(contract)
    except ConfigurationError as exc:
        return exc.faults
    misleading = [fault for fault in outdated(policy, bundle) if fault.severity == "error"]
    return [*policy.faults(contract, bundle), *misleading]


def no_policy(integration: Integration, policies: Iterable[Policy]) -> Fault:
    """Said where none of these policies is for the integration's product."""
    hint = f"there are policies for: {', '.join(sorted({policy.product for policy in policies})) or 'none'}"
    return integration.fault(("product",), f"no policy for {integration.product!r}", hint)


def refused_live(integration: Integration, bundle: Bundle, allowed: Collection[str]) -> list[Fault]:
    """A fault where the integration is live and the bundle decides nothing live; ``allowed`` as in the settings."""
    if may_open(integration.name, integration.mode, bundle.use, allowed):
        return []
    message = f"mode live, but the bundle {bundle.ref} is marked for demonstration"
    hint = f"train your own, or allow it by name: SCOREGATE_ALLOW_DEMONSTRATION={integration.name}"
    return [integration.fault(("mode",), message, hint)]


def bundle_missing(policy: Policy, bundles: Mapping[str, Bundle]) -> Fault:
    """Said where the bundle that a policy decides with is none of these, by digest."""
    there = ", ".join(f"{one.ref} {digest[:12]}…" for digest, one in bundles.items()) or "no bundle at all"
    message = f"names the bundle {policy.bundle_name} {policy.bundle_digest[:12]}…, which is not in bundles/"
    return policy.source.fault(("bundle", "digest"), message, f"there is {there}")

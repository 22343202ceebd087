"""Everything that can be said of a home, or of one integration, before it serves: contracts, integrations, bundles,
policies and principals, each alone and against one another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from contracts.errors import ConfigurationError, Fault, MissingLibrary, SetupError
from contracts.source import Source, nearest
from contracts.store import ContractStore
from gateway.connections import Connections
from gateway.home import bundle_missing, no_policy, refused_live
from gateway.integrations import INTEGRATION_FILE, Integration, read_integration, way_up
from gateway.lines import require_language
from gateway.lint_bundle import bundle_faults
from gateway.lint_lookups import lookup_faults
from gateway.lint_texts import text_faults
from gateway.lint_wire import wire_faults
from gateway.slips import slip
from gateway.spi import Adapter, RunningAdapter
from models.bundle import Bundle
from models.policy import Policy
from models.policy_faults import clashes, outdated, rivals

TELLING: Final = {
    "outcome": "the answer does not tell the outcome",
    "decision_id": "the answer does not name the decision, so nobody can ask for it again",
    "imputations": "the answer does not list what had to be estimated",
    "reasons": "the answer gives no reasons",
}
"""What an answer should carry, and what is to be said where it does not."""


@dataclass(frozen=True)
class Shelf:
    """What the integrations of a home share, as far as it could be read."""

    contracts: ContractStore
    connections: Connections
    bundles: Mapping[str, Bundle] = field(default_factory=dict)
    policies: tuple[Policy, ...] = ()
    principals: frozenset[str] | None = None
    today: date = date.min


def lint(
    home: Path,
    adapter: Callable[[str], Adapter],
    folder: Path | None = None,
    *,
    allow_demonstration: Collection[str] = (),
    today: date | None = None,
) -> list[Fault]:
    """Every fault, warning and note, those of what all share first, then integration by integration.

    ``folder`` is one integration, linted against the home, or another home. ``adapter`` finds an adapter by name;
    ``today`` (UTC) is what dates of deprecation are held against.
    Raises nothing for what is wrong in the files: that is what it reports.
    """
    single = folder if folder and (folder / INTEGRATION_FILE).is_file() else None
    home = folder if folder and not single else home
    if not single and not (home / "integrations").is_dir():
        return [Fault(str(home), 0, 0, f"is neither a home nor an integration: it has no {INTEGRATION_FILE}")]
    shelf, found = _shelve(home)
    files = sorted((home / "integrations").glob(f"*/{INTEGRATION_FILE}"))
    shelf = replace(shelf, today=today or datetime.now(UTC).date())
    found = [] if single else [*found, *shelf.contracts.lint(), *_strays(home)]
    for one in [single] if single else [path.parent for path in files]:
        found += IntegrationLint(one, shelf, adapter, allow_demonstration).faults()
    return list(dict.fromkeys(found))


def _shelve(home: Path) -> tuple[Shelf, list[Fault]]:
    found: list[Fault] = []
    bundles: dict[str, Bundle] = {}
    policies: list[Policy] = []
    for path in sorted((home / "bundles").glob("*/*/bundle.json")):
        try:
            bundle = Bundle.load(path.parent)
            bundles[bundle.digest] = bundle
        except ConfigurationError as exc:
            found += exc.faults
    for path in sorted((home / "policies").glob("*.yaml")):
        try:
            policies.append(Policy.read(path))
        except ConfigurationError as exc:
            found += exc.faults
    found += [fault for policy in policies for fault in _policy_faults(policy, bundles)]
    found += [fault for bundle in bundles.values() for fault in rivals(bundle, bundles.values())]
    found += clashes(policies)
    principals, wrong = _principals(home)
    return Shelf(ContractStore(home), Connections(home), bundles, tuple(policies), principals), found + wrong


def _policy_faults(policy: Policy, bundles: Mapping[str, Bundle]) -> list[Fault]:
    if policy.bundle_digest in bundles:
        return outdated(policy, bundles[policy.bundle_digest])
    return [bundle_missing(policy, bundles)]


def _principals(home: Path) -> tuple[frozenset[str] | None, list[Fault]]:
    """Their names, None where there is no file. A secret that is not here may be where the home will serve."""
    from gateway.access.principals import FILE, Principals
    from gateway.access.roster import table

    try:
        read = Principals.read(home / FILE)
    except ConfigurationError as exc:
        return None, list(exc.faults)
    names = frozenset(read.by_name) if (home / FILE).exists() else None
    try:
        table(read)
    except ConfigurationError as exc:
        hint = "where it is not, the gateway does not start"
        return names, [fault._replace(hint=hint, severity="warning") for fault in exc.faults]
    return names, []


def _strays(home: Path) -> list[Fault]:
    """Folders among the integrations that hold none."""
    folders = [path for path in sorted((home / "integrations").iterdir()) if path.is_dir()]
    lacking = [path for path in folders if not (path / INTEGRATION_FILE).is_file()]
    return [Fault(str(path), 0, 0, f"holds no {INTEGRATION_FILE}", severity="warning") for path in lacking]


class IntegrationLint:
    """One integration against its adapter, its policies and their bundles."""

    def __init__(
        self, folder: Path, shelf: Shelf, adapter: Callable[[str], Adapter], allow_demonstration: Collection[str]
    ) -> None:
        self._folder, self._shelf, self._adapter, self._allowed = folder, shelf, adapter, allow_demonstration

    def faults(self) -> list[Fault]:
        try:
            return self._faults()
        except Exception as exc:  # noqa: BLE001 # a slip of ours; the other integrations are still looked at
            return [Fault(str(self._folder / INTEGRATION_FILE), 0, 0, slip(exc, self._folder.name).message)]

    def _faults(self) -> list[Fault]:
        try:
            integration = read_integration(self._folder, self._shelf.contracts)
        except ConfigurationError as exc:
            return [*exc.faults, *self._unknown_adapter()]
        return [
            *self._wire(integration),
            *lookup_faults(integration, self._adapter, self._shelf.connections),
            *self._answer(integration),
            *self._callers(integration),
            *self._lifecycles(integration),
            *self._decided(integration),
        ]

    def _unknown_adapter(self) -> list[Fault]:
        """What can be said of the adapter even where the rest of the file cannot be read."""
        try:
            source = Source.read(self._folder / INTEGRATION_FILE)
        except ConfigurationError:
            return []  # not even YAML, and said so already
        name = source.data.get("adapter") if isinstance(source.data, dict) else None
        try:
            if isinstance(name, str):
                self._adapter(name)
        except SetupError as exc:
            return [source.fault(("adapter",), fault.message, fault.hint) for fault in exc.faults]
        return []

    def _wire(self, integration: Integration) -> list[Fault]:
        try:
            codec = self._adapter(integration.adapter).wire(integration.wire, self._folder)
        except (ConfigurationError, MissingLibrary) as exc:
            return [f if f.file else integration.fault(("adapter",), f.message, f.hint) for f in exc.faults]
        return wire_faults(integration, codec.fields())

    def _answer(self, integration: Integration) -> Iterator[Fault]:
        entries = integration.answer_map.tree.entries
        told = {str(entry.source.steps[0]) for entry in entries if hasattr(entry, "source")}
        for name, message in TELLING.items():
            if name not in told:
                yield integration.fault(("answer_map",), message, f"map {name}", "warning")

    def _callers(self, integration: Integration) -> Iterator[Fault]:
        known = self._shelf.principals if self._is_called(integration) else None
        for index, name in enumerate(integration.principals if known is not None else ()):
            if name not in (known or ()):
                hint = nearest(name, known or ()) or f"there are: {', '.join(sorted(known or ())) or 'none'}"
                message = f"principals.yaml has no {name!r}"
                yield integration.fault(("access", "principals", index), message, hint, "warning")

    def _is_called(self, integration: Integration) -> bool:
        """Whether somebody calls it; one that calls by itself names in ``access`` whom its decisions are made for."""
        try:
            return not isinstance(self._adapter(integration.adapter), RunningAdapter)
        except SetupError:
            return True

    def _lifecycles(self, integration: Integration) -> Iterator[Fault]:
        """Versions that are deprecated, past their sunset, or not yet published."""
        for key, ref in (("contract", integration.contract), ("answer", integration.answer)):
            try:
                life = self._shelf.contracts.lifecycle(ref)
            except ConfigurationError as exc:
                yield from exc.faults
                continue
            if warning := life.warning(self._shelf.today):
                severity, message = warning
                yield integration.fault((key,), message, life.cure, severity)

    def _decided(self, integration: Integration) -> Iterator[Fault]:
        """Against every policy of the product and the bundle it decides with."""
        policies = [policy for policy in self._shelf.policies if policy.product == integration.product]
        if not policies:
            severity = "error" if self._shelf.policies else "warning"
            yield no_policy(integration, self._shelf.policies)._replace(severity=severity)
        for policy in policies:
            bundle = self._shelf.bundles.get(policy.bundle_digest)
            if bundle is not None:
                yield from self._with_bundle(integration, policy, bundle)

    def _with_bundle(self, integration: Integration, policy: Policy, bundle: Bundle) -> Iterator[Fault]:
        yield from refused_live(integration, bundle, self._allowed)
        try:
            step = way_up(self._shelf.contracts, integration, bundle)
            contract = self._shelf.contracts.get(bundle.contract)
            bundle.check(contract)
            require_language(integration, policy, bundle)
            bound = policy.bind(contract, bundle, integration.language)
        except ConfigurationError as exc:
            yield from exc.faults
            return
        yield from bundle_faults(integration, step, bound, bundle)
        yield from text_faults(integration, policy, bundle)

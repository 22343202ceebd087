"""The composition root: the one place that knows adapters, models, ledger and doors, and puts them together.

What all share (settings, ledger, bundles, policies, contracts) refuses the start when it is wrong; a fault in one
integration's own folder switches off that integration alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.errors import ConfigurationError, Fault, NotFound, SetupError
from contracts.lifecycle import soonest
from contracts.mapping.paths import getter
from contracts.source import Source, nearest
from contracts.store import ContractStore
from gateway import environment
from gateway.access.roster import Roster
from gateway.clock import Clock, never_back
from gateway.clock import utc_now as utc_now
from gateway.desks import ClosedDesk
from gateway.integrations import INTEGRATION_FILE, Integration, read_integration
from gateway.ledger import Kind, Ledger, make_key_file
from gateway.ledger.connect import connect, locate
from gateway.lines import compile_line, contracts_of
from gateway.lookups import Lookup
from gateway.modes import Modes, may_open
from gateway.objects import ObjectStore
from gateway.pipeline import Line
from gateway.service import ServingDesk
from gateway.settings import Settings
from gateway.spi import Adapter, ClosableAdapter, CredentialAdapter, LookupAdapter, RoutedAdapter
from gateway.watching.catalog import WORKERS
from gateway.watching.lookout import Lookout
from gateway.watching.pulse import Pulse
from gateway.watching.tracing import tracing
from models.bundle import Bundle
from models.policy import Policy, clashes

if TYPE_CHECKING:
    import socket

    from sqlalchemy import URL

    from gateway.http.accept import Board
    from gateway.http.app import Gateway
    from gateway.http.door import Mounted
    from gateway.proof import Prover

PRINCIPALS_FILE = "principals.yaml"


@dataclass(slots=True)
class Installation:
    """A home made ready: its desks by name, the integrations that could not be made ready and why, its ledger."""

    settings: Settings
    contracts: ContractStore
    bundles: Mapping[str, Bundle]
    policies: Sequence[Policy]
    adapters: Mapping[str, Adapter]
    roster: Roster
    modes: Modes
    desks: dict[str, ServingDesk] = field(default_factory=dict)
    faulty: dict[str, ConfigurationError] = field(default_factory=dict)
    ledger: Ledger | None = None
    lookout: Lookout = field(default_factory=Lookout.silent)

    def desk(self, name: str) -> ServingDesk:
        """The desk of an integration; raises ConfigurationError if it is switched off, NotFound if there is none."""
        if name in self.faulty:
            raise self.faulty[name]
        if name not in self.desks:
            known = nearest(name, self.desks) or f"there are: {', '.join(sorted(self.desks)) or 'none'}"
            raise NotFound(f"no integration {name!r} in {self.settings.home}; {known}")
        return self.desks[name]

    def states(self) -> dict[str, str]:
        """Every integration by name, with why it is switched off; empty while it serves."""
        off = {name: error.code for name, error in self.faulty.items()}
        return dict(sorted((dict.fromkeys(self.desks, "") | off).items()))

    def pulse(self) -> Pulse:
        """What says whether a decision can be made durable here; raises SetupError without a ledger."""
        if self.ledger is None:
            raise SetupError("an installation without a ledger cannot serve")
        return Pulse(self.ledger, self.settings.state, self.settings.disk_reserve)

    def close(self) -> None:
        if self.ledger is not None:
            self.ledger.close()
        self.lookout.close()


def install(
    settings: Settings,
    *,
    with_ledger: bool,
    clock: Clock | None = None,
    adapters: Mapping[str, Adapter] | None = None,
    lookout: Lookout | None = None,
) -> Installation:
    """Make a home ready. ``clock`` and ``adapters`` stand in for the real ones, as in tests; the real clock never goes
    back. ``lookout`` is told what happens.

    Raises SetupError for what all integrations share; faults of single integrations end up in ``faulty``.
    """
    if not (settings.home / "integrations").is_dir():
        raise SetupError(f"{settings.home / 'integrations'} is missing: {settings.home} is not a home; see --home")
    clock = clock or never_back(utc_now)
    contracts = ContractStore(settings.home)
    bundles = read_bundles(settings.home)
    policies = read_policies(settings.home, bundles)
    check_shared(contracts, bundles, policies)
    roster = Roster(settings.home / PRINCIPALS_FILE)
    lookout = lookout or Lookout.silent()
    installation = Installation(
        settings,
        contracts,
        bundles,
        policies,
        adapters or {},
        roster,
        Modes(roster.mode, settings.allow_demonstration),
        ledger=open_ledger(settings, clock, lookout) if with_ledger else None,
        lookout=lookout,
    )
    for folder in integration_folders(settings.home):
        try:
            installation.desks[folder.name] = open_desk(installation, folder, clock)
        except ConfigurationError as error:
            installation.faulty[folder.name] = error
            first = error.faults[0]
            lookout.events.warning(
                "integration_off", integration=folder.name, cause=error.code, file=first.file, line=first.line
            )
    if with_ledger:
        lookout.start(settings.state / "run")
        keep_objects(installation)
    return installation


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
    faults = [_bundle_missing(policy, bundles) for policy in policies if policy.bundle_digest not in bundles]
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
    return policy.faults(contract, bundle)


def _bundle_missing(policy: Policy, bundles: Mapping[str, Bundle]) -> Fault:
    there = ", ".join(f"{b.name}@{b.version} {b.digest[:12]}…" for b in bundles.values()) or "no bundle at all"
    message = f"names the bundle {policy.bundle_name} {policy.bundle_digest[:12]}…, which is not in bundles/"
    return policy.source.fault(("bundle", "digest"), message, f"there is {there}")


def open_ledger(
    settings: Settings, clock: Clock, lookout: Lookout | None = None, *, examine: bool = False
) -> Ledger:
    """The ledger the settings name, else the embedded one; its keys are made on first use where settings name none."""
    keys = settings.state / "keys"
    try:
        settings.state.parent.mkdir(parents=True, exist_ok=True)
        settings.state.mkdir(mode=0o700, exist_ok=True)
        keys.mkdir(mode=0o700, exist_ok=True)
    except OSError as exc:
        raise SetupError(f"cannot make {keys}: {exc.strerror}; make the state directory writable") from exc
    return Ledger(
        ledger_place(settings),
        master_key=settings.master_keys or make_key_file(keys / "master.key"),
        signing_key=settings.signing_keys or make_key_file(keys / "signing.key"),
        anchor=settings.anchor_file,
        bound=settings.queue,
        retention={Kind[kind.upper()]: days for kind, days in settings.retention.items()},
        now=clock,
        lookout=lookout,
        examine=examine,
    )


def prover(settings: Settings, ledger: Ledger, folder: Path, *, show: bool = False) -> Prover:
    """What computes decisions of the ledger again, from the object store alone; ``folder`` is scratch space."""
    import adapters
    from gateway.grounds import Grounds
    from gateway.proof import Prover, renewals

    grounds = Grounds(ObjectStore(settings.state / "objects"), adapters.load, folder)
    return Prover(grounds, renewals(ledger), environment.environment(), show=show)


def ledger_place(settings: Settings) -> Path | URL:
    """Where the ledger lies: the file or database URL of the settings, else the file of the home."""
    return locate(settings.ledger or str(settings.state / "ledger.db"), settings.ledger_password)


def open_desk(installation: Installation, folder: Path, clock: Clock) -> ServingDesk:
    """One integration compiled against its contract and every policy of its product."""
    integration = read_integration(folder, installation.contracts)
    adapter = _adapter(installation, integration.adapter)
    codec = adapter.wire(integration.wire, folder)
    lines = [_line(installation, integration, policy) for policy in _policies(installation, integration)]
    lookups = {name: _lookup(installation, integration, name) for name in integration.lookups}
    lifecycle = soonest(*map(installation.contracts.lifecycle, (integration.contract, integration.answer)))
    modes, lookout, public = installation.modes, installation.lookout, installation.settings.public
    return ServingDesk(lines, codec, installation.ledger, clock, lookups, modes, lookout, lifecycle, public)


def _lookup(installation: Installation, integration: Integration, name: str) -> Lookup:
    spec = integration.lookups[name]
    adapter = _adapter(installation, spec.adapter)
    if not isinstance(adapter, LookupAdapter):
        message = f"the adapter {spec.adapter!r} does no look-ups"
        raise ConfigurationError([integration.fault(("lookups", name, "adapter"), message)])
    return Lookup(adapter.lookup(spec.section), getter(spec.key))


def _adapter(installation: Installation, name: str) -> Adapter:
    """An adapter of the installation's own, else the registry's; only here is the adapters' package imported."""
    import adapters

    return installation.adapters.get(name) or adapters.load(name)


def _policies(installation: Installation, integration: Integration) -> list[Policy]:
    found = [policy for policy in installation.policies if policy.product == integration.product]
    if not found:
        hint = f"there are policies for: {', '.join(sorted({p.product for p in installation.policies})) or 'none'}"
        raise ConfigurationError([integration.fault(("product",), f"no policy for {integration.product!r}", hint)])
    return found


def _line(installation: Installation, integration: Integration, policy: Policy) -> Line:
    bundle = installation.bundles[policy.bundle_digest]
    _refuse_demonstration(installation.settings, integration, bundle)
    return compile_line(installation.contracts, integration, bundle, policy, environment.digest())


def _refuse_demonstration(settings: Settings, integration: Integration, bundle: Bundle) -> None:
    if not may_open(integration.name, integration.mode, bundle.use, settings.allow_demonstration):
        message = f"mode live, but the bundle {bundle.name} is marked for demonstration"
        hint = f"train your own, or allow it by name: SCOREGATE_ALLOW_DEMONSTRATION={integration.name}"
        raise ConfigurationError([integration.fault(("mode",), message, hint)])


def keep_objects(installation: Installation) -> None:
    """Keep everything that can decide from now on: without it nothing can be proved later.

    Raises SetupError where a file changed after it was read: decisions would name what is not kept.
    """
    store = ObjectStore(installation.settings.state / "objects")
    store.put(environment.content())
    for desk in installation.desks.values():
        _same(desk.integration.folder, store.put_folder(desk.integration.folder), desk.integration.digest)
        for line in desk.lines:
            for ref in contracts_of(installation.contracts, desk.integration, line.bundle):
                store.put(installation.contracts.get(ref).content)
            store.put(line.basis_content)
    for policy in installation.policies:
        _same(Path(policy.source.file), store.put(Path(policy.source.file).read_bytes()), policy.digest)
    for path in sorted((installation.settings.home / "bundles").glob("*/*/*")):
        if path.is_file():
            store.put(path.read_bytes())


def _same(path: Path, kept: str, read: str) -> None:
    if kept != read:
        raise SetupError(f"{path} changed while the gateway started; start again")


def lint(settings: Settings, folder: Path | None = None) -> list[Fault]:
    """Every fault, warning and note of the home, or of one integration; see ``gateway.lint``."""
    import adapters
    from gateway import lint as checks

    return checks.lint(settings.home, adapters.load, folder, allow_demonstration=settings.allow_demonstration)


def serve(settings: Settings) -> int:
    """Serve every routed integration until SIGTERM, with as many workers as the settings say; the exit code."""
    from gateway.http import server

    sock = server.bind(settings.host, settings.port)
    if settings.workers > 1:
        from gateway.supervisor import supervise

        return supervise(settings, sock)
    serve_on(sock, settings)
    return 0


def serve_on(
    sock: socket.socket,
    settings: Settings,
    *,
    worker: int = 1,
    board: Board | None = None,
    started: Callable[[], None] = lambda: None,
) -> None:
    """Serve on a listening socket in this process, as the worker of this number; see ``gateway.http.server.serve``."""
    from gateway.http import server

    lookout = Lookout.to(sys.stderr.buffer, settings.log_level, worker)
    lookout.tracing = tracing(settings.tracing, settings.tracing_share, lookout.tally)
    installation = install(settings, with_ledger=True, lookout=lookout)
    pulse = installation.pulse()
    app = application(installation, pulse)
    for desk in installation.desks.values():
        desk.warm()

    def serving() -> None:
        where = f"{settings.host}:{sock.getsockname()[1]}"
        counts = {"integrations": len(installation.desks), "version": version("scoregate")}
        lookout.events.info("worker_serving", address=where, pid=os.getpid(), **counts)
        started()

    lookout.tally.gauge(WORKERS, lambda: 1.0)
    server.serve(app, sock, board=board, started=serving, stopping=pulse.drain)


def application(installation: Installation, pulse: Pulse | None = None) -> Gateway:
    """The ASGI application of an installation; ``pulse`` is its health, for who has it told that the end is near."""
    from gateway.access.keeper import Keeper
    from gateway.access.layer import Access
    from gateway.access.store import SharedAccess
    from gateway.http.app import Readiness, build
    from gateway.http.journal import Journal
    from gateway.watching.exposition import exposition
    from gateway.watching.facts import facts

    pulse = pulse or installation.pulse()
    installation.roster.read()
    events = installation.lookout.events
    store = SharedAccess(connect(ledger_place(installation.settings)))
    access = Access(Keeper(installation.roster, store, report=events.fault))
    installation.modes.overridden = access.overridden

    async def ready() -> Readiness:
        health = await pulse.look()
        return Readiness(health.cause, installation.states())

    def metrics(accept: str) -> tuple[bytes, str]:
        lives = {name: desk.lifecycle for name, desk in installation.desks.items()}
        bundles, policies = installation.bundles.values(), installation.policies
        found = facts(pulse.health(), installation.states(), bundles, policies, lives)
        return exposition(installation.lookout.snapshot(), found, accept)

    return build(
        mounted(installation),
        access,
        Journal(installation.lookout),
        ready=ready,
        metrics=metrics,
        close=installation.close,
        version=version("scoregate"),
    )


def mounted(installation: Installation) -> list[Mounted]:
    """Every address of every routed integration, also of those that are switched off."""
    return [
        *(one for desk in installation.desks.values() for one in _doors(installation, desk)),
        *(one for name, error in installation.faulty.items() for one in _closed_doors(installation, name, error)),
    ]


def _doors(installation: Installation, desk: ServingDesk) -> list[Mounted]:
    from gateway.http.door import Mounted

    adapter, integration = _adapter(installation, desk.integration.adapter), desk.integration
    routes = adapter.routes(desk) if isinstance(adapter, RoutedAdapter) else ()
    limits, welcome = integration.limits, frozenset(integration.principals) or None
    credentials = adapter.credentials if isinstance(adapter, CredentialAdapter) else None
    return [
        Mounted(route, *limits.of(route.operation), welcome, integration.mode, desk.turned_away, credentials)
        for route in routes
    ]


def _closed_doors(installation: Installation, name: str, error: ConfigurationError) -> list[Mounted]:
    """The addresses of an integration that is switched off: they say so in its own format."""
    from gateway.http.door import Mounted

    folder = installation.settings.home / "integrations" / name
    try:
        adapter = _adapter(installation, str(Source.read(folder / INTEGRATION_FILE).data["adapter"]))
        codec = adapter.closed() if isinstance(adapter, ClosableAdapter) else adapter.wire({}, folder)
        desk = ClosedDesk(name, codec, error)
    except (SetupError, TypeError, KeyError):
        return []
    return [Mounted(route) for route in adapter.routes(desk)] if isinstance(adapter, RoutedAdapter) else []

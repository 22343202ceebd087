"""The composition root: the one place that knows adapters, models, ledger and doors, and puts them together.

What all share (settings, ledger, bundles, policies, contracts) refuses the start when it is wrong; a fault in one
integration's own folder switches off that integration alone.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.errors import ConfigurationError, Fault, ScoregateError, SetupError
from contracts.lifecycle import soonest
from contracts.store import ContractStore
from gateway import environment
from gateway.access.beside import Beside
from gateway.access.principals import FILE as PRINCIPALS
from gateway.access.roster import Roster
from gateway.clock import Clock, never_back, utc_now
from gateway.connections import Connections
from gateway.home import check_shared, integration_folders, no_policy, read_bundles, read_policies, refused_live
from gateway.installation import Installation
from gateway.integrations import Integration, read_integration
from gateway.ledger import Ledger
from gateway.lines import compile_line, contracts_of
from gateway.lookups import Lookup
from gateway.modes import Modes
from gateway.objects import ObjectStore
from gateway.opening import Opening, open_ledger
from gateway.pipeline import Line
from gateway.service import ServingDesk
from gateway.settings import Settings
from gateway.spi import Adapter, CommandAdapter, LookupAdapter, ReachingAdapter, RunningAdapter, Site
from gateway.stopping import survive_hangup
from gateway.watching.catalog import WORKERS
from gateway.watching.lookout import Lookout
from gateway.watching.polls import PollWatch
from gateway.watching.scribe import standard_error
from gateway.watching.sources import SourceWatch
from gateway.watching.tracing import tracing
from models.policy import Policy

if TYPE_CHECKING:
    import socket

    from gateway.drafting.integration import Asked, Drafted
    from gateway.http.accept import Board
    from gateway.proof import Prover

NO_RELOAD = "one process cannot take its own place: restart it, or serve with --workers 2 and send SIGHUP to the first"
"""The supervisor of several workers is the first process; a worker that is hung up on says this too."""


def install(
    settings: Settings,
    *,
    with_ledger: bool,
    clock: Clock | None = None,
    adapters: Mapping[str, Adapter] | None = None,
    lookout: Lookout | None = None,
    patient: bool = False,
) -> Installation:
    """Make a home ready. ``clock`` and ``adapters`` stand in for the real ones, as in tests; the real clock never goes
    back. ``lookout`` is told what happens. ``patient`` says to go on where the ledger cannot be opened yet.

    Raises SetupError for what all integrations share; what is wrong with a single one, a slip of ours in reading it
    among that, ends up in ``faulty``.
    """
    if not (settings.home / "integrations").is_dir():
        raise SetupError(f"{settings.home / 'integrations'} is missing: {settings.home} is not a home; see --home")
    clock = clock or never_back(utc_now)
    contracts = ContractStore(settings.home)
    bundles = read_bundles(settings.home)
    policies = read_policies(settings.home, bundles)
    check_shared(contracts, bundles, policies)
    roster = Roster(settings.home / PRINCIPALS, checking=False)
    lookout = lookout or Lookout.silent()
    installation = Installation(
        settings,
        contracts,
        bundles,
        policies,
        _adapters(adapters or {}),
        roster,
        Modes(allowed=settings.allow_demonstration),
        Connections(settings.home),
        opening=_opening(settings, clock, lookout, patient=patient) if with_ledger else None,
        lookout=lookout,
    )
    if with_ledger:
        installation.modes.caller = roster.mode
        installation.beside = Beside(installation.keeper)
        installation.modes.overridden = installation.beside.overridden
    for folder in integration_folders(settings.home):
        with installation.alone(folder.name):
            installation.desks[folder.name] = open_desk(installation, folder, clock)
    if with_ledger:
        _examine(installation)
        lookout.start(settings.state / "run")
        keep_objects(installation)
    return installation


def _examine(installation: Installation) -> None:
    """Switch off integrations whose look-ups name what their source does not have; one that is down may have it."""
    words = {name: desk.examine() for name, desk in installation.desks.items()}
    for name, word in words.items():
        with installation.alone(name):
            word()


def _opening(settings: Settings, clock: Clock, lookout: Lookout, *, patient: bool) -> Opening:
    return Opening(lambda: open_ledger(settings, clock, lookout), lookout.events, patient=patient)


def _adapters(own: Mapping[str, Adapter]) -> Callable[[str], Adapter]:
    """An adapter of the installation's own, else the registry's; only here is the adapters' package imported."""
    import adapters

    return lambda name: own.get(name) or adapters.load(name)


def prover(settings: Settings, ledger: Ledger, folder: Path, *, show: bool = False) -> Prover:
    """What computes decisions of the ledger again, from the object store alone; ``folder`` is scratch space."""
    import adapters
    from gateway.grounds import Grounds
    from gateway.proof import Prover, renewals

    grounds = Grounds(ObjectStore(settings.objects), adapters.load, folder)
    return Prover(grounds, renewals(ledger), environment.environment(), show=show)


def open_desk(installation: Installation, folder: Path, clock: Clock) -> ServingDesk:
    """One integration compiled against its contract and every policy of its product."""
    integration = read_integration(folder, installation.contracts)
    adapter = installation.adapter(integration.adapter)
    codec = adapter.wire(integration.wire, folder)
    lines = [_line(installation, integration, policy) for policy in _policies(installation, integration)]
    lookups = {name: _lookup(installation, integration, name) for name in integration.lookups}
    lifecycle = soonest(*map(installation.contracts.lifecycle, (integration.contract, integration.answer)))
    modes, lookout, public = installation.modes, installation.lookout, installation.settings.public
    return ServingDesk(lines, codec, installation.opening, clock, lookups, modes, lookout, lifecycle, public)


def _lookup(installation: Installation, integration: Integration, name: str) -> Lookup:
    spec = integration.lookups[name]
    adapter = installation.adapter(spec.adapter)
    if not isinstance(adapter, LookupAdapter):
        message = f"the adapter {spec.adapter!r} does no look-ups"
        raise ConfigurationError([integration.fault(("lookups", name, "adapter"), message)])
    connections = partial(installation.connections, adapter=spec.adapter)
    watch = SourceWatch(installation.lookout, integration.name, name)
    with integration.placing(("lookups", name)):
        return Lookup(spec, adapter.lookup(spec.section, connections), watch)


def _policies(installation: Installation, integration: Integration) -> list[Policy]:
    found = [policy for policy in installation.policies if policy.product == integration.product]
    if not found:
        raise ConfigurationError([no_policy(integration, installation.policies)])
    return found


def _line(installation: Installation, integration: Integration, policy: Policy) -> Line:
    bundle = installation.bundles[policy.bundle_digest]
    if refused := refused_live(integration, bundle, installation.settings.allow_demonstration):
        raise ConfigurationError(refused)
    return compile_line(installation.contracts, integration, bundle, policy, environment.digest())


def keep_objects(installation: Installation) -> None:
    """Keep everything that can decide from now on: without it nothing can be proved later.

    Raises SetupError where a file changed after it was read: decisions would name what is not kept.
    """
    store = ObjectStore(installation.settings.objects)
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


def adapter_commands() -> Mapping[str, Mapping[str, tuple[str, str]]]:
    """The commands that adapters add, by adapter and name: the word for the argument, and what each does.

    No adapter is imported for that.
    """
    import adapters

    return {name: row.commands for name, row in adapters.registry().items() if row.commands}


def run_command(settings: Settings, adapter: str, name: str, argument: str) -> Iterator[str]:
    """Run one of them; the lines to print. Raises what the adapter raises, SetupError where it has no commands."""
    import adapters

    found = adapters.load(adapter)
    if not isinstance(found, CommandAdapter):
        raise SetupError(f"the adapter {adapter!r} has no command {name!r}")
    connections = Connections(settings.home)
    return found.command(name, argument, lambda connection: connections(connection, adapter))


def reach(settings: Settings) -> Iterator[tuple[str, str | ScoregateError]]:
    """Try every connection of the home: its name, and what is there or why it cannot be reached.

    Raises ConfigurationError where ``connections.yaml`` is wrong.
    """
    import adapters

    connections = Connections(settings.home)
    for name, kind in connections.named().items():
        try:
            adapter = adapters.load(kind)
            if isinstance(adapter, ReachingAdapter):
                yield name, adapter.reach(connections(name, kind))
        except ScoregateError as error:
            yield name, error


def new_integration(settings: Settings, asked: Asked) -> Drafted:
    """Draft an integration from what a legacy system says of itself; see ``gateway.drafting.integration``."""
    import adapters
    from gateway.drafting.integration import new_integration as draft

    return draft(settings, asked, adapters.load)


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
    gc.disable()  # until what the start makes stands
    from gateway.doors import application
    from gateway.http import server

    lookout = Lookout.to(standard_error(), settings.log_level, worker)
    lookout.tracing = tracing(settings.tracing, settings.tracing_share, lookout.tally)
    survive_hangup(lambda: lookout.events.warning("reload_refused", cause=NO_RELOAD))
    installation = install(settings, with_ledger=True, lookout=lookout, patient=True)
    pulse = installation.pulse()
    app = application(installation, pulse)
    for desk in installation.desks.values():
        desk.warm()

    def serving() -> None:
        where = f"{settings.host}:{sock.getsockname()[1]}"
        counts = {"integrations": len(installation.desks), "version": version("scoregate")}
        lookout.events.info("worker_serving", address=where, pid=os.getpid(), **counts)
        installation.go_on()
        keep_what_stands()
        started()

    lookout.tally.gauge(WORKERS, lambda: 1.0)
    server.serve(app, sock, started=serving, stopping=pulse.drain, turned_away=app.turned_away, board=board)
    installation.check()


def keep_what_stands() -> None:
    """What the start made lives as long as the process, so the collector of cycles need not walk it: two hundred
    thousand objects, for which every decision under way waited a tenth of a second, some times a minute.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


def poll(settings: Settings, name: str, *, once: bool = False) -> None:
    """Run the loop of an integration's adapter until SIGTERM or SIGINT; ``once`` until nothing waits.

    Raises SetupError where the integration or what it reaches is wrong for good, or is one that callers call.
    """
    from gateway.stopping import told_to_stop

    lookout = Lookout.to(standard_error(), settings.log_level)
    lookout.tracing = tracing(settings.tracing, settings.tracing_share, lookout.tally)
    with told_to_stop() as stop:
        installation = install(settings, with_ledger=True, lookout=lookout, patient=not once)
        try:
            desk = installation.desk(name)
            kind = desk.integration.adapter
            adapter = installation.adapter(kind)
            if not isinstance(adapter, RunningAdapter):
                message = f"the adapter {kind!r} is called; there is nothing to poll"
                raise ConfigurationError([desk.integration.fault(("adapter",), message, "use: scoregate serve")])
            installation.go_on()
            desk.warm()
            keep_what_stands()
            principals = desk.integration.principals
            principal = principals[0] if len(principals) == 1 else name
            installation.roster.read()
            installation.require_enabled(principal)
            installation.watch_callers(lambda: stop.set() if installation.roster.disabled(principal) else None)
            connections = partial(installation.connections, adapter=kind)
            watch = PollWatch(lookout, name, once=once)
            adapter.run(desk, Site(connections, lookout.events, stop, once, principal, watch))
            installation.require_enabled(principal)
        finally:
            installation.close()
        installation.check()

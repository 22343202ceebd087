"""The doors of an installation: every address of every integration, health and metrics, as one ASGI application."""

from __future__ import annotations

from importlib.metadata import version

from contracts.errors import ScoregateError
from contracts.source import Source
from gateway.access.layer import Access
from gateway.access.proxies import Proxies, trusted
from gateway.desks import ClosedDesk
from gateway.http.app import Gateway, Readiness, build
from gateway.http.door import Mounted
from gateway.http.journal import Journal
from gateway.installation import Installation
from gateway.integrations import INTEGRATION_FILE
from gateway.service import ServingDesk
from gateway.spi import ClosableAdapter, CredentialAdapter, RoutedAdapter
from gateway.watching.exposition import exposition
from gateway.watching.facts import facts, standing
from gateway.watching.polls import missed
from gateway.watching.pulse import Health, Pulse
from gateway.watching.tally import Key


def application(installation: Installation, pulse: Pulse | None = None) -> Gateway:
    """The ASGI application of an installation; ``pulse`` is its health, for who has it told that the end is near."""
    pulse = pulse or installation.pulse()
    installation.roster.checking = True
    installation.roster.read()
    access = Access(installation.keeper(), proxies=Proxies(trusted(installation.settings.trusted_proxies)))
    installation.modes.overridden = access.keeper.overridden

    def warnings(health: Health) -> list[str]:
        return [*health.warnings, *(["principals_unread"] if access.keeper.unread else [])]

    def stands() -> dict[Key, float]:
        health, bundles = pulse.health(), installation.bundles.values()
        return standing(health, installation.states(), bundles, installation.policies, warnings(health))

    async def ready() -> Readiness:
        health = await pulse.look()
        return Readiness(health.cause, installation.states(), installation.remedies(), warnings(health))

    def metrics(accept: str) -> tuple[bytes, str]:
        lives = {name: desk.lifecycle for name, desk in installation.desks.items()}
        counted = missed(installation.lookout.snapshot(), installation.states())
        return exposition(counted, facts(pulse.health(), lives), accept)

    gateway = build(
        mounted(installation),
        access,
        Journal(installation.lookout),
        ready=ready,
        metrics=metrics,
        close=installation.close,
        version=version("scoregate"),
    )
    installation.lookout.tally.tell(stands)  # now that no integration is switched off any more
    return gateway


def mounted(installation: Installation) -> list[Mounted]:
    """Every address of every routed integration, also of those that are switched off."""
    doors: list[Mounted] = []
    for name, desk in list(installation.desks.items()):
        with installation.alone(name):
            doors += _doors(installation, desk)
    closed = (_closed_doors(installation, name, error) for name, error in installation.faulty.items())
    return [*doors, *(one for some in closed for one in some)]


def _doors(installation: Installation, desk: ServingDesk) -> list[Mounted]:
    adapter, integration = installation.adapter(desk.integration.adapter), desk.integration
    routes = adapter.routes(desk) if isinstance(adapter, RoutedAdapter) else ()
    limits, welcome = integration.limits, frozenset(integration.principals) or None
    credentials = adapter.credentials if isinstance(adapter, CredentialAdapter) else None
    return [
        Mounted(route, *limits.of(route.operation), welcome, integration.mode, desk.turned_away, credentials)
        for route in routes
    ]


def _closed_doors(installation: Installation, name: str, error: ScoregateError) -> list[Mounted]:
    """The addresses of an integration that is switched off: they say so in its own format."""
    folder = installation.settings.home / "integrations" / name
    try:
        adapter = installation.adapter(str(Source.read(folder / INTEGRATION_FILE).data["adapter"]))
        codec = adapter.closed() if isinstance(adapter, ClosableAdapter) else adapter.wire({}, folder)
        desk = ClosedDesk(name, codec, error)
        return [Mounted(route) for route in adapter.routes(desk)] if isinstance(adapter, RoutedAdapter) else []
    except Exception:  # noqa: BLE001 # that it is off has been said; without a codec it cannot say so itself
        return []

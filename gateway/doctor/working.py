"""What serving would meet: ledger, clock, connections, configuration, port. Everything is tried, nothing is changed."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

from contracts.errors import ConfigurationError, ScoregateError, UpstreamError
from gateway.doctor.findings import Finding, failed
from gateway.probe import EVERYWHERE
from gateway.settings import Settings

CLOCK_SLACK_SECONDS = 5


def ledger(settings: Settings) -> Iterator[Finding]:
    """Open the ledger as a gateway would, unless that would make one."""
    from gateway.clock import utc_now
    from gateway.ledger.migrate import holds_ledger
    from gateway.opening import PATIENCE_S, ledger_place, named, open_ledger

    try:
        place = ledger_place(settings)
        if not holds_ledger(place, PATIENCE_S):
            yield Finding("note", "ledger", f"{named(place)} is not there yet; the first start makes it")
            yield from _clock(0)
            return
        opened = open_ledger(settings, utc_now, existing=True)
    except ScoregateError as error:
        yield Finding("error", "ledger", error.message, "do what it says")
        yield from _clock(0)
        return
    try:
        yield from _opened(opened.standing().at / 1e6, opened.unwritable(), opened.standing().block)
    finally:
        opened.close()


def _opened(newest: float, unwritable: str, block: int) -> Iterator[Finding]:
    if unwritable:
        cure = "free space, end what holds the database, or start its server; /readyz names the same cause"
        yield Finding("error", "ledger", f"opened with its keys, but no decision can be written: {unwritable}", cure)
    else:
        yield Finding("ok", "ledger", f"opened with its keys, of the schema this program writes, block {block}")
    yield from _clock(newest)


def _clock(newest: float) -> Iterator[Finding]:
    """The clock against the newest block, in seconds since 1970; 0 where there is none, or none that can be read."""
    behind = newest - time.time()
    if not newest:
        yield Finding("note", "clock", "there is no block of a ledger to hold it against")
    elif behind > CLOCK_SLACK_SECONDS:
        seen = f"{behind:.0f} s behind the ledger's newest block"
        yield Finding("error", "clock", seen, "set the clock (timedatectl, chronyc), then start the gateway again")
    else:
        yield Finding("ok", "clock", "not behind the ledger's newest block")


def connections(settings: Settings) -> Iterator[Finding]:
    """Every database that ``connections.yaml`` names is connected to, and left again. One that cannot be reached is a
    warning: the gateway decides without it."""
    from gateway.bootstrap import reach

    try:
        for name, found in reach(settings):
            if isinstance(found, UpstreamError):
                cure = "start its server or open the way to it; pollers and look-ups go on by themselves then"
                yield Finding("warning", "connections", found.message, cure)
            elif isinstance(found, ScoregateError):
                yield from failed("connections", found, "warning")
            else:
                yield Finding("ok", "connections", f"{name}: {found}")
    except ConfigurationError as error:
        yield from failed("connections", error)


def configuration(settings: Settings) -> Iterator[Finding]:
    from gateway.bootstrap import lint

    try:
        faults = lint(settings)
    except ScoregateError as error:
        yield Finding("error", "configuration", error.message, "scoregate lint")
        return
    errors, warnings = (sum(fault.severity == kind for fault in faults) for kind in ("error", "warning"))
    severity = "error" if errors else "warning" if warnings else "ok"
    cure = "scoregate lint" if errors or warnings else ""
    yield Finding(severity, "configuration", f"{errors} error(s), {warnings} warning(s)", cure)


def port(settings: Settings) -> Iterator[Finding]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((settings.host, settings.port))
        except OSError as exc:
            seen = f"{settings.host} port {settings.port}: {exc.strerror}"
            cure = "nothing to do if this gateway serves there; else choose another with SCOREGATE_PORT"
            yield Finding("warning", "port", seen, cure)
        else:
            yield Finding("ok", "port", f"{settings.host} port {settings.port} is free")


def address(settings: Settings) -> Iterator[Finding]:
    """What a served WSDL tells callers to call."""
    wsdl = next(iter(sorted((settings.home / "integrations").glob("*/*.wsdl"))), None)
    if wsdl is not None and settings.host in EVERYWHERE and not settings.public_url:
        seen = f"the WSDL of {wsdl.parent.name} is served with {settings.public}, where nobody reaches it"
        yield Finding("warning", "public url", seen, "set SCOREGATE_PUBLIC_URL to the address that callers use")

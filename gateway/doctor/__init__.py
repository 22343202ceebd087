"""What is wrong with an installation, and how to cure each thing: everything is looked at, nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from contracts.errors import ScoregateError
from gateway import settings as settings_
from gateway.doctor import files, machine, working
from gateway.doctor.findings import Finding, failed, looked
from gateway.settings import Settings

CHECKS: Mapping[str, Callable[[Settings], Iterable[Finding]]] = {
    "state": files.state,
    "user": files.user,
    "disk": files.disk,
    "keys": files.keys,
    "principals": files.principals,
    "passwords": files.passwords,
    "ledger": working.ledger,
    "certificates": files.certificates,
    "connections": working.connections,
    "configuration": working.configuration,
    "port": working.port,
    "public url": working.address,
}
"""What is looked at of a home, in the order a person would."""


def examine(home: Path | None, environ: Mapping[str, str]) -> list[Finding]:
    """Every finding, in the order a person would look."""
    found = _machine(environ)
    try:
        settings = settings_.load(home=home)
    except (ScoregateError, OSError) as error:
        return [*found, *failed("settings", error)]
    found.append(Finding("ok", "settings", f"home is {settings.home.resolve()}"))
    return [*found, *(one for check, look in CHECKS.items() for one in looked(check, partial(look, settings)))]


def _machine(environ: Mapping[str, str]) -> list[Finding]:
    checks: Mapping[str, Callable[[], Iterable[Finding]]] = {
        "python": machine.python,
        "packages": machine.packages,
        "extras": machine.extras,
        "odbc drivers": partial(machine.drivers, environ),
        "threads": partial(machine.threads, environ),
        "kernel cache": partial(machine.kernels, environ),
        "clock": machine.clock,
    }
    return [finding for check, look in checks.items() for finding in looked(check, look)]


def as_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """The findings for a person: the cure stands below what it cures."""
    for finding in findings:
        yield f"{finding.severity:<8} {finding.check:<16} {finding.seen}"
        if finding.cure and finding.severity != "ok":
            yield f"{'':<25} → {finding.cure}"


def as_json(findings: Iterable[Finding]) -> str:
    return json.dumps([finding._asdict() for finding in findings], indent=2)

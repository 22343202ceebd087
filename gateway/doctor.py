"""What is wrong with an installation, and how to cure each thing: everything is looked at, nothing is changed."""

from __future__ import annotations

import configparser
import ctypes
import importlib.util
import json
import os
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import NamedTuple

from contracts.errors import ConfigurationError, ScoregateError, UpstreamError
from gateway import settings as settings_
from gateway.access.principals import FILE as PRINCIPALS
from gateway.launch import ONE_THREAD
from gateway.private import anybody_writes
from gateway.probe import EVERYWHERE
from gateway.settings import Settings

LEAST_PYTHON = (3, 11)
SOON = timedelta(days=30)
CLOCK_SLACK_SECONDS = 5
ALL_OTHERS = stat.S_IRWXG | stat.S_IRWXO
DRIVER_MANAGER = "libodbc.so.2"
PINS = Path(__file__).parents[1] / "docker" / "requirements.txt"
AGAIN = "correct it, then run this again"
OPTIONAL = {
    "soap": ("zeep", "lxml", "signxml"),
    "odbc": ("pyodbc",),
    "postgresql": ("psycopg",),
    "columns": ("polars", "pyarrow"),
    "tracing": ("opentelemetry.sdk",),
}
"""Extras of the package and the modules each brings."""


class Finding(NamedTuple):
    """One thing that was looked at. ``severity`` is ok, note, warning or error; ``cure`` is empty where none is due."""

    severity: str
    check: str
    seen: str
    cure: str = ""


def examine(home: Path | None, environ: Mapping[str, str]) -> list[Finding]:
    """Every finding, in the order a person would look."""
    found = [*_python(), *_packages(), *_optional(environ), *_threads(environ), *_kernels(environ)]
    try:
        settings = settings_.load(home=home)
    except ScoregateError as error:
        return [*found, *(Finding("error", "settings", text, AGAIN) for text in _texts(error))]
    found.append(Finding("ok", "settings", f"home is {settings.home.resolve()}"))
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _disk, _keys, _ledger, _certificates, _connections, _configuration, _port, _address,
    )  # fmt: skip
    return found + [finding for check in checks for finding in check(settings)]


def _python() -> Iterator[Finding]:
    here = sys.version.split()[0]
    if sys.version_info < LEAST_PYTHON:
        yield Finding("error", "python", here, "install Python 3.11 or newer")
    else:
        yield Finding("ok", "python", here)


def _packages() -> Iterator[Finding]:
    """Packages that are needed, and those that differ from the tested set where that is at hand."""
    needed = [line.partition(";")[0] for line in requires("scoregate") or [] if "extra ==" not in line]
    names = [line.replace("[", ">").partition(">")[0].partition("<")[0].strip() for line in needed]
    for name in (name for name in names if _installed(name) is None):
        yield Finding("error", "packages", f"{name} is missing", "pip install scoregate")
    if not PINS.is_file():
        yield Finding("note", "packages", "the tested set is not at hand here, so versions were not compared")
        return
    pins = dict(line.split()[0].split("==") for line in PINS.read_text().splitlines() if "==" in line[:60])
    other = [f"{n} {_installed(n)} (tested: {v})" for n, v in pins.items() if _installed(n) not in (None, v)]
    if other:
        cure = "pip install --require-hashes -r docker/requirements.txt"
        yield Finding("warning", "packages", f"differ from the tested set: {', '.join(other)}", cure)
    else:
        yield Finding("ok", "packages", "as tested")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _optional(environ: Mapping[str, str]) -> Iterator[Finding]:
    for extra, modules in OPTIONAL.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        if missing:
            cure = f"only where it is used: pip install 'scoregate[{extra}]'"
            yield Finding("note", f"extra {extra}", f"without {', '.join(missing)}", cure)
        else:
            yield Finding("ok", f"extra {extra}", "installed")
    yield from _odbc(environ)


def _odbc(environ: Mapping[str, str]) -> Iterator[Finding]:
    """The driver manager, and each driver registered with it: whether its library is where it says."""
    try:
        ctypes.CDLL(DRIVER_MANAGER)
    except OSError:
        cure = "only for databases by ODBC: apt-get install unixodbc"
        yield Finding("note", "odbc", f"without the driver manager, {DRIVER_MANAGER}", cure)
        return
    file = Path(environ.get("ODBCSYSINI", "/etc")) / environ.get("ODBCINSTINI", "odbcinst.ini")
    drivers = configparser.ConfigParser(interpolation=None, strict=False)
    drivers.read(file)
    for name in drivers.sections():
        library = drivers[name].get("Driver", "")
        if library.startswith("/") and not Path(library).exists():
            cure = f"install its package again, or take it out of {file}"
            yield Finding("warning", "odbc drivers", f"{name}: there is no {library}", cure)
        else:
            yield Finding("ok", "odbc drivers", f"{name}: {library}")
    if not drivers.sections():
        cure = "only for databases by ODBC: install the vendor's driver package, as odbc-postgresql or odbc-mariadb"
        yield Finding("note", "odbc drivers", f"none registered in {file}", cure)


def _threads(environ: Mapping[str, str]) -> Iterator[Finding]:
    wrong = [f"{name}={environ.get(name, '')}" for name in ONE_THREAD if environ.get(name) != "1"]
    if wrong:
        yield Finding("warning", "threads", ", ".join(wrong), "start by the command scoregate, which sets each to 1")
    else:
        yield Finding("ok", "threads", "one per process")


def _kernels(environ: Mapping[str, str]) -> Iterator[Finding]:
    folder = Path(environ.get("NUMBA_CACHE_DIR", ""))
    if not environ.get("NUMBA_CACHE_DIR") or not os.access(folder, os.W_OK):
        cure = "point NUMBA_CACHE_DIR to a folder that only this user can write"
        yield Finding("warning", "kernel cache", f"{folder} cannot be written: every start compiles anew", cure)
    elif folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        seen = f"others can write {folder}, and what lies there is run"
        yield Finding("error", "kernel cache", seen, f"chmod go-w {folder}")
    else:
        yield Finding("ok", "kernel cache", str(folder))


def _disk(settings: Settings) -> Iterator[Finding]:
    place = next(path for path in (settings.state, *settings.state.resolve().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if not os.access(place, os.W_OK):
        yield Finding("error", "state", f"{place} cannot be written", f"make it writable for user {os.getuid()}")
    elif anybody_writes(place):
        seen = f"anybody can write {place}, and so put keys and links there"
        yield Finding("warning", "state", seen, f"chmod o-w {place}, unless nobody else is there, as in a container")
    if free < settings.disk_reserve:
        seen = f"{free / 1e6:.0f} MB free, {settings.disk_reserve / 1e6:.0f} MB are to be kept"
        yield Finding("error", "disk", seen, "free space, or lower SCOREGATE_DISK_RESERVE")
    else:
        yield Finding("ok", "disk", f"{free / 1e9:.1f} GB free where state lies")


def _keys(settings: Settings) -> Iterator[Finding]:
    """Keys that are made are their owner's alone. A group may read what others put there: so a secret is mounted."""
    given = (*settings.master_keys, *settings.signing_keys)
    for name in ("master.key", "signing.key"):
        yield from _private("keys", settings.keys / name, 0)
    for reference in (reference for reference in given if reference.startswith("file:")):
        yield from _private("keys", Path(reference.removeprefix("file:")), stat.S_IRGRP)
    yield from _private("principals", settings.home / PRINCIPALS, stat.S_IRGRP)


def _private(check: str, file: Path, allowed: int) -> Iterator[Finding]:
    if not file.exists():
        return
    if file.stat().st_mode & ALL_OTHERS & ~allowed:
        who, mode = ("its owner and its group", 640) if allowed else ("its owner", 600)
        yield Finding("error", check, f"others than {who} can read or write {file}", f"chmod {mode} {file}")
    else:
        yield Finding("ok", check, f"{file} is for nobody else to read")


def _ledger(settings: Settings) -> Iterator[Finding]:
    """Open the ledger as a gateway would, unless that would make one."""
    from gateway.clock import utc_now
    from gateway.ledger.migrate import holds_ledger
    from gateway.opening import PATIENCE_S, ledger_place, named, open_ledger

    try:
        place = ledger_place(settings)
        if not holds_ledger(place, PATIENCE_S):
            yield Finding("note", "ledger", f"{named(place)} is not there yet; the first start makes it")
            return
        ledger = open_ledger(settings, utc_now, existing=True)
    except ScoregateError as error:
        yield Finding("error", "ledger", error.message, "do what it says")
        return
    try:
        yield from _opened(ledger.standing().at / 1e6, ledger.unwritable(), ledger.standing().block)
    finally:
        ledger.close()


def _opened(newest: float, unwritable: str, block: int) -> Iterator[Finding]:
    if unwritable:
        cure = "free space, end what holds the database, or start its server; /readyz names the same cause"
        yield Finding("error", "ledger", f"opened with its keys, but no decision can be written: {unwritable}", cure)
    else:
        yield Finding("ok", "ledger", f"opened with its keys, of the schema this program writes, block {block}")
    behind = newest - time.time()
    if behind > CLOCK_SLACK_SECONDS:
        seen = f"{behind:.0f} s behind the ledger's newest block"
        yield Finding("error", "clock", seen, "set the clock (timedatectl, chronyc), then start the gateway again")
    else:
        seen = "not behind the ledger; whether it is right cannot be told from here"
        yield Finding("ok", "clock", seen, "see timedatectl or chronyc tracking")


def _certificates(settings: Settings) -> Iterator[Finding]:
    """Certificates kept with the configuration: integrations may name them."""
    from cryptography import x509

    for file in sorted(path for kind in ("*.pem", "*.crt") for path in (settings.home / "integrations").rglob(kind)):
        try:
            ends = min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(file.read_bytes()))
        except (ValueError, OSError):
            continue  # a key, or not PEM: not a certificate
        if ends < datetime.now(UTC):
            yield Finding("error", "certificates", f"{file} ended {ends:%Y-%m-%d}", "put a new one in its place")
        elif ends < datetime.now(UTC) + SOON:
            yield Finding("warning", "certificates", f"{file} ends {ends:%Y-%m-%d}", "order a new one")
        else:
            yield Finding("ok", "certificates", f"{file} until {ends:%Y-%m-%d}")


def _connections(settings: Settings) -> Iterator[Finding]:
    """Every database that ``connections.yaml`` names is connected to, and left again. One that cannot be reached is a
    warning: the gateway decides without it."""
    from gateway.bootstrap import reach

    try:
        for name, found in reach(settings):
            if isinstance(found, UpstreamError):
                cure = "start its server or open the way to it; pollers and look-ups go on by themselves then"
                yield Finding("warning", "connections", found.message, cure)
            elif isinstance(found, ScoregateError):
                yield from (Finding("warning", "connections", text, AGAIN) for text in _texts(found))
            else:
                yield Finding("ok", "connections", f"{name}: {found}")
    except ConfigurationError as error:
        yield from (Finding("error", "connections", text, AGAIN) for text in _texts(error))


def _texts(error: ScoregateError) -> list[str]:
    faults = error.faults if isinstance(error, ConfigurationError) else ()
    return [str(fault) for fault in faults] or [error.message]


def _configuration(settings: Settings) -> Iterator[Finding]:
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


def _port(settings: Settings) -> Iterator[Finding]:
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


def _address(settings: Settings) -> Iterator[Finding]:
    """What a served WSDL tells callers to call."""
    wsdl = next(iter(sorted((settings.home / "integrations").glob("*/*.wsdl"))), None)
    if wsdl is not None and settings.host in EVERYWHERE and not settings.public_url:
        seen = f"the WSDL of {wsdl.parent.name} is served with {settings.public}, where nobody reaches it"
        yield Finding("warning", "public url", seen, "set SCOREGATE_PUBLIC_URL to the address that callers use")


def as_lines(findings: list[Finding]) -> Iterator[str]:
    """The findings for a person: the cure stands below what it cures."""
    for finding in findings:
        yield f"{finding.severity:<8} {finding.check:<16} {finding.seen}"
        if finding.cure and finding.severity != "ok":
            yield f"{'':<25} → {finding.cure}"


def as_json(findings: list[Finding]) -> str:
    return json.dumps([finding._asdict() for finding in findings], indent=2)

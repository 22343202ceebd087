"""Where the gateway writes and what it keeps secret: rooms, who may read and write, certificates."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contracts.errors import ConfigurationError
from gateway.access.principals import FILE as PRINCIPALS
from gateway.access.principals import Principals
from gateway.doctor.findings import Finding, unreadable
from gateway.private import anybody_writes
from gateway.settings import Settings

SOON = timedelta(days=30)
ALL_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def disk(settings: Settings) -> Iterator[Finding]:
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


def keys(settings: Settings) -> Iterator[Finding]:
    """Keys that are made are their owner's alone. A group may read what others put there: so a secret is mounted."""
    given = (*settings.master_keys, *settings.signing_keys)
    for name in ("master.key", "signing.key"):
        yield from _private("keys", settings.keys / name, 0)
    for reference in given:
        yield from _referred("keys", reference)


def principals(settings: Settings) -> Iterator[Finding]:
    """Who may call, and the secrets they sign with: without one of those the start is refused."""
    from gateway.access.roster import table

    file = settings.home / PRINCIPALS
    yield from _private("principals", file, stat.S_IRGRP)
    try:
        read = Principals.read(file)
    except ConfigurationError:
        return  # said by the configuration
    secrets = [one.held for caller in read.by_name.values() for one in caller.credentials if one.kind == "signature"]
    for reference in dict.fromkeys(secrets):
        yield from _referred("principals", reference)
    try:
        table(read)
    except ConfigurationError as error:
        cure = f"put it there for user {os.geteuid()} to read; until then the gateway does not start"
        yield from (Finding("error", "principals", str(fault), cure) for fault in error.faults)


def _referred(check: str, reference: str) -> Iterator[Finding]:
    """The file behind a reference, if it is one: what others mount there a group may read."""
    if reference.startswith("file:"):
        yield from _private(check, Path(reference.removeprefix("file:")), stat.S_IRGRP)


def _private(check: str, file: Path, allowed: int) -> Iterator[Finding]:
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as exc:
        yield unreadable(check, exc)
        return
    if mode & ALL_OTHERS & ~allowed:
        who, octal = ("its owner and its group", 640) if allowed else ("its owner", 600)
        yield Finding("error", check, f"others than {who} can read or write {file}", f"chmod {octal} {file}")
    else:
        yield Finding("ok", check, f"{file} is for nobody else to read")


def certificates(settings: Settings) -> Iterator[Finding]:
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

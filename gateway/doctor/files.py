"""Where the gateway writes and what it keeps secret: rooms, who may read and write, certificates."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contracts.errors import ConfigurationError, ScoregateError
from gateway.access.principals import FILE as PRINCIPALS
from gateway.access.principals import Principals
from gateway.connections import Connections
from gateway.doctor.findings import Finding, unreadable
from gateway.private import anybody_writes
from gateway.settings import Settings

CERTIFICATES = ("*.pem", "*.crt", "*.cer", "*.der")
SOON = timedelta(days=30)
ALL_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def state(settings: Settings) -> Iterator[Finding]:
    for what, place in _places(settings):
        if not os.access(place, os.W_OK):
            cure = f"make it writable for user {os.geteuid()}, or run this as the user that serves"
            yield Finding("error", "state", f"{place}, for {what}, cannot be written", cure)
        elif anybody_writes(place):
            seen = f"anybody can write {place}, and so put keys and links there"
            cure = f"chmod o-w {place}, unless nobody else is there, as in a container"
            yield Finding("warning", "state", seen, cure)
        else:
            yield Finding("ok", "state", f"{place}, for {what}, can be written, and not by anybody")


def user(settings: Settings) -> Iterator[Finding]:
    """Whether this runs as the user that made the keys, as serving would have to."""
    if not settings.keys.exists():
        return
    owner, here = settings.keys.stat().st_uid, os.geteuid()
    if owner != here:
        seen = f"{settings.keys} belongs to user {owner}, and this runs as user {here}"
        yield Finding("warning", "user", seen, f"run every command as user {owner}: what another makes it cannot read")
    else:
        yield Finding("ok", "user", f"{here}, to whom the keys belong")


def disk(settings: Settings) -> Iterator[Finding]:
    for what, place in _places(settings):
        free = shutil.disk_usage(place).free
        if free < settings.disk_reserve:
            least = f"{settings.disk_reserve / 1e6:.0f} MB are to be kept"
            seen = f"{free / 1e6:.0f} MB free in {place}, for {what}; {least}"
            yield Finding("error", "disk", seen, "free space, or lower SCOREGATE_DISK_RESERVE")
        else:
            yield Finding("ok", "disk", f"{free / 1e9:.1f} GB free in {place}, for {what}")


def _places(settings: Settings) -> Iterable[tuple[str, Path]]:
    """What is written in each folder, and the folder, or what of the way to it is there already."""
    from gateway.opening import folders
    from gateway.watching.pulse import Folders

    try:
        where = folders(settings)
    except ScoregateError:
        where = Folders(settings.state, anchor=settings.anchor_file.parent)  # the ledger's own check says why
    found: dict[Path, list[str]] = {}
    for what, folder in where._asdict().items():
        if folder is not None:
            found.setdefault(folder.resolve(), []).append(what)
    for folder, written in found.items():
        yield ", ".join(written), next(path for path in (folder, *folder.parents) if path.exists())


def keys(settings: Settings) -> Iterator[Finding]:
    """Keys that are made are their owner's alone. A group may read what others put there: so a secret is mounted."""
    given = (*settings.master_keys, *settings.signing_keys)
    for name in ("master.key", "signing.key"):
        yield from _private("keys", settings.keys / name, 0)
    for reference in given:
        yield from _referred("keys", reference)
    for reference in (settings.ledger, settings.ledger_password):
        yield from _referred("ledger", reference)


def passwords(settings: Settings) -> Iterator[Finding]:
    """The files that ``connections.yaml`` refers to for its secrets."""
    found = Connections(settings.home)
    try:
        sections = [found(name, adapter).section for name, adapter in found.named().items()]
    except ConfigurationError:
        return  # said where they are tried
    values = (value for section in sections for value in section.values())
    for reference in dict.fromkeys(value for value in values if isinstance(value, str)):
        yield from _referred("connections", reference)


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
    """Certificates kept with the configuration, which integrations may name, and those the ledger's URL names."""
    kept = (path for kind in CERTIFICATES for path in (settings.home / "integrations").rglob(kind))
    for file in [*sorted(kept), *_of_ledger(settings)]:
        try:
            ends = _end(file.read_bytes())
        except OSError as exc:
            yield unreadable("certificates", exc, "warning")
        except ValueError:
            cure = "put it there anew, as PEM or DER, or call the file otherwise"
            yield Finding("warning", "certificates", f"{file} is no certificate that can be read", cure)
        else:
            yield from _lasting(file, ends) if ends else ()


def _lasting(file: Path, ends: datetime) -> Iterator[Finding]:
    if ends < datetime.now(UTC):
        yield Finding("error", "certificates", f"{file} ended {ends:%Y-%m-%d}", "put a new one in its place")
    elif ends < datetime.now(UTC) + SOON:
        yield Finding("warning", "certificates", f"{file} ends {ends:%Y-%m-%d}", "order a new one")
    else:
        yield Finding("ok", "certificates", f"{file} until {ends:%Y-%m-%d}")


def _end(content: bytes) -> datetime | None:
    """When the first of the certificates in a file ends; None for a PEM file of something else, as a key.

    Raises ValueError for what is neither PEM nor DER.
    """
    from cryptography import x509

    if b"-----BEGIN CERTIFICATE" in content:
        return min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(content))
    if b"-----BEGIN " in content:
        return None
    return x509.load_der_x509_certificate(content).not_valid_after_utc


def _of_ledger(settings: Settings) -> list[Path]:
    from gateway.opening import ledger_place

    try:
        place = ledger_place(settings)
    except ScoregateError:
        return []  # the ledger's own check says why
    named = {} if isinstance(place, Path) else place.query
    files = [named.get(option) for option in ("sslrootcert", "sslcert")]
    return [Path(file) for file in files if isinstance(file, str) and file != "system"]

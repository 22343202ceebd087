"""Who may call: ``principals.yaml`` of the home, and the one authentication layer all routed adapters share.

A key is ``sg_`` and 256 random bits. The file keeps only its SHA-256, so it holds no secret: an unsalted digest is
enough for a value nobody can guess. Two digests per principal let keys rotate without a gap.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ruamel.yaml import YAML

from contracts.errors import AccessDenied, ConfigurationError, Fault, SetupError
from contracts.section import Section
from contracts.source import Source
from gateway.modes import Mode

OPERATIONS = ("score", "read")
MODES = ("test", "live")
KEYS = ("name", "key_sha256", "integrations", "operations", "mode")
MAX_DIGESTS = 2
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PREFIX = 8  # bytes of the digest the table is keyed by; the rest is compared in constant time


@dataclass(frozen=True, slots=True)
class Principal:
    """One caller. ``integrations`` may hold ``*`` for all; ``mode`` is ``live`` only where the file says so."""

    name: str
    integrations: frozenset[str]
    operations: frozenset[str]
    mode: Mode = "test"

    def may(self, operation: str, integration: str) -> bool:
        return operation in self.operations and bool(self.integrations & {integration, "*"})


class Principals:
    """The principals of one home, read once at start."""

    def __init__(self, entries: Sequence[tuple[Principal, Sequence[bytes]]]) -> None:
        self.by_name: Mapping[str, Principal] = {principal.name: principal for principal, _ in entries}
        self._by_prefix: dict[bytes, list[tuple[bytes, Principal]]] = {}
        for principal, digests in entries:
            for digest in digests:
                self._by_prefix.setdefault(digest[:_PREFIX], []).append((digest, principal))

    @classmethod
    def read(cls, path: Path, name: str | None = None) -> Principals:
        """Read ``principals.yaml``; without the file nobody may call. Raises ConfigurationError with every fault.

        ``name`` is what faults call the file.
        """
        if not path.exists():
            return cls([])
        source, faults = Source.read(path, name), list[Fault]()
        top = Section(source, faults, (), source.data if source.data is not None else {}, ("principals",))
        entries = [
            _entry(Section(source, faults, ("principals", index), data, KEYS))
            for index, data in enumerate(top.take("principals", list, []))
        ]
        _refuse_duplicates(source, entries, faults)
        if faults:
            raise ConfigurationError(faults)
        return cls(entries)

    def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """The caller whose key is in ``Authorization: Bearer`` or ``X-API-Key``; header names are lower case.

        Raises AccessDenied, whose text never says which part was wrong; its ``cause`` does, for the audit.
        """
        digest = hashlib.sha256(_credential(headers).encode()).digest()
        for known, principal in self._by_prefix.get(digest[:_PREFIX], ()):
            if hmac.compare_digest(known, digest):
                return principal
        raise AccessDenied("no principal has this key")


def _credential(headers: Mapping[str, str]) -> str:
    bearer, key = headers.get("authorization"), headers.get("x-api-key")
    if bearer is None:
        if key is None:
            raise AccessDenied("no credentials")
        return key
    scheme, _, credential = bearer.partition(" ")
    if scheme.lower() != "bearer":
        raise AccessDenied("the scheme of Authorization is not Bearer")
    if key is not None and key != credential:
        raise AccessDenied("Authorization and X-API-Key differ")
    return credential


def _entry(section: Section) -> tuple[Principal, list[bytes]]:
    name = section.take("name", str)
    if name and not _NAME.fullmatch(name):
        section.fault(("name",), f"{name!r} is not a name", "lower-case letters, digits, dot, dash; at most 64")
    digests = section.texts("key_sha256")
    for index, digest in enumerate(digests):
        if not _DIGEST.fullmatch(digest):
            section.fault(("key_sha256", index), "is not a SHA-256 in 64 lower-case hex digits")
    if "key_sha256" in section.data and not 1 <= len(digests) <= MAX_DIGESTS:
        section.fault(("key_sha256",), f"holds {len(digests)} digests; expected one, or two while a key is rotated")
    principal = Principal(
        name,
        frozenset(section.texts("integrations")),
        frozenset(section.members("operations", OPERATIONS)),
        cast(Mode, section.choice("mode", MODES, "test")),
    )
    return principal, [bytes.fromhex(digest) for digest in digests if _DIGEST.fullmatch(digest)]


def _refuse_duplicates(
    source: Source, entries: Sequence[tuple[Principal, Sequence[bytes]]], faults: list[Fault]
) -> None:
    names: set[str] = set()
    keys: set[bytes] = set()
    for index, (principal, digests) in enumerate(entries):
        if principal.name in names:
            faults.append(source.fault(("principals", index, "name"), f"{principal.name!r} is named twice"))
        if keys.intersection(digests):
            faults.append(source.fault(("principals", index, "key_sha256"), "another principal has the same key"))
        names.add(principal.name)
        keys.update(digests)


def unlisted(home: Path, name: str, integrations: Sequence[str]) -> list[str]:
    """One line for each of these integrations that lists its own callers and not this one: its doors stay shut."""
    found = []
    for integration in integrations:
        file = home / "integrations" / integration / "integration.yaml"
        try:
            data = Source.read(file).data
        except ConfigurationError:
            continue
        access = data.get("access") if isinstance(data, Mapping) else None
        listed = access.get("principals") if isinstance(access, Mapping) else None
        if listed and name not in listed:
            found.append(f"{file} lists who may call it, and not {name}: add it to access.principals")
    return found


def add(path: Path, name: str, integrations: Sequence[str], operations: Sequence[str]) -> str:
    """Add a caller to the file, made if there is none, and return its key: the only time the key is seen.

    Raises ConfigurationError when the name is taken or anything is wrong with the result; the file is then unchanged.
    """
    return _write(path, name, integrations, operations, replacing=False)


def replace(path: Path, name: str, integrations: Sequence[str], operations: Sequence[str]) -> str:
    """As ``add``, but a caller of this name is replaced: its old keys stop working when the gateway starts again."""
    return _write(path, name, integrations, operations, replacing=True)


def _write(path: Path, name: str, integrations: Sequence[str], operations: Sequence[str], *, replacing: bool) -> str:
    if path.exists() and name in Principals.read(path).by_name and not replacing:
        raise ConfigurationError([Fault(str(path), 0, 0, f"{name!r} is named already", "choose another name")])
    yaml = YAML(typ="rt")
    document = (yaml.load(path.read_text(encoding="utf-8")) if path.exists() else None) or {}
    key = f"sg_{secrets.token_urlsafe(32)}"
    entry = {
        "name": name,
        "key_sha256": [hashlib.sha256(key.encode()).hexdigest()],
        "integrations": list(integrations),
        "operations": list(operations),
    }
    known = document.setdefault("principals", [])
    kept = [old for old in known if not (replacing and old.get("name") == name)]
    document["principals"] = [*kept, entry] if len(kept) != len(known) else [*known, entry]
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8") as file:
            yaml.dump(document, file)
        Principals.read(beside, str(path))
        beside.replace(path)
    except OSError as exc:
        raise SetupError(f"cannot write {path}: {exc.strerror}; make the folder writable") from exc
    finally:
        with suppress(OSError):
            beside.unlink()
    return key

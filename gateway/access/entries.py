"""One entry of ``principals.yaml``: a caller, what it may do, and what it proves itself with.

==============  ====================================================================================================
credential      what the file keeps of it
==============  ====================================================================================================
``api_key``     ``sha256`` of the key: 256 random bits need no slow hash
``password``    ``scrypt``, a salted slow hash with its parameters, and ``user`` where it is not the caller's name
``signature``   ``secret``, a reference (``env:NAME``, ``file:PATH``): who checks a signature must know the secret;
                ``user`` as for passwords, where messages name one
``certificate`` ``sha256`` of the certificate in DER
==============  ====================================================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast, get_args

from contracts.section import Section
from gateway.access import passwords
from gateway.modes import Mode
from gateway.secret import is_reference
from gateway.spi import OPERATIONS

Kind = Literal["api_key", "password", "signature", "certificate"]
KINDS: Final = cast("tuple[Kind, ...]", get_args(Kind))
MODES: Final = ("test", "live")
MAX_LIVE: Final = 2
"""Live secrets of one kind: one, or two while it is rotated."""
ENTRY_KEYS: Final = ("name", "credentials", "key_sha256", "integrations", "operations", "mode", "disabled")
_CREDENTIAL_KEYS: Final = ("kind", "sha256", "scrypt", "secret", "user", "made", "expires")
_HOLDS: Final = {"api_key": "sha256", "certificate": "sha256", "password": "scrypt", "signature": "secret"}
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_USER = re.compile(r"[!-9;-~]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Credential:
    """One live secret. ``held`` is what the file keeps of it, ``user`` the name it is sent with, if any.

    ``expires`` is when it stops being taken; None means never.
    """

    kind: Kind
    held: str
    user: str = ""
    made: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """One caller. ``integrations`` may hold ``*`` for all; ``mode`` is ``live`` only where the file says so.

    ``disabled`` says since when it is turned away; None means that it is not.
    """

    name: str
    integrations: frozenset[str]
    operations: frozenset[str]
    mode: Mode = "test"
    credentials: tuple[Credential, ...] = ()
    disabled: datetime | None = None

    def may(self, operation: str, integration: str) -> bool:
        return operation in self.operations and bool(self.integrations & {integration, "*"})


def read_entry(section: Section) -> Principal:
    """One caller; what is wrong with it is noted in the section."""
    name = section.take("name", str)
    if name and not _NAME.fullmatch(name):
        section.fault(("name",), f"{name!r} is not a name", "lower-case letters, digits, dot, dash; at most 64")
    return Principal(
        name,
        frozenset(section.texts("integrations")),
        frozenset(section.members("operations", OPERATIONS)),
        cast(Mode, section.choice("mode", MODES, "test")),
        tuple(_credentials(section, name)),
        _moment(section, "disabled"),
    )


def _credentials(section: Section, name: str) -> list[Credential]:
    """``key_sha256``, a list of digests, is the short form of API keys alone."""
    digests = section.texts("key_sha256", [])
    for index, digest in enumerate(digests):
        if not _DIGEST.fullmatch(digest):
            section.fault(("key_sha256", index), "is not a SHA-256 in 64 lower-case hex digits")
    found = [Credential("api_key", digest) for digest in digests]
    for index, data in enumerate(section.take("credentials", list, [])):
        path = (*section.path, "credentials", index)
        found.append(_credential(Section(section.source, section.faults, path, data, _CREDENTIAL_KEYS), name))
    if not found:
        section.fault((), "has no credentials", "make a new entry with: scoregate principal add")
    for kind in KINDS:
        live = sum(credential.kind == kind for credential in found)
        if live > MAX_LIVE:
            where = "credentials" if "credentials" in section.data else "key_sha256"
            section.fault((where,), f"holds {live} of the kind {kind}; expected one, or two while it is rotated")
    return found


def _credential(section: Section, name: str) -> Credential:
    kind = cast(Kind, section.choice("kind", KINDS))
    key = _HOLDS.get(kind, "sha256")
    held = section.take(key, str)
    wrong = _wrong(key, held) if key in section.data else ""
    if wrong:
        section.fault((key,), wrong)
    named = kind in ("password", "signature")
    user = section.take("user", str, name or "-") if named else ""
    if user and not _USER.fullmatch(user):
        section.fault(("user",), "is not a user name", "1 to 64 printable ASCII characters, no blank and no colon")
    for stray in {"user", *_HOLDS.values()} - {key, "user" if named else key}:
        if stray in section.data:
            section.fault((stray,), f"a credential of the kind {kind} has no {stray!r}")
    return Credential(kind, held, user, _moment(section, "made"), _moment(section, "expires"))


def _wrong(key: str, held: str) -> str:
    if key == "sha256":
        return "" if _DIGEST.fullmatch(held) else "is not a SHA-256 in 64 lower-case hex digits"
    if key == "secret":
        return "" if is_reference(held) else "must be a reference: env:NAME or file:PATH, never the secret itself"
    return passwords.fault(held)


def _moment(section: Section, key: str) -> datetime | None:
    text: Any = section.data.get(key)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        section.fault((key,), f"{key!r} is not a time", "write it in UTC, like 2026-03-31T12:00:00Z")
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

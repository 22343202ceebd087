"""The principals in force: what ``principals.yaml`` says, read again whenever the file changes.

A new file that is wrong changes nothing: the old one stays in force, and the fault is reported once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from contracts.errors import ConfigurationError, Fault, SetupError
from gateway.access import passwords
from gateway.access.entries import Credential, Kind, Principal
from gateway.access.evidence import signing_key
from gateway.access.principals import Principals
from gateway.modes import Mode
from gateway.secret import read_secret

K = TypeVar("K")
PREFIX = 8
"""Bytes of a key's digest that the table is ordered by; the rest is compared in constant time."""


class Holder(NamedTuple):
    """One secret ready to be checked: ``held`` is a digest, a parsed hash, or the secret of a signature."""

    principal: Principal
    credential: Credential
    held: bytes | passwords.Hash
    expires: float


class Table(NamedTuple):
    """Holders by what evidence names them with: digest prefix, user name; and all that sign."""

    principals: Principals
    keys: Mapping[bytes, list[Holder]]
    certificates: Mapping[bytes, list[Holder]]
    passwords: Mapping[str, list[Holder]]
    signers: list[Holder]


def table(principals: Principals) -> Table:
    """Raises ConfigurationError where the secret behind a reference is missing or too weak."""
    faults: list[Fault] = []
    holders = [
        _holder(principal, credential, faults)
        for principal in principals.by_name.values()
        for credential in principal.credentials
    ]
    if faults:
        raise ConfigurationError(faults)
    by_kind: dict[Kind, list[Holder]] = {"api_key": [], "certificate": [], "password": [], "signature": []}
    for holder in holders:
        by_kind[holder.credential.kind].append(holder)
    return Table(
        principals,
        _grouped(by_kind["api_key"], _prefix),
        _grouped(by_kind["certificate"], _prefix),
        _grouped(by_kind["password"], lambda holder: holder.credential.user),
        by_kind["signature"],
    )


def _holder(principal: Principal, credential: Credential, faults: list[Fault]) -> Holder:
    expires = credential.expires.timestamp() if credential.expires else math.inf
    held: bytes | passwords.Hash = b""
    if credential.kind == "password":
        held = passwords.parse(credential.held)
    elif credential.kind == "signature":
        try:
            held = read_secret(credential.held, f"signing secret of {principal.name}").strip()
            signing_key(held)
        except (SetupError, ValueError) as exc:
            text = exc.message if isinstance(exc, SetupError) else f"the secret behind {credential.held} {exc}"
            faults.append(Fault(f"principal {principal.name}", 0, 0, text))
    else:
        held = bytes.fromhex(credential.held)
    return Holder(principal, credential, held, expires)


def _prefix(holder: Holder) -> bytes:
    return bytes.fromhex(holder.credential.held)[:PREFIX]


def _grouped(holders: Iterable[Holder], key: Callable[[Holder], K]) -> dict[K, list[Holder]]:
    found: dict[K, list[Holder]] = {}
    for holder in holders:
        found.setdefault(key(holder), []).append(holder)
    return found


class Roster:
    """The principals of one home. Nobody is let in before ``read``. ``generation`` grows with every change.

    Without ``checking`` modes are known, but no evidence: who opens no door needs no secret at hand.
    """

    def __init__(self, path: Path | None, *, checking: bool = True) -> None:
        self.path, self.checking = path, checking
        self.table = table(Principals([]))
        self.generation = 0
        self._modes: dict[str, Mode] = {}
        self._seen: object = None

    @classmethod
    def of(cls, principals: Principals) -> Roster:
        """A roster that no file stands behind."""
        made = cls(None)
        made._install(principals)
        return made

    def read(self) -> None:
        """Put what the file says in force; raises ConfigurationError, and changes nothing, where it is wrong."""
        if self.path is not None:
            self._seen = self._state()
            self._install(Principals.read(self.path))

    def read_if_changed(self, *, again: bool = False) -> bool:
        """As ``read``, where the file is another than the last time this was asked, or ``again`` is set; the result
        says whether it was read.
        """
        if self._state() == self._seen and not again:
            return False
        self.read()
        return True

    def mode(self, name: str) -> Mode:
        """The mode of a principal, also of one that has left the file while its last request was under way.

        Names the file never held add nothing to the integration's mode. Where nobody has read the file yet, it is read;
        raises as ``read`` does.
        """
        if not self.generation:
            self.read()
        return self._modes.get(name, "live")

    def disabled(self, name: str) -> bool:
        """Whether the file turns this caller away."""
        found = self.table.principals.by_name.get(name)
        return found is not None and found.disabled is not None

    def _install(self, principals: Principals) -> None:
        self.table = table(principals) if self.checking else table(Principals([]))._replace(principals=principals)
        self._modes |= {name: principal.mode for name, principal in principals.by_name.items()}
        self.generation += 1

    def _state(self) -> object:
        try:
            found = self.path.stat() if self.path else None
        except OSError:
            return None
        return found and (found.st_mtime_ns, found.st_size, found.st_ino)

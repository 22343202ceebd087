"""The one authentication layer: evidence in, a caller out. Every adapter that is called uses it, and only it.

What costs nothing to check (an API key, a password seen to be right a moment ago) is decided at once; passwords are
checked one after the other off the event loop; signatures and certificates need their body first. Outwardly every
failure is the same. See lockout.py for when nothing is checked.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from contracts.errors import AccessDenied, UpstreamError
from gateway.access import passwords
from gateway.access.audit import ADMITTED, REFUSED, Line
from gateway.access.entries import MAX_LIVE, Kind, Principal
from gateway.access.keeper import Keeper
from gateway.access.lockout import network, subject
from gateway.access.proxies import Proxies
from gateway.access.roster import PREFIX, Holder
from gateway.spi import ApiKey, Certificate, Evidence, Password, Signed

TOLERANCE = 300.0
"""Seconds a signature's time may be off ours, both ways; as Standard Webhooks proposes."""
NOTHING_SENT = "no credentials"
REMEMBERED = 1024
REMEMBER_SECONDS = 600.0
"""How long a right password is known without being used."""
MOST_WAITING = 32
"""Passwords that may wait to be checked; about six seconds' work."""
LARGE = 256 << 10
"""Bytes of body from which on signatures are checked off the event loop."""
_NOBODY = passwords.Hash(passwords.LN, passwords.R, passwords.P, bytes(16), bytes(32))
"""Checked where there is no such user, so that an answer takes as long."""


class _Remembered(NamedTuple):
    holder: Holder
    generation: int
    until: float


class Access:
    """Authentication for all doors of this process. ``nobody`` is the hash checked where there is no such user,
    ``proxies`` who is believed about where a request comes from.
    """

    def __init__(self, keeper: Keeper, nobody: passwords.Hash = _NOBODY, proxies: Proxies | None = None) -> None:
        self.keeper, self.roster, self._nobody = keeper, keeper.roster, nobody
        self.proxies = proxies or Proxies()
        self._clock, self._lockout, self._audit = keeper.clock, keeper.lockout, keeper.audit
        self._memory_key = secrets.token_bytes(32)
        self._memory: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0
        self._checker = ThreadPoolExecutor(1, "passwords")

    def at_once(self, evidence: ApiKey | Password, address: str) -> Principal | None:
        """The caller, where that can be told without waiting; None where it cannot. Raises AccessDenied."""
        if isinstance(evidence, ApiKey):
            digest = hashlib.sha256(evidence.key).digest()
            return self._by_digest(self.roster.table.keys.get(digest[:PREFIX], ()), digest, "api_key", address)
        mark = self._mark(evidence, address)
        found = self._memory.get(mark)
        if not found or found.generation != self.roster.generation or found.until <= self._clock():
            return None
        caller = self._admit(found.holder, address)
        self._remember(mark, found.holder)
        return caller

    async def check(self, evidence: Evidence, address: str, integration: str, size: int = 0) -> Principal:
        """The caller of any evidence; ``size`` is that of the body it covers. Raises AccessDenied, and UpstreamError
        when it cannot be checked now.
        """
        if isinstance(evidence, Password):
            return self.at_once(evidence, address) or await self._by_password(evidence, address)
        if isinstance(evidence, Signed):
            return await self._by_signature(evidence, address, integration, size)
        if isinstance(evidence, Certificate):
            return await self._by_certificate(evidence, address)
        return self._by_key(evidence, address)

    def refuse(self, error: AccessDenied, address: str) -> AccessDenied:
        """What a request whose credentials cannot even be read is answered with."""
        return self._refused("", "", address, error.cause)

    def challenge(self, address: str) -> AccessDenied:
        """What a request without credentials is answered with. Many clients send credentials only once they were asked
        (RFC 9110, 11.1), and so ask twice for everything.
        """
        return self._refused("", "", address, NOTHING_SENT)

    def turned_away(self, principal: str, address: str, integration: str, cause: str) -> None:
        """A known caller asked for what it may not do."""
        self._audit.note(Line(REFUSED, principal, address, "", cause, integration))

    async def close(self) -> None:
        self._checker.shutdown(wait=False, cancel_futures=True)
        await self.keeper.close()

    def _by_key(self, evidence: ApiKey, address: str) -> Principal:
        found = self.at_once(evidence, address)
        if found is None:
            raise AssertionError("an API key is always decided at once")
        return found

    def _by_digest(self, holders: Iterable[Holder], digest: bytes, kind: Kind, address: str) -> Principal:
        for holder in holders:
            if hmac.compare_digest(_digest(holder), digest):
                return self._admit(holder, address)
        raise self._refused("", kind, address, f"nobody has this {kind}")

    async def _by_password(self, evidence: Password, address: str) -> Principal:
        if self._waiting >= MOST_WAITING:
            raise UpstreamError("too many passwords to check at once", code="busy", retry_after=5)
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                found = await self._checked(evidence, self._named(evidence.user), address)
        finally:
            self._waiting -= 1
        self._remember(self._mark(evidence, address), found)
        return found.principal

    async def _checked(self, evidence: Password, name: str, address: str) -> Holder:
        """Who has this password and may come in; what fails counts, whatever it failed for."""
        self._refuse_locked(evidence.user, name, address)
        try:
            found = await self._holder(evidence)
            if found is None:
                raise self._refused(name, "password", address, "the user name or the password is wrong")
            self._admit(found, address)
        except AccessDenied:
            self._lockout.failed(*self._counted(evidence.user, name, address))
            raise
        return found

    def _named(self, user: str) -> str:
        holders = self.roster.table.passwords.get(user)
        return holders[0].principal.name if holders else ""

    async def _holder(self, evidence: Password) -> Holder | None:
        """Who has this password now: where the principals changed while it was checked, it is checked once more."""
        loop, found, seen = asyncio.get_running_loop(), None, -1
        while seen != self.roster.generation:
            seen, holders = self.roster.generation, self.roster.table.passwords.get(evidence.user, [])
            found = await loop.run_in_executor(self._checker, _whose, evidence.password, holders, self._nobody)
        return found

    async def _by_signature(self, evidence: Signed, address: str, integration: str, size: int) -> Principal:
        holders = [
            holder
            for holder in self.roster.table.signers
            if holder.principal.integrations & {integration, "*"} and evidence.user in ("", holder.credential.user)
        ]
        if size < LARGE:
            found = _signer(evidence, holders)
        else:
            found = await asyncio.get_running_loop().run_in_executor(None, _signer, evidence, holders)
        if found is None:
            raise self._refused("", "signature", address, "nobody's signature")
        return await self._once(found, evidence.at, evidence.nonce, address)

    async def _by_certificate(self, evidence: Certificate, address: str) -> Principal:
        holders = self.roster.table.certificates.get(evidence.sha256[:PREFIX], ())
        if evidence.at is None:
            return self._by_digest(holders, evidence.sha256, "certificate", address)
        for holder in holders:
            if hmac.compare_digest(_digest(holder), evidence.sha256):
                return await self._once(holder, evidence.at, evidence.nonce, address)
        raise self._refused("", "certificate", address, "nobody has this certificate")

    async def _once(self, holder: Holder, at: float, nonce: bytes, address: str) -> Principal:
        """A proof that is right counts once, and near the time it was made."""
        name, kind = holder.principal.name, holder.credential.kind
        if abs(self._clock() - at) > TOLERANCE:
            raise self._refused(name, kind, address, f"made more than {TOLERANCE:.0f} s from now")
        mark = hashlib.sha256(f"{kind}\0{name}\0".encode() + nonce).digest()
        if not await self.keeper.unused(mark, at + TOLERANCE + 1):
            raise self._refused(name, kind, address, "sent a second time")
        return self._admit(holder, address)

    def _admit(self, holder: Holder, address: str) -> Principal:
        principal, kind = holder.principal, holder.credential.kind
        if principal.disabled is not None:
            raise self._refused(principal.name, kind, address, "disabled")
        if holder.expires <= self._clock():
            raise self._refused(principal.name, kind, address, "expired")
        self._audit.note(Line(ADMITTED, principal.name, address, kind, "", ""))
        self.keeper.logged_in(principal.name, address)
        return principal

    def _refused(self, name: str, kind: str, address: str, cause: str) -> AccessDenied:
        self._audit.note(Line(REFUSED, name, network(address), kind, cause, ""))
        return AccessDenied(cause)

    def _counted(self, user: str, name: str, address: str) -> list[bytes]:
        """What a password counts against, and what must not be locked for it to be checked."""
        place = network(address)
        if name and self.keeper.is_own(name, address):
            return [subject("caller", user, place)]
        return [subject("network", place), subject("user", user)]

    def _refuse_locked(self, user: str, name: str, address: str) -> None:
        wait = self._lockout.seconds_left(*self._counted(user, name, address))
        if wait:
            self._refused(name, "password", address, "locked out")
            raise AccessDenied("locked out", retry_after=wait)

    def _mark(self, evidence: Password, address: str) -> bytes:
        user = evidence.user.encode()
        text = b"%d:%b%d:%b" % (len(user), user, len(address), address.encode())
        return hmac.digest(self._memory_key, text + evidence.password, "sha256")

    def _remember(self, mark: bytes, holder: Holder) -> None:
        until = self._clock() + REMEMBER_SECONDS
        self._memory[mark] = _Remembered(holder, self.roster.generation, until)
        self._memory.move_to_end(mark)
        if len(self._memory) > REMEMBERED:
            self._memory.popitem(last=False)


def _digest(holder: Holder) -> bytes:
    return holder.held if isinstance(holder.held, bytes) else b""


def _whose(password: bytes, holders: list[Holder], nobody: passwords.Hash) -> Holder | None:
    """Who has this password. A wrong one takes as long whether nobody, one, or a rotating caller has the name."""
    for holder in holders:
        if isinstance(holder.held, passwords.Hash) and passwords.verify(password, holder.held):
            return holder
    for _ in range(MAX_LIVE - len(holders)):
        passwords.verify(password, nobody)
    return None


def _signer(evidence: Signed, holders: list[Holder]) -> Holder | None:
    """Whose secret made this proof; all are tried, so that the time tells nothing."""
    found = [holder for holder in holders if evidence.holds(_digest(holder))]
    return found[0] if found else None

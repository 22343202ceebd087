"""Passwords as slow, salted hashes: scrypt, with its parameters beside it, in the PHC string format.

``$scrypt$ln=14,r=8,p=5$<salt>$<hash>``, base64 without padding. The parameters are those the OWASP Password Storage
Cheat Sheet lists for 16 MB a check; a check takes about a fifth of a second, so it belongs off the event loop.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from typing import Final, NamedTuple

LN: Final = 14
R: Final = 8
P: Final = 5
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
MOST_MEMORY: Final = 128 << 20
"""Bytes one check may take, whatever the file says."""
MOST_WORK: Final = 1 << 21
"""Largest product of 2**ln, r and p: about two seconds."""
LONGEST: Final = 1024
"""Bytes of a password that are looked at; a longer one is wrong."""
_FORM = re.compile(r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{22,86})\$([A-Za-z0-9+/]{43,86})")


class Hash(NamedTuple):
    ln: int
    r: int
    p: int
    salt: bytes
    digest: bytes


def make() -> str:
    """A new password: 192 random bits, 32 characters that every legacy system can store."""
    return secrets.token_urlsafe(24)


def hashed(password: bytes, *, ln: int = LN, r: int = R, p: int = P) -> str:
    """What the file keeps of a password."""
    salt = secrets.token_bytes(SALT_BYTES)
    digest = _scrypt(password, Hash(ln, r, p, salt, bytes(HASH_BYTES)))
    return f"$scrypt$ln={ln},r={r},p={p}${_text(salt)}${_text(digest)}"


def parse(text: str) -> Hash:
    """Raises ValueError for what is no hash of ours, or would take too much to check."""
    found = _FORM.fullmatch(text)
    if not found:
        raise ValueError("is not of the form $scrypt$ln=14,r=8,p=5$salt$hash")
    ln, r, p = (int(number) for number in found.groups()[:3])
    if not (10 <= ln <= 20 and r and p) or 128 * r << ln > MOST_MEMORY or (r * p) << ln > MOST_WORK:
        raise ValueError(f"has parameters out of bounds; ln={LN},r={R},p={P} are good ones")
    try:
        return Hash(ln, r, p, _bytes(found[4]), _bytes(found[5]))
    except binascii.Error:
        raise ValueError("has a salt or hash that is not base64") from None


def fault(text: str) -> str:
    """What is wrong with a hash in the file; '' if nothing is."""
    try:
        parse(text)
    except ValueError as exc:
        return str(exc)
    return ""


def verify(password: bytes, known: Hash) -> bool:
    """Whether this is the password; the comparison takes the same time whatever differs."""
    return hmac.compare_digest(_scrypt(password[: LONGEST + 1], known), known.digest) and len(password) <= LONGEST


def _scrypt(password: bytes, known: Hash) -> bytes:
    cost = {"n": 1 << known.ln, "r": known.r, "p": known.p}
    return hashlib.scrypt(password, salt=known.salt, dklen=len(known.digest), maxmem=2 * MOST_MEMORY, **cost)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)

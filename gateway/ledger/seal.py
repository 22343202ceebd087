"""Keys and envelopes: one AES-256-GCM envelope per entry under a key of its own, that key wrapped by the master key.

The data key encrypts one message only, so its nonce is fixed. The master key wraps under random 96-bit nonces, which
NIST SP 800-38D section 8.3 allows 2**32 times: rotate it before four thousand million entries. Envelope and wrapped key
are both bound to the entry's id, so neither can be moved to another row.
"""

from __future__ import annotations

import binascii
import errno
import hmac
import os
import struct
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.errors import SetupError
from gateway.ledger.types import Payload
from gateway.private import owner_only
from gateway.secret import read_secret

KEY_BYTES = 32
NONCE_BYTES = 12
RANDOM_BYTES = KEY_BYTES + NONCE_BYTES
"""How many random bytes ``Sealer.seal`` uses up."""
_DATA_NONCE = bytes(NONCE_BYTES)
_LENGTHS = struct.Struct(">IIII")


def read_key(reference: str, purpose: str) -> bytes:
    """The 256-bit key behind ``env:NAME`` or ``file:PATH``: 64 hex digits, or in a file 32 raw bytes.

    Raises SetupError with one line that names the reference, never the key.
    """
    return _decode(read_secret(reference, purpose), reference, purpose)


def _decode(content: bytes, reference: str, purpose: str) -> bytes:
    try:
        key = binascii.unhexlify(content.strip())
    except binascii.Error:
        key = content if reference.startswith("file:") else b""
    if len(key) != KEY_BYTES:
        raise SetupError(f"the {purpose} in {reference} must be 64 hex digits; make one: openssl rand -hex 32")
    return key


def make_key_file(path: Path) -> str:
    """Make a new random key at ``path``, readable by its owner only, unless one is there; returns ``file:PATH``."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write(beside, os.urandom(KEY_BYTES).hex().encode() + b"\n")
            _link(beside, path)
    except OSError as exc:
        raise SetupError(f"cannot write the key file {path}: {exc.strerror}") from exc
    return f"file:{path}"


def _write(beside: Path, content: bytes) -> None:
    """Write and sync a file of our own, or leave none: half a key would be refused at every start from then on."""
    try:
        with open(beside, "wb", buffering=0, opener=owner_only) as file:
            if file.write(content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _link(beside: Path, path: Path) -> None:
    """Put the file in place only if no other process was faster: two starts at once must agree on one key."""
    try:
        path.hardlink_to(beside)
    except FileExistsError:
        return
    finally:
        beside.unlink()


def check_value(key: bytes) -> bytes:
    """Eight bytes that tell keys apart and say nothing about them; kept in the database."""
    return hmac.digest(key, b"scoregate key check value", "sha256")[:8]


class Sealer:
    """Seals and opens payloads under one master key."""

    def __init__(self, master: bytes) -> None:
        self._master = AESGCM(master)

    def seal(self, name: str, payload: Payload, random: bytes) -> tuple[bytes, bytes]:
        """Envelope and wrapped key of a payload; ``random`` are RANDOM_BYTES fresh random bytes."""
        label = name.encode()
        key, nonce = random[:KEY_BYTES], random[KEY_BYTES:]
        plain = _LENGTHS.pack(*map(len, payload)) + b"".join(payload)
        return AESGCM(key).encrypt(_DATA_NONCE, plain, label), nonce + self._master.encrypt(nonce, key, label)

    def open(self, name: str, sealed: bytes, wrapped: bytes) -> Payload:
        """The payload; raises InvalidTag when anything was altered or belongs to another entry or master key."""
        label = name.encode()
        key = self._master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], label)
        plain = AESGCM(key).decrypt(_DATA_NONCE, sealed, label)
        parts, start = [], _LENGTHS.size
        for length in _LENGTHS.unpack_from(plain):
            parts.append(plain[start : start + length])
            start += length
        return Payload(*parts)

    def wrap(self, label: bytes, key: bytes) -> bytes:
        """A key of the ledger itself, wrapped."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._master.encrypt(nonce, key, label)

    def unwrap(self, label: bytes, wrapped: bytes) -> bytes:
        """What ``wrap`` wrapped; raises InvalidTag under another master key."""
        return self._master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], label)


__all__ = ["RANDOM_BYTES", "InvalidTag", "Sealer", "check_value", "make_key_file", "read_key"]

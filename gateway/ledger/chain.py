"""The chain: salted entry digests, a Merkle root per group commit, signed blocks, and the anchor file.

All digests are SHA-256. A leaf is the digest of an entry (below), inner nodes are ``SHA-256(0x01 ‖ left ‖ right)``, a
node without a partner moves up as it is. A block's digest covers number, previous digest, root, first entry, count and
time; its signature is the HMAC of that digest under the signing key, which never lies in the database.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import math
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from contracts.errors import SetupError

DIGEST_BYTES = 32
GENESIS = hashlib.sha256(b"scoregate ledger 1").digest()
"""What the first block names as its previous one."""

_ENTRY = struct.Struct(">16sqBqq")
_BLOCK = struct.Struct(">q32s32sqqq")
_HEAD = struct.Struct(">q32sq")
_NONE = -(1 << 63)


class Head(NamedTuple):
    """Where a chain ends: number and digest of its last block (0 and GENESIS before the first), entries in all."""

    number: int
    digest: bytes
    entries: int


def entry_digest(
    number: int,
    kind: int,
    name: str,
    about: str | None,
    request: bytes | None,
    business: bytes | None,
    mode: str,
    integration: str,
    principal: str,
    outcome: str,
    received: int,
    valid_until: int | None,
    sent: bytes | None,
    salt: bytes,
    sealed_digest: bytes,
) -> bytes:
    """The commitment to one entry, over its columns in table order; the sealed payload enters as its own digest.

    Layout: salt, number, kind, received, valid_until (-2**63 for none), then length-prefixed: sent, request, business,
    sealed digest, and the texts joined by NUL (which none may hold; ValueError).
    """
    text = "\0".join((name, about or "", mode, integration, principal, outcome))
    if text.count("\0") != 5:
        raise ValueError("an entry's texts may not hold NUL")
    fixed = _ENTRY.pack(salt, number, kind, received, _NONE if valid_until is None else valid_until)
    parts = [sent or b"", request or b"", business or b"", sealed_digest]
    lengths = bytes(map(len, parts))
    return hashlib.sha256(b"\0" + fixed + lengths + b"".join(parts) + text.encode()).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Root of at least one leaf; leaves and inner nodes are told apart by their first hashed byte."""
    level, sha256 = list(leaves), hashlib.sha256
    while len(level) > 1:
        paired = [sha256(b"\1" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def block_digest(number: int, previous: bytes, root: bytes, first: int, count: int, at: int) -> bytes:
    """What a block commits to and the next block links to."""
    return hashlib.sha256(b"\2" + _BLOCK.pack(number, previous, root, first, count, at)).digest()


def head_seal(signing_key: bytes, head: Head) -> bytes:
    """What the head row is sealed with. An end that was cut off cannot be sealed; an old copy keeps the seal it had."""
    return hmac.digest(signing_key, b"\3" + _HEAD.pack(*head), "sha256")


def signature(signing_key: bytes, digest: bytes) -> bytes:
    """HMAC-SHA-256 of a block's digest."""
    return hmac.digest(signing_key, digest, "sha256")


class AnchorLine(NamedTuple):
    number: int
    digest: bytes
    signature: bytes


class Anchor:
    """The append-only file of block heads, ``number digest signature`` per line, in hex; many processes may append.

    Appending is one write of one line with O_APPEND, so lines never interleave. Each begins with a newline too: run
    into what a full disk left of another process's line, it could name a block that never was. It is not synced: a
    power cut may lose the newest lines, which only makes the anchor say less.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as exc:
            raise SetupError(f"cannot write the anchor file {path}: {exc.strerror}") from exc

    def append(self, number: int, digest: bytes, signature: bytes) -> None:
        """Add one head; raises OSError, after which the block counts as not anchored."""
        line = f"\n{number} {digest.hex()} {signature.hex()}\n".encode()
        if (written := os.write(self._file, line)) != len(line):
            raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes were written")

    def close(self) -> None:
        os.close(self._file)

    def last(self) -> int:
        """The highest number among the last lines; 0 if there is none."""
        return max((line.number for line in self.tail()), default=0)

    def tail(self) -> Sequence[AnchorLine]:
        """The last lines, about a hundred."""
        with self.path.open("rb") as file:
            file.seek(max(0, self.size() - 16384))
            tail = file.read().splitlines()
        return [line for raw in tail if (line := _anchor_line(raw))]

    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size

    def lines(self, within: float = math.inf) -> Iterator[AnchorLine]:
        """Every whole line, in file order, of the first ``within`` bytes."""
        with self.path.open("rb") as file:
            for raw in file:
                if (within := within - len(raw)) < 0:
                    return
                if line := _anchor_line(raw):
                    yield line


def _anchor_line(raw: bytes) -> AnchorLine | None:
    parts = raw.split()
    try:
        line = AnchorLine(int(parts[0]), bytes.fromhex(parts[1].decode()), bytes.fromhex(parts[2].decode()))
    except (ValueError, IndexError):
        return None
    return line if len(line.digest) == len(line.signature) == DIGEST_BYTES else None

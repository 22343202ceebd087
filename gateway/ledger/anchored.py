"""What the anchor file says, against the chain.

A line counts where a signing key that was given signed it; where not all were given, what none of them signed may be of
another, and counts too. Lines are read some at a time: there is one for every block there ever was.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Sequence
from heapq import nlargest
from itertools import islice

from sqlalchemy import Connection, func, select

from gateway.ledger.chain import AnchorLine, Head, signature
from gateway.ledger.schema import BLOCK, SECRET
from gateway.ledger.store import Keyring
from gateway.ledger.types import Finding

_LINES_AT_ONCE = 500
_MOST_DAMAGED = 100


class Anchored:
    """One reading of anchor lines against the chain that ended at ``end``; ``lines`` counts them."""

    def __init__(self, connection: Connection, keyring: Keyring, end: Head) -> None:
        self._connection, self._end = connection, end
        self._signing_keys = keyring.signing_keys
        signers = connection.execute(select(func.count()).where(SECRET.c.purpose == "signing")).scalar_one()
        self._all_given = len(keyring.signing_keys) >= signers
        self._later: list[AnchorLine] = []
        self._altered = self._first_altered = self.lines = 0

    def read(self, lines: Iterable[AnchorLine]) -> Iterator[Finding]:
        """Compare lines with their blocks; those that name later ones are noted for ``last``."""
        left = iter(lines)
        while some := list(islice(left, _LINES_AT_ONCE)):
            self.lines += len(some)
            yield from self._compare([line for line in some if line.number <= self._end.number])
            self.note(some)
        if self._altered:
            first = self._first_altered
            message = f"{self._altered} line(s) of the anchor, the first for block {first}, are not as written"
            yield Finding("anchor_altered", first, -1, message)

    def note(self, lines: Iterable[AnchorLine]) -> None:
        """Remember which later blocks lines name."""
        later = [line for line in lines if line.number > self._end.number and self._counts(line)]
        self._later = nlargest(_MOST_DAMAGED, [*self._later, *later])

    def last(self) -> int:
        """The highest block after the end that was anchored; 0 for none.

        A line with the digest of a block that is there is not of a later one: its number was damaged, as by a half
        line that it ran into.
        """
        if not self._later:
            return 0
        digests = select(BLOCK.c.digest).where(BLOCK.c.digest.in_([line.digest for line in self._later]))
        there = set(map(bytes, self._connection.execute(digests).scalars()))
        return max((line.number for line in self._later if line.digest not in there), default=0)

    def _compare(self, lines: Sequence[AnchorLine]) -> Iterator[Finding]:
        numbers = [line.number for line in lines]
        query = select(*BLOCK.c["number", "digest", "signature"]).where(BLOCK.c.number.in_(numbers))
        blocks = {row.number: (bytes(row.digest), bytes(row.signature)) for row in self._connection.execute(query)}
        for line in lines:
            digest, signed = blocks.get(line.number, (line.digest, line.signature))
            if (digest, signed) != line[1:] and self._counts(line) and digest != line.digest:
                message = f"the anchor names another digest for block {line.number}"
                yield Finding("rewritten", line.number, -1, message)

    def _counts(self, line: AnchorLine) -> bool:
        """Whether a line may be the ledger's own; notes it where it is not."""
        keys = self._signing_keys.values()
        if any(hmac.compare_digest(signature(key, line.digest), line.signature) for key in keys):
            return True
        if self._all_given:
            self._altered += 1
            self._first_altered = self._first_altered or line.number
        return not self._all_given

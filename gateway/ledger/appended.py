"""What is appended about entries that are there already: what a person decided, an erasure, a purge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from contracts.errors import NotFound
from gateway.ledger.jobs import Round, new_name
from gateway.ledger.store import Draft, Store
from gateway.ledger.types import Kind, Payload, Sink, microseconds


class Append:
    """What a person decided about a decision. Result: the entry's id."""

    __slots__ = ("about", "at", "by", "content", "name", "outcome", "sink", "token")
    kind = Kind.HUMAN

    def __init__(
        self, about: str, outcome: str, by: str, at: datetime, content: bytes, sink: Sink, token: object
    ) -> None:
        self.about, self.outcome, self.by, self.at, self.content = about, outcome, by, at, content
        self.name = new_name(self.kind)
        self.sink, self.token = sink, token

    @property
    def correlation(self) -> str:
        return ""

    def place(self, round_: Round) -> str:
        if not round_.is_done(self.name):
            round_.drafts.append(self._draft(round_, *self._found(round_.store)))
        return self.name

    def _found(self, store: Store) -> tuple[str, str, bytes | None]:
        found = store.decision(self.about)
        if found is None:
            raise NotFound(f"no decision {self.about} in this ledger")
        return found

    def _draft(self, round_: Round, mode: str, integration: str, business: bytes | None) -> Draft:
        received = microseconds(self.at)
        columns = (self.about, None, business, mode, integration, self.by, self.outcome, received, None, None)
        return round_.draft(self.kind, self.name, Payload(b"", b"", b"", self.content), columns, received=received)


class Erase(Append):
    """Destroy the keys of a submission's payload and of what people said about it. Result: the entry's id."""

    __slots__ = ()
    kind = Kind.ERASURE

    def __init__(self, about: str, by: str, at: datetime, sink: Sink, token: object) -> None:
        super().__init__(about, "erased", by, at, b"", sink, token)

    def _found(self, store: Store) -> tuple[str, str, bytes | None]:
        found = store.submission(self.about)
        if found is None:
            raise NotFound(f"no submission {self.about} in this ledger")
        return found

    def _draft(self, round_: Round, mode: str, integration: str, business: bytes | None) -> Draft:
        return super()._draft(round_, mode, integration, business)._replace(erases=self.about)


class Purge:
    """Destroy the keys of what is past its retention date. Result: how many."""

    __slots__ = ("at", "by", "name", "purged", "sink", "token")

    def __init__(self, by: str, at: datetime, sink: Sink, token: object) -> None:
        self.by = by
        self.at = at
        self.name = new_name(Kind.PURGE)
        self.purged = 0
        self.sink = sink
        self.token = token

    @property
    def correlation(self) -> str:
        return ""

    def place(self, round_: Round) -> int:
        if round_.is_done(self.name):
            return self.purged
        received = microseconds(self.at)
        numbers = round_.store.past_retention(received)
        self.purged = len(numbers)
        if numbers:
            payload = Payload(b"", b"", b"", self._content(numbers))
            columns = (None, None, None, "", "", self.by, "purged", received, None, None)
            draft = round_.draft(Kind.PURGE, self.name, payload, columns, received=received)
            round_.drafts.append(draft._replace(purges=numbers))
        return self.purged

    def _content(self, numbers: Sequence[int]) -> bytes:
        return json.dumps({"by": self.by, "at": self.at.isoformat(), "entries": numbers}).encode()


def purged(content: bytes) -> Sequence[int]:
    """The numbers of the entries whose keys a purge destroyed, from what it says of itself in its payload."""
    numbers: list[int] = json.loads(content)["entries"]
    return numbers

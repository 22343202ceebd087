"""Whether a decision can be made durable now: asked at most once a second, answered at once, true within some seconds.

Under load the writer's own commits are the proof. Otherwise, and after one that failed, a commit is tried beside it
(gateway/ledger/probe.py). What takes long is done in a thread: whoever asks waits half a second at most, and a proof
that hangs is itself an answer.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from time import monotonic
from typing import NamedTuple, Protocol

FRESH_SECONDS = 1.0
"""How old an answer may be before it is looked for again."""
PROOF_SECONDS = 2.0
"""How long a commit of the writer proves that the ledger can be written."""
WAIT_SECONDS = 0.5
LOCKED_SECONDS = 3.0
"""How long others may hold the ledger, or a proof may hang, before the answer is no: as long as a group waits."""
STALLED_SECONDS = 10.0
"""How old the oldest pending submission may become while the ledger itself can be written."""


class Standing(Protocol):
    """Where the chain ends; ``at`` is in microseconds since 1970."""

    @property
    def block(self) -> int: ...
    @property
    def at(self) -> int: ...
    @property
    def entries(self) -> int: ...


class Watched(Protocol):
    """What of a ledger is looked at; see ``gateway.ledger.Ledger``."""

    def standing(self) -> Standing: ...
    def unwritable(self) -> str: ...
    def last_commit(self) -> tuple[float, float]: ...
    def oldest_pending(self) -> float: ...


class Health(NamedTuple):
    """``cause`` says in a word why no decision can be made durable; empty when one can. ``disk_free`` is in bytes, of
    the disk with the least.

    ``warnings`` are words for what will keep one from it if it goes on.
    """

    cause: str
    disk_free: int
    standing: Standing | None
    warnings: Sequence[str] = ()


class Folders(NamedTuple):
    """Where serving writes; ``ledger`` and ``anchor`` are the folders of those files, None where there is none."""

    state: Path
    ledger: Path | None = None
    anchor: Path | None = None


class Pulse:
    """One process's view. ``reserve`` is how many bytes should be free on each disk. Fewer are a warning while
    decisions are made durable, and the cause where the last group was not and the ledger's disk is the one: on a disk
    that is full to the last byte there may be room for the one page that a proof writes, and none for a decision's.
    """

    def __init__(self, ledger: Watched, folders: Folders, reserve: int, now: Callable[[], float] = monotonic) -> None:
        self._ledger, self._folders, self._reserve, self._now = ledger, folders, reserve, now
        self._draining = False
        self._looking: Future[None] | None = None
        self._began = 0.0
        self._looked_at = -FRESH_SECONDS
        self._cause, self._cause_since = "", 0.0
        self._standing: Standing | None = None
        self._lock = threading.Lock()

    def drain(self) -> None:
        """From here on this process is not ready: it answers what is under way and ends."""
        self._draining = True

    async def look(self) -> Health:
        """The health now, after half a second at most."""
        looking = self._start()
        if looking is not None:
            await asyncio.wait([asyncio.wrap_future(looking)], timeout=WAIT_SECONDS)
        return self.health()

    def health(self) -> Health:
        """What is known, without looking again."""
        state, ledger, anchor = map(_free, self._folders)
        if state is None:
            return Health("state_missing", 0, self._standing)
        least = min(free for free in (state, ledger, anchor) if free is not None)
        cause = self._judge(low=ledger is not None and ledger < self._reserve)
        return Health(cause, least, self._standing, ("disk_low",) if least < self._reserve else ())

    def _judge(self, *, low: bool) -> str:
        if self._draining:
            return "draining"
        committed, failed = self._ledger.last_commit()
        if low and failed > committed:
            return "disk_low"
        now, looking = self._now(), self._looking
        passing = self._cause == "ledger_locked" and self._standing is not None  # and not one that never opened
        if self._cause and (not passing or now - self._cause_since >= LOCKED_SECONDS):
            return self._cause
        if looking is not None and not looking.done() and now - self._began >= LOCKED_SECONDS:
            return "ledger_stalled"
        return "ledger_stalled" if self._ledger.oldest_pending() >= STALLED_SECONDS else ""

    def _start(self) -> Future[None] | None:
        """The look under way; a new one where the last is old. None while what is known is fresh."""
        with self._lock:
            if self._looking is not None and not self._looking.done():
                return self._looking
            if self._now() - self._looked_at < FRESH_SECONDS:
                return None
            self._looking = future = Future[None]()
            self._began = self._now()
        threading.Thread(target=self._look, args=(future,), name="pulse", daemon=True).start()
        return future

    def _look(self, future: Future[None]) -> None:
        cause = "ledger_down"
        try:
            self._standing = self._ledger.standing()
            cause = self._prove()
        except Exception:  # noqa: BLE001 # a ledger that cannot be read has a cause: it is down, or what it says itself
            cause = self._ledger.unwritable() or cause
        finally:
            if cause != self._cause:
                self._cause, self._cause_since = cause, self._began
            self._looked_at = self._now()
            future.set_result(None)

    def _prove(self) -> str:
        committed, failed = self._ledger.last_commit()
        if committed > failed and self._now() - committed < PROOF_SECONDS:
            return ""
        return self._ledger.unwritable()


def _free(folder: Path | None) -> int | None:
    """Bytes free on the disk of a folder; None where there is none: a ledger or an anchor says that itself."""
    try:
        return shutil.disk_usage(folder).free if folder else None
    except OSError:
        return None

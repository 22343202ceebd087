"""Batches of one integration: decided in a thread of their own, a few at a time, so that single askings pass between.

A batch shares the process with askings that have milliseconds, so it is held back in three ways: its records are worked
on in chunks small enough that a group commit stays short; after every record the thread lets go of the interpreter for
a moment, which the event loop would else get back only after Python's switch interval of 5 ms; and an integration
works on one batch at a time, while a few wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from contracts.errors import ScoregateError, UpstreamError
from gateway.spi import Answer, Asked

CHUNK = 32
MOST_WAITING = 4
PAUSE_SECONDS = 0.000_05
Outcomes = list[Answer | ScoregateError]


class Batches:
    """Decides batches with ``decide_many``; ``deadline`` is in seconds, from the moment a batch is handed in. ``late``
    is told the correlation id of one that misses it, and how many of its outcomes do.
    """

    def __init__(
        self,
        name: str,
        decide_many: Callable[[Sequence[Asked]], Outcomes],
        deadline: float,
        late: Callable[[str, int], None],
    ) -> None:
        self._name, self._decide_many, self._deadline, self._tell_late = name, decide_many, deadline, late
        self._pool: ThreadPoolExecutor | None = None
        self._under_way = 0
        self._closed = False

    async def decide(self, asked: Sequence[Asked]) -> Outcomes:
        """One outcome for each, in order. What missed the deadline is late: asked again with the same keys, what was
        decided meanwhile comes back and the rest is decided. Raises UpstreamError when too many batches wait.
        """
        if self._closed or self._under_way > MOST_WAITING:
            raise UpstreamError("too many batches wait; send this one again later", retry_after=5)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"batch-{self._name}")
        found: Outcomes = []
        due = time.monotonic() + self._deadline
        self._under_way += 1
        work = asyncio.get_running_loop().run_in_executor(self._pool, self._work, asked, found, due)
        work.add_done_callback(self._over)
        await asyncio.wait({work}, timeout=self._deadline)
        if work.done():
            work.result()
        done = found[:]  # the thread may add to it meanwhile
        missing = len(asked) - len(done)
        if missing:
            self._tell_late(asked[0].correlation, missing)
        return [*done, *(_late() for _ in range(missing))]

    def _work(self, asked: Sequence[Asked], found: Outcomes, due: float) -> None:
        for start in range(0, len(asked), CHUNK):
            if self._closed or time.monotonic() >= due:
                return
            found += self._decide_many(asked[start : start + CHUNK])

    def close(self) -> None:
        """Begin no more: the process ends, and waits for the chunk that is being decided alone."""
        self._closed = True
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _over(self, _work: asyncio.Future[None]) -> None:
        self._under_way -= 1


def breathe() -> None:
    """Let whoever waits for the interpreter have it."""
    time.sleep(PAUSE_SECONDS)


def _late() -> UpstreamError:
    return UpstreamError("the batch is late; send it again with the same keys", code="late")

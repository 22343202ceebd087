"""How many submissions of one integration may be under way, and how those end that miss their deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from contracts.errors import UpstreamError

T = TypeVar("T")


class Turns:
    """Counts what is under way, of ``most`` at once; used from one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.under_way = 0
        self._going_on: set[asyncio.Task[Any]] = set()

    def take(self) -> None:
        """Take a turn; raises UpstreamError when none is left. Whoever took one gives it back."""
        if self.under_way >= self._most:
            raise UpstreamError("too many submissions of this integration are under way; ask again later")
        self.under_way += 1

    def give_back(self) -> None:
        self.under_way -= 1

    async def at_most(self, seconds: float, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do the work and wait for it so long; late, it goes on, keeps its turn, and can be asked for by key."""
        self.take()
        task = asyncio.ensure_future(work())
        self._going_on.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise late()
        return task.result()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._going_on.discard(task)
        self.give_back()
        if not task.cancelled():
            task.exception()  # where nobody waits any more, nobody is told


def late() -> UpstreamError:
    return UpstreamError("the decision is late; ask again with the same request key", code="late")

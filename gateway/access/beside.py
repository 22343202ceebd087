"""A keeper where no door is open: commands and pollers have no event loop, so it gets one on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from gateway.access.keeper import PARTING_SECONDS, Keeper

Changed = Callable[[], None]


class Beside:
    """Runs the keeper that ``make`` makes: from ``start``, or the first thing there is to note, until ``close``."""

    def __init__(self, make: Callable[[Changed], Keeper]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._running: tuple[Keeper, asyncio.AbstractEventLoop, asyncio.Event, threading.Thread] | None = None

    def start(self, changed: Changed = lambda: None) -> Keeper:
        """Begin, where it has not begun; ``changed`` is called on the thread when principals.yaml was read anew."""
        with self._lock:
            if self._running is None:
                keeper, loop, over = self._make(changed), asyncio.new_event_loop(), asyncio.Event()
                thread = threading.Thread(target=_keep, args=(keeper, loop, over), name="access-beside", daemon=True)
                self._running = keeper, loop, over, thread
                thread.start()
            return self._running[0]

    def overridden(self, integration: str, principal: str) -> None:
        """As ``Keeper.overridden``."""
        self.start().overridden(integration, principal)

    def close(self) -> None:
        """Write what is noted and end; it waits no longer than a keeper does."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            _, loop, over, thread = running
            loop.call_soon_threadsafe(over.set)
            thread.join(2 * PARTING_SECONDS)


def _keep(keeper: Keeper, loop: asyncio.AbstractEventLoop, over: asyncio.Event) -> None:
    async def until_over() -> None:
        keeper.start()
        await over.wait()
        await keeper.close()

    loop.run_until_complete(until_over())
    loop.close()

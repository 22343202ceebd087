"""How results get back to whoever asked: one delivery per group commit, whatever the number of askers."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any


class FutureSink:
    """Resolves ``concurrent.futures`` futures, in the writer's thread."""

    def deliver(self, results: list[tuple[Any, object]]) -> None:
        for future, result in results:
            settle_future(future, result)


class LoopSink:
    """Resolves the futures of one event loop, all of a group in one wake-up of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def deliver(self, results: list[tuple[Any, object]]) -> None:
        try:
            self._loop.call_soon_threadsafe(_settle_all, results)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more, and what was decided can be asked for by key


def _settle_all(results: list[tuple[asyncio.Future[Any], object]]) -> None:
    for future, result in results:
        if not future.done():
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)


def settle_future(future: Future[Any], result: object) -> None:
    """Resolve a future unless its owner gave up on it."""
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)

"""Signals a process sends itself or lives through."""

from __future__ import annotations

import asyncio
import os
import signal

from gateway.stopping import end_with


def test_a_process_is_told_once_that_the_one_it_lives_with_has_gone() -> None:
    """While it drains, the pipe stays closed: a reader that stayed would take the processor from what is under way."""
    told: list[int] = []

    async def live() -> None:
        ours, theirs = os.pipe()
        end_with(ours)
        os.close(theirs)
        await asyncio.sleep(0.1)
        os.close(ours)

    before = signal.signal(signal.SIGTERM, lambda number, _frame: told.append(number))
    try:
        asyncio.run(live())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told == [signal.SIGTERM]

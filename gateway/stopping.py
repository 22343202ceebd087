"""Signals that end a process which owns its loop: it is told, and finishes what it has begun. And one that must not."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set, and SIGHUP unless it is ignored, as below ``nohup``; a second one ends the
    process as ever.
    """
    stop = threading.Event()
    before = {int(number): signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    if before[signal.SIGHUP] is signal.SIG_IGN:
        del before[signal.SIGHUP]

    def tell(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, before[number])

    for number in before:
        signal.signal(number, tell)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def survive_hangup(tell: Callable[[], None]) -> None:
    """Have SIGHUP call ``tell``: by default it ends a process at once, and whoever sends it asks for anything but."""
    signal.signal(signal.SIGHUP, lambda _number, _frame: tell())


def end_with(descriptor: int) -> None:
    """Send this process SIGTERM, once, when the other end of a pipe closes; called in its event loop."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_reader(descriptor)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(descriptor, end)

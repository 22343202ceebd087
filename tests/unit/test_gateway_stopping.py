"""Signals a process sends itself or lives through."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from gateway.stopping import end_with, told_to_stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_process_that_owns_its_loop_is_told_to_end_and_then_has_its_signals_back(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with told_to_stop() as stop:
            os.kill(os.getpid(), number)
            assert stop.wait(5)
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_below_nohup_a_process_goes_on_when_its_terminal_closes() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with told_to_stop() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.wait(0.1)
    finally:
        signal.signal(signal.SIGHUP, before)


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

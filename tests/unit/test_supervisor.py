"""The supervisor of several workers, with children that do nothing but say that they serve."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway import supervisor
from gateway.http import server
from gateway.settings import Settings
from gateway.supervisor import Supervisor

CHILD = """
import json, os, sys, time
job = json.loads(sys.argv[1])
os.write(job["told"], b"1")
time.sleep(60)
"""
REFUSING = "raise SystemExit(2)"
Step = Callable[[int], str | OSError]
"""What becomes of the start of this number, counted from 1: a program, or what the spawn raises."""


def serves(_start: int) -> str:
    return CHILD


class Spawned:
    """Stands in for the spawn of real workers."""

    def __init__(self, step: Step) -> None:
        self.step, self.starts = step, 0
        self._spawn = asyncio.create_subprocess_exec

    async def __call__(self, *command: str, **options: Any) -> asyncio.subprocess.Process:
        self.starts += 1
        made = self.step(self.starts)
        if isinstance(made, OSError):
            raise made
        return await self._spawn(sys.executable, "-I", "-S", "-c", made, command[-1], **options)


def children() -> set[int]:
    """Those of this process that live."""
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in found if b"time.sleep(60)" in Path(f"/proc/{pid}/cmdline").read_bytes()}


async def until(reached: Callable[[], bool], seconds: float = 20) -> None:
    end = asyncio.get_running_loop().time() + seconds
    while not reached():
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.01)


@asynccontextmanager
async def supervised(spawned: Spawned) -> AsyncIterator[None]:
    """Two workers that serve, and after the block the end in order."""
    gateway = Supervisor(Settings(workers=2), server.bind("127.0.0.1", 0))
    run = asyncio.ensure_future(gateway.run())
    try:
        await until(lambda: gateway._serving)
        yield
        assert not run.done(), run.exception()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(run, 30) == 0
        assert not children()
    finally:
        for pid in children():
            os.kill(pid, signal.SIGKILL)


def supervise(step: Step, story: Callable[[Spawned], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    spawned = Spawned(step)
    monkeypatch.setattr(supervisor.asyncio, "create_subprocess_exec", spawned)

    async def run() -> None:
        async with supervised(spawned):
            await story(spawned)

    asyncio.run(run())


def said(capfd: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    return [(line["event"], line.get("cause", "")) for line in lines]


def test_a_reload_while_a_dead_worker_waits_for_its_successor_leaves_one_too_many_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.5)

    async def story(spawned: Spawned) -> None:
        before = children()
        os.kill(min(before), signal.SIGKILL)
        await until(lambda: len(children()) == 1)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: not before & children())
        await asyncio.sleep(1)
        assert (len(children()), spawned.starts) == (2, 4)

    supervise(serves, story, monkeypatch)


def test_a_reload_while_the_successor_of_a_dead_worker_starts_ends_the_one_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = CHILD.replace("os.write", "time.sleep(1); os.write")

    async def story(spawned: Spawned) -> None:
        os.kill(min(children()), signal.SIGKILL)
        await until(lambda: spawned.starts == 3)
        before = children()
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: spawned.starts == 5 and len(children()) == 2)
        assert not before & children()

    supervise(lambda start: slow if start == 3 else CHILD, story, monkeypatch)


def test_where_no_process_can_be_had_the_others_serve_on_and_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def story(spawned: Spawned) -> None:
        os.kill(min(children()), signal.SIGKILL)
        await until(lambda: spawned.starts == 4 and len(children()) == 2)

    full = OSError(errno.EAGAIN, "Resource temporarily unavailable")
    supervise(lambda start: full if start == 3 else CHILD, story, monkeypatch)
    assert ("worker_not_started", str(full)) in said(capfd)


@pytest.mark.parametrize("second", [REFUSING, OSError(errno.ENOMEM, "Cannot allocate memory")])
def test_a_reload_that_the_second_worker_refuses_leaves_the_first_as_it_is(
    second: str | OSError, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def story(spawned: Spawned) -> None:
        before = children()
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: spawned.starts == 4 and children() == before)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: len(children()) == 2 and not before & children())

    supervise(lambda start: second if start == 4 else CHILD, story, monkeypatch)
    assert [event for event, _ in said(capfd)].count("reload_refused") == 1


def test_a_reload_asked_for_during_the_start_or_a_reload_is_done_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(start: int) -> str:
        if start == 2:
            os.kill(os.getpid(), signal.SIGHUP)
        return CHILD

    async def story(spawned: Spawned) -> None:
        await until(lambda: spawned.starts == 3)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: spawned.starts == 6 and len(children()) == 2)

    supervise(step, story, monkeypatch)

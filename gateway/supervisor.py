"""Several workers on one socket and one ledger: starts them, replaces those that die, and ends them in order.

::

    start     the first worker alone: it makes keys, ledger and compiled kernels; when it serves, all the others
    death     said, then replaced after a pause that doubles while new ones die young
    SIGHUP    every worker is replaced by a fresh one, one after the other, each only once its successor serves
    SIGTERM   listen no more, let the workers finish what is under way, exit 0

Workers are spawned, never forked. A worker that refuses its configuration ends everything at the start, and later when
no other serves; otherwise those that serve go on, and it is tried again.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from gateway.http.accept import ABSENT, PLACES, Board
from gateway.http.server import DRAIN_SECONDS
from gateway.settings import Settings
from gateway.watching.events import Events
from gateway.watching.scribe import Scribe, standard_error

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 30.0
SETTLED_SECONDS = 10.0
"""A worker that has served this long did not die of its start: the next pause is the first again."""
KILL_SECONDS = DRAIN_SECONDS + 10
REFUSED = 2
"""Exit code of a process whose configuration is wrong."""


class Worker:
    """One worker process; ``ready`` is whether it ever served."""

    def __init__(self, number: int, place: int, process: asyncio.subprocess.Process) -> None:
        self.number, self.place, self._process = number, place, process
        self.began = time.monotonic()
        self.ready = False

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ended(self) -> int:
        return await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


class Refused(Exception):
    """A worker did not start, and nobody serves; the exit code is the argument."""


class Supervisor:
    """Runs ``settings.workers`` workers on a listening socket until told to stop."""

    def __init__(self, settings: Settings, sock: socket.socket) -> None:
        self._settings, self._sock = settings, sock
        self._events = Events(standard_error(), worker=0)  # a line about a worker gives its number instead
        self._scribe = Scribe(self._events.lines)
        self._board = Board.fresh()
        self._life, self._own_life = os.pipe()  # workers see its end when we are gone, however we went
        self._workers: dict[int, Worker] = {}
        self._all: dict[Worker, asyncio.Task[None]] = {}
        self._places = list(range(PLACES))
        self._stopping = asyncio.Event()
        self._renewal: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """The exit code: 0 after a signal, else that of the worker that could not start."""
        self._scribe.start()
        try:
            return await self._run()
        finally:
            self._scribe.close()

    async def _run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._renew)
        work = asyncio.ensure_future(self._serve())
        stop = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        refused = work.exception() if work.done() else None
        self._stopping.set()
        await self._end(work)
        if isinstance(refused, Refused):
            return int(refused.args[0])
        if refused is not None:
            raise refused
        return 0

    async def _serve(self) -> None:
        numbers = range(1, self._settings.workers + 1)
        await self._first(1)
        await asyncio.gather(*(self._first(number) for number in numbers[1:]))
        host, port = self._sock.getsockname()[:2]
        self._events.info("serving", workers=len(self._workers), host=host, port=port, pid=os.getpid())
        await asyncio.gather(*(self._keep(number) for number in numbers))

    async def _first(self, number: int) -> None:
        worker = await self._start(number)
        if not worker.ready:
            raise Refused(await worker.ended() or 1)
        self._workers[number] = worker

    async def _keep(self, number: int) -> None:
        """Replace whoever dies under this number, until the end."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            worker = self._workers[number]
            code = await worker.ended()
            if self._stopping.is_set():
                return
            if self._workers[number] is not worker:
                continue  # it was relieved, and has gone
            if time.monotonic() - worker.began > SETTLED_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            if code == REFUSED and not worker.ready and not self._anybody():
                raise Refused(code)
            self._events.error("worker_died", worker=number, pid=worker.pid, cause=_cause(code), again_in_s=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            self._workers[number] = worker = await self._start(number)
            if worker.ready:
                self._events.warning("worker_replaced", worker=number, pid=worker.pid)

    def _anybody(self) -> bool:
        return any(worker.ready and worker.alive for worker in self._workers.values())

    async def _start(self, number: int) -> Worker:
        """Spawn a worker and wait until it serves or has ended."""
        place = self._places.pop()
        ready, told = os.pipe()
        inherited = {
            "listen": self._sock.fileno(), "board": self._board.descriptor, "told": told, "life": self._life,
        }  # fmt: skip
        job = {**inherited, "number": number, "place": place, "settings": self._settings.model_dump(mode="json")}
        command = sys.executable, "-P", "-m", "gateway.worker", json.dumps(job)
        process = await asyncio.create_subprocess_exec(*command, pass_fds=tuple(inherited.values()), env=_environment())
        os.close(told)
        worker = Worker(number, place, process)
        self._all[worker] = asyncio.ensure_future(self._bury(worker))
        worker.ready = await _first_byte(ready) == b"1"
        return worker

    async def _bury(self, worker: Worker) -> None:
        await worker.ended()
        self._board.write(ABSENT, worker.place)
        self._places.append(worker.place)
        del self._all[worker]

    def _renew(self) -> None:
        if self._workers and (self._renewal is None or self._renewal.done()):
            self._renewal = asyncio.ensure_future(self._relieve_all())

    async def _relieve_all(self) -> None:
        """A fresh worker for every one, so that files are read anew; the old one goes once the new one serves."""
        for number in sorted(self._workers):
            successor = await self._start(number)
            if not successor.ready:
                self._events.error("reload_refused", worker=number, cause=_cause(await successor.ended()))
                return
            before, self._workers[number] = self._workers[number], successor
            before.send(signal.SIGTERM)
            self._events.info("worker_relieved", worker=number, pid=successor.pid, before=before.pid)

    async def _end(self, work: asyncio.Future[None]) -> None:
        """Stop listening, ask every worker to finish, and wait; one that will not is killed."""
        self._sock.close()
        for task in (work, self._renewal):
            if task is not None:
                task.cancel()
        waiting = {asyncio.ensure_future(worker.ended()): worker for worker in self._all}
        for worker in waiting.values():
            worker.send(signal.SIGTERM)
        if waiting:
            _, left = await asyncio.wait(waiting, timeout=KILL_SECONDS)
            for late in left:
                self._events.error("worker_killed", worker=waiting[late].number, cause="did not finish in time")
                waiting[late].send(signal.SIGKILL)
                await waiting[late].ended()


def supervise(settings: Settings, sock: socket.socket) -> int:
    """Run the workers; returns the exit code."""

    async def run() -> int:
        return await Supervisor(settings, sock).run()

    return asyncio.run(run())


async def _first_byte(descriptor: int) -> bytes:
    """What comes through a pipe, or nothing when its other end closes; closes it."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, came.set_result, None)
    try:
        await came
        return os.read(descriptor, 1)
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _environment() -> dict[str, str]:
    """Ours, so that a worker imports this very installation, wherever it is started."""
    here = str(Path(__file__).resolve().parents[1])
    before = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{here}{os.pathsep}{before}" if before else here}


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"

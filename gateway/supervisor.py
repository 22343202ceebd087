"""Several workers on one socket and one ledger: starts them, replaces those that die, and ends them in order.

::

    start     the first worker alone: it makes keys, ledger and compiled kernels; when it serves, all the others
    death     said, then replaced after a pause that doubles while new ones die young
    SIGHUP    a fresh worker for every one, one after the other; once all of them serve, those before them are relieved
    SIGTERM   listen no more, let the workers finish what is under way, exit 0

Workers are spawned, never forked. A worker that refuses its configuration ends everything at the start, and later when
no other serves; otherwise those that serve go on, and it is tried again. A reload that one worker refuses is refused by
all, or some would decide by the new policies and some by the old; for that, both stand side by side for a moment.
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
NO_ROOM = (OSError, RuntimeError)
"""What a spawn raises where no process, no descriptor, or no thread to wait for it can be had."""


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
        self._serving, self._asked = False, False

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
        self._serving = True
        if self._asked:
            self._renew()
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
            await self._replace(worker)

    async def _replace(self, dead: Worker) -> None:
        """A fresh worker in the place of one that died, unless a reload put one there meanwhile."""
        number = dead.number
        if self._workers[number] is not dead:
            return
        try:
            fresh = await self._start(number)
        except NO_ROOM as error:
            self._events.error("worker_not_started", worker=number, cause=str(error))
            return
        if self._workers[number] is not dead:
            fresh.send(signal.SIGTERM)
            return
        self._workers[number] = fresh
        if fresh.ready:
            self._events.warning("worker_replaced", worker=number, pid=fresh.pid)

    def _anybody(self) -> bool:
        return any(worker.ready and worker.alive for worker in self._workers.values())

    async def _start(self, number: int) -> Worker:
        """Spawn a worker and wait until it serves or has ended. Raises one of ``NO_ROOM``."""
        place = self._places.pop()
        try:
            ready, process = await self._spawn(number, place)
        except NO_ROOM:
            self._places.append(place)
            raise
        worker = Worker(number, place, process)
        self._all[worker] = asyncio.ensure_future(self._bury(worker))
        worker.ready = await _first_byte(ready) == b"1"
        return worker

    async def _spawn(self, number: int, place: int) -> tuple[int, asyncio.subprocess.Process]:
        """A worker, and the pipe by which it says that it serves: one that cannot say so ends."""
        ready, told = os.pipe()
        inherited = {
            "listen": self._sock.fileno(), "board": self._board.descriptor, "told": told, "life": self._life,
        }  # fmt: skip
        job = {**inherited, "number": number, "place": place, "settings": self._settings.model_dump(mode="json")}
        command = sys.executable, "-P", "-m", "gateway.worker", json.dumps(job)
        try:
            spawned = asyncio.create_subprocess_exec(*command, pass_fds=tuple(inherited.values()), env=_environment())
            return ready, await spawned
        except NO_ROOM:
            os.close(ready)
            raise
        finally:
            os.close(told)

    async def _bury(self, worker: Worker) -> None:
        await worker.ended()
        self._board.write(ABSENT, worker.place)
        self._places.append(worker.place)
        del self._all[worker]

    def _renew(self) -> None:
        self._asked = True
        if self._serving and (self._renewal is None or self._renewal.done()):
            self._renewal = asyncio.ensure_future(self._reload())

    async def _reload(self) -> None:
        """Once more for whoever asked during the start or a reload: files may have been read already as they were."""
        while self._asked:
            self._asked = False
            await self._relieve_all()

    async def _relieve_all(self) -> None:
        """A fresh worker for every one, so that files are read anew; where one does not serve, all is as it was."""
        fresh: list[Worker] = []
        for number in sorted(self._workers):
            successor = await self._successor(number)
            if successor is None:
                for one in fresh:
                    one.send(signal.SIGTERM)
                return
            fresh.append(successor)
        for successor in fresh:
            number = successor.number
            before, self._workers[number] = self._workers[number], successor
            before.send(signal.SIGTERM)
            self._events.info("worker_relieved", worker=number, pid=successor.pid, before=before.pid)

    async def _successor(self, number: int) -> Worker | None:
        """One that serves; None, and a line in the log, where there can be none."""
        try:
            successor = await self._start(number)
            if successor.ready:
                return successor
            cause = _cause(await successor.ended())
        except NO_ROOM as error:
            cause = str(error)
        self._events.error("reload_refused", worker=number, cause=cause)
        return None

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

"""Pollers in processes of their own, to be killed: ``python odbc_children.py HOME FOLDER``.

Everything a poller needs is made ready once; for every line on standard input a child is forked that opens ledger and
database anew and polls until it dies. Its process id is printed. HOME has the sample systems, FOLDER the ledger and
``connections.yaml``.
"""

from __future__ import annotations

import copy
import os
import signal
import sys
import threading
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from subprocess import PIPE, Popen
from types import TracebackType

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from ledger_samples import open_ledger

from adapters.odbc.codec import OdbcCodec
from adapters.odbc.polling import Poller
from gateway import settings
from gateway.bootstrap import install
from gateway.clock import never_back, utc_now
from gateway.connections import Connections
from gateway.service import ServingDesk
from gateway.spi import Site
from gateway.watching.lookout import Lookout

ROOT = Path(__file__).parents[1]
HURRIED = {"batch": 2, "every": 0.02, "lease": 1.0}
"""Batches so small that two are in hand and a short lease, so that a kill meets every step and a minute holds many."""


def hurried(desk: ServingDesk) -> ServingDesk:
    """The desk with these in its wire section."""
    assert isinstance(desk.codec, OdbcCodec)
    other = copy.copy(desk)
    other.codec = OdbcCodec(replace(desk.codec.wire, **HURRIED))  # type: ignore[arg-type]
    return other


class Pollers(AbstractContextManager["Pollers"]):
    """One poller at a time; ``start`` gives its process id, ``kill`` ends it as the kernel does."""

    def __init__(self, home: Path, folder: Path) -> None:
        command = [sys.executable, __file__, str(home), str(folder)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, env=environment, text=True)
        self._pid = 0

    def start(self) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._pid = int(self._process.stdout.readline())
        return self._pid

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        while Path(f"/proc/{self._pid}").exists():
            threading.Event().wait(0.002)
        self._pid = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self._process.kill()
        self._process.communicate()


def _poll(desk: ServingDesk, folder: Path) -> None:
    ledger = open_ledger(folder)
    ready = ServingDesk(desk.lines, desk.codec, lambda: ledger, never_back(utc_now))
    connections = Connections(folder)
    site = Site(lambda name: connections("legacy", "odbc"), Lookout.to(BytesIO()).events, threading.Event())
    Poller(ready, site).run()


def main(home: Path, folder: Path) -> None:
    desk = hurried(install(settings.load(home=home), with_ledger=False).desk("cobalt-core"))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        pid = os.fork()
        if not pid:
            _poll(desk, folder)
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

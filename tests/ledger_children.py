"""Processes that write into a ledger, started and watched by tests; tests/e2e/ledger_child.py is what they run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger_samples import open_ledger, proposal

from gateway.ledger import Filters, Kind

ROOT = Path(__file__).parents[1]
CHILD = [sys.executable, str(ROOT / "tests" / "e2e" / "ledger_child.py")]
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONDONTWRITEBYTECODE": "1"}


Child = subprocess.Popen[str]
Start = Callable[..., Child]


@contextmanager
def starting() -> Iterator[Start]:
    """Starts children, and ends those that a failing test left behind."""
    children: list[Child] = []

    def start(*words: object, before: tuple[str, ...] = ()) -> Child:
        command = [*before, *CHILD, *map(str, words)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        children.append(subprocess.Popen(command, text=True, env=ENVIRONMENT, **pipes))
        return children[-1]

    yield start
    for child in children:
        with child:
            child.kill()


class Reading:
    """What a child acknowledges, read as it comes: decisions by key."""

    def __init__(self, child: Child) -> None:
        self.acknowledged: dict[str, str] = {}
        self._child = child
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self._child.stdout
        for line in self._child.stdout:
            if line.count(" ") == 1 and line.endswith("\n"):
                key, decision_id = line.split()
                self.acknowledged[key] = decision_id

    def goes_on(self, further: int = 20, seconds: float = 60) -> None:
        """Waits until the child has acknowledged so many more."""
        wanted, end = len(self.acknowledged) + further, time.monotonic() + seconds
        while len(self.acknowledged) < wanted:
            assert self._child.poll() is None, self._child.stderr and self._child.stderr.read()
            assert time.monotonic() < end, f"{len(self.acknowledged)} acknowledged, {wanted} awaited"
            time.sleep(0.01)

    def kill(self) -> dict[str, str]:
        """SIGKILL; everything it ever acknowledged."""
        self._child.kill()
        assert self._child.wait() == -signal.SIGKILL, self._child.stderr and self._child.stderr.read()
        self._thread.join()
        return self.acknowledged


def await_ready(child: Child) -> None:
    assert child.stdout
    assert child.stdout.readline() == "ready\n", child.communicate()[1]


def finish(child: Child) -> list[list[str]]:
    """What a child that ends by itself printed, in words."""
    out, errors = child.communicate(timeout=60)
    assert child.returncode == 0, errors
    return [line.split() for line in out.splitlines()]


def check_every_decision_is_there_once(
    folder: Path, acknowledged: dict[str, str], findings: Collection[str] = ()
) -> None:
    """And the chain verifies, but for ``findings`` that the test itself caused before."""
    ledger = open_ledger(folder)
    assert {finding.code for finding in ledger.verify_chain()} == set(findings)
    present = [entry.decision_id for entry in ledger.list(Filters(kind=Kind.DECISION), limit=10**9)]
    assert len(present) == len(set(present))
    assert set(acknowledged.values()) <= set(present)
    for key, decision_id in list(acknowledged.items())[-20:]:
        repeated = ledger.submit(proposal(key, key, "app-0")).result()
        assert (repeated.decision_id, repeated.repeated) == (decision_id, True)
    ledger.close()

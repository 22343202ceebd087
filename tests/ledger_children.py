"""Processes that write into a ledger, started and watched by tests; tests/e2e/ledger_child.py is what they run."""

from __future__ import annotations

import os
import subprocess
import sys
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

"""Traces of strace, read: which call of a process came before which."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OPTIONS = ("-f", "-y", "-s", "1024", "-e", "trace=read,recvfrom,recvmsg,write,writev,sendto,sendmsg,fsync,fdatasync")
_UNFINISHED, _RESUMED = re.compile(r"(\d+) +(.*) <unfinished \.\.\.>"), re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)")
SYNCED = re.compile(r"f(?:data)?sync\(\d+<[^>]*ledger\.db-wal>\) += 0")
"""The ledger's log in a file is on disk."""
COMMITTED = re.compile(r"recvfrom\(.*COMMIT")
"""A database server says that its log is on disk: its reply to COMMIT."""


def program() -> str:
    found = shutil.which("strace")
    assert found, "strace is missing; install it with: apt-get install strace"
    return found


@contextmanager
def traced(trace: Path, *pids: int) -> Iterator[None]:
    """Every thread of running processes is traced into a file meanwhile."""
    command = [program(), *OPTIONS, "-o", str(trace), *(f"--attach={pid}" for pid in pids)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        try:
            assert tracer.stderr
            for _ in pids:
                assert "attached" in tracer.stderr.readline()
            yield
        finally:
            tracer.terminate()


def calls(trace: Path) -> list[str]:
    """The calls in the order in which they ended, each on one line, also those that another thread's came between."""
    begun: dict[str, str] = {}
    found = []
    for line in trace.read_text(errors="replace").splitlines():
        if cut := _UNFINISHED.fullmatch(line):
            begun[cut[1]] = cut[2]
        elif rest := _RESUMED.fullmatch(line):
            found.append(begun.pop(rest[1], "") + rest[2])
        else:
            found.append(line.partition(" ")[2].lstrip())
    return found


def durable_between(found: list[str], asked: str, answered: str, durable: re.Pattern[str] = SYNCED) -> bool:
    """Whether a call said so after the one that took the request in, and before the one that answers it."""
    first = next(place for place, call in enumerate(found) if _reads(call) and asked in call)
    last = next(place for place, call in enumerate(found) if place > first and not _reads(call) and answered in call)
    return any(durable.match(call) for call in found[first:last])


def _reads(call: str) -> bool:
    return call.startswith(("read", "recv"))

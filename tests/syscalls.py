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
_SYNCED = re.compile(r"f(?:data)?sync\(\d+<[^>]*ledger\.db-wal>\) += 0")


def program() -> str:
    found = shutil.which("strace")
    assert found, "strace is missing; install it with: apt-get install strace"
    return found


@contextmanager
def traced(pid: int, trace: Path) -> Iterator[None]:
    """Every thread of a running process is traced into a file meanwhile."""
    command = [program(), *OPTIONS, "-o", str(trace), "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        try:
            assert tracer.stderr
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


def synced_between(found: list[str], asked: str, answered: str) -> bool:
    """Whether the ledger's log was synced after the call that took the request in, before the one that answers it."""
    first = next(place for place, call in enumerate(found) if _reads(call) and asked in call)
    last = next(place for place, call in enumerate(found) if place > first and not _reads(call) and answered in call)
    return any(_SYNCED.match(call) for call in found[first:last])


def _reads(call: str) -> bool:
    return call.startswith(("read", "recv"))

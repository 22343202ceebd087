"""The command line without a process of its own: what it prints and its exit code, as ``gateway.launch`` has them.

A process takes a second only to begin. That a real one says the same is seen in tests/e2e/test_commands.py and wherever
the README's commands are run.
"""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from gateway import cli, launch

Done = subprocess.CompletedProcess[str]


def process(home: Path, *words: str | Path) -> Done:
    """One command as a process."""
    command = [sys.executable, "-m", "gateway.launch", "--home", str(home), *map(str, words)]
    return _sound(subprocess.run(command, capture_output=True, text=True, timeout=300))


def here(home: Path, *words: str | Path) -> Done:
    """One command in this process."""
    command = ["scoregate", "--home", str(home), *map(str, words)]
    out, err, code = _stream(), _stream(), 0
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err):
        patched.setattr(sys, "argv", command)
        try:
            launch.plainly(cli.main)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return _sound(subprocess.CompletedProcess(command, code, _written(out), _written(err)))


def _stream() -> io.TextIOWrapper:
    """An answer is written in bytes, so there is a buffer below."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def _sound(done: Done) -> Done:
    assert "Traceback" not in done.stderr
    return done

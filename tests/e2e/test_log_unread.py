"""A log pipe that nobody reads: the gateway answers, replaces its dead and ends as if there were no log."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from live_gateway import COMMAND, ENVIRONMENT, EXAMPLE, ROOT, SCORE, Caller, Live, copied, free_port, until

PROMPT_SECONDS = 30
"""A busy machine may take as long to end; less than what is given to workers that hang."""


@pytest.fixture(scope="module")
def caller(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Caller:
    return copied(built_home, tmp_path_factory.mktemp("unread") / "home")


@contextmanager
def unread(caller: Caller, *options: str) -> Iterator[Live]:
    """The gateway, ready, with a full pipe for its log."""
    reader, writer = os.pipe()
    port = free_port()
    command = [*COMMAND, str(caller.home), "serve", "--port", str(port), *options]
    with (
        subprocess.Popen(command, stderr=writer, cwd=ROOT, env=ENVIRONMENT) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=caller.headers, timeout=60) as client,
    ):
        try:
            until(lambda: ready(client) or process.poll() is not None)
            fill(writer)
            yield Live(process, client)
        finally:
            process.kill()
            os.close(writer)
            os.close(reader)


def ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def fill(pipe: int) -> None:
    """Through a description of our own: the gateway's must block as a terminal or a log shipper's does."""
    ours = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK)
    for size in (65536, 1):
        with suppress(BlockingIOError):
            while True:
                os.write(ours, b"\n" * size)
    os.close(ours)


def ask(live: Live, number: int) -> int:
    headers = {"Idempotency-Key": f'"unread-{os.getpid()}-{number}"'}
    return live.client.post(SCORE, content=EXAMPLE.read_bytes(), headers=headers).status_code


def children(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_ends_a_gateway_whose_log_nobody_reads(caller: Caller, workers: str) -> None:
    with unread(caller, "--workers", workers) as live:
        assert {ask(live, number) for number in range(20)} == {200}
        time.sleep(0.5)  # whoever writes the log is stuck now
        assert ask(live, 99) == 200
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(PROMPT_SECONDS) == 0


def test_a_worker_that_dies_is_replaced_though_nobody_reads_the_log(caller: Caller) -> None:
    with unread(caller, "--workers", "2") as live:
        victim, other = children(live.process.pid)
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(children(live.process.pid)) == 2 and victim not in children(live.process.pid))
        assert other in children(live.process.pid)
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(PROMPT_SECONDS) == 0

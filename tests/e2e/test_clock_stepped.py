"""The clock of a gateway that serves is set back by an hour under traffic, and later put right."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
from live_gateway import COMMAND, ENVIRONMENT, EXAMPLE, ROOT, SCORE, Caller, Live, copied, serving, until

from gateway import settings
from gateway.clock import utc_now
from gateway.opening import open_ledger

BACK = 3600
DEADLINE_S = 5
pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is missing: apt-get install gcc libc6-dev")


class Callers:
    """Ask for new applications one after the other until told to stop; every answer is kept."""

    def __init__(self, live: Live, lanes: int = 2) -> None:
        self.answers: dict[str, httpx.Response] = {}
        self._live, self._done = live, threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(lane,)) for lane in range(lanes)]
        for thread in self._threads:
            thread.start()

    def _call(self, lane: int) -> None:
        with httpx.Client(base_url=self._live.client.base_url, headers=self._live.client.headers, timeout=60) as client:
            number = 0
            while not self._done.is_set():
                number += 1
                key = f"lane-{lane}-{number}"
                self.answers[key] = ask(client, key)

    def go_on(self, further: int = 30) -> None:
        wanted = len(self.answers) + further
        until(lambda: len(self.answers) >= wanted)

    def end(self) -> dict[str, httpx.Response]:
        self._done.set()
        for thread in self._threads:
            thread.join()
        return self.answers


def ask(client: httpx.Client, key: str) -> httpx.Response:
    body = json.dumps(json.loads(EXAMPLE.read_bytes()) | {"applicationId": key}).encode()
    return client.post(SCORE, content=body, headers={"Idempotency-Key": f'"{key}"'})


class Clock:
    """The wall clock of every process that has ``environment`` in its own; it can be set, and takes effect at once."""

    def __init__(self, library: Path, offset: Path) -> None:
        self._offset = offset
        offset.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(offset)}

    def set(self, seconds: int) -> None:
        """As many seconds off from now on; the eight bytes are written in place, where the processes look."""
        with self._offset.open("r+b", buffering=0) as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    library = tmp_path / "stepped_clock.so"
    source = Path(__file__).with_name("stepped_clock.c")
    subprocess.run(["gcc", "-Wall", "-Werror", "-O2", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    return Clock(library, tmp_path / "offset")


def behind(live: Live) -> float:
    """How many seconds the gateway's clock is behind ours, from the Date of an answer."""
    return time.time() - parsedate_to_datetime(live.client.get("/healthz").headers["Date"]).timestamp()


def doctor(caller: Caller, clock: Clock) -> subprocess.CompletedProcess[str]:
    command, environment = [*COMMAND, str(caller.home), "doctor"], ENVIRONMENT | clock.environment
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_a_clock_set_back_under_traffic_changes_no_order_and_needs_no_restart(
    built_home: Path, tmp_path: Path, clock: Clock
) -> None:
    caller = copied(built_home, tmp_path / "home")
    with serving(caller, **clock.environment) as live:
        callers = Callers(live)
        callers.go_on()
        clock.set(-BACK)
        until(lambda: behind(live) > BACK / 2)
        callers.go_on()
        age = re.search(r"^scoregate_chain_head_age_seconds (\S+)$", live.client.get("/metrics").text, re.MULTILINE)
        assert age
        assert float(age[1]) == 0
        assert live.client.get("/readyz").status_code == 200
        ill = doctor(caller, clock)
        assert (ill.returncode, bool(re.search(r"error +clock +\d+ s behind the ledger", ill.stdout))) == (1, True)
        clock.set(0)
        until(lambda: behind(live) < BACK / 2)
        callers.go_on()
        answers = callers.end()
        assert {answer.status_code for answer in answers.values()} == {200}
        for key in list(answers)[:3] + list(answers)[-3:]:
            again = ask(live.client, key)
            assert (again.content, again.headers["Idempotency-Replayed"]) == (answers[key].content, "true")
    ledger = open_ledger(settings.load(home=caller.home), utc_now)
    try:
        assert ledger.verify_chain() == ()
        entries = sorted(ledger.list(limit=10**6), key=lambda entry: entry.number)
    finally:
        ledger.close()
    assert len(entries) == len(answers)
    received = [entry.received_at.timestamp() for entry in entries]
    assert all(later >= earlier - DEADLINE_S for earlier, later in itertools.pairwise(received))
    assert received[-1] > received[0]

"""The rows of the README's chapter "On call", and what its tests do with one: provoke it, look, cure, see it end."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx
from live_gateway import ENVIRONMENT, EXAMPLE, ROOT, Caller, Live, until
from promql import Scrape, fires, metrics

from gateway.watching.lookout import PUBLISH_SECONDS

_ROW = re.compile(
    r"^\| `((?:scoregate_|increase\(|absent\(|sum by )[^`]+)` \| ([^|]+) \| `([^`]+)` \| ([^|]+) \|$", re.MULTILINE
)
_COMMAND = re.compile(r"`scoregate ([^`]+)`")


class Alert(NamedTuple):
    """One row: when it fires, why, what to look with, what to do."""

    expression: str
    cause: str
    look: str
    cure: str


ALERTS = [Alert(*row) for row in _ROW.findall((ROOT / "README.md").read_text(encoding="utf-8"))]


def alert(metric: str) -> Alert:
    (found,) = [one for one in ALERTS if metric in metrics(one.expression)]
    return found


def scrape(live: Live) -> str:
    """What ``/metrics`` says, on a connection of its own, as workers die here; nothing where nobody answers."""
    try:
        return httpx.get(live.client.base_url.join("/metrics")).text
    except httpx.ConnectError:
        return ""


def burns(one: Alert, live: Live, before: str = "") -> bool:
    """Whether a monitor that scraped ``before`` when the window began, and now, sees the alert."""
    return fires(one.expression, Scrape(before, scrape(live)))


@contextmanager
def fired(metric: str, live: Live) -> Iterator[Alert]:
    """The alert is quiet before, and fires once what stands in the block was done."""
    one, before = alert(metric), scrape(live)
    assert not burns(one, live, before)
    yield one
    until(lambda: burns(one, live, before))


def ends(one: Alert, live: Live, go_on: Callable[[], object] = lambda: None) -> None:
    """The alert goes quiet after the cure: until a window in which callers ``go_on`` is one without it."""

    def quiet() -> bool:
        before = settled(live)
        go_on()
        settled(live)
        return not burns(one, live, before)

    until(quiet)


def settled(live: Live) -> str:
    """A scrape that has what was counted so far."""
    time.sleep(2 * PUBLISH_SECONDS)
    return scrape(live)


def looked(one: Alert, caller: Caller, live: Live) -> str:
    """What the command of the row prints."""
    command = one.look.replace("DIR", str(caller.home)).replace("http://127.0.0.1:8080", str(live.client.base_url))
    command = command.replace("LOG", str(caller.log))
    if command.startswith("scoregate"):
        command = f"{sys.executable} -m gateway.launch {command.removeprefix('scoregate')}"
    done = subprocess.run(shlex.split(command), cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def cured(one: Alert, caller: Caller, *words: str) -> str:
    """What the command in the row's cure prints, with these words after it; it must succeed."""
    (command,) = _COMMAND.findall(one.cure)
    return run(caller, *shlex.split(command), *words)


def run(caller: Caller, *words: str) -> str:
    """What a command prints; it must succeed."""
    command = [sys.executable, "-m", "gateway.launch", "--home", str(caller.home), *words]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def application(**changes: object) -> bytes:
    return json.dumps(json.loads(EXAMPLE.read_bytes()) | changes).encode()

"""Asks the gateway on this machine whether it is ready: the health check of a container, which has no other client."""

from __future__ import annotations

import http.client
from typing import NamedTuple

from gateway.settings import Settings

SECONDS = 3.0
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 # compared, not listened on
"""Hosts that stand for every address of the machine, with the one by which it reaches itself."""
_MOST = 10_000


class Readiness(NamedTuple):
    """``ready`` as ``/readyz`` says it; ``said`` is its answer, or why there was none."""

    ready: bool
    said: str


def ask(settings: Settings, seconds: float = SECONDS) -> Readiness:
    """What ``/readyz`` answers at the address of these settings; nobody there, or no answer in time, is not ready."""
    host = EVERYWHERE.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=seconds)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return Readiness(answer.status == http.client.OK, answer.read(_MOST).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException) as exc:
        return Readiness(False, f"no answer from {host} port {settings.port}: {exc or type(exc).__name__}")
    finally:
        connection.close()

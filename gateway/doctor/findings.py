"""What was looked at and how it stands; also where looking itself came to nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from contracts.errors import ConfigurationError, ScoregateError
from gateway.watching.events import described

AGAIN = "correct it, then run this again"


class Finding(NamedTuple):
    """One thing that was looked at. ``severity`` is ok, note, warning or error; ``cure`` is empty where none is due."""

    severity: str
    check: str
    seen: str
    cure: str = ""


def looked(check: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a check finds. That it could not go on is a finding too: those after it are still made."""
    try:
        yield from look()
    except Exception as error:  # noqa: BLE001 # whatever it is, it costs this check alone
        yield from failed(check, error)


def failed(check: str, error: Exception, severity: str = "error") -> Iterator[Finding]:
    """What kept a check from going on: each fault of a typed error, a file that may not be read, or a slip."""
    if isinstance(error, ScoregateError):
        yield from (Finding(severity, check, text, AGAIN) for text in _texts(error))
    elif isinstance(error, OSError):
        yield unreadable(check, error)
    else:
        found = described(error)
        seen = f"could not be looked at by a fault of ours, {found['kind']} at {found['where'].rpartition(' > ')[2]}"
        yield Finding(severity, check, seen, "report it")


def unreadable(check: str, error: OSError, severity: str = "error") -> Finding:
    seen = f"cannot look at {error.filename}: {error.strerror}"
    return Finding(severity, check, seen, f"run this as the user that serves; now it is user {os.geteuid()}")


def _texts(error: ScoregateError) -> list[str]:
    faults = error.faults if isinstance(error, ConfigurationError) else ()
    return [str(fault) for fault in faults] or [error.message]

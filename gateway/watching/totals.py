"""The counts of all processes of one home: each keeps a small file in ``state/run``, and any of them adds them up.

Prometheus's own multiprocess mode keeps every sample in a mapped file, at some microseconds per event under a lock;
here a process writes what it counted a few times a second, so a killed one loses at most the last half second of its
counts (never a decision: the ledger is the record). A process holds a lock on its file while it lives. Whoever finds
one that nobody holds adds its counts to ``retired.json``; its gauges are dropped. So counters only ever grow, also over
a restart of the gateway.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gateway.private import owner_only
from gateway.watching.catalog import (
    INTEGRATION_READY,
    LEGACY_DOWN,
    OLDEST_PENDING,
    POLLERS,
    POLLERS_LOST,
    QUEUE,
    READY,
    WORKERS,
    WORKERS_LOST,
)
from gateway.watching.tally import Key, Snapshot, Tally, empty

RETIRED = "retired.json"
_MOST_NAMES = 64
_JOINS: dict[str, Callable[[list[float]], float]] = {
    QUEUE: sum, WORKERS: sum, POLLERS: sum, READY: min, INTEGRATION_READY: min,
}  # fmt: skip
"""How the values of several processes become one; of other gauges the largest is told."""
_LOST = {WORKERS: WORKERS_LOST, POLLERS: POLLERS_LOST}
"""What is counted of a process that ended without saying so, by the gauge that says what it was."""


class Totals:
    """One process's place among the others. Raises OSError at the start only; later faults cost counts, no answer."""

    def __init__(self, folder: Path, tally: Tally) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._tally = folder, tally
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._written = ""
        self._telling = threading.Lock()
        with self._alone():
            self._held = os.open(_file(self._name, folder, "lock"), os.O_WRONLY | os.O_CREAT, 0o600)
            fcntl.flock(self._held, fcntl.LOCK_EX)

    def publish(self) -> None:
        """Write what this process counted, if that is news, and take in what dead processes left."""
        self._tell()
        if any(self._dead()):
            with self._alone():
                self._retire(self._dead())

    def read(self) -> Snapshot:
        """What all processes counted, of this one up to now, of the others up to half a second ago.

        What is told is written first: whoever is asked next must not tell less, or a counter would seem to start anew.
        """
        mine = self._tell()
        with self._alone():
            total = _snapshot(self._folder / RETIRED)
            folded = set(_names(self._folder / RETIRED))
            living = [mine]
            for lock in self._others():
                other = _snapshot(lock.with_suffix(".json"))
                if not _is_dead(lock):
                    living.append(other)
                elif lock.stem not in folded:
                    total.add(other)
        for one in living:
            total.add(one)
        total.gauges.update(_joined(living, [key[1] for key in total.counts if key[0] == POLLERS_LOST]))
        return total

    def close(self) -> None:
        """Leave what was counted to the others, and go."""
        if self._held < 0:
            return
        with suppress(OSError):
            self._tell()
            with self._alone():
                self._retire([_file(self._name, self._folder, "lock")], lost=False)
        os.close(self._held)
        self._held = -1

    def _tell(self) -> Snapshot:
        """Write what this process counted, if that is news; one thread at a time, or an older sum could come last."""
        with self._telling:
            mine = self._tally.snapshot()
            text = json.dumps(mine.plain())
            if text != self._written:
                _replace(_file(self._name, self._folder, "json"), text)
                self._written = text
        return mine

    def _others(self) -> list[Path]:
        return [path for path in sorted(self._folder.glob("*-*.lock")) if path.stem != self._name]

    def _dead(self) -> Iterator[Path]:
        return (path for path in self._others() if _is_dead(path))

    def _retire(self, locks: Iterator[Path] | list[Path], *, lost: bool = True) -> None:
        """Add dead processes' counts to those kept, each once, even if this is cut off half-way."""
        path = self._folder / RETIRED
        total, names = _snapshot(path), _names(path)
        gone = list(locks)
        for lock in gone:
            if lock.stem not in names:
                left = _snapshot(lock.with_suffix(".json"))
                total.add(left)
                if lost:
                    total.counts.update((_LOST[name], *labels) for name, *labels in left.gauges if name in _LOST)
                names.append(lock.stem)
        _replace(path, json.dumps(total.plain() | {"names": names[-_MOST_NAMES:]}))
        for lock in gone:
            lock.with_suffix(".json").unlink(missing_ok=True)
            lock.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with open(self._folder / ".turn", "wb", opener=owner_only) as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield


def _joined(living: list[Snapshot], polled: Iterable[str]) -> dict[Key, float]:
    """The gauges of all that live. An integration whose pollers are gone has none of them: what is missing shows."""
    found: dict[Key, list[float]] = {(name,): [0.0] for name in (QUEUE, WORKERS, OLDEST_PENDING, LEGACY_DOWN)}
    found |= {(POLLERS, integration): [0.0] for integration in polled}
    for one in living:
        for key, value in one.gauges.items():
            found.setdefault(key, []).append(value)
    return {key: _JOINS.get(key[0], max)(values) for key, values in found.items()}


def _is_dead(lock: Path) -> bool:
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return False
    return True


def _file(name: str, folder: Path, suffix: str) -> Path:
    return folder / f"{name}.{suffix}"


def _replace(path: Path, text: str) -> None:
    beside = path.with_suffix(".new")
    with open(beside, "w", encoding="utf-8", opener=owner_only) as file:
        file.write(text)
    beside.replace(path)


def _plain(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return plain if isinstance(plain, dict) else {}


def _snapshot(path: Path) -> Snapshot:
    """What a file holds; one that is missing or spoilt counts as nothing."""
    try:
        return Snapshot.read(_plain(path))
    except (KeyError, TypeError, ValueError):
        return empty()


def _names(path: Path) -> list[str]:
    names = _plain(path).get("names", [])
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

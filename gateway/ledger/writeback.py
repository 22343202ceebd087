"""Brings what was written to a file to disk a little at a time, so that another file's fsync never waits for long.

A check-point of SQLite leaves thousands of pages in the kernel's cache, scattered over the whole file by indices whose
keys are random. Synced at once they keep the disk busy for tenths of a second, and every commit of that time waits.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

_WRITE_AND_WAIT = 7
"""SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE and _WAIT_AFTER: sync_file_range(2)."""
_PARTS, _SMALLEST = 512, 1 << 20
"""Into how many parts a file is cut, and how small a part is at least, in bytes."""
_FRESH = 128 << 20
"""How many bytes at the end of the file are likely to be new as a whole, and go in the smallest parts."""
_LONGEST_PAUSE_S = 0.02
_OWN_FILES = Path("/proc/self/fd")


class Writeback:
    """Syncs the file at ``path`` by a descriptor which this process holds already, and does nothing where it has none.

    It never opens the file: closing that descriptor would drop the locks SQLite holds on it (fcntl(2)). Should the
    descriptor be closed meanwhile, another file may be synced in its place, which does no harm.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._range = _sync_file_range()

    def gently(self, go_on: Callable[[], bool]) -> None:
        """Sync the file, resting after each part for as long as it took; all at once when it may not go on so."""
        if self._range is not None and (found := self._descriptor()) is not None:
            for start, size in parts(self._path.stat().st_size):
                if not go_on():
                    break
                began = time.perf_counter()
                self._range(found, start, size, _WRITE_AND_WAIT)
                time.sleep(min(time.perf_counter() - began, _LONGEST_PAUSE_S))
        self.at_once()

    def at_once(self) -> None:
        if (found := self._descriptor()) is not None:
            with suppress(OSError):  # what could not be written SQLite will find out itself
                os.fdatasync(found)

    def _descriptor(self) -> int | None:
        with suppress(OSError):
            wanted = self._path.stat()
            return next((one for one in _open_descriptors() if _is(one, wanted)), None)
        return None


def parts(size: int) -> Iterator[tuple[int, int]]:
    """Start and size of each part of a file of ``size`` bytes, in order."""
    old = max(0, size - _FRESH)
    step = max(_SMALLEST, old // _PARTS)
    for start in range(0, old, step):
        yield start, min(step, old - start)
    for start in range(old, size, _SMALLEST):
        yield start, min(_SMALLEST, size - start)


def _open_descriptors() -> list[int]:
    return [int(entry.name) for entry in _OWN_FILES.iterdir()]


def _is(descriptor: int, wanted: os.stat_result) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), wanted)
    return False


def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    """Linux has it; nobody else does."""
    function = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function

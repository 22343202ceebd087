"""Whether a ledger's files are still those that were opened.

SQLite goes on in a file that was replaced or removed: it reads and commits, nothing fails, and all of it is gone with
the process. So the paths are compared with what they led to; a file may not be opened for it, for to close it again
would give up the process's locks.
"""

from __future__ import annotations

from pathlib import Path
from time import monotonic

from sqlalchemy import Engine

from contracts.errors import SetupError
from gateway.ledger.connect import place

LOOK_SECONDS = 0.1
"""How long the writer goes on without looking: to look before every group would give the interpreter away each time."""

_Identity = tuple[int, int]


class Opened:
    """The file of an engine and its write-ahead log, as they are now, while a connection is open; of a server nothing.

    Not for several threads at once, except ``check``.
    """

    def __init__(self, engine: Engine) -> None:
        path = place(engine) if engine.dialect.name == "sqlite" else ""
        paths = (path, f"{path}-wal") if path else ()
        self._files = {path: found for path in paths if (found := _identity(path))}
        self._looked_at = 0.0

    def glance(self) -> None:
        """As ``check``, where that was long enough ago."""
        if self._files and monotonic() - self._looked_at >= LOOK_SECONDS:
            self.check()
            self._looked_at = monotonic()

    def check(self) -> None:
        """Raises SetupError where a file is not the one that was opened."""
        for path, opened in self._files.items():
            if _identity(path) != opened:
                raise SetupError(
                    f"ledger replaced: {path} was replaced or removed while this process served, and what is recorded "
                    "now would be lost; put the right file back, and restart where it is another one than before"
                )


def _identity(path: str) -> _Identity | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino

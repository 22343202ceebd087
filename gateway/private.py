"""Files that only their owner may read, whatever the umask says: everything below the state directory."""

from __future__ import annotations

import os


def owner_only(path: str, flags: int) -> int:
    """An ``opener`` for ``open``: a file that is made by it has the mode 0600."""
    return os.open(path, flags, 0o600)

"""Files that only their owner may read, whatever the umask says: everything below the state directory."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def owner_only(path: str, flags: int) -> int:
    """An ``opener`` for ``open``: a file that is made by it has the mode 0600."""
    return os.open(path, flags, 0o600)


def anybody_writes(folder: Path) -> bool:
    """Whether users who are neither its owner nor of its group may put files or links into a folder."""
    return bool(folder.stat().st_mode & stat.S_IWOTH)

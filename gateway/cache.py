"""What was found is kept for a while: so many entries for so long, the one used longest ago going first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
MOST_KEPT: Final = 4_096


class Cache(Generic[T]):
    """Values by key for ``seconds`` each, none at all where that is 0; ``clock`` gives seconds and never goes back."""

    def __init__(self, seconds: float, clock: Callable[[], float], most: int = MOST_KEPT) -> None:
        self._seconds, self._clock, self._most = seconds, clock, most
        self._entries: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> T | None:
        with self._lock:
            until, value = self._entries.get(key, (0.0, None))
            if value is None:
                return None
            if self._clock() >= until:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return value

    def put(self, key: str, value: T, since: float) -> None:
        """Keep a value that was true at ``since``."""
        if not self._seconds:
            return
        with self._lock:
            self._entries[key] = since + self._seconds, value
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)

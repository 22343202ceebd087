"""The principals in force: what ``principals.yaml`` says, held where it can be replaced while the gateway serves."""

from __future__ import annotations

from pathlib import Path

from gateway.http.principals import Principals
from gateway.modes import Mode


class Roster:
    """The principals of one home. Nobody is known before ``read``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.current = Principals([])
        self._modes: dict[str, Mode] = {}

    def read(self) -> None:
        """Put what the file says in force; raises ConfigurationError, and changes nothing, where it is wrong."""
        self.current = Principals.read(self.path)
        self._modes |= {name: principal.mode for name, principal in self.current.by_name.items()}

    def mode(self, name: str) -> Mode:
        """The mode of a principal, also of one that has left the file while its last request was under way.

        Names the file never held add nothing to the integration's mode.
        """
        return self._modes.get(name, "live")

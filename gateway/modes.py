"""Whether a request is live or a trial: the one rule, for every integration and every caller.

===========  =========  =======  ===================================================================================
integration  caller     request
===========  =========  =======  ===================================================================================
live         live       live     somebody acts on the decision
live         test       test     a new caller is tried out against the real integration
test         live       test     a new integration is tried out by the real caller
test         test       test
===========  =========  =======  ===================================================================================

A caller that principals.yaml never knew (the command line, an adapter that fetches its own work) adds nothing: the
integration's mode counts. A bundle marked for demonstration decides nothing live unless it is allowed by name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal

from contracts.errors import AccessDenied

Mode = Literal["test", "live"]
DEMONSTRATION = "demonstration"
"""The ``use`` of a bundle that must not decide live."""


def of_request(integration: Mode, caller: Mode) -> Mode:
    """The table above."""
    return "live" if integration == caller == "live" else "test"


class Modes:
    """The modes of one installation's requests.

    ``caller`` gives the mode of a principal by name. ``allowed`` are the names under which a demonstration bundle may
    decide live: ``integration`` for all its callers, ``integration/principal`` for one. ``overridden`` is told, with
    both names, whenever a live decision is made that way.
    """

    def __init__(
        self,
        caller: Callable[[str], Mode] = lambda _name: "live",
        allowed: Collection[str] = (),
        overridden: Callable[[str, str], None] = lambda _integration, _principal: None,
    ) -> None:
        self.caller, self.overridden = caller, overridden
        self._allowed = frozenset(allowed)

    def of(self, integration: Mode, principal: str) -> Mode:
        """The mode of a request this principal makes to an integration of that mode."""
        return of_request(integration, self.caller(principal))

    def require_fit(self, use: str, mode: Mode, integration: str, principal: str) -> None:
        """Raises AccessDenied where a bundle of this ``use`` may not decide for this caller in this mode."""
        if mode != "live" or use != DEMONSTRATION:
            return
        if not self._allowed & {integration, f"{integration}/{principal}"}:
            raise AccessDenied(f"a bundle marked for demonstration decides nothing live on {integration}", known=True)
        self.overridden(integration, principal)


def may_open(integration: str, mode: Mode, use: str, allowed: Collection[str]) -> bool:
    """Whether an integration may be served at all with a bundle of this ``use``: allowed whole, or for one caller."""
    closed = mode == "live" and use == DEMONSTRATION
    return not closed or any(name.partition("/")[0] == integration for name in allowed)

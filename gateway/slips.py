"""What nobody foresaw while an integration was read or decided: our own fault, and said as that."""

from __future__ import annotations

from contracts.errors import InternalFault
from gateway.watching.events import described


def slip(error: Exception, name: str, done: str = "cannot be opened") -> InternalFault:
    """An exception that nobody foresaw, as what it is: our own fault. ``done`` says what the integration ``name`` could
    not, or what could not be done with it."""
    if isinstance(error, InternalFault):
        return error
    found = described(error)
    fault = InternalFault(
        f"{name} {done} by a fault of ours, {found['kind']} at {found['where'].rpartition(' > ')[2]}: "
        "report it together with the folder of the integration"
    )
    fault.__cause__ = error
    return fault

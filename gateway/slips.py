"""What nobody foresaw while an integration was read: our own fault, and said as that."""

from __future__ import annotations

from contracts.errors import InternalFault
from gateway.watching.events import described


def slip(error: Exception, name: str) -> InternalFault:
    """An exception that nobody foresaw where an integration is read, as what it is: our own fault."""
    if isinstance(error, InternalFault):
        return error
    found = described(error)
    fault = InternalFault(
        f"{name} cannot be opened by a fault of ours, {found['kind']} at {found['where'].rpartition(' > ')[2]}: "
        "report it together with the folder of the integration"
    )
    fault.__cause__ = error
    return fault

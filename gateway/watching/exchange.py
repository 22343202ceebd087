"""The exchange under way, and what the log calls it: what its caller says beside the message, else what the message
says where ``keys.correlation`` points, else a name made up at the door.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Final

CORRELATION: Final = re.compile(r"[!-~]{1,128}")
"""A correlation id that can stand in a log line and a header as it came."""


class Exchange:
    """``correlation`` is its name in the log; ``given`` says that the caller said it beside the message."""

    __slots__ = ("correlation", "given")

    def __init__(self) -> None:
        self.correlation, self.given = "", False


_UNDER_WAY: ContextVar[Exchange | None] = ContextVar("exchange under way", default=None)


def begin(exchange: Exchange) -> None:
    """Whatever this task does from now on, and whoever works in its context, belongs to this exchange."""
    _UNDER_WAY.set(exchange)


def rename(correlation: str) -> None:
    """Call the exchange what its message says."""
    exchange = _UNDER_WAY.get()
    if exchange is not None and not exchange.given and CORRELATION.fullmatch(correlation):
        exchange.correlation = correlation


def named(correlation: str) -> str:
    """What the log calls the exchange under way; where there is none, as in a batch or a poll, what is given here."""
    exchange = _UNDER_WAY.get()
    return exchange.correlation if exchange is not None else correlation

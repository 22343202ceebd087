"""The words every part shares: a record, its fields, their states and origins, and the problems found on the way.

A record is positional: its tuples follow the field order of its contract. Numbers of the type ``decimal`` are held as
scaled integers (the value times ten to the field's scale: 1234.50 at scale 2 is 123450), so that both engines compute
the same digits with plain integer arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import IntEnum
from itertools import islice
from typing import Literal, NamedTuple, TypeAlias

Value: TypeAlias = int | str | bool | date | None
"""``int`` (an integer, or a decimal as scaled integer), ``str``, ``bool``, ``date``; ``None`` unless given."""

FieldType = Literal["integer", "decimal", "string", "code", "date", "boolean", "timestamp"]
"""``timestamp`` (UTC, whole seconds) stands in answers only: no record holds one."""


class State(IntEnum):
    """What reached us for a field. The numbers are part of the record digest and never change."""

    GIVEN = 0
    BLANK = 1
    NOT_CARRIED = 2
    REJECTED = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class Origin(IntEnum):
    """Where a field's value comes from. A conversion or a rename of a wire value is still ``WIRE``."""

    WIRE = 0
    LOOKUP = 1
    UPCAST = 2
    IMPUTED = 3

    @property
    def word(self) -> str:
        return self.name.lower()


ABOUT = ("product", "currency")
"""Fields of every application: no model is trained for all products and all currencies."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def day_of(text: object) -> date | None:
    """A day written as 2026-03-31 and in no other form of ISO 8601; None for anything else.

    >>> day_of("2026-03-31"), day_of("20260331"), day_of("2026-W14-2"), day_of("2026-02-30")
    (datetime.date(2026, 3, 31), None, None, None)
    """
    try:
        return date.fromisoformat(str(text)) if _DAY.fullmatch(str(text)) else None
    except ValueError:
        return None


CAUSES = ("channel", "version", "source_down")
"""Why a field did not reach us; given only with ``State.NOT_CARRIED``."""


MOST_LISTED = 20
"""Codes that a message names; of a field that has more it names these and their count."""


def listed(codes: Collection[str]) -> str:
    """What a code may be, in words of bounded length.

    >>> listed(["rent", "owner"])
    'one of rent, owner'
    """
    shown = ", ".join(islice(codes, MOST_LISTED))
    return f"one of {shown}" if len(codes) <= MOST_LISTED else f"one of {len(codes):,} codes: {shown}, …"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a contract. ``minimum`` and ``maximum`` are inclusive and, for decimals, scaled integers."""

    name: str
    type: FieldType
    scale: int = 0
    unit: str | None = None
    required: bool = False
    minimum: int | date | None = None
    maximum: int | date | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    codes: tuple[str, ...] = ()
    blank: Literal["refer", "refuse"] = "refer"
    """What an unsupported blank leads to; a bundle that saw enough blanks of the field scores them instead."""
    rejected: Literal["refuse", "refer", "impute"] = "refuse"
    """What an unusable value leads to; ``impute`` lets the score decline it, never approve it."""
    monotone: Literal[-1, 0, 1] = 0
    """Direction in which the probability of default may move as the value grows."""
    reason_group: str | None = None
    protected: bool = False
    essential: bool = False
    personal: bool = False
    meaning: int = 1
    """Grows when the same values begin to mean something else."""
    description: str = ""

    def text(self, value: Value) -> str:
        """The value as a person writes it: a decimal with its point, a date in ISO 8601; empty for None.

        >>> Field("income", "decimal", scale=2).text(123450)
        '1234.50'
        """
        if value is None:
            return ""
        if self.type == "decimal" and isinstance(value, int):
            return f"{Decimal(value).scaleb(-self.scale):f}"
        return str(value).lower() if self.type == "boolean" else str(value)


class Problem(NamedTuple):
    """One violation. ``seen`` describes the kind and size of what came, never a personal value itself."""

    code: str
    rule: str
    path: str
    seen: str
    expected: str


@dataclass(frozen=True, slots=True)
class Record:
    """One application in the terms of a contract, all tuples and bytes in contract field order.

    ``states`` and ``origins`` hold one byte per field (``State``, ``Origin``); ``causes`` maps the positions of fields
    that are ``NOT_CARRIED`` to one of ``CAUSES``.
    """

    contract: str
    values: tuple[Value, ...]
    states: bytes
    origins: bytes
    causes: dict[int, str] = field(default_factory=dict)

"""One measured figure, and how a bench is run: every bench module offers ``rows()`` and is found by its name."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A figure with its bound as text (``>= 0.3``, ``<= 500``, ``print only``) and whether it holds."""

    name: str
    value: float
    unit: str
    bound: str
    holds: bool


def at_least(name: str, value: float, unit: str, bound: float) -> Row:
    return Row(name, value, unit, f">= {bound:g}", value >= bound)


def at_most(name: str, value: float, unit: str, bound: float) -> Row:
    return Row(name, value, unit, f"<= {bound:g}", value <= bound)


def shown(name: str, value: float, unit: str) -> Row:
    return Row(name, value, unit, "shown", True)

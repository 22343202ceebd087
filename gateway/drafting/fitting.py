"""How a decision value is laid into a native leaf of a drafted answer, and whether the leaf's schema takes it so."""

from __future__ import annotations

from typing import Any, Final

from contracts.mapping.answer_reading import fit_faults, whole_digits
from contracts.mapping.tree import Fit
from contracts.types import Field
from gateway.spi import Leaf

_TIMES: Final = {"timestamp": "2026-03-31T12:00:00Z", "date": "2026-03-31"}
_DAYS: Final = ("YYYY-MM-DD", "YYYYMMDD", "DD.MM.YYYY")


def fit_of(field: Field, leaf: Leaf) -> str | None:
    """How a value is laid into a leaf: a fit, the empty text where it goes as it is, None where it cannot."""
    kind, room = leaf.native.type, leaf.native.room
    if field.type in ("integer", "decimal"):
        return _number_fit(field, leaf)
    if field.type in _TIMES:
        return _time_fit(field, leaf)
    if kind not in ("string", "any"):
        return None
    longest = max(map(len, field.codes)) if field.codes else field.max_length
    if room is None or (longest is not None and longest <= room):
        return ""
    return None if fit_faults(Fit("chars", room), field) else f"chars({room})"


def _number_fit(field: Field, leaf: Leaf) -> str | None:
    kind, room, digits = leaf.native.type, leaf.native.room, whole_digits(field)
    if kind == "integer" and field.type == "integer":
        fits = room is None or (digits is not None and digits <= room)
        return (f"integer({room})" if room else "") if fits else None
    if kind in ("decimal", "number"):
        enough = leaf.native.scale is None or leaf.native.scale >= field.scale
        fits = room is None or (digits is not None and digits <= room)
        return "" if enough and fits else None
    if kind not in ("string", "any") or (room is not None and digits is None):
        return None
    signed = isinstance(field.minimum, int) and field.minimum < 0
    needed = (digits or 0) + (field.scale + 1 if field.scale else 0) + signed
    return "" if room is None or needed <= room else None


def _time_fit(field: Field, leaf: Leaf) -> str | None:
    kind, room = leaf.native.type, leaf.native.room
    if kind == "date-time":
        return "" if field.type == "timestamp" else None
    if kind == "date":
        return "" if field.type == "date" else "date(YYYY-MM-DD)"
    if kind not in ("string", "any"):
        return None
    if room is None or room >= len(_TIMES[field.type]):
        return ""
    return next((f"date({form})" for form in _DAYS if len(form) <= room), None)


def is_accepted(leaf: Leaf, field: Field, fit: str, value: Any) -> bool:
    """Whether the schema takes a value of the contract as it would be written."""
    if value is None and (field.type in ("integer", "decimal", *_TIMES) or not leaf.needed):
        return leaf.native.type not in ("string", "any") or leaf.accepts("") or field.type in ("integer", "decimal")
    text = _TIMES[field.type] if field.type in _TIMES else field.text(value)
    if fit.startswith("date("):
        text = fit[5:-1].replace("YYYY", "2026").replace("MM", "03").replace("DD", "31")
    if fit.startswith("chars("):
        text = text[: int(fit[6:-1])]
    return leaf.accepts(text)

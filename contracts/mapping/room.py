"""Whether what a mapping writes fits the native leaf it is written to: kind, codes, digits, length, emptiness."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from contracts.mapping.tree import NativeField

NUMBERS: Final = ("integer", "decimal", "number")
TEXTS: Final = ("string", "code", "any")
_SPELLINGS: Final = {
    "integer": re.compile(r"-?[0-9]+", re.ASCII),
    "decimal": re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII),
    "number": re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII),
    "boolean": re.compile("true|false"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII),
    "date-time": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z?", re.ASCII),
}
_FORMS: Final = {
    **dict.fromkeys(NUMBERS, "a number"),
    **dict.fromkeys(("string", "code", "date", "date-time"), "a text"),
    "boolean": "true or false",
    "any": "anything",
}
_SHOWN = 8


def misfit(written: NativeField, native: NativeField) -> str:
    """Why a value may not fit, in words that name the path written; empty where it is proven to, or in doubt."""
    told = [_misfit(written, one) for one in (native, *native.others)]
    return "" if "" in told else told[_closest(written, native)]


def _closest(written: NativeField, native: NativeField) -> int:
    """Which of what a leaf may be is of the kind that is written; the first where none is."""
    return next((at for at, one in enumerate((native, *native.others)) if not _kind(written, one)), 0)


def _misfit(written: NativeField, native: NativeField) -> str:
    if native.barred:
        return f"{written.path} cannot be written: {native.barred}"
    checks = (_kind, _codes, _number, _outside, _length, _unlike, _list, _short_list, _nothing)
    told = next(filter(None, (check(written, native) for check in checks)), "")
    return f"{written.path} {told}" if told else ""


def cure(written: NativeField, native: NativeField) -> str:
    """What to write so that it fits, where a misfit has a plain way out; empty where only a person can tell."""
    if written.type == "date-time" and native.type == "date":
        return "write its day: fit: date(YYYY-MM-DD)"
    if _codes(written, native):
        return "pair them: codes: {…}"
    texts = written.type == "string" and not written.codes and native.type in TEXTS
    return f"cut it: fit: chars({native.room})" if texts and native.room and _length(written, native) else ""


def doubt(written: NativeField, native: NativeField) -> str:
    """Why some of the values written do not fit, or may not, though others do; empty where nothing says so."""
    told = [_doubt(written, one) for one in (native, *native.others) if not _misfit(written, one)]
    return f"{written.path} {told[0]}" if told and "" not in told else ""


def _doubt(written: NativeField, native: NativeField) -> str:
    unproven = f"is not proven to fit: {native.unproven}" if native.unproven else ""
    return _beyond(written, native) or _partly_unlike(written, native) or unproven


def _outside(written: NativeField, native: NativeField) -> str:
    """A number no value of which is within the bounds, or codes of which one is not."""
    if written.codes and native.type in NUMBERS:
        stray = [code for code in written.codes if not within(Decimal(code), native)]
        return f"may be written as {_listed(stray)}, the wire schema takes {interval(native)}" if stray else ""
    above = native.high is not None and written.low is not None and written.low > native.high
    below = native.low is not None and written.high is not None and written.high < native.low
    return _bounds(written, native) if above or below else ""


def within(number: Decimal | int, native: NativeField) -> bool:
    """Whether a number lies within the bounds of a native leaf."""
    above = native.high is not None and number > native.high
    return not above and (native.low is None or number >= native.low)


def _beyond(written: NativeField, native: NativeField) -> str:
    if written.type not in NUMBERS:
        return ""
    above = native.high is not None and (written.high is None or written.high > native.high)
    below = native.low is not None and (written.low is None or written.low < native.low)
    return _bounds(written, native) if above or below else ""


def _bounds(written: NativeField, native: NativeField) -> str:
    return f"may be {interval(written)}, the wire schema takes {interval(native)}"


def interval(field: NativeField) -> str:
    """The bounds of a number in words."""
    if field.high is None:
        return "any number" if field.low is None else f"{field.low} and more"
    return f"{field.high} and less" if field.low is None else f"{field.low} to {field.high}"


def _unlike(written: NativeField, native: NativeField) -> str:
    """Texts none of which is as the rule wants it, or codes of which one is not."""
    strays, known = _strays(written, native)
    return _told_rule(strays, native) if strays and (written.codes or len(strays) == known) else ""


def _partly_unlike(written: NativeField, native: NativeField) -> str:
    strays, _ = _strays(written, native)
    return _told_rule(strays, native) if strays else ""


def _strays(written: NativeField, native: NativeField) -> tuple[list[str], int]:
    """Known texts of what is written that break the rule, and how many are known."""
    known = (*(written.codes or written.samples), *_left_empty(written, native))
    return [text for text in known if native.texts is not None and not native.texts.accepts(text)], len(known)


def _told_rule(strays: list[str], native: NativeField) -> str:
    kind = "numbers" if native.type in NUMBERS else "texts"
    return f"may be written as {_listed(strays)}, the wire schema takes only {kind} like {native.rule}"


def _left_empty(written: NativeField, native: NativeField) -> tuple[str, ...]:
    """What stands for nothing where the wire does not leave it out: an empty text."""
    return ("",) if native.typed and written.empty else ()


def _kind(written: NativeField, native: NativeField) -> str:
    if native.typed and native.type != "any" and (strays := _other_forms(written, native)):
        return f"is written as {_FORMS[strays[0]]}, the wire schema wants {_FORMS.get(native.type, native.type)}"
    if native.type in TEXTS or written.type == native.type or {written.type, native.type} <= set(NUMBERS):
        return ""
    if written.type == "any":
        spelled = _SPELLINGS.get(native.type)
        stray = [code for code in written.codes if not (spelled and spelled.fullmatch(code))]
        return f"may be written as {_listed(stray)}, the wire schema wants: {native.type}" if stray else ""
    wanted = "number" if native.type in NUMBERS else native.type
    is_text = written.type in ("string", "code")
    return f"is written as {'text' if is_text else f'a {written.type}'}, the wire schema wants a {wanted}"


def _other_forms(written: NativeField, native: NativeField) -> list[str]:
    """What is written and is of another form than the leaf: a number where a text is wanted, 1 where "1" is."""
    wanted = _FORMS.get(native.type)
    return [form for form in written.forms or (written.type,) if _FORMS[form] != wanted]


def _codes(written: NativeField, native: NativeField) -> str:
    if not native.codes:
        return ""
    takes = f"the wire schema takes only {_listed(native.codes)}"
    if not written.codes:
        return f"is not bound to a code list, {takes}"
    stray = [code for code in (*written.codes, *_left_empty(written, native)) if code not in native.codes]
    return f"may be written as {_listed(stray)}, {takes}" if stray else ""


def _number(written: NativeField, native: NativeField) -> str:
    if native.type not in NUMBERS or written.type not in NUMBERS:
        return ""
    scale = 0 if native.type == "integer" else native.scale
    if scale is not None and (written.scale or 0) > scale:
        return f"has {written.scale} digits behind the point, the wire schema takes {scale}"
    return "may be negative, the wire schema takes no sign" if written.signed and not native.signed else ""


def _length(written: NativeField, native: NativeField) -> str:
    if native.room is None or (written.type == "any" and written.room is None):
        return ""
    numbers = native.type in NUMBERS
    if numbers and native.typed and native.high is not None and written.high is not None:
        return ""  # bounds say all that digits could
    needed = written.room if numbers else _characters(written)
    if needed is None:
        return f"has room for {native.room}, and the contract does not bound what is written"
    unit = "digits before the point" if numbers else "characters"
    return f"may need {needed} {unit}, there is room for {native.room}" if needed > native.room else ""


def _characters(written: NativeField) -> int | None:
    if written.type not in NUMBERS or written.room is None:
        return written.room
    return written.room + (written.scale + 1 if written.scale else 0) + written.signed


def _list(written: NativeField, native: NativeField) -> str:
    if native.most is None or written.most is None or written.most <= native.most:
        return ""
    return f"may come {written.most} times, the wire schema takes {native.most}: write only so many with most"


def _short_list(written: NativeField, native: NativeField) -> str:
    if native.fewest is None or written.fewest is None or written.fewest >= native.fewest:
        return ""
    return f"may come {written.fewest or 'no'} times, the wire schema wants {native.fewest}"


def _nothing(written: NativeField, native: NativeField) -> str:
    if native.typed:
        return _null(written, native)
    if (native.required or native.within) and not native.nil and not written.required:
        return "may be missing from a decision, the wire schema requires it"
    short = native.type in TEXTS and written.least < native.least
    return f"may be {written.least or 'no'} characters long, the wire schema wants {native.least}" if short else ""


def _null(written: NativeField, native: NativeField) -> str:
    if written.nothing and not native.nil:
        return "may be missing from a decision and is null then, the wire schema takes no null"
    least = 0 if written.empty else written.least
    short = native.type in TEXTS and least < native.least
    return f"may be {least or 'no'} characters long, the wire schema wants {native.least}" if short else ""


def _listed(codes: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(repr(code) for code in codes[:_SHOWN])
    return f"{shown} …" if len(codes) > _SHOWN else shown

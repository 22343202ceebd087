"""Conversions: from a native value to a contract value, each with its own written grammar.

No library coercion decides what a number is. Texts are ASCII, matched in full before anything is parsed:

==============  ==============================================================================  =====================
conversion      native text                                                                     other native values
==============  ==============================================================================  =====================
``trim``        blanks and tabs at both ends are dropped                                        unchanged
``upper``       a to z become A to Z, nothing else changes                                      unchanged
``text``        1 to 4,000 characters, no control character, no half of a surrogate pair        numbers, as digits
``integer(n)``  ``[+-]?[0-9]{1,40}``, at most n significant digits (18 without n)               whole numbers
``decimal(s)``  xs:decimal: ``[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)``; what lies past s
                places must be zero                                                             numbers exact at s
``date(F)``     F of YYYY, MM, DD with ``-``, ``/``, ``.`` or nothing between; a real day       digits, F unmarked
``boolean``     ``true``, ``false``, ``1``, ``0``                                               true, false, 1, 0
==============  ==============================================================================  =====================

``multiply(n)`` and ``divide(n)`` follow a number. All factors together are one exact fraction, applied once; a chain
with ``divide`` rounds half to even at the field's scale, and that is the only rounding there is. Anything else that
does not fit the scale is the problem ``excess_scale``. Numbers have at most 18 digits, so they fit 64 bits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from fractions import Fraction
from typing import Any, Final, NamedTuple, TypeAlias

from contracts.mapping.chains import date_pattern, factor, stage
from contracts.mapping.paths import MISFIT
from contracts.mapping.tree import Conversion
from contracts.types import Field, Value, listed

LIMIT: Final = 10**18
"""Numbers, in units of their scale, lie strictly between -LIMIT and LIMIT."""
MAX_TEXT: Final = 4_000
_DECIMAL = re.compile(r"([+-]?)(?:([0-9]{1,40})(?:\.([0-9]{0,40}))?|\.([0-9]{1,40}))").fullmatch
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}").fullmatch
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]").search
_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation, Overflow])
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}

Step: TypeAlias = Callable[[Any], Any]


class Unfit(Exception):
    """A native value outside the grammar. ``code`` is the problem code; no text holds the value."""

    def __init__(self, code: str, expected: str, rule: str = "") -> None:
        super().__init__(code)
        self.code, self.expected, self.rule = code, expected, rule


class Converter(NamedTuple):
    """A compiled chain: ``finish(parse(clean(native)))``. Each step raises Unfit and nothing else."""

    clean: Step | None
    parse: Step
    finish: Step | None

    def __call__(self, native: Any) -> Value:
        parsed: Value = self.parse(self.clean(native) if self.clean else native)
        return self.finish(parsed) if self.finish else parsed


def describe(native: Any) -> str:
    """Kind and size of a native value, never the value.

    >>> describe("7 Elm Street")
    'text of 12 characters'
    """
    if isinstance(native, str):
        return f"text of {len(native)} character{'s' * (len(native) > 1)}" if native else "an empty text"
    if isinstance(native, dict):
        return f"a group of {len(native)}"
    if isinstance(native, list):
        return f"a list of {len(native)}"
    if native is MISFIT:
        return "a single value where a group is needed"
    kinds = {bool: "true or false", int: "a whole number", Decimal: "a number", type(None): "null"}
    return kinds.get(type(native), "an unknown kind of value")


def compile_chain(
    chain: Sequence[Conversion], field: Field, codes: Mapping[str, str | bool] | None = None
) -> Converter:
    """The chain as closures; ``chain_faults`` must have found nothing."""
    cleaners = [step.name for step in chain if stage(step) == 0]
    parse = next(step for step in chain if stage(step) == 1)
    if codes is not None:
        return Converter(_cleaner(cleaners), _code_text, _coder(codes))
    if parse.name in ("integer", "decimal"):
        places = int(parse.argument) if parse.name == "decimal" else 0
        reader = _decimal(places) if parse.name == "decimal" else _integer(int(parse.argument or 18))
        return Converter(_cleaner(cleaners), reader, _scaler(chain, field.scale - places, str(parse)))
    readers: dict[str, Step] = {"text": read_text, "boolean": _boolean}
    return Converter(_cleaner(cleaners), readers.get(parse.name) or _date(parse.argument), None)


def read_text(native: Any) -> str:
    """``text``: a text as it is, a number as its digits."""
    if type(native) is str:
        if 0 < len(native) <= MAX_TEXT and (native.isprintable() or not _UNPRINTABLE(native)):
            return native
        raise Unfit("not_text", f"1 to {MAX_TEXT} characters without control characters", "text")
    if type(native) is int and -LIMIT < native < LIMIT:
        return str(native)
    if type(native) is Decimal and native.is_finite() and abs(native.adjusted()) < 18 and _short(native):
        return format(native, "f")
    raise Unfit("wrong_type", "text", "text")


def _short(native: Decimal) -> bool:
    exponent = native.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -18


def _cleaner(names: Sequence[str]) -> Step | None:
    if not names:
        return None
    trim, upper = "trim" in names, "upper" in names

    def clean(native: Any) -> Any:
        if type(native) is not str:
            return native
        text = native.strip(" \t") if trim else native
        return text.translate(_UPPER) if upper else text

    return clean


def _integer(digits: int) -> Step:
    bound, expected, rule = 10**digits, f"a whole number of at most {digits} digits", "integer"

    def parse(native: Any) -> int:
        if type(native) is str and _INTEGER(native):
            value = int(native)
        elif type(native) is int:
            value = native
        elif type(native) is Decimal:
            value = _exact(native, 0, rule)
        else:
            raise Unfit("not_a_number" if type(native) is str else "wrong_type", expected, rule)
        if -bound < value < bound:
            return value
        raise Unfit("too_large", expected, rule)

    return parse


def _decimal(places: int) -> Step:
    factor, expected, rule = 10**places, f"a number of at most {places} decimal places", f"decimal({places})"

    def parse(native: Any) -> int:
        if type(native) is Decimal:
            value = _exact(native, places, rule)
        elif type(native) is int:
            value = native * factor
        elif type(native) is str and (match := _DECIMAL(native)):
            sign, whole, fraction, bare = match.groups()
            fraction = fraction or bare or ""
            if len(fraction) > places and fraction[places:].strip("0"):
                raise Unfit("excess_scale", expected, rule)
            value = int(f"{sign}{whole or '0'}{fraction[:places]:0<{places}}")
        else:
            raise Unfit("not_a_number" if type(native) is str else "wrong_type", expected, rule)
        if -LIMIT < value < LIMIT:
            return value
        raise Unfit("too_large", "a number of at most 18 digits", rule)

    return parse


def _exact(native: Decimal, places: int, rule: str) -> int:
    if not native.is_finite() or native.adjusted() + places > 18:
        raise Unfit("too_large", "a number of at most 18 digits", rule)
    try:
        return int(_EXACT.to_integral_exact(_EXACT.scaleb(native, places)))
    except (Inexact, InvalidOperation, Overflow):
        raise Unfit("excess_scale", f"a number of at most {places} decimal places", rule) from None


def fraction_of(chain: Sequence[Conversion], shift: int) -> Fraction:
    """Every factor of a chain and ten to the ``shift``, as one fraction."""
    fraction = Fraction(10) ** shift
    for step in chain:
        if stage(step) == 2:
            fraction = fraction * factor(step) if step.name == "multiply" else fraction / factor(step)
    return fraction


def _scaler(chain: Sequence[Conversion], shift: int, rule: str) -> Step | None:
    """Apply every factor and the change of scale as one fraction."""
    fraction = fraction_of(chain, shift)
    rounds = any(step.name == "divide" for step in chain)
    if fraction == 1:
        return None
    over, under = fraction.numerator, fraction.denominator

    def finish(parsed: int) -> int:
        value, rest = divmod(parsed * over, under)
        if rest:
            if not rounds:
                raise Unfit("excess_scale", "a number exact at the scale of the field", rule)
            value += 2 * rest > under or (2 * rest == under and value & 1)
        if -LIMIT < value < LIMIT:
            return value
        raise Unfit("too_large", "a number of at most 18 digits", rule)

    return finish


def _date(form: str) -> Step:
    match, rule, bare = re.compile(date_pattern(form)).fullmatch, f"date({form})", form.isalpha()

    def parse(native: Any) -> date:
        text = f"{native:08d}" if bare and type(native) is int and 0 <= native < 10**8 else native
        if type(text) is not str:
            raise Unfit("wrong_type", f"a date as {form}", rule)
        found = match(text)
        try:
            return date(int(found["y"]), int(found["m"]), int(found["d"])) if found else _no_date(form, rule)
        except ValueError:
            return _no_date(form, rule)

    return parse


def _no_date(form: str, rule: str) -> date:
    raise Unfit("not_a_date", f"a day of the calendar as {form}", rule)


def _boolean(native: Any) -> bool:
    value = _BOOLEANS.get(native) if type(native) is str else native
    if type(value) is bool:
        return value
    if type(value) is int and value in (0, 1):
        return value == 1
    raise Unfit("not_a_boolean" if type(native) in (str, int) else "wrong_type", "true or false, 1 or 0", "boolean")


def _code_text(native: Any) -> str:
    return ("true" if native else "false") if type(native) is bool else read_text(native)


def _coder(codes: Mapping[str, str | bool]) -> Step:
    expected = listed(codes)

    def finish(text: str) -> str | bool:
        value = codes.get(text)
        if value is None:
            raise Unfit("unknown_code", expected, "codes")
        return value

    return finish

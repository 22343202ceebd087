"""The request mapping for a batch: native columns in, columns of values and states out, by polars expressions.

It prints the same rule tree as ``request.py`` and takes less: whatever is not plainly regular (another type, a grammar
seldom used, a problem of any kind) is left out of ``ok`` and goes through the row engine, where every problem has its
words. What it does take has the row engine's value, since a text is matched in full against an ASCII pattern before
polars parses it, and numbers are reckoned in whole units within bounds that cannot overflow.

A column of values is null unless the field is given. Its type: Int64 for integers and decimals (scaled), UInt32 for
codes (the place in the contract's list), String, Boolean, Date.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contracts.lazy import COLUMNS, Lazy
from contracts.mapping.chains import stage
from contracts.mapping.conversions import LIMIT, MAX_TEXT, Unfit, compile_chain, fraction_of
from contracts.mapping.natives import Kind, Native, Natives, Wanted
from contracts.mapping.request import RequestMap, parsed_literals
from contracts.mapping.tree import Constant, Conversion, NotCarried, Wired
from contracts.types import Field, State, Value

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Lazy("polars", COLUMNS)

SAFE: Final = 2**62
"""What is reckoned with stays below this, so that no sum or product overflows 64 bits."""
_FEW: Final = 16
_REJECTED: Final = int(State.REJECTED)
_CONTROL: Final = r"[\x00-\x1f\x7f-\x9f]"
_WHOLE: Final = "^[+-]?[0-9]{1,18}$"


class Mapped(NamedTuple):
    """A batch mapped. ``frame`` has the values by the names of the contract's fields, the states of those that come
    from the wire as ``<field>.state``, and ``.ok``: where the row may be trusted.

    ``states`` are the states of the other fields, the same in every row. A frame of one row stands for any number of
    equal ones: nothing comes from the wire then.
    """

    frame: pl.DataFrame
    states: Mapping[str, int]


class Printed(NamedTuple):
    """One field as expressions, each over the columns the ones before it made: what was read, its value, state, ok."""

    parsed: pl.Expr | None
    value: pl.Expr
    state: pl.Expr
    ok: pl.Expr


class ColumnMap:
    """A rule tree printed for batches."""

    def __init__(self, request: RequestMap) -> None:
        self.tree = request.tree
        self._fields: list[_FieldPrinter | Constant | NotCarried] = [
            _FieldPrinter(entry) if isinstance(entry, Wired) else entry for entry in request.tree.entries
        ]
        self.states = {
            field.field.name: int(State.GIVEN if isinstance(field, Constant) else State.NOT_CARRIED)
            for field in self._fields
            if not isinstance(field, _FieldPrinter)
        }
        self.wanted = tuple(dict.fromkeys(field.wanted for field in self._fields if isinstance(field, _FieldPrinter)))

    def read(self, natives: Natives) -> Mapped:
        """Map a batch; see ``Mapped``."""
        source = pl.DataFrame(self._columns(natives))
        wired = [field for field in self._fields if isinstance(field, _FieldPrinter)]
        sources = {one: _Source(number, natives.columns[one]) for number, one in enumerate(self.wanted)}
        printed = [(field.field.name, field.print(sources[field.wanted])) for field in wired]
        parsed = [one.parsed.alias(f"{name}.read") for name, one in printed if one.parsed is not None]
        valued = source.with_columns(parsed).with_columns(one.value.alias(name) for name, one in printed)
        values = [self._value(field) for field in self._fields]
        states = [one.state.alias(f"{name}.state") for name, one in printed]
        ok = functools.reduce(operator.and_, [one.ok for _, one in printed], pl.lit(True))
        return Mapped(valued.select(*values, *states, ok.alias(".ok")), self.states)

    def _columns(self, natives: Natives) -> dict[str, pl.Series]:
        columns: dict[str, pl.Series] = {}
        for number, one in enumerate(self.wanted):
            native = natives.columns[one]
            parts = {"n": native.values, "a": native.absent, "o": native.odd}
            columns |= {f"{letter}{number}": part for letter, part in parts.items() if part is not None}
        return columns

    def _value(self, field: _FieldPrinter | Constant | NotCarried) -> pl.Expr:
        if isinstance(field, _FieldPrinter):
            return pl.col(field.field.name)
        value = field.value if isinstance(field, Constant) else None
        return _literal(field.field, value).alias(field.field.name)


def column_type(field: Field) -> Any:
    """The polars type of a field's values."""
    kinds = {"integer": pl.Int64, "decimal": pl.Int64, "code": pl.UInt32, "boolean": pl.Boolean, "date": pl.Date}
    return kinds.get(field.type, pl.String)


def held(field: Field, value: Value) -> Any:
    """A value as its column holds it: a code as its place."""
    return field.codes.index(str(value)) if field.type == "code" and value is not None else value


def _literal(field: Field, value: Value) -> pl.Expr:
    return pl.lit(held(field, value), dtype=column_type(field))


class _Source:
    """A native column as expressions."""

    def __init__(self, number: int, native: Native) -> None:
        self.kind: Kind = native.kind
        self.scale = native.values.dtype.scale or 0 if isinstance(native.values.dtype, pl.Decimal) else 0
        self.values = pl.col(f"n{number}")
        self.absent = None if native.absent is None else pl.col(f"a{number}")
        self.odd = None if native.odd is None else pl.col(f"o{number}")


class _FieldPrinter:
    """One field read from the wire."""

    def __init__(self, entry: Wired) -> None:
        self.entry, self.field = entry, entry.field
        self.wanted = Wanted.of(entry)
        self._convert = compile_chain(entry.convert, entry.field, dict(entry.codes) if entry.codes else None)
        cleaners = {step.name for step in entry.convert if stage(step) == 0}
        self._trim, self._upper = "trim" in cleaners, "upper" in cleaners
        self._parse = next(step for step in entry.convert if stage(step) == 1)
        self._texts = entry.missing.literals
        self._parsed = parsed_literals(self._convert, entry.missing.literals)

    def print(self, source: _Source) -> Printed:
        native, fine = self._cleaned(source)
        parsed = self._read(native, source)
        read, value = pl.col(f"{self.field.name}.read"), pl.col(self.field.name)
        literals = self._literals(native, read if parsed is not None else None, source.kind)
        missing = self._missing(native, source) + literals
        finished = _literal(self.field, None)
        if parsed is not None:
            finished = self._finished(pl.when(~_any(literals)).then(read) if literals else read)
        state = value.is_null().cast(pl.UInt8)  # 0 is given, 1 is blank
        ok = functools.reduce(operator.or_, [here for here, _ in missing], value.is_not_null()).fill_null(False)
        if any(state == State.REJECTED for _, state in missing):
            state = _first(missing, state)
            if self.field.rejected == "refuse":
                ok &= state != _REJECTED
        for condition in (fine, None if source.odd is None else ~source.odd):
            ok = ok if condition is None else ok & condition
        return Printed(parsed, finished, state, ok)

    def _cleaned(self, source: _Source) -> tuple[pl.Expr, pl.Expr | None]:
        """The native column after trim and upper, and where they do what they do in one record."""
        native, fine = source.values, None
        if source.kind == "text" and self._trim:
            native = native.str.strip_chars(" \t")
        if source.kind == "text" and self._upper:
            fine = (native.str.len_bytes() == native.str.len_chars()).fill_null(True)
            native = native.str.to_uppercase()
        return native, fine

    def _missing(self, native: pl.Expr, source: _Source) -> list[tuple[pl.Expr, State]]:
        """Where nothing was sent, and what that makes of the field."""
        missing = self.entry.missing
        found = [(native.is_null(), missing.nil)]
        if source.absent is not None:
            found.insert(0, (source.absent, missing.absent))
        if source.kind == "text":
            found.append((native == "", missing.empty))
        return found

    def _literals(self, native: pl.Expr, parsed: pl.Expr | None, kind: Kind) -> list[tuple[pl.Expr, State]]:
        """Declared literals: a text as it is written, and any value that reads the same."""
        found = [(native == text, state) for text, state in self._texts] if kind == "text" else []
        if parsed is not None:
            found += [(parsed == self._held(value), state) for value, state in self._parsed.items()]
        return found

    def _held(self, parsed: Value) -> pl.Expr:
        return pl.lit(parsed, dtype=self._parsed_type())

    def _parsed_type(self) -> Any:
        return {"text": pl.String, "boolean": pl.Boolean, "date": pl.Date}.get(self._parse.name, pl.Int64)

    def _read(self, native: pl.Expr, source: _Source) -> pl.Expr | None:
        """What the reading step makes of a column, null where it is not plainly regular; None where it never is."""
        match self._parse.name:
            case "integer":
                read = _integer(native, source, int(self._parse.argument or 18))
            case "decimal":
                read = _decimal(native, source, int(self._parse.argument))
            case "date":
                read = _date(native, source.kind, self._parse.argument)
            case "boolean":
                read = _boolean(native, source.kind)
            case _:
                free = self.entry.codes is None and self.field.type == "string"
                read = _text(native, source.kind, free=free, coded=self.entry.codes is not None)
        return read

    def _finished(self, parsed: pl.Expr) -> pl.Expr:
        """The contract value of what was read: codes looked up, factors applied."""
        if self.entry.codes is not None or self.field.type == "code":
            codes = self.entry.codes if self.entry.codes is not None else [(code, code) for code in self.field.codes]
            return self._looked_up(parsed, [pair for pair in codes if _reads(self._convert.parse, pair[0])])
        if self._parse.name in ("integer", "decimal"):
            return _scaled(parsed, self.entry.convert, self._parse, self.field)
        return parsed

    def _looked_up(self, text: pl.Expr, codes: Sequence[tuple[str, str | bool]]) -> pl.Expr:
        values = [held(self.field, value) for _, value in codes]
        return _choice(text, [code for code, _ in codes], values, column_type(self.field))


def _any(conditions: Sequence[tuple[pl.Expr, State]]) -> pl.Expr:
    return functools.reduce(operator.or_, [here.fill_null(False) for here, _ in conditions])


def _first(missing: Sequence[tuple[pl.Expr, State]], otherwise: pl.Expr) -> pl.Expr:
    """The state of the first condition that holds."""
    chain: Any = pl
    for here, state in missing:
        chain = chain.when(here).then(pl.lit(int(state), dtype=pl.UInt8))
    found: pl.Expr = chain.otherwise(otherwise)
    return found


def _reads(parse: Any, text: str) -> bool:
    try:
        parse(text)
    except Unfit:
        return False
    return True


def _choice(text: pl.Expr, known: Sequence[str], values: Sequence[Any], kind: Any) -> pl.Expr:
    """The value beside the text; null where the text is not known."""
    if not known:
        return pl.lit(None, dtype=kind)
    if len(known) > _FEW:
        return text.replace_strict(list(known), pl.Series(values, dtype=kind), default=None, return_dtype=kind)
    chain: Any = pl
    for one, value in zip(known, values, strict=True):
        chain = chain.when(text == one).then(pl.lit(value, dtype=kind))
    found: pl.Expr = chain.otherwise(pl.lit(None, dtype=kind))
    return found


def _within(value: pl.Expr, bound: int) -> pl.Expr:
    """The value where it lies strictly between -bound and bound."""
    kept: pl.Expr = pl.when(value.is_between(1 - bound, bound - 1)).then(value)
    return kept


def _integer(native: pl.Expr, source: _Source, digits: int) -> pl.Expr | None:
    match source.kind:
        case "whole":
            read: pl.Expr | None = native
        case "text":
            read = pl.when(native.str.contains(_WHOLE)).then(native).cast(pl.Int64, strict=False)
        case _:
            read = _decimal(native, source, 0)
    return None if read is None else _within(read, 10**digits)


def _decimal(native: pl.Expr, source: _Source, places: int) -> pl.Expr | None:
    match source.kind:
        case "whole":
            units: pl.Expr = _within(native, LIMIT // 10**places) * 10**places
            return units
        case "text" | "number":
            sign = "[+-]?" if source.kind == "text" else "-?"
            regular = native.str.contains(rf"^{sign}[0-9]{{1,18}}(\.[0-9]{{0,{places}}}0{{0,20}})?$")
            number = pl.when(regular).then(native).cast(pl.Decimal(38, places), strict=False)
            return _within(number.to_physical(), LIMIT).cast(pl.Int64)
        case "decimal":
            return _shifted(native.to_physical(), places - source.scale)
    return None


def _shifted(units: pl.Expr, places: int) -> pl.Expr:
    """128-bit units times ten to the ``places``, null where that is not a whole number of at most 18 digits."""
    if places >= 0:
        raised: pl.Expr = _within(units, max(LIMIT // 10**places, 1)) * 10**places
        return raised.cast(pl.Int64)
    step = pl.lit(10**-places, dtype=pl.Int128)
    return _within(pl.when(units % step == 0).then(units // step), LIMIT).cast(pl.Int64)


def _scaled(parsed: pl.Expr, chain: Sequence[Conversion], parse: Conversion, field: Field) -> pl.Expr:
    """Every factor and the change of scale as one fraction; see ``conversions``."""
    places = int(parse.argument) if parse.name == "decimal" else 0
    fraction = fraction_of(chain, field.scale - places)
    over, under = fraction.numerator, fraction.denominator
    if fraction == 1:
        return parsed
    if abs(over) >= SAFE or under >= SAFE // 2:
        return pl.lit(None, dtype=pl.Int64)
    if abs(over) != 1:
        parsed = _within(parsed, SAFE // abs(over))
    product = parsed * over
    if under == 1:
        return _within(product, LIMIT)
    quotient = product // under
    rest = product - quotient * under
    if not any(step.name == "divide" for step in chain):
        return _within(pl.when(rest == 0).then(quotient), LIMIT)
    up = (rest * 2 > under) | ((rest * 2 == under) & (quotient % 2 == 1))
    return _within(quotient + up.cast(pl.Int64), LIMIT)


def _text(native: pl.Expr, kind: Kind, *, free: bool, coded: bool) -> pl.Expr | None:
    """A text; only a ``free`` one is looked at, as any other must be one of a list."""
    match kind:
        case "text":
            clean = native.str.len_chars().is_between(1, MAX_TEXT) & ~native.str.contains(_CONTROL)
            return pl.when(clean).then(native) if free else native
        case "whole":
            return _within(native, LIMIT).cast(pl.String)
        case "number":
            return pl.when(native.str.contains(r"^-?[0-9]{1,17}(\.[0-9]{1,17})?$")).then(native)
        case "truth":
            return pl.when(native).then(pl.lit("true")).when(~native).then(pl.lit("false")) if coded else None
    return None


def _date(native: pl.Expr, kind: Kind, form: str) -> pl.Expr | None:
    if kind == "whole" and form.isalpha():
        native = pl.when(native.is_between(0, 10**8 - 1)).then(native).cast(pl.String).str.zfill(8)
    elif kind != "text":
        return None
    parts = {"YYYY": "(?P<y>[0-9]{4})", "MM": "(?P<m>[0-9]{2})", "DD": "(?P<d>[0-9]{2})"}
    pattern = form.replace(".", r"\.")
    for mark, group in parts.items():
        pattern = pattern.replace(mark, group)
    iso = pl.when(native.str.contains(f"^{pattern}$")).then(native).str.replace(f"^{pattern}$", "${y}-${m}-${d}")
    day = iso.str.to_date("%Y-%m-%d", strict=False)
    return pl.when(day.dt.year() >= 1).then(day)


def _boolean(native: pl.Expr, kind: Kind) -> pl.Expr | None:
    match kind:
        case "truth":
            return native
        case "text":
            return _choice(native, ["true", "1", "false", "0"], [True, True, False, False], pl.Boolean)
        case "whole":
            return pl.when(native.is_between(0, 1)).then(native == 1)
    return None

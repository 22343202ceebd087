"""A row as canonical JSON and back: what drivers hand over becomes text that says the same for every database. Pure.

==========================  ==========================================================================================
column                      in JSON
==========================  ==========================================================================================
char                        its text without the blanks at the end, which SQL does not tell from padding
varchar, text               its text as it is; empty and NULL stay two things where the database tells them apart
decimal                     digits, with as many behind the point as declared: ``"1234.50"``
smallint, integer, bigint   digits
real, double                the shortest digits that read back as the same number, never an exponent
boolean                     ``true`` or ``false``
date, time, timestamp       ISO 8601: ``"2026-03-31"``, ``"09:30:00"``, ``"2026-03-31T09:30:00"``
timestamp-tz                the same in UTC: ``"2026-03-31T07:30:00Z"``
binary                      two hexadecimal digits a byte
NULL                        ``null``
==========================  ==========================================================================================

Numbers are texts: a JSON number would pass through somebody's float. A value of another kind than its column's (as
SQLite lets stand in any) is written as the text it is, and the mapping says what is wrong with it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, InvalidOperation
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from adapters.odbc.tables import Column

Native = str | bool | None
_WRITE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_LONGEST_KEY: Final = 128
"""Characters of a request key that the answer contract has room for as a correlation, too."""
_BOOLEANS: Final = {"1": True, "t": True, "true": True, "y": True, "0": False, "f": False, "false": False, "n": False}


def reader(columns: Sequence[Column]) -> Callable[[Iterable[Any]], dict[str, Native]]:
    """What makes a tree of a row's values, which come in the order of the columns."""
    names = [column.name for column in columns]
    converters = [_converter(column) for column in columns]

    def read(values: Iterable[Any]) -> dict[str, Native]:
        return {
            name: None if value is None else convert(value)
            for name, convert, value in zip(names, converters, values, strict=True)
        }

    return read


def converter(column: Column) -> Callable[[Any], Native]:
    """``native`` of one column, for many values."""
    convert = _converter(column)
    return lambda value: None if value is None else convert(value)


def native(column: Column, value: Any) -> Native:
    """One value of a column in JSON's terms.

    >>> native(Column("AMOUNT", "decimal", 12, 2), Decimal("12.5")), native(Column("KIND", "char", 4), "A   ")
    ('12.50', 'A')
    """
    return converter(column)(value)


def written(tree: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    """The canonical bytes: no blanks, columns in the order they are declared. Half of a surrogate pair stays visible
    as what it is, invalid."""
    return _WRITE(tree).encode("utf-8", "surrogatepass")


def row_key(key: Iterable[Native], version: Native, raw: bytes) -> str:
    """What names this row in this version: its key and version, or a digest where the row has no version column.

    >>> row_key(("17", "a/b"), "3", b"{}")
    '17/a%2Fb:3'
    """
    parts = "/".join(map(_quoted, key))
    told = _quoted(version) if version is not None else hashlib.sha256(raw).hexdigest()[:32]
    found = f"{parts}:{told}"
    return found if len(found) <= _LONGEST_KEY else hashlib.sha256(found.encode()).hexdigest()


def _quoted(part: Native) -> str:
    """Where it is no text, what it holds instead is told apart all the same."""
    return quote(_spelled(part), safe="", errors="surrogatepass")


def bound(column: Column, value: Any) -> Any:
    """A value of an answer as the driver takes it for this column.

    Raises ValueError where it cannot stand there, OverflowError where it has no room; no text holds the value.
    """
    return binder(column)(value)


def binder(column: Column) -> Callable[[Any], Any]:
    """``bound`` of one column, for many values."""
    bind: Callable[[Column, Any], Any] = _BINDERS.get(column.type, _bind_text)
    return lambda value: None if value is None else bind(column, value)


def _spelled(part: Native) -> str:
    return str(part).lower() if isinstance(part, bool) else part or ""


@cache
def _step(scale: int) -> Decimal:
    """One in the last of so many digits behind the point."""
    return Decimal(1).scaleb(-scale)


# ---- reading ---------------------------------------------------------------------------------------------------------


def _converter(column: Column) -> Callable[[Any], Native]:
    match column.type:
        case "char":
            return lambda value: value.rstrip(" ") if type(value) is str else _text(value)
        case "varchar" | "text":
            return _text
        case "decimal":
            step = _step(column.scale)
            return lambda value: _number(value, step)
        case "smallint" | "integer" | "bigint" | "real" | "double":
            return lambda value: _number(value, None)
        case "boolean":
            return _boolean
        case "date":
            return _day
        case "time" | "timestamp" | "timestamp-tz":
            return _moment
    return _plain


def _text(value: Any) -> Native:
    """A text; the bytes of one that is not UTF-8 stay visible as such, so that the row is refused."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else _plain(value)


def _plain(value: Any) -> Native:
    """The text of any value a driver knows."""
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, datetime | time):
        return _moment(value.isoformat())
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return _number(value, None)


def _number(value: Any, step: Decimal | None) -> Native:
    if type(value) is int:
        value = Decimal(value)
    elif type(value) is float:
        value = Decimal(repr(value))
    elif type(value) is str and step is not None:
        value = _decimal(value)
    if not isinstance(value, Decimal):
        return _plain(value) if isinstance(value, _KNOWN) else str(type(value).__name__)
    if step is not None and value.is_finite():
        value = _at(value, step)
    return format(value, "f")


_MOMENT: Final = re.compile(
    r"(?:(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ])?(?P<clock>[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]{1,9}))?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?",
    re.ASCII,
)
_KNOWN: Final = (str, bool, date, time, bytes, bytearray, memoryview)


_DIGITS: Final = re.compile(r"-?[0-9]{1,1000}(?:\.[0-9]{1,1000})?|-?[0-9]\.[0-9]{1,20}e[+-][0-9]{2,3}", re.ASCII)
"""A number as SQLite writes it, which gives any as a text: a float that is large or small has an exponent."""


def _decimal(text: str) -> Decimal | str:
    """Digits that came as a text, as from a driver that would make floats of them; any other text stays one."""
    return Decimal(text) if _DIGITS.fullmatch(text) else text


def _at(value: Decimal, step: Decimal) -> Decimal:
    """The number with the digits its column has; one with more keeps them, for the mapping to see."""
    try:
        scaled = value.quantize(step)
    except InvalidOperation:
        return value
    return scaled if scaled == value else value


def _boolean(value: Any) -> Native:
    if type(value) is int and value in (0, 1):
        return value == 1
    return _BOOLEANS.get(value.strip().lower(), value) if type(value) is str else _plain(value)


def _day(value: Any) -> Native:
    """A day; databases whose dates have a time of day give one at midnight."""
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return _plain(value)


def _moment(value: Any) -> Native:
    """A time of day, or a point of time; many drivers give the text their database writes it in."""
    match = _MOMENT.fullmatch(value) if type(value) is str else None
    if match is None:
        return _plain(value)
    text = match["clock"] + (f".{told}" if (told := (match["fraction"] or "").rstrip("0")) else "")
    if match["day"] is None:
        return text if match["zone"] is None else str(value)
    if match["zone"] in (None, "Z"):
        return f"{match['day']}T{text}{match['zone'] or ''}"
    try:
        utc = datetime.fromisoformat(f"{match['day']}T{match['clock']}{match['zone']}").astimezone(UTC)
    except (ValueError, OverflowError):
        return str(value)
    return f"{utc.isoformat()[:19]}{text[8:]}Z"


# ---- writing ---------------------------------------------------------------------------------------------------------


def _bind_text(column: Column, value: Any) -> str:
    text = _spelled(value) if isinstance(value, bool) else str(value)
    if "\0" in text:
        raise ValueError(f"a zero byte, where drivers take a text of {column.name} to end")
    if column.size and column.type != "text" and len(text) > column.size:
        raise OverflowError(f"{len(text)} characters, {column.name} is {column.shape}")
    return text


_EXACT: Final = Context(prec=2_000)
"""More digits than any number of an answer has: a column may have room for more than Python reckons with by itself."""
_WHOLE: Final = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}


def _bind_whole(column: Column, value: Any) -> int:
    number = _bind_decimal(column, value)
    if number != number.to_integral_value():
        raise ValueError(f"digits behind the point, {column.name} is {column.shape}")
    if not -_WHOLE[column.type] <= number < _WHOLE[column.type]:
        raise OverflowError(f"too large a number, {column.name} is {column.shape}")
    return int(number)


def _bind_decimal(column: Column, value: Any) -> Decimal:
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal(int(value))
    except InvalidOperation:
        raise ValueError(f"not a number, {column.name} is {column.shape}") from None
    if column.type != "decimal":
        return number
    exact = number.normalize(_EXACT) if number.is_finite() else None
    if exact is None or -int(exact.as_tuple().exponent) > column.scale:
        raise ValueError(f"too many digits behind the point, {column.name} is {column.shape}")
    if exact and exact.adjusted() >= column.size - column.scale:
        raise OverflowError(f"too large a number, {column.name} is {column.shape}")
    return _at(number, _step(column.scale))


def _bind_time(column: Column, value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"not a point of time, {column.name} is {column.shape}") from None
    bare = column.type == "timestamp" and moment.tzinfo is not None
    return moment.astimezone(UTC).replace(tzinfo=None) if bare else moment


def _bind_day(column: Column, value: Any) -> date:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise ValueError(f"not a day, {column.name} is {column.shape}") from None


def _bind_boolean(column: Column, value: Any) -> bool:
    found = _boolean(value)
    if isinstance(found, bool):
        return found
    raise ValueError(f"neither true nor false, {column.name} is a boolean")


def _bind_bytes(column: Column, value: Any) -> bytes:
    try:
        return bytes.fromhex(str(value))
    except ValueError:
        raise ValueError(f"not hexadecimal, {column.name} is {column.shape}") from None


_BINDERS: Final[Mapping[str, Callable[[Column, Any], Any]]] = {
    "decimal": _bind_decimal,
    "smallint": _bind_whole,
    "integer": _bind_whole,
    "bigint": _bind_whole,
    "real": lambda column, value: float(_bind_decimal(column, value)),
    "double": lambda column, value: float(_bind_decimal(column, value)),
    "date": _bind_day,
    "timestamp": _bind_time,
    "timestamp-tz": _bind_time,
    "boolean": _bind_boolean,
    "binary": _bind_bytes,
}

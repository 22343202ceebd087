"""JSON as RFC 8259 with the doors closed that the RFC leaves open. Pure: bytes to tree, tree to bytes.

Reading differs from Python's ``json``: numbers with a point, an exponent or more than ``MAX_DIGITS`` digits become
``Decimal`` with the very digits sent, however many: a JSON Schema bounds no number and no character by itself, so
whether one fits is for the contract to say, field by field. Duplicate names, NaN and Infinity, nesting beyond
``MAX_DEPTH`` and half of a surrogate pair are refused. The encoding is UTF-8; a leading byte order mark is ignored, as
RFC 8259 8.1 allows, because .NET systems send one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring
from typing import Any, NoReturn

from contracts.errors import InternalFault, MalformedPayload

MAX_DEPTH = 32
"""Objects and arrays in one another; applications in the wild use four or five."""
MAX_NAMES = 4096
MAX_DIGITS = 38
"""Longer integers are not made Python integers: that takes time quadratic in their digits."""

_BOM = b"\xef\xbb\xbf"
_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff", b"\x00")
_STRING = re.compile(rb'"(?:[^"\\]+|\\.)*(?:"|\\?\Z)', re.DOTALL)
_TO_SHAPE = bytes.maketrans(b"123456789E{", b"000000000e[")
"""Digits look alike, opening brackets look alike: enough to see whether any number could be out of bounds."""
_EXPONENT = b"0e"
_LONG_NUMBER = b"0" * (MAX_DIGITS + 1)
_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SPEAKABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,63}")
_HALF = re.compile("[\ud800-\udfff]")


def read(raw: bytes) -> dict[str, Any]:
    """The object that ``raw`` holds; raises MalformedPayload at the first fault.

    >>> read(b'{"amount": 1e3, "name": "x"}')
    {'amount': Decimal('1E+3'), 'name': 'x'}
    """
    shape = raw.translate(_TO_SHAPE)
    if shape.count(b"[") > MAX_DEPTH:
        _check_depth(raw)
    text = text_of(raw)
    plain = _EXPONENT not in shape and _LONG_NUMBER not in shape
    tree = _parse_plain(text) if plain else None
    if tree is None:
        tree = _parse(text)
    if type(tree) is not dict:
        _refuse_root(tree)
    if "\\u" in text:
        _check_texts(tree)
    return tree


def read_flat(raws: Sequence[bytes]) -> list[dict[str, Any]] | None:
    """The objects that many texts hold, read in one go at half the price; None where one of them is not flat and plain,
    or no JSON at all: then each is to be read by itself, by ``read``.

    Flat is one opening bracket, at its start, and a closing one at its end. No text can then lend another a part of
    itself: what its bracket opens it closes, and a string cannot go on beyond the end of a line.
    """
    for raw in raws:
        if raw[:1] != b"{" or raw[-1:] != b"}":
            return None
    joined = b",\n".join(raws)
    shape = joined.translate(_TO_SHAPE)
    if shape.count(b"[") != len(raws) or _EXPONENT in shape or _LONG_NUMBER in shape or b"\\u" in joined:
        return None
    try:
        trees = _parse_plain(f"[{joined.decode()}]")
    except (UnicodeDecodeError, MalformedPayload):
        return None
    return trees if trees is not None and len(trees) == len(raws) else None


def write(tree: Any) -> bytes:
    """Compact UTF-8 JSON in the tree's own order: the same tree gives the same bytes.

    ``Decimal`` keeps its digits (1.50 stays 1.50, never an exponent), ``datetime`` becomes RFC 3339 in UTC with a Z,
    ``date`` ISO 8601. Anything else JSON has no form for, NaN and naive times among it, raises InternalFault.

    >>> write({"score": 612, "pd": Decimal("0.020400")})
    b'{"score":612,"pd":0.020400}'
    """
    try:
        return _WRITERS[type(tree)](tree).encode()
    except (KeyError, TypeError, ValueError, RecursionError) as exc:
        raise InternalFault(f"an answer holds something JSON has no form for: {type(exc).__name__}") from exc


def _parse_plain(text: str) -> Any:
    """The tree of a text whose numbers need no check, at about half the price; None sends it the long way."""
    try:
        tree, end = _SCAN(text, 0)
    except (StopIteration, ValueError, RecursionError):
        return None
    return tree if end == len(text) else None


def _parse(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as exc:
        where = f"at line {exc.lineno} column {exc.colno}"
        raise MalformedPayload(f"the body is not JSON: {exc.msg} {where}", code="not_json") from exc
    except RecursionError as exc:
        raise _too_deep() from exc


def text_of(raw: bytes) -> str:
    """The text; raises MalformedPayload for another encoding than UTF-8."""
    try:
        return raw.decode() if not raw.startswith(_BOM) else raw[len(_BOM) :].decode()
    except UnicodeDecodeError as exc:
        offset = exc.start + (len(_BOM) if raw.startswith(_BOM) else 0)
        hint = "; this looks like UTF-16 or UTF-32" if raw.startswith(_OTHER_ENCODINGS) else ""
        raise MalformedPayload(f"the body is not UTF-8 at byte {offset}{hint}; send UTF-8", code="not_utf8") from exc


def _check_depth(raw: bytes) -> None:
    """Each round takes the innermost brackets away, so the rounds needed are the depth; linear, and never recursive."""
    rest = _STRING.sub(b"", raw).translate(_TO_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        inner = rest.replace(b"[]", b"")
        if len(inner) == len(rest):
            break
        rest = inner
    if len(rest) > MAX_DEPTH or b"[]" in rest:
        raise _too_deep()


def _too_deep() -> MalformedPayload:
    return MalformedPayload(f"the body nests deeper than {MAX_DEPTH} objects and arrays", code="too_deep")


def _refuse_root(tree: Any) -> NoReturn:
    if isinstance(tree, list):
        raise MalformedPayload(
            "the body is an array; joint applications and batches are not supported here, send one object",
            code="not_an_object",
        )
    raise MalformedPayload("the body must be one JSON object", code="not_an_object")


def _check_texts(tree: Any) -> None:
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            pending.extend(node)
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, str) and _HALF.search(node):
            raise MalformedPayload("a text holds half of a surrogate pair", code="not_text")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        name = repr(twice) if _SPEAKABLE.fullmatch(twice) else "a name"
        raise MalformedPayload(f"{name} occurs twice in one object; send it once", code="duplicate_name")
    return found


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= MAX_DIGITS + digits.startswith("-") else Decimal(digits)


def _decimal(digits: str) -> Decimal:
    """The number sent; an infinity, which no field can hold, where its exponent is beyond what ``Decimal`` takes."""
    try:
        return Decimal(digits)
    except InvalidOperation:
        return Decimal("-Infinity" if digits.startswith("-") else "Infinity")


def _constant(name: str) -> NoReturn:
    raise MalformedPayload(f"{name} is not a JSON number; send null or leave the field out", code="not_a_number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer, parse_constant=_constant
)
_SCAN = json.JSONDecoder(object_pairs_hook=_object, parse_float=Decimal, parse_constant=_constant).scan_once  # type: ignore[attr-defined]


class _Names(dict[str, str]):
    """Names of members, quoted once: answers of one integration have the same names for ever."""

    def __missing__(self, name: str) -> str:
        text = f"{encode_basestring(name)}:"
        if len(self) < MAX_NAMES:
            self[name] = text
        return text


_NAMES = _Names()


def _write_object(tree: dict[str, Any]) -> str:
    writers, names, quote = _WRITERS, _NAMES, encode_basestring
    members = [
        names[name] + (quote(node) if type(node) is str else writers[type(node)](node)) for name, node in tree.items()
    ]
    return "{" + ",".join(members) + "}"


def _write_array(nodes: list[Any] | tuple[Any, ...]) -> str:
    writers = _WRITERS
    return "[" + ",".join([writers[type(node)](node) for node in nodes]) + "]"


def _write_decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError("not a finite number")
    text = str(value)
    return text if "E" not in text else format(value, "f")


def _write_datetime(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    text = value.isoformat() if value.tzinfo is UTC else value.astimezone(UTC).isoformat()
    return f'"{text[:-6]}Z"'


def _write_date(value: date) -> str:
    return f'"{value.isoformat()}"'


_WRITERS: dict[type, Callable[[Any], str]] = {
    bool: {True: "true", False: "false"}.__getitem__,
    date: _write_date,
    datetime: _write_datetime,
    Decimal: _write_decimal,
    dict: _write_object,
    int: int.__repr__,
    list: _write_array,
    str: encode_basestring,
    tuple: _write_array,
    type(None): {None: "null"}.__getitem__,
}

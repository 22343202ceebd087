"""The digest of a record: SHA-256 over one fixed binary layout, written here once for all.

The layout, all integers big-endian::

    header   "scoregate record 1" LF, then the contract's reference ("loan_application@1.0.0") as text
    field*   in contract order: the state as one byte, followed, only when the field is given, by its value:
               integer, decimal   8 bytes, two's complement (a decimal is its scaled integer)
               boolean            1 byte, 0 or 1
               date               4 bytes, days since 0001-01-01, which is day 1
               string, code       text
    text     4 bytes: the number of bytes that follow; the text as UTF-8, exactly as it is, not normalised

No key, time, channel or origin is part of it. Two records of one contract have the same layout only if they have the
same values and states: every part has a fixed size or tells its size before it begins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from struct import Struct
from typing import Any, Final

from contracts.odcs import Contract
from contracts.types import Field, State, Value

HEADER: Final = b"scoregate record 1\n"
_GIVEN: Final = int(State.GIVEN)
_STATES: Final = tuple(bytes([state]) for state in State)
_SIZE = Struct(">I")
_WHOLE = Struct(">Bq")
_DAYS = Struct(">Bi")

Encode = Callable[[Any], bytes]


class Layout:
    """The layout of one contract's records."""

    def __init__(self, contract: Contract) -> None:
        self.header = hashlib.sha256(HEADER + _text(contract.ref))
        self.encoders = tuple(_encoder(field) for field in contract.fields)

    def digest(self, values: Sequence[Value], states: bytes | bytearray) -> bytes:
        """The 32 bytes that name a record; values and states are in contract order and legal in the contract."""
        hasher = self.header.copy()
        hasher.update(self.body(values, states))
        return hasher.digest()

    def body(self, values: Sequence[Value], states: bytes | bytearray) -> bytes:
        """The laid-out fields, without the header."""
        if any(states):
            parts = zip(self.encoders, values, states, strict=True)
            return b"".join([_STATES[state] if state else encode(value) for encode, value, state in parts])
        return b"".join([encode(value) for encode, value in zip(self.encoders, values, strict=True)])


def _encoder(field: Field) -> Encode:
    """The bytes of a given value with its state before it."""
    match field.type:
        case "integer" | "decimal":
            return partial(_WHOLE.pack, _GIVEN)
        case "boolean":
            return {False: b"\0\0", True: b"\0\1"}.__getitem__
        case "date":
            return _date
        case "code":
            return {code: _given_text(code) for code in field.codes}.__getitem__
    return _given_text


def _text(text: str) -> bytes:
    content = text.encode()
    return _SIZE.pack(len(content)) + content


def _given_text(text: str) -> bytes:
    return _STATES[_GIVEN] + _text(text)


def _date(day: date) -> bytes:
    return _DAYS.pack(_GIVEN, day.toordinal())

"""The batch form: many applications in one JSON object, their outcomes in one JSON object. Pure.

::

    {"items":[{"idempotency_key":"A-1","application":{…}}, …]}
    {"items":[{"pointer":"/items/0/application","status":200,"decision_id":"…","repeated":false,"answer":{…}},
              {"pointer":"/items/1/application","status":422,"problem":{…}}]}

The envelope is framing: its first fault refuses the whole. What is wrong with an application is that item's alone, and
its problem, like its answer, is byte for byte what the same application gets alone, with pointers into the application.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from adapters.rest import faults, strict_json
from adapters.rest.codec import KEY_HEADER, MAX_KEY, RestCodec, check_correlation, check_media_type
from contracts.errors import MalformedPayload, ScoregateError, UpstreamError
from gateway.spi import Answer, Refusal

MOST_ITEMS = 1000
KEY = "idempotency_key"
APPLICATION = "application"
ITEM_KEY = "[ -~]{1,255}"
"""Printable ASCII, as an Idempotency-Key header can carry it."""

_KEY = re.compile(ITEM_KEY)
_SPACE = re.compile(r"[ \t\n\r]*")
_SCAN = json.JSONDecoder(parse_int=str, parse_float=str).scan_once  # type: ignore[attr-defined]


class Item(NamedTuple):
    """One application as its bytes came, and its request key; None where it carries none."""

    key: str | None
    application: bytes

    def header(self) -> dict[str, str]:
        """The header the same application would carry alone."""
        return {} if self.key is None else {KEY_HEADER: '"' + re.sub(r'(["\\])', r"\\\1", self.key) + '"'}


def read(raw: bytes) -> list[Item]:
    """The items of a batch; raises MalformedPayload, with a pointer, at the first fault of the envelope.

    >>> read(b'{"items": [{"application": {"a": 1}}, {"idempotency_key": "k", "application": 7}]}')
    [Item(key=None, application=b'{"a": 1}'), Item(key='k', application=b'7')]
    """
    reader = _Reader(strict_json.text_of(raw))
    found: list[Item] | None = None
    for name in reader.members(""):
        if name != "items":
            raise _fault("unknown_member", f"/{_escaped(name)}", "the only member of a batch is items")
        found = [reader.item(f"/items/{index}") for index in reader.elements("/items")]
    reader.end()
    if not found:
        raise _fault("no_items", "/items", f"a batch holds 1 to {MOST_ITEMS} items")
    return found


def write(codec: RestCodec, outcomes: Sequence[tuple[Answer | ScoregateError, Refusal | None]]) -> bytes:
    """The outcomes in the order of the items; an error comes with the refusal it is written from."""
    items = [_outcome(codec, index, *outcome) for index, outcome in enumerate(outcomes)]
    return b'{"items":[' + b",".join(items) + b"]}"


def _outcome(codec: RestCodec, index: int, outcome: Answer | ScoregateError, refusal: Refusal | None) -> bytes:
    head: dict[str, Any] = {"pointer": f"/items/{index}/{APPLICATION}"}
    if refusal is None and isinstance(outcome, Answer):
        head |= {"status": 200, "decision_id": outcome.decision_id, "repeated": outcome.repeated}
        return strict_json.write(head)[:-1] + b',"answer":' + outcome.payload + b"}"
    if refusal is None:
        raise TypeError("an error needs its refusal")
    head["status"] = faults.status_of(refusal.error)
    if isinstance(refusal.error, UpstreamError):
        head["retry_after"] = refusal.error.retry_after
    return strict_json.write(head)[:-1] + b',"problem":' + codec.refuse(refusal) + b"}"


class _Reader:
    """Walks the envelope by hand and steps over the applications, so that each keeps the bytes it came with."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def item(self, place: str) -> Item:
        parts: dict[str, Any] = {}
        for name in self.members(place):
            if name not in (KEY, APPLICATION):
                raise _fault("unknown_member", f"{place}/{_escaped(name)}", f"an item holds {KEY} and {APPLICATION}")
            parts[name] = self._value(f"{place}/{name}")
        if APPLICATION not in parts:
            raise _fault("no_application", place, f"an item needs the member {APPLICATION}")
        key, text = parts.get(KEY, (None, ""))
        if KEY in parts and not (text.startswith('"') and _KEY.fullmatch(key)):
            expected = f"must be a text of 1 to {MAX_KEY} printable ASCII characters"
            raise _fault("bad_key", f"{place}/{KEY}", expected)
        _, application = parts[APPLICATION]
        return Item(key, application.encode())

    def members(self, place: str) -> Iterator[str]:
        """Names of an object's members; the caller reads each value before it asks for the next name."""
        self._take("{", place, "an object")
        if self._peek() == "}":
            self._at += 1
            return
        seen: set[str] = set()
        while True:
            if self._peek() != '"':
                raise _not_json(self._at)
            name, _ = self._value(place)
            if name in seen:
                raise _fault("duplicate_name", place, "a name occurs twice; send it once")
            seen.add(name)
            self._take(":", place)
            yield name
            if self._next(",}") == "}":
                return

    def elements(self, place: str) -> Iterator[int]:
        self._take("[", place, "an array")
        if self._peek() == "]":
            self._at += 1
            return
        for index in range(MOST_ITEMS):
            yield index
            if self._next(",]") == "]":
                return
        raise _fault("too_many_items", place, f"a batch holds at most {MOST_ITEMS} items")

    def end(self) -> None:
        self._peek()
        if self._at != len(self._text):
            raise _not_json(self._at)

    def _value(self, place: str) -> tuple[Any, str]:
        """The value that begins here, and its text."""
        self._peek()
        start = self._at
        try:
            value, self._at = _SCAN(self._text, start)
        except (StopIteration, ValueError) as exc:
            raise _not_json(getattr(exc, "pos", start)) from None
        except RecursionError:
            raise _fault("too_deep", place, f"nests deeper than {strict_json.MAX_DEPTH} objects and arrays") from None
        return value, self._text[start : self._at]

    def _peek(self) -> str:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _take(self, sign: str, place: str, expected: str = "") -> None:
        if self._peek() != sign:
            raise _fault("not_a_batch", place, f"must be {expected}") if expected else _not_json(self._at)
        self._at += 1

    def _next(self, signs: str) -> str:
        sign = self._peek()
        if not sign or sign not in signs:
            raise _not_json(self._at)
        self._at += 1
        return sign


def _escaped(name: str) -> str:
    """A name in a pointer; one that could be anything is not repeated."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.@-]{0,63}", name) else "?"


def _not_json(at: int) -> MalformedPayload:
    return MalformedPayload(f"the body is not JSON at character {at}", code="not_json")


def _fault(code: str, pointer: str, message: str) -> MalformedPayload:
    return MalformedPayload(f"{pointer or 'the body'} {message}", code=code, path=pointer)


def check_header(header: Mapping[str, str]) -> None:
    """Raises MalformedPayload for a batch in another media type, or with a key that belongs to its items."""
    check_media_type(header)
    check_correlation(header)
    if KEY_HEADER in header:
        message = f"the header {KEY_HEADER} has no meaning here; give each item its {KEY}"
        raise MalformedPayload(message, code="bad_header", path=f"header:{KEY_HEADER}")

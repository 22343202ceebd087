"""One JSON object in, one JSON object out. Pure: bytes and headers to tree, tree to bytes.

The tree is the body itself, plus ``header`` with the two headers a mapping may read: ``header.idempotency-key`` (as the
key itself, its quotes taken off) and ``header.x-correlation-id``. A header that was not sent is not in the tree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from adapters.rest import faults, leaves, strict_json
from adapters.rest.guard import Guard
from contracts.errors import MalformedPayload
from contracts.mapping.paths import EACH, leading_steps
from gateway.spi import BESIDE, Fields, NativeField, Refusal, Tree

KEY_HEADER = "idempotency-key"
CORRELATION_HEADER = "x-correlation-id"
TYPE_HEADER = "content-type"
HEADERS = (KEY_HEADER, CORRELATION_HEADER, TYPE_HEADER)
"""What of the HTTP headers is part of a submission; names are lower case."""

MAX_KEY = 255
QUOTED_KEY = r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"'
"""A string of RFC 8941 3.3.3 that stands for 1 to 255 characters."""
BARE_KEY = r"[A-Za-z0-9!#$%&'*+.^_`|~:/=@-]{1,255}"
CORRELATION = r"[!-~]{1,128}"

_QUOTED_KEY, _BARE_KEY, _CORRELATION = re.compile(QUOTED_KEY), re.compile(BARE_KEY), re.compile(CORRELATION)
_MEDIA_TYPE = re.compile(r'application/(?:[a-z0-9.-]+\+)?json(?:\s*;\s*charset="?utf-8"?)?', re.IGNORECASE)

_HEADER_FIELDS = {
    f"header.{KEY_HEADER}": NativeField(f"header.{KEY_HEADER}", "string", MAX_KEY),
    f"header.{CORRELATION_HEADER}": NativeField(f"header.{CORRELATION_HEADER}", "string", 128),
}


@dataclass(frozen=True)
class RestCodec:
    """The codec of one integration; the schemas are what its folder ships, if it ships any."""

    request_schema: Mapping[str, Any] | None = None
    answer_schema: Mapping[str, Any] | None = None
    key_required: bool = False
    examples: tuple[tuple[str, Any], ...] = ()
    """Name and body of request examples, for the OpenAPI document."""

    def fields(self) -> Fields:
        asked, guard = self.request_schema, self._guard
        return Fields(
            None if asked is None else {**leaves.fields(asked), **_HEADER_FIELDS},
            None if guard is None else guard.fields,
        )

    @cached_property
    def _guard(self) -> Guard | None:
        return None if self.answer_schema is None else Guard(self.answer_schema)

    def decode(self, raw: bytes, header: Mapping[str, str]) -> Tree:
        """The body as a tree; raises MalformedPayload at the first fault, those of the headers first."""
        found = self._read_header(header)
        tree = strict_json.read(raw)
        for name in BESIDE:
            if name in tree:
                raise MalformedPayload(
                    f"{name!r} is a reserved name; leave it out", code="reserved_name", path=f"/{name}"
                )
        tree["header"] = found
        return tree

    def decode_many(self, raws: Sequence[bytes]) -> list[Tree] | None:
        """``decode`` of many bodies that came without headers; None where one of them is to be read by itself."""
        trees = None if self.key_required else strict_json.read_flat(raws)
        header, lookup = BESIDE
        for tree in trees or ():
            if header in tree or lookup in tree:
                return None
            tree[header] = {}
        return trees

    def encode(self, tree: Tree) -> bytes:
        """The answer; raises InternalFault where it breaks the schema that the folder ships."""
        if self._guard is not None:
            self._guard.check(tree)
        return strict_json.write(tree)

    def refuse(self, refusal: Refusal) -> bytes:
        """The problem document of RFC 9457."""
        return strict_json.write(faults.document(refusal))

    def native_path(self, path: str) -> str:
        """A JSON pointer (RFC 6901); what lies in a header is ``header:<name>``.

        >>> RestCodec().native_path("applicants[0].income/net"), RestCodec().native_path("header.idempotency-key")
        ('/applicants/0/income~1net', 'header:idempotency-key')
        """
        for area in BESIDE:
            if path.startswith(f"{area}."):
                return f"{area}:{path[len(area) + 1 :]}"
        pointer = ""
        for step in leading_steps(path):
            if step is EACH:
                break  # every element: the pointer ends at the array itself
            pointer += "/" + str(step).replace("~", "~0").replace("/", "~1")
        return pointer

    def _read_header(self, header: Mapping[str, str]) -> dict[str, str]:
        check_media_type(header)
        found = {}
        key = header.get(KEY_HEADER)
        if key is not None:
            found[KEY_HEADER] = read_key(key)
        elif self.key_required:
            raise _header_fault(KEY_HEADER, "is missing; send a key of your own for every asking", "key_missing")
        check_correlation(header)
        if CORRELATION_HEADER in header:
            found[CORRELATION_HEADER] = header[CORRELATION_HEADER]
        return found


def check_media_type(header: Mapping[str, str]) -> None:
    """Raises MalformedPayload for a body that says it is something else than JSON in UTF-8."""
    media_type = header.get(TYPE_HEADER, "application/json")
    if media_type != "application/json" and not _MEDIA_TYPE.fullmatch(media_type):
        raise MalformedPayload(
            "the body must be sent as application/json, in UTF-8",
            code="unsupported_media_type",
            path="header:content-type",
        )


def check_correlation(header: Mapping[str, str]) -> None:
    """Raises MalformedPayload for a correlation id that could not be given back as it came."""
    correlation = header.get(CORRELATION_HEADER)
    if correlation is not None and not _CORRELATION.fullmatch(correlation):
        raise _header_fault(CORRELATION_HEADER, "must be 1 to 128 printable ASCII characters without spaces")


def read_key(value: str) -> str:
    """The key in an Idempotency-Key header: a structured-field string (RFC 8941), or the bare token many clients send.

    >>> read_key('"a \\\\"b\\\\""'), read_key("8e03978e-40d5-43e8-bc93-6894a57f9324")
    ('a "b"', '8e03978e-40d5-43e8-bc93-6894a57f9324')
    """
    quoted = _QUOTED_KEY.fullmatch(value)
    if quoted:
        return re.sub(r"\\(.)", r"\1", quoted[1]) if "\\" in quoted[1] else quoted[1]
    if _BARE_KEY.fullmatch(value):
        return value
    message = f'must be one quoted string of at most {MAX_KEY} printable ASCII characters, like "2f1c-77"'
    raise _header_fault(KEY_HEADER, message)


def _header_fault(name: str, message: str, code: str = "bad_header") -> MalformedPayload:
    return MalformedPayload(f"the header {name} {message}", code=code, path=f"header:{name}")

"""MTOM: a message whose binary contents lie beside it, in a package of multipart/related (XOP 1.0; RFC 2387, 2392).

Every ``xop:Include`` is replaced by the base64 it stands for, so that what is checked, mapped and recorded is one plain
envelope. A package says of itself how long it is and what belongs together; where two readers could differ, in framing,
lengths or names, it is refused. So are parts nobody refers to, and parts that are referred to twice: with those a small
package would become a large message.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from adapters.soap.names import Node
from contracts.errors import MalformedPayload

PACKAGE: Final = "multipart/related"
INCLUDE: Final = "{http://www.w3.org/2004/08/xop/include}Include"
MOST_PARTS: Final = 20
MOST_HEAD_BYTES: Final = 4_096
_PARAMETER: Final = re.compile(r""";\s*([A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s";]+))""")
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_FOLD: Final = re.compile(rb"\r\n[ \t]+")
_PLAIN: Final = ("binary", "8bit", "7bit")


class Package(NamedTuple):
    """The envelope's bytes with the media type they have by themselves, and the other parts by their Content-ID."""

    root: bytes
    content_type: str
    others: Mapping[str, bytes]


class _Part(NamedTuple):
    head: Mapping[str, str]
    body: bytes

    @property
    def name(self) -> str:
        return self.head.get("content-id", "").strip().removeprefix("<").removesuffix(">")


def is_package(content_type: str) -> bool:
    return content_type.strip().lower().startswith(PACKAGE)


def unpack(raw: bytes, content_type: str) -> Package:
    """Take a package apart; raises MalformedPayload ``bad_package`` at the first thing wrong with it."""
    said = _parameters(content_type)
    parts = [_part(piece) for piece in _pieces(raw, said.get("boundary", ""))]
    start = said.get("start", "").removeprefix("<").removesuffix(">")
    root = next((part for part in parts if part.name == start), None) if start else parts[0]
    if root is None:
        raise _bad("its start names no part")
    others = {part.name: part.body for part in parts if part is not root}
    if len(others) != len(parts) - 1 or "" in others or root.name in others:
        raise _bad("every part beside the envelope needs a Content-ID of its own")
    return Package(root.body, _media_type(root.head.get("content-type", "")), others)


def include(root: Node, others: Mapping[str, bytes]) -> None:
    """Put the parts in the places that refer to them, as base64 (XOP 1.0, section 3.2)."""
    unused = dict(others)
    for node in list(root.iter(INCLUDE)):
        parent, name = node.getparent(), _target(node.get("href", ""))
        if parent is None or len(parent) != 1 or (parent.text or "").strip() or (node.tail or "").strip() or len(node):
            raise _bad("an Include stands alone in its element")
        if name not in unused:
            told = "was referred to before" if name in others else "is not in the package"
            raise MalformedPayload(f"an attachment {told}", code="attachment_missing", path="/soap:Body")
        parent.remove(node)
        parent.text = base64.b64encode(unused.pop(name)).decode()
    if unused:
        message = f"{len(unused)} attachment(s) that the envelope does not refer to"
        raise MalformedPayload(message, code="attachment_unused", path="/soap:Body")


def _target(href: str) -> str:
    if not href.startswith("cid:"):
        raise _bad("an Include refers to a part of its package by cid:, and to nothing else")
    return unquote(href.removeprefix("cid:"))


def _pieces(raw: bytes, boundary: str) -> list[bytes]:
    """What lies between the boundaries (RFC 2046, 5.1.1); nothing may lie before the first or behind the last."""
    if not _BOUNDARY.fullmatch(boundary):
        raise _bad("it names no boundary, or one no package may have")
    before, *pieces = (b"\r\n" + raw).split(b"\r\n--" + boundary.encode(), MOST_PARTS + 2)
    if len(pieces) < 2:
        raise _bad("its boundary does not enclose any part")
    if len(pieces) > MOST_PARTS + 1:
        raise _bad(f"it has more than {MOST_PARTS} parts")
    if before.strip() or not pieces[-1].startswith(b"--") or pieces[-1][2:].strip():
        raise _bad("something lies before its first boundary or behind its last, or the last is missing")
    return pieces[:-1]


def _part(piece: bytes) -> _Part:
    mark, found, rest = piece.partition(b"\r\n")
    if mark.strip(b" \t") or not found:
        raise _bad("a boundary stands on a line of its own")
    head, found, body = (b"", b"\r\n\r\n", rest[2:]) if rest.startswith(b"\r\n") else rest.partition(b"\r\n\r\n")
    if not found or len(head) > MOST_HEAD_BYTES:
        raise _bad(f"the headers of a part have no end, or more than {MOST_HEAD_BYTES} bytes")
    said = _headers(head)
    if said.get("content-length", str(len(body))).strip() != str(len(body)):
        raise _bad("a part is not as long as its Content-Length says")
    return _Part(said, _decoded(body, said.get("content-transfer-encoding", "binary").strip().lower()))


def _headers(head: bytes) -> Mapping[str, str]:
    lines = _FOLD.sub(b" ", head).decode("latin-1").split("\r\n") if head else []
    pairs = [line.partition(":") for line in lines]
    found = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if len(found) != len(pairs) or not all(colon for _, colon, _ in pairs):
        raise _bad("a part has a header twice, or a line that is none")
    return found


def _decoded(body: bytes, coding: str) -> bytes:
    if coding in _PLAIN:
        return body
    if coding != "base64":
        raise _bad(f"a part is sent as {', '.join(_PLAIN)} or base64")
    try:
        return base64.b64decode(body.replace(b"\r\n", b""), validate=True)
    except binascii.Error as exc:
        raise _bad("a part is not the base64 it says it is") from exc


def _media_type(content_type: str) -> str:
    """The type of the envelope by itself: what a part of application/xop+xml says it would be without its package."""
    if not content_type.lower().startswith("application/xop+xml"):
        return content_type
    said = _parameters(content_type)
    charset = said.get("charset", "")
    return said.get("type", "") + (f"; charset={charset}" if charset else "")


def _parameters(content_type: str) -> Mapping[str, str]:
    pairs = [(found[1].lower(), found[2], found[3]) for found in _PARAMETER.finditer(content_type)]
    if len({name for name, _, _ in pairs}) != len(pairs):
        raise _bad("its media type has a parameter twice")
    return {name: bare or re.sub(r"\\(.)", r"\1", quoted or "") for name, quoted, bare in pairs}


def _bad(told: str) -> MalformedPayload:
    return MalformedPayload(f"the package cannot be read: {told}", code="bad_package", path="header:content-type")

"""Bytes to a root element, for messages of strangers: which encoding counts, and what XML may not hold in SOAP.

SOAP 1.1 section 3 and SOAP 1.2 part 1 section 5 forbid document type declarations and processing instructions; WS-I
Basic Profile 1.1 says the same (R1008, R1009). Encodings are UTF-8, UTF-16 (R1012) and, where declared, ISO 8859-1.

What is refused for its shape is refused before a tree is made of it: a declaration of a document type before the parser
sees any entity in it, and more markup than any application has, which costs fifty times its bytes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from lxml import etree

from adapters.soap.names import Node, hardened
from contracts.errors import InternalFault, MalformedPayload

ENCODINGS: Final[Mapping[str, str]] = {
    "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "utf-8", "ascii": "utf-8", "utf-16": "utf-16", "utf-16le": "utf-16",
    "utf-16be": "utf-16", "iso-8859-1": "iso-8859-1", "latin1": "iso-8859-1", "latin-1": "iso-8859-1",
}  # fmt: skip
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16le"), (codecs.BOM_UTF16_BE, "utf-16be"),
    (b"<\0", "utf-16le"), (b"\0<", "utf-16be"),
)  # fmt: skip
_BOM: Final = rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?"
_DECLARED: Final = re.compile(_BOM + rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]{0,39})["']""")
_CHARSET: Final = re.compile(r""";\s*charset\s*=\s*"?([^\s";]{1,40})"?""", re.IGNORECASE)
_DOCTYPE: Final = re.compile(_BOM + rb"(?>\s+|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)
_DECLARATION: Final = (b"<?xml ", b"<?xml\t", b"<?xml\r", b"<?xml\n")
_PARSERS: dict[str, etree.XMLParser] = {}

_SAYS: Final = 400
"""A message says of its encoding within so many bytes."""
MOST_MARKUP: Final = 50_000
"""Of ``<``, which open a tag, and of ``=``, which give an attribute or a namespace its value; so many of each."""
DEEPEST: Final = 64
"""Elements within elements; libxml2 itself stops at 256, which is more than can be read one within the other here."""
_BEYOND: Final = (etree.ErrorTypes.ERR_NAME_TOO_LONG, etree.ErrorTypes.ERR_RESOURCE_LIMIT)
_TOO_DEEP: Final = etree.XPath(f"boolean({'/*' * (DEEPEST + 1)})")


def parse(raw: bytes, content_type: str) -> Node:
    """The root of a message; raises MalformedPayload for whatever is not one document of plain, safe XML."""
    encoding, plain = _encoding(raw, content_type), _plain(raw)
    _check_shape(plain)
    try:
        root = etree.fromstring(raw, _parser(encoding))
    except etree.XMLSyntaxError as exc:
        raise MalformedPayload(_told(exc), code="beyond_bounds" if exc.code in _BEYOND else "not_xml") from None
    except (ValueError, LookupError):
        raise MalformedPayload("the message is not XML", code="not_xml") from None
    if plain.find(b"<?", plain.startswith(_DECLARATION)) >= 0 or b"DOCTYPE" in plain or encoding.startswith("utf-16"):
        _check_bare(root)  # of another message its bytes show it: without a DTD there can be no entity either
    if plain.count(b"<") > 2 * DEEPEST and _TOO_DEEP(root):
        raise MalformedPayload(f"elements lie more than {DEEPEST} deep within each other", code="beyond_bounds")
    return root


def own(written: bytes) -> Node:
    """The root of what was written here, in UTF-8; raises InternalFault where a text in it is none XML can hold."""
    try:
        return etree.fromstring(written, _parser("utf-8"))
    except etree.XMLSyntaxError as exc:
        raise InternalFault(f"the answer is no XML: {_told(exc)}") from None


def _check_bare(root: Node) -> None:
    """Raise for a document type declaration, an entity or a processing instruction in the tree, or beside it."""
    tree = root.getroottree()
    if tree.docinfo.internalDTD is not None:
        raise MalformedPayload("a message may hold no document type declaration", code="dtd_forbidden")
    if next(tree.iter(etree.PI, etree.Entity), None) is not None or _beside(root):
        raise MalformedPayload("a message may hold no processing instruction and no entity", code="pi_forbidden")


def _check_shape(plain: bytes) -> None:
    """Raise for a document type declaration, and for too much markup; a text says no more of it than its bytes do."""
    if b"DOCTYPE" in plain and _DOCTYPE.match(plain):
        raise MalformedPayload("a message may hold no document type declaration", code="dtd_forbidden")
    if len(plain) > MOST_MARKUP and max(plain.count(b"<"), plain.count(b"=")) > MOST_MARKUP:
        message = f"more than {MOST_MARKUP} tags or attributes; one message holds one application"
        raise MalformedPayload(message, code="beyond_bounds")


def _parser(encoding: str) -> etree.XMLParser:
    """One parser per encoding; lxml lets threads share it, one after the other."""
    if encoding not in _PARSERS:
        _PARSERS[encoding] = hardened(encoding=encoding, remove_comments=True, collect_ids=False)
    return _PARSERS[encoding]


def _encoding(raw: bytes, content_type: str) -> str:
    """What mark, charset and declaration agree on, UTF-8 where none says anything; they may not contradict each other.

    XML 1.0 appendix F and RFC 7303, section 3.
    """
    charset = _CHARSET.search(content_type)
    silent = raw[:1] == b"<" and raw[1:2] not in (b"?", b"\0")
    return _agreed(b"" if silent else raw[:_SAYS].partition(b">")[0], charset[1] if charset else "")


@lru_cache(maxsize=64)
def _agreed(start: bytes, charset: str) -> str:
    """The same, of the bytes up to the end of the XML declaration: most messages have them alike."""
    said = {}
    mark = next((name for sign, name in _MARKS if start.startswith(sign)), "")
    if mark:
        said["the first bytes"] = ENCODINGS[mark]
    if charset:
        said["charset"] = _known(charset)
    if declared := _DECLARED.match(_plain(start)):
        said["the XML declaration"] = _known(declared[1].decode())
    if len({*said.values()}) > 1:
        told = ", ".join(f"{place}: {name}" for place, name in said.items())
        raise MalformedPayload(f"the message says of its encoding different things: {told}", code="encoding_conflict")
    return mark or next(iter(said.values()), "utf-8")


def _plain(raw: bytes) -> bytes:
    """A message with one byte per ASCII character, as far as it is written in those."""
    return raw.replace(b"\0", b"") if b"\0" in raw[:4] else raw


def _known(name: str) -> str:
    found = ENCODINGS.get(name.lower())
    if found is None:
        message = "the encoding is not served: send UTF-8, UTF-16 or ISO-8859-1"
        raise MalformedPayload(message, code="unsupported_encoding")
    return found


def _beside(root: Node) -> bool:
    """Whether processing instructions stand before or behind the root."""
    return root.getprevious() is not None or root.getnext() is not None


def _told(error: etree.XMLSyntaxError) -> str:
    """Where a message stops being XML, without what stands there."""
    line, column = error.position
    if error.code in _BEYOND:
        return f"a name, a text or the depth of elements is beyond all bounds at line {line}, column {column}"
    return f"the message is not well-formed XML at line {line}, column {column}"

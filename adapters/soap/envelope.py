"""The SOAP envelope of versions 1.1 and 1.2: what a message is, which headers bind us, how an answer is wrapped.

An answer's payload is a whole envelope of SOAP 1.1 without headers. It is what is stored; for a caller of 1.2, or one
that wants headers, the body inside is moved into a fresh envelope of that kind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from adapters.soap import addressing
from adapters.soap.addressing import Addressing, is_addressing
from adapters.soap.attachments import include
from adapters.soap.encodings import parse
from adapters.soap.names import SOAP11, SOAP12, Node, local, split
from adapters.soap.reading import append, generic
from contracts.errors import MalformedPayload


class Version(NamedTuple):
    """One version of SOAP: its envelope's namespace, its media type, and how it names who a header is for."""

    number: str
    namespace: str
    media_type: str
    role: str
    roles: tuple[str, ...]


V11: Final = Version("1.1", SOAP11, "text/xml", "actor", ("", "http://schemas.xmlsoap.org/soap/actor/next"))
V12: Final = Version(
    "1.2", SOAP12, "application/soap+xml", "role",
    ("", f"{SOAP12}/role/next", f"{SOAP12}/role/ultimateReceiver"),
)  # fmt: skip
VERSIONS: Final = {version.namespace: version for version in (V11, V12)}

OPEN: Final = {
    version.number: f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{version.namespace}">'
    for version in (V11, V12)
}
BODY: Final = "<soap:Body>"
CLOSE: Final = "</soap:Body></soap:Envelope>"
_PAYLOAD_HEAD: Final = (OPEN["1.1"] + BODY).encode()
_PAYLOAD_END: Final = CLOSE.encode()
_SPACE: Final = re.compile(rb"http://(?:schemas\.xmlsoap\.org/soap/envelope/|www\.w3\.org/2003/05/soap-envelope)")
ENCODING11: Final = "http://schemas.xmlsoap.org/soap/encoding/"
MOST_HEADERS: Final = 50


@dataclass(frozen=True, slots=True)
class Message:
    """A message as read: the one element of its body (None where it is empty), its header blocks by local name.

    Blocks of one local name are a list.
    """

    version: Version
    body: Node | None
    headers: Mapping[str, Any]
    addressing: Addressing

    @property
    def root(self) -> str:
        """The qualified name of the body's element; empty where the body is."""
        return "" if self.body is None else str(self.body.tag)


def read(
    raw: bytes, content_type: str, understood: Sequence[str] = (), attached: Mapping[str, bytes] | None = None
) -> Message:
    """Read a message; raises MalformedPayload at the first fault of its XML or its envelope.

    ``understood`` are qualified names of header blocks that may say mustUnderstand, beside those of WS-Addressing;
    ``attached`` what came in one package with the message.
    """
    root = parse(raw, content_type)
    if attached is not None:
        include(root, attached)
    version = _version(root)
    parts = {child.tag: child for child in root}
    header, body = parts.get(f"{{{version.namespace}}}Header"), parts.get(f"{{{version.namespace}}}Body")
    _check_frame(root, version, body)
    blocks = [] if header is None else list(header)
    _check_headers(blocks, version, understood)
    _check_encoding_style(root, body, version)
    elements = list(body) if body is not None else []
    if len(elements) > 1:
        message = f"the body holds {len(elements)} elements, expected one (BP 1.1 R9981)"
        raise MalformedPayload(message, code="bad_envelope", path="/soap:Body")
    others: dict[str, Any] = {}
    for block in blocks:
        if not is_addressing(block.tag):
            append(others, local(block.tag), generic(block))
    mine = [block for block in blocks if _is_ours(block, version)]
    return Message(version, elements[0] if elements else None, others, addressing.read(mine))


def _version(root: Node) -> Version:
    namespace, name = split(root.tag)
    if name != "Envelope":
        raise MalformedPayload("the root of a message is an Envelope of SOAP", code="not_an_envelope")
    version = VERSIONS.get(namespace)
    if version is None:
        message = f"the envelope is of no version served: expected the namespace {SOAP11} or {SOAP12}"
        raise MalformedPayload(message, code="version_mismatch")
    return version


def _check_frame(root: Node, version: Version, body: Node | None) -> None:
    """Header, if any, then Body, and nothing else (SOAP 1.1 section 4, BP 1.1 R1011)."""
    expected = [f"{{{version.namespace}}}Header", f"{{{version.namespace}}}Body"]
    found = [child.tag for child in root]
    if body is None or found not in (expected, expected[1:]):
        message = "an envelope holds a Header, if any, then one Body, and nothing behind it"
        raise MalformedPayload(message, code="bad_envelope", path="/soap:Envelope")


def _check_headers(blocks: Sequence[Node], version: Version, understood: Sequence[str]) -> None:
    """Raise for a header block that is meant for us, must be understood, and is not (SOAP 1.1 4.2.3, 1.2 5.2.3)."""
    if len(blocks) > MOST_HEADERS:
        raise MalformedPayload(f"more than {MOST_HEADERS} header blocks", code="bad_envelope", path="/soap:Header")
    must = f"{{{version.namespace}}}mustUnderstand"
    for block in blocks:
        binding = block.get(must, "0").strip() in ("1", "true") and _is_ours(block, version)
        if binding and not is_addressing(block.tag) and block.tag not in understood:
            message = f"the header {local(block.tag)} must be understood, and is not"
            raise MalformedPayload(message, code="must_understand", path=f"/soap:Header/{block.tag}")


def _is_ours(block: Node, version: Version) -> bool:
    """Whether a header block is meant for the one who answers, and not for another on the way."""
    return block.get(f"{{{version.namespace}}}{version.role}", "") in version.roles


def _check_encoding_style(root: Node, body: Node | None, version: Version) -> None:
    """Encoded messages are refused: literal ones alone can be checked (BP 1.1 R1005 to R1007, R2706).

    On the envelope SOAP's own encoding says nothing of the body: suds, and others, write it there in every rpc message,
    literal or not. A body that is encoded in fact is told by the schema.
    """
    style, none = f"{{{version.namespace}}}encodingStyle", f"{SOAP12}/encoding/none"
    first = [] if body is None else list(body)[:1]
    places = ((root, (none, ENCODING11)), *((node, (none,)) for node in ([] if body is None else [body, *first])))
    for node, harmless in places:
        if node.get(style, none) not in harmless:
            message = "encoded messages are not served; send the message as literal, without encodingStyle"
            raise MalformedPayload(message, code="data_encoding_unknown", path="/soap:Body")


def version_of(content_type: str, raw: bytes) -> Version:
    """The caller's version as far as it can be told of a message that may not be readable: by what its envelope says
    it is, else by its media type, else 1.1.
    """
    found = _SPACE.search(raw[:4000].replace(b"\0", b""))
    if found:
        return VERSIONS[found[0].decode()]
    return V12 if V12.media_type in content_type.lower() else V11


def payload(body: str) -> bytes:
    """The stored form of an answer: a whole envelope of SOAP 1.1."""
    return b"".join((_PAYLOAD_HEAD, body.encode(), _PAYLOAD_END))


def body_of(stored: bytes) -> bytes:
    """What stands in the body of a stored answer."""
    return stored[len(_PAYLOAD_HEAD) : -len(_PAYLOAD_END)]


def wrapped(stored: bytes, version: Version, headers: str = "") -> bytes:
    """A stored answer as this caller gets it: in its version, with fresh header blocks."""
    if version is V11 and not headers:
        return stored
    return envelope(body_of(stored).decode(), version, headers).encode()


def envelope(body: str, version: Version, headers: str = "") -> str:
    header = f"<soap:Header>{headers}</soap:Header>" if headers else ""
    return f"{OPEN[version.number]}{header}{BODY}{body}{CLOSE}"

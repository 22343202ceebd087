"""The SOAP envelope of versions 1.1 and 1.2: what a message is, which headers bind us, how an answer is wrapped.

An answer's payload is a whole envelope of SOAP 1.1, with those headers alone that the answer map writes. It is what is
stored; for a caller of 1.2, or one that wants headers of the protocol, its parts are moved into a fresh envelope.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn

from adapters.soap import addressing
from adapters.soap.addressing import Addressing, is_addressing
from adapters.soap.attachments import include
from adapters.soap.encodings import parse
from adapters.soap.names import SOAP11, SOAP12, Node, local, qualified
from adapters.soap.reading import append, generic
from contracts.errors import MalformedPayload


class Version(NamedTuple):
    """One version of SOAP: its envelope's namespace, its media type, and how it names who a header is for.

    ``role`` and the four below it are qualified names of its attributes and elements.
    """

    number: str
    namespace: str
    media_type: str
    roles: tuple[str, ...]
    role: str
    must_understand: str
    encoding_style: str
    header: str
    body: str


def _version(number: str, namespace: str, media_type: str, role: str, *roles: str) -> Version:
    names = (qualified(namespace, name) for name in (role, "mustUnderstand", "encodingStyle", "Header", "Body"))
    return Version(number, namespace, media_type, ("", *roles), *names)


V11: Final = _version("1.1", SOAP11, "text/xml", "actor", "http://schemas.xmlsoap.org/soap/actor/next")
V12: Final = _version(
    "1.2", SOAP12, "application/soap+xml", "role", f"{SOAP12}/role/next", f"{SOAP12}/role/ultimateReceiver"
)
VERSIONS: Final = {version.namespace: version for version in (V11, V12)}
_BY_ROOT: Final = {qualified(version.namespace, "Envelope"): version for version in (V11, V12)}

OPEN: Final = {
    version.number: f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{version.namespace}">'
    for version in (V11, V12)
}
BODY: Final = "<soap:Body>"
CLOSE: Final = "</soap:Body></soap:Envelope>"
_HEADER: Final = b"<soap:Header>"
_HEADER_END: Final = b"</soap:Header>"
_SPACE: Final = re.compile(rb"http://(?:schemas\.xmlsoap\.org/soap/envelope/|www\.w3\.org/2003/05/soap-envelope)")
_LITERAL: Final = f"{SOAP12}/encoding/none"
ENCODING11: Final = "http://schemas.xmlsoap.org/soap/encoding/"
MOST_HEADERS: Final = 50


class Message(NamedTuple):
    """A message as read: the one element of its body (None where it is empty), its header blocks by local name.

    Blocks of one local name are a list. ``size`` is in bytes.
    """

    version: Version
    body: Node | None
    headers: Mapping[str, Any]
    addressing: Addressing
    size: int

    @property
    def root(self) -> str:
        """The qualified name of the body's element; empty where the body is."""
        return "" if self.body is None else str(self.body.tag)


def read(
    raw: bytes, content_type: str, understood: Container[str] = (), attached: Mapping[str, bytes] | None = None
) -> Message:
    """Read a message; raises MalformedPayload at the first fault of its XML or its envelope.

    ``understood`` are qualified names of header blocks that may say mustUnderstand, beside those of WS-Addressing;
    ``attached`` what came in one package with the message.
    """
    root = parse(raw, content_type)
    if attached is not None:
        include(root, attached)
    version = _BY_ROOT.get(root.tag) or _no_version(root)
    *headers, body = _frame(root, version)
    blocks = list(headers[0]) if headers else []
    elements = list(body)
    _check_headers(blocks, version, understood)
    _check_encoding_style(root, [body, *elements[:1]], version)
    if len(elements) > 1:
        message = f"the body holds {len(elements)} elements, expected one (BP 1.1 R9981)"
        raise MalformedPayload(message, code="bad_envelope", path="/soap:Body")
    others: dict[str, Any] = {}
    for block in blocks:
        if not is_addressing(block.tag):
            append(others, local(block.tag), generic(block))
    said = addressing.read([block for block in blocks if _is_ours(block, version)]) if blocks else addressing.NOTHING
    return Message(version, elements[0] if elements else None, others, said, len(raw))


def _no_version(root: Node) -> NoReturn:
    if local(root.tag) != "Envelope":
        raise MalformedPayload("the root of a message is an Envelope of SOAP", code="not_an_envelope")
    message = f"the envelope is of no version served: expected the namespace {SOAP11} or {SOAP12}"
    raise MalformedPayload(message, code="version_mismatch")


def _frame(root: Node, version: Version) -> list[Node]:
    """Header, if any, then Body, and nothing else (SOAP 1.1 section 4, BP 1.1 R1011)."""
    found = list(root)
    if [child.tag for child in found] not in ([version.body], [version.header, version.body]):
        message = "an envelope holds a Header, if any, then one Body, and nothing behind it"
        raise MalformedPayload(message, code="bad_envelope", path="/soap:Envelope")
    return found


def _check_headers(blocks: Sequence[Node], version: Version, understood: Container[str]) -> None:
    """Raise for a header block that is meant for us, must be understood, and is not (SOAP 1.1 4.2.3, 1.2 5.2.3)."""
    if len(blocks) > MOST_HEADERS:
        raise MalformedPayload(f"more than {MOST_HEADERS} header blocks", code="bad_envelope", path="/soap:Header")
    for block in blocks:
        binding = block.get(version.must_understand, "0").strip() in ("1", "true") and _is_ours(block, version)
        if binding and not is_addressing(block.tag) and block.tag not in understood:
            message = f"the header {local(block.tag)} must be understood, and is not"
            raise MalformedPayload(message, code="must_understand", path=f"/soap:Header/{block.tag}")


def _is_ours(block: Node, version: Version) -> bool:
    """Whether a header block is meant for the one who answers, and not for another on the way."""
    return block.get(version.role, "") in version.roles


def _check_encoding_style(root: Node, inside: Sequence[Node], version: Version) -> None:
    """Encoded messages are refused: literal ones alone can be checked (BP 1.1 R1005 to R1007, R2706).

    On the envelope SOAP's own encoding says nothing of the body: suds, and others, write it there in every rpc message,
    literal or not. A body that is encoded in fact is told by the schema.
    """
    said = [node.get(version.encoding_style, _LITERAL) for node in inside]
    if said.count(_LITERAL) < len(said) or root.get(version.encoding_style, _LITERAL) not in (_LITERAL, ENCODING11):
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


def payload(body: str, headers: str = "") -> bytes:
    """The stored form of an answer: a whole envelope of SOAP 1.1, with the header blocks the answer itself has."""
    return envelope(body, V11, headers).encode()


def parts_of(stored: bytes) -> tuple[bytes, bytes]:
    """The header blocks of a stored answer, and what stands in its body."""
    head, _, rest = stored.partition(BODY.encode())  # of ours alone: what answers write has other prefixes
    _, _, told = head.partition(_HEADER)
    return told.removesuffix(_HEADER_END), rest.removesuffix(CLOSE.encode())


def wrapped(stored: bytes, version: Version, headers: str = "") -> bytes:
    """A stored answer as this caller gets it: in its version, with fresh header blocks before its own."""
    if version is V11 and not headers:
        return stored
    told, body = parts_of(stored)
    return envelope(body.decode(), version, headers + told.decode()).encode()


def envelope(body: str, version: Version, headers: str = "") -> str:
    header = f"<soap:Header>{headers}</soap:Header>" if headers else ""
    return f"{OPEN[version.number]}{header}{BODY}{body}{CLOSE}"

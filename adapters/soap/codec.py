"""One SOAP message in, one answer out. Pure: bytes and headers to tree, tree to bytes.

The tree is what lies below the body's element: ``Application.Reference``, ``Applicant[].Income.@period``. Header blocks
lie under ``header`` by their local names (``header.MessageID`` of WS-Addressing, ``header.TransactionId`` of one's
own); so does the HTTP header ``x-correlation-id``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from adapters.soap import addressing, attachments, envelope, faults
from adapters.soap.encodings import own
from adapters.soap.envelope import V11, V12, Message, Version
from adapters.soap.names import local
from adapters.soap.service import CORRELATION_HEADER, Service
from adapters.soap.types import TEXT
from contracts.errors import InternalFault, MalformedPayload, NotFound
from contracts.mapping.paths import ABSENT, Step, leading_steps
from gateway.spi import Fields, Refusal, Tree

TYPE_HEADER: Final = "content-type"
ACTION_HEADER: Final = "soapaction"
HEADERS: Final = (TYPE_HEADER, ACTION_HEADER, CORRELATION_HEADER)
"""What of the HTTP headers is part of a submission; names are lower case."""

_TYPES: Final = re.compile(r"\s*(text/xml|application/soap\+xml|application/xml)\s*(;.*)?", re.IGNORECASE | re.DOTALL)
_ACTION: Final = re.compile(r""";\s*action\s*=\s*(?:"([^"]*)"|([^\s";]+))""", re.IGNORECASE)


@dataclass(slots=True)
class SoapCodec:
    """The codec of one integration; ``service`` is None where the integration is switched off and only refuses."""

    service: Service | None
    _last: tuple[bytes, str, Message] | None = field(default=None, repr=False)
    """The message read last: the transport reads it to see what is asked, the desk reads it again."""

    def fields(self) -> Fields:
        return self.served.fields

    @property
    def served(self) -> Service:
        if self.service is None:
            raise InternalFault("an integration that is switched off was asked to serve")
        return self.service

    def message(self, raw: bytes, header: Mapping[str, str]) -> Message:
        """The envelope; raises MalformedPayload at the first fault of framing."""
        content_type = header.get(TYPE_HEADER, "")
        last = self._last
        if last is not None and last[0] is raw and last[1] == content_type:
            return last[2]
        body, said, attached = raw, content_type, None
        if attachments.is_package(content_type):
            body, said, attached = attachments.unpack(raw, content_type)
        check_media_type(said)
        known = self.service.understood if self.service else ()
        found = envelope.read(body, said, known, attached)
        check_version(found.version, said)
        self._last = (raw, content_type, found)
        return found

    def decode(self, raw: bytes, header: Mapping[str, str]) -> Tree:
        """A message that asks for a decision, as a tree; raises InvalidRecord where the schema is broken."""
        message, service = self.message(raw, header), self.served
        if message.root not in service.asking:
            raise self.strange(message)
        self.check_action(message, header)
        tree: Tree = {}
        if message.body is not None:
            service.checker.check(message.body, message.size)
            tree = service.read(message.body)
        tree["header"] = {**message.headers, **message.addressing.values}
        if CORRELATION_HEADER in header:
            tree["header"][CORRELATION_HEADER] = header[CORRELATION_HEADER]
        return tree

    def check_action(self, message: Message, header: Mapping[str, str]) -> None:
        """Raise MalformedPayload where HTTP names another action than the WSDL has for this operation.

        One that names none is taken, though SOAP 1.1 (6.1.1; BP 1.1 R2744, R2745) has the caller name it: the body says
        what is asked (R1127), and a caller that cannot be changed may never have done so.
        """
        operation = self.served.operations[message.root]
        sent = http_action(message.version, header)
        if sent and sent not in operation.actions and any(operation.actions):
            told = f'the action of HTTP is not that of {operation.name}; expected "{operation.actions[0]}"'
            raise MalformedPayload(told[:250], code="wrong_action", path="header:soapaction")
        addressing.check(message.addressing, sent)

    def wanted_key(self, message: Message, header: Mapping[str, str]) -> str:
        """The key in a message that asks for a decision made before."""
        service = self.served
        if message.body is None or service.fetch is None:
            raise self.strange(message)
        self.check_action(message, header)
        service.checker.check(message.body, message.size)
        key = service.fetch.key.get(service.read(message.body))
        if key is ABSENT or not isinstance(key, str) or not 0 < len(key) <= 255 or not key.isprintable():
            raise NotFound("no decision stands under this key; check how it is written in the message")
        return key

    def strange(self, message: Message) -> MalformedPayload:
        """What is said to a message that asks for nothing that is served here."""
        service = self.served
        known = service.operations.get(message.root)
        served = [one.name for one in (*service.asking.values(), service.fetched) if one is not None]
        name = f"the operation {known.name}" if known else f"a body of {local(message.root) or 'nothing'}"
        told = f"{name} is not served here; served: {', '.join(served)}"
        return MalformedPayload(told[:250], code="unknown_operation", path="/soap:Body")

    def encode(self, tree: Tree) -> bytes:
        """An answer, as it is stored: in an envelope of SOAP 1.1; raises InternalFault where it breaks the schema."""
        service = self.served
        if service.scored.output is None:
            return envelope.payload("")
        body, blocks = service.written(tree)
        wrong = [fault for part in (body, *blocks) for fault in service.checker.faults(own(part.encode()))]
        if wrong:
            raise InternalFault(f"the answer breaks the schema of its WSDL: {'; '.join(wrong)[:500]}")
        return envelope.payload(body, "".join(blocks))

    def refuse(self, refusal: Refusal) -> bytes:
        """The Fault as a caller of SOAP 1.1 gets it; that of another one the transport writes in his version."""
        return self.fault(refusal, V11).encode()

    def fault(self, refusal: Refusal, version: Version, headers: str = "") -> str:
        """A refusal as an envelope: by the declared fault where the refusal is of the application itself."""
        tell = self._tells(refusal)
        return faults.write(refusal, version, tell(faults.refusal_tree(refusal)) if tell else "", headers)

    def _tells(self, refusal: Refusal) -> Callable[[Tree], str] | None:
        """What writes the declared fault, where this refusal is told by it."""
        return self.service.tell if self.service and isinstance(refusal.error, faults.DECLARED) else None

    def declared_action(self, refusal: Refusal, message: Message) -> str:
        """What WS-Addressing calls the declared fault a refusal is told by; empty where it is told by none."""
        operation = self.served.operations.get(message.root)
        told = operation is not None and self._tells(refusal)
        return operation.fault_actions.get(self.served.fault, "") if operation and told else ""

    def is_one_way(self, message: Message) -> bool:
        """Whether the operation a message asks for has no answer, and so no Fault either."""
        operation = self.served.operations.get(message.root)
        return operation is not None and operation.output is None

    def renamed(self, stored: bytes, message: Message) -> bytes:
        """A stored answer as the operation that is asked answers: the same, in that operation's element."""
        service, operation = self.served, self.served.operations.get(message.root)
        if operation is None or operation.output is None:
            raise self.strange(message)
        if operation.output == service.scored.output:
            return stored
        alike = operation.told_headers == service.scored.told_headers
        return _renamed(stored, operation.output.root, headers=alike)

    def native_path(self, path: str) -> str:
        """An XPath of local names within the body; what lies in a header is below ``/soap:Header``.

        >>> SoapCodec(None).native_path("Applicant[1].Income.@period"), SoapCodec(None).native_path("header.MessageID")
        ('/*/Applicant[2]/Income/@period', '/soap:Header/MessageID')
        """
        if path.startswith("/"):
            return path
        if path.startswith("header."):
            return f"/soap:Header/{path[len('header.') :]}"
        one = self.service is not None and len(self.service.asking) == 1
        root = local(self.service.scored.input.root) if self.service and one else "*"
        return f"/{root}{''.join(map(_xpath, leading_steps(path.removesuffix(f'.{TEXT}'))))}"


def _xpath(step: Step) -> str:
    if isinstance(step, str):
        return f"/{local(step)}"
    return f"[{step + 1}]" if isinstance(step, int) else ""


@lru_cache(maxsize=64)
def check_media_type(content_type: str) -> None:
    """Raises MalformedPayload for a body that says it is something else than XML; one that says nothing is read."""
    if content_type and not _TYPES.fullmatch(content_type):
        message = "the body must be sent as text/xml (SOAP 1.1) or application/soap+xml (SOAP 1.2)"
        raise MalformedPayload(message, code="unsupported_media_type", path="header:content-type")


@lru_cache(maxsize=64)
def check_version(version: Version, content_type: str) -> None:
    """Raises MalformedPayload where the media type is that of the other version (SOAP 1.2 part 2, 7.1.4)."""
    given = _TYPES.fullmatch(content_type)
    other = V12 if version is V11 else V11
    if given and given[1].lower() == other.media_type:
        message = f"an envelope of SOAP {version.number} is sent as {version.media_type}, not as {other.media_type}"
        raise MalformedPayload(message, code="unsupported_media_type", path="header:content-type")


def http_action(version: Version, header: Mapping[str, str]) -> str:
    """The action as HTTP has it, empty if none: the header SOAPAction in 1.1, a parameter of the media type in 1.2."""
    if version is V11:
        return header.get(ACTION_HEADER, "").strip().strip('"')
    found = _ACTION.search(header.get(TYPE_HEADER, "").replace('\\"', '"'))
    return (found[1] or found[2] or "") if found else ""


def _renamed(stored: bytes, root: str, *, headers: bool) -> bytes:
    """The stored answer with another name on its body's element, and its header where that operation has the same."""
    from lxml import etree

    told, inside = envelope.parts_of(stored)
    body: Any = own(inside)
    body.tag = root
    return envelope.payload(etree.tostring(body, encoding="unicode"), told.decode() if headers else "")

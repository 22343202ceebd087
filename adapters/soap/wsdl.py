"""Reads WSDL 1.1: which operations a service has, and what stands in the SOAP body of each message.

Served are document/literal, wrapped and bare, and rpc/literal, over HTTP (WS-I Basic Profile 1.1, R2705 and R2706).
Everything else is a fault with file and line: a WSDL is served whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

from adapters.soap.addressing import declared_action
from adapters.soap.documents import Document, Documents, definitions, sections
from adapters.soap.names import WSDL, WSDL_SOAP, Node, children, local, qualified, resolve
from contracts.errors import ConfigurationError, Fault
from contracts.source import nearest

HTTP: Final = ("http://schemas.xmlsoap.org/soap/http", "http://www.w3.org/2003/05/soap/bindings/HTTP/")


class Part(NamedTuple):
    """One part of a message: an element of a schema (document), or a named accessor of a type (rpc)."""

    name: str
    element: str = ""
    type: str = ""


class Message(NamedTuple):
    """What a SOAP body holds: one element ``root``, qualified; ``parts`` are the accessors of an rpc wrapper.

    ``root`` is empty where the body is empty.
    """

    root: str
    parts: tuple[Part, ...] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``output`` is None where it is one-way; ``faults`` are detail elements by the faults' names.

    ``actions`` are the values of soapAction in all its bindings. ``answer_action`` and ``fault_actions``, by the
    faults' names, are what WS-Addressing calls the way back. ``asked_headers`` and ``told_headers`` are the header
    elements its bindings declare, each with whether a message must hold it.
    """

    name: str
    actions: tuple[str, ...]
    input: Message
    output: Message | None
    faults: Mapping[str, str] = field(default_factory=dict)
    answer_action: str = ""
    fault_actions: Mapping[str, str] = field(default_factory=dict)
    asked_headers: Mapping[str, bool] = field(default_factory=dict)
    told_headers: Mapping[str, bool] = field(default_factory=dict)


class Wsdl(NamedTuple):
    """A WSDL as read: its files, and its operations by name."""

    documents: Documents
    found: list[Document]
    operations: Mapping[str, Operation]


def read_wsdl(folder: Path, name: str, port: str = "") -> Wsdl:
    """Read ``folder/name``; ``port`` names the port whose binding counts, where a service has several that differ.

    Raises ConfigurationError with every fault.
    """
    documents = Documents(folder, name, [])
    found = definitions(documents)
    operations = _Reader(found, documents.faults).operations(port)
    if documents.faults:
        raise ConfigurationError(documents.faults)
    return Wsdl(documents, found, operations)


class _Reader:
    """Reads the sections of a WSDL against each other; every fault is noted and reading goes on."""

    def __init__(self, found: list[Document], faults: list[Fault]) -> None:
        self._found, self._faults = found, faults
        self._sections = {kind: self._named(kind) for kind in ("message", "portType", "binding")}

    def _named(self, kind: str) -> dict[str, tuple[Document, Node]]:
        return {
            qualified(document.root.get("targetNamespace", ""), node.get("name", "")): (document, node)
            for document, node in sections(self._found, kind)
        }

    def _fault(self, document: Document, node: Node, message: str, hint: str = "") -> None:
        self._faults.append(document.fault(node, message, hint))

    def operations(self, port: str) -> dict[str, Operation]:
        read: dict[str, Operation] = {}
        named: dict[str, str] = {}
        for document, binding in self._bindings(port):
            for operation in self._of_binding(document, binding):
                alike = named.setdefault(operation.input.root, operation.name)
                if alike != operation.name:
                    told = f"{operation.name!r} and {alike!r} look alike in a message, nothing tells which is meant"
                    self._fault(document, binding, f"{told} (BP 1.1 R2710)")
                known = read.setdefault(operation.name, operation)
                if (known.input, known.output) != (operation.input, operation.output):
                    hint = "name the port that counts, under wire.port"
                    self._fault(document, binding, f"two bindings have an operation {operation.name!r} each", hint)
                actions = tuple(dict.fromkeys((*known.actions, *operation.actions)))
                read[operation.name] = replace(known, actions=actions)
        if not read and not self._faults:
            self._fault(self._found[0], self._found[0].root, "has no operation with a SOAP binding")
        return read

    def _bindings(self, port: str) -> list[tuple[Document, Node]]:
        """The SOAP bindings of the ports of all services, or of the one port; without a service, all there are."""
        ports = [
            (document, node)
            for document, service in sections(self._found, "service")
            for node in children(service, f"{{{WSDL}}}port")
        ]
        if port and port not in {node.get("name") for _, node in ports}:
            names = [node.get("name", "") for _, node in ports]
            hint = nearest(port, names) or f"there are: {', '.join(names)}"
            self._fault(self._found[0], self._found[0].root, f"has no port {port!r}", hint)
        wanted = [(document, node) for document, node in ports if port in ("", node.get("name"))]
        named = [self._section("binding", document, node, "binding") for document, node in wanted]
        bindings = [one for one in named if one] if ports else list(self._sections["binding"].values())
        return [one for one in dict.fromkeys(bindings) if _extension(one[1], "binding") is not None]

    def _section(self, kind: str, document: Document, node: Node, attribute: str) -> tuple[Document, Node] | None:
        """The section of this kind that an attribute names, or None with a fault."""
        text = node.get(attribute, "")
        name = resolve(node, text)
        if name in self._sections[kind]:
            return self._sections[kind][name]
        names = [local(known) for known in self._sections[kind]]
        self._fault(document, node, f"there is no {kind} {text!r}", nearest(local(text.rpartition(":")[2]), names))
        return None

    def _of_binding(self, document: Document, binding: Node) -> Iterator[Operation]:
        head = _extension(binding, "binding")
        if head is None:
            return
        transport = head.get("transport", HTTP[0])
        if transport not in HTTP:
            self._fault(document, head, f"the transport {transport!r} is not HTTP")
        port_type = self._section("portType", document, binding, "type")
        if port_type is None:
            return
        abstract = {node.get("name"): node for node in children(port_type[1], f"{{{WSDL}}}operation")}
        for node in children(binding, f"{{{WSDL}}}operation"):
            name = node.get("name", "")
            if name not in abstract:
                hint = nearest(name, [str(known) for known in abstract])
                self._fault(document, node, f"the port type has no operation {name!r}", hint)
                continue
            operation = self._operation(document, node, (port_type[0], abstract[name]), head.get("style", "document"))
            if operation is not None:
                yield _addressed(operation, port_type, abstract[name])

    def _operation(
        self, document: Document, node: Node, abstract: tuple[Document, Node], style: str
    ) -> Operation | None:
        extension = _extension(node, "operation")
        said: Mapping[str, str] = extension.attrib if extension is not None else {}
        style, name, before = said.get("style", style), node.get("name", ""), len(self._faults)
        if style not in ("document", "rpc"):
            self._fault(document, node, f"the style {style!r} is neither document nor rpc")
        asked = self._message(document, node, abstract, "input", style, name)
        answered = self._message(document, node, abstract, "output", style, f"{name}Response")
        if asked is None and len(self._faults) == before:
            self._fault(document, node, f"the operation {name!r} has no input", "only operations that are called")
        faults = self._declared(document, node, abstract)
        headers = [self._headers(document, node, way) for way in ("input", "output")]
        if asked is None:
            return None
        operation = Operation(name, (said.get("soapAction", ""),), asked, answered, faults)
        return replace(operation, asked_headers=headers[0], told_headers=headers[1])

    def _headers(self, document: Document, node: Node, way: str) -> dict[str, bool]:
        """Header elements one way, each with whether it must be there (WSDL 1.1, 3.7; BP 1.1 R2205, R2208, R2720)."""
        found: dict[str, bool] = {}
        for bound in children(node, f"{{{WSDL}}}{way}"):
            for header in children(bound, *(f"{{{namespace}}}header" for namespace in WSDL_SOAP)):
                section = self._section("message", document, header, "message")
                parts = self._parts(*section, header.get("part", "")) if section else []
                if section and (len(parts) != 1 or not parts[0].element):
                    self._fault(document, header, "a soap:header names one part, and that an element (BP 1.1 R2205)")
                elif section and self._literal(document, header):
                    found[parts[0].element] = header.get(f"{{{WSDL}}}required") in ("true", "1")
        return found

    def _message(
        self, document: Document, node: Node, abstract: tuple[Document, Node], way: str, style: str, wrapper: str
    ) -> Message | None:
        """What the body holds one way, or None: the operation does not go that way, or there is a fault."""
        bound, declared = _first(node, way), _first(abstract[1], way)
        if declared is None:
            return None
        section = self._section("message", abstract[0], declared, "message")
        body = _extension(bound, "body") if bound is not None else None
        if section is None or (body is not None and not self._literal(document, body)):
            return None
        parts = self._parts(*section, body.get("parts") if body is not None else None)
        if style == "rpc":
            namespace = self._namespace(document, node if body is None else body)
            return self._wrapper(section, qualified(namespace, wrapper), parts) if namespace else None
        return self._element(section, parts)

    def _literal(self, document: Document, body: Node) -> bool:
        if body.get("use", "literal") == "literal":
            return True
        hint = "write the binding as literal: the messages then say no types of their own"
        self._fault(document, body, f"use={body.get('use')!r} cannot be served, only literal (BP 1.1 R2706)", hint)
        return False

    def _namespace(self, document: Document, body: Node) -> str:
        """The namespace of an rpc body. Where it is left out, some clients send none and some the WSDL's own."""
        namespace: str = body.get("namespace", "")
        if not namespace:
            own = document.root.get("targetNamespace", "")
            hint = f"write what the caller sends as namespace= of soap:body, often {own}"
            self._fault(document, body, "an rpc body must name its namespace (BP 1.1 R2717)", hint)
        return namespace

    def _parts(self, document: Document, message: Node, listed: str | None) -> list[Part]:
        """The parts of a message that go into the body: those ``soap:body`` lists, or all."""
        wanted = None if listed is None else listed.split()
        found = []
        for node in children(message, f"{{{WSDL}}}part"):
            name = node.get("name", "")
            if wanted is None or name in wanted:
                names = {key: resolve(node, node.get(key)) for key in ("element", "type") if node.get(key)}
                if len(names) != 1 or None in names.values():
                    self._fault(document, node, f"the part {name!r} must name one element or one type")
                found.append(Part(name, names.get("element") or "", names.get("type") or ""))
        return found

    def _wrapper(self, section: tuple[Document, Node], root: str, parts: list[Part]) -> Message | None:
        document, message = section
        if any(part.element for part in parts):
            self._fault(document, message, "a part of an rpc message must name a type (BP 1.1 R2203)")
            return None
        return Message(root, tuple(parts))

    def _element(self, section: tuple[Document, Node], parts: list[Part]) -> Message | None:
        document, message = section
        if any(part.type for part in parts):
            self._fault(document, message, "a part of a document message must name an element (BP 1.1 R2204)")
        elif len(parts) > 1:
            hint = "say which one with parts= of soap:body"
            self._fault(document, message, "a document body holds one element, here are several parts", hint)
        else:
            return Message(parts[0].element if parts else "")
        return None

    def _declared(self, document: Document, node: Node, abstract: tuple[Document, Node]) -> dict[str, str]:
        """Detail elements by the name of the fault (WSDL 1.1, 3.6)."""
        found = {}
        for fault in children(abstract[1], f"{{{WSDL}}}fault"):
            section = self._section("message", abstract[0], fault, "message")
            parts = self._parts(*section, None) if section else []
            if section and (len(parts) != 1 or not parts[0].element):
                self._fault(*section, "the message of a fault has one part, and it names an element (BP 1.1 R2205)")
            elif parts:
                found[fault.get("name", "")] = parts[0].element
        for bound in children(node, f"{{{WSDL}}}fault"):
            extension = _extension(bound, "fault")
            if extension is not None:
                self._literal(document, extension)
            if bound.get("name") not in found:
                self._fault(document, bound, f"the port type declares no fault {bound.get('name')!r}")
        return found


def _addressed(operation: Operation, port_type: tuple[Document, Node], abstract: Node) -> Operation:
    """The operation with what WS-Addressing calls its answer and its faults."""
    space, node = port_type[0].root.get("targetNamespace", ""), port_type[1]
    answers = [declared_action(space, node, abstract, way) for way in children(abstract, f"{{{WSDL}}}output")]
    told = {
        way.get("name", ""): declared_action(space, node, abstract, way)
        for way in children(abstract, f"{{{WSDL}}}fault")
    }
    return replace(operation, answer_action="".join(answers[:1]), fault_actions=told)


def _extension(node: Node, name: str) -> Node | None:
    """The SOAP extension element of this name below a binding, its operation or message."""
    found = children(node, *(f"{{{namespace}}}{name}" for namespace in WSDL_SOAP))
    return found[0] if found else None


def _first(node: Node, name: str) -> Node | None:
    found = children(node, f"{{{WSDL}}}{name}")
    return found[0] if found else None

"""The XML Schemas of a WSDL as one set: inline or in files, joined by namespace, compiled for checking.

libxml2 reads one document for each imported namespace and leaves out every other one; a WSDL may spread a namespace
over several. So each namespace gets a driver that includes all its documents, under addresses of our own, and nothing
else is ever resolved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from lxml import etree

from adapters.soap.documents import Document, Documents
from adapters.soap.names import XSD, Node, children, hardened, qualified, split
from adapters.soap.wsdl import Message, Operation
from contracts.errors import ConfigurationError, Fault

_SCHEMA: Final = f"{{{XSD}}}schema"
_LINKS: Final = (f"{{{XSD}}}import", f"{{{XSD}}}include")
_TOP: Final = "urn:scoregate:all"


class Schema(NamedTuple):
    """One ``xs:schema``; ``namespace`` is its target, which an included one without any takes from who includes it."""

    document: Document
    root: Node
    namespace: str


def collect(documents: Documents) -> list[Schema]:
    """Every schema of the set, each once for each namespace it stands in."""
    found: dict[tuple[int, str], Schema] = {}
    for document in documents:
        for root in document.root.iter(_SCHEMA):
            if document.root.tag != _SCHEMA or root.get("targetNamespace"):
                _add(documents, Schema(document, root, root.get("targetNamespace", "")), found)
    for document in documents:
        if document.root.tag == _SCHEMA and not any(one.document is document for one in found.values()):
            _add(documents, Schema(document, document.root, ""), found)
    return list(found.values())


def _add(documents: Documents, schema: Schema, found: dict[tuple[int, str], Schema]) -> None:
    key = (id(schema.root), schema.namespace)
    if key in found:
        return
    found[key] = schema
    for link in documents.links(schema.document):
        if link.node.tag == f"{{{XSD}}}include" and link.node.getparent() is schema.root:
            included = documents.by_name.get(link.target)
            if included is not None:
                namespace = included.root.get("targetNamespace", schema.namespace)
                _add(documents, Schema(included, included.root, namespace), found)


def rpc_wrappers(operations: Iterable[Operation]) -> dict[str, list[Message]]:
    """The wrappers of rpc messages by namespace: no schema declares them (BP 1.1 R2729, R2735)."""
    found: dict[str, list[Message]] = {}
    for operation in operations:
        for message in (operation.input, operation.output):
            if message is not None and message.parts is not None:
                found.setdefault(split(message.root)[0], []).append(message)
    return found


def wrapper_schema(namespace: str, messages: Iterable[Message]) -> Node:
    """A schema that declares rpc wrappers: accessors unqualified (BP 1.1 R2735), in the order of the parts."""
    root = etree.Element(_SCHEMA, nsmap={"xs": XSD}, targetNamespace=namespace)
    for message in {message.root: message for message in messages}.values():
        element = etree.SubElement(root, f"{{{XSD}}}element", name=message.root.rpartition("}")[2])
        group = etree.SubElement(etree.SubElement(element, f"{{{XSD}}}complexType"), f"{{{XSD}}}sequence")
        for part in message.parts or ():
            space, name = split(part.type)
            typed, prefixes = (f"p:{name}", {"p": space}) if space else (name, None)
            etree.SubElement(group, f"{{{XSD}}}element", {"name": part.name, "type": typed}, nsmap=prefixes)
    return root


class Addresses(etree.Resolver):  # type: ignore[misc] # lxml ships no annotations
    """Resolves the addresses of this set, from memory, and no other."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, bytes] = {}

    def resolve(self, url: str, _public: str, context: object) -> object:
        return self.resolve_string(self.texts.get(url, b"<not-in-the-set/>"), context, base_url=url)


def compile_schemas(schemas: list[Schema]) -> etree.XMLSchema:
    """The set as one schema; raises ConfigurationError naming file and line of every fault in it."""
    addresses = Addresses()
    namespaces = {schema.namespace: f"scoregate:namespace/{at}" for at, schema in enumerate(schemas)}
    places = {f"scoregate:document/{at}": schema for at, schema in enumerate(schemas)}
    for address, schema in places.items():
        addresses.texts[address] = _text(schema, namespaces)
    for namespace, driver in namespaces.items():
        included = [address for address, schema in places.items() if schema.namespace == namespace]
        links = "".join(f'<xs:include schemaLocation="{address}"/>' for address in included)
        target = {"targetNamespace": namespace} if namespace else {}
        addresses.texts[driver] = _driver(links, target)
    parser = hardened()
    parser.resolvers.add(addresses)
    imports = "".join(
        f'<xs:import {f"namespace={_quoted(name)}" if name else ""} schemaLocation="{driver}"/>'
        for name, driver in namespaces.items()
    )
    try:
        return etree.XMLSchema(etree.fromstring(_driver(imports, {"targetNamespace": _TOP}), parser))
    except etree.XMLSchemaParseError as exc:
        raise ConfigurationError(list(_faults(exc, places, schemas))) from exc


def _quoted(text: str) -> str:
    from xml.sax.saxutils import quoteattr

    return quoteattr(text)


def _driver(inner: str, attributes: dict[str, str]) -> bytes:
    said = "".join(f" {name}={_quoted(value)}" for name, value in attributes.items())
    return f'<xs:schema xmlns:xs="{XSD}"{said}>{inner}</xs:schema>'.encode()


def _text(schema: Schema, namespaces: dict[str, str]) -> bytes:
    """The schema alone, on the lines it has in its file, with links to the drivers in place of its own."""
    copy = etree.fromstring(etree.tostring(schema.root, with_tail=False))
    for node in children(copy, *_LINKS):
        target = namespaces.get(node.get("namespace", ""))
        if node.tag == f"{{{XSD}}}import" and target is not None and node.get("namespace", "") != schema.namespace:
            node.set("schemaLocation", target)
        else:
            _take_out(copy, node)
    lines = b"\n" * max(0, (schema.root.sourceline or 1) - 1)
    return lines + bytes(etree.tostring(copy))


def _take_out(parent: Node, node: Node) -> None:
    """Remove an element, but keep the lines of those behind it where they are."""
    before = node.getprevious()
    tail = node.tail or ""
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    parent.remove(node)


def _faults(error: etree.XMLSchemaParseError, places: dict[str, Schema], schemas: list[Schema]) -> Iterator[Fault]:
    """libxml2's own words, at the file and line they are about."""
    seen = set()
    for entry in error.error_log:
        schema = places.get(entry.filename or "", schemas[0])
        fault = Fault(
            str(schema.document.folder / schema.document.name), entry.line, 1 if entry.line else 0,
            " ".join(entry.message.split()),
        )  # fmt: skip
        if fault not in seen and entry.level_name in ("ERROR", "FATAL"):
            seen.add(fault)
            yield fault
    if not seen:
        schema = schemas[0]
        yield schema.document.fault(schema.root, " ".join(str(error).split()))


def with_wrappers(schemas: list[Schema], operations: Iterable[Operation], home: Document) -> list[Schema]:
    """The set with the schemas of its rpc wrappers; ``home`` is the file their faults are told at."""
    made = [
        Schema(home, wrapper_schema(namespace, messages), namespace)
        for namespace, messages in rpc_wrappers(operations).items()
    ]
    for schema in made:
        others = {part.type for message in rpc_wrappers(operations)[schema.namespace] for part in message.parts or ()}
        spaces = {split(name)[0] for name in others} - {XSD, schema.namespace}
        for space in sorted(spaces):
            schema.root.insert(0, etree.Element(qualified(XSD, "import"), {"namespace": space} if space else None))
    return [*schemas, *made]

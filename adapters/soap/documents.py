"""The files a WSDL is made of: read from the integration's folder and from nowhere else.

``wsdl:import``, ``xs:import`` and ``xs:include`` are followed inside the folder only. What an address on the network
names is never fetched: such a place is a fault that says where it stands and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from lxml import etree

from adapters.soap.names import WSDL, XSD, Node, children, hardened
from contracts.errors import ConfigurationError, Fault
from contracts.section import no_file

MAX_BYTES: Final = 10_000_000
MAX_FILES: Final = 200


class Document(NamedTuple):
    """One file: ``name`` is its path within the folder, with slashes; ``root`` its parsed root element."""

    folder: Path
    name: str
    root: Node

    def fault(self, node: Node | None, message: str, hint: str = "", severity: str = "error") -> Fault:
        """A fault at an element of this file; its column is that of the first character of the element's line."""
        line = node.sourceline or 0 if node is not None else 0
        return Fault(str(self.folder / self.name), line, 1 if line else 0, message, hint, severity)


class Link(NamedTuple):
    """One import or include: where it stands, and the name of the file it leads to, empty where it names none."""

    node: Node
    target: str


class Documents:
    """Every file that is reached from one WSDL, in the order in which it is met; ``faults`` collects what is wrong."""

    def __init__(self, folder: Path, name: str, faults: list[Fault]) -> None:
        self.folder, self.faults = folder, faults
        self.by_name: dict[str, Document] = {}
        waiting = [name]
        while waiting and len(self.by_name) < MAX_FILES:
            document = self._load(waiting.pop(0))
            if document is not None:
                waiting += [link.target for link in self.links(document) if self._new(link.target, waiting)]
        if waiting:
            faults.append(Fault(str(folder / name), 0, 0, f"is made of more than {MAX_FILES} files"))

    def __iter__(self) -> Iterator[Document]:
        return iter(self.by_name.values())

    def links(self, document: Document) -> Iterator[Link]:
        """The imports and includes of one file that lead to another one; those that lead astray become faults."""
        for node in document.root.iter(f"{{{WSDL}}}import", f"{{{XSD}}}import", f"{{{XSD}}}include"):
            location = node.get("location" if node.tag == f"{{{WSDL}}}import" else "schemaLocation")
            if location:
                target = self._target(document, node, location)
                if target:
                    yield Link(node, target)

    def _new(self, name: str, waiting: list[str]) -> bool:
        return name not in self.by_name and name not in waiting

    def _target(self, document: Document, node: Node, location: str) -> str:
        """The file a location names, as a name within the folder; empty, with a fault, where it names none."""
        name = _joined(PurePosixPath(document.name).parent, location.replace("\\", "/"))
        wrong = no_file(self.folder, name)
        if "://" in location or location.startswith(("/", "file:", "\\")):
            wrong = f"{location!r} is not a file of this folder, and nothing is fetched from elsewhere", ""
        if wrong is not None:
            message, hint = wrong
            fault = document.fault(node, message, hint or "put a copy beside the WSDL and name it here")
            self.faults += [] if fault in self.faults else [fault]
        return name if wrong is None else ""

    def _load(self, name: str) -> Document | None:
        path = self.folder / name
        try:
            content = path.read_bytes()
            if len(content) > MAX_BYTES:
                self.faults.append(Fault(str(path), 0, 0, f"is larger than {MAX_BYTES} bytes"))
                return None
            root = etree.fromstring(content, hardened())
        except OSError as exc:
            self.faults.append(Fault(str(path), 0, 0, f"cannot be read: {exc.strerror or exc}"))
            return None
        except etree.XMLSyntaxError as exc:
            line, column = exc.position
            self.faults.append(Fault(str(path), line, column, f"is not well-formed XML: {_plain(exc.msg)}"))
            return None
        document = Document(self.folder, name, root)
        if root.getroottree().docinfo.internalDTD is not None:
            self.faults.append(document.fault(root, "has a document type declaration", "take the DOCTYPE out"))
        self.by_name[name] = document
        return document


def _joined(folder: PurePosixPath, location: str) -> str:
    """``folder/location`` with ``.`` and ``..`` resolved by text alone; what climbs out keeps its ``..``."""
    steps: list[str] = []
    for step in (folder / location).parts:
        if step == ".." and steps and steps[-1] != "..":
            steps.pop()
        elif step != ".":
            steps.append(step)
    return "/".join(steps)


def _plain(message: str) -> str:
    return message.partition(", line ")[0]


def definitions(documents: Documents) -> list[Document]:
    """The files that are WSDL; raises ConfigurationError where the first one, which the integration names, is not."""
    found = [document for document in documents if document.root.tag == f"{{{WSDL}}}definitions"]
    first = next(iter(documents), None)
    if first is not None and first not in found:
        message = f"is no WSDL 1.1: its root is {first.root.tag}, expected {{{WSDL}}}definitions"
        hint = "WSDL 2.0 is not served" if first.root.tag == "{http://www.w3.org/ns/wsdl}description" else ""
        documents.faults.append(first.fault(first.root, message, hint))
    if documents.faults:
        raise ConfigurationError(documents.faults)
    return found


def sections(found: list[Document], name: str) -> Iterator[tuple[Document, Node]]:
    """Every top-level section of this local name, of all WSDL files."""
    for document in found:
        for node in children(document.root, f"{{{WSDL}}}{name}"):
            yield document, node

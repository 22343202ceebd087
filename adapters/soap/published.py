"""The WSDL and its schemas as they are served: unchanged but for where they lie and where the service is.

``soap:address`` and the locations of imports and includes lead to the configured public URL, never to what a request
says of its host. The sections of a WSDL are put into the order WSDL 1.1 asks for (appendix A 4.1), where they are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Final
from urllib.parse import quote

from lxml import etree

from adapters.soap.documents import Document
from adapters.soap.names import WSDL, WSDL_SOAP, Node, is_element, local
from adapters.soap.wsdl import Wsdl

_ORDER: Final = ("documentation", "import", "types", "message", "portType", "binding", "service")


def published(wsdl: Wsdl, address: str) -> Mapping[tuple[str, str], bytes]:
    """Every file by how it is asked for: ``("wsdl", "")`` is the first one, ``("xsd", name)`` and ``("wsdl", name)``
    are the others; ``address`` is the public URL of the service.
    """
    found = {}
    for document in wsdl.documents:
        root = deepcopy(document.root.getroottree()).getroot()
        _relocate(wsdl, document, root, address)
        if root.tag == f"{{{WSDL}}}definitions":
            _sort(root)
        kind = "wsdl" if root.tag == f"{{{WSDL}}}definitions" else "xsd"
        content = etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=True)
        found[kind, document.name] = content
        if document is wsdl.found[0]:
            found["wsdl", ""] = content
    return found


def _relocate(wsdl: Wsdl, document: Document, root: Node, address: str) -> None:
    for node in root.iter(*(f"{{{space}}}address" for space in WSDL_SOAP)):
        node.set("location", address)
    here = list(document.root.iter())
    copied = dict(zip(here, root.iter(), strict=True))
    for link in wsdl.documents.links(document):
        target = wsdl.documents.by_name[link.target]
        kind = "wsdl" if target in wsdl.found else "xsd"
        attribute = "location" if link.node.tag == f"{{{WSDL}}}import" else "schemaLocation"
        copied[link.node].set(attribute, f"{address}?{kind}={quote(target.name)}")


def _sort(root: Node) -> None:
    """Put the sections into order; those of other namespaces stay before what they stood before."""
    rank, ranks = 0, []
    for node in root:
        if is_element(node) and node.tag.startswith(f"{{{WSDL}}}"):
            rank = _ORDER.index(local(node.tag)) if local(node.tag) in _ORDER else rank
        ranks.append(rank)
    if ranks != sorted(ranks):
        nodes = [node for _, node in sorted(zip(ranks, list(root), strict=True), key=lambda pair: pair[0])]
        for node in nodes:
            root.append(node)

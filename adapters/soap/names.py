"""The namespaces that SOAP, WSDL and XML Schema are written in, and how a name with a prefix is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from typing import Any, Final

from lxml import etree

SOAP11: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12: Final = "http://www.w3.org/2003/05/soap-envelope"
WSDL: Final = "http://schemas.xmlsoap.org/wsdl/"
WSDL_SOAP: Final = ("http://schemas.xmlsoap.org/wsdl/soap/", "http://schemas.xmlsoap.org/wsdl/soap12/")
XSD: Final = "http://www.w3.org/2001/XMLSchema"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XML: Final = "http://www.w3.org/XML/1998/namespace"
WSA: Final = ("http://www.w3.org/2005/08/addressing", "http://schemas.xmlsoap.org/ws/2004/08/addressing")

NIL: Final = f"{{{XSI}}}nil"
SCOREGATE: Final = "urn:scoregate:refusal:1"
"""The namespace of what a standard Fault of ours says in detail."""

Node = Any
"""An element of lxml; its annotations are a package of their own, which is not installed."""


def qualified(namespace: str, local: str) -> str:
    """A name as lxml writes it.

    >>> qualified("urn:a", "x"), qualified("", "x")
    ('{urn:a}x', 'x')
    """
    return f"{{{namespace}}}{local}" if namespace else local


def split(name: str) -> tuple[str, str]:
    """Namespace and local name of ``{namespace}local``."""
    if not name.startswith("{"):
        return "", name
    namespace, _, simple = name[1:].partition("}")
    return namespace, simple


def local(name: str) -> str:
    return name.rpartition("}")[2]


def told_apart(names: Iterable[str], taken: Container[str] = ()) -> dict[str, str]:
    """What each of these qualified names is called where they stand together: by its local part, but whole where others
    share that, or ``taken`` holds it.

    >>> told_apart(["{urn:a}Income", "{urn:b}Income", "{urn:a}Debt"])
    {'{urn:a}Income': '{urn:a}Income', '{urn:b}Income': '{urn:b}Income', '{urn:a}Debt': 'Debt'}
    >>> told_apart(["Debt"], {"Debt"})
    {'Debt': '{}Debt'}
    """
    found = dict.fromkeys(names)
    alike = Counter(map(local, found))
    return {name: spelled(name) if alike[local(name)] > 1 or local(name) in taken else local(name) for name in found}


def spelled(name: str) -> str:
    """A name with its namespace, even where that is none: unlike any local name."""
    return name if name.startswith("{") else f"{{}}{name}"


def resolve(node: Node, text: str) -> str | None:
    """The qualified name a prefixed text such as ``tns:Loan`` stands for at this element; None for an unknown prefix.

    A text without prefix is in the default namespace (XML Schema part 1, 3.15.3).
    """
    prefix, colon, name = text.strip().rpartition(":")
    namespace = node.nsmap.get(prefix if colon else None)
    if namespace is None and colon:
        return XML_NAME.format(name) if prefix == "xml" else None
    return qualified(namespace or "", name)


XML_NAME: Final = f"{{{{{XML}}}}}{{}}"


def is_element(node: Node) -> bool:
    """Whether a child is an element, and no comment or processing instruction."""
    return isinstance(node.tag, str)


def children(node: Node, *names: str) -> list[Node]:
    """The child elements with one of these qualified names, in document order; all of them without any name."""
    return [child for child in node if is_element(child) and (not names or child.tag in names)]


def hardened(**more: Any) -> etree.XMLParser:
    """A parser that fetches nothing, expands nothing and keeps to libxml2's limits of depth and size."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, **more
    )

"""Writing what a wildcard lets in: elements no schema of the WSDL has to know, named by the mapping alone.

A name without namespace gets the one the wildcard asks for (``##targetNamespace`` or one by its address), else that of
the element around it; ``["{urn:x}Model"]`` in a path names another. They come behind the declared children.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from adapters.soap.names import Node, split
from adapters.soap.types import TEXT
from adapters.soap.values import escaped, is_blank, quoted, text_of
from contracts.errors import InternalFault

_NAME: Final = re.compile(r"[^\W\d][\w.\-]*")


def space_of(wildcard: Node, target: str) -> str:
    """The namespace an ``xs:any`` asks for, empty where it leaves the choice (XML Schema part 1, 3.10)."""
    asked = str(wildcard.get("namespace", "##any")).split()
    first = asked[0] if asked else "##any"
    return target if first == "##targetNamespace" else "" if first.startswith("##") else first


def write_open(out: list[str], tree: Mapping[str, Any], known: frozenset[str], space: str) -> None:
    """Write the children of a group that are not among its declared ones."""
    for key, value in tree.items():
        if key not in known and key != TEXT and not key.startswith("@"):
            _write(out, key, value, space, "")


def _write(out: list[str], key: str, value: Any, space: str, around: str) -> None:
    if is_blank(value):
        return
    if isinstance(value, list):
        for item in value:
            _write(out, key, item, space, around)
        return
    own, name = split(key) if key.startswith("{") else (space, key)
    tree = value if isinstance(value, Mapping) else {TEXT: value}
    out.append(f"<{_named(name)}" + (f' xmlns="{quoted(own)}"' if own != around else ""))
    for attribute, text in tree.items():
        if attribute.startswith("@") and text is not None:
            out.append(f' {_named(attribute[1:])}="{quoted(text_of(text))}"')
    out.append(f">{'' if tree.get(TEXT) is None else escaped(text_of(tree[TEXT]))}")
    for child, inner in tree.items():
        if child != TEXT and not child.startswith("@"):
            _write(out, child, inner, own, own)
    out.append(f"</{name}>")


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InternalFault(f"the answer map names {name!r}, which is no name of an XML element or attribute")
    return name

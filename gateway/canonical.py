"""Answers in a form that can be compared and read: JSON with sorted keys, XML with one element a line.

Parts that cannot be the same twice are left out by their path: ``decision.id`` in JSON from the root, in XML by local
names from any element (``Decision.Number``, an attribute as ``Decision.@number``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def canonical(payload: bytes, ignore: Sequence[str]) -> bytes:
    """For comparison, without the ignored paths, one value a line."""
    if _is_xml(payload):
        return _xml(payload, ignore, sort=True)
    return json.dumps(_json(payload, ignore), indent=1, sort_keys=True, ensure_ascii=False).encode()


def shown(payload: bytes, ignore: Sequence[str]) -> bytes:
    """For people, without the ignored paths, in the order the answer has."""
    if _is_xml(payload):
        return _xml(payload, ignore, sort=False)
    return json.dumps(_json(payload, ignore), indent=2, ensure_ascii=False).encode() + b"\n"


def _is_xml(payload: bytes) -> bool:
    return payload.lstrip().startswith(b"<")


def _json(payload: bytes, ignore: Sequence[str]) -> Any:
    tree = json.loads(payload)
    for path in ignore:
        _drop(tree, path.split("."))
    return tree


def _drop(tree: Any, path: list[str]) -> None:
    for step in path[:-1]:
        tree = tree.get(step, {}) if isinstance(tree, dict) else {}
    if isinstance(tree, dict):
        tree.pop(path[-1], None)


def _xml(payload: bytes, ignore: Sequence[str], *, sort: bool) -> bytes:
    from xml.dom import minidom

    document = minidom.parseString(payload)  # noqa: S318 # an example of this home, or an answer of our own
    _clean(document.documentElement, (), [tuple(path.split(".")) for path in ignore], sort=sort)
    return bytes(document.toprettyxml(indent="  ", encoding="UTF-8"))


def _clean(node: Any, above: tuple[str, ...], ignore: Sequence[tuple[str, ...]], *, sort: bool) -> None:
    """Take out ignored elements and the blanks between elements, and sort attributes where they are to be compared."""
    here = (*above, node.localName)
    inner = [child for child in node.childNodes if child.nodeType == child.ELEMENT_NODE]
    for child in list(node.childNodes):
        ignored = child in inner and any((*here, child.localName)[-len(path) :] == path for path in ignore)
        blank = child.nodeType == child.TEXT_NODE and inner and not child.data.strip()
        if ignored or blank:
            node.removeChild(child)
        elif child in inner:
            _clean(child, here, ignore, sort=sort)
    for name in list(node.attributes.keys()):
        if any((*here, f"@{name.rpartition(':')[2]}")[-len(path) :] == path for path in ignore):
            node.removeAttribute(name)
    if sort:
        for name, value in sorted(node.attributes.items()):
            node.removeAttribute(name)
            node.setAttribute(name, value)

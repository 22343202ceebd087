"""From a checked element to a native tree: values as texts, truth values as such, in the shape types.py describes.

Numbers stay texts: what a number is, the mapping's conversions say, for all formats alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from adapters.soap.names import NIL, SOAP11, SOAP12, XSI, Node, local, resolve, spelled, told_apart
from adapters.soap.types import ANYTHING, TEXT, TYPE_KEY, TYPE_NAME, Complex, Element, Simple, whole
from gateway.spi import Tree

Read: TypeAlias = Callable[[Node], Any]
_SPACE: Final = " \t\r\n"
_BLANKS: Final = re.compile(rf"[{_SPACE}]+")
_UNEVEN: Final = re.compile(r"[\t\r\n]|  |^ | $")
_TRUE: Final = ("true", "1")
_OURS: Final = tuple(f"{{{space}}}" for space in (XSI, SOAP11, SOAP12))
"""Attributes of these namespaces say how a message is read, and are none of its data."""


def reader(root: Element) -> Callable[[Node], Tree]:
    """Compiles the reading of one body element; what it returns gives the tree of what lies below the element.

    Elements must have been checked: what their type does not allow is not looked for.
    """
    return Readers().group(root.type if isinstance(root.type, Complex) else Complex(text=root.type))


class Readers:
    """One reader per type, so that types may lead back to themselves."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], Callable[[Node], Tree]] = {}

    def group(self, kind: Complex) -> Callable[[Node], Tree]:
        """Reads a group by its declared type, or by the one it names; what may repeat in any of them is a list."""
        declared = self._of(kind, kind)
        if not kind.derived:
            return declared
        keys = told_apart(kind.derived)
        return _typed(declared, {name: (keys[name], self._of(other, kind)) for name, other in kind.derived.items()})

    def _of(self, kind: Complex, declared: Complex) -> Callable[[Node], Tree]:
        """Reads a group of one type where another is declared, of which all types have the same keys."""
        key = id(kind), id(declared)
        if key not in self._made:
            full = whole(declared)
            keys, lists = full.keys(), {child.name for child in full.children if child.repeated}
            children: dict[str, tuple[str, Read, bool]] = {}
            attributes = {one.name: (keys.attributes[one.name], _text(one.simple)) for one in kind.attributes}
            text = _text(kind.text) if kind.text is not None else None
            bare = not attributes and not kind.loose
            taken = _Taken(frozenset(map(local, keys.children)), frozenset(map(local, keys.attributes)))
            self._made[key] = _group_reader(children, None if bare else attributes, text, taken)
            for child in kind.children:
                children[child.name] = (keys.children[child.name], self._element(child), child.name in lists)
        return self._made[key]

    def _element(self, element: Element) -> Read:
        if isinstance(element.type, Simple):
            return _leaf(element.type)
        if element.type is ANYTHING:
            return generic
        kind = element.type
        if kind.text is not None and not kind.attributes and not kind.derived:
            return _leaf(kind.text)
        group = self.group(kind)
        if not element.nillable:
            return group
        return lambda node: group(node) if node.get(NIL) not in _TRUE else _nil(group(node))


def _typed(declared: Callable[[Node], Tree], named: Mapping[str, tuple[str, Callable[[Node], Tree]]]) -> Read:
    """A group is read by the type it names with ``xsi:type`` (XML Schema part 1, 2.6.1), and that name kept with it."""

    def read(node: Node) -> Tree:
        said = node.get(TYPE_NAME)
        found = named.get(resolve(node, said) or "") if said else None
        if found is None:
            return declared(node)
        name, inside = found
        tree = inside(node)
        tree[TYPE_KEY] = name
        return tree

    return read


def _nil(tree: Tree) -> Tree | None:
    """An element that is nil may still have attributes (XML Schema part 1, 3.3.4)."""
    attributes = {name: value for name, value in tree.items() if name.startswith("@")}
    return {**attributes, TEXT: None} if attributes else None


def _leaf(simple: Simple) -> Read:
    convert = _text(simple)

    def read(node: Node) -> Any:
        text = node.text
        if text is None:
            return None if node.get(NIL) in _TRUE else ""
        return convert(text)

    def read_stripped(node: Node) -> Any:
        text = node.text
        if text is None:
            return None if node.get(NIL) in _TRUE else ""
        return text.strip(_SPACE)

    return read_stripped if simple.kind not in ("boolean", "string", "any") else read


class _Taken(NamedTuple):
    """Local names of what is declared in a group: what a wildcard lets in is never called like it."""

    children: frozenset[str]
    attributes: frozenset[str]


def _group_reader(
    children: Mapping[str, tuple[str, Read, bool]],
    attributes: Mapping[str, tuple[str, Callable[[str], Any]]] | None,
    text: Callable[[str], Any] | None,
    taken: _Taken,
) -> Callable[[Node], Tree]:
    """The reader of one group; its children may still be added. ``attributes`` is None where it may have none."""

    def read(node: Node) -> Tree:
        tree: Tree = {}
        if attributes is not None:
            _attributes(node, attributes, taken.attributes, tree)
        if text is not None:
            tree[TEXT] = text(node.text or "")
        for child in node:
            try:
                name, convert, repeated = children[child.tag]
            except KeyError:
                append(tree, _stranger(child.tag, taken.children), generic(child))
                continue
            if name in tree:  # of one that is not repeated, a wildcard let in another
                append(tree, name, convert(child))
            else:
                tree[name] = [convert(child)] if repeated else convert(child)
        return tree

    return read


def _stranger(name: str, taken: Container[str]) -> str:
    """The key of an element that is not declared: its local name, but whole where one that is declared has that."""
    return spelled(name) if local(name) in taken else local(name)


def _attributes(
    node: Node, known: Mapping[str, tuple[str, Callable[[str], Any]]], taken: Container[str], tree: Tree
) -> None:
    strangers: list[str] = []
    for name, value in node.items():
        if name in known:
            key, convert = known[name]
            tree[key] = convert(value)
        elif not name.startswith(_OURS):
            strangers.append(name)
    for name, key in told_apart(strangers, taken).items() if strangers else ():
        tree[f"@{key}"] = node.get(name)


def append(tree: Tree, name: str, value: Any) -> None:
    """Add what a wildcard or a substitution let in; what comes again becomes a list."""
    if name not in tree:
        tree[name] = value
    elif isinstance(tree[name], list):
        tree[name].append(value)
    else:
        tree[name] = [tree[name], value]


def generic(node: Node) -> Any:
    """An element no type is known of: a text if it has neither children nor attributes, else a group."""
    attributes: Tree = {}
    _attributes(node, {}, (), attributes)
    if not len(node):
        text = None if node.get(NIL) in _TRUE else node.text or ""
        return {**attributes, TEXT: text} if attributes else text
    tree: Tree = attributes
    for child in node:
        append(tree, local(child.tag), generic(child))
    return tree


def _text(simple: Simple) -> Callable[[str], Any]:
    """How the text of a simple type is read; blanks are treated as its whiteSpace facet says (part 2, 4.3.6)."""
    if simple.kind == "boolean":
        return lambda text: text.strip(_SPACE) in _TRUE
    if simple.verbatim:
        return lambda text: text
    if simple.kind == "string":
        return lambda text: _BLANKS.sub(" ", text).strip(" ") if _UNEVEN.search(text) else text
    return lambda text: text.strip(_SPACE)

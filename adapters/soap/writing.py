"""From a native tree to an element: children in the order of their type, attributes first, empty groups left out.

A leaf that is None is left out where it may be missing, else ``xsi:nil`` where the type allows that, else an empty
element, which the check against the schema then judges. An optional group all of whose leaves are None is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from adapters.soap.names import XSI, split
from adapters.soap.types import TEXT, Complex, Element, Simple
from adapters.soap.values import IN_TEXT, escaped, is_blank, quoted, text_of
from adapters.soap.wildcards import write_open

Out: TypeAlias = list[str]
Write: TypeAlias = Callable[[Out, Any], None]


def writer(root: Element) -> Callable[[Mapping[str, Any]], str]:
    """Compiles the writing of one body element from the tree of what lies below it. Raises InternalFault for
    a name in a wildcard that is none of XML, and nothing else for any tree.

    The same tree gives the same text. Every namespace is declared at the root, under the prefixes ``ns1``, ``ns2`` …
    """
    writers = _Writers(root)
    return writers.root()


class _Writers:
    """One writer per type, with one prefix per namespace of everything that can be reached from the root."""

    def __init__(self, root: Element) -> None:
        self._root = root
        spaces = dict.fromkeys(split(name)[0] for name in _names(root))
        self._prefixes = {space: f"ns{at}" for at, space in enumerate(filter(None, spaces), 1)}
        self._made: dict[int, Write] = {}

    def root(self) -> Callable[[Mapping[str, Any]], str]:
        tag = self._tag(self._root.name)
        declared = "".join(f' xmlns:{prefix}="{quoted(space)}"' for space, prefix in self._prefixes.items())
        head, end = f'<{tag}{declared} xmlns:xsi="{XSI}"', f"</{tag}>"
        inside = self._inside(self._root.type)

        def write(tree: Mapping[str, Any]) -> str:
            out: Out = [head]
            inside(out, tree)
            return "".join((*out, end))

        return write

    def _tag(self, name: str) -> str:
        space, simple = split(name)
        return f"{self._prefixes[space]}:{simple}" if space else simple

    def _inside(self, kind: Simple | Complex) -> Write:
        """Writes what follows an element's name: its attributes, the end of its start tag, its content."""
        if isinstance(kind, Simple):
            return _plain
        if id(kind) not in self._made:
            keys = kind.keys()
            attributes = [(keys.attributes[one.name], f" {self._tag(one.name)}=") for one in kind.attributes]
            children: list[tuple[str, Write]] = []
            self._made[id(kind)] = _group_writer(kind, attributes, children)
            children += [(keys.children[child.name], self._child(child)) for child in kind.children]
        return self._made[id(kind)]

    def _child(self, element: Element) -> Write:
        tag, inside = self._tag(element.name), self._inside(element.type)
        start, end = f"<{tag}", f"</{tag}>"
        missing = "" if element.low == 0 else f'{start} xsi:nil="true"/>' if element.nillable else f"{start}>{end}"
        if isinstance(element.type, Simple):
            single = _leaf_writer(start, end, missing, textual=element.type.kind in ("string", "any"))
        else:
            single = _element_writer(start, end, inside, missing, optional=element.low == 0 or element.repeated)
        return _many(single, element.low) if element.repeated else single


def _plain(out: Out, value: Any) -> None:
    out.append(f">{'' if value is None else escaped(text_of(value))}")


def _leaf_writer(start: str, end: str, missing: str, *, textual: bool) -> Write:
    """An empty text is written as such where the type holds texts, and counts as missing where it cannot."""
    opened, special = f"{start}>", IN_TEXT.search

    def write(out: Out, value: Any) -> None:
        text = value if type(value) is str else "" if value is None else text_of(value)
        if text or (value is not None and textual):
            out.append(f"{opened}{escaped(text) if special(text) else text}{end}")
        elif missing:
            out.append(missing)

    return write


def _element_writer(start: str, end: str, inside: Write, missing: str, *, optional: bool) -> Write:
    nil = "xsi:nil" in missing

    def write(out: Out, value: Any) -> None:
        if (value is None and (optional or nil)) or (optional and is_blank(value)):
            out.append(missing)  # a group that must be there is written even for nothing: groups in it must be, too
        else:
            out.append(start)
            inside(out, value)
            out.append(end)

    return write


def _many(single: Write, low: int) -> Write:
    def write(out: Out, value: Any) -> None:
        items = value if isinstance(value, list) else [] if value is None else [value]
        kept = [item for item in items if not is_blank(item)]
        for item in kept:
            single(out, item)
        for _ in range(low - len(kept)):
            single(out, None)

    return write


def _group_writer(kind: Complex, attributes: list[tuple[str, str]], children: list[tuple[str, Write]]) -> Write:
    """The writer of one group; the list of its children may still fill up."""
    has_text = kind.text is not None or kind.open
    known = frozenset(kind.keys().children.values())

    def write(out: Out, value: Any) -> None:
        tree = value if isinstance(value, dict) else {TEXT: value} if has_text else {}
        for key, start in attributes:
            if tree.get(key) is not None:
                out.append(f'{start}"{quoted(text_of(tree[key]))}"')
        out.append(">")
        if has_text and tree.get(TEXT) is not None:
            out.append(escaped(text_of(tree[TEXT])))
        for key, child in children:
            child(out, tree.get(key))
        if kind.open:
            write_open(out, tree, known, kind.wild)

    return write


def _names(root: Element) -> Iterator[str]:
    """The qualified name of everything that may be written below an element, and its own."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        element = waiting.pop(0)
        yield element.name
        kind = element.type
        if isinstance(kind, Complex) and id(kind) not in seen:
            seen.add(id(kind))
            yield from (attribute.name for attribute in kind.attributes)
            waiting += kind.children

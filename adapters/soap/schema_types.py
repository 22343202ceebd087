"""Reads the elements of a schema set into wire types: content models flattened, with what repeats and what may miss.

Messages are checked by libxml2 with the schemas as they are; what is read here says under which name a value lies, and
in which order children are written. So a part that is read too generously can never let a wrong message through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from adapters.soap.names import XSD, Node, children, local, qualified, resolve
from adapters.soap.schemas import Schema
from adapters.soap.simple_types import BUILT_IN, narrowed, read_simple
from adapters.soap.types import ANY, ANYTHING, Attribute, Complex, Declared, Element, Keys, Simple, whole
from adapters.soap.wildcards import space_of
from contracts.errors import Fault

_MODELS: Final = tuple(qualified(XSD, name) for name in ("sequence", "all", "choice"))
_GLOBALS: Final = ("element", "complexType", "simpleType", "group", "attributeGroup", "attribute")


class _Waiting(NamedTuple):
    """An extension or restriction of a type that is still being read, as it holds the derived one itself."""

    schema: Schema
    node: Node
    kind: Complex
    base: Complex
    simple: bool


class SchemaTypes:
    """Looks names up in a schema set; ``faults`` collects references that lead nowhere and what cannot be served."""

    def __init__(self, schemas: Iterable[Schema], faults: list[Fault]) -> None:
        self.faults = faults
        self._found: dict[tuple[str, str], tuple[Schema, Node]] = {}
        self._types: dict[str, Simple | Complex] = {}
        self._inline: dict[tuple[Node, str], Complex] = {}
        self._keys: dict[tuple[Node, str], Keys] = {}
        self._substitutes: dict[str, list[str]] = {}
        self._deriving: dict[str, list[str]] = {}
        self._unfinished: set[int] = set()
        self._waiting: list[_Waiting] = []
        for schema in schemas:
            for node in children(schema.root):
                kind = local(node.tag)
                if kind in _GLOBALS:
                    name = qualified(schema.namespace, node.get("name", ""))
                    self._found[kind, name] = (schema, node)
                    if node.get("substitutionGroup"):
                        self._substitutes.setdefault(self.reference(schema, node, "substitutionGroup"), []).append(name)
                    if kind == "complexType":
                        for base in self._bases(schema, node):
                            self._deriving.setdefault(base, []).append(name)
                elif kind == "redefine":
                    faults.append(schema.document.fault(node, "xs:redefine is not served", "write the type out"))

    def element(self, name: str) -> Element | None:
        """A global element, or None where there is no such."""
        found = self._found.get(("element", name))
        return self._declared(*found, name) if found else None

    def find(self, kind: str, name: str) -> tuple[Schema, Node] | None:
        """The declaration of a global element, complexType, simpleType … and the schema it stands in."""
        return self._found.get((kind, name))

    def known(self) -> list[str]:
        """The qualified names of all global elements."""
        return [name for kind, name in self._found if kind == "element"]

    def type(self, name: str) -> Simple | Complex:
        """A type by its qualified name; what is not known is taken as anything."""
        if name in BUILT_IN:
            return ANYTHING if local(name) == "anyType" else BUILT_IN[name]
        if name not in self._types:
            found = self._found.get(("complexType", name))
            if found:
                self._types[name] = kind = Complex(abstract=self.is_abstract(name), declared=declared(*found))
                self._complex(*found, kind)
                self._name_derived(name, kind)
            else:
                simple = self._found.get(("simpleType", name))
                self._types[name] = ANY
                self._types[name] = read_simple(simple[1], self._simple) if simple else ANY
        return self._types[name]

    def keys(self, schema: Schema, node: Node) -> Keys:
        """What the children and attributes of an ``xs:complexType`` are called, and of all types derived from it."""
        key = (node, schema.namespace)
        if key not in self._keys:
            named = self.type(qualified(schema.namespace, node.get("name", ""))) if node.get("name") else None
            self._keys[key] = whole(named if isinstance(named, Complex) else self._anonymous(schema, node)).keys()
        return self._keys[key]

    def _simple(self, name: str) -> Simple:
        """A type that stands where only a simple one may; of a complex one with simple content, its text."""
        found = self.type(name)
        return found if isinstance(found, Simple) else found.text or ANY

    def reference(self, schema: Schema, node: Node, attribute: str) -> str:
        """A reference; without prefix or namespace, in an included schema that takes its includer's, it means that."""
        name = resolve(node, node.get(attribute, "")) or ""
        chameleon = not name.startswith("{") and not schema.root.get("targetNamespace")
        return qualified(schema.namespace, name) if chameleon else name

    def _declared(self, schema: Schema, node: Node, name: str) -> Element:
        return Element(name, self._type_of(schema, node), nillable=node.get("nillable") in ("true", "1"))

    def _type_of(self, schema: Schema, node: Node) -> Simple | Complex:
        """The type of an element or attribute: named, or inline."""
        if node.get("type"):
            return self.type(self.reference(schema, node, "type"))
        for child in children(node, qualified(XSD, "complexType"), qualified(XSD, "simpleType")):
            if local(child.tag) == "simpleType":
                return read_simple(child, self._simple)
            return self._anonymous(schema, child)
        head = node.get("substitutionGroup")
        named = self.element(self.reference(schema, node, "substitutionGroup")) if head else None
        return named.type if named else ANY if local(node.tag) == "attribute" else ANYTHING

    def _anonymous(self, schema: Schema, node: Node) -> Complex:
        """The type an ``xs:complexType`` without name declares; an element of it may lead back to it."""
        key = (node, schema.namespace)
        if key not in self._inline:
            self._inline[key] = Complex(declared=declared(schema, node))
            self._complex(schema, node, self._inline[key])
        return self._inline[key]

    def _complex(self, schema: Schema, node: Node, kind: Complex) -> None:
        """Fill in a type from ``xs:complexType``."""
        self._unfinished.add(id(kind))
        self._content(schema, node, kind)
        if not any(one.kind is kind for one in self._waiting):
            self._finish(kind)

    def _finish(self, kind: Complex) -> None:
        """A type is whole: now those can be filled in that derive from it, and that it holds itself."""
        self._unfinished.discard(id(kind))
        for one in [one for one in self._waiting if one.base is kind]:
            self._waiting.remove(one)
            self._derived(one.schema, one.node, one.kind, simple=one.simple)
            self._finish(one.kind)

    def _name_derived(self, name: str, kind: Complex) -> None:
        for other in self.deriving(name):
            found = self.type(other)
            if isinstance(found, Complex):
                kind.derived[other] = found

    def deriving(self, name: str) -> list[str]:
        """Every type an element of this one may say it is of, however far derived; an abstract one is none."""
        names = list(self._deriving.get(name, ()))
        for other in names:
            names += [further for further in self._deriving.get(other, ()) if further not in names]
        return [other for other in names if not self.is_abstract(other)]

    def is_abstract(self, name: str) -> bool:
        found = self._found.get(("complexType", name))
        return found is not None and found[1].get("abstract") in ("true", "1")

    def _bases(self, schema: Schema, node: Node) -> Iterator[str]:
        """The type an ``xs:complexType`` is derived from."""
        for content in children(node, qualified(XSD, "complexContent"), qualified(XSD, "simpleContent")):
            for derived in children(content):
                if derived.get("base"):
                    yield self.reference(schema, derived, "base")

    def _content(self, schema: Schema, node: Node, kind: Complex) -> None:
        """Fill in what stands in an ``xs:complexType``, or in the extension or restriction inside it."""
        for child in children(node):
            name = local(child.tag)
            if child.tag in _MODELS or name == "group":
                self._model(schema, child, kind)
            elif name in ("complexContent", "simpleContent"):
                for derived in children(child):
                    self._derived(schema, derived, kind, simple=name == "simpleContent")
            elif name in ("attribute", "attributeGroup"):
                self._attribute(schema, child, kind)
            elif name == "anyAttribute":
                kind.loose = True

    def _derived(self, schema: Schema, node: Node, kind: Complex, *, simple: bool) -> None:
        if local(node.tag) not in ("extension", "restriction"):
            return
        base = self.type(self.reference(schema, node, "base"))
        extends = local(node.tag) == "extension"
        if isinstance(base, Complex) and id(base) in self._unfinished:
            self._waiting.append(_Waiting(schema, node, kind, base, simple))
            return
        if isinstance(base, Complex):
            kind.attributes += base.attributes
            kind.text, kind.loose = base.text, base.loose and extends
            if extends:
                kind.children += base.children
                kind.open, kind.wild, kind.shuffled = base.open, base.wild, base.shuffled
        if simple:
            text = base if isinstance(base, Simple) else base.text or ANY
            kind.text = text if extends else narrowed(text, node)
        self._content(schema, node, kind)

    def _attribute(self, schema: Schema, node: Node, kind: Complex) -> None:
        if local(node.tag) == "attributeGroup":
            found = self._found.get(("attributeGroup", self.reference(schema, node, "ref")))
            for child in children(found[1]) if found else ():
                if local(child.tag) in ("attribute", "attributeGroup"):
                    self._attribute(found[0] if found else schema, child, kind)
                kind.loose |= local(child.tag) == "anyAttribute"
            return
        name, where = node.get("name", ""), (schema, node)
        if node.get("ref"):
            name = self.reference(schema, node, "ref")
            where = self._found.get(("attribute", name), where)
        elif node.get("form", schema.root.get("attributeFormDefault", "")) == "qualified":
            name = qualified(schema.namespace, name)
        kind.attributes = [known for known in kind.attributes if known.name != name]
        if node.get("use") != "prohibited":
            found_type = self._type_of(*where) if where[1].get("name") else ANY
            simple = found_type if isinstance(found_type, Simple) else ANY
            kind.attributes.append(Attribute(name, simple, node.get("use") == "required"))

    def _model(
        self, schema: Schema, node: Node, kind: Complex, *, optional: bool = False, repeated: bool = False
    ) -> None:
        """Flatten a content model: its elements in order; in a choice, or an optional group, each may be missing."""
        low, high = bounds(node)
        optional = optional or low == 0 or local(node.tag) == "choice"
        repeated = repeated or high is None or high > 1
        if local(node.tag) == "group":
            found = self._found.get(("group", self.reference(schema, node, "ref")))
            for child in children(found[1], *_MODELS) if found else ():
                self._model(found[0] if found else schema, child, kind, optional=optional, repeated=repeated)
            return
        for child in children(node):
            name = local(child.tag)
            if name == "element":
                one = self._particle(schema, child, optional, repeated)
                for element in self._standing_for(one) if child.get("ref") else (one,):
                    self._add(kind, element)
            elif name == "any":
                kind.open, kind.wild = True, space_of(child, schema.namespace)
            elif child.tag in _MODELS or name == "group":
                self._model(schema, child, kind, optional=optional, repeated=repeated)
        if repeated and len(children(node)) > 1 and local(node.tag) != "choice":
            kind.shuffled = "a group of several elements repeats"

    def _particle(self, schema: Schema, node: Node, optional: bool, repeated: bool) -> Element:
        low, high = bounds(node)
        if node.get("ref"):
            name = self.reference(schema, node, "ref")
            found = self.element(name) or Element(name, ANYTHING)
        else:
            form = node.get("form", schema.root.get("elementFormDefault", "unqualified"))
            name = qualified(schema.namespace if form == "qualified" else "", node.get("name", ""))
            found = self._declared(schema, node, name)
        return replace(found, low=0 if optional else low, high=None if repeated else high)

    def _standing_for(self, head: Element) -> Iterator[Element]:
        """The element a particle refers to and those of its substitution group, each of which may be missing then
        (XML Schema part 1, 3.3.6); an abstract one never stands there itself.
        """
        names = [head.name]
        for name in names:
            names += [other for other in self._substitutes.get(name, ()) if other not in names]
        for name in names:
            _, node = self._found.get(("element", name), (None, None))
            if len(names) == 1 or (node is not None and node.get("abstract") not in ("true", "1")):
                found = head if name == head.name else self.element(name) or head
                yield replace(found, low=head.low if len(names) == 1 else 0, high=head.high)

    def _add(self, kind: Complex, element: Element) -> None:
        """Add a child; one that stands in several places of a content model is a list, and has no order of its own."""
        for at, known in enumerate(kind.children):
            if known.name == element.name:
                kind.children[at] = replace(known, low=min(known.low, element.low), high=None)
                kind.shuffled = f"{local(element.name)} stands in several places"
                return
        kind.children.append(element)


def declared(schema: Schema, node: Node) -> Declared:
    """Where an ``xs:complexType`` stands."""
    document = schema.document
    return Declared(node.get("name", ""), str(document.folder / document.name), node.sourceline or 0)


def bounds(node: Node) -> tuple[int, int | None]:
    """``minOccurs`` and ``maxOccurs``, None for unbounded."""
    low, high = node.get("minOccurs", "1"), node.get("maxOccurs", "1")
    return int(low) if low.isdigit() else 1, None if high == "unbounded" else int(high) if high.isdigit() else 1

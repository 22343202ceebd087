"""What a schema says of one element, whole: choices, facets and what its codes mean, for drafts and examples.

``schema_types.py`` flattens content models, which is all that reading and writing need. A message made from nothing
needs the models themselves: one branch of each choice, the elements of each sequence that must be there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from adapters.soap.facets import ANY, Facets, meaning, narrowed
from adapters.soap.names import XSD, Node, children, local, qualified, resolve, split, told_apart
from adapters.soap.schema_types import SchemaTypes, bounds, declared
from adapters.soap.schemas import Schema
from adapters.soap.types import MOST_PATHS, TEXT, TYPE_KEY, TYPE_NAME, Declared, Keys, joined, too_many

_MODELS = tuple(qualified(XSD, name) for name in ("sequence", "all", "choice", "group"))


NO_KEYS = Keys({}, {})


class Text(NamedTuple):
    """An attribute, or the text of an element, at its tree path."""

    name: str
    path: str
    facets: Facets
    required: bool


@dataclass(slots=True)
class Part:
    """One element at its tree path. ``text`` where it holds one; ``high`` is None where it may come any number of
    times. ``kinds`` are what it may be instead, each a part named by the type that ``xsi:type`` then says; one of them
    it must be where its own type is ``abstract``. ``keys`` are those of what it holds; ``said`` is that of a kind.
    """

    name: str
    path: str
    low: int = 1
    high: int | None = 1
    nillable: bool = False
    text: Text | None = None
    attributes: list[Text] = field(default_factory=list)
    model: Model | None = None
    kinds: list[Part] = field(default_factory=list)
    kind: Text | None = None
    abstract: bool = False
    keys: Keys = NO_KEYS
    said: str = ""

    @property
    def repeated(self) -> bool:
        return self.high is None or self.high > 1


@dataclass(slots=True)
class Model:
    """A sequence or a choice of elements and further models; ``low`` 0 where all of it may be missing."""

    kind: Literal["sequence", "choice"]
    low: int
    items: list[Part | Model] = field(default_factory=list)

    def chosen(self) -> list[Part | Model]:
        """What of it one message holds: everything, or of a choice the branch with the most leaves."""
        if self.kind == "sequence" or not self.items:
            return self.items
        return [max(self.items, key=lambda item: sum(1 for _ in texts(item)))]


def texts(item: Part | Model) -> Iterator[Text]:
    """Every leaf below a part or model, in document order, whatever is chosen; one that several kinds have comes as
    often.
    """
    if isinstance(item, Model):
        for inner in item.items:
            yield from texts(inner)
        return
    yield from item.attributes
    if item.text is not None:
        yield item.text
    if item.model is not None:
        yield from texts(item.model)
    if item.kind is not None:
        yield item.kind
    for kind in item.kinds:
        yield from texts(kind)


def outline(types: SchemaTypes, root: str) -> Part | None:
    """The global element of this name; None where no schema declares it. Raises ConfigurationError for one that holds
    more than ``MOST_PATHS`` elements.
    """
    found = types.find("element", root)
    if found is None:
        return None
    part = Part(root, "")
    _Walk(types, root).fill(part, *found, ())
    return part


class _Walk:
    """Follows declarations into parts; a type inside itself is cut off."""

    def __init__(self, types: SchemaTypes, root: str) -> None:
        self._types, self._root = types, root
        self._entered: Counter[Declared] = Counter()
        self._parts = 0

    def fill(self, part: Part, schema: Schema, node: Node, above: tuple[Node, ...]) -> None:
        """What an element's declaration says of its content."""
        part.nillable = node.get("nillable") in ("true", "1")
        found = self._type(schema, node)
        if isinstance(found, Facets):
            part.text = Text("", part.path, found, True)
        elif found is not None and found[1] not in above and len(above) < MOST:
            self._entered[declared(*found)] += 1
            part.keys = self._types.keys(*found)
            self._content(part, *found, (*above, found[1]))
            self._kinds(part, *found, (*above, found[1]))
        for one in (part, *part.kinds):
            if one.text is not None and (part.attributes or part.kinds or not part.path):
                one.text = one.text._replace(path=joined(part.path, TEXT))

    def _kinds(self, part: Part, schema: Schema, node: Node, above: tuple[Node, ...]) -> None:
        """What an element of a named type may be instead: of each type derived from it."""
        name = qualified(schema.namespace, node.get("name", "")) if node.get("name") else ""
        meanings: dict[str, str] = {}
        for other, said in told_apart(self._types.deriving(name)).items():
            found = self._types.find("complexType", other)
            if found is not None and found[1] not in above:
                kind = Part(other, part.path, keys=part.keys, said=said)
                self._content(kind, *found, (*above[:-1], found[1]))
                part.kinds.append(kind)
                meanings[said] = meaning(found[1])
        if part.kinds:
            part.abstract = self._types.is_abstract(name)
            listed = Facets("string", (tuple(("enumeration", one) for one in meanings),), meanings)
            part.kind = Text(TYPE_NAME, joined(part.path, TYPE_KEY), listed, part.abstract)

    def _type(self, schema: Schema, node: Node) -> Facets | tuple[Schema, Node] | None:
        """The type of an element or attribute: facets of a simple one, the declaration of a complex one."""
        if node.get("type"):
            return self._named(self._types.reference(schema, node, "type"))
        for child in children(node):
            if local(child.tag) == "simpleType":
                return self._simple(schema, child)
            if local(child.tag) == "complexType":
                return schema, child
        if node.get("substitutionGroup"):
            head = self._types.find("element", self._types.reference(schema, node, "substitutionGroup"))
            return self._type(*head) if head else None
        return None

    def _named(self, name: str) -> Facets | tuple[Schema, Node] | None:
        space, plain = split(name)
        if space == XSD:
            return None if plain == "anyType" else ANY if plain == "anySimpleType" else Facets(plain)
        found = self._types.find("complexType", name)
        simple = self._types.find("simpleType", name)
        return found or (self._simple(*simple) if simple else None)

    def _simple(self, schema: Schema, node: Node) -> Facets:
        for child in children(node):
            kind = local(child.tag)
            if kind == "restriction":
                return narrowed(self._base(schema, child, "base"), child)
            if kind == "list":
                return self._base(schema, child, "itemType")
            if kind == "union":
                first = child.get("memberTypes", "").split()[:1]
                found = self._named(resolve(child, first[0]) or "") if first else self._base(schema, child, "base")
                return found if isinstance(found, Facets) else ANY
        return ANY

    def _base(self, schema: Schema, node: Node, attribute: str) -> Facets:
        """The type a reference names, or that stands inline; of a complex one with simple content, its text."""
        inline = children(node, qualified(XSD, "simpleType"))
        if inline:
            return self._simple(schema, inline[0])
        found = self._named(self._types.reference(schema, node, attribute)) if node.get(attribute) else ANY
        if isinstance(found, tuple):
            part = Part("", "")
            self._content(part, *found, (found[1],))
            return part.text.facets if part.text else ANY
        return found or ANY

    def _content(self, part: Part, schema: Schema, node: Node, above: tuple[Node, ...]) -> None:
        """What an ``xs:complexType`` says, or the extension or restriction inside it."""
        for child in children(node):
            kind = local(child.tag)
            if child.tag in _MODELS:
                model = self._model(part, schema, child, above, repeated=False)
                part.model = Model("sequence", 1, [part.model, model]) if part.model else model
            elif kind in ("complexContent", "simpleContent"):
                for derived in children(child):
                    if local(derived.tag) in ("extension", "restriction"):
                        self._derived(part, schema, derived, above, simple=kind == "simpleContent")
            elif kind in ("attribute", "attributeGroup"):
                self._attribute(part, schema, child)

    def _derived(self, part: Part, schema: Schema, node: Node, above: tuple[Node, ...], *, simple: bool) -> None:
        base = self._named(self._types.reference(schema, node, "base"))
        if isinstance(base, Facets):
            part.text = Text("", part.path, base, True)
        elif base is not None and base[1] not in above[:-1]:
            self._content(part, *base, (*above, base[1]))
        if local(node.tag) == "restriction":
            part.model = None
            if simple and part.text is not None:
                part.text = part.text._replace(facets=narrowed(part.text.facets, node))
        self._content(part, schema, node, above)

    def _attribute(self, part: Part, schema: Schema, node: Node) -> None:
        if local(node.tag) == "attributeGroup":
            group = self._types.find("attributeGroup", self._types.reference(schema, node, "ref"))
            for child in children(group[1]) if group else ():
                if group and local(child.tag) in ("attribute", "attributeGroup"):
                    self._attribute(part, group[0], child)
            return
        name, where = node.get("name", ""), (schema, node)
        if node.get("ref"):
            name = self._types.reference(schema, node, "ref")
            where = self._types.find("attribute", name) or where
        elif node.get("form", schema.root.get("attributeFormDefault", "")) == "qualified":
            name = qualified(schema.namespace, name)
        part.attributes = [known for known in part.attributes if known.name != name]
        if node.get("use") != "prohibited":
            kind = self._type(*where)
            facets = kind if isinstance(kind, Facets) else ANY
            path = joined(part.path, part.keys.attributes.get(name, f"@{local(name)}"))
            part.attributes.append(Text(name, path, facets, node.get("use") == "required"))

    def _model(self, part: Part, schema: Schema, node: Node, above: tuple[Node, ...], *, repeated: bool) -> Model:
        low, high = bounds(node)
        repeated = repeated or high is None or high > 1
        kind: Literal["sequence", "choice"] = "choice" if local(node.tag) == "choice" else "sequence"
        model = Model(kind, low)
        if local(node.tag) == "group":
            group = self._types.find("group", self._types.reference(schema, node, "ref"))
            inner = children(group[1], *_MODELS) if group else []
            model.items += [self._model(part, group[0], child, above, repeated=repeated) for child in inner if group]
            return model
        for child in children(node):
            if local(child.tag) == "element":
                model.items.append(self._element(part, schema, child, above, repeated=repeated))
            elif child.tag in _MODELS:
                model.items.append(self._model(part, schema, child, above, repeated=repeated))
        return model

    def _element(self, around: Part, schema: Schema, node: Node, above: tuple[Node, ...], *, repeated: bool) -> Part:
        low, high = bounds(node)
        where: tuple[Schema, Node] | None = (schema, node)
        if node.get("ref"):
            name = self._types.reference(schema, node, "ref")
            where = self._types.find("element", name)
        else:
            form = node.get("form", schema.root.get("elementFormDefault", "unqualified"))
            name = qualified(schema.namespace if form == "qualified" else "", node.get("name", ""))
        self._parts += 1
        if self._parts > MOST_PATHS:
            raise too_many(self._root, self._entered)
        part = Part(name, "", low, None if repeated else high)
        part.path = joined(around.path, around.keys.children.get(name, local(name))) + ("[]" if part.repeated else "")
        if where is not None:
            self.fill(part, *where, above)
        return part


MOST = 20
"""A type is followed so deep."""

"""A simple type by its facets: which texts it allows, what its codes mean, and one legal text of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from lxml import etree

from adapters.soap.names import XSD, Node, children, is_element, local, qualified
from adapters.soap.patterns import matching

_USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "boolean": ("false",),
    "date": ("2026-01-15",),
    "dateTime": ("2026-01-15T09:30:00Z",),
    "time": ("09:30:00",),
    "duration": ("P1D",),
    "gYear": ("2026",),
    "gYearMonth": ("2026-01",),
    "gMonth": ("--01",),
    "gMonthDay": ("--01-15",),
    "gDay": ("---15",),
    "hexBinary": ("00",),
    "base64Binary": ("AAAA",),
    "anyURI": ("urn:x",),
    "language": ("en",),
}
_TEXTS: Final = ("X", "1", "0", "EUR", "A1", "x@example.org")
_NUMBERS: Final = ("1", "0", "10", "100", "1.00", "-1")
LONGEST: Final = 10_000


@dataclass(frozen=True)
class Facets:
    """``base`` is the built-in type, empty where any text goes; ``steps`` are the facets of each restriction, from the
    base on, as (name, value); ``labels`` says of codes what the schema says beside them.
    """

    base: str = ""
    steps: tuple[tuple[tuple[str, str], ...], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def codes(self) -> dict[str, str]:
        """The codes of the last enumeration, each with what it means."""
        listed = [[value for name, value in step if name == "enumeration"] for step in self.steps]
        last = next((codes for codes in reversed(listed) if codes), [])
        return {code: self.labels.get(code, "") for code in last}

    def value(self, name: str) -> str:
        """The facet as the last restriction says it; empty where none does."""
        return next((text for step in reversed(self.steps) for key, text in step if key == name), "")

    def accepts(self, text: str) -> bool:
        """Whether libxml2 finds the text legal."""
        return self._judge(text)

    @cached_property
    def _judge(self) -> Callable[[str], bool]:
        if not self.base:
            return lambda _text: True
        schema = etree.XMLSchema(self._schema())

        def judge(text: str) -> bool:
            node = etree.Element("v")
            try:
                node.text = text
            except ValueError:  # no character of XML
                return False
            return bool(schema.validate(node))

        return judge

    def _schema(self) -> Node:
        """A schema of one element ``v`` of this type; what a restriction inherits lies inside it."""
        root = etree.Element(qualified(XSD, "schema"), nsmap={"xs": XSD})
        element = etree.SubElement(root, qualified(XSD, "element"), name="v")
        if not self.steps:
            element.set("type", f"xs:{self.base}")
        above, inside = element, list(reversed(self.steps))
        for at, step in enumerate(inside):
            simple = etree.SubElement(above, qualified(XSD, "simpleType"))
            restriction = etree.SubElement(simple, qualified(XSD, "restriction"))
            if at == len(inside) - 1:
                restriction.set("base", f"xs:{self.base}")
            else:
                above = restriction
            for name, value in step:
                etree.SubElement(restriction, qualified(XSD, name), value=value)
        return _ordered(root)

    @cached_property
    def sample(self) -> str:
        """A legal text; the most usual one where none could be found."""
        found = list(self._candidates())
        return next((text for text in found if self.accepts(text)), found[0])

    def _candidates(self) -> Iterator[str]:
        yield from self.codes
        for step in reversed(self.steps):
            yield from (matching(value) for name, value in step if name == "pattern")
        yield from _USUAL.get(self.base, ())
        for bound in ("minInclusive", "maxInclusive"):
            if self.value(bound):
                yield self.value(bound)
        yield from self._beside_bounds()
        yield from (_TEXTS if self.base not in _DECIMALS else _NUMBERS)
        for name in ("minLength", "length"):
            if self.value(name).isdigit() and int(self.value(name)) <= LONGEST:
                yield from ("X" * int(self.value(name)), "1" * int(self.value(name)))

    def _beside_bounds(self) -> Iterator[str]:
        for bound, step in (("minExclusive", 1), ("maxExclusive", -1)):
            text = self.value(bound).partition(".")[0]
            if text.lstrip("+-").isdigit():
                yield str(int(text) + step)


def patterned(patterns: tuple[tuple[str, ...], ...]) -> Facets:
    """Texts that meet one of the patterns of each restriction."""
    return Facets("string", tuple(tuple(("pattern", value) for value in step) for step in patterns))


_DECIMALS: Final = (
    "decimal", "integer", "nonNegativeInteger", "positiveInteger", "nonPositiveInteger", "negativeInteger", "long",
    "unsignedLong", "int", "unsignedInt", "short", "unsignedShort", "byte", "unsignedByte", "float", "double",
)  # fmt: skip
ANY: Final = Facets()


def _ordered(root: Node) -> Node:
    """A restriction's inner type stands before its facets."""
    for restriction in root.iter(qualified(XSD, "restriction")):
        for simple in children(restriction, qualified(XSD, "simpleType")):
            restriction.insert(0, simple)
    return root


def narrowed(base: Facets, restriction: Node) -> Facets:
    """A base type with the facets of an ``xs:restriction``, and what stands beside its codes."""
    own = [node for node in children(restriction) if local(node.tag) not in _STRUCTURE]
    step = tuple((local(node.tag), node.get("value", "")) for node in own)
    labels = {node.get("value", ""): meaning(node) for node in own if local(node.tag) == "enumeration"}
    return replace(base, steps=(*base.steps, step) if step else base.steps, labels={**base.labels, **labels})


_STRUCTURE: Final = ("simpleType", "annotation", "attribute", "attributeGroup", "anyAttribute", "assertion")


def meaning(node: Node) -> str:
    """What a schema says of one of its parts: its documentation, or a comment behind it on the same line."""
    annotations = children(node, qualified(XSD, "annotation"))
    documented = [said for one in annotations for said in children(one, qualified(XSD, "documentation"))]
    texts = [" ".join("".join(found.itertext()).split()) for found in documented]
    if texts:
        return " ".join(texts)
    after = node.getnext()
    if after is None or is_element(after) or after.tag is not etree.Comment or "\n" in (node.tail or ""):
        return ""
    return " ".join((after.text or "").split())

"""What an XML Schema says of one element, as far as a mapping needs it: names, kinds, room, and what may be missing.

A tree has one key per child element, by local name; an attribute's is ``@name``, and the text of an element that has
attributes is ``#text``. Children that may come more than once are a list. Missing is no key, empty is ``""`` (or an
empty dict for a group), ``xsi:nil`` is None.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from adapters.soap.names import local
from gateway.spi import NativeField

TEXT: Final = "#text"
DEEPEST: Final = 20
"""A path has at most so many steps; what lies deeper is read, but no path leads there."""

Kind = Literal["string", "integer", "decimal", "boolean", "date", "date-time", "any"]


@dataclass(frozen=True, slots=True)
class Simple:
    """The type of a text. ``room``: the most characters, or digits before the point; ``codes``: an enumeration.

    ``scale`` is the most digits behind the point, ``verbatim`` whether blanks count (whiteSpace preserve or replace).
    """

    kind: Kind = "string"
    room: int | None = None
    codes: tuple[str, ...] = ()
    scale: int | None = None
    verbatim: bool = True


class Attribute(NamedTuple):
    name: str
    simple: Simple
    required: bool

    @property
    def key(self) -> str:
        return f"@{local(self.name)}"


@dataclass(frozen=True, slots=True)
class Element:
    """A child element. ``high`` is None where it may come any number of times; ``low`` 0 where it may be missing."""

    name: str
    type: Simple | Complex
    low: int = 1
    high: int | None = 1
    nillable: bool = False

    @property
    def key(self) -> str:
        return local(self.name)

    @property
    def repeated(self) -> bool:
        return self.high is None or self.high > 1


@dataclass(slots=True, eq=False)
class Complex:
    """A group. ``text`` is the type of its text where it has no children (simpleContent); ``open`` where a wildcard
    lets other children in. ``shuffled`` says why its children cannot be written from a tree: their order is not in it.
    """

    attributes: list[Attribute] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)
    text: Simple | None = None
    open: bool = False
    shuffled: str = ""


ANY: Final = Simple("any")


def fields(root: Element) -> dict[str, NativeField]:
    """Every leaf below an element by tree path, as the mapping and its lint need them."""
    return {leaf.path: leaf for leaf in _below(root.type, "", True, ())}


def _below(
    kind: Simple | Complex, path: str, required: bool, above: tuple[Complex, ...]
) -> Iterator[NativeField]:
    if isinstance(kind, Simple):
        yield leaf(kind, path, required)
        return
    if kind in above or len(above) >= DEEPEST:
        yield NativeField(path, "object", None, required)
        return
    for attribute in kind.attributes:
        yield leaf(attribute.simple, _joined(path, attribute.key), required and attribute.required)
    if kind.text is not None:
        yield leaf(kind.text, _joined(path, TEXT) if kind.attributes else path, required)
    for child in kind.children:
        name = _joined(path, child.key) + ("[]" if child.repeated else "")
        yield from _below(child.type, name, required and child.low > 0 and not child.repeated, (*above, kind))
    if kind.open and path:
        yield NativeField(path, "object", None, False)


def _joined(path: str, name: str) -> str:
    step = name if not set(name) & set('.[]"') else f'["{name}"]'
    return f"{path}.{step}" if path and not step.startswith("[") else f"{path}{step}"


def leaf(simple: Simple, path: str, required: bool) -> NativeField:
    return NativeField(path, simple.kind, simple.room, required)

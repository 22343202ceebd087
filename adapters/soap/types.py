"""What an XML Schema says of one element, as far as a mapping needs it: names, kinds, room, and what may be missing.

A tree has one key per child element, by local name; an attribute's is ``@name``, and the text of an element that has
attributes is ``#text``. Names that share their local part have their namespace with it, ``{urn:x}Name``. Children that
may come more than once are a list. Missing is no key, empty is ``""`` (or an empty dict for a group), ``xsi:nil`` None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from adapters.soap.facets import patterned
from adapters.soap.names import XSI, local, qualified, told_apart
from contracts.errors import ConfigurationError, Fault
from contracts.mapping.paths import Path
from gateway.spi import NativeField

TEXT: Final = "#text"
TYPE_NAME: Final = qualified(XSI, "type")
TYPE_KEY: Final = "@xsi:type"
"""Where the local name of the type lies that an element says it has, if that is derived from the one declared."""
DEEPEST: Final = 20
"""A path has at most so many steps; what lies deeper is read, but no path leads there."""

MOST_PATHS: Final = 20_000
"""So many paths lead into an element at most: types that hold each other have one for each order they may come in."""

RULE: Final = 100
"""So many characters of its patterns are told of a type."""

Kind = Literal["string", "integer", "decimal", "boolean", "date", "date-time", "any"]


@dataclass(frozen=True, slots=True)
class Simple:
    """The type of a text. ``room``: the most characters, or digits before the point; ``codes``: an enumeration.

    ``scale`` is the most digits behind the point, ``verbatim`` whether blanks count (whiteSpace preserve or replace),
    ``signed`` whether a number may be negative, ``least`` the fewest characters. ``low`` and ``high`` are bounds of a
    number; ``patterns`` are those of each restriction, of which one must be met.
    """

    kind: Kind = "string"
    room: int | None = None
    codes: tuple[str, ...] = ()
    scale: int | None = None
    verbatim: bool = True
    signed: bool = True
    least: int = 0
    low: Decimal | None = None
    high: Decimal | None = None
    patterns: tuple[tuple[str, ...], ...] = ()


class Attribute(NamedTuple):
    name: str
    simple: Simple
    required: bool


class Keys(NamedTuple):
    """Under which key of a tree each child and each attribute of a group lies, by qualified name."""

    children: Mapping[str, str]
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Element:
    """A child element. ``high`` is None where it may come any number of times; ``low`` 0 where it may be missing."""

    name: str
    type: Simple | Complex
    low: int = 1
    high: int | None = 1
    nillable: bool = False

    @property
    def repeated(self) -> bool:
        return self.high is None or self.high > 1


class Declared(NamedTuple):
    """Where a type stands; one inside an element has no name."""

    name: str = ""
    file: str = ""
    line: int = 0


NOWHERE: Final = Declared()


@dataclass(slots=True, eq=False)
class Complex:
    """A group. ``text`` is the type of its text where it has no children (simpleContent); ``open`` where a wildcard
    lets other children in, ``wild`` the namespace it gives to names without one. ``shuffled`` says why its children
    cannot be written from a tree: their order is not in it. ``loose`` where any attribute may stand. ``derived`` are
    the types a message may name in its place by ``xsi:type``; it must, where the type is ``abstract``.
    """

    attributes: list[Attribute] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)
    text: Simple | None = None
    open: bool = False
    wild: str = ""
    shuffled: str = ""
    loose: bool = False
    abstract: bool = False
    derived: dict[str, Complex] = field(default_factory=dict)
    declared: Declared = NOWHERE

    def keys(self) -> Keys:
        names = {one.name for one in self.attributes}
        attributes = {name: f"@{key}" for name, key in told_apart(names - {TYPE_NAME}).items()}
        named = {TYPE_NAME: TYPE_KEY} if TYPE_NAME in names else {}
        return Keys(told_apart(child.name for child in self.children), attributes | named)


ANY: Final = Simple("any")
ANYTHING: Final = Complex(open=True, loose=True)
"""``xs:anyType``."""


def whole(kind: Complex) -> Complex:
    """A type with all that the types derived from it add: what an element of it may hold, whichever it names."""
    if not kind.derived:
        return kind
    attributes = {one.name: one for one in kind.attributes}
    children = {one.name: one for one in kind.children}
    for other in kind.derived.values():
        for attribute in other.attributes:
            attributes.setdefault(attribute.name, attribute._replace(required=False))
        for child in other.children:
            known = children.get(child.name, replace(child, low=0))
            children[child.name] = replace(known, high=None) if child.repeated else known
    named = Attribute(TYPE_NAME, Simple(codes=tuple(told_apart(kind.derived).values())), kind.abstract)
    return replace(kind, attributes=[*attributes.values(), named], children=list(children.values()))


def fields(root: Element, *, asked: bool = False) -> dict[str, NativeField]:
    """Every leaf below an element by tree path, as the mapping and its lint need them; of a request also those that
    only a type named by ``xsi:type`` has. Raises ConfigurationError where there are more than ``MOST_PATHS``.
    """
    leaves = _Leaves(whole if asked else lambda kind: kind, Counter(), {})
    found: dict[str, NativeField] = {}
    for one in leaves.below(root.type, "", _Place(), ()):
        found[one.path] = one
        if len(found) > MOST_PATHS:
            raise too_many(root.name, leaves.entered)
    return found


def too_many(root: str, entered: Counter[Declared]) -> ConfigurationError:
    """Names the types that lie on most of the paths into an element, at the place of the first."""
    worst = [kind for kind, _ in entered.most_common(3)]
    told = ", ".join(kind.name or f"that of line {kind.line}" for kind in worst)
    message = f"more than {MOST_PATHS} paths lead into the element {local(root)}, most through the types {told}"
    hint = (
        "types that hold each other multiply: leave out of this copy of the schema what no message of this system holds"
    )
    return ConfigurationError([Fault(worst[0].file, worst[0].line, 1 if worst[0].line else 0, message, hint)])


class _Place(NamedTuple):
    """Where a leaf lies: whether each message, or each element of its list, has the place; how long the list may be;
    why nothing can be written there.
    """

    required: bool = True
    within: bool = True
    most: int | None = None
    nil: bool = False
    barred: str = ""

    def of(self, child: Element) -> _Place:
        if child.repeated:
            return self._replace(required=False, within=True, most=child.high, nil=child.nillable)
        needed = child.low > 0
        return self._replace(required=self.required and needed, within=self.within and needed, nil=child.nillable)

    def at(self, attribute: Attribute) -> _Place:
        needed = attribute.required
        return self._replace(required=self.required and needed, within=self.within and needed, nil=False)

    def inside(self, kind: Complex) -> _Place:
        abstract = "its group is of an abstract type, and answers name no other" if kind.abstract else ""
        return self._replace(barred=self.barred or kind.shuffled or abstract)


class _Leaves(NamedTuple):
    """Walks a type down to its leaves; ``seen_as`` says what of a group counts, ``entered`` how often one was met."""

    seen_as: Callable[[Complex], Complex]
    entered: Counter[Declared]
    known: dict[Complex, tuple[Complex, Keys]]

    def below(
        self, given: Simple | Complex, path: str, place: _Place, above: tuple[Complex, ...]
    ) -> Iterator[NativeField]:
        if isinstance(given, Simple):
            yield leaf(given, path, place)
            return
        if given in above or len(above) >= DEEPEST:
            yield NativeField(path, "object", None, place.required)
            return
        self.entered[given.declared] += 1
        place = place.inside(given)
        kind, keys = self._seen(given)
        for attribute in kind.attributes:
            yield leaf(attribute.simple, joined(path, keys.attributes[attribute.name]), place.at(attribute))
        if kind.text is not None:
            yield leaf(kind.text, joined(path, TEXT) if kind.attributes or not path else path, place)
        for child in kind.children:
            name = joined(path, keys.children[child.name]) + ("[]" if child.repeated else "")
            yield from self.below(child.type, name, place.of(child), (*above, given))
        if kind.open and path:
            yield NativeField(path, "object", None, False)

    def _seen(self, given: Complex) -> tuple[Complex, Keys]:
        if given not in self.known:
            kind = self.seen_as(given)
            self.known[given] = kind, kind.keys()
        return self.known[given]


def joined(path: str, name: str) -> str:
    step = str(Path((name,)))
    return f"{path}.{step}" if path and not step.startswith("[") else f"{path}{step}"


def leaf(simple: Simple, path: str, place: _Place) -> NativeField:
    """``nil`` also where the text may be empty: what a decision lacks is written so."""
    return NativeField(
        path,
        simple.kind,
        simple.room,
        place.required,
        simple.scale,
        simple.codes,
        simple.signed,
        simple.least,
        place.nil or (not simple.least and simple.kind in ("string", "any")),
        place.most,
        place.within,
        place.barred,
        simple.low,
        simple.high,
        patterned(simple.patterns) if simple.patterns else None,
        " and ".join(" or ".join(step) for step in simple.patterns)[:RULE],
    )

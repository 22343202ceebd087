"""What a JSON Schema (2020-12) says of each leaf, as the facets that mappings of every adapter are held against.

``$ref``, ``allOf``, ``anyOf`` and ``oneOf`` are taken apart into options, in one of which everything holds. What is
said by other means (``not``, ``if``, ``patternProperties`` …) is noted as unproven: ``guard.py`` sees to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any, Final, NamedTuple

from adapters.rest.scalars import kinds_of, scalars
from contracts.mapping.paths import EACH, Path
from gateway.spi import NativeField

Schema = Mapping[str, Any]
Option = tuple[Schema, ...]
"""Schemas all of which hold."""
MOST_OPTIONS: Final = 16
_APART: Final = ("$ref", "allOf", "anyOf", "oneOf")
_UNPROVEN: Final = (
    "not", "if", "dependentRequired", "dependentSchemas", "patternProperties", "propertyNames", "minProperties",
    "maxProperties", "unevaluatedProperties", "unevaluatedItems", "contains", "prefixItems", "uniqueItems",
    "$dynamicRef",
)  # fmt: skip
_NEVER: Final[Schema] = {"enum": []}
_CIRCLE: Final = "$circle"


class Place(NamedTuple):
    """Where a schema stands: ``steps`` lead there, ``needed`` says whether it must be there where ``since`` is, the
    group from which on down that holds. ``note`` is what of the schemas above is unproven, ``fewest`` and ``most``
    bound the list it lies in.
    """

    steps: tuple[Any, ...] = ()
    needed: bool = True
    since: str = ""
    seen: frozenset[str] = frozenset()
    note: str = ""
    fewest: int | None = None
    most: int | None = None

    @property
    def path(self) -> str:
        return str(Path(self.steps)) if self.steps else ""

    @property
    def inner(self) -> str:
        """``since`` of what must be there within this."""
        return self.since if self.needed else self.path


def fields(schema: Schema) -> dict[str, NativeField]:
    """Every leaf the schema declares, by tree path (``applicant.income``, ``items[].price``), and as of the type
    ``group`` what is no leaf and must be there.

    ``room`` is the longest text or the digits before the decimal point, where the schema bounds them.
    """
    walk = _Walk(schema)
    walk.node([schema], Place())
    return walk.found


class _Walk:
    """Follows one schema from its root; ``found`` is what came of it."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self.found: dict[str, NativeField] = {}

    def node(self, schemas: Sequence[Any], place: Place) -> None:
        """What stands at a place, where all of the schemas hold."""
        options, seen, note = self._options(schemas, place.seen)
        place = place._replace(seen=seen, note=place.note or (note and _at(note, place)))
        parts = [option for option in options if _is_group(option)]
        if len(options) == 1 and parts:
            self._group(options[0], place)
        elif not parts:
            self._leaf(options, place)
        else:
            self._either(options, place._replace(needed=False, note=place.note or _at("anyOf or oneOf", place)))

    def _either(self, options: Sequence[Option], place: Place) -> None:
        """Options of which some are groups: each may be written to, none is proven to be the one that holds."""
        for option in options:
            if _is_group(option):
                self._group(option, place)
        leaves = [option for option in options if not _is_group(option)]
        if leaves and place.steps:
            self._leaf(leaves, place)

    def _group(self, option: Option, place: Place) -> None:
        noted = place._replace(note=place.note or _unproven(option, place))
        if place.steps and place.needed:
            self._keep([NativeField(place.path, "group")], place)
        names = dict.fromkeys(name for schema in option for name in schema.get("properties", ()))
        required = {name for schema in option for name in schema.get("required", ())}
        for name in (*names, *sorted(required - names.keys())):
            steps, needed = (*place.steps, name), name in required
            inner = Place(steps, needed, place.inner, place.seen, noted.note, place.fewest, place.most)
            self.node(_members(option, name, "object"), inner)
        if any("items" in schema for schema in option):
            self._items(option, noted)

    def _items(self, option: Option, place: Place) -> None:
        fewest = max((schema.get("minItems", 0) for schema in option), default=0)
        most = min((schema["maxItems"] for schema in option if "maxItems" in schema), default=None)
        bounded = place.fewest is not None or place.most is not None
        note = place.note or (_at("a list within a bounded list", place) if bounded else "")
        inner = Place((*place.steps, EACH), False, place.path, place.seen, note, fewest or None, most)
        self.node(_elements(option), inner)

    def _leaf(self, options: Sequence[Option], place: Place) -> None:
        path, note = place.path, place.note
        leaves = []
        for option in options:
            told = note or _unproven(option, place)
            leaves += [leaf._replace(unproven=told) for leaf in scalars(path, option, circle=_is_circle(option))]
        first = leaves or [NativeField(path, "nothing", barred="the schema allows no value here", nil=False)]
        self._keep(first, place)

    def _keep(self, leaves: Sequence[NativeField], place: Place) -> None:
        """Note a leaf; one that was met before, in another option, may be either."""
        path, since = place.path, place.inner if place.needed else ""
        made = [
            leaf._replace(
                typed=True,
                required=place.needed and not since,
                since=since,
                fewest=place.fewest,
                most=place.most,
            )
            for leaf in (*leaves, *self._before(path, leaves))
        ]
        if path:
            self.found[path] = made[0]._replace(others=tuple(made[1:]))

    def _before(self, path: str, leaves: Sequence[NativeField]) -> Iterator[NativeField]:
        if (known := self.found.get(path)) and known.type != "group" and leaves[0].type != "group":
            yield from (known, *known.others)

    def _options(self, schemas: Sequence[Any], seen: frozenset[str]) -> tuple[list[Option], frozenset[str], str]:
        """The options of several schemas all of which hold, the references followed, and what is unproven of them."""
        taken = _Apart(self._root, seen)
        options = taken.all_of(schemas)
        return options, frozenset(taken.followed), taken.note


class _Apart:
    """Takes schemas apart into options."""

    def __init__(self, root: Schema, seen: frozenset[str]) -> None:
        self._root, self._seen = root, seen
        self.followed: set[str] = set(seen)
        self.note = ""

    def all_of(self, schemas: Iterable[Any]) -> list[Option]:
        return self._product([self._one(schema, self._seen) for schema in schemas])

    def _product(self, factors: Sequence[list[Option]]) -> list[Option]:
        count = 1
        for factor in factors:
            count *= len(factor)
        if count > MOST_OPTIONS:
            self.note = f"the schema has {count} ways here"
            return [sum((factor[0] for factor in factors), ())]
        return [sum(chosen, ()) for chosen in product(*factors)]

    def _one(self, schema: Any, seen: frozenset[str]) -> list[Option]:
        if not isinstance(schema, Mapping):
            return [({},)] if schema is not False else [(_NEVER,)]
        factors: list[list[Option]] = [[({key: value for key, value in schema.items() if key not in _APART},)]]
        if "$ref" in schema:
            factors.append(self._followed(schema["$ref"], seen))
        factors += [self._one(branch, seen) for branch in schema.get("allOf", ())]
        for word in ("anyOf", "oneOf"):
            if word in schema:
                branches = [self._one(branch, seen) for branch in schema[word]]
                if word == "oneOf" and _overlap(branches):
                    self.note = "oneOf between values of one type"
                factors.append([option for branch in branches for option in branch])
        return self._product(factors)

    def _followed(self, reference: str, seen: frozenset[str]) -> list[Option]:
        if reference in seen:
            return [({_CIRCLE: True},)]
        self.followed.add(reference)
        return self._one(resolve(self._root, reference), seen | {reference})


def resolve(root: Schema, reference: str) -> Schema | None:
    """What a reference within the file points at; None where that is nothing."""
    node: Any = root if reference == "#" or reference.startswith("#/") else None
    for step in reference.removeprefix("#").split("/")[1:]:
        node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else None


def _overlap(branches: Sequence[list[Option]]) -> bool:
    """Whether two of them may hold at once, as far as types tell."""
    kinds = [frozenset(kind for option in branch for kind in kinds_of(option)) for branch in branches]
    return any(one & other for one, other in combinations(kinds, 2))


def _is_group(option: Option) -> bool:
    closed = any(schema.get("additionalProperties") is False for schema in option)
    return closed or any(schema.get("properties") or "items" in schema or schema.get("required") for schema in option)


def _is_circle(option: Option) -> bool:
    return any(_CIRCLE in schema for schema in option)


def _members(option: Option, name: str, kind: str) -> list[Any]:
    """The schemas of one member of an object; where the option allows no object, there is no member."""
    found: list[Any] = [] if kind in kinds_of(option) else [False]
    for schema in option:
        if name in schema.get("properties", ()):
            found.append(schema["properties"][name])
        elif "additionalProperties" in schema:
            found.append(schema["additionalProperties"])
    return found or [{}]


def _elements(option: Option) -> list[Any]:
    found = [schema["items"] for schema in option if "items" in schema]
    return found if "array" in kinds_of(option) else [False, *found]


def _unproven(option: Option, place: Place) -> str:
    words = [word for word in _UNPROVEN if any(schema.get(word, False) is not False for schema in option)]
    closed = any(schema.get("additionalProperties", True) is not True for schema in option)
    words += ["additionalProperties"] if closed and not _is_group(option) else []
    words += ["a circle of references"] if _is_circle(option) else []
    return _at(", ".join(words), place) if words else ""


def _at(words: str, place: Place) -> str:
    return f"{words} at {place.path or 'the root'} of the schema"

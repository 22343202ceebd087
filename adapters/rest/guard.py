"""The last look at an answer before it leaves: what no mapping can be proven to keep is held against the schema.

Lint proves kinds, codes, lengths and what must be there. Bounds and patterns of numbers and texts that the contract
leaves wider hold for most values and not for all, so they are looked at in each answer; where the schema speaks by
other means, jsonschema judges the whole answer, which costs more than all else that is done for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from adapters.rest.leaves import fields
from contracts.errors import InternalFault
from contracts.mapping.paths import Path, getter
from contracts.mapping.room import interval, within
from gateway.spi import NativeField, Tree


class Guard:
    """One answer schema. Pure; safe to share between threads."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self.fields = fields(schema)
        leaves = [(path, (leaf, *leaf.others)) for path, leaf in self.fields.items()]
        bounded = [(path, either) for path, either in leaves if any(map(_is_bounded, either))]
        self._watched = [(path, _reader(path), either) for path, either in bounded]
        self._whole = any(leaf.unproven for _, either in leaves for leaf in either)

    def check(self, tree: Tree) -> None:
        """Raises InternalFault where an answer breaks the schema; the message names the place, and no value."""
        if self._whole:
            self._judge(tree)
        for path, read, either in self._watched:
            if not all(_holds(value, either) for value in read(tree)):
                raise InternalFault(f"the answer breaks its schema at {path}: {_wanted(either)}")

    @cached_property
    def _validator(self) -> Any:
        from jsonschema.validators import Draft202012Validator

        return Draft202012Validator(_exact(self._schema))

    def _judge(self, tree: Tree) -> None:
        try:
            wrong = next(self._validator.iter_errors(tree), None)
        except (InvalidOperation, RecursionError, re.error) as exc:
            raise InternalFault(f"the answer cannot be held against its schema: {type(exc).__name__}") from exc
        if wrong is not None:
            place = "/".join(map(str, wrong.absolute_path))
            raise InternalFault(f"the answer breaks its schema at /{place}: {wrong.validator}")


def _reader(text: str) -> Callable[[Tree], list[Any]]:
    """What reads the values at a path; of one too long to be mapped there are none."""
    try:
        path = Path.parse(text)
    except ValueError:
        return lambda _tree: []
    if path.names is None:
        return lambda tree: path.walk(tree).values
    get = getter(path)
    return lambda tree: [get(tree)]


def _is_bounded(leaf: NativeField) -> bool:
    return leaf.texts is not None or leaf.low is not None or leaf.high is not None


def _holds(value: Any, either: tuple[NativeField, ...]) -> bool:
    """Whether a value is one of what its leaf may be; that it is of a right kind is proven."""
    alike = [leaf for leaf in either if _is_alike(value, leaf)]
    return not alike or any(_fits(value, leaf) for leaf in alike)


def _is_alike(value: Any, leaf: NativeField) -> bool:
    if isinstance(value, str):
        return leaf.type in ("string", "date", "date-time", "any")
    return isinstance(value, int | Decimal) and type(value) is not bool and leaf.type in ("integer", "number", "any")


def _fits(value: Any, leaf: NativeField) -> bool:
    if not isinstance(value, str) and not within(value, leaf):
        return False
    return leaf.texts is None or leaf.texts.accepts(value if isinstance(value, str) else f"{value:f}")


def _wanted(either: tuple[NativeField, ...]) -> str:
    return " or ".join(leaf.rule or interval(leaf) for leaf in either if _is_bounded(leaf))


def _exact(node: Any) -> Any:
    """The schema with decimals for its floats: answers hold exact ones, and 0.07 is a multiple of 0.01."""
    if isinstance(node, dict):
        return {key: _exact(child) for key, child in node.items()}
    if isinstance(node, list):
        return [_exact(child) for child in node]
    return Decimal(str(node)) if isinstance(node, float) else node

"""Finds native data that nothing reads: a renamed field must not become a silent blank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from contracts.mapping.paths import Path
from contracts.mapping.tree import BESIDE

MOST: Final = 20
"""So many unknown places are listed at most."""
LONGEST: Final = 120


class Shape:
    """The names known at one level of a tree. A level that is itself read, or ignored as a whole, is ``closed``."""

    __slots__ = ("closed", "groups", "known", "names")

    def __init__(self) -> None:
        self.names: dict[str, Shape] = {}
        self.groups: tuple[tuple[str, Shape], ...] = ()
        self.known: frozenset[str] = frozenset()
        self.closed = False

    def add(self, names: Iterable[str]) -> None:
        shape = self
        for name in names:
            shape = shape.names.setdefault(name, Shape())
        shape.closed = True

    def seal(self) -> None:
        for child in self.names.values():
            child.seal()
        self.known = frozenset(self.names)
        self.groups = tuple((name, child) for name, child in self.names.items() if child.names)


class UnknownFields:
    """Compiled from every path that is read, or ignored on purpose; ``header`` and ``lookup`` are not the sender's."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._root = Shape()
        for path in paths:
            self._root.add(step for step in path.steps if isinstance(step, str))
        for name in BESIDE:
            self._root.names[name] = Shape()
        self._root.seal()

    def rows(self, trees: Sequence[Mapping[str, Any]]) -> list[int]:
        """Positions of the trees in which ``find`` would name a place, at a third of the price; a tenth where all that
        is known lies at one level.
        """
        root = self._root
        if root.groups:
            return [row for row, tree in enumerate(trees) if not _familiar(tree, root)]
        return [row for row, familiar in enumerate(map(root.known.issuperset, trees)) if not familiar]

    def find(self, tree: Mapping[str, Any]) -> list[str]:
        """Paths of the topmost unknown places, sorted, at most ``MOST``."""
        return sorted(islice(_strange(tree, self._root, ()), MOST))


def _familiar(node: Any, shape: Shape) -> bool:
    if type(node) is not dict or shape.closed:
        return next(_strange(node, shape, ()), None) is None
    if not shape.known.issuperset(node):
        return False
    for name, child in shape.groups:  # noqa: SIM110 # a generator costs as much as the work
        if name in node and not _familiar(node[name], child):
            return False
    return True


def _strange(node: Any, shape: Shape, above: tuple[str | int, ...]) -> Iterator[str]:
    if shape.closed:
        return
    if isinstance(node, dict):
        if not node.keys() <= shape.names.keys():
            for name in node.keys() - shape.names.keys():
                yield _spelled((*above, str(name)))
        for name, child in shape.groups:
            if name in node:
                yield from _strange(node[name], child, (*above, name))
    elif isinstance(node, list):
        for position, item in enumerate(node):
            if isinstance(item, dict | list):
                yield from _strange(item, shape, (*above, position))


def _spelled(steps: tuple[str | int, ...]) -> str:
    return str(Path(steps))[:LONGEST]

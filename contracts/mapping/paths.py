"""One path syntax for every native tree: ``a.b[0].@attr``, ``items[].x``, ``["a name with . or ["].y``.

A name is any text without ``. [ ] "`` and control characters, and without blanks at its ends; other names stand quoted
in brackets. ``[n]`` is one position, ``[]`` every element. A tree is dict, list, str, int, Decimal, bool and None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

MAX_STEPS = 20
_INNER = r'.\[\]"\x00-\x1f\x7f\ud800-\udfff'
_PLAIN = re.compile(rf"[^\s{_INNER}](?:[^{_INNER}]*[^\s{_INNER}])?")
_QUOTED = re.compile(r'\[("(?:[^"\\]|\\.)*")\]')
_INDEX = re.compile(r"\[([0-9]{0,4})\]", re.ASCII)


class Mark(Enum):
    """What stands in a path or comes back from a walk that is no name and no native value."""

    EACH = "[]"
    ABSENT = "absent"
    MISFIT = "misfit"


EACH: Final = Mark.EACH
"""The step ``[]``: every element of a list."""
ABSENT: Final = Mark.ABSENT
"""Nothing stands at the path."""
MISFIT: Final = Mark.MISFIT
"""A single value stands on the way where the path needs a group."""

Step: TypeAlias = str | int | Mark


class Found(NamedTuple):
    """What a walk found. ``undeclared``: a list was met where the path does not say ``[]``."""

    values: list[Any]
    undeclared: bool


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path; ``str(path)`` is its one canonical spelling.

    >>> str(Path.parse('Applicant.Residence.@status'))
    'Applicant.Residence.@status'
    """

    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str) -> Path:
        """Raises ValueError saying at which character the text stops being a path."""
        steps: list[Step] = []
        at = 0
        while at < len(text) or not steps:
            step, at = _next_step(text, at, first=not steps)
            steps.append(step)
        if len(steps) > MAX_STEPS:
            raise ValueError(f"a path of {len(steps)} steps is longer than {MAX_STEPS}")
        return cls(tuple(steps))

    def __str__(self) -> str:
        return "".join(_spell(step, first=index == 0) for index, step in enumerate(self.steps))

    @property
    def names(self) -> tuple[str, ...] | None:
        """The steps when all of them are plain names, else None."""
        names = tuple(step for step in self.steps if isinstance(step, str))
        return names if len(names) == len(self.steps) else None

    @property
    def open(self) -> str:
        """The spelling with every position replaced by ``[]``: how schemas name the path."""
        return str(Path(tuple(EACH if isinstance(step, int) else step for step in self.steps)))

    def walk(self, tree: Any) -> Found:
        """Every value at the path; an empty list is met as no value at all. Never raises.

        A null or an empty text on the way comes back as itself, a missing name as ABSENT, a single value where a group
        is needed as MISFIT. An element that is not repeated counts as a list of one, as XML has it.
        """
        nodes, undeclared = [tree], False
        for step in self.steps:
            if isinstance(step, str) and any(isinstance(node, list) for node in nodes):
                nodes, undeclared = _flat(nodes), True
            nodes = [found for node in nodes for found in _descend(node, step)]
        if self.steps[-1] is not EACH and any(isinstance(node, list) for node in nodes):
            nodes, undeclared = _flat(nodes), True
        return Found(nodes, undeclared)

    def get(self, tree: Any) -> Any:
        """The one value at the path; ABSENT where there is none or more than one."""
        values = self.walk(tree).values
        return values[0] if len(values) == 1 else ABSENT


def leading_steps(text: str) -> tuple[Step, ...]:
    """The steps of a path that may have been cut short, or be longer than one: those up to where it stops being a path.

    >>> leading_steps('["a.b"].c[0]["cut sho')
    ('a.b', 'c', 0)
    """
    steps: list[Step] = []
    at = 0
    with suppress(ValueError):
        while at < len(text):
            step, at = _next_step(text, at, first=not steps)
            steps.append(step)
    return tuple(steps)


def _next_step(text: str, at: int, *, first: bool) -> tuple[Step, int]:
    if quoted := _QUOTED.match(text, at):
        return _unquote(quoted.group(1), at), quoted.end()
    if not first and (index := _INDEX.match(text, at)):
        return (int(index.group(1)) if index.group(1) else EACH), index.end()
    if not first and text.startswith(".", at):
        at += 1
    elif not first:
        raise ValueError(f"expected . or [ at character {at + 1}")
    name = _PLAIN.match(text, at)
    if not name:
        raise ValueError(f"expected a name at character {at + 1}")
    return name.group(), name.end()


def _unquote(text: str, at: int) -> str:
    try:
        return str(json.loads(text))
    except ValueError as exc:
        raise ValueError(f"the quoted name at character {at + 1} is not a JSON string") from exc


def _spell(step: Step, *, first: bool) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if isinstance(step, Mark):
        return step.value
    if not _PLAIN.fullmatch(step):
        return f"[{json.dumps(step)}]"
    return step if first else f".{step}"


def _flat(nodes: Iterable[Any]) -> list[Any]:
    return [item for node in nodes for item in (node if isinstance(node, list) else [node])]


def _descend(node: Any, step: Step) -> list[Any]:
    if step is EACH:
        return node if isinstance(node, list) else [] if node is ABSENT else [node]
    if isinstance(step, int):
        return [_position(node, step)]
    if isinstance(node, Mapping):
        return [node.get(step, ABSENT)]
    return [node if node is None or node == "" or isinstance(node, Mark) else MISFIT]


def _position(node: Any, position: int) -> Any:
    if isinstance(node, list):
        return node[position] if position < len(node) else ABSENT
    return node if position == 0 else ABSENT


def getter(path: Path) -> Callable[[Any], Any]:
    """The value at the path, compiled for plain names; ABSENT where there is not exactly one."""
    names = path.names
    if names is None:
        return path.get
    *above, last = names

    def get(tree: Any) -> Any:
        try:
            node = tree
            for name in above:
                node = node[name]
            value = node[last]
        except KeyError:
            return ABSENT
        except TypeError:
            return path.get(tree)
        return path.get(tree) if isinstance(value, list) else value

    return get

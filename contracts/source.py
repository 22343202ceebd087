"""Configuration files as data that remembers where it stood: every fault can name file, line and column.

YAML 1.2: libyaml, through PyYAML, takes the text apart, and ruamel.yaml makes of it what YAML 1.2 says; together they
need a third of the time of ruamel.yaml alone, and every start reads the contracts. Duplicate keys, merge keys, anchors
and aliases (which can blow a small file up to gigabytes), custom tags, nesting beyond ``MAX_DEPTH``, whole numbers over
``MAX_DIGITS``, files over ``MAX_BYTES`` and anything but one document are refused; so are the characters that YAML 1.1,
which libyaml speaks, takes for the end of a line or for nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml as pyyaml
from ruamel.yaml import YAML, events
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.tag import Tag
from yaml.cyaml import CParser

from contracts.errors import ConfigurationError, Fault

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
"""Levels of a file; ODCS needs about ten. The parser's time grows with the square of them."""
_SPECIAL = re.compile("[\x85\u2028\u2029]|(?<=.)\ufeff", re.DOTALL)
MAX_DIGITS = 100
"""Of a whole number: no other limit is as high, and what reads numbers can rely on it."""
_LONG = re.compile(rf"[-+]?(?:0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+|[0-9_]+)(?<=.{{{MAX_DIGITS + 1}}})")
_PLAIN_TAG = re.compile(r"tag:yaml\.org,2002:(str|int|float|bool|null|seq|map)$")

Location = tuple[int, int]
Path_ = tuple[str | int, ...]
Place = tuple[Path_, bool]
"""A value by its path, or with True the key that stands before it."""


class Source:
    """One parsed YAML file: ``data`` in plain Python types; ``at(path)`` tells line and column, from 1.

    >>> s = Source.parse("a:\\n  b: 1\\n", "x.yaml")
    >>> s.data, s.at(("a", "b"))
    ({'a': {'b': 1}}, (2, 3))
    """

    def __init__(
        self, file: str, data: Any, locations: Mapping[Path_, Location], altered: Mapping[Place, str] | None = None
    ) -> None:
        self.file = file
        self.data = data
        self._locations = locations
        self._altered = altered or {}

    @classmethod
    def read(cls, path: Path, name: str | None = None) -> Source:
        """Read a file; raises ConfigurationError naming the file when it is missing, too large or not YAML."""
        name = name or str(path)
        return cls.of(content_of(path, name), name)

    @classmethod
    def of(cls, content: bytes, name: str) -> Source:
        """The content of a file; raises ConfigurationError naming the file when it is not UTF-8 or not YAML."""
        try:
            return cls.parse(content.decode("utf-8"), name)
        except UnicodeDecodeError as exc:
            raise ConfigurationError([Fault(name, 0, 0, f"is not UTF-8 at byte {exc.start}")]) from exc

    @classmethod
    def parse(cls, text: str, name: str) -> Source:
        _check_special(text, name)
        yaml = _yaml(text)
        try:
            raw = yaml.load(text)
        except _Refused as exc:
            raise ConfigurationError([Fault(name, exc.mark.line + 1, exc.mark.column + 1, *exc.words)]) from exc
        except (MarkedYAMLError, pyyaml.MarkedYAMLError) as exc:
            mark = exc.problem_mark or exc.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
            context = exc.context if isinstance(exc, pyyaml.MarkedYAMLError) else None
            message = " ".join(": ".join(filter(None, (context, exc.problem))).split()) or "not valid YAML"
            hint = "keep one of them" if "duplicate key" in message else "correct it at or before this place"
            raise ConfigurationError([Fault(name, line, column, message, hint)]) from exc
        except (YAMLError, pyyaml.YAMLError, ValueError, RecursionError) as exc:
            raise ConfigurationError([Fault(name, 0, 0, f"is not valid YAML: {type(exc).__name__}")]) from exc
        reading = _Reading(yaml.constructor.scalars)
        return cls(name, reading.plain(raw, ()), reading.locations, reading.altered)

    @classmethod
    def around(cls, file: Path, key: str, given: Mapping[str, Any]) -> Source:
        """The file that holds ``given`` under ``key``, so that faults have lines; where it does not, that alone."""
        try:
            source = cls.read(file)
            if isinstance(source.data, dict) and source.data.get(key) == given:
                return source
        except ConfigurationError:
            pass
        return cls(str(file), {key: dict(given)}, {(): (0, 0)})

    def at(self, path: Sequence[str | int]) -> Location:
        """Line and column of the key at ``path``, or of its nearest parent that is in the file; both from 1."""
        here = tuple(path)
        while here not in self._locations:
            here = here[:-1]
        return self._locations[here]

    def altered(self, path: Sequence[str | int], *, key: bool = False) -> str:
        """The text of the value at ``path``, or of its key, where YAML makes something else of it, as it does of 007;
        else empty.

        >>> Source.parse("{a: 0x1F, 010: 7}", "x.yaml").altered(("a",))
        '0x1F'
        """
        return self._altered.get((tuple(path), key), "")

    def fault(self, path: Sequence[str | int], message: str, hint: str = "", severity: str = "error") -> Fault:
        line, column = self.at(path)
        return Fault(self.file, line, column, message, hint, severity)


def content_of(path: Path, name: str) -> bytes:
    """The bytes of a file; raises ConfigurationError, calling it by this name, when it is missing or too large."""
    try:
        if path.stat().st_size > MAX_BYTES:
            hint = "split it: no configuration needs as much"
            raise ConfigurationError([Fault(name, 0, 0, f"file is larger than {MAX_BYTES} bytes", hint)])
        return path.read_bytes()
    except OSError as exc:
        raise ConfigurationError([Fault(name, 0, 0, f"cannot be read: {exc.strerror or exc}")]) from exc


def _check_special(text: str, name: str) -> None:
    if found := _SPECIAL.search(text):
        line, column = text.count("\n", 0, found.start()) + 1, found.start() - text.rfind("\n", 0, found.start())
        message, hint = f"the character U+{ord(found[0]):04X} is not allowed", "write it as an escape in double quotes"
        raise ConfigurationError([Fault(name, line, column, message, hint)])


class _Refused(Exception):
    """Valid YAML that is not taken: where it stands, what it is, and what to do instead."""

    def __init__(self, mark: Any, words: tuple[str, str]) -> None:
        super().__init__(words[0])
        self.mark, self.words = mark, words


class _Parser:
    """libyaml's events as ruamel.yaml's composer asks for them; refuses one before anything is made of it."""

    def __init__(self, text: str, loader: Any) -> None:  # noqa: ARG002 # ruamel.yaml gives it
        self._events = CParser(text)
        self._depth = 0
        self._next: Any = None

    def check_event(self, *kinds: type[events.Event]) -> bool:
        return isinstance(self.peek_event(), kinds)

    def peek_event(self) -> Any:
        if self._next is None:
            self._next = self._checked(self._events.get_event())
        return self._next

    def get_event(self) -> Any:
        event, self._next = self.peek_event(), None
        return event

    def dispose(self) -> None:
        self._events.dispose()

    def _checked(self, event: Any) -> events.Event:
        self._depth += isinstance(event, pyyaml.CollectionStartEvent) - isinstance(event, pyyaml.CollectionEndEvent)
        deep = (f"nests deeper than {MAX_DEPTH} levels", "flatten it") if self._depth > MAX_DEPTH else None
        if words := _refusal(event) or deep:
            raise _Refused(event.start_mark, words)
        return _translated(event)


def _translated(event: Any) -> events.Event:
    kind: Callable[..., events.Event] = getattr(events, type(event).__name__)
    marks = (event.start_mark, event.end_mark)
    if not isinstance(event, pyyaml.NodeEvent):
        return kind(*marks)
    tag = None if event.tag is None else Tag(suffix=event.tag)
    if isinstance(event, pyyaml.ScalarEvent):
        return kind(None, tag, event.implicit, event.value, *marks, style=event.style or None)
    return kind(None, tag, event.implicit, *marks, flow_style=event.flow_style)


class _Constructor(RoundTripConstructor):
    """Leaves dates and times as they are written: configuration speaks ISO 8601 text, and its readers check it.

    ``scalars`` are the texts of numbers and truths, by line and column from 0.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.scalars: dict[Location, str] = {}


def _remembered(tag: str) -> Callable[[_Constructor, Any], Any]:
    construct = RoundTripConstructor.yaml_constructors[tag]

    def remember(constructor: _Constructor, node: Any) -> Any:
        constructor.scalars[node.start_mark.line, node.start_mark.column] = node.value
        return construct(constructor, node)

    return remember


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)
for _tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"):
    _Constructor.add_constructor(_tag, _remembered(_tag))


def _yaml(text: str) -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.Parser, yaml.Constructor = partial(_Parser, text), _Constructor
    return yaml


def nearest(word: object, known: Iterable[object]) -> str:
    """``did you mean 'x'?`` for the closest known word, or the empty string; a file may give anything for a word."""
    found = difflib.get_close_matches(str(word), list(map(str, known)), n=1, cutoff=0.6)
    return f"did you mean {found[0]!r}?" if found else ""


def _refusal(event: Any) -> tuple[str, str] | None:
    """What is refused, and what to do instead."""
    if isinstance(event, pyyaml.AliasEvent) or (isinstance(event, pyyaml.NodeEvent) and event.anchor):
        return "anchors and aliases are not allowed", "write the value out wherever it stands"
    if isinstance(event, pyyaml.ScalarEvent) and event.value == "<<" and not event.style:
        return "merge keys are not allowed", "write the values out; where << is a text, put it in quotes"
    if isinstance(event, pyyaml.ScalarEvent) and not event.style and _LONG.fullmatch(event.value):
        return f"a number has more than {MAX_DIGITS} digits", "where it is a text, put it in quotes"
    if isinstance(event, pyyaml.DocumentStartEvent) and event.version not in (None, (1, 2)):
        return "only YAML 1.2 is allowed", "leave out the line that begins with %YAML"
    tag = getattr(event, "tag", None)
    if tag and not _PLAIN_TAG.match(tag):
        return f"the tag {tag} is not allowed", "write a plain value"
    return None


def text_of(value: object) -> str:
    """The text that YAML reads as this text, number or truth, and does not alter."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Reading:
    """Makes plain data of ruamel.yaml's; notes where everything stood, and what was written another way."""

    def __init__(self, scalars: Mapping[Location, str]) -> None:
        self._scalars = scalars
        self.locations: dict[Path_, Location] = {(): (1, 1)}
        self.altered: dict[Place, str] = {}

    def plain(self, node: Any, path: Path_) -> Any:
        if isinstance(node, Mapping):
            return {key: self._member(node, key, path) for key in node}
        if isinstance(node, list):
            return [self._item(node, index, path) for index in range(len(node))]
        if isinstance(node, bool) or node is None:
            return node
        for kind in (int, float, str):
            if isinstance(node, kind):
                return kind(node)
        return str(node)

    def _member(self, node: Any, key: Any, path: Path_) -> Any:
        here = (*path, str(key))
        self._compare((here, True), key, node.lc.key(key))
        return self._child(node[key], here, node.lc.key(key), node.lc.value(key))

    def _item(self, node: Any, index: int, path: Path_) -> Any:
        position = node.lc.item(index)
        return self._child(node[index], (*path, index), position, position)

    def _child(self, child: Any, here: Path_, named: Location, begins: Location) -> Any:
        self.locations[here] = (named[0] + 1, named[1] + 1)
        value = self.plain(child, here)
        self._compare((here, False), value, begins)
        return value

    def _compare(self, place: Place, value: Any, position: Location) -> None:
        text = self._scalars.get((position[0], position[1]))
        if text is not None and not isinstance(value, dict | list) and text != text_of(value):
            self.altered[place] = text

"""Configuration files as data that remembers where it stood: every fault can name file, line and column.

YAML 1.2 through ruamel.yaml's round-trip loader. Duplicate keys, merge keys, anchors and aliases (which can blow a
small file up to gigabytes), custom tags, nesting beyond ``MAX_DEPTH``, files over ``MAX_BYTES`` and anything but one
document are refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent, ScalarEvent
from ruamel.yaml.parser import RoundTripParser

from contracts.errors import ConfigurationError, Fault

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
"""Levels of a file; ODCS needs about ten. The parser's time grows with the square of them."""
_PLAIN_TAG = re.compile(r"tag:yaml\.org,2002:(str|int|float|bool|null|seq|map)$")

Location = tuple[int, int]
Path_ = tuple[str | int, ...]


class Source:
    """One parsed YAML file: ``data`` in plain Python types; ``at(path)`` tells line and column, from 1.

    >>> s = Source.parse("a:\\n  b: 1\\n", "x.yaml")
    >>> s.data, s.at(("a", "b"))
    ({'a': {'b': 1}}, (2, 3))
    """

    def __init__(self, file: str, data: Any, locations: Mapping[Path_, Location]) -> None:
        self.file = file
        self.data = data
        self._locations = locations

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
        try:
            raw = _yaml().load(text)
        except _Refused as exc:
            raise ConfigurationError([Fault(name, exc.mark.line + 1, exc.mark.column + 1, *exc.words)]) from exc
        except MarkedYAMLError as exc:
            mark = exc.problem_mark or exc.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
            message = " ".join(str(exc.problem or exc.context or "not valid YAML").split())
            hint = "keep one of them" if "duplicate key" in message else "correct it at or before this place"
            raise ConfigurationError([Fault(name, line, column, message, hint)]) from exc
        except (YAMLError, ValueError, RecursionError) as exc:
            raise ConfigurationError([Fault(name, 0, 0, f"is not valid YAML: {type(exc).__name__}")]) from exc
        locations: dict[Path_, Location] = {(): (1, 1)}
        return cls(name, _plain(raw, (), locations), locations)

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


class _Refused(Exception):
    """Valid YAML that is not taken: where it stands, what it is, and what to do instead."""

    def __init__(self, mark: Any, words: tuple[str, str]) -> None:
        super().__init__(words[0])
        self.mark, self.words = mark, words


class _Parser(RoundTripParser):
    """Refuses an event before anything is made of it."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self._depth = 0

    def get_event(self) -> Any:
        event = super().get_event()
        self._depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        deep = (f"nests deeper than {MAX_DEPTH} levels", "flatten it") if self._depth > MAX_DEPTH else None
        if words := _refusal(event) or deep:
            raise _Refused(event.start_mark, words)
        return event


class _Constructor(RoundTripConstructor):
    """Leaves dates and times as they are written: configuration speaks ISO 8601 text, and its readers check it."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.Parser, yaml.Constructor = _Parser, _Constructor
    return yaml


def nearest(word: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` for the closest known word, or the empty string."""
    found = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f"did you mean {found[0]!r}?" if found else ""


def _refusal(event: Any) -> tuple[str, str] | None:
    """What is refused, and what to do instead."""
    if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
        return "anchors and aliases are not allowed", "write the value out wherever it stands"
    if isinstance(event, ScalarEvent) and event.value == "<<" and event.style is None:
        return "merge keys are not allowed", "write the values out; where << is a text, put it in quotes"
    tag = getattr(event, "tag", None)
    if tag and not _PLAIN_TAG.match(str(tag)):
        return f"the tag {tag} is not allowed", "write a plain value"
    return None


def _plain(node: Any, path: Path_, locations: dict[Path_, Location]) -> Any:
    if isinstance(node, Mapping):
        return {key: _child(node, key, path, locations) for key in node}
    if isinstance(node, list):
        return [_child(node, index, path, locations) for index in range(len(node))]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return str(node)


def _child(node: Any, key: Any, path: Path_, locations: dict[Path_, Location]) -> Any:
    positions = node.lc
    here = (*path, key if isinstance(node, list) else str(key))
    line, column = positions.item(key) if isinstance(node, list) else positions.key(key)
    locations[here] = (line + 1, column + 1)
    return _plain(node[key], here, locations)

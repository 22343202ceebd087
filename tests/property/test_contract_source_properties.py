"""What we read of a YAML file is what ruamel.yaml reads of it alone, each value in the same place."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from contracts.errors import ConfigurationError
from contracts.source import Source

PIECES = (
    "a", "b c", "ä", "🙂", "1", "-1", "1.50", "0o17", "017", "0x1F", "1_000", "1e3", ".inf", "1:30", "true", "Yes",
    "null", "~", "'x''y'", '"\\u0041\\/"', '"a\nb"', "|\n  x\n   y\n", ">-\n  x\n  y\n", "# said\n", "!!str ", "?",
    ": ", ":", "- ", "-", ",", ", ", "{", "}", "[", "]", "\n", "\n  ", "\n    ", "\n- ", "\na: ", "\n  b: ", " ",
    "\r\n", "---\n", "...\n", "<", "no", '"', "'", "#", "%", "@", "=", "\ufeff",
)  # fmt: skip
Reading = tuple[Any, list[tuple[Any, ...]]]


def places(node: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Path, line and column of everything below."""
    found = []
    for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        line, column = node.lc.key(key) if isinstance(node, dict) else node.lc.item(key)
        path = (*here, str(key) if isinstance(node, dict) else key)
        found += [(path, line + 1, column + 1), *places(node[key], path)]
    return found


def read_by_ruamel(text: str) -> Reading | None:
    """None where it refuses the text."""
    try:
        return YAML(typ="safe", pure=True).load(text), places(YAML(typ="rt", pure=True).load(text))
    except (YAMLError, ValueError):
        return None


def read_by_us(text: str) -> Reading | None:
    try:
        source = Source.parse(text, "x.yaml")
    except ConfigurationError:
        return None
    ours = [(path, *source.at(path)) for path in source._locations if path]
    return source.data, ours


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@example("a: [1, 2.50, {b: c}]\nd:\n- e: 0o17\n  f: 'no'\n")
@example("%YAML 1.2\n---\na: yes\n")
@example('a: "x"\r\nb: |\r\n  y\r\n')
@example("? a\n: b\n")
def test_what_is_read_is_what_yaml_1_2_says(text: str) -> None:
    ours, theirs = read_by_us(text), read_by_ruamel(text)
    if ours is not None and theirs is not None:
        assert repr(ours) == repr(theirs)

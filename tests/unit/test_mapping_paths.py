"""Paths: one spelling, and what a walk finds."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.mapping.paths import ABSENT, MISFIT, Path, getter

TREE: dict[str, Any] = {
    "a": {"b": [{"@x": 1}, {"@x": 2}], "none": None, "empty": "", "one": 7, "list": [3]},
    "items": [{"n": 1}, {"n": [5, 6]}],
    "single": {"n": 9},
    "odd.name": {"[x]": 4},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.one", [7]),
        ("a.b[1].@x", [2]),
        ("a.b[5].@x", [ABSENT]),
        ("a.b[].@x", [1, 2]),
        ("a.gone.x", [ABSENT]),
        ("a.none.x", [None]),
        ("a.empty.x", [""]),
        ("a.one.x", [MISFIT]),
        ("single[].n", [9]),
        ("single[0].n", [9]),
        ("gone[].n", []),
        ('["odd.name"]["[x]"]', [4]),
    ],
)
def test_a_walk_finds_what_stands_there(path: str, found: list[Any]) -> None:
    assert Path.parse(path).walk(TREE).values == found


def test_a_walk_tells_of_lists_the_path_does_not_speak_of() -> None:
    assert Path.parse("a.b.@x").walk(TREE) == ([1, 2], True)
    assert Path.parse("items[].n").walk(TREE) == ([1, 5, 6], True)
    assert Path.parse("a.b[].@x").walk(TREE) == ([1, 2], False)


@pytest.mark.parametrize(
    "path", ["a.one", "a.b[1].@x", "a.list", "a.b.@x", "nowhere", "a.one.x", '["odd.name"]["[x]"]']
)
def test_a_getter_gives_what_the_walk_gives(path: str) -> None:
    parsed = Path.parse(path)
    assert getter(parsed)(TREE) == parsed.get(TREE)


@pytest.mark.parametrize(
    ("text", "at"),
    [("", 1), (".a", 1), ("a.", 3), ("a..b", 3), ("a b [", 4), ("a[x]", 2), ("a[-1]", 2), ("[0]", 1), ('["a', 1)],
)
def test_what_is_no_path_says_where_it_breaks(text: str, at: int) -> None:
    with pytest.raises(ValueError, match=f"character {at}"):
        Path.parse(text)


def test_a_path_of_many_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 20"):
        Path.parse(".".join("a" * 21))


def test_schemas_name_a_position_like_any_element() -> None:
    assert Path.parse("a.b[3].c").open == "a.b[].c"

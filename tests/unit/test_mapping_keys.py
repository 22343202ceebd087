"""The keys of a message."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.mapping.keys import KeyMap, Keys
from contracts.mapping.paths import Path

KEYS = KeyMap(
    {"business": Path.parse("app.id"), "request": Path.parse("header.key"), "correlation": Path.parse("header.trace")}
)


def test_keys_are_read_as_text() -> None:
    tree = {"app": {"id": 4711}, "header": {"key": "k-1", "trace": "t"}}
    assert KEYS.read(tree) == (Keys("4711", "k-1", "t"), [])


@pytest.mark.parametrize("header", [{}, {"key": None, "trace": ""}])
def test_only_the_business_key_must_be_there(header: dict[str, Any]) -> None:
    assert KEYS.read({"app": {"id": "A"}, "header": header}) == (Keys("A", "", ""), [])


@pytest.mark.parametrize("app", [{}, {"id": None}, {"id": ""}, None, "x", {"id": []}])
def test_a_message_about_no_application_is_a_problem(app: Any) -> None:
    keys, problems = KEYS.read({"app": app})
    assert keys.business == ""
    assert [p.path for p in problems] == ["native:app.id"]
    assert problems[0].code in ("missing_key", "bad_key")


@pytest.mark.parametrize("key", ["x" * 129, " A", "A ", "a\nb", "a\x00", True, 1.5, {"a": 1}])
def test_a_key_that_could_be_mistaken_is_a_problem(key: Any) -> None:
    _, problems = KEYS.read({"app": {"id": key}})
    assert [(p.code, p.rule) for p in problems] == [("bad_key", "keys.business")]
    assert "1 to 128 characters" in problems[0].expected


def test_a_key_that_is_there_twice_is_a_problem_and_not_absent() -> None:
    paths = {"business": Path.parse("id"), "request": Path.parse("head.key")}
    keys, problems = KeyMap(paths).read({"id": "A1", "head": [{"key": "R1"}, {"key": "R2"}]})
    assert keys == Keys("A1", "", "")
    assert [(one.code, one.rule, one.seen) for one in problems] == [
        ("bad_key", "keys.request", "2 values where one is expected")
    ]

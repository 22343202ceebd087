"""YAML files: what is taken, what is refused, and where it is said to stand."""

from __future__ import annotations

import pytest

from contracts.errors import ConfigurationError
from contracts.source import MAX_DEPTH, Source


def test_values_are_those_of_yaml_1_2_and_dates_stay_as_written() -> None:
    source = Source.parse("a: [yes, no, on, 017, 0o17, 1_0, ~, true, 1.50]\nb: 2026-01-02\nc: 1:30\n", "x.yaml")
    assert source.data == {
        "a": ["yes", "no", "on", 17, 15, 10, None, True, 1.5],
        "b": "2026-01-02",
        "c": "1:30",
    }


def test_long_texts_of_digits_and_numbers_of_a_hundred_digits_are_taken() -> None:
    text = f"a: '{'9' * 5000}'\nb: {'9' * 100}\nc: {'f' * 500}\nd: 0.{'1' * 500}\n"
    data = Source.parse(text, "x.yaml").data
    assert (data["a"], data["b"], data["c"]) == ("9" * 5000, int("9" * 100), "f" * 500)
    assert data["d"] == pytest.approx(1 / 9)


def test_every_value_has_its_line_and_column() -> None:
    source = Source.parse("# said\na:\n- ä: {🙂: 1, c: x}\n", "x.yaml")
    assert [source.at(path) for path in [("a",), ("a", 0), ("a", 0, "ä", "c"), ("a", 0, "gone")]] == [
        (2, 1), (3, 3), (3, 13), (3, 3),
    ]  # fmt: skip


def test_a_number_that_was_written_another_way_is_remembered() -> None:
    source = Source.parse('a: {01: 1, x: 0x1F, y: "07", z: 1.50, t: True}\nb:\n  0b1: 2\nc: [2, +2]\n', "x.yaml")
    places = [("a", "x"), ("a", "y"), ("a", "z"), ("a", "t"), ("b",), ("c", 0), ("c", 1), ("gone",)]
    assert [source.altered(path) for path in places] == ["0x1F", "", "1.50", "True", "", "", "+2", ""]
    assert [source.altered(path, key=True) for path in [("a",), ("a", "1"), ("b", "1")]] == ["", "01", "0b1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [1,\n", "x.yaml:3:1: error: while parsing a flow node: did not find expected node content"),
        ("a: 1\na: 2\n", "x.yaml:2:1: error: found duplicate key"),
        ("a: 1\n b: 2\n", "x.yaml:2:3: error: mapping values are not allowed in this context"),
        ("a: @x\n", "x.yaml:1:4: error: while scanning for the next token: found character"),
        ("a: &x 1\n", "x.yaml:1:4: error: anchors and aliases are not allowed"),
        ("<<: {a: 1}\n", "x.yaml:1:1: error: merge keys are not allowed"),
        ("a: !new 1\n", "x.yaml:1:4: error: the tag !new is not allowed"),
        ("%YAML 1.1\n---\na: yes\n", "x.yaml:1:1: error: only YAML 1.2 is allowed"),
        ("a: b\nc: 'd\u2028e'\n", "x.yaml:2:6: error: the character U+2028 is not allowed"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2:1: error: but found another document"),
        ("[" * (MAX_DEPTH + 1), f"x.yaml:1:{MAX_DEPTH + 1}: error: nests deeper than {MAX_DEPTH} levels"),
        (
            f"a: {'9' * 101}",
            "x.yaml:1:4: error: a number has more than 100 digits (where it is a text, put it in quotes)",
        ),
        (f"a: [-0x{'f' * 5000}]", "x.yaml:1:5: error: a number has more than 100 digits"),
        ("a: \x07\n", "x.yaml: error: is not valid YAML: ReaderError"),
    ],
)
def test_what_is_refused_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Source.parse(text, "x.yaml")
    assert said in str(caught.value)

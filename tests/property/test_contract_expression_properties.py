"""The row printer against an evaluator that shares nothing with it: fractions over the written text's own tree."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.expressions import ExpressionFault, check, parse, row_printer
from contracts.types import Field, State

FIELDS = (
    Field("a", "decimal", scale=2),
    Field("b", "decimal", scale=5),
    Field("c", "integer"),
    Field("d", "integer"),
    Field("home", "code", codes=("owner", "rent", "other")),
)
Env = dict[str, Any]
Term = tuple[str, Callable[[Env], Any]]
"""An expression as text, and what it means: a Fraction, a str, a bool, or None for unknown."""


def strict(text: str, op: Callable[..., Any], *parts: Term) -> Term:
    def meaning(env: Env) -> Any:
        found = [part(env) for _, part in parts]
        return None if any(x is None for x in found) else op(*found)

    return text, meaning


def kleene(word: str, parts: list[Term]) -> Term:
    decisive = word == "or"

    def meaning(env: Env) -> bool | None:
        found = [part(env) for _, part in parts]
        return decisive if decisive in found else None if None in found else not decisive

    return "(" + f" {word} ".join(text for text, _ in parts) + ")", meaning


def literal(number: int, places: int) -> Term:
    digits = str(number).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return text, lambda _: Fraction(number, 10**places)


def field(name: str) -> Term:
    return name, lambda env: env[name]


leaves = st.one_of(
    st.builds(literal, st.integers(0, 10**9), st.integers(0, 6)), st.sampled_from(["a", "b", "c", "d"]).map(field)
)
ARITH: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y,
}  # fmt: skip
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda x, y: x < y, "<=": lambda x, y: x <= y, ">": lambda x, y: x > y, ">=": lambda x, y: x >= y,
    "==": lambda x, y: x == y, "!=": lambda x, y: x != y,
}  # fmt: skip


def larger_numbers(inner: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    def arith(op: str, x: Term, y: Term) -> Term:
        return strict(f"({x[0]} {op} {y[0]})", ARITH[op], x, y)

    def pick(fn: str, x: Term, y: Term) -> Term:
        return strict(f"{fn}({x[0]}, {y[0]})", {"min": min, "max": max}[fn], x, y)

    return st.one_of(
        st.builds(arith, st.sampled_from(sorted(ARITH)), inner, inner),
        st.builds(pick, st.sampled_from(["min", "max"]), inner, inner),
        inner.map(lambda x: strict(f"abs({x[0]})", abs, x)),
        inner.map(lambda x: strict(f"(-{x[0]})", lambda value: -value, x)),
    )


numbers = st.recursive(leaves, larger_numbers, max_leaves=6)


def comparison(op: str, x: Term, y: Term) -> Term:
    return strict(f"{x[0]} {op} {y[0]}", COMPARE[op], x, y)


def one_of(x: Term, choices: list[Term], negated: bool) -> Term:
    text = f"{x[0]} {'not in' if negated else 'in'} [{', '.join(text for text, _ in choices)}]"
    wanted = [meaning({}) for _, meaning in choices]
    return strict(text, lambda value: (value in wanted) is not negated, x)


def coded(code: str) -> Term:
    return strict(f"home == '{code}'", lambda value: value == code, field("home"))


def is_given(name: str) -> Term:
    return f"given({name})", lambda env: env[name] is not None


choices = st.lists(st.builds(literal, st.integers(0, 500), st.integers(0, 3)), min_size=1, max_size=4)
truths = st.one_of(
    st.builds(comparison, st.sampled_from(sorted(COMPARE)), numbers, numbers),
    st.builds(one_of, leaves, choices, st.booleans()),
    st.sampled_from(FIELDS[4].codes).map(coded),
    st.sampled_from([f.name for f in FIELDS]).map(is_given),
)


def larger_truths(inner: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    def choice(test: Term, x: Term, y: Term, z: Term) -> Term:
        picked = strict(f"where({test[0]}, {x[0]}, {y[0]})", lambda t, p, q: p if t else q, test, x, y)
        return comparison("<=", picked, z)

    return st.one_of(
        st.builds(kleene, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
        inner.map(lambda x: strict(f"(not ({x[0]}))", lambda value: not value, x)),
        st.builds(choice, inner, leaves, leaves, leaves),
    )


rules = st.recursive(truths, larger_truths, max_leaves=5)
small = st.one_of(st.none(), st.integers(-300, 300), st.integers(-(10**15), 10**15))
records = st.tuples(small, small, small, small, st.sampled_from([None, *FIELDS[4].codes]))


@settings(max_examples=400)
@given(rules, records)
def test_the_row_printer_means_what_fractions_mean(rule: Term, record: tuple[Any, ...]) -> None:
    text, meaning = rule
    try:
        expression = parse(text)
    except ExpressionFault as fault:
        assert "levels" in str(fault) or "longer" in str(fault)
        return
    assert check(expression, {f.name: f for f in FIELDS}, purpose="rule") == []
    exact = [Fraction(v, 10**f.scale) if isinstance(v, int) else v for f, v in zip(FIELDS, record, strict=True)]
    states = bytes(State.GIVEN if value is not None else State.NOT_CARRIED for value in record)
    expected = meaning({f.name: value for f, value in zip(FIELDS, exact, strict=True)})
    assert row_printer(expression, FIELDS)(record, states) is expected


@given(st.one_of(st.text(max_size=80), st.text("abc01.<>=!+*/()'[], notgive-", max_size=60)))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        expression = parse(text)
    except ExpressionFault as fault:
        assert 0 <= fault.offset <= len(text) + 1
        return
    check(expression, {f.name: f for f in FIELDS}, purpose="feature")

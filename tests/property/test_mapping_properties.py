"""What holds of every native tree: nothing is raised, nothing is guessed, order means nothing."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from mapping_samples import CONTRACT, PLAIN, TREE, compiled

from contracts.mapping.answer import AnswerMap
from contracts.mapping.chains import read_conversion
from contracts.mapping.conversions import LIMIT, Unfit, compile_chain
from contracts.mapping.keys import KeyMap
from contracts.mapping.paths import Path
from contracts.mapping.request import Mapped
from contracts.mapping.tree import AnswerTree, Written
from contracts.odcs import Contract
from contracts.types import Field, State

SENTINEL = {"months": {"from": "loan.months", "missing": {"99": "blank", "-1": "rejected"}}}
MAPS = [
    compiled(**SENTINEL),
    compiled(amount={"from": "loan.amount", "convert": ["trim", "decimal(2)", "divide(12)"]}),
    compiled(amount={"from": "loan[].amount", "joint": "sum"}, months={"from": "loan[0].months", "joint": "max"}),
]
KEYS = KeyMap({"business": Path.parse("loan.amount"), "request": Path.parse("who.name")})
TEXTS = st.one_of(
    st.text(max_size=8),
    st.text("0123456789+-., eE_", max_size=8),
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.sampled_from(["O", "R", "99", "099.0", "true", "31.03.1990", "32.01.1990", " 12 ", "1_000", "١٢", "inf"]),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-200, 200), st.decimals(), st.floats(), TEXTS,
    st.decimals(-1000, 1000, places=3),
)  # fmt: skip
KNOWN = ["loan", "who", "amount", "months", "name", "home", "born", "member"]
NAMES = st.one_of(st.sampled_from(KNOWN), st.text(max_size=4))
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=12
)
ROOTS = st.one_of(
    st.dictionaries(NAMES, TREES, max_size=5),
    st.fixed_dictionaries(
        {"loan": st.fixed_dictionaries({"amount": LEAVES, "months": LEAVES})},
        optional={"who": st.fixed_dictionaries({"home": LEAVES, "born": LEAVES, "name": LEAVES, "member": LEAVES})},
    ),
)


def legal(field: Field, value: Any) -> bool:
    """Whether a value is of the kind the mapping may give; ranges are the row engine's business."""
    if field.type in ("integer", "decimal"):
        return type(value) is int and -LIMIT < value < LIMIT
    if field.type == "string":
        return isinstance(value, str) and bool(value) and value == value.encode().decode()
    return isinstance(value, {"code": str, "date": date, "boolean": bool}[field.type])


@given(ROOTS, st.sampled_from(MAPS))
def test_any_tree_is_mapped_without_an_exception_and_without_a_guess(tree: dict[str, Any], request: Any) -> None:
    mapped: Mapped = request.read(tree)
    told = {problem.path for problem in (*mapped.fatal, *mapped.tolerated)}
    for field, value, state in zip(CONTRACT.fields, mapped.values, mapped.states, strict=True):
        if state == State.GIVEN:
            assert legal(field, value)
            assert field.name not in told
        else:
            assert value is None
            assert (state == State.REJECTED) == (field.name in told)
    for problem in (*mapped.fatal, *mapped.tolerated):
        request.native_path(problem.path).encode()


@given(ROOTS)
def test_keys_of_any_tree_are_clean_text(tree: dict[str, Any]) -> None:
    keys, problems = KEYS.read(tree)
    assert bool(keys.business) != any(p.rule == "keys.business" for p in problems)
    assert all(key == key.strip() and key.isprintable() for key in keys if key.isascii())


def reversed_order(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: reversed_order(tree[key]) for key in reversed(tree)}
    return [reversed_order(item) for item in tree] if isinstance(tree, list) else tree


@given(ROOTS, st.sampled_from(MAPS))
def test_the_order_of_names_means_nothing(tree: dict[str, Any], request: Any) -> None:
    assert repr(request.read(tree)) == repr(request.read(reversed_order(tree)))


def by_position(entry: Any) -> Any:
    """The same leaf by a path with a position, which no plain look-up in dicts can follow."""
    if isinstance(entry, str):
        return entry.replace(".", "[0].")
    return {**entry, "from": entry["from"].replace(".", "[0].")}


QUICK = compiled(**SENTINEL)
CAREFUL = compiled(**{name: by_position(entry) for name, entry in {**PLAIN, **SENTINEL}.items()})


@given(st.sampled_from(sorted(PLAIN)), LEAVES)
def test_the_quick_way_and_the_careful_way_agree(name: str, leaf: Any) -> None:
    entry = PLAIN[name]
    group, below = (entry if isinstance(entry, str) else entry["from"]).split(".")
    tree = {**TREE, group: {**TREE[group], below: leaf}}
    assert repr(QUICK.read(tree)) == repr(CAREFUL.read(tree))


FACTORS = st.decimals(Decimal(-9999), Decimal(9999), places=3).filter(bool)


@given(
    st.decimals(Decimal("-1e12"), Decimal("1e12"), places=4),
    st.integers(0, 6),
    st.integers(0, 4),
    st.lists(st.tuples(st.sampled_from(["multiply", "divide"]), FACTORS), max_size=3),
    st.booleans(),
)
def test_numbers_are_reckoned_exactly_and_rounded_half_to_even(
    number: Decimal, places: int, scale: int, factors: list[tuple[str, Decimal]], as_text: bool
) -> None:
    """Against fractions, which round half to even in ``round``."""
    chain = [read_conversion(f"decimal({places})")] + [read_conversion(f"{op}({by})") for op, by in factors]
    convert = compile_chain(chain, Field("x", "decimal", scale=scale))
    exact = Fraction(number)
    for op, by in factors:
        exact = exact * Fraction(by) if op == "multiply" else exact / Fraction(by)
    scaled, sent = exact * 10**scale, Fraction(number) * 10**places
    rounds = any(op == "divide" for op, _ in factors)
    try:
        found = convert(f"{number:f}" if as_text else number)
    except Unfit as unfit:
        assert unfit.code in ("excess_scale", "too_large")
        lost = sent.denominator != 1 or (scaled.denominator != 1 and not rounds)
        assert lost if unfit.code == "excess_scale" else abs(sent) >= LIMIT or abs(round(scaled)) >= LIMIT
    else:
        assert sent.denominator == 1
        assert found == round(scaled)
        assert rounds or scaled.denominator == 1


@given(st.one_of(TEXTS, st.text(max_size=30)))
def test_only_texts_of_the_grammar_are_numbers(text: str) -> None:
    grammar = re.fullmatch(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})", text, re.ASCII)
    try:
        found = compile_chain([read_conversion("decimal(2)")], Field("x", "decimal", scale=2))(text)
    except Unfit as unfit:
        assert (unfit.code == "not_a_number") == (grammar is None)
    else:
        assert grammar
        assert found == Decimal(text) * 100


STEPS = st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=4)


@given(STEPS)
def test_a_path_is_spelled_in_one_way_and_finds_what_was_written_there(names: list[str]) -> None:
    path = Path(tuple(names))
    assert Path.parse(str(path)) == path
    contract = Contract("answer", "1.0.0", "answer", paths={"score": Field("score", "integer")})
    answer = AnswerMap(AnswerTree(contract.ref, (Written(path, Path.parse("score")),)), contract)
    tree = answer.write({"score": 524})
    assert path.get(tree) == 524
    assert path.walk(tree).undeclared is False


@given(st.text(max_size=20))
def test_a_text_is_a_path_or_says_where_it_breaks(text: str) -> None:
    try:
        path = Path.parse(text)
    except ValueError as exc:
        assert "character" in str(exc) or "steps" in str(exc)
    else:
        assert Path.parse(str(path)) == path

"""An accepted upcaster keeps every legal field legal: the gateway relies on it when it asks only the rules again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from contracts.expressions import parse, row_printer
from contracts.implied import implied
from contracts.odcs import Contract, Reading, Rule
from contracts.rows import RowEngine
from contracts.source import Source
from contracts.types import Field, Origin, State, Value
from contracts.upcast import Lacking, RowUpcast, Supplied, Taken, Upcast
from contracts.upcast_reading import read_upcast

CODES = ("a", "b", "cc", "ddd")
NOT_GIVEN = (State.BLANK, State.NOT_CARRIED, State.REJECTED)


@st.composite
def fields(draw: st.DrawFn) -> Field:
    """A field of any type that can be upcast."""
    kind = draw(st.sampled_from(["integer", "decimal", "code", "code", "string", "boolean"]))
    low = draw(st.integers(-20, 20))
    shortest = draw(st.integers(0, 3))
    essential = draw(st.booleans())
    return Field(
        "f",
        kind,
        scale=draw(st.integers(0, 3)) if kind == "decimal" else 0,
        minimum=low if kind in ("integer", "decimal") else None,
        maximum=low + draw(st.integers(0, 40)) if kind in ("integer", "decimal") else None,
        min_length=shortest if kind == "string" else None,
        max_length=shortest + draw(st.integers(0, 3)) if kind == "string" else None,
        pattern=draw(st.sampled_from([None, "^[a-d]+$"])) if kind == "string" else None,
        codes=tuple(draw(st.lists(st.sampled_from(CODES), min_size=1, unique=True))) if kind == "code" else (),
        required=draw(st.booleans()),
        essential=essential,
        blank="refuse" if essential else draw(st.sampled_from(["refer", "refuse"])),
        rejected="refuse" if essential else draw(st.sampled_from(["refuse", "refer", "impute"])),
    )


@st.composite
def successors(draw: st.DrawFn, old: Field) -> Field:
    """The field as it may be in the next version: alike, looser or stricter, or another one altogether."""
    if draw(st.integers(0, 3)) == 0:
        return draw(fields())
    looser: dict[str, Any] = {}
    if isinstance(old.minimum, int) and isinstance(old.maximum, int):
        looser["minimum"] = old.minimum * 12 - draw(st.integers(-2, 400))
        looser["maximum"] = max(looser["minimum"], old.maximum * 12 + draw(st.integers(-2, 400)))
    if old.codes:
        kept = draw(st.permutations([*old.codes, "new"]))
        looser["codes"] = tuple(kept[draw(st.sampled_from([0, 1])) :])
    if old.max_length is not None:
        looser["max_length"] = old.max_length + draw(st.integers(0, 2))
    if draw(st.booleans()):
        looser |= {"required": draw(st.booleans()), "essential": False, "blank": "refer"}
    if draw(st.booleans()) and not old.essential:
        looser["rejected"] = draw(st.sampled_from(["refuse", "refer", "impute"]))
    return replace(old, **looser)


@st.composite
def steps(draw: st.DrawFn, old: Field, new: Field) -> dict[str, Any]:
    """What the upcaster says of the field."""
    step: dict[str, Any] = {"from": "f"}
    if draw(st.booleans()) and {old.type, new.type} <= {"integer", "decimal"}:
        step[draw(st.sampled_from(["multiply", "divide"]))] = draw(st.sampled_from([1, 2, 10, 12, 0.1, 0.5, 1000]))
    if draw(st.booleans()) and {old.type, new.type} <= {"code", "boolean"}:
        known: tuple[Any, ...] = old.codes or (True, False)
        legal: tuple[Any, ...] = new.codes or (True, False)
        step["codes"] = {code: draw(st.sampled_from(legal)) for code in known if draw(st.booleans())}
    return step


def values(field: Field) -> st.SearchStrategy[Value]:
    if isinstance(field.minimum, int) and isinstance(field.maximum, int):
        ends = st.sampled_from([field.minimum, field.maximum])
        return st.one_of(ends, st.integers(field.minimum, field.maximum))
    if field.type == "code":
        return st.sampled_from(field.codes)
    if field.type == "boolean":
        return st.booleans()
    return st.text(CODES[0] + "bcdXYZ ", min_size=field.min_length or 0, max_size=field.max_length)


@settings(deadline=None, max_examples=1000)
@given(data=st.data())
def test_an_upcaster_that_is_accepted_keeps_every_legal_field_legal(data: st.DataObject) -> None:
    old = data.draw(fields())
    new = data.draw(successors(old))
    step = data.draw(steps(old, new))
    before, after = Contract("c", "1.0.0", fields=(old,)), Contract("c", "2.0.0", fields=(new,), made_from="c@1.0.0")
    source = Source("c.yaml", {"upcast": {"from": "1.0.0", "fields": {"f": step}}}, {(): (1, 1)})
    tree, faults = read_upcast(Reading(after, [], source, {"upcast": ("upcast",)}), before)
    event("refused" if faults else "accepted")
    assert tree or faults
    if tree is None or faults:
        return
    state = data.draw(st.sampled_from([State.GIVEN] * 3 + [*NOT_GIVEN]))
    row, states = [data.draw(values(old)) if state == State.GIVEN else None], bytearray([state])
    if RowEngine(before).check(row, states).fatal:
        return
    causes = {0: "channel"} if states[0] == State.NOT_CARRIED else {}
    risen = RowUpcast(tree).apply(row, states, bytearray([Origin.WIRE]), causes)
    assert RowEngine(after).check(risen.values, risen.states) == ((), ())
    assert (list(risen.states), risen.causes) == (list(states), causes)
    assert risen.values == [expected(step, old, new, row[0])]


def expected(step: dict[str, Any], old: Field, new: Field, value: Value) -> Value:
    """What the step makes of a value, in fractions."""
    if value is None or not isinstance(value, int) or isinstance(value, bool):
        codes = step.get("codes", {})
        return codes.get(value, value) if isinstance(value, str | bool) else value
    factor = Fraction(str(step.get("multiply", 1))) / Fraction(str(step.get("divide", 1)))
    exact = Fraction(value, 10**old.scale) * factor * 10**new.scale
    assert exact.denominator == 1
    return exact.numerator


# ---- rules that are kept --------------------------------------------------------------------------------------------

SMALL = (
    Field("a", "integer", unit="x", minimum=-1, maximum=2),
    Field("b", "decimal", scale=1, unit="x", minimum=0, maximum=3),
    Field("c", "code", codes=("p", "q", "r")),
)
RISEN = (
    Field("twice", "integer", unit="x", minimum=-2, maximum=4),
    Field("b", "decimal", scale=2, unit="x", minimum=0, maximum=30),
    Field("c", "code", codes=("p", "s")),
    Field("one", "integer", unit="x", minimum=0, maximum=9),
    Field("none", "integer", unit="x", minimum=0, maximum=9),
)
TO_RISEN = (
    Taken(RISEN[0], "a", 2), Taken(RISEN[1], "b", 10), Taken(RISEN[2], "c", codes=(("p", "p"), ("q", "s"), ("r", "s"))),
    Supplied(RISEN[3], 1), Lacking(RISEN[4]),
)  # fmt: skip


def _rules(*numbers: str) -> st.SearchStrategy[str]:
    sums = st.builds(
        "{} * {} + {} * {}".format, *[st.sampled_from(("0", "1", "2", "0.5")), st.sampled_from(numbers)] * 2
    )
    ops = st.sampled_from(("<", "<=", ">", ">=", "==", "!="))
    compared = st.builds("{} {} {}".format, sums, ops, st.one_of(sums, st.sampled_from(("0", "1", "0.2", "3"))))
    coded = st.sampled_from(("c == 'p'", "c != 'p'", "c in ('p',)", *(f"given({name})" for name in numbers)))
    one = compared | coded
    joined = st.builds("({} {} {})".format, one, st.sampled_from(("and", "or")), one)
    return st.one_of(one, joined, st.builds("not {}".format, joined))


def every_record() -> Iterator[tuple[list[Any], bytes]]:
    for values in product((None, -1, 0, 1, 2), (None, 0, 1, 2, 3), (None, "p", "q", "r")):
        yield list(values), bytes(State.BLANK if value is None else State.GIVEN for value in values)


@settings(max_examples=500)
@given(_rules("a", "b"), _rules("twice", "b", "one", "none"))
def test_a_rule_that_is_proved_to_be_kept_refuses_no_record_that_was_legal(old: str, new: str) -> None:
    if implied(parse(new), [Rule("r", parse(old), "error", "")], SMALL, TO_RISEN):
        event("proved")
        before, after = row_printer(parse(old), SMALL), row_printer(parse(new), RISEN)
        step = RowUpcast(Upcast("c@1.0.0", "c@2.0.0", SMALL, TO_RISEN))
        for values, states in every_record():
            risen = step.apply(values, states, bytes(3), {})
            assert before(values, states) is False or after(risen.values, risen.states) is not False

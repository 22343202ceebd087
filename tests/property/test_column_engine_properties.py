"""Row and column engine, record by record: the same values and states, and no row taken that has a problem."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from column_samples import House, frame, house, records

from contracts.columns import ColumnEngine
from contracts.mapping.natives import Natives, from_trees
from contracts.mapping.tables import from_frame
from contracts.rows import RowEngine
from contracts.types import Problem, State, Value

NASTINESS = (0.0, 0.02, 0.1, 0.5)


def by_row(of: House, engine: RowEngine, tree: Any) -> tuple[tuple[Value, ...], bytes, list[Problem], list[Problem]]:
    """Values, states, the problems a regular record may have (literals declared as unusable), and all others but
    warnings."""
    mapped = of.request.read(tree)
    declared = [problem for problem in mapped.tolerated if problem.code == "rejected_value"]
    others = [*mapped.fatal, *(problem for problem in mapped.tolerated if problem.code != "rejected_value")]
    checked = engine.check(mapped.values, mapped.states)
    others += [*checked.fatal, *(problem for problem in checked.tolerated if problem.code != "rule")]
    return tuple(mapped.values), bytes(mapped.states), declared, others


def native(of: House, engine: ColumnEngine, trees: list[Any]) -> Natives:
    return from_trees(trees, engine.mapping.wanted, of.request.unknown)


def compared(of: House, trees: list[Any], natives: Natives, engine: ColumnEngine) -> tuple[int, int]:
    """How many records are free of problems, and how many of those the column engine took; fails where they part."""
    rows = RowEngine(of.contract)
    _, taken, left = engine.read(natives)
    assert sorted([*taken.rows.tolist(), *left.tolist()]) == list(range(len(trees)))
    place = {row: at for at, row in enumerate(taken.rows.tolist())}
    sound = 0
    for row, tree in enumerate(trees):
        values, states, declared, others = by_row(of, rows, tree)
        sound += not others
        if row in place:
            assert not others, (tree, others)
            found = taken.values(place[row]), taken.states_of(place[row])
            assert found == (values, states), (tree, found, values, bytes(states))
            assert [type(value) for value in found[0]] == [type(value) for value in values]
            assert states.count(State.REJECTED) == len(declared)
    return sound, len(place)


def agreement(seeds: range, each: int) -> tuple[int, int]:
    sound = taken = 0
    for seed in seeds:
        random = Random(seed)  # noqa: S311 # a record that parts the engines must come again
        of = house(random)
        engine = ColumnEngine(of.contract, of.request)
        per = each // len(NASTINESS)
        for nasty in NASTINESS:
            trees = records(random, of, per, nasty)
            found = compared(of, trees, native(of, engine, trees), engine)
            sound, taken = sound + found[0], taken + found[1]
    return sound, taken


def test_both_engines_make_the_same_of_any_native_record() -> None:
    """20 contracts and mappings, 5,000 records; the column engine must take most records that have no problem."""
    sound, taken = agreement(range(20), 250)
    assert taken > 0.75 * sound > 1_000


def typed_agreement(seeds: range, each: int) -> int:
    taken = 0
    for seed in seeds:
        random = Random(seed)  # noqa: S311 # as above
        of = house(random)
        if not of.leaves:
            continue
        engine = ColumnEngine(of.contract, of.request)
        made = frame(random, of, each)
        natives = from_frame(made, engine.mapping.wanted, of.request.unknown)
        taken += compared(of, [natives.tree(row) for row in range(each)], natives, engine)[1]
    return taken


def test_both_engines_make_the_same_of_typed_columns() -> None:
    """Types are chosen without regard to the field, so that every conversion meets every type."""
    assert typed_agreement(range(5_000, 5_200), 20) > 100


@pytest.mark.soak
def test_both_engines_make_the_same_of_many_typed_columns() -> None:
    assert typed_agreement(range(10_000, 14_000), 20) > 2_000


@pytest.mark.soak
def test_both_engines_make_the_same_of_a_hundred_thousand_records() -> None:
    sound, taken = agreement(range(1_000, 1_200), 500)
    assert taken > 0.75 * sound > 20_000

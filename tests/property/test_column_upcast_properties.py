"""Records brought up in columns are those brought up one by one, in values, states, origins and causes."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from column_samples import house, records

from contracts.columns import ColumnEngine
from contracts.mapping.natives import from_trees
from contracts.odcs import Contract
from contracts.rows import RowEngine
from contracts.types import Field, Origin
from contracts.upcast import Lacking, RowUpcast, Step, Supplied, Taken, Upcast


def step(random: Random, field: Field, number: int) -> Step:
    """Any way in which a field may go on in the next version."""
    name = f"new{number}"
    chance = random.random()
    if chance < 0.1:
        return Lacking(Field(name, "integer"))
    if chance < 0.2:
        return Supplied(Field(name, "code", codes=("branch", "web")), "web")
    if field.type in ("integer", "decimal") and chance < 0.7:
        factor = random.choice((1, 12, 100, -1))
        ends = [end * factor for end in (field.minimum, field.maximum) if isinstance(end, int)]
        bounds = {"minimum": min(ends), "maximum": max(ends)} if len(ends) == 2 else {"minimum": None, "maximum": None}
        return Taken(replace(field, name=name, **bounds), field.name, factor)
    if field.type == "code" and chance < 0.7:
        new = {code: random.choice((code, f"{code}_split")) for code in field.codes}
        codes = tuple(dict.fromkeys([*new.values(), "another"]))
        return Taken(replace(field, name=name, codes=codes), field.name, codes=tuple(new.items()))
    if field.type == "boolean" and chance < 0.7:
        return Taken(Field(name, "code", codes=("no", "yes")), field.name, codes=((True, "yes"), (False, "no")))
    return Taken(replace(field, name=name, required=False), field.name)


def test_a_batch_is_brought_up_as_its_records() -> None:
    seen, supplied = 0, 0
    for seed in range(700, 740):
        random = Random(seed)  # noqa: S311 # a step that parts the engines must come again
        of = house(random)
        before = of.contract
        entries = tuple(step(random, random.choice(before.fields), number) for number in range(6))
        tree = Upcast(before.ref, "random@2.0.0", before.fields, entries)
        after = Contract("random", "2.0.0", fields=tuple(entry.field for entry in entries))
        engine, rise, again = ColumnEngine(before, of.request, (tree, after)), RowUpcast(tree), RowEngine(after)
        trees = records(random, of, 60, 0.03)
        read = engine.read(from_trees(trees, engine.mapping.wanted, of.request.unknown))
        for at, row in enumerate(read.records.rows.tolist()):
            mapped = of.request.read(trees[row])
            risen = rise.apply(mapped.values, mapped.states, mapped.origins, mapped.causes)
            record = read.records.record(at)
            assert record.values == tuple(risen.values)
            assert [type(value) for value in record.values] == [type(value) for value in risen.values]
            assert (record.states, record.origins) == (bytes(risen.states), bytes(risen.origins))
            assert record.causes == risen.causes
            assert again.check(risen.values, risen.states).fatal == ()
            supplied += Origin.UPCAST in record.origins
        seen += len(read.records.rows)
    assert seen > 600
    assert supplied > 100

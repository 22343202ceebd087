"""The digests of a batch are those of its records, byte for byte."""

from __future__ import annotations

from random import Random

from column_samples import house, records

from contracts.columns import ColumnEngine
from contracts.digest import Layout
from contracts.digest_columns import CHUNK, digests
from contracts.mapping.natives import from_trees


def test_a_batch_has_the_digests_of_its_records() -> None:
    """Texts of every length are among them, and fields that are blank, rejected or not carried."""
    seen = 0
    for seed in range(300, 340):
        random = Random(seed)  # noqa: S311 # a record that differs must come again
        of = house(random)
        engine, layout = ColumnEngine(of.contract, of.request), Layout(of.contract)
        trees = records(random, of, 60, 0.05)
        found = engine.read(from_trees(trees, engine.mapping.wanted, of.request.unknown)).records
        rows = range(found.frame.height)
        assert digests(layout, found) == [layout.digest(found.values(row), found.states_of(row)) for row in rows]
        seen += len(rows)
    assert seen > 500


def test_more_records_than_are_laid_out_at_a_time() -> None:
    random = Random(12)  # noqa: S311 # as above
    of = house(random)
    engine, layout = ColumnEngine(of.contract, of.request), Layout(of.contract)
    trees = records(random, of, 50, 0.0)
    found = engine.read(from_trees(trees * (CHUNK // 20), engine.mapping.wanted, of.request.unknown)).records
    once = engine.read(from_trees(trees, engine.mapping.wanted, of.request.unknown)).records
    assert found.frame.height > CHUNK
    assert digests(layout, found) == digests(layout, once) * (CHUNK // 20)

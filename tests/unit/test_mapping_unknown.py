"""Many trees are looked through as one is: the same rows hold what nothing reads."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.mapping.paths import Path
from contracts.mapping.unknown import UnknownFields

FLAT = ("ID", "AMOUNT")
NESTED = ("id", "loan.amount", "incomes[].net", "meta")
TREES: list[dict[str, Any]] = [
    {"ID": 1, "AMOUNT": 2, "header": {"x": 1}, "lookup": {"y": {}}},
    {"ID": 1, "amount": 2},
    {},
    {"ID": {"below": 1}, "AMOUNT": [1]},
    {"id": 1, "loan": {"amount": 1}, "incomes": [{"net": 1}], "meta": {"any": 1}},
    {"id": 1, "loan": {"amount": 1, "evil": 2}},
    {"id": 1, "loan": None, "incomes": [[{"net": 1, "evil": 2}]]},
    {"id": 1, 7: 2},
]


@pytest.mark.parametrize("paths", [FLAT, NESTED])
def test_the_rows_with_data_that_nothing_reads_are_those_in_which_a_place_is_named(paths: tuple[str, ...]) -> None:
    unknown = UnknownFields(map(Path.parse, paths))
    named = [row for row, tree in enumerate(TREES) if unknown.find(tree)]
    assert unknown.rows(TREES) == named
    assert 0 < len(named) < len(TREES)

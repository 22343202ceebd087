"""Whatever a table holds, it is drafted or refused with a typed error; and what is drafted reads its own data."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import own_data
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import ConfigurationError
from contracts.store import SUFFIX, ContractStore
from models.dataset import Dataset, read_dataset
from models.drafting.draft import Draft, draft
from models.drafting.files import contract_text, spec_text
from models.spec import TrainingSpec

ROWS = 240
Cells = list[str]
Random = np.random.Generator
MAKERS: tuple[Callable[[Random], Cells], ...] = (
    lambda random: [str(value) for value in random.integers(-5, 12, ROWS)],
    lambda random: [str(value) for value in random.integers(0, 10**12, ROWS)],
    lambda random: [f"{value:.3f}" for value in random.normal(0, 1000, ROWS)],
    lambda random: [f"{value:g}" for value in random.lognormal(0, 8, ROWS)],
    lambda random: [f"{value:,.2f}" for value in random.lognormal(9, 2, ROWS)],
    lambda random: [f"{value:.3f}" for value in random.uniform(-0.05, 0.02, ROWS)],
    lambda random: [f"{value}.{value % 10**9:09}" for value in random.integers(10**7, 10**9, ROWS)],
    lambda random: [f"{value}.{value % 10**9:09}" for value in random.integers(10**11, 10**12, ROWS)],
    lambda random: [f"0{value}" for value in random.integers(0, 30, ROWS)],
    lambda random: [str(value) for value in random.choice(["0", "1"], ROWS)],
    lambda random: [str(value) for value in random.choice(["true", "false"], ROWS)],
    lambda random: [str(value) for value in random.choice(["A < 1", "A <= 1", "a-1", "a_1", "Ä", "?!", "-"], ROWS)],
    lambda random: [str(value) for value in random.choice(["-1", "-999", "9999", "7", "8", "8.5"], ROWS)],
    lambda random: [f"t{value}" for value in random.integers(0, 500, ROWS)],
    lambda random: [f"2024-01-{value:02}" for value in random.integers(1, 29, ROWS)],
    lambda random: ["same"] * ROWS,
)
GAPS = ("", "NA", "?", " ", "unbekannt")


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Cells]:
    """Up to six columns of any kind under any name, some with gaps, and an outcome."""
    names = draw(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=6, unique=True))
    table = {name: column(draw) for name in names if name.strip() and name != "outcome"}
    random = np.random.default_rng(draw(st.integers(0, 99)))
    return table | {"outcome": [str(value) for value in random.choice(["good", "bad"], ROWS, p=[0.7, 0.3])]}


def column(draw: st.DrawFn) -> Cells:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cells, gap = draw(st.sampled_from(MAKERS))(random), draw(st.sampled_from(GAPS))
    missing = random.random(ROWS) < draw(st.sampled_from([0.0, 0.05, 0.6]))
    return [gap if lost else cell for cell, lost in zip(cells, missing, strict=True)]


@given(tables(), st.sampled_from([",", ";", "\t", "|"]))
@settings(max_examples=40)
def test_a_table_is_refused_or_drafted_into_files_that_read_it_again(table: dict[str, Cells], delimiter: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = own_data.write(folder / "own.csv", table, delimiter=delimiter)
        try:
            found = draft(path, "outcome", None, model="shop", product="shop", currency="EUR")
        except ConfigurationError as refused:
            assert all(fault.message and fault.file == str(path) for fault in refused.faults)
            return
        agree(found, read_again(found, folder))


def read_again(found: Draft, folder: Path) -> tuple[TrainingSpec, Dataset]:
    contract = folder / "contracts" / found.contract / f"1.0.0{SUFFIX}"
    contract.parent.mkdir(parents=True)
    contract.write_text(contract_text(found), encoding="utf-8")
    (folder / "own.spec.yaml").write_text(spec_text(found, (500, 480)), encoding="utf-8")
    store = ContractStore(folder)
    assert not [fault for fault in store.lint() if fault.severity == "error"]
    spec = TrainingSpec.read(folder / "own.spec.yaml", store)
    return spec, read_dataset(found.data, spec)


def agree(found: Draft, read: tuple[TrainingSpec, Dataset]) -> None:
    """Numbers, blanks and codes of the draft are those of the data read by its files."""
    spec, dataset = read
    places = {field.name: place for place, field in enumerate(dataset.fields)}
    for field in found.fields:
        values = dataset.x[:, places[field.name]]
        if field.codes:
            legal = next(entry.codes for entry in spec.contract.fields if entry.name == field.name)
            expected: Sequence[float] = [
                legal.index(field.codes[cell]) if cell in field.codes else np.nan for cell in field.column.cells
            ]
        else:
            expected = [float(value) for value in field.column.numbers]
        np.testing.assert_allclose(values, expected, rtol=4e-16)  # beyond 15 digits, the last bit may differ

"""A contract file with anything at all in one place is either read or refused with its faults; nothing else happens."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import ConfigurationError
from contracts.rows import RowEngine
from contracts.source import Source
from contracts.store import CATALOG, ContractStore
from contracts.types import State

ORIGINAL = Source.read(CATALOG / "loan_application" / "1.0.0.odcs.yaml").data

Step = str | int


def places(node: Any, here: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    yield here
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from places(child, (*here, key))


def replaced(node: Any, place: tuple[Step, ...], value: Any) -> Any:
    if not place:
        return value
    if isinstance(node, dict):
        return {key: replaced(child, place[1:], value) if key == place[0] else child for key, child in node.items()}
    return [replaced(child, place[1:], value) if index == place[0] else child for index, child in enumerate(node)]


anything = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.integers(), st.floats(), st.text(max_size=8),
        st.sampled_from(["string", "integer", "number", "array", "timestamp", "scoregate", "loan_amount", "^[A-Z]+$"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["name", "value", "property", "vendor", "minimum"]), inner, max_size=3),
    ),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(list(places(ORIGINAL))), anything)
def test_anything_in_one_place_is_read_or_refused_with_its_place(place: tuple[Step, ...], value: Any) -> None:
    text = json.dumps(replaced(ORIGINAL, place, value), indent=1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "contracts", "sample", "1.0.0.odcs.yaml")
        file.parent.mkdir(parents=True)
        file.write_text(text.replace('"loan_application"', '"sample"'))
        store = ContractStore(Path(folder))
        try:
            contract = store.get("sample@1.0.0")
        except ConfigurationError as exc:
            assert exc.faults
            assert all(fault.file and fault.message for fault in exc.faults)
            return
    states = bytearray([State.NOT_CARRIED]) * len(contract.fields)
    RowEngine(contract).check([None] * len(contract.fields), states)

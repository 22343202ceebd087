"""Whatever a person writes into an integration by mistake is a fault of the file, and never an exception of Python."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import adapters
from adapters.rest import leaves, schema
from contracts.errors import ConfigurationError
from contracts.source import Source
from contracts.store import ContractStore
from gateway.integrations import INTEGRATION_FILE, read_integration
from gateway.lint_wire import wire_faults

FIXTURES: Final = Path(__file__).parents[2] / "fixtures" / "integrations"
SYSTEMS: Final = ("cobalt-core", "juniper-api", "meridian-los")
STORE: Final = ContractStore()
ODD: Final[tuple[Any, ...]] = (
    ["x"], [["x"]], [], {}, {"a": "b"}, {1: 2}, {None: "x"}, {"from": ["x"]}, {"each": ["x"]}, {"each": "reasons"},
    {"from": "lookup.1.x"}, 1, -1, 10**30, 1.5, float("inf"), None, True, "", "[]", "a..b", "\0",
)  # fmt: skip
ODD_JSON: Final[tuple[Any, ...]] = (*ODD, 5, {"$ref": "#"}, {"type": ["null"]}, ["null"])
ODD_KEYS: Final = (1, None, True, 1.5, "", "a..b")
Place = tuple[Any, ...]


def places(node: Any, above: Place = ()) -> Iterator[Place]:
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, child in members:
        yield (*above, step)
        yield from places(child, (*above, step))


def put(node: Any, place: Place, value: Any) -> Any:
    """The same with another value at a place."""
    made = copy.deepcopy(node)
    inner = made
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return made


def renamed(node: Any, place: Place, key: Any) -> Any:
    """The same with another key at a place, or another value where that is in a list."""
    made = copy.deepcopy(node)
    inner = made
    for step in place[:-1]:
        inner = inner[step]
    if isinstance(inner, list):
        inner[place[-1]] = key
    else:
        members = [(key if name == place[-1] else name, value) for name, value in inner.items()]
        inner.clear()
        inner.update(members)
    return made


def read_sample(system: str) -> Any:
    data = Source.read(FIXTURES / system / INTEGRATION_FILE).data
    data["lookups"] = {"core": {"adapter": "odbc", "key": "id", "timeout": "1s", "table": "T", "columns": ["A"]}}
    return data


SAMPLES: Final = {system: read_sample(system) for system in SYSTEMS}
INTEGRATIONS: Final = [(system, place) for system, data in SAMPLES.items() for place in places(data)]
DECISION: Final = json.loads((FIXTURES / "juniper-api" / "decision.schema.json").read_bytes())
MEMBERS: Final = list(places(DECISION))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("integrations")
    for system in SYSTEMS:
        shutil.copytree(FIXTURES / system, made / system, ignore=shutil.ignore_patterns("examples"))
    return made


@settings(max_examples=100, deadline=None)
@given(one=st.sampled_from(INTEGRATIONS), odd=st.sampled_from(ODD) | st.sampled_from(ODD_KEYS), as_key=st.booleans())
def test_an_integration_that_is_wrong_anywhere_is_refused_as_that(
    folders: Path, one: tuple[str, Place], odd: Any, as_key: bool
) -> None:
    system, place = one
    change = renamed if as_key and not isinstance(odd, dict | list) else put
    folder = folders / system
    (folder / INTEGRATION_FILE).write_text(yaml.safe_dump(change(SAMPLES[system], place, odd), sort_keys=False))
    with suppress(ConfigurationError):
        integration = read_integration(folder, STORE)
        codec = adapters.load(integration.adapter).wire(integration.wire, folder)
        list(wire_faults(integration, codec.fields()))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(MEMBERS), st.sampled_from(ODD_JSON))
def test_a_schema_that_is_wrong_anywhere_is_refused_as_that(place: Place, odd: Any) -> None:
    with TemporaryDirectory() as folder, suppress(ConfigurationError):
        path = Path(folder) / "x.json"
        path.write_text(json.dumps(put(DECISION, place, odd), allow_nan=True))
        leaves.fields(schema.load(path))

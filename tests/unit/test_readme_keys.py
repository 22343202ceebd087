"""The README's tables of keys name every key that the code reads, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import adapters
from adapters.odbc.keys import KEYS as CONNECTION
from adapters.rest.transport import WIRE_KEYS as REST
from contracts.errors import ConfigurationError
from contracts.mapping import answer_reading, chains, reading
from contracts.mapping.tree import Fit
from contracts.section import Section
from contracts.source import Source
from contracts.store import ContractStore
from gateway import examples
from gateway.access.entries import ENTRY_KEYS
from gateway.integrations import read_integration
from gateway.lookup_specs import OWN
from gateway.spi import LookupAdapter
from models.policy import Policy
from models.types import REFER_CAUSES

ROOT = Path(__file__).parents[2]
SYSTEMS = {"rest": "juniper-api", "soap": "meridian-los", "odbc": "cobalt-core"}
SECTIONS = ("bundle", "cut_offs", "effective", "reasons")
"""Those of a policy."""
NAMED = (("wire", "answer", "lists"), ("lookups",))
"""Sections whose members have names of their own."""


def table(title: str) -> set[str]:
    """The code spans of the first cells of the table with this title, without what stands in brackets."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.search(rf"^\| {re.escape(title)} \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert rows, f"README has no table of the title {title!r}"
    cells = [row.split(" | ")[0] for row in rows[1].splitlines()]
    return {span.partition("(")[0] for cell in cells for span in re.findall(r"`([^`]+)`", cell)}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[tuple[str, ...]]]:
    """Every key that a section knows, with the section's place, as long as the test reads."""
    found: set[tuple[str, ...]] = set()
    begin = Section.__init__

    def noted(self: Section, source: Source, faults: Any, path: Any, data: Any, known: Any) -> None:
        begin(self, source, faults, path, data, known)
        place = tuple("NAME" if path[:at] in NAMED else str(step) for at, step in enumerate(path))
        own = () if source.file else ("alone",)
        found.update((*own, *place, key) for key in known or ())

    monkeypatch.setattr(Section, "__init__", noted)
    yield found


def spelled(found: set[tuple[str, ...]], above: tuple[str, ...] = ()) -> set[str]:
    """The leaves below a place, with dots; a key that has keys of its own is no leaf."""
    below = {place[len(above) :] for place in found if place[: len(above)] == above}
    return {".".join(one) for one in below if not any(o[: len(one)] == one != o for o in below)}


def test_the_keys_of_the_file_and_of_soap_and_odbc_have_their_lines(read: set[tuple[str, ...]]) -> None:
    for system in SYSTEMS.values():
        folder = ROOT / "fixtures" / "integrations" / system
        integration = read_integration(folder, ContractStore())
        top = {place for place in read if place[0] != "wire" or len(place) == 1}
        wire = set(read)
        adapters.load(integration.adapter).wire(integration.wire, folder)
        if integration.adapter in ("soap", "odbc"):
            own = {place for place in read - wire if place[0] == "wire"}
            expected = spelled(own, ("wire",)) - {"answer.lists"}
            assert table(f"key of wire ({integration.adapter})") == expected
        read -= read - wire
    assert table("key of integration.yaml") == spelled({place for place in top if place[0] != "lookups"}) | {"lookups"}


def test_the_keys_of_rest_have_their_lines() -> None:
    assert table("key of wire (rest)") == set(REST)


def test_the_keys_of_look_ups_and_connections_have_their_lines(read: set[tuple[str, ...]]) -> None:
    odbc = adapters.load("odbc")
    assert isinstance(odbc, LookupAdapter)
    with pytest.raises(ConfigurationError):
        odbc.lookup({}, lambda _: pytest.fail("nothing is named"))
    assert table("key of a look-up") == {*OWN, *spelled(read, ("alone",))}
    assert table("key of a connection (odbc)") == {"adapter", *CONNECTION}


def test_the_words_of_mappings_have_their_lines() -> None:
    assert table("key of a request line") == {*reading.KEYS, "constant"}
    assert table("conversion") == set(chains.GRAMMAR)
    assert table("joint rule") == set(reading.JOINTS)
    assert table("key of an answer line") == {*answer_reading.KEYS, "constant", "each"}
    assert table("fit") == set(get_args(get_type_hints(Fit)["name"]))


def test_the_keys_of_a_policy_have_their_lines(read: set[tuple[str, ...]]) -> None:
    with pytest.raises(ConfigurationError, match="64 hex digits"):  # it has no bundle before it was trained
        Policy.read(ROOT / "fixtures/credit_data/consumer-instalment.policy.yaml")
    of_rules = {place[2:] for place in read if place[0] in ("knock_outs", "refer_rules") and len(place) > 1}
    assert spelled(of_rules) == {"id", "when", "reason.code", "reason.text"}
    assert table("key of a policy") == spelled({place for place in read if place[1:] == () or place[0] in SECTIONS})


def test_the_keys_of_examples_and_callers_have_their_lines() -> None:
    assert table("key of case.yaml") == set(examples.KEYS)
    assert table("key of principals.yaml") == set(ENTRY_KEYS)


def test_every_refer_cause_has_its_line() -> None:
    assert table("refer cause") == set(REFER_CAUSES)

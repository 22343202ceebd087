"""A mapping against the wire schema of its adapter."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from mapping_samples import INTEGRATION, write_integration

from contracts.mapping.room import cure, doubt, misfit
from contracts.store import ContractStore
from gateway.integrations import Integration, read_integration
from gateway.lint_wire import answer_faults, request_faults, wire_faults
from gateway.spi import Fields, NativeField

REQUEST = ("id", "amount", "price", "months", "income", "home", "bureau", "header.key")
ANSWER = {
    "id": 128,
    "decision.result": 1,
    "decision.score": 3,
    "decision.reasons[].code": 16,
    "decision.reasons[].text": 20,
}


def sample(tmp_path: Path, *changes: tuple[str, str]) -> Integration:
    text = INTEGRATION
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return read_integration(write_integration(tmp_path, text), ContractStore())


def declared(*names: str, **kinds: str) -> dict[str, NativeField]:
    leaves = {name: NativeField(name, "string") for name in names}
    return leaves | {name: NativeField(name, kind) for name, kind in kinds.items()}


def told(found: object) -> list[str]:
    return [str(fault).split("integration.yaml:")[1] for fault in found]  # type: ignore[attr-defined]


def room(kind: str = "string", **changed: int | None) -> dict[str, NativeField]:
    rooms = ANSWER | {name.replace("__", "."): size for name, size in changed.items()}
    kinds = {name: "integer" if name.endswith("score") else kind for name in rooms}
    return {name: NativeField(name, kinds[name], size) for name, size in rooms.items()}


def test_a_mapping_that_agrees_with_its_schemas_has_no_faults(tmp_path: Path) -> None:
    assert not wire_faults(sample(tmp_path), Fields(declared(*REQUEST), room()))
    assert not wire_faults(sample(tmp_path / "open"), Fields(None, None))


def test_a_path_the_schema_does_not_have_is_named_with_the_nearest(tmp_path: Path) -> None:
    found = told(request_faults(sample(tmp_path, ("term_months: months", "term_months: monts")), declared(*REQUEST)))
    assert found == [
        "11:3: error: the wire schema has no monts (did you mean 'months'?)",
        "7:1: warning: nothing reads months, so a message that holds it is refused (map it, or list it under ignore)",
    ]


def test_a_key_is_looked_for_too(tmp_path: Path) -> None:
    found = told(request_faults(sample(tmp_path, ("header.key", "header.kay")), declared(*REQUEST)))
    assert found == ["6:22: error: the wire schema has no header.kay (did you mean 'header.key'?)"]


def test_headers_a_schema_does_not_speak_of_are_taken_on_trust(tmp_path: Path) -> None:
    assert not list(request_faults(sample(tmp_path), declared(*(n for n in REQUEST if n != "header.key"))))


def test_a_group_is_no_value(tmp_path: Path) -> None:
    names = [name for name in REQUEST if name != "income"]
    found = told(request_faults(sample(tmp_path), declared(*names, "income.net", "income.gross")))
    assert found[0].startswith("12:20: error: income is a group of the wire schema, not a single value")


def test_below_an_open_group_any_path_may_stand(tmp_path: Path) -> None:
    integration = sample(tmp_path, ("term_months: months", "term_months: free.months"))
    names = [name for name in REQUEST if name != "months"]
    assert not [f for f in request_faults(integration, declared(*names, free="object")) if f.severity == "error"]


def test_required_data_nothing_reads_is_an_error_unless_ignored(tmp_path: Path) -> None:
    schema = declared(*REQUEST) | {"branch": NativeField("branch", "string", None, True)}
    found = told(request_faults(sample(tmp_path), schema))
    assert found == ["7:1: error: nothing reads branch, so every message is refused (map it, or list it under ignore)"]
    ignoring = sample(tmp_path / "ignoring", ("limits:", "ignore: [branch]\nlimits:"))
    assert not list(request_faults(ignoring, schema))
    loose = sample(tmp_path / "loose", ("limits:", "unknown: ignore\nlimits:"))
    assert not list(request_faults(loose, schema))


def test_ignoring_what_is_not_there_is_worth_a_warning(tmp_path: Path) -> None:
    integration = sample(tmp_path, ("limits:", "ignore: [brunch]\nlimits:"))
    found = told(request_faults(integration, declared(*REQUEST)))
    assert found == ["27:1: warning: the wire schema has no brunch, so there is nothing to ignore"]


def test_an_answer_must_have_room_where_it_is_written(tmp_path: Path) -> None:
    tight = room(decision__score=2) | {"decision.reasons[].code": NativeField("c", "string", 4)}
    assert told(answer_faults(sample(tmp_path), tight)) == [
        "25:3: error: decision.score may need 3 digits before the point, there is room for 2",
        "26:39: error: decision.reasons[].code may need 16 characters, there is room for 4 (cut it: fit: chars(4))",
    ]


def test_text_in_place_of_a_number_is_an_error(tmp_path: Path) -> None:
    schema = room() | {"id": NativeField("id", "integer", 9)}
    assert told(answer_faults(sample(tmp_path), schema)) == [
        "23:3: error: id is written as text, the wire schema wants a number"
    ]


def test_an_answer_stays_inside_its_schema_and_fills_what_that_requires(tmp_path: Path) -> None:
    schema = room() | {"decision.status": NativeField("decision.status", "string", 1, True)}
    del schema["decision.result"]
    assert told(answer_faults(sample(tmp_path), schema)) == [
        "24:3: error: decision.result is not in the answer's wire schema (did you mean 'decision.score'?)",
        "22:1: error: the answer's wire schema requires decision.status, and nothing writes it",
    ]


class Digits:
    def accepts(self, text: str) -> bool:
        return text.isdigit()


DIGITS = Digits()
DOUBTS = [
    (NativeField("a", "integer", 3, low=Decimal(0), high=Decimal(999)),
     NativeField("a", "integer", 3, low=Decimal(300), high=Decimal(850)),
     "a may be 0 to 999, the wire schema takes 300 to 850"),
    (NativeField("a", "string", 9, samples=("x", "12")), NativeField("a", "string", 9, texts=DIGITS, rule="[0-9]+"),
     "a may be written as 'x', the wire schema takes only texts like [0-9]+"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "native", "told"), DOUBTS, ids=[told for *_, told in DOUBTS])
def test_what_fits_only_in_part_is_a_doubt_and_no_misfit(written: NativeField, native: NativeField, told: str) -> None:
    assert (misfit(written, native), doubt(written, native)) == ("", told)


MISFITS = [
    (NativeField("a", "string", 5), NativeField("a", "integer"),
     "a is written as text, the wire schema wants a number"),
    (NativeField("a", "date-time"), NativeField("a", "date"),
     "a is written as a date-time, the wire schema wants a date"),
    (NativeField("a", "any", codes=("1", "A")), NativeField("a", "integer"),
     "a may be written as 'A', the wire schema wants: integer"),
    (NativeField("a", "any", codes=("A", "X")), NativeField("a", "string", codes=("A", "R", "D")),
     "a may be written as 'X', the wire schema takes only 'A', 'R', 'D'"),
    (NativeField("a", "string", 5), NativeField("a", "string", codes=("A",)),
     "a is not bound to a code list, the wire schema takes only 'A'"),
    (NativeField("a", "decimal", 3, scale=6), NativeField("a", "decimal", 9, scale=2),
     "a has 6 digits behind the point, the wire schema takes 2"),
    (NativeField("a", "decimal", 3, scale=2), NativeField("a", "integer", 9),
     "a has 2 digits behind the point, the wire schema takes 0"),
    (NativeField("a", "integer", 3), NativeField("a", "integer", 3, signed=False),
     "a may be negative, the wire schema takes no sign"),
    (NativeField("a", "decimal", 3, scale=2), NativeField("a", "string", 6),
     "a may need 7 characters, there is room for 6"),
    (NativeField("a", "string", 5, most=5), NativeField("a", "string", 5, most=4),
     "a may come 5 times, the wire schema takes 4: write only so many with most"),
    (NativeField("a", "integer", 3), NativeField("a", "integer", 3, required=True, nil=False),
     "a may be missing from a decision, the wire schema requires it"),
    (NativeField("a", "string", 5), NativeField("a", "string", 5, least=1),
     "a may be no characters long, the wire schema wants 1"),
    (NativeField("a", "integer", 3, low=Decimal(0), high=Decimal(99)), NativeField("a", "integer", 3, low=Decimal(300)),
     "a may be 0 to 99, the wire schema takes 300 and more"),
    (NativeField("a", "string", 9, samples=("x", "yy")), NativeField("a", "string", 9, texts=DIGITS, rule="[0-9]+"),
     "a may be written as 'x', 'yy', the wire schema takes only texts like [0-9]+"),
    (NativeField("a", "any", codes=("1", "A")), NativeField("a", "string", 9, texts=DIGITS, rule="[0-9]+"),
     "a may be written as 'A', the wire schema takes only texts like [0-9]+"),
    (NativeField("a", "string", 9), NativeField("a", "string", 9, barred="it stands in several places"),
     "a cannot be written: it stands in several places"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "native", "told"), MISFITS, ids=[told for *_, told in MISFITS])
def test_what_may_not_fit_is_said(written: NativeField, native: NativeField, told: str) -> None:
    assert misfit(written, native) == told


CURES = [
    (NativeField("a", "date-time"), NativeField("a", "date"), "write its day: fit: date(YYYY-MM-DD)"),
    (NativeField("a", "string", 5), NativeField("a", "string", codes=("A",)), "pair them: codes: {…}"),
    (NativeField("a", "string", 5), NativeField("a", "string", 4), "cut it: fit: chars(4)"),
    (NativeField("a", "code", 5, codes=("ABCDE",)), NativeField("a", "string", 4), ""),
    (NativeField("a", "integer", 3), NativeField("a", "integer", 2), ""),
]


@pytest.mark.parametrize(("written", "native", "told"), CURES)
def test_where_a_misfit_has_a_plain_way_out_it_is_said(written: NativeField, native: NativeField, told: str) -> None:
    assert misfit(written, native)
    assert cure(written, native) == told


FITS = [
    (NativeField("a", "decimal", 3, scale=2), NativeField("a", "decimal", 9, scale=2)),
    (NativeField("a", "decimal", 3, scale=2), NativeField("a", "string", 7)),
    (NativeField("a", "integer", 3, signed=False), NativeField("a", "string", 3)),
    (NativeField("a", "any", 1, codes=("A", "D")), NativeField("a", "string", 1, codes=("A", "R", "D"))),
    (NativeField("a", "any", codes=("true",)), NativeField("a", "boolean")),
    (NativeField("a", "string", 5, most=4), NativeField("a", "string")),
    (NativeField("a", "date", 10), NativeField("a", "date")),
    (NativeField("a", "string", 3, samples=("1", "22")), NativeField("a", "string", 3, texts=DIGITS)),
    (NativeField("a", "integer", 3, low=Decimal(0)), NativeField("a", "integer", 3, low=Decimal(0))),
]


@pytest.mark.parametrize(("written", "native"), FITS)
def test_what_is_proven_to_fit_is_not_complained_of(written: NativeField, native: NativeField) -> None:
    assert (misfit(written, native), doubt(written, native)) == ("", "")


def test_elements_that_no_position_is_written_for_are_named(tmp_path: Path) -> None:
    positions = "decision.reasons[0].code: reasons[0].code\n  decision.reasons[1].code: reasons[1].code"
    lines = [line for line in INTEGRATION.splitlines() if "each: reasons" in line]
    integration = sample(tmp_path, (lines[0].strip(), positions))
    schema = room()
    del schema["decision.reasons[].text"]
    found = told(answer_faults(integration, schema))
    assert found == [
        "27:3: warning: a decision has up to 5 reasons, from reasons[2] on nothing is written "
        "(with {each: reasons, most: 2, …} it is said that this is meant)"
    ]


def test_only_as_many_elements_are_written_as_is_said(tmp_path: Path) -> None:
    integration = sample(tmp_path, ("each: reasons,", "each: reasons, most: 2,"))
    reasons = [{"code": f"R{number}", "text": "", "group": "", "points": 0, "state": ""} for number in range(5)]
    decision = {"business_key": "A", "outcome": "refer", "score": 500, "reasons": reasons}
    assert len(integration.answer_map.write(decision)["decision"]["reasons"]) == 2

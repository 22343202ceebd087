"""What one native tree becomes: values, states, origins and problems."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from mapping_samples import CONTRACT, PLAIN, TREE, compiled, put, read, state, value, without

from contracts.mapping.paths import Path
from contracts.mapping.request import RequestMap
from contracts.source import Source
from contracts.types import Origin, State


def problems(tree: Any, **request: Any) -> list[tuple[str, str]]:
    mapped = read(tree, **request)
    return [(problem.code, problem.path) for problem in (*mapped.fatal, *mapped.tolerated)]


def test_a_complete_message_gives_every_field_its_value() -> None:
    mapped = read(TREE)
    assert mapped.values == [123450, 36, "Ada", "owner", date(1990, 3, 31), True]
    assert set(mapped.states) == {State.GIVEN}
    assert set(mapped.origins) == {Origin.WIRE}
    assert not (mapped.fatal or mapped.tolerated or mapped.causes)


def test_absent_empty_and_null_are_blank_unless_declared_otherwise() -> None:
    for tree in (without(TREE, "loan", "months"), put("loan", "months", ""), put("loan", "months", None)):
        mapped = read(tree)
        assert state(mapped, "months") == State.BLANK
        assert value(mapped, "months") is None
        assert not (mapped.fatal or mapped.tolerated)


@pytest.mark.parametrize(("kind", "leaf"), [("absent", ...), ("empty", ""), ("nil", None)])
def test_each_kind_of_missing_can_be_declared_rejected(kind: str, leaf: Any) -> None:
    tree = without(TREE, "loan", "months") if leaf is ... else put("loan", "months", leaf)
    mapped = read(tree, months={"from": "loan.months", "missing": {kind: "rejected"}})
    assert state(mapped, "months") == State.REJECTED
    assert [(p.code, p.rule) for p in mapped.tolerated] == [("rejected_value", f"months.missing.{kind}")]


def test_a_missing_group_is_missing_in_all_its_fields() -> None:
    for group in ({}, None, "", []):
        mapped = read({**TREE, "loan": group})
        assert (state(mapped, "amount"), state(mapped, "months")) == (State.BLANK, State.BLANK)
        assert not mapped.fatal


def test_a_single_value_in_place_of_a_group_is_a_problem_of_each_field() -> None:
    assert problems({**TREE, "loan": 5}) == [("wrong_type", "amount"), ("wrong_type", "months")]


@pytest.mark.parametrize("native", [99999999, "99999999", "0099999999", Decimal("99999999.0"), " 99999999 "])
def test_a_literal_is_recognised_in_every_spelling_of_its_number(native: Any) -> None:
    entry = {"from": "loan.amount", "convert": ["trim", "decimal(2)"], "missing": {"99999999": "blank"}}
    assert state(read(put("loan", "amount", native), amount=entry), "amount") == State.BLANK


def test_a_literal_outside_the_grammar_is_matched_as_text() -> None:
    entry = {"from": "loan.months", "missing": {"N/A": "blank", "ERR": "rejected"}}
    assert state(read(put("loan", "months", "N/A"), months=entry), "months") == State.BLANK
    assert state(read(put("loan", "months", "ERR"), months=entry), "months") == State.REJECTED
    assert problems(put("loan", "months", "n/a"), months=entry) == [("not_a_number", "months")]


def test_a_literal_comes_before_codes() -> None:
    entry = {"from": "who.home", "codes": {"O": "owner"}, "missing": {"X": "blank"}}
    assert state(read(put("who", "home", "X"), home=entry), "home") == State.BLANK


def test_blanks_that_trim_leaves_are_empty() -> None:
    entry = {"from": "loan.months", "convert": ["trim", "integer"]}
    assert state(read(put("loan", "months", "   "), months=entry), "months") == State.BLANK


def test_an_unusable_value_is_fatal_or_tolerated_as_the_contract_says() -> None:
    mapped = read({"loan": {"amount": "x", "months": "x"}, "who": {**TREE["who"], "home": "Q", "born": "31.02.1990"}})
    assert [(p.code, p.path) for p in mapped.fatal] == [("not_a_number", "amount")]
    assert [(p.code, p.path) for p in mapped.tolerated] == [
        ("not_a_number", "months"),
        ("unknown_code", "home"),
        ("not_a_date", "born"),
    ]
    assert [state(mapped, name) for name in ("amount", "months", "home", "born")] == [State.REJECTED] * 4
    assert [value(mapped, name) for name in ("amount", "months", "home", "born")] == [None] * 4


def test_an_unknown_code_names_the_codes_there_are() -> None:
    assert read(put("who", "home", "Q")).tolerated[0].expected == "one of O, R"


def test_no_problem_shows_what_came() -> None:
    mapped = read({"loan": {"amount": "secret-1", "months": "secret-2"}, "who": {"home": "secret-3", "name": "s\x00t"}})
    assert len(mapped.fatal) + len(mapped.tolerated) == 4
    assert "secret" not in repr(mapped)


def test_several_applicants_without_a_rule_are_never_tolerated() -> None:
    tree = {**TREE, "who": [TREE["who"], TREE["who"]]}
    mapped = read(tree)
    assert {p.code for p in mapped.fatal} == {"joint_application_unsupported"}
    assert [p.path for p in mapped.fatal] == ["name", "home", "born", "member"]
    assert problems(put("loan", "months", [1, 2])) == [("joint_application_unsupported", "months")]


def test_a_list_of_one_stands_for_its_element_only_where_the_path_says_so() -> None:
    assert problems(put("loan", "months", [36])) == [("wrong_type", "months")]
    assert value(read(put("loan", "months", [36]), months="loan.months[]"), "months") == 36


@pytest.mark.parametrize(("rule", "joined"), [("primary", 10), ("sum", 60), ("min", 10), ("max", 30)])
def test_a_declared_rule_makes_one_of_several(rule: str, joined: int) -> None:
    entry = {"from": "loans[].months", "joint": rule}
    tree = {**TREE, "loans": [{"months": 10}, {"months": 20}, {"months": 30}]}
    assert value(read(tree, months=entry), "months") == joined


def test_what_is_unknown_of_one_applicant_is_unknown_of_all() -> None:
    entry = {"from": "loans[].months", "joint": "sum"}
    assert state(read({"loans": [{"months": 10}, {}]}, months=entry), "months") == State.BLANK
    mapped = read({"loans": [{}, {"months": "x"}]}, months=entry)
    assert state(mapped, "months") == State.REJECTED
    assert [p.code for p in mapped.tolerated] == ["not_a_number"]


def test_a_sum_keeps_the_room_of_a_number() -> None:
    entry = {"from": "loans[].months", "joint": "sum"}
    mapped = read({"loans": [{"months": 10**18 - 1}] * 2}, months=entry)
    assert [p.code for p in mapped.tolerated] == ["too_large"]


def test_what_is_not_carried_says_so_and_a_constant_is_given() -> None:
    mapped = read(TREE, months="not_carried", home={"constant": "rent"})
    at = CONTRACT.index["months"]
    assert (mapped.states[at], mapped.values[at], mapped.causes) == (State.NOT_CARRIED, None, {at: "channel"})
    assert (value(mapped, "home"), state(mapped, "home")) == ("rent", State.GIVEN)


def test_a_look_up_has_an_origin_of_its_own() -> None:
    mapped = read({**TREE, "lookup": {"bureau": {"months": 12}}}, months="lookup.bureau.months")
    assert value(mapped, "months") == 12
    assert mapped.origins[CONTRACT.index["months"]] == Origin.LOOKUP


@pytest.mark.parametrize("tree", [TREE, {**TREE, "lookup": {}}, {**TREE, "lookup": {"other": {}}}])
def test_a_look_up_that_is_down_is_not_carried(tree: Any) -> None:
    mapped = read(tree, months="lookup.bureau.months")
    assert mapped.causes == {CONTRACT.index["months"]: "source_down"}
    assert state(mapped, "months") == State.NOT_CARRIED


def test_a_look_up_that_found_nothing_is_blank() -> None:
    assert state(read({**TREE, "lookup": {"bureau": {}}}, months="lookup.bureau.months"), "months") == State.BLANK


def test_data_nothing_reads_is_a_problem_at_its_native_path() -> None:
    who = {**TREE["who"], "shoe size": 43, "a.b": {"c": 1}}
    tree = {**TREE, "who": who, "extra": [], "header": {"x": 1}, "lookup": {}}
    request = compiled()
    found = request.read(tree).fatal
    assert {p.code for p in found} == {"unknown_field"}
    assert [request.native_path(p.path) for p in found] == ["extra", "who.shoe size", 'who["a.b"]']


def test_unknown_data_in_lists_is_named_with_its_position() -> None:
    tree = {**TREE, "loans": [{"months": 1}, {"months": 2, "rate": 3}]}
    found = read(tree, months={"from": "loans[].months", "joint": "max"}).fatal
    assert [p.path for p in found if "loans" in p.path] == ["native:loans[1].rate"]


def test_unknown_data_in_lists_within_lists_is_named_too() -> None:
    tree = {**TREE, "loans": [[{"months": 1, "evil": 2}], [[], [{"months": 2}, {"rate": 3}]]]}
    found = read(tree, months={"from": "loans[].months", "joint": "max"}).fatal
    assert [p.path for p in found if "loans" in p.path] == ["native:loans[0][0].evil", "native:loans[1][1][1].rate"]


def test_data_may_be_ignored_by_name_or_altogether() -> None:
    source = Source("x.yaml", {"request": PLAIN}, {(): (1, 1)})
    tree = {**TREE, "extra": {"deep": 1}, "more": 2}
    by_name = RequestMap.parse(source, ("request",), CONTRACT, known=[Path.parse("extra"), Path.parse("extra.deep")])
    assert [p.path for p in by_name.read(tree).fatal] == ["native:more"]
    assert not RequestMap.parse(source, ("request",), CONTRACT, unknown="ignore").read(tree).fatal


def test_only_some_of_very_many_unknown_names_are_listed() -> None:
    found = read({**TREE, **{f"n{i}": i for i in range(500)}, "x" * 10_000: 1}).fatal
    assert len(found) == 20
    assert max(len(p.path) for p in found) < 200


def test_a_contract_field_is_found_again_at_its_native_path() -> None:
    request = compiled(months="not_carried")
    assert [request.native_path(name) for name in ("home", "months", "native:x.y")] == ["who.home", "months", "x.y"]


def test_a_default_stands_in_for_a_field_that_is_not_mapped() -> None:
    mapping = {name: entry for name, entry in PLAIN.items() if name != "home"}
    source, defaults = Source("x.yaml", {"request": mapping}, {(): (1, 1)}), {"home": "rent", "nothing": "x"}
    request = RequestMap.parse(source, ("request",), CONTRACT, defaults=defaults, unknown="ignore")
    assert value(request.read(TREE), "home") == "rent"


def test_the_native_leaves_are_listed_with_their_types() -> None:
    listed = compiled(months="not_carried", born="lookup.registry.born").native_fields()
    assert {path: (leaf.type, leaf.required) for path, leaf in listed.items()} == {
        "loan.amount": ("decimal", True),
        "who.name": ("string", False),
        "who.home": ("any", False),
        "who.member": ("boolean", False),
    }


def test_the_message_is_not_altered() -> None:
    tree = {"loan": {"amount": " 1", "months": [1, {"x": None}]}, "who": None}
    before = repr(tree)
    read(tree)
    assert repr(tree) == before

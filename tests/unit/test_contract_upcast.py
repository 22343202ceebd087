"""From one version to the next: what becomes of values, states, origins and causes, and what an upcaster may not do."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from contracts.errors import ConfigurationError
from contracts.store import ContractStore
from contracts.types import Field, Origin, State
from contracts.upcast import Lacking, RowUpcast, Supplied, Taken, Upcast, compose

OLD = (Field("years", "integer", unit="years"), Field("job", "code", codes=("a", "b")), Field("since", "date"))
MIDDLE = (
    Field("months", "integer", unit="months"),
    Field("job", "code", codes=("x", "y")),
    Field("since", "date"),
    Field("enquiries", "integer", unit="enquiries"),
    Field("channel", "code", codes=("branch", "web")),
)
NEW = (*MIDDLE[:2], Field("began", "date"), *MIDDLE[3:], Field("weeks", "integer", unit="weeks"))
FIRST = Upcast(
    "c@1.0.0",
    "c@2.0.0",
    OLD,
    (
        Taken(MIDDLE[0], "years", factor=12),
        Taken(MIDDLE[1], "job", codes=(("a", "x"), ("b", "y"))),
        Taken(MIDDLE[2], "since"),
        Lacking(MIDDLE[3]),
        Supplied(MIDDLE[4], "branch"),
    ),
)
SECOND = Upcast(
    "c@2.0.0",
    "c@3.0.0",
    MIDDLE,
    (
        Taken(NEW[0], "months"),
        Taken(NEW[1], "job", codes=(("x", "y"), ("y", "x"))),
        Taken(NEW[2], "since"),
        Taken(NEW[3], "enquiries"),
        Taken(NEW[4], "channel", codes=(("branch", "web"), ("web", "branch"))),
        Taken(NEW[5], "months", factor=4),
    ),
)
DAY = date(2026, 3, 31)


def apply(tree: Upcast, values: list[Any], states: str = "", causes: dict[int, str] | None = None) -> Any:
    marks = bytes(map(int, states)) or bytes(len(values))
    return RowUpcast(tree).apply(values, marks, bytes(len(values)), causes or {})


def test_a_conversion_and_a_rename_stay_wire_and_a_supplied_value_is_upcast() -> None:
    risen = apply(FIRST, [3, "b", DAY])
    assert risen.values == [36, "y", DAY, None, "branch"]
    assert list(risen.states) == [State.GIVEN, State.GIVEN, State.GIVEN, State.NOT_CARRIED, State.GIVEN]
    assert list(risen.origins) == [Origin.WIRE, Origin.WIRE, Origin.WIRE, Origin.WIRE, Origin.UPCAST]
    assert risen.causes == {3: "version"}


def test_a_looked_up_value_stays_looked_up() -> None:
    risen = RowUpcast(FIRST).apply([3, "b", DAY], bytes(3), bytes([Origin.LOOKUP, 0, 0]), {})
    assert risen.origins[0] == Origin.LOOKUP


def test_what_is_missing_stays_missing_for_the_same_cause() -> None:
    risen = apply(FIRST, [None, None, None], "123", {1: "source_down"})
    assert risen.values == [None, None, None, None, "branch"]
    assert list(risen.states) == [1, 2, 3, 2, 0]
    assert risen.causes == {1: "source_down", 3: "version"}


def test_a_value_that_is_legal_nowhere_passes_through() -> None:
    """It is told as a problem by the version it came in; an upcaster raises nothing."""
    assert apply(FIRST, [-(10**17), "nonsense", DAY]).values[:2] == [-12 * 10**17, "nonsense"]


def test_two_steps_are_as_good_as_one() -> None:
    both = compose(FIRST, SECOND)
    assert (both.before, both.after) == ("c@1.0.0", "c@3.0.0")
    for values, states in (([3, "b", DAY], "000"), ([None, "a", None], "101"), ([0, None, DAY], "020")):
        causes = {at: "channel" for at, state in enumerate(states) if state == "2"}
        once = apply(FIRST, values, states, causes)
        twice = RowUpcast(SECOND).apply(*once)
        assert apply(both, values, states, causes) == twice
    assert apply(both, [3, "b", DAY]).values == [36, "x", DAY, None, "web", 144]


def test_a_step_does_not_touch_what_it_is_given() -> None:
    values, states, origins, causes = [3, "b", DAY], bytearray(3), bytearray(3), {}
    RowUpcast(FIRST).apply(values, states, origins, causes)
    assert (values, states, origins, causes) == ([3, "b", DAY], bytearray(3), bytearray(3), {})


# ---- what an upcaster may not do ------------------------------------------------------------------------------------


def number(name: str, kind: str = "integer", **more: Any) -> dict[str, Any]:
    options = {"minimum": 0, "maximum": more.pop("maximum", 100)}
    if kind == "number":
        options["multipleOf"] = more.pop("step", 0.01)
    own = [{"vendor": "scoregate", "property": "unit", "value": more.pop("unit", "years")}]
    own += [{"vendor": "scoregate", "property": key, "value": value} for key, value in more.pop("own", {}).items()]
    return {
        "name": name, "description": name, "logicalType": kind, "logicalTypeOptions": options, "examples": [1],
        "customProperties": own, **more,
    }  # fmt: skip


def coded(name: str, *codes: str, **more: Any) -> dict[str, Any]:
    enum = [{"value": code, "label": code} for code in codes]
    return {"name": name, "description": name, "logicalType": "string", "enum": enum, "examples": [codes[0]], **more}


def text(name: str, longest: int = 10, **more: Any) -> dict[str, Any]:
    options: Any = {"maxLength": longest, **more}
    return {
        "name": name,
        "description": name,
        "logicalType": "string",
        "logicalTypeOptions": options,
        "examples": ["ab"],
    }


def yes_or_no(name: str) -> dict[str, Any]:
    return {"name": name, "description": name, "logicalType": "boolean", "examples": [True]}


BASE = [number("years"), number("price", "number"), coded("job", "a", "b"), text("town"), yes_or_no("owner")]


def store(
    home: Path, fields: list[dict[str, Any]], upcast: Any, before: list[dict[str, Any]] | None = None, **more: Any
) -> ContractStore:
    """A home with ``c@1.0.0`` of ``before`` and ``c@2.0.0`` of ``fields``."""
    for version, properties in (("1.0.0", before or BASE), ("2.0.0", fields)):
        own: list[dict[str, Any]] = [{"vendor": "scoregate", "property": "kind", "value": more.get("kind", "request")}]
        if version == "2.0.0":
            own.append({"vendor": "scoregate", "property": "upcast", "value": upcast})
        table: dict[str, Any] = {"name": "c", "logicalType": "object", "properties": properties}
        if rule := more.get("rule" if version == "2.0.0" else "old_rule"):
            table["quality"] = [rule]
        data = {
            "apiVersion": "v3.2.0", "kind": "DataContract", "id": "c", "version": version, "status": "active",
            "customProperties": own, "schema": [table],
        }  # fmt: skip
        file = home / "contracts" / "c" / f"{version}.odcs.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8") as stream:
            YAML(typ="safe", pure=True).dump(data, stream)
    return ContractStore(home)


def changed(name: str, new: dict[str, Any] | None, *more: dict[str, Any]) -> list[dict[str, Any]]:
    """``BASE`` with one field replaced, or left out, and fields added."""
    found = [new if field["name"] == name else field for field in BASE]
    return [field for field in found if field is not None] + list(more)


def up(**fields: Any) -> dict[str, Any]:
    return {"from": "1.0.0", "fields": fields}


UP = {"from": "1.0.0"}
RULE = {
    "id": "r", "type": "custom", "engine": "scoregate", "implementation": "years <= 50", "severity": "error",
    "description": "Not too long.",
}  # fmt: skip
FAULTS: list[tuple[str, list[dict[str, Any]], Any, str]] = [
    ("an unknown key", BASE, {"from": "1.0.0", "field": {}}, "unknown key 'field'.*did you mean 'fields'"),
    ("no version to start from", BASE, {"fields": {}}, "says which version it starts from"),
    (
        "an unknown version",
        BASE,
        {"from": "1.0.1"},
        r"there is no contract 'c@1\.0\.1' to start from.*did you mean '1\.0\.0'",
    ),
    ("a circle", BASE, {"from": "2.0.0"}, "the chain would never end"),
    ("a later version", BASE, {"from": "3.0.0"}, "the chain would never end"),
    ("an unknown field", BASE, up(jobb="job"), "has no field 'jobb'.*did you mean 'job'"),
    ("an unknown source", BASE, up(job="jop"), "has no field 'jop'.*did you mean 'job'"),
    ("a new field nobody explains", changed("", None, number("new")), UP, "nothing says what it is"),
    ("a field that gets lost", changed("town", None), UP, r"field town of c@1\.0\.0 gets lost.*dropped: \[town\]"),
    ("a drop of what is taken", BASE, {"from": "1.0.0", "dropped": ["job"]}, "job is taken over, so it is not dropped"),
    ("a drop of nothing", BASE, {"from": "1.0.0", "dropped": ["jop"]}, "has no field 'jop'.*did you mean 'job'"),
    (
        "a required field that is lost",
        changed(
            "years",
            number("months", required=True),
        ),
        {"from": "1.0.0", "fields": {"months": "not_carried"}, "dropped": ["years"]},
        "months is required, and records of c@1.0.0 would lose it",
    ),
    (
        "an essential field that is lost",
        changed(
            "",
            None,
            coded("new", "a")
            | {
                "customProperties": [
                    {"vendor": "scoregate", "property": "essential", "value": True},
                    {"vendor": "scoregate", "property": "blank", "value": "refuse"},
                ]
            },
        ),
        up(new="not_carried"),
        "new is essential",
    ),
    ("digits that get lost", changed("price", number("price", "number", step=0.1)), UP, "price would lose digits"),
    (
        "a factor that is not exact",
        BASE,
        up(years={"from": "years", "divide": 3}),
        "years would lose digits of years.*give years more decimals",
    ),
    ("a factor that is none", BASE, up(years={"from": "years", "multiply": "x"}), "'x' is not a number above zero"),
    ("a factor of zero", BASE, up(years={"from": "years", "multiply": 0}), "not a number above zero"),
    ("a factor on text", BASE, up(town={"from": "town", "multiply": 2}), "only a number can be converted"),
    ("a narrower range", changed("years", number("years", maximum=50)), UP, "the maximum is 50, years allowed 100"),
    (
        "a range that does not grow with the unit",
        changed("years", number("months", unit="months", maximum=1199)),
        up(months={"from": "years", "multiply": 12}),
        "the maximum is 1199, years allowed 1200",
    ),
    ("types that cannot meet", changed("town", number("town")), UP, "the type string of town cannot become integer"),
    (
        "a text that becomes a code",
        changed("town", coded("town", "ab")),
        UP,
        "the type string of town cannot become code",
    ),
    ("a shorter text", changed("town", text("town", 9)), UP, "holds 9 characters, town had up to 10"),
    ("a pattern", changed("town", text("town", pattern="^[a-z]+$")), UP, "has another pattern than town"),
    ("a code that is gone", changed("job", coded("job", "a")), UP, "has no code b, which job had.*say under codes"),
    (
        "a code that leads nowhere",
        changed("job", coded("job", "a", "c")),
        up(job={"from": "job", "codes": {"b": "d"}}),
        "'b' becomes 'd', which is no code of job",
    ),
    (
        "a code that is left behind",
        changed("job", coded("job", "x", "y")),
        up(job={"from": "job", "codes": {"a": "x"}}),
        "'b' becomes 'b', which is no code of job.*known: x, y",
    ),
    (
        "a code nobody had",
        BASE,
        up(job={"from": "job", "codes": {"z": "a"}}),
        "job has no code 'z'",
    ),
    ("codes of a number", BASE, up(years={"from": "years", "codes": {"1": "2"}}), "codes lead from the codes"),
    (
        "a field that may not be empty any more",
        changed("job", coded("job", "a", "b", required=True)),
        UP,
        "required is true here, it was false",
    ),
    (
        "a supplied value that is none",
        changed("", None, number("new")),
        up(new={"value": "x"}),
        "'x' is no value of new",
    ),
    (
        "a supplied value out of range",
        changed("", None, number("new")),
        up(new={"value": 101}),
        "101 is no value of new.*from 0 to 100",
    ),
    (
        "a supplied value with more",
        changed("", None, number("new")),
        up(new={"value": 1, "from": "years"}),
        "means nothing beside value",
    ),
    ("a supplied nothing", changed("", None, text("new")), up(new={"value": None}), "expected one text, number"),
    ("nothing to read", BASE, up(job=3), "expected the name of a field"),
    ("no fields", BASE, {"from": "1.0.0", "fields": [1]}, "expected one line per field"),
    ("no mapping at all", BASE, "1.0.0", "upcast is a mapping"),
]


@pytest.mark.parametrize(("fields", "upcast", "says"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_an_upcaster_with_a_fault_is_refused_with_file_line_and_way_out(
    tmp_path: Path, fields: list[dict[str, Any]], upcast: Any, says: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"(?s)c/2\.0\.0\.odcs\.yaml:[1-9][0-9]*:[1-9].*{says}"):
        store(tmp_path, fields, upcast).get("c@2.0.0")


def test_a_supplied_code_that_yaml_would_alter_wants_quotes(tmp_path: Path) -> None:
    found = store(tmp_path, changed("", None, coded("branch", "7", "8")), up(branch={"value": "7"}))
    assert found.get("c@2.0.0")
    file = tmp_path / "contracts" / "c" / "2.0.0.odcs.yaml"
    file.write_text(file.read_text().replace("value: '7'", "value: 007", 1))
    assert "value: 007" in file.read_text()
    with pytest.raises(ConfigurationError, match=r"YAML makes '7' of 007.*put quotes around it"):
        ContractStore(tmp_path).get("c@2.0.0")


def test_a_new_rule_may_warn_but_not_refuse(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the rule r may refuse a record that is legal in c@1"):
        store(tmp_path, BASE, {"from": "1.0.0"}, rule=RULE).get("c@2.0.0")
    assert store(tmp_path, BASE, {"from": "1.0.0"}, rule=RULE | {"severity": "warning"}).get("c@2.0.0")


YEARS_TO_MONTHS = up(months={"from": "years", "multiply": 12})
IN_MONTHS = changed("years", number("months", unit="months", maximum=1200))
RECODED = up(job={"from": "job", "codes": {"a": "x", "b": "y"}})
IN_CODES = changed("job", coded("job", "x", "y"))


@pytest.mark.parametrize(
    ("old", "fields", "upcast", "new"),
    [
        ("price <= 10 * years", BASE, UP, "price <= 10 * years"),
        ("price <= 10 * years", BASE, UP, "price <= 20 * years"),
        ("price <= 10 * years", BASE, UP, "years >= 0.1 * price"),
        ("price <= 10 * years", BASE, UP, "2 * price - 20 * years <= 0"),
        ("price < 10 * years", BASE, UP, "price <= 10 * years"),
        ("price == years", BASE, UP, "price <= years"),
        ("price + years <= 100 and price > 0", BASE, UP, "years <= 100.5 - price"),
        ("price <= years", BASE, UP, "years <= 100"),
        ("price <= years", BASE, UP, "price <= years or town == 'x'"),
        ("not given(price) or price <= years", BASE, UP, "not given(price) or price <= years"),
        ("price <= 10 * years", IN_MONTHS, YEARS_TO_MONTHS, "12 * price <= 10 * months"),
        ("years >= 2", IN_MONTHS, YEARS_TO_MONTHS, "months >= 24"),
        ("job == 'a'", IN_CODES, RECODED, "job == 'x'"),
        ("job == 'a'", IN_CODES, RECODED, "job != 'y'"),
        ("years >= 2", changed("", None, number("new")), up(new="not_carried"), "new >= 3 or years >= 3"),
        ("years >= 2", changed("", None, number("new")), up(new={"value": 3}), "new >= 3 and new + years >= 5"),
    ],
)  # fmt: skip
def test_a_rule_that_follows_from_those_before_is_kept(
    tmp_path: Path, old: str, fields: list[dict[str, Any]], upcast: Any, new: str
) -> None:
    rules = {"old_rule": RULE | {"implementation": old}, "rule": RULE | {"implementation": new}}
    assert store(tmp_path, _meeting(fields), upcast, _meeting(BASE), **rules).get("c@2.0.0")


@pytest.mark.parametrize(
    ("old", "fields", "upcast", "new"),
    [
        ("price <= 10 * years", BASE, UP, "price <= 2 * years"),
        ("price <= 10 * years", BASE, UP, "price < 10 * years"),
        ("price <= years", BASE, UP, "price == years"),
        ("price <= 10 * years", BASE, UP, "price * years <= 10"),
        ("price <= 10 * years", BASE, UP, "years <= 99"),
        ("years <= 50 or price <= 50", BASE, UP, "years <= 50"),
        ("not given(price) or price <= years", BASE, UP, "given(price)"),
        ("price <= years", changed("", None, number("new")), up(new="not_carried"), "given(new) or price <= years - 1"),
        ("price <= years", changed("", None, number("new")), up(new="not_carried"),
         "where(given(new), years, price) <= 4"),
        ("price <= 10 * years", IN_MONTHS, YEARS_TO_MONTHS, "price <= 0.5 * months"),
        ("years >= 2", IN_MONTHS, YEARS_TO_MONTHS, "months >= 25"),
        ("job == 'a'", IN_CODES, RECODED, "job == 'y'"),
        ("town not in ('a', 'b')", BASE, UP, "town not in ('a', 'b', 'c')"),
        ("years >= 2", changed("", None, number("new")), up(new={"value": 3}), "new + years >= 6"),
        ("given(town) or years >= 2", BASE, UP, "years >= 2"),
    ],
)  # fmt: skip
def test_a_rule_that_became_stricter_is_a_fault_under_its_old_id_too(
    tmp_path: Path, old: str, fields: list[dict[str, Any]], upcast: Any, new: str
) -> None:
    rules = {"old_rule": RULE | {"implementation": old}, "rule": RULE | {"implementation": new}}
    home = store(tmp_path, _meeting(fields), upcast, _meeting(BASE), **rules)
    with pytest.raises(ConfigurationError, match=r"the rule r may refuse a record that is legal in c@1.*judged: \[r\]"):
        home.get("c@2.0.0")


def _meeting(fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same fields, each with an example of its own that stands alone, so that no rule of two fields is broken."""
    told = {"years": 4, "months": 48, "new": 3}
    return [
        field | {"examples": [*[""] * at, told.get(field["name"], field["examples"][0])]}
        for at, field in enumerate(fields)
    ]


def test_a_rule_that_does_not_hold_a_number_known_before_is_not_proved_by_one_that_needs_another(
    tmp_path: Path,
) -> None:
    """Where the price is missing, nothing was said of the years."""
    rules = {"old_rule": RULE | {"implementation": "years + price <= 50"}, "rule": RULE}
    with pytest.raises(ConfigurationError, match="the rule r may refuse"):
        store(tmp_path / "a", BASE, UP, **rules).get("c@2.0.0")
    sure = changed("price", number("price", "number", required=True, own={"essential": True, "blank": "refuse"}))
    assert store(tmp_path / "b", sure, UP, sure, **rules).get("c@2.0.0")


def test_what_cannot_be_proved_of_a_rule_a_person_may_judge(tmp_path: Path) -> None:
    rule = RULE | {"implementation": "years * years <= 10000"}
    judged = {"from": "1.0.0", "judged": ["r"]}
    assert store(tmp_path, BASE, judged, rule=rule).get("c@2.0.0")
    with pytest.raises(ConfigurationError, match=r"judged: \[r\]"):
        store(tmp_path, BASE, UP, rule=rule).get("c@2.0.0")
    with pytest.raises(ConfigurationError, match=r"c@2\.0\.0 has no rule 's' that refuses"):
        store(tmp_path, BASE, judged | {"judged": ["r", "s"]}, rule=rule).get("c@2.0.0")
    with pytest.raises(ConfigurationError, match="expected a list of the ids of rules"):
        store(tmp_path, BASE, judged | {"judged": "r"}, rule=rule).get("c@2.0.0")


def test_what_is_made_of_a_protected_field_is_protected(tmp_path: Path) -> None:
    before = [number("age", own={"protected": True})]
    with pytest.raises(ConfigurationError, match="age is protected, and so is what is made of it"):
        store(tmp_path, [number("years")], {"from": "1.0.0", "fields": {"years": "age"}}, before).get("c@2.0.0")


def test_an_answer_has_no_upcaster(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="an answer is not upcast"):
        store(tmp_path, BASE, {"from": "1.0.0"}, kind="answer").get("c@2.0.0")


def test_a_fault_of_the_version_before_is_named_there_too(tmp_path: Path) -> None:
    home = store(tmp_path, BASE, {"from": "1.0.0"}, [number("years", "text")])
    with pytest.raises(ConfigurationError, match=r"c@1\.0\.0, which this version is made from, has faults of its own"):
        home.get("c@2.0.0")


def test_all_that_a_step_can_say_is_read(tmp_path: Path) -> None:
    fields = [
        number("months", unit="months", maximum=1200), number("cents", maximum=10000, unit="cents"),
        coded("job", "x", "b"), text("place", 12), coded("home", "own", "rent"), coded("channel", "branch"),
        number("enquiries"),
    ]  # fmt: skip
    steps = {
        "months": {"from": "years", "multiply": 12}, "cents": {"from": "price", "multiply": 100}, "place": "town",
        "job": {"from": "job", "codes": {"a": "x"}}, "home": {"from": "owner", "codes": {True: "own", False: "rent"}},
        "channel": {"value": "branch"}, "enquiries": "not_carried",
    }  # fmt: skip
    step = store(tmp_path, fields, {"from": "1.0.0", "fields": steps}).upcast("c@1.0.0", "c@2.0.0")
    assert step is not None
    assert apply(step, [3, 1999, "a", "Rome", False]).values == [36, 1999, "x", "Rome", "rent", "branch", None]


# ---- chains ---------------------------------------------------------------------------------------------------------


def test_the_way_between_versions_is_every_version_between_them() -> None:
    found = ContractStore()
    assert found.chain("loan_application@1.0.0", "loan_application@2.0.0") == (
        "loan_application@1.0.0", "loan_application@1.1.0", "loan_application@2.0.0",
    )  # fmt: skip
    assert found.upcast("loan_application@2.0.0", "loan_application@2.0.0") is None


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("loan_application@2.0.0", "loan_application@1.0.0", "loan_application@2.0.0 is the later one"),
        ("loan_decision@1.0.0", "loan_application@2.0.0", "loan_application is another contract"),
        ("loan_application@1.0.1", "loan_application@2.0.0", "there is no contract 'loan_application@1.0.1'"),
        ("c@1.0.0", "c@2.0.0", "c@2.0.0 says nothing of how a record of c@1.0.0 becomes one of it"),
    ],
)
def test_a_way_that_is_broken_says_where(tmp_path: Path, before: str, after: str, says: str) -> None:
    home = store(tmp_path, BASE, {"from": "1.0.0"})
    file = tmp_path / "contracts/c/2.0.0.odcs.yaml"
    data = YAML(typ="safe", pure=True).load(file.read_text())
    data["customProperties"].pop()
    with file.open("w") as stream:
        YAML(typ="safe", pure=True).dump(data, stream)
    with pytest.raises(ConfigurationError) as caught:
        home.upcast(before, after)
    assert says in str(caught.value)

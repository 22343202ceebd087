"""What is wrong with a request mapping is said all at once, each at its place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mapping_samples import CONTRACT, FIELDS

from contracts.errors import ConfigurationError
from contracts.mapping.request import RequestMap
from contracts.mapping.tree import Wired
from contracts.source import Source

GOOD = """\
request:
  amount: loan.amount
  months: loan.months
  name: who.name
  home: {from: who.home, codes: {O: owner, R: rent}}
  born: not_carried
  member: who.member
"""


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        RequestMap.parse(Source.parse(text, "x.yaml"), ("request",), CONTRACT)
    return [str(fault) for fault in caught.value.faults]


def with_line(name: str, line: str) -> str:
    """The good mapping with the line of one field replaced."""
    return "\n".join(f"  {line}" if kept.startswith(f"  {name}:") else kept for kept in GOOD.splitlines()) + "\n"


def test_every_fault_is_found_in_one_go_with_line_and_column() -> None:
    text = GOOD.replace("  months: loan.months", "  mnths: loan.months").replace("who.name", "who..name")
    assert faults(text) == [
        "x.yaml:3:3: error: everything@1.0.0 has no field 'mnths' (did you mean 'months'?)",
        "x.yaml:1:1: error: the field 'months' is not mapped (name its native path, or write months: not_carried)",
        "x.yaml:4:3: error: 'who..name' is not a path: expected a name at character 5",
    ]


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("amount", "amount: {form: loan.amount}", "unknown key 'form' (did you mean 'from'?)"),
        ("amount", "amount: {convert: [decimal(2)]}", "expected from: <native path>"),
        ("amount", "amount: {from: a, convert: [decimel(2)]}", "did you mean 'decimal'?"),
        ("amount", "amount: {from: a, convert: [7]}", "expected a conversion such as decimal(2), not 7"),
        ("amount", "amount: {from: a, convert: text}", "text gives no decimal; use decimal or integer"),
        ("amount", "amount: {from: a, codes: {A: 1}}", "codes give no decimal (use convert)"),
        ("amount", "amount: 5", "expected a native path, not_carried, {from: …} or {constant: …}"),
        ("amount", "amount: {from: a, missing: blank}", "expected {absent|empty|nil|<literal>: blank|rejected}"),
        ("amount", "amount: {from: a, missing: {0: not_carried}}", "said of a whole field, never of a value"),
        ("amount", "amount: {from: a, missing: {0: gone}}", "expected blank or rejected, not 'gone'"),
        ("amount", "amount: {from: a, missing: {empty: [blank]}}", "expected blank or rejected, not ['blank']"),
        ("amount", "amount: {from: a, missing: {0: blank, '0': blank}}", "'0' is listed twice"),
        ("amount", "amount: {from: a, missing: {0099: blank}}", "put quotes around it"),
        ("amount", "amount: {from: a, missing: {9.90: blank}}", "put quotes around it"),
        ("amount", "amount: {from: a, joint: add}", "'add' is no rule for several applicants (known: primary"),
        ("amount", "amount: {constant: lots}", "the constant 'lots' is no value of 'amount' (expected a number of"),
        ("amount", "amount: {constant: 1.005}", "no value of 'amount'"),
        ("amount", "amount: {constant: 1, from: a}", "'from' means nothing beside constant"),
        ("months", "months: {constant: 1.5}", "the constant 1.5 is no value of 'months'"),
        ("name", "name: {from: a, joint: max}", "max needs a number, 'name' is a string"),
        ("name", f"name: {{constant: {'x' * 41}}}", "is no legal value of 'name'"),
        ("home", "home: {from: a, codes: {O: ownr}}", "'ownr' is no code of 'home' in everything@1.0.0 (did you mean"),
        ("home", "home: {from: a, codes: {}}", "expected {<native code>: <contract code>}"),
        ("home", "home: {from: a, codes: {O: true}}", "True is no code of 'home' (put quotes around it)"),
        ("home", "home: {from: a, codes: {01: owner}}", "YAML makes '1' of 01 (put quotes around it)"),
        ("home", "home: {from: a, codes: {0x1F: owner}}", "YAML makes '31' of 0x1F (put quotes around it)"),
        ("home", "home: {from: a, codes: {1_0: owner}}", "YAML makes '10' of 1_0"),
        ("home", "home: {from: a, codes: {+5: owner}}", "YAML makes '5' of +5"),
        ("home", "home: {from: a, codes: {0o17: owner}}", "YAML makes '15' of 0o17"),
        ("home", "home: {from: a, codes: {TRUE: owner}}", "YAML makes 'true' of TRUE"),
        ("home", "home: {constant: 01}", "YAML makes '1' of 01"),
        ("name", "name: {from: a, codes: {A: 01}}", "YAML makes '1' of 01 (put quotes around it)"),
        ("name", "name: {constant: 1.50}", "1.5 is no text, whole number, true or false (put quotes around it)"),
        ("home", "home: {from: a, codes: {1: owner, '1': rent}}", "the code '1' is listed twice"),
        ("home", "home: {from: a, convert: upper, codes: {o: owner}}", "the code 'o' can never come out of upper"),
        ("home", "home: {from: a, convert: integer, codes: {O: owner}}", "only trim, upper and text may stand before"),
        ("home", "home: {constant: ownr}", "the constant 'ownr' is no code of 'home' (did you mean 'owner'?)"),
        ("member", "member: {from: a, codes: {J: owner}}", "'owner' is no value of 'member' (expected true or false)"),
        ("born", "born: {from: a, convert: date(YY-MM-DD)}", "is not a date format"),
    ],
)
def test_a_fault_says_what_was_seen_and_what_is_wanted(name: str, line: str, message: str) -> None:
    found = faults(with_line(name, line))
    assert any(message in fault for fault in found), found
    at = next(number for number, kept in enumerate(GOOD.splitlines(), 1) if kept.startswith(f"  {name}:"))
    assert all(fault.startswith(f"x.yaml:{at}:") for fault in found)


def test_the_good_mapping_is_good() -> None:
    RequestMap.parse(Source.parse(GOOD, "x.yaml"), ("request",), CONTRACT)


@pytest.mark.parametrize("code", ["1", "-1", "true", "'01'", '"0x1F"', "!!str 007", "no", "1:30", "2026-03-31"])
def test_a_native_code_that_yaml_does_not_alter_needs_no_quotes(code: str) -> None:
    text = with_line("home", f"home: {{from: who.home, codes: {{{code}: owner}}}}")
    tree = RequestMap.parse(Source.parse(text, "x.yaml"), ("request",), CONTRACT).tree
    read = next(entry for entry in tree.entries if entry.field.name == "home")
    assert isinstance(read, Wired)
    assert read.codes == ((code.removeprefix("!!str ").strip("'\""), "owner"),)


def test_an_essential_field_is_mapped_and_rests_on_no_look_up() -> None:
    fields = (replace(FIELDS[0], essential=True), *FIELDS[1:])
    contract = replace(CONTRACT, fields=fields)
    for line in ("amount: not_carried", "amount: lookup.bureau.amount"):
        with pytest.raises(ConfigurationError, match="'amount' is essential and may not"):
            RequestMap.parse(Source.parse(with_line("amount", line), "x.yaml"), ("request",), contract)


@pytest.mark.parametrize("text", ["other: 1\n", "request: text\n", "request: [a]\n"])
def test_a_section_that_is_no_mapping_is_a_fault(text: str) -> None:
    assert "expected one line per contract field" in faults(text)[0]

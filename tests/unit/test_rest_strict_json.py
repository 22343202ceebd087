"""JSON with the doors closed that RFC 8259 leaves open."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from adapters.rest import strict_json
from contracts.errors import InternalFault, MalformedPayload


@pytest.mark.parametrize(
    ("raw", "tree"),
    [
        (b"{}", {}),
        (b' \r\n\t{"a": [1, true, null, "x"]} ', {"a": [1, True, None, "x"]}),
        (b'\xef\xbb\xbf{"a": "\xc3\xa9"}', {"a": "é"}),
        (b'{"a": "\\ud83d\\ude00\\u00e9"}', {"a": "😀é"}),
        (b'{"a": -0, "b": 1e3, "c": 12E-2}', {"a": 0, "b": Decimal("1E+3"), "c": Decimal("0.12")}),
        (b'{"a": "[[[[{{{{ 1e999 \\"[["}', {"a": '[[[[{{{{ 1e999 "[['}),
        (b'{"n":' + b"9" * 38 + b"}", {"n": int("9" * 38)}),
        (b'{"n":-' + b"9" * 5_000 + b"}", {"n": Decimal("-" + "9" * 5_000)}),
        (b'{"n":0.' + b"1" * 39 + b"}", {"n": Decimal("0." + "1" * 39)}),
        (b'{"a\\u0000": "\\u0000"}', {"a\x00": "\x00"}),
        (b'{"n":1e400, "m":0e99999}', {"n": Decimal("1e400"), "m": Decimal("0e99999")}),
        (b'{"n":-1e999999999999999999999}', {"n": Decimal("-Infinity")}),
    ],
)
def test_reads_what_rfc_8259_allows(raw: bytes, tree: dict[str, Any]) -> None:
    assert strict_json.read(raw) == tree


def test_keeps_the_digits_of_a_number() -> None:
    assert str(strict_json.read(b'{"n": 1.50}')["n"]) == "1.50"
    assert str(strict_json.read(b'{"n": 0.1}')["n"]) == "0.1"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"a":1} x', "not_json"),
        (b"{'a':1}", "not_json"),
        (b'{"a":01}', "not_json"),
        (b'{"a":"\n"}', "not_json"),
        (b'{"a":"\\x"}', "not_json"),
        (b'{"a":NaN}', "not_a_number"),
        (b'{"a":[-Infinity]}', "not_a_number"),
        (b'{"a":1,"a":1}', "duplicate_name"),
        (b'{"x":{"a":1,"\\u0061":2}}', "duplicate_name"),
        (b'{"a":"\xff"}', "not_utf8"),
        (b'{"a":"\xed\xa0\x80"}', "not_utf8"),
        ('{"a":1}'.encode("utf-16"), "not_utf8"),
        ('{"a":1}'.encode("utf-16-le"), "not_json"),
        (b'{"a":"\\ud800"}', "not_text"),
        (b'{"a\\ud800":1}', "not_text"),
        (b"[]", "not_an_object"),
        (b'"a"', "not_an_object"),
        (b"null", "not_an_object"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "too_deep"),
        (b'{"a":' + b"[]," * 100_000 + b"}", "not_json"),
    ],
)
def test_refuses_at_the_first_fault_and_names_it(raw: bytes, code: str) -> None:
    with pytest.raises(MalformedPayload) as caught:
        strict_json.read(raw)
    assert caught.value.detail_code == code


def test_allows_exactly_the_declared_depth() -> None:
    assert strict_json.read(b'{"a":' * 32 + b"1" + b"}" * 32)
    wide = b'{"a":[' + b",".join([b"[{}]"] * 5_000) + b"]}"
    assert len(strict_json.read(wide)["a"]) == 5_000


@pytest.mark.parametrize(("raw", "offset"), [(b'{"a":"\xff"}', 6), (b'\xef\xbb\xbf{"a":"\xc3"}', 9)])
def test_names_the_byte_that_is_not_utf8(raw: bytes, offset: int) -> None:
    with pytest.raises(MalformedPayload, match=f"not UTF-8 at byte {offset}\\b"):
        strict_json.read(raw)


def test_says_that_batches_are_not_taken_here() -> None:
    with pytest.raises(MalformedPayload, match="joint applications and batches are not supported here"):
        strict_json.read(b'[{"a":1},{"a":2}]')


def test_never_repeats_what_a_caller_wrote_as_a_name() -> None:
    with pytest.raises(MalformedPayload) as caught:
        strict_json.read(b'{"Jane Doe 1970": 1, "Jane Doe 1970": 2}')
    assert "Jane" not in caught.value.message


def test_writes_every_type_the_one_way() -> None:
    tree = {
        "whole": 612,
        "exact": Decimal("0.020400"),
        "large": Decimal("1E+3"),
        "small": Decimal("1E-7"),
        "yes": True,
        "none": None,
        "text": 'ü "quoted" \\ \n',
        "day": date(2026, 1, 2),
        "time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "elsewhere": datetime(2026, 1, 2, 1, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=1))),
        "list": [1, (2, [])],
        "empty": {},
    }
    assert strict_json.write(tree).decode() == (
        '{"whole":612,"exact":0.020400,"large":1000,"small":0.0000001,"yes":true,"none":null,'
        '"text":"ü \\"quoted\\" \\\\ \\n","day":"2026-01-02","time":"2026-01-02T03:04:05Z",'
        '"elsewhere":"2026-01-02T00:00:00.250000Z","list":[1,[2,[]]],"empty":{}}'
    )


@pytest.mark.parametrize(
    "value",
    [
        Decimal("NaN"),
        Decimal("-Infinity"),
        1.5,
        b"bytes",
        {1, 2},
        datetime(2026, 1, 1),  # noqa: DTZ001 # a naive time is what is refused
        "\ud800",
        {1: 2},
    ],
)
def test_what_json_has_no_form_for_is_our_own_fault(value: Any) -> None:
    with pytest.raises(InternalFault):
        strict_json.write({"a": value})


def test_flat_texts_are_read_in_one_go() -> None:
    raws = [b'{"amount": 8500.00, "term": 24, "job": "fixed"}', b"{}", '{"name": "Jos\u00e9", "debt": null}'.encode()]
    found = strict_json.read_flat(raws)
    assert found == [strict_json.read(raw) for raw in raws]
    assert str(found[0]["amount"]) == "8500.00"


@pytest.mark.parametrize(
    "raws",
    [
        pytest.param([b'{"a":1},{"b":[{}', b"{}]}"], id="two texts that lend each other a list"),
        pytest.param([b'{"a":"}', b'{"b":1}'], id="a string left open"),
        pytest.param([b'{"a":1},5}', b'{"b":1}'], id="more than one value"),
        pytest.param([b'{"a":1,"a":2}', b"{}"], id="a name twice"),
        pytest.param([b'{"a":{}}', b"{}"], id="an object in an object"),
        pytest.param([b'{"a":1e3}', b"{}"], id="an exponent"),
        pytest.param([b'{"a":NaN}', b"{}"], id="no number"),
        pytest.param([b'{"a":"\\ud800"}', b"{}"], id="half a character"),
        pytest.param([b'{"a":"\xff"}', b"{}"], id="no UTF-8"),
        pytest.param([b"[]", b"{}"], id="no object"),
        pytest.param([b"", b"{}"], id="nothing"),
    ],
)
def test_texts_of_which_one_is_odd_are_left_to_be_read_by_themselves(raws: list[bytes]) -> None:
    assert strict_json.read_flat(raws) is None

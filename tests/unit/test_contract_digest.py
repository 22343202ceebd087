"""The binary layout of a record, byte by byte, and digests made by other tools."""

from __future__ import annotations

from datetime import date

import pytest

from contracts.digest import Layout
from contracts.odcs import Contract
from contracts.store import ContractStore
from contracts.types import Field, State, Value

CONTRACT = Contract(
    "sample",
    "1.0.0",
    fields=(
        Field("amount", "decimal", scale=2),
        Field("home", "code", codes=("owner", "rent")),
        Field("since", "date"),
        Field("resident", "boolean"),
        Field("note", "string"),
    ),
)
VALUES: tuple[Value, ...] = (-1, "rent", date(1, 1, 2), True, "é")


def test_the_layout_is_the_written_one() -> None:
    body = Layout(CONTRACT).body(VALUES, bytes(5))
    assert body.hex(" ") == (
        "00 ff ff ff ff ff ff ff ff 00 00 00 00 04 72 65 6e 74 00 00 00 00 02 00 01 00 00 00 00 02 c3 a9"
    )


def test_a_field_that_is_not_given_is_its_state_alone() -> None:
    states = bytes([State.BLANK, State.GIVEN, State.NOT_CARRIED, State.GIVEN, State.REJECTED])
    assert Layout(CONTRACT).body((None, "owner", None, False, None), states).hex(" ") == (
        "01 00 00 00 00 05 6f 77 6e 65 72 02 00 00 03"
    )


def test_the_digest_is_the_one_that_openssl_computes() -> None:
    """``printf 'scoregate record 1\\n\\0\\0\\0\\014sample@1.0.0<body>' | openssl dgst -sha256``"""
    assert (
        Layout(CONTRACT).digest(VALUES, bytes(5)).hex()
        == "8c6dc1b0a9f966e4d663ccb59a91a9ca00cb7a5c4a809acaafbf0dd661a807c2"
    )


def test_the_digest_of_the_first_example_application_never_changes() -> None:
    contract = ContractStore().get("loan_application@1.0.0")
    values = [contract.examples[field.name][0] for field in contract.fields]
    assert Layout(contract).digest(values, bytes(15)).hex() == (
        "aec7707fd460116acbaf4d4271733fab37ded9a0b0186ccdb147aecde5468012"
    )


def test_texts_that_only_look_alike_have_different_digests() -> None:
    layout = Layout(CONTRACT)
    composed, decomposed = (
        layout.digest((*VALUES[:4], "é"), bytes(5)),
        layout.digest((*VALUES[:4], "e\u0301"), bytes(5)),
    )
    assert composed != decomposed


def test_another_version_of_a_contract_gives_another_digest() -> None:
    newer = Contract("sample", "1.1.0", fields=CONTRACT.fields)
    assert Layout(CONTRACT).digest(VALUES, bytes(5)) != Layout(newer).digest(VALUES, bytes(5))


@pytest.mark.parametrize("count", [4, 6])
@pytest.mark.parametrize("state", [State.GIVEN, State.BLANK])
def test_a_record_of_another_length_has_no_digest(count: int, state: State) -> None:
    with pytest.raises(ValueError, match="argument"):
        Layout(CONTRACT).digest((*VALUES, 1)[:count], bytes([state] * count))

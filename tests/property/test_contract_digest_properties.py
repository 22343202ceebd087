"""Two records have the same layout exactly when they have the same values and states."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from contracts.digest import Layout
from contracts.odcs import Contract
from contracts.types import Field, State

FIELDS = (
    Field("note", "string"),
    Field("text", "string"),
    Field("amount", "decimal", scale=2),
    Field("months", "integer"),
    Field("home", "code", codes=("owner", "own", "rent")),
    Field("resident", "boolean"),
    Field("since", "date"),
)
LAYOUT = Layout(Contract("sample", "1.0.0", fields=FIELDS))
Row = list[tuple[Any, State]]

near = st.text("a\0é", max_size=3)
whole = st.one_of(st.integers(-2, 2), st.integers(-(2**63), 2**63 - 1))
values = [near, near, whole, whole, st.sampled_from(FIELDS[4].codes), st.booleans(), st.dates()]
absent = st.sampled_from([State.BLANK, State.NOT_CARRIED, State.REJECTED])
cells = [st.one_of(value.map(lambda v: (v, State.GIVEN)), absent.map(lambda s: (None, s))) for value in values]
rows = st.tuples(*cells).map(list)


def laid_out(row: Row) -> bytes:
    return LAYOUT.body([value for value, _ in row], bytes(state for _, state in row))


def digest(row: Row) -> bytes:
    return LAYOUT.digest([value for value, _ in row], bytes(state for _, state in row))


def read_back(content: bytes) -> Row:
    """An independent reader of the written layout: if it can be read back, nothing was lost."""
    row: Row = []
    for field in FIELDS:
        state, content = State(content[0]), content[1:]
        value: Any = None
        if state == State.GIVEN:
            size = {"decimal": 8, "integer": 8, "boolean": 1, "date": 4}.get(field.type)
            if size is None:
                size, content = int.from_bytes(content[:4], "big"), content[4:]
            part, content = content[:size], content[size:]
            match field.type:
                case "decimal" | "integer":
                    value = int.from_bytes(part, "big", signed=True)
                case "boolean":
                    value = part == b"\x01"
                case "date":
                    value = date.fromordinal(int.from_bytes(part, "big"))
                case _:
                    value = part.decode()
        row.append((value, state))
    assert content == b""
    return row


@given(rows)
def test_a_layout_can_be_read_back_so_no_two_records_share_one(row: Row) -> None:
    assert read_back(laid_out(row)) == row


@given(rows, rows, st.sets(st.integers(0, len(FIELDS) - 1)))
def test_a_digest_changes_with_any_value_or_state_and_with_nothing_else(row: Row, other: Row, taken: set[int]) -> None:
    changed = [other[i] if i in taken else row[i] for i in range(len(FIELDS))]
    assert (digest(changed) == digest(row)) == (changed == row)


@example(["a", "aa"], ["aa", "a"])
@given(st.lists(near, min_size=2, max_size=2), st.lists(near, min_size=2, max_size=2))
def test_texts_do_not_run_into_each_other(one: list[str], two: list[str]) -> None:
    def row(texts: list[str]) -> Row:
        return [*((text, State.GIVEN) for text in texts), *((None, State.BLANK) for _ in range(5))]

    assert (laid_out(row(one)) == laid_out(row(two))) == (one == two)

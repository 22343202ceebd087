"""Declared tables, whatever they are called: they are read as they were written, and equal ones do not differ."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.odbc.drift import differences
from adapters.odbc.tables import KINDS, MOST, SIZED, Column, Table, of_source, written
from contracts.source import Source

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@st.composite
def columns(draw: st.DrawFn) -> Column:
    kind = draw(st.sampled_from(KINDS))
    sized = kind in SIZED or (kind == "binary" and draw(st.booleans()))
    size = draw(st.integers(1, MOST[kind])) if sized else 0
    scale = draw(st.integers(0, size)) if kind == "decimal" else 0
    codes = draw(st.one_of(st.just({}), st.dictionaries(TEXTS, TEXTS, max_size=3)))
    return Column(draw(NAMES), kind, size, scale, draw(st.booleans()), codes, draw(TEXTS))


@st.composite
def some_tables(draw: st.DrawFn) -> list[Table]:
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    found = []
    for name in names:
        inside = tuple(draw(st.lists(columns(), min_size=1, max_size=4, unique_by=lambda column: column.name)))
        key = draw(st.lists(st.sampled_from([column.name for column in inside]), unique=True))
        found.append(Table(name, inside, tuple(key)))
    return found


@given(some_tables())
def test_tables_are_read_as_they_were_written(tables: list[Table]) -> None:
    read = of_source(Source.parse(written(tables), "tables.yaml"))
    assert list(read.found.values()) == tables


@given(some_tables())
def test_equal_tables_do_not_differ(tables: list[Table]) -> None:
    for table in tables:
        assert differences(table, table, written=table.names) == []


@given(columns(), columns())
def test_what_is_harmless_one_way_is_not_the_other_way(one: Column, other: Column) -> None:
    """Between two different columns of one name: a type that only grew there only shrank here."""
    other = other._replace(name=one.name, null=one.null)
    there = differences(Table("T", (one,)), Table("T", (other,)))
    back = differences(Table("T", (other,)), Table("T", (one,)))
    assert len(there) == len(back) <= 1
    assert not any(drift.harmless and again.harmless for drift, again in zip(there, back, strict=True))

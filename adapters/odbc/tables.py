"""The shape of the legacy tables as an integration declares it: ``tables.yaml`` in its folder, and how it drifts.

::

    CREDIT_REQUEST:                        # a table, or schema.table
      key: [REQUEST_ID]                    # its primary key, where it has one
      columns:
        REQUEST_ID: bigint not null
        AMOUNT: decimal(12,2)
        HOUSING: {type: "char(1) not null", codes: {O: owns it, R: rents it}, note: where the applicant lives}

Types are logical, the same for every database; what a driver says of a column is put into them by ``catalog``. The
file is what the mapping is linted against; what the database really has is held against it before the first row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

from contracts.errors import ConfigurationError, Fault
from contracts.section import Section
from contracts.source import Source, nearest
from contracts.yaml_text import flow, key, quote

FILE: Final = "tables.yaml"
Kind = Literal[
    "char", "varchar", "text", "decimal", "integer", "smallint", "bigint", "real", "double", "date", "time",
    "timestamp", "timestamp-tz", "boolean", "binary",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SIZED: Final = ("char", "varchar", "decimal")
"""Kinds that always have a size: characters, or digits; ``binary`` may have one, of bytes."""
MOST: Final[Mapping[str, int]] = {"char": 2**31 - 1, "varchar": 2**31 - 1, "binary": 2**31 - 1, "decimal": 1000}
_TYPE: Final = re.compile(
    r"(?P<kind>[a-z-]+)\s*(?:\(\s*(?P<size>[0-9]{1,10})\s*(?:,\s*(?P<scale>[0-9]{1,4})\s*)?\))?(?P<null>\s+not\s+null)?",
    re.ASCII | re.IGNORECASE,
)
_EXPECTED: Final = "expected a type, as varchar(40), decimal(12,2) or bigint not null"


class Column(NamedTuple):
    """One column. ``size`` counts characters, digits or bytes and is 0 where the type has none; ``scale`` the digits
    behind the point. ``codes`` maps each text it may hold to what it means, empty where nothing is said of that.
    """

    name: str
    type: Kind
    size: int = 0
    scale: int = 0
    null: bool = True
    codes: Mapping[str, str] = {}
    note: str = ""

    @property
    def shape(self) -> str:
        """The type with its size, as it is written: ``decimal(12,2)``."""
        sizes = f"{self.size},{self.scale}" if self.scale else f"{self.size}"
        return f"{self.type}({sizes})" if self.size else self.type


class Table(NamedTuple):
    """One table or view; ``key`` names the columns of its primary key, empty where it has none."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one file, by name, in its order; ``fault`` names the place of a table, or of one of its columns."""

    source: Source
    found: Mapping[str, Table] = field(default_factory=dict)

    def fault(self, table: str, column: str, message: str, hint: str = "", severity: str = "error") -> Fault:
        place = (table, "columns", column) if column else (table,)
        return self.source.fault(place, message, hint, severity)


# ---- reading ---------------------------------------------------------------------------------------------------------


def read_tables(path: Path) -> Tables:
    """The file as tables; raises ConfigurationError with every fault, each with line, column and nearest legal word."""
    return of_source(Source.read(path))


def of_source(source: Source) -> Tables:
    """The same, of a file that was read already."""
    faults: list[Fault] = []
    top = Section(source, faults, (), source.data, None)
    if not top.data and not faults:
        top.fault((), "names no table", "declare each table that is read or written")
    found = {name: _table(name, top.section(name, _TABLE)) for name in _names(top)}
    if faults:
        raise ConfigurationError(faults)
    return Tables(source, found)


_TABLE: Final = ("columns", "key")
_COLUMN: Final = ("type", "codes", "note")


def _names(section: Section) -> list[str]:
    """The keys that are names of the database's; any other is a fault."""
    for name in section.data:
        if type(name) is not str or not name:
            section.fault((str(name),), f"the name {name!r} must be a text", f"write {quote(str(name))}")
    return [name for name in section.data if type(name) is str and name]


def _table(name: str, section: Section) -> Table:
    columns = section.section("columns", None)
    if section.data.get("columns", {}) == {}:
        section.fault(("columns",), "the table has no columns", "declare each column that is read or written")
    found = [column for name in _names(columns) if (column := _column(name, columns))]
    return Table(name, tuple(found), section.members("key", list(columns.data), []))


def _column(name: str, columns: Section) -> Column | None:
    given = columns.data[name]
    if not isinstance(given, dict):
        return _typed(name, given, columns, (name,))
    section = columns.section(name, _COLUMN)
    column = _typed(name, given.get("type"), section, ("type",))
    if column is None:
        return None
    return column._replace(codes=_codes(section), note=section.take("note", str, ""))


def _codes(section: Section) -> dict[str, str]:
    """Each code and what it means; a list of codes says nothing of that."""
    given = section.data.get("codes", {})
    if isinstance(given, list):
        return dict.fromkeys(section.texts("codes"), "")
    codes = section.section("codes", None)
    for code in codes.data:
        if type(code) is not str:
            codes.fault((str(code),), f"the code {code!r} must be a text", f"write {quote(str(code))}")
    return {code: codes.take(code, str) for code in codes.data if type(code) is str}


def _typed(name: str, text: object, section: Section, place: tuple[str, ...]) -> Column | None:
    """A column of the type a text names; None, and the fault noted, where it names none."""
    if not isinstance(text, str):
        section.fault(place, f"the column {name} has no type", _EXPECTED)
        return None
    match = _TYPE.fullmatch(text.strip())
    kind = match["kind"].lower() if match else ""
    known = next((one for one in KINDS if one == kind), None)
    if match is None or known is None:
        word = re.match("[a-z-]*", text.strip().lower())
        hint = nearest(word[0] if word else "", KINDS) or f"known: {', '.join(KINDS)}"
        section.fault(place, f"{text!r} is not a type: {_EXPECTED}", hint)
        return None
    column = Column(name, known, int(match["size"] or 0), int(match["scale"] or 0), not match["null"])
    wrong = _misshapen(column, sized=match["size"] is not None, scaled=match["scale"] is not None)
    if wrong:
        section.fault(place, f"{text!r} is not a type: {wrong}", _EXPECTED)
        return None
    return column


def _misshapen(column: Column, *, sized: bool, scaled: bool) -> str:
    kind, most = column.type, MOST.get(column.type, 0)
    if kind in SIZED and not sized:
        return f"{kind} needs its {'digits' if kind == 'decimal' else 'length'}, as {kind}(12)"
    if sized and not most:
        return f"{kind} has no size"
    if sized and not 1 <= column.size <= most:
        return f"the size of {kind} must lie between 1 and {most}"
    if scaled and kind != "decimal":
        return f"{kind} has no digits behind a point"
    return f"has more digits behind the point than digits, {column.size}" if column.scale > column.size else ""


# ---- writing ---------------------------------------------------------------------------------------------------------


def written(tables: Iterable[Table]) -> str:
    """The file that ``read_tables`` reads these tables from."""
    return "".join(f"{line}\n" for table in tables for line in _written(table))


def _written(table: Table) -> Iterator[str]:
    yield f"{key(table.name)}:"
    if table.key:
        yield f"  key: {flow(table.key)}"
    yield "  columns:"
    for column in table.columns:
        yield f"    {key(column.name)}: {_value(column)}"


def _value(column: Column) -> str:
    text = column.shape if column.null else f"{column.shape} not null"
    if not column.codes and not column.note:
        return text
    said = any(column.codes.values())
    more = {"codes": dict(column.codes) if said else list(column.codes), "note": column.note}
    return flow({"type": text} | {name: value for name, value in more.items() if value})

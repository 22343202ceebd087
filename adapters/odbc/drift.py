"""How the tables a database has differ from those an integration declares: the exact difference, and whom it hurts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, Literal, NamedTuple

from adapters.odbc.tables import Column, Table, Tables
from contracts.errors import Fault
from contracts.source import nearest

Change = Literal["missing", "retyped", "narrowed", "widened", "nullable", "not null"]
_TOLD: Final[dict[Change, str]] = {
    "missing": "is missing in the database: declared {declared}",
    "retyped": "was retyped: declared {declared}, the database has {found}",
    "narrowed": "was narrowed: declared {declared}, the database has {found}",
    "widened": "was widened: declared {declared}, the database has {found}",
    "nullable": "was made nullable: declared not null, the database lets it be null",
    "not null": "was made not null: declared nullable, the database wants a value",
}
_WHOLE: Final = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_UNBOUNDED: Final = 2**31


class Drift(NamedTuple):
    """One difference. ``column`` is empty for a table that is missing as a whole; ``harmless`` says that rows are read
    and answers are written as before.
    """

    table: str
    column: str
    change: Change
    declared: str
    found: str
    harmless: bool
    hint: str = ""

    def __str__(self) -> str:
        name = f"{self.table}.{self.column}" if self.column else f"the table {self.table}"
        return f"{name} {_TOLD[self.change].format(declared=self.declared, found=self.found)}"

    def fault(self, tables: Tables) -> Fault:
        """The difference at its place in the file that declares the column: a note where it is harmless."""
        severity = "note" if self.harmless else "error"
        return tables.fault(self.table, self.column, str(self), self.hint, severity)


def differences(declared: Table, found: Table | None, written: Collection[str] = ()) -> list[Drift]:
    """Every difference of the declared columns, in their order; columns that nobody declared concern nobody.

    ``found`` is None where the database has no such table. ``written`` names the columns that are written; all others
    are read. A column that holds more than declared is harmless; so is one that may be NULL, which a mapping always
    says the meaning of (a row whose key is NULL is passed over, and told), and one that may not, unless it is written:
    then an answer may have nothing for it.
    """
    if found is None:
        return [Drift(declared.name, "", "missing", f"{len(declared.columns)} columns", "", harmless=False)]
    return [drift for column in declared.columns for drift in _differences(declared.name, column, found, written)]


def _differences(table: str, declared: Column, found: Table, written: Collection[str]) -> Iterator[Drift]:
    here = found.column(declared.name)
    if here is None:
        hint = nearest(declared.name, found.names)
        yield Drift(table, declared.name, "missing", declared.shape, "", harmless=False, hint=hint)
        return
    change = _change(declared, here)
    if change:
        yield Drift(table, declared.name, change, declared.shape, here.shape, harmless=change == "widened", hint=_MEND)
    if declared.null != here.null:
        to: Change = "nullable" if here.null else "not null"
        harmless = here.null or declared.name not in written
        yield Drift(table, declared.name, to, _null(declared), _null(here), harmless=harmless, hint=_MEND)


_MEND: Final = "see what the change means for the mapping, then declare the column as it is"


def _null(column: Column) -> str:
    return "null" if column.null else "not null"


def _change(declared: Column, found: Column) -> Change | None:
    if declared[1:4] == found[1:4]:
        return None
    ours, theirs = _room(declared), _room(found)
    if ours[0] != theirs[0]:
        return "retyped"
    if ours[1:] == theirs[1:]:
        return None
    grown = all(a <= b for a, b in zip(ours[1:], theirs[1:], strict=True))
    return "widened" if grown else "narrowed"


def _room(column: Column) -> tuple[str, int, int]:
    """What a column holds: a family whose members are read alike, and up to how much, before and behind the point.

    A decimal is read like a whole number, and a varchar like a text; a char is padded, which changes what is read.
    """
    match column.type:
        case "smallint" | "integer" | "bigint" as kind:
            return "number", _WHOLE[kind], 0
        case "decimal":
            return "number", 10 ** (column.size - column.scale) - 1, column.scale
        case "varchar" | "text":
            return "text", column.size or _UNBOUNDED, 0
        case "real" | "double":
            return "float", 64 if column.type == "double" else 32, 0
        case "char" | "binary":
            return column.type, column.size or _UNBOUNDED, 0
    return column.type, 0, 0

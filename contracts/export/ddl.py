"""A contract as tables: one for its records, and one for each list in them.

A table of requests is what a legacy system fills, one of answers what it reads. Each row carries ``business_key`` and
``request_key``, added where the contract has no fields of these names; ``request_key`` is the primary key. Requests
carry what ``staging`` says as well, with an index for whoever claims them. A blank is NULL. Ranges, codes and lengths
are checked by the database; it rounds a number with too many decimals by itself, and knows neither patterns nor rules
across fields, which the gateway checks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from typing import Final, NamedTuple

from contracts.export import staging
from contracts.export.shape import Group, Leaf, Many, Part, about, leaves, title, told, tree, unsaid
from contracts.export.sql_dialects import DIALECTS, Dialect
from contracts.odcs import Contract
from contracts.types import Field

BUSINESS_KEY: Final = Field(
    "business_key", "string", required=True, min_length=1, max_length=128,
    description="The legacy system's own name of the application.",
)  # fmt: skip
REQUEST_KEY: Final = Field(
    "request_key", "string", required=True, min_length=1, max_length=255, description="Names this one asking."
)
_POSITION: Final = "position"
_EXACT_DIGITS: Final = 15
"""Decimal digits that a binary fraction of 64 bits holds exactly."""


class Column(NamedTuple):
    """``default`` is SQL, empty where there is none."""

    name: str
    field: Field
    told: str
    default: str = ""


class Table(NamedTuple):
    """``most`` is the number of rows a record may have in it; None for the table of the records themselves. ``claims``
    names the columns by which rows are claimed, in the order of their index.
    """

    words: tuple[str, ...]
    told: str
    columns: tuple[Column, ...]
    most: int | None = None
    claims: tuple[str, ...] = ()


def export(contract: Contract, dialect: str = "ansi") -> str:
    """The statements that make the tables, for one of ``DIALECTS``."""
    sql = DIALECTS[dialect]
    found = list(tables(contract))
    head = [
        f"{title(contract)}; tables for {dialect}",
        *filter(None, (sql.remark,)),
        *(f"Not checked here: {n}" for n in _not_checked(contract, dialect)),
    ]
    statements = [statement for table in found for statement in _statements(sql, table, found[0])]
    return "\n".join(f"-- {line}" for line in head) + "\n\n" + "\n\n".join(statements) + "\n"


def _not_checked(contract: Contract, dialect: str) -> list[str]:
    found = list(leaves(tree(contract)))
    patterns = [f"{leaf.path} has the form {leaf.field.pattern}" for leaf in found if leaf.field.pattern]
    long = [
        f"{leaf.path} has up to {_digits(leaf.field)} digits, and SQLite keeps {_EXACT_DIGITS} exactly"
        for leaf in found
        if dialect == "sqlite" and leaf.field.type == "decimal" and _digits(leaf.field) > _EXACT_DIGITS
    ]
    return unsaid(contract, beyond=(*patterns, *long))


# ---- tables ----------------------------------------------------------------------------------------------------------


def tables(contract: Contract) -> Iterator[Table]:
    root = tree(contract)
    columns = list(_columns(root, ""))
    known = {column.name for column in columns}
    keys = [Column(key.name, key, about(key)) for key in (BUSINESS_KEY, REQUEST_KEY) if key.name not in known]
    queue = list(_queue(known)) if contract.kind == "request" else []
    claims = tuple(column.name for column in queue if column.field == staging.STATUS)
    claims = (*claims, REQUEST_KEY.name) if claims else ()
    yield Table((contract.name,), root.note, (*keys, *columns, *queue), claims=claims)
    for many in _lists(root):
        inner = many.item.parts if isinstance(many.item, Group) else (many.item,)
        below = [column for part in inner for column in _columns(part, "")]
        yield Table((contract.name, many.name), many.note, tuple(below), many.most)


def _queue(known: Collection[str]) -> Iterator[Column]:
    """What staging adds; a name that a field of the contract has already is another one."""
    for field in staging.QUEUE:
        name = f"queue_{field.name}" if field.name in known else field.name
        labels = staging.STATES if field.codes else {}
        yield Column(name, field, told(Leaf(name, name, field, labels)), staging.DEFAULTS.get(field.name, ""))


def _columns(part: Part, prefix: str) -> Iterator[Column]:
    match part:
        case Leaf(name=name, field=field):
            yield Column(prefix + name, field, told(part))
        case Group(name=name, parts=parts):
            for below in parts:
                yield from _columns(below, f"{prefix}{name}_" if name else prefix)


def _lists(part: Part) -> Iterator[Many]:
    if isinstance(part, Many):
        yield part
    elif isinstance(part, Group):
        for below in part.parts:
            yield from _lists(below)


# ---- statements ------------------------------------------------------------------------------------------------------


def _statements(sql: Dialect, table: Table, parent: Table) -> Iterator[str]:
    name, key = sql.name(*table.words), sql.name(REQUEST_KEY.name)
    lines = [line for column in table.columns for line in _column(sql, column)]
    if table.most is None:
        lines.append(f"PRIMARY KEY ({key})")
    else:
        place = sql.name(_POSITION)
        key_type = _type(sql, next(c.field for c in parent.columns if c.name == REQUEST_KEY.name))
        small = sql.whole[0].format(p=5)
        lines = [
            f"{key} {key_type} NOT NULL",
            f"{place} {small} NOT NULL CHECK ({place} BETWEEN 1 AND {table.most})",
            *lines,
            f"PRIMARY KEY ({key}, {place})",
            f"FOREIGN KEY ({key}) REFERENCES {sql.name(*parent.words)} ({key})",
        ]
    above = [f"-- {table.told}"] if table.told and sql.comments == "lines" else []
    inline = f" COMMENT={sql.comment(table.told)}" if table.told and sql.comments == "inline" else ""
    yield "\n".join([*above, f"CREATE TABLE {name} (", _joined(lines), f"){inline};"])
    if sql.comments == "statements":
        yield "\n".join(_comments(sql, name, table))
    if table.claims:
        columns = ", ".join(map(sql.name, table.claims))
        yield f"CREATE INDEX {sql.name(*table.words, 'claim')} ON {name} ({columns});"


def _joined(lines: list[str]) -> str:
    """A comma after every line but comments and the last."""
    last = len(lines) - 1
    commas = ("" if line.startswith("--") or at == last else "," for at, line in enumerate(lines))
    return "\n".join(f"  {line}{comma}" for line, comma in zip(lines, commas, strict=True))


def _comments(sql: Dialect, name: str, table: Table) -> Iterator[str]:
    if table.told:
        yield f"COMMENT ON TABLE {name} IS {sql.comment(table.told)};"
    for column in table.columns:
        yield f"COMMENT ON COLUMN {name}.{sql.name(column.name)} IS {sql.comment(column.told)};"


def _column(sql: Dialect, column: Column) -> Iterator[str]:
    if sql.comments == "lines":
        yield f"-- {' '.join(column.told.split())}"
    field, name = column.field, sql.name(column.name)
    words = [name, _type(sql, field)]
    words += [f"DEFAULT {column.default}"] if column.default else []
    words += ["NOT NULL" if field.required else sql.nullable]
    words += [f"COMMENT {sql.comment(column.told)}"] if sql.comments == "inline" else []
    words += [f"CHECK ({check})" for check in _checks(sql, field, name)]
    yield " ".join(filter(None, words))


def _type(sql: Dialect, field: Field) -> str:
    if field == staging.UNTIL:
        return sql.lease or sql.timestamp
    match field.type:
        case "integer":
            return sql.whole[_size(field)].format(p=_digits(field))
        case "decimal":
            return sql.decimal.format(p=_digits(field), s=field.scale)
        case "string":
            return sql.text_of(max(1, field.max_length or 1))
        case "code":
            return sql.text_of(max(map(len, field.codes)))
    named: str = getattr(sql, field.type)
    return named


def _bounds(field: Field) -> list[int]:
    return [bound for bound in (field.minimum, field.maximum) if isinstance(bound, int)]


def _size(field: Field) -> int:
    """Which of 16, 32 and 64 bits hold the range."""
    bounds = _bounds(field)
    return next(
        at
        for at, bits in enumerate((15, 31, 63))
        if len(bounds) == 2 and all(-(2**bits) <= b < 2**bits for b in bounds)
    )


def _digits(field: Field) -> int:
    return max([len(str(abs(bound))) for bound in _bounds(field)] + [field.scale, 1])


def _checks(sql: Dialect, field: Field, name: str) -> Iterator[str]:
    own = (sql.checks or {}).get(field.type)
    if own and field != staging.UNTIL:
        yield own.format(c=name, s=field.scale, n=field.max_length)
    if field.codes:
        yield f"{name} IN ({', '.join(map(sql.literal, field.codes))})"
    if field.min_length:
        yield f"{sql.length.format(c=name)} >= {field.min_length}"
    low, high = (_literal(sql, field, bound) for bound in (field.minimum, field.maximum))
    if low is not None and high is not None:
        yield f"{name} BETWEEN {low} AND {high}"
    elif low is not None or high is not None:
        yield f"{name} {'>=' if high is None else '<='} {low or high}"


def _literal(sql: Dialect, field: Field, bound: int | date | None) -> str | None:
    if bound is None:
        return None
    return sql.date_literal.format(v=bound) if field.type == "date" else field.text(bound)
